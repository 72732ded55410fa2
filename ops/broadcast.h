/* What add, sub and mul share: B has A's shape, or is a row of it, or a scalar. In all three cases element
 * k of A meets element k mod |B|. */
#ifndef TL_BROADCAST_H
#define TL_BROADCAST_H

#include "ops/grad_pass.h"

static inline tl_status tl_broadcast_shape(tl_node *y, const char *word)
{
    tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    bool row = b.rank == 1 && a.rank > 0 && b.dim[0] == tl_shape_cols(a);
    if (!tl_shape_equal(a, b) && !row && b.rank != 0)
        return tl_fail(TL_ERR_SHAPE, "%s %s %s", tl_shape_text(a).text, word, tl_shape_text(b).text);
    return tl_shape_dense(y, a);
}

/* Elements at .. at+n-1 of A meet b[0] .. b[n-1]. */
typedef void tl_broadcast_body(tl_node *y, int64_t at, int64_t n, const tl_real *b);

typedef struct tl_broadcast {
    tl_node *y;
    tl_broadcast_body *body;
    const tl_real *b;
    int64_t period;
} tl_broadcast;

static inline void tl_broadcast_range(void *context, int64_t begin, int64_t end)
{
    const tl_broadcast *c = context;
    for (int64_t k = begin, n; k < end; k += n) {
        const int64_t from = k % c->period;
        n = c->period - from < end - k ? c->period - from : end - k;
        c->body(c->y, k, n, c->b + from);
    }
}

/* Calls body for stretches of A with what they meet of B, which is repeated where it is short. On all
 * threads. */
static inline void tl_broadcast_each(tl_node *y, tl_broadcast_body *body)
{
    enum { SHORT = 256 };
    const tl_node *b = y->in[1];
    tl_real repeated[SHORT];
    tl_broadcast c = { y, body, b->val, b->size };
    if (b->size > 0 && b->size <= SHORT / 2 && b->size < y->size) {
        c.period = y->size < SHORT ? y->size : SHORT - SHORT % b->size;
        for (int64_t k = 0; k < c.period; k++)
            repeated[k] = k < b->size ? b->val[k] : repeated[k - b->size];
        c.b = repeated;
    }
    tl_parallel_for(y->size, TL_GRAIN, tl_broadcast_range, &c);
}

#endif
