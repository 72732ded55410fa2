/* Broadcasting in add, sub and mul: B has A's shape, or is a vector as long as A's rows, or a scalar. In all
 * three cases element k of A is paired with element k mod |B| of B. */
#ifndef TL_BROADCAST_H
#define TL_BROADCAST_H

#include "ops/grad_pass.h"

static inline tl_status tl_broadcast_shape(tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    const tl_shape row = TL_SHAPE(tl_shape_cols(a->shape));
    if (tl_shape_equal(a->shape, b->shape) || b->shape.rank == 0 ||
        (a->shape.rank > 0 && tl_shape_equal(b->shape, row)))
        return tl_shape_dense(y, a->shape);
    const tl_text a_text = tl_node_text(a), b_text = tl_node_text(b);
    if (a->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "%s and %s do not broadcast: the second must be a scalar", a_text.text,
                       b_text.text);
    if (a->shape.rank == 1)
        return tl_fail(TL_ERR_SHAPE, "%s and %s do not broadcast: the second must be %s or a scalar",
                       a_text.text, b_text.text, tl_shape_text(row).text);
    return tl_fail(TL_ERR_SHAPE, "%s and %s do not broadcast: the second must be %s, %s or a scalar",
                   a_text.text, b_text.text, tl_shape_text(a->shape).text, tl_shape_text(row).text);
}

/* Computes elements at .. at+n-1 of A, which are paired with b[0] .. b[n-1]. */
typedef void tl_broadcast_body(tl_node *y, int64_t at, int64_t n, const tl_real *b);

typedef struct tl_broadcast {
    tl_node *y;
    tl_broadcast_body *body;
    const tl_real *b;
    int64_t period; /* element k is paired with b[k mod period] */
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

/* Calls `body`, on all threads, for ranges of A and the elements of B that they are paired with. A short B is
 * repeated first, so that the ranges are long enough to vectorise. */
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
