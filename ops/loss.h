/* The forward pass of mse and sigmoid_cross_entropy: a mean over all elements of two tensors of one shape. */
#ifndef TL_LOSS_H
#define TL_LOSS_H

#include "op.h"
#include "ops.h"

/* Elements that one thread sums; the sums are then added in order. Another value changes the last bits of the
 * result. */
enum { TL_LOSS_CHUNK = 1 << 13 };

static inline int64_t tl_loss_chunks(const tl_node *y)
{
    return (y->in[0]->size + TL_LOSS_CHUNK - 1) / TL_LOSS_CHUNK;
}

/* For `shape`: a scalar, with the sums of the chunks in y->scratch. */
static inline tl_status tl_loss_shape(tl_node *y)
{
    y->scratch = tl_scratch(y, tl_loss_chunks(y), sizeof(double));
    return y->scratch ? tl_shape_dense(y, TL_SHAPE()) : TL_ERR_MEMORY;
}

/* Returns the sum over n pairs of elements, TL_LOSS_CHUNK at most. */
typedef double tl_loss_sum(int64_t n, const tl_real *a, const tl_real *b);

typedef struct tl_loss {
    const tl_node *y;
    tl_loss_sum *sum;
} tl_loss;

static inline void tl_loss_sum_chunks(void *context, int64_t begin, int64_t end)
{
    const tl_loss *l = context;
    const tl_node *a = l->y->in[0], *b = l->y->in[1];
    double *partial = l->y->scratch;
    for (int64_t c = begin; c < end; c++) {
        const int64_t first = c * TL_LOSS_CHUNK, left = a->size - first;
        partial[c] = l->sum(left < TL_LOSS_CHUNK ? left : TL_LOSS_CHUNK, a->val + first, b->val + first);
    }
}

/* Y = the sum over all pairs of elements, divided by their number; 0 if there are none. */
static inline void tl_loss_forward(tl_node *y, tl_loss_sum *sum_of)
{
    const int64_t n = y->in[0]->size, chunks = tl_loss_chunks(y);
    const double *partial = y->scratch;
    double sum = 0;
    tl_parallel_for(chunks, 1, tl_loss_sum_chunks, &(tl_loss){ y, sum_of });
    for (int64_t c = 0; c < chunks; c++)
        sum += partial[c];
    y->out[0] = n > 0 ? (tl_real)(sum / (double)n) : 0;
}

#endif
