/* dropout: Y = A / (1 - p) where kept, with probability 1 - p, else 0.  dA += dY / (1 - p) where kept. */
#include "op.h"
#include "ops.h"

typedef struct chance {
    tl_real p;
    tl_random *r;
} chance;

static tl_status shape(tl_node *y)
{
    const chance *c = y->attr;
    if (!c->r)
        return tl_fail(TL_ERR_ARGUMENT, "the generator is NULL");
    if (!(c->p >= 0 && c->p <= 1))
        return tl_fail(TL_ERR_ARGUMENT, "p = %g is not within 0 to 1", (double)c->p);
    if (!(y->scratch = tl_scratch(y, y->in[0]->size, sizeof(uint8_t))))
        return TL_ERR_MEMORY;
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    const chance *c = y->attr;
    uint8_t *kept = y->scratch;
    const uint64_t bound = (uint64_t)((double)c->p * 0x1p32); /* of 2^32 equally likely words */
    const tl_real up = 1 / (1 - c->p);
    for (int64_t k = 0; k < y->size; k += 4) {
        uint32_t word[4];
        tl_philox(c->r->seed, 0, c->r->position++, word);
        for (int64_t l = 0; l < 4 && k + l < y->size; l++) {
            kept[k + l] = word[l] >= bound;
            y->out[k + l] = kept[k + l] ? up * y->in[0]->val[k + l] : 0;
        }
    }
}

static void backward(tl_node *y)
{
    const chance *c = y->attr;
    const uint8_t *kept = y->scratch;
    const tl_real up = 1 / (1 - c->p);
    tl_real *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += kept[k] ? up * y->grad[k] : 0;
}

static const tl_op op = {
    .name = "dropout", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_dropout(tl_node *a, tl_real p, tl_random *r)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(chance){ p, r }, sizeof(chance));
}
