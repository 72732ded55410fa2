/* ONNX's losses of classes. Tulle has classes as rows, where ONNX has them as the second dimension. */
#include "case.h"

#include <stdlib.h>

/* Returns x, n x classes x .., with a row of classes per label. */
static tl_node *rows_of(tl_node *x)
{
    const tl_shape shape = tl_shape_of(x);
    const int64_t n = shape.dim[0], classes = shape.dim[1], size = tl_shape_size(shape);
    tl_node *y = tl_permute(tl_reshape(x, TL_SHAPE(n, classes, size / (n * classes))),
                            (int32_t[]){ 0, 2, 1 });
    return tl_reshape(y, TL_SHAPE(size / classes, classes));
}

/* Returns rows as they were in x. */
static tl_node *as_before(tl_node *rows, tl_node *x)
{
    const tl_shape shape = tl_shape_of(x);
    const int64_t n = shape.dim[0], classes = shape.dim[1], size = tl_shape_size(shape);
    tl_node *y = tl_reshape(rows, TL_SHAPE(n, size / (n * classes), classes));
    return tl_reshape(tl_permute(y, (int32_t[]){ 0, 2, 1 }), shape);
}

static tl_node *loss(onnx_case *c,
                     tl_node *(*op)(tl_node *x, const int32_t *labels, const tl_cross_entropy_options *o))
{
    const tl_safetensor *t = onnx_tensor(c, 1);
    const bool mean = !onnx_is(c, "reduction", "none") && !onnx_is(c, "reduction", "sum");
    int32_t *labels = onnx_integers(c, 1);
    tl_node *y = op(rows_of(onnx_in(c, 0)), labels,
                    &(tl_cross_entropy_options){
                        .class_weights = tl_value(onnx_in(c, 2)),
                        .has_ignore = onnx_has(c, "ignore_index"),
                        .ignore = (int32_t)onnx_integer(c, "ignore_index", 0),
                        .per_row = !mean,
                    });
    free(labels);
    if (mean)
        return y;
    return onnx_is(c, "reduction", "sum") ? tl_reduce_sum(y, TL_ALL_AXES)
                                          : tl_reshape(y, tl_shape_from(t->rank, t->dim));
}

static tl_node *negative_log_likelihood(onnx_case *c)
{
    return loss(c, tl_nll_with);
}

/* The logarithms of the probabilities are a result, too. */
static tl_node *softmax_cross_entropy(onnx_case *c)
{
    tl_node *x = onnx_in(c, 0);
    if (c->n_out > 1)
        onnx_set(c, 1, as_before(tl_log_softmax(rows_of(x)), x));
    return loss(c, tl_softmax_cross_entropy_with);
}

const onnx_op onnx_losses[] = {
    { "NegativeLogLikelihoodLoss", .run = negative_log_likelihood },
    { "SoftmaxCrossEntropyLoss", .run = softmax_cross_entropy },
    { .name = NULL },
};
