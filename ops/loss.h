/* What mse and sigmoid_cross_entropy share: the mean over all elements of two tensors of one shape. */
#ifndef TL_LOSS_H
#define TL_LOSS_H

#include "op.h"
#include "ops.h"

enum { TL_LOSS_PIECE = 1 << 13 }; /* values that are summed together */

static inline tl_status tl_loss_shape(tl_node *y)
{
    const int64_t pieces = (y->in[0]->size + TL_LOSS_PIECE - 1) / TL_LOSS_PIECE;
    y->scratch = tl_scratch(y, pieces, sizeof(double));
    return y->scratch ? tl_shape_dense(y, TL_SHAPE()) : TL_ERR_MEMORY;
}

/* Y = the mean of what is in the scratch memory: the sums of the pieces. */
static inline void tl_loss_forward(tl_node *y, void (*sum_pieces)(void *y, int64_t begin, int64_t end))
{
    const int64_t n = y->in[0]->size, pieces = (n + TL_LOSS_PIECE - 1) / TL_LOSS_PIECE;
    const double *part = y->scratch;
    double sum = 0;
    tl_parallel_for(pieces, 1, sum_pieces, y);
    for (int64_t k = 0; k < pieces; k++)
        sum += part[k];
    y->out[0] = n > 0 ? (tl_real)(sum / (double)n) : 0;
}

/* The values of a piece, and the first of them. */
static inline int64_t tl_loss_piece(const tl_node *y, int64_t piece, int64_t *first)
{
    *first = piece * TL_LOSS_PIECE;
    return y->in[0]->size - *first < TL_LOSS_PIECE ? y->in[0]->size - *first : TL_LOSS_PIECE;
}

#endif
