/* How the samples of make_ops.py are built, op by op. Not compared are
 *
 * dropout: each has random numbers of its own
 * sparse_add_thresholded: PyTorch has none */
#ifndef TL_TORCH_OPS_H
#define TL_TORCH_OPS_H

#include "tulle.h"

enum { TORCH_INPUTS = 8, TORCH_NUMBERS = 32 };

/* One call of an op: its inputs, of which the last ones may be numbers. */
typedef struct torch_sample {
    tl_graph *graph;
    tl_node *in[TORCH_INPUTS];                    /* dense and sparse ones */
    double number[TORCH_INPUTS][TORCH_NUMBERS];   /* numbers, and as integers: */
    int32_t integer[TORCH_INPUTS][TORCH_NUMBERS]; /* ids, labels, axes */
    int64_t count[TORCH_INPUTS];                  /* how many there are; 0: a node */
    tl_variable *moment[2];                       /* of an op that needs variables of its own, to be freed */
} torch_sample;

/* An op and the function that calls it: one of these. */
typedef struct torch_op {
    const char *name;
    tl_node *(*unary)(tl_node *a);
    tl_node *(*binary)(tl_node *a, tl_node *b);
    tl_node *(*with_number)(tl_node *a, tl_real number);
    tl_node *(*along_axis)(tl_node *a, int32_t axis);
    tl_node *(*build)(torch_sample *s);
} torch_op;

/* Copies the numbers of input k. */
static inline void torch_reals(const torch_sample *s, int k, tl_real *to)
{
    for (int64_t i = 0; i < s->count[k]; i++)
        to[i] = (tl_real)s->number[k][i];
}

/* Copies them as sizes. */
static inline void torch_sizes(const torch_sample *s, int k, int64_t *size)
{
    for (int64_t i = 0; i < s->count[k]; i++)
        size[i] = s->integer[k][i];
}

static inline tl_node *torch_clamp(torch_sample *s)
{
    return tl_clamp(s->in[0], (tl_real)s->number[1][0], (tl_real)s->number[1][1]);
}

static inline tl_node *torch_layer_norm(torch_sample *s)
{
    return tl_layer_norm(s->in[0], s->in[1], s->in[2], s->number[3][0]);
}

static inline tl_node *torch_rms_norm(torch_sample *s)
{
    return tl_rms_norm(s->in[0], s->in[1], s->number[2][0]);
}

static inline tl_node *torch_batch_norm(torch_sample *s)
{
    for (int k = 0; k < 2; k++) {
        s->moment[k] = tl_variable_dense(k == 0 ? "mean" : "variance", TL_SHAPE(s->count[3 + k]));
        torch_reals(s, 3 + k, tl_variable_data(s->moment[k]));
    }
    return tl_batch_norm(s->in[0], s->in[1], s->in[2],
                         &(tl_batch_norm_options){
                             .mean = s->moment[0],
                             .variance = s->moment[1],
                             .epsilon = 0.25,
                             .training = s->integer[5][0] != 0,
                         });
}

static inline tl_shape torch_shape(const torch_sample *s, int k)
{
    tl_shape shape = { (int32_t)s->count[k], { 0 } };
    torch_sizes(s, k, shape.dim);
    return shape;
}

static inline tl_node *torch_reshape(torch_sample *s)
{
    return tl_reshape(s->in[0], torch_shape(s, 1));
}

static inline tl_node *torch_permute(torch_sample *s)
{
    return tl_permute(s->in[0], s->integer[1]);
}

static inline tl_node *torch_concat(torch_sample *s)
{
    return tl_concat(s->in, 3, s->integer[3][0]);
}

static inline tl_node *torch_slice(torch_sample *s)
{
    return tl_slice(s->in[0], s->integer[1][0], s->integer[1][1], s->integer[1][2]);
}

static inline tl_node *torch_pad(torch_sample *s)
{
    int64_t before[TL_MAX_RANK], after[TL_MAX_RANK];
    torch_sizes(s, 1, before);
    torch_sizes(s, 2, after);
    return tl_pad(s->in[0], before, after, (tl_real)s->number[3][0]);
}

static inline tl_node *torch_broadcast_to(torch_sample *s)
{
    return tl_broadcast_to(s->in[0], torch_shape(s, 1));
}

static inline tl_node *torch_tril(torch_sample *s)
{
    return tl_tril(s->in[0], s->integer[1][0], 0);
}

