/* dropout: Y = A / (1 - p) where an element is kept, with probability 1 - p, otherwise 0.
 * dA += dY / (1 - p) where it was kept. */
#include "describe.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

enum {
    DRAW = 4,            /* elements decided by one draw */
    STRIP = 256,         /* elements per call of the kernel: random words that stay in L1 */
    GRAIN = TL_GRAIN / 2 /* elements per task: Philox costs more than a pass over memory */
};

struct attr {
    tl_real p;
    tl_random *r;
};

struct saved {
    tl_random first; /* the generator at the first draw; attr->r is not read after forward */
    uint8_t *keep;   /* per element: 1 if kept, otherwise 0 */
};

static tl_status shape(tl_node *y)
{
    const struct attr *attr = y->attr;
    if (!attr->r)
        return tl_fail(TL_ERR_ARGUMENT, "the generator is NULL");
    if (!(attr->p >= 0 && attr->p <= 1))
        return tl_fail(TL_ERR_ARGUMENT, "p = %g is not in [0, 1]", (double)attr->p);
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s || !(s->keep = tl_scratch(y, y->in[0]->size, sizeof *s->keep)))
        return TL_ERR_MEMORY;
    return tl_shape_like(y, y->in[0]);
}

/* Computes elements begin .. end-1, at most STRIP; begin is a multiple of DRAW. */
static void forward_strip(const tl_node *y, int64_t begin, int64_t end)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    const uint64_t bound = (uint64_t)((double)attr->p * 0x1p32); /* of the words of elements dropped */
    const tl_real scale = 1 / (1 - attr->p), *a = y->in[0]->val + begin;
    tl_real *restrict out = y->out + begin;
    uint8_t *restrict keep = s->keep + begin;
    uint32_t word[STRIP];
    const int64_t n = end - begin;
    tl_vphilox(s->first.seed, s->first.position + (uint64_t)(begin / DRAW), (n + DRAW - 1) / DRAW, word);
    for (int64_t k = 0; k < n; k++) {
        const tl_real scaled = scale * a[k]; /* unconditionally, so that the loop vectorises */
        keep[k] = word[k] >= bound;
        out[k] = keep[k] ? scaled : 0;
    }
}

static void forward_draws(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    end = end * DRAW < y->size ? end * DRAW : y->size;
    for (int64_t k = begin * DRAW; k < end; k += STRIP)
        forward_strip(y, k, end - k < STRIP ? end : k + STRIP);
}

static void forward(tl_node *y)
{
    const struct attr *attr = y->attr;
    struct saved *s = y->scratch;
    const int64_t draws = (y->size + DRAW - 1) / DRAW;
    s->first = *attr->r;
    tl_parallel_for(draws, GRAIN / DRAW, forward_draws, y);
    attr->r->position += (uint64_t)draws;
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    const uint8_t *keep = s->keep;
    const tl_real scale = 1 / (1 - attr->p), *dy = y->grad;
    tl_real *restrict da = y->in[0]->grad;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = begin; k < end; k++) {
        const tl_real scaled = scale * dy[k];
        da[k] = (overwrite ? 0 : da[k]) + (keep[k] ? scaled : 0);
    }
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->size, GRAIN, backward_range, y);
}

/* The dropout of dA, drawn again from where Y's was. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    tl_random again = s->first;
    return tl_dropout(dx[0], attr->p, &again);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_name(to, "Dropout");
    tl_describe_number(to, "p", (double)attr->p);
}

static const tl_op op = {
    .name = "dropout",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .has_effects = true,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_dropout(tl_node *a, tl_real p, tl_random *r)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(struct attr){ p, r }, sizeof(struct attr));
}
