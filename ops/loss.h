/* What mse and sigmoid_cross_entropy share: the mean over all elements of two tensors of one shape. */
#ifndef TL_LOSS_H
#define TL_LOSS_H

#include "op.h"
#include "ops.h"

enum { TL_LOSS_PIECE = 1 << 13 }; /* values that are summed together */

/* A scalar, with room for the sums of the pieces in y->scratch. */
static inline tl_status tl_loss_shape(tl_node *y)
{
    const int64_t pieces = (y->in[0]->size + TL_LOSS_PIECE - 1) / TL_LOSS_PIECE;
    y->scratch = tl_scratch(y, pieces, sizeof(double));
    return y->scratch ? tl_shape_dense(y, TL_SHAPE()) : TL_ERR_MEMORY;
}

/* The sum over n pairs of elements, TL_LOSS_PIECE at most. */
typedef double tl_loss_sum(int64_t n, const tl_real *a, const tl_real *b);

typedef struct tl_loss {
    const tl_node *y;
    tl_loss_sum *sum;
} tl_loss;

static inline void tl_loss_pieces(void *context, int64_t begin, int64_t end)
{
    const tl_loss *l = context;
    const tl_node *a = l->y->in[0], *b = l->y->in[1];
    double *part = l->y->scratch;
    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t first = piece * TL_LOSS_PIECE, left = a->size - first;
        part[piece] = l->sum(left < TL_LOSS_PIECE ? left : TL_LOSS_PIECE, a->val + first, b->val + first);
    }
}

/* Y = the sum of all pieces over the number of elements; 0 of none. */
static inline void tl_loss_forward(tl_node *y, tl_loss_sum *sum_of)
{
    const int64_t n = y->in[0]->size, pieces = (n + TL_LOSS_PIECE - 1) / TL_LOSS_PIECE;
    const double *part = y->scratch;
    double sum = 0;
    tl_parallel_for(pieces, 1, tl_loss_pieces, &(tl_loss){ y, sum_of });
    for (int64_t k = 0; k < pieces; k++)
        sum += part[k];
    y->out[0] = n > 0 ? (tl_real)(sum / (double)n) : 0;
}

#endif