static inline tl_node *torch_matmul_transposed(torch_sample *s)
{
    return tl_matmul_transposed(s->in[0], s->in[1], (tl_trans)s->integer[2][0]);
}

static inline tl_node *torch_sparse_dense_matmul(torch_sample *s)
{
    return tl_sparse_dense_matmul(s->in[0], s->in[1], TL_NO_TRANSPOSE);
}

static inline tl_node *torch_dense_sparse_matmul(torch_sample *s)
{
    return tl_dense_sparse_matmul(s->in[0], s->in[1], TL_NO_TRANSPOSE);
}

static inline tl_node *torch_sampled_matmul(torch_sample *s)
{
    return tl_sampled_matmul(s->in[0], s->in[1], tl_pattern_of(s->in[2]), TL_NO_TRANSPOSE);
}

static inline tl_node *torch_sparse_to_dense(torch_sample *s)
{
    return tl_sparse_to_dense(s->in[0], NULL);
}

static inline tl_node *torch_dense_to_sparse(torch_sample *s)
{
    return tl_dense_to_sparse(s->in[0], tl_pattern_of(s->in[1]));
}

static inline tl_node *torch_embedding_lookup(torch_sample *s)
{
    return tl_embedding_lookup(s->in[0], s->integer[1], TL_SHAPE(s->count[1]));
}

static inline tl_node *torch_embedding_padded(torch_sample *s)
{
    return tl_embedding_lookup_padded(s->in[0], s->integer[1], TL_SHAPE(s->count[1]), s->integer[2][0]);
}

static inline tl_node *torch_embedding_partitioned(torch_sample *s)
{
    return tl_embedding_lookup_partitioned(s->in, 2, s->integer[2], TL_SHAPE(s->count[2]), TL_MOD,
                                           s->number[3][0]);
}

/* Calls one of the segment ops. */
static inline tl_node *torch_segment(torch_sample *s, tl_node *(*op)(tl_node *, const int64_t *, int64_t))
{
    int64_t row_ptr[TORCH_NUMBERS];
    torch_sizes(s, 1, row_ptr);
    return op(s->in[0], row_ptr, s->count[1] - 1);
}

static inline tl_node *torch_segment_sum(torch_sample *s)
{
    return torch_segment(s, tl_segment_sum);
}

static inline tl_node *torch_segment_mean(torch_sample *s)
{
    return torch_segment(s, tl_segment_mean);
}

static inline tl_node *torch_segment_max(torch_sample *s)
{
    return torch_segment(s, tl_segment_max);
}

/* The bags of inputs k, row pointers, and k + 1, ids. */
static inline tl_node *torch_bags(torch_sample *s, int k, tl_node *weights, tl_combiner combiner)
{
    int64_t row_ptr[TORCH_NUMBERS];
    torch_sizes(s, k, row_ptr);
    return tl_embedding_lookup_sparse(s->in[0],
                                      &(tl_pattern_bag){
                                          .n = s->count[k] - 1,
                                          .row_ptr = row_ptr,
                                          .ids = s->integer[k + 1],
                                          .n_ids = s->count[k + 1],
                                      },
                                      weights, combiner);
}

static inline tl_node *torch_embedding_sum(torch_sample *s)
{
    return torch_bags(s, 2, s->in[1], TL_SUM);
}

static inline tl_node *torch_embedding_mean(torch_sample *s)
{
    return torch_bags(s, 1, NULL, TL_MEAN);
}

static inline tl_node *torch_embedding_max(torch_sample *s)
{
    return torch_bags(s, 1, NULL, TL_MAX);
}

static inline tl_node *torch_softmax_cross_entropy(torch_sample *s)
{
    return tl_softmax_cross_entropy(s->in[0], s->integer[1]);
}

static inline tl_node *torch_softmax_cross_entropy_weighted(torch_sample *s)
{
    tl_real weight[TORCH_NUMBERS];
    torch_reals(s, 2, weight);
    return tl_softmax_cross_entropy_weighted(s->in[0], s->integer[1], weight);
}

static inline tl_node *torch_conv2d(torch_sample *s)
{
    const int32_t *o = s->integer[2];
    return tl_conv2d(s->in[0], s->in[1],
                     &(tl_conv_options){ { o[0], o[1] }, { o[2], o[3] }, { o[4], o[5] }, o[6] });
}

