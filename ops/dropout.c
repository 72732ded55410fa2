/* dropout: Y = A / (1 - p) where kept, with probability 1 - p, else 0.  dA += dY / (1 - p) where kept. */
#include "lib/kernels/kernels.h"
#include "op.h"
#include "ops.h"

enum { DRAW = 4, STRETCH = 256, PIECE = 1 << 13 }; /* values of a draw, at a time, of a thread */

typedef struct chance {
    tl_real p;
    tl_random *r;
} chance;

/* The first draw; where values are kept. */
typedef struct drawn {
    uint64_t first;
    uint8_t *kept;
} drawn;

static tl_status shape(tl_node *y)
{
    const chance *c = y->attr;
    if (!c->r)
        return tl_fail(TL_ERR_ARGUMENT, "the generator is NULL");
    if (!(c->p >= 0 && c->p <= 1))
        return tl_fail(TL_ERR_ARGUMENT, "p = %g is not within 0 to 1", (double)c->p);
    drawn *d = y->scratch = tl_scratch(y, 1, sizeof *d);
    if (!d || !(d->kept = tl_scratch(y, y->in[0]->size, sizeof *d->kept)))
        return TL_ERR_MEMORY;
    return tl_shape_like(y, y->in[0]);
}

/* Values begin .. end-1, no more than STRETCH, from the first of a draw on. */
static void draw(const tl_node *y, int64_t begin, int64_t end)
{
    const chance *c = y->attr;
    const drawn *d = y->scratch;
    const uint64_t bound = (uint64_t)((double)c->p * 0x1p32); /* of 2^32 equally likely words */
    const tl_real up = 1 / (1 - c->p), *a = y->in[0]->val + begin;
    tl_real *restrict out = y->out + begin;
    uint8_t *restrict kept = d->kept + begin;
    uint32_t word[STRETCH];
    const int64_t n = end - begin;
    tl_kernel_table()->philox(c->r->seed, d->first + (uint64_t)(begin / DRAW), (n + DRAW - 1) / DRAW, word);
    for (int64_t k = 0; k < n; k++) {
        const tl_real scaled = up * a[k]; /* in any case, so that no branch is needed */
        kept[k] = word[k] >= bound;
        out[k] = kept[k] ? scaled : 0;
    }
}

static void forward_draws(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    end = end * DRAW < y->size ? end * DRAW : y->size;
    for (int64_t k = begin * DRAW; k < end; k += STRETCH)
        draw(y, k, end - k < STRETCH ? end : k + STRETCH);
}

static void forward(tl_node *y)
{
    const chance *c = y->attr;
    drawn *d = y->scratch;
    const int64_t draws = (y->size + DRAW - 1) / DRAW;
    d->first = c->r->position;
    tl_parallel_for(draws, PIECE / DRAW, forward_draws, y);
    c->r->position += (uint64_t)draws;
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const uint8_t *kept = ((const drawn *)y->scratch)->kept;
    const tl_real up = 1 / (1 - ((const chance *)y->attr)->p), *dy = y->grad;
    tl_real *restrict da = y->in[0]->grad;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = begin; k < end; k++) {
        const tl_real scaled = up * dy[k];
        da[k] = (overwrite ? 0 : da[k]) + (kept[k] ? scaled : 0);
    }
}

static void backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, PIECE, backward_range, y);
}

static const tl_op op = { .name = "dropout",
                          .n_in = 1,
                          .shape = shape,
                          .forward = forward,
                          .backward = backward,
                          .can_overwrite = 1 << 0 };

tl_node *tl_dropout(tl_node *a, tl_real p, tl_random *r)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(chance){ p, r }, sizeof(chance));
}
