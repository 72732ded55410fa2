/* Compositions: each is a few of the ops of ops.h, in a short file that is also their documentation. A part
 * of ops.h. */
#ifndef TL_COMPOSITIONS_H
#define TL_COMPOSITIONS_H

#include "graph.h"

/* Zeros are the defaults. */
typedef struct tl_attention_options {
    int32_t heads; /* 0: 1 */
    bool causal;   /* query i sees keys 0 .. i */
    tl_node *mask; /* added to the scores before the softmax; NULL: none */
} tl_attention_options;

/* Y = softmax(Q K^T / sqrt(d) + mask) V, for each sequence of a batch and each head. Q is batch x queries x
 * width, K batch x keys x width, V batch x keys x any width, and Y batch x queries x V's width. Each head has
 * its part of both widths, which the number of heads divides; d is the first width's. Y has the heads side by
 * side. There are no projections.
 *
 * The mask is broadcast to batch x heads x queries x keys; -Inf in it excludes a key from a query: of keys
 * that are padding it is batch x 1 x 1 x keys. A key that is excluded, or later where `causal` is set, has no
 * influence and the gradient 0. A query without keys gives zeros. o = NULL: all defaults.
 * (Vaswani et al., "Attention is all you need", 2017; PyTorch: scaled_dot_product_attention.) */
TL_API tl_node *tl_attention(tl_node *q, tl_node *k, tl_node *v, const tl_attention_options *o);

/* Y = X W + b. W is k x n, dense or sparse; X of any rank but 0 is folded into rows of k elements, and Y has
 * its leading dimensions. b is a vector as long as a row of Y, or NULL for none.
 * (PyTorch: linear, whose weight is the transpose.) */
TL_API tl_node *tl_linear(tl_node *x, tl_node *w, tl_node *b);

/* Y = O tanh(C'), with C' = F C + I G, elementwise: the next hidden state, and the next state of the cell,
 * which replaces *c. I, F and O are the sigmoid and G the tanh of parts of X Wx + bx + H Wh + bh, which has
 * I, F, G and O side by side. A row of X is a sample; H and C have n columns and a row per sample, or one row
 * for all. Wx and Wh are dense or sparse and have 4 n columns; biases have 4 n elements or are NULL for none.
 *
 *     for (int t = 0; t < steps; t++)
 *         h = tl_lstm_cell(x[t], h, &c, w_x, w_h, b, NULL);
 *
 * (Hochreiter, Schmidhuber, "Long short-term memory", 1997, and forget gates: Gers et al., 2000; PyTorch:
 * LSTMCell, whose weights are the transposes.) */
TL_API tl_node *tl_lstm_cell(tl_node *x, tl_node *h, tl_node **c, tl_node *w_x, tl_node *w_h, tl_node *b_x,
                             tl_node *b_h);

/* Y = (1 - Z) N + Z H, elementwise: the next state. With A = X Wx + bx and S = H Wh + bh, which have parts
 * for R, Z and N side by side, R, Z = sigmoid(A + S) and N = tanh(A + R S) of theirs. Shapes are those of
 * tl_lstm_cell, with 3 n in place of 4 n. (Cho et al., "Learning phrase representations using RNN
 * encoder-decoder", 2014; PyTorch: GRUCell, whose weights are the transposes.) */
TL_API tl_node *tl_gru_cell(tl_node *x, tl_node *h, tl_node *w_x, tl_node *w_h, tl_node *b_x, tl_node *b_h);

#endif