static inline tl_node *torch_sparse_conv2d(torch_sample *s)
{
    const int32_t *o = s->integer[2];
    return tl_sparse_conv2d(
        s->in[0], s->in[1],
        &(tl_sparse_conv_options){ { o[6], o[7] }, { o[0], o[1] }, { o[2], o[3] }, { o[4], o[5] } });
}

static inline tl_node *torch_pool(torch_sample *s, tl_node *(*op)(tl_node *x, const tl_pool_options *o))
{
    const int32_t *o = s->integer[1];
    return op(s->in[0], &(tl_pool_options){ { o[0], o[1] }, { o[2], o[3] }, { o[4], o[5] }, o[6] != 0 });
}

static inline tl_node *torch_max_pool2d(torch_sample *s)
{
    return torch_pool(s, tl_max_pool2d);
}

static inline tl_node *torch_avg_pool2d(torch_sample *s)
{
    return torch_pool(s, tl_avg_pool2d);
}

/* A loss of classes: inputs are the logits, labels, weights of the classes, the label that is ignored, the
 * smoothing and whether it is per row. */
static inline tl_node *torch_classes(torch_sample *s, tl_node *(*op)(tl_node *x, const int32_t *labels,
                                                                     const tl_cross_entropy_options *o))
{
    tl_real weight[TORCH_NUMBERS];
    torch_reals(s, 2, weight);
    return op(s->in[0], s->integer[1],
              &(tl_cross_entropy_options){
                  .class_weights = weight,
                  .ignore = s->integer[3][0],
                  .has_ignore = true,
                  .smoothing = s->number[4][0],
                  .per_row = s->integer[5][0] != 0,
              });
}

static inline tl_node *torch_softmax_cross_entropy_with(torch_sample *s)
{
    return torch_classes(s, tl_softmax_cross_entropy_with);
}

static inline tl_node *torch_nll_with(torch_sample *s)
{
    return torch_classes(s, tl_nll_with);
}

static inline tl_node *torch_nll(torch_sample *s)
{
    return tl_nll(s->in[0], s->integer[1]);
}

static inline tl_node *torch_sigmoid_cross_entropy_weighted(torch_sample *s)
{
    return tl_sigmoid_cross_entropy_weighted(s->in[0], s->in[1], (tl_real)s->number[2][0]);
}

static inline tl_node *torch_huber(torch_sample *s)
{
    return tl_huber(s->in[0], s->in[1], (tl_real)s->number[2][0]);
}

static inline tl_node *torch_attention(torch_sample *s)
{
    return tl_attention(s->in[0], s->in[1], s->in[2],
                        &(tl_attention_options){
                            .heads = s->integer[4][0],
                            .causal = s->integer[5][0] != 0,
                            .mask = s->in[3],
                        });
}

static inline tl_node *torch_linear(torch_sample *s)
{
    return tl_linear(s->in[0], s->in[1], s->in[2]);
}

/* Both states, side by side. */
static inline tl_node *torch_lstm_cell(torch_sample *s)
{
    tl_node *c = s->in[2];
    tl_node *h = tl_lstm_cell(s->in[0], s->in[1], &c, s->in[3], s->in[4], s->in[5], s->in[6]);
    return tl_concat((tl_node *[]){ h, c }, 2, 1);
}

static inline tl_node *torch_gru_cell(torch_sample *s)
{
    return tl_gru_cell(s->in[0], s->in[1], s->in[2], s->in[3], s->in[4], s->in[5]);
}

