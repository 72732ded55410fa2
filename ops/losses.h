/* The losses: scalars, unless said otherwise. A part of ops.h, which says what holds for every op. */
#ifndef TL_LOSSES_H
#define TL_LOSSES_H

#include "graph.h"

/* Y = the mean over the rows i of X of -log softmax(X(i, :))[labels[i]]. It is 0 if there are none. X is not
 * a scalar; `labels` has an element per row. The row's maximum is subtracted first, so no exponential
 * overflows.
 * dX(i, :) = (softmax(X(i, :)) - onehot(labels[i])) dY / rows.
 * Infinite logits have the limit: -Inf excludes a class, those of +Inf share the probability.
 * TL_ERR_INDEX unless each label is in 0..columns-1.
 * (TensorFlow: nn.sparse_softmax_cross_entropy_with_logits, averaged; PyTorch: cross_entropy.) */
TL_API tl_node *tl_softmax_cross_entropy(tl_node *logits, const int32_t *labels);

/* Y = (sum of w_i loss_i) / (sum of w_i), with loss_i = -log softmax(X(i, :))[labels[i]]. `weights` has a
 * constant per row, or is NULL for 1; Y = 0 if the weights sum to 0. A row of weight 0 is not looked at: it
 * may hold NaN, and its label may be any number.
 * dX(i, :) = w_i (softmax(X(i, :)) - onehot(labels[i])) dY / (sum of w_i).
 * (PyTorch: cross_entropy with weights, which it gives per class.) */
TL_API tl_node *tl_softmax_cross_entropy_weighted(tl_node *logits, const int32_t *labels,
                                                  const tl_real *weights);

typedef struct tl_cross_entropy_options {
    const tl_real *row_weights;   /* one per row; NULL: all 1 */
    const tl_real *class_weights; /* one per column; NULL: all 1 */
    int32_t ignore;               /* with has_ignore: rows of this label are not looked at */
    bool has_ignore;
    double smoothing; /* e, 0 to 1: the share of a target that is spread over all classes */
    bool per_row;     /* Y is a vector with the loss of each row, 0 for those that are not looked at */
} tl_cross_entropy_options;

/* Y = the sum over the rows i of <T(i, :), -log softmax(X(i, :))> / (the sum of w), with row weights r, class
 * weights c, w_i = r_i c(labels[i]), and T(i, :) = (1 - e) w_i onehot(labels[i]) + e r_i c / columns. It is 0
 * if w sums to 0. A row whose weight is 0 or whose label is `ignore` is not looked at: it may hold NaN, and
 * its label may be any number. With per_row Y(i) = the term of row i, not divided. o = NULL: no options.
 * With t_i the sum of T(i, :): dX(i, :) = (t_i softmax(X(i, :)) - T(i, :)) dY / (the sum of w).
 * TL_ERR_INDEX unless each label that is looked at is in 0..columns-1; TL_ERR_ARGUMENT unless 0 <= e <= 1.
 * (PyTorch: cross_entropy. Smoothing: Szegedy et al., "Rethinking the inception architecture for computer
 * vision", 2016.) */
TL_API tl_node *tl_softmax_cross_entropy_with(tl_node *logits, const int32_t *labels,
                                              const tl_cross_entropy_options *o);

/* Y = the mean over the rows i of <T(i, :), -log softmax(X(i, :))>. The logits X and the targets T have one
 * shape, which is not a scalar's; Y = 0 if there are no rows. Targets may be any numbers. Where one is 0, the
 * logit may be -Inf, which excludes a class.
 * With t_i the sum of T(i, :): dX(i, :) = (t_i softmax(X(i, :)) - T(i, :)) dY / rows; dT(i, :) =
 * -log softmax(X(i, :)) dY / rows.
 * (TensorFlow: nn.softmax_cross_entropy_with_logits, averaged; PyTorch: cross_entropy with probabilities.) */
TL_API tl_node *tl_softmax_cross_entropy_dense(tl_node *logits, tl_node *targets);

/* Y = the mean over the rows i of X of -X(i, labels[i]), for logarithms of probabilities as tl_log_softmax
 * gives them. dX(i, labels[i]) = -dY / rows. Otherwise as tl_softmax_cross_entropy. (PyTorch: nll_loss.) */
TL_API tl_node *tl_nll(tl_node *log_probabilities, const int32_t *labels);

/* Y = the sum over the rows i of <T(i, :), -X(i, :)> / (the sum of w). T, w and the options are those of
 * tl_softmax_cross_entropy_with. dX(i, :) = -T(i, :) dY / (the sum of w). */
TL_API tl_node *tl_nll_with(tl_node *log_probabilities, const int32_t *labels,
                            const tl_cross_entropy_options *o);

/* Y = the mean over all n elements of max(x, 0) - x z + log1p(exp(-|x|)). The logits x and the targets z have
 * one shape; Y = 0 if n = 0. That is -z log s - (1 - z) log(1 - s) with s = sigmoid(x). Targets are in
 * [0, 1], which is not checked. Infinite logits have the limit: 0 for x = -Inf, z = 0 and x = Inf, z = 1; Inf
 * between.
 * dx = (sigmoid(x) - z) dY / n; dz = -x dY / n.
 * (TensorFlow: nn.sigmoid_cross_entropy_with_logits, averaged; PyTorch: binary_cross_entropy_with_logits.) */
TL_API tl_node *tl_sigmoid_cross_entropy(tl_node *logits, tl_node *targets);

/* Y = the mean over all n elements of -p z log(s) - (1 - z) log(1 - s), with s = sigmoid(x). p is the weight
 * of positive targets: above 1, recall counts for more than precision. Otherwise as above.
 * dx = ((1 + (p - 1) z) s - p z) dY / n; dz = (log(1 - s) - p log s) dY / n. TL_ERR_ARGUMENT unless p is a
 * finite number from 0 on.
 * (TensorFlow: nn.weighted_cross_entropy_with_logits, averaged; PyTorch: pos_weight.) */
TL_API tl_node *tl_sigmoid_cross_entropy_weighted(tl_node *logits, tl_node *targets, tl_real positive_weight);

/* Y = the mean over all n elements of (A - B)^2. A and B have one shape; Y = 0 if n = 0.
 * dA = 2 (A - B) dY / n; dB = -dA. (PyTorch: mse_loss.) */
TL_API tl_node *tl_mse(tl_node *a, tl_node *b);

/* Y = the mean over all n elements of |A - B|. A and B have one shape; Y = 0 if n = 0.
 * dA = sign(A - B) dY / n, 0 where A = B; dB = -dA. (PyTorch: l1_loss.) */
TL_API tl_node *tl_l1(tl_node *a, tl_node *b);

/* Y = the mean over all n elements of d^2 / 2 where |d| <= delta, otherwise delta (|d| - delta / 2), with d =
 * A - B. A and B have one shape; Y = 0 if n = 0. dA = min(max(d, -delta), delta) dY / n; dB = -dA.
 * TL_ERR_ARGUMENT unless delta > 0. (Huber, "Robust estimation of a location parameter", 1964; PyTorch:
 * huber_loss.) */
TL_API tl_node *tl_huber(tl_node *a, tl_node *b, tl_real delta);

/* Y = half the sum of A^2: a penalty of weights. Of a sparse A, the sum is over its values. dA = A dY.
 * (TensorFlow: nn.l2_loss.) */
TL_API tl_node *tl_l2_loss(tl_node *a);

#endif