static const torch_op torch_ops[] = {
    /* of each element */
    { "neg", .unary = tl_neg },
    { "abs", .unary = tl_abs },
    { "reciprocal", .unary = tl_reciprocal },
    { "square", .unary = tl_square },
    { "sqrt", .unary = tl_sqrt },
    { "exp", .unary = tl_exp },
    { "expm1", .unary = tl_expm1 },
    { "log", .unary = tl_log },
    { "log1p", .unary = tl_log1p },
    { "sin", .unary = tl_sin },
    { "cos", .unary = tl_cos },
    { "erf", .unary = tl_erf },
    { "tanh", .unary = tl_tanh },
    { "sigmoid", .unary = tl_sigmoid },
    { "relu", .unary = tl_relu },
    { "softplus", .unary = tl_softplus },
    { "silu", .unary = tl_silu },
    { "gelu", .unary = tl_gelu },
    { "gelu_tanh", .unary = tl_gelu_tanh },
    { "scale", .with_number = tl_scale },
    { "add_constant", .with_number = tl_add_constant },
    { "leaky_relu", .with_number = tl_leaky_relu },
    { "elu", .with_number = tl_elu },
    { "pow", .with_number = tl_pow },
    { "clamp", .build = torch_clamp },
    /* of two */
    { "add", .binary = tl_add },
    { "sub", .binary = tl_sub },
    { "mul", .binary = tl_mul },
    { "div", .binary = tl_div },
    { "maximum", .binary = tl_maximum },
    { "minimum", .binary = tl_minimum },
    { "bias", .binary = tl_bias },
    { "bias_relu", .binary = tl_bias_relu },
    /* reductions, and functions of rows */
    { "reduce_sum", .along_axis = tl_reduce_sum },
    { "reduce_mean", .along_axis = tl_reduce_mean },
    { "reduce_max", .along_axis = tl_reduce_max },
    { "reduce_logsumexp", .along_axis = tl_reduce_logsumexp },
    { "softmax", .unary = tl_softmax },
    { "log_softmax", .unary = tl_log_softmax },
    { "layer_norm", .build = torch_layer_norm },
    { "rms_norm", .build = torch_rms_norm },
    { "batch_norm", .build = torch_batch_norm },
    /* moves */
    { "reshape", .build = torch_reshape },
    { "transpose", .unary = tl_transpose },
    { "permute", .build = torch_permute },
    { "concat", .build = torch_concat },
    { "slice", .build = torch_slice },
    { "pad", .build = torch_pad },
    { "broadcast_to", .build = torch_broadcast_to },
    { "tril", .build = torch_tril },
    { "stop_gradient", .unary = tl_stop_gradient },
    /* products */
    { "matmul", .binary = tl_matmul },
    { "matmul_transposed", .build = torch_matmul_transposed },
    { "sparse_dense_matmul", .build = torch_sparse_dense_matmul },
    { "dense_sparse_matmul", .build = torch_dense_sparse_matmul },
    { "sampled_matmul", .build = torch_sampled_matmul },
    { "sparse_sparse_matmul", .binary = tl_sparse_sparse_matmul },
    /* sparse */
    { "sparse_add", .binary = tl_sparse_add },
    { "sparse_to_dense", .build = torch_sparse_to_dense },
    { "dense_to_sparse", .build = torch_dense_to_sparse },
    { "sparse_reduce_sum", .along_axis = tl_reduce_sum },
    { "sparse_softmax", .unary = tl_softmax },
    { "embedding_lookup", .build = torch_embedding_lookup },
    { "embedding_lookup_sparse", .build = torch_embedding_sum },
    { "embedding_lookup_mean", .build = torch_embedding_mean },
    { "embedding_lookup_padded", .build = torch_embedding_padded },
    { "embedding_lookup_partitioned", .build = torch_embedding_partitioned },
    { "embedding_lookup_max", .build = torch_embedding_max },
    { "segment_sum", .build = torch_segment_sum },
    { "segment_mean", .build = torch_segment_mean },
    { "segment_max", .build = torch_segment_max },
    /* windows */
    { "conv2d", .build = torch_conv2d },
    { "sparse_conv2d", .build = torch_sparse_conv2d },
    { "max_pool2d", .build = torch_max_pool2d },
    { "avg_pool2d", .build = torch_avg_pool2d },
    /* losses */
    { "softmax_cross_entropy", .build = torch_softmax_cross_entropy },
    { "softmax_cross_entropy_weighted", .build = torch_softmax_cross_entropy_weighted },
    { "sigmoid_cross_entropy", .binary = tl_sigmoid_cross_entropy },
    { "mse", .binary = tl_mse },
    { "softmax_cross_entropy_with", .build = torch_softmax_cross_entropy_with },
    { "softmax_cross_entropy_dense", .binary = tl_softmax_cross_entropy_dense },
    { "nll", .build = torch_nll },
    { "nll_with", .build = torch_nll_with },
    { "sigmoid_cross_entropy_weighted", .build = torch_sigmoid_cross_entropy_weighted },
    { "l1", .binary = tl_l1 },
    { "huber", .build = torch_huber },
    { "l2_loss", .unary = tl_l2_loss },
    /* compositions */
    { "attention", .build = torch_attention },
    { "linear", .build = torch_linear },
    { "lstm_cell", .build = torch_lstm_cell },
    { "gru_cell", .build = torch_gru_cell },
};

enum { TORCH_OPS = sizeof torch_ops / sizeof *torch_ops };

#endif
