/* The operations: one prototype each, here or, of three kinds, in the headers that this one includes. Its
 * comment begins with the formula, which is also that of its entry in docs/ops. Y is the result; dX, the
 * gradient of the loss with respect to an input X, is added to what X receives from other uses.
 *
 *     tl_node *x = tl_input(g, TL_SHAPE(32, 784), pixels);
 *     tl_node *h = tl_dense_sparse_matmul(x, tl_use(g, w1), TL_NO_TRANSPOSE);
 *     tl_node *z = tl_matmul(tl_bias_relu(h, tl_use(g, b1)), tl_use(g, w2));
 *     tl_node *loss = tl_softmax_cross_entropy(tl_bias(z, tl_use(g, b2)), labels);
 *
 * Shapes: a row of a tensor runs along its last dimension. To fold a tensor is to take all its rows as one
 * matrix. A dimension of 0 is legal everywhere, and a sum over nothing is 0.
 *
 * Kinds: S and the operands that the text calls sparse are sparse nodes, all others dense; the other kind is
 * refused with TL_ERR_KIND. The gradient of a sparse node exists at its pattern only; nothing else is
 * computed.
 *
 * Errors: an op returns a node of its inputs' graph. If it fails it returns NULL and leaves its message,
 * which names the variables among the inputs, in that graph (graph.h); an input that is NULL because of an
 * earlier failure is accepted and gives NULL. TL_ERR_SHAPE: the shapes do not fit the formula.
 * TL_ERR_ARGUMENT: another argument is NULL or out of range. TL_ERR_INDEX: an id or label is out of range,
 * which is checked before anything is computed. TL_ERR_MEMORY.
 *
 * Memory: the graph owns the result. Ids, labels, bags, weights and other plain arrays are copied. */
#ifndef TL_OPS_H
#define TL_OPS_H

#include "compositions.h"
#include "graph.h"
#include "losses.h"
#include "random.h"
#include "sparse_ops.h"
#include "variable.h"

/* Y = A B, with A m x k and B k x n. Of tensors these are the last two dimensions; the leading ones are
 * broadcast: aligned at the last of them, and equal, 1 or absent. A vector is a row on the left and a column
 * on the right, and Y has no dimension for it: the product of two is a scalar.
 * dA = dY B^T; dB = A^T dY; each summed over the matrices that it was repeated to.
 * (NumPy, PyTorch: matmul.) */
TL_API tl_node *tl_matmul(tl_node *a, tl_node *b);

/* Y = op(A) op(B), with op(A) m x k and op(B) k x n. Otherwise as above; a vector is not transposed.
 * dA = dY op(B)^T, transposed as A is; dB = op(A)^T dY, transposed as B is. */
TL_API tl_node *tl_matmul_transposed(tl_node *a, tl_node *b, tl_trans t);

/* Y(i, :) = A(i, :) + b. A is not a scalar, and b is a vector as long as its rows.
 * dA = dY; db = the sum of dY(i, :) over i. (TensorFlow: nn.bias_add.) */
TL_API tl_node *tl_bias(tl_node *a, tl_node *b);

/* Y(i, :) = max(A(i, :) + b, 0): tl_relu(tl_bias(a, b)) in one pass over memory. NaN stays NaN.
 * With G = dY where Y > 0, otherwise 0: dA = G; db = the sum of G(i, :) over i. */
TL_API tl_node *tl_bias_relu(tl_node *a, tl_node *b);

/* Elementwise, with NumPy's broadcasting on both sides: the shapes are aligned at their last dimensions, and
 * where one has no dimension, or one of size 1, its elements are repeated along the other's.
 * The gradient of an operand is summed, in double, over the elements that it was repeated to. */

/* Y = A + B. dA = dY; dB = dY. */
TL_API tl_node *tl_add(tl_node *a, tl_node *b);

/* Y = A - B. dA = dY; dB = -dY. */
TL_API tl_node *tl_sub(tl_node *a, tl_node *b);

/* Y = A B, elementwise. dA = dY B; dB = dY A.
 * In tl_mul and tl_div A may be sparse: Y is then sparse on its pattern, and B is sparse on the same pattern
 * (the same object) or dense and broadcast to A's shape, as a column that scales the rows, a row or a
 * scalar. */
TL_API tl_node *tl_mul(tl_node *a, tl_node *b);

/* Y = A / B, elementwise. dA = dY / B; dB = -dY Y / B. */
TL_API tl_node *tl_div(tl_node *a, tl_node *b);

/* Y = the larger of A and B, elementwise. It is NaN where one of them is. The gradient of that side is dY,
 * that of the other 0; at a tie each is dY / 2. (PyTorch: maximum.) */
TL_API tl_node *tl_maximum(tl_node *a, tl_node *b);

/* Y = the smaller of A and B, elementwise. NaN and gradients as above. (PyTorch: minimum.) */
TL_API tl_node *tl_minimum(tl_node *a, tl_node *b);

/* Functions of each element of a tensor of any shape, or of each value of a sparse matrix: Y is then sparse
 * on its pattern. Values are those of the C library to a few units in the last place, at and beyond the ends
 * of the domain, too; NaN stays NaN. The subgradient at a kink is 0. Where a value is not finite, the
 * gradient is what its formula gives. Logarithms are to base e. */

/* Y = c A. dA = c dY. */
TL_API tl_node *tl_scale(tl_node *a, tl_real factor);

/* Y = A + c. dA = dY. */
TL_API tl_node *tl_add_constant(tl_node *a, tl_real c);

/* Y = -A. dA = -dY. */
TL_API tl_node *tl_neg(tl_node *a);

/* Y = |A|. dA = dY where A > 0, -dY where A < 0, otherwise 0. */
TL_API tl_node *tl_abs(tl_node *a);

/* Y = min(max(A, low), high). dA = dY where low < A < high, otherwise 0. Bounds may be infinite.
 * TL_ERR_ARGUMENT unless low <= high. */
TL_API tl_node *tl_clamp(tl_node *a, tl_real low, tl_real high);

/* Y = 1 / A. dA = -dY Y^2. */
TL_API tl_node *tl_reciprocal(tl_node *a);

/* Y = A^2. dA = 2 A dY. */
TL_API tl_node *tl_square(tl_node *a);

/* Y = sqrt(A). dA = dY / (2 Y), infinite at 0. */
TL_API tl_node *tl_sqrt(tl_node *a);

/* Y = A^exponent. Of a negative element NaN, unless the exponent is an integer.
 * dA = exponent A^(exponent - 1) dY, 0 if the exponent is 0. */
TL_API tl_node *tl_pow(tl_node *a, tl_real exponent);

/* Y = e^A. dA = dY Y. */
TL_API tl_node *tl_exp(tl_node *a);

/* Y = e^A - 1. Accurate near 0. dA = dY (Y + 1). */
TL_API tl_node *tl_expm1(tl_node *a);

/* Y = log(A). dA = dY / A. */
TL_API tl_node *tl_log(tl_node *a);

/* Y = log(1 + A). Accurate near 0. dA = dY / (1 + A). */
TL_API tl_node *tl_log1p(tl_node *a);

/* Y = sin(A). dA = dY cos(A). */
TL_API tl_node *tl_sin(tl_node *a);

/* Y = cos(A). dA = -dY sin(A). */
TL_API tl_node *tl_cos(tl_node *a);

/* Y = erf(A), the error function. dA = dY 2 / sqrt(pi) e^(-A^2). */
TL_API tl_node *tl_erf(tl_node *a);

/* Y = tanh(A). dA = dY (1 - Y^2). */
TL_API tl_node *tl_tanh(tl_node *a);

/* Y = 1 / (1 + e^-A). dA = dY Y (1 - Y). */
TL_API tl_node *tl_sigmoid(tl_node *a);

/* Y = max(A, 0). dA = dY where A > 0, otherwise 0. */
TL_API tl_node *tl_relu(tl_node *a);

/* Y = A where A > 0, otherwise slope A. dA = dY where A > 0, slope dY where A < 0, 0 at 0 (unless the slope
 * is 1). (Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013.) */
TL_API tl_node *tl_leaky_relu(tl_node *a, tl_real slope);

/* Y = A where A > 0, otherwise alpha (e^A - 1). dA = dY where A > 0, alpha e^A dY where A < 0, 0 at 0 (unless
 * alpha is 1). (Clevert et al., "Fast and accurate deep network learning by exponential linear units",
 * 2016.) */
TL_API tl_node *tl_elu(tl_node *a, tl_real alpha);

/* Y = log(1 + e^A). dA = dY / (1 + e^-A). */
TL_API tl_node *tl_softplus(tl_node *a);

/* Y = A S, with S = 1 / (1 + e^-A). -Inf gives 0. dA = dY (S + Y (1 - S)). (Elfwing et al., "Sigmoid-weighted
 * linear units", 2018; also known as swish.) */
TL_API tl_node *tl_silu(tl_node *a);

/* Y = A P, with P = (1 + erf(A / sqrt(2))) / 2, the standard normal distribution. -Inf gives 0.
 * dA = dY (P + A e^(-A^2 / 2) / sqrt(2 pi)). (Hendrycks and Gimpel, "Gaussian error linear units", 2016.) */
TL_API tl_node *tl_gelu(tl_node *a);

/* Y = A S, with S = (1 + tanh(U)) / 2 and U = sqrt(2 / pi) (A + 0.044715 A^3). It approximates tl_gelu; -Inf
 * gives 0. dA = dY (S + 2 Y (1 - S) dU/dA). (PyTorch: gelu, approximate = "tanh".) */
TL_API tl_node *tl_gelu_tanh(tl_node *a);

/* Reductions over one axis, 0..rank-1, which disappears from the shape, or over TL_ALL_AXES, which gives a
 * scalar. TL_ERR_ARGUMENT for any other axis. */

/* Y = the sum of A along the axis. dA = dY, repeated along the axis.
 * Of a sparse A the sum of its entries, dense: along axis 0 one per column, along axis 1 one per row. */
TL_API tl_node *tl_reduce_sum(tl_node *a, int32_t axis);

/* Y = the mean of the n elements along the axis. It is 0 if n = 0 (NumPy: NaN). dA = dY / n, repeated along
 * the axis. */
TL_API tl_node *tl_reduce_mean(tl_node *a, int32_t axis);

/* Y = the largest element along the axis. A NaN is larger than any number. dA = dY at the first element that
 * is the largest, 0 elsewhere. TL_ERR_SHAPE if there is none. */
TL_API tl_node *tl_reduce_max(tl_node *a, int32_t axis);

/* Y = log(the sum of exp(A) along the axis). The maximum is subtracted first, so nothing overflows. It is
 * -Inf of elements that are all -Inf, or of none. dA = dY exp(A - Y), 0 where A is -Inf. */
TL_API tl_node *tl_reduce_logsumexp(tl_node *a, int32_t axis);

/* Reductions of segments of rows: n of them, of which segment i has A's rows row_ptr[i] .. row_ptr[i + 1] - 1
 * and is row i of Y. A is not a scalar; rows are along its first dimension. A row may be in no segment, and
 * its gradient is then 0. TL_ERR_INDEX unless each of the n + 1 row_ptr is in 0..rows; TL_ERR_ARGUMENT unless
 * they ascend. */

/* Y(i, :) = the sum of the rows of segment i. Computed in double; 0 of no rows. dA(row, :) = dY(i, :) for its
 * rows. */
TL_API tl_node *tl_segment_sum(tl_node *a, const int64_t *row_ptr, int64_t n);

/* Y(i, :) = the mean of the rows of segment i. It is 0 of no rows. dA(row, :) = dY(i, :) / (the number of its
 * rows). */
TL_API tl_node *tl_segment_mean(tl_node *a, const int64_t *row_ptr, int64_t n);

/* Y(i, j) = the largest element of column j in segment i. It is 0 of no rows; a NaN is larger than any
 * number. dA = dY(i, j) at the first element that is the largest, 0 elsewhere. */
TL_API tl_node *tl_segment_max(tl_node *a, const int64_t *row_ptr, int64_t n);

/* Functions of rows. -Inf excludes an element: its gradient is 0. TL_ERR_SHAPE for a scalar. */

/* Y(i, :) = exp(A(i, :)) / (the sum of exp(A(i, :))). The maximum is subtracted first, so nothing overflows.
 * A row of -Inf only gives zeros; elements of +Inf share a row. Of a sparse A: per row over its entries, on
 * its pattern; a row without entries has none.
 * dA(i, :) = Y(i, :) (dY(i, :) - <dY(i, :), Y(i, :)>). */
TL_API tl_node *tl_softmax(tl_node *a);

/* Y(i, :) = A(i, :) - log(the sum of exp(A(i, :))), the logarithm of the softmax. A row of -Inf only stays
 * so. dA(i, :) = dY(i, :) - exp(Y(i, :)) (the sum of dY(i, :)). */
TL_API tl_node *tl_log_softmax(tl_node *a);

/* Y(i, :) = X^(i, :) gain + bias, with X^(i, :) = (A(i, :) - mean) / sqrt(variance + epsilon). The moments
 * are those of the row, and the variance is that over all n of its elements. Gain and bias are vectors as
 * long as a row; each may be NULL, for 1 and 0. Mean and variance are computed in double, from differences.
 * With G = dY gain: dA(i, :) = (G(i, :) - the mean of G(i, :) - X^(i, :) (the mean of G(i, :) X^(i, :)))
 * / sqrt(variance + epsilon); dgain = the sum of dY(i, :) X^(i, :) over i; dbias = that of dY(i, :).
 * TL_ERR_ARGUMENT for a negative epsilon. (Ba, Kiros, Hinton, "Layer normalization", 2016; PyTorch:
 * layer_norm.) */
TL_API tl_node *tl_layer_norm(tl_node *a, tl_node *gain, tl_node *bias, double epsilon);

/* Y(i, :) = X^(i, :) gain, with X^(i, :) = A(i, :) / sqrt(the mean of A(i, :)^2 + epsilon). Gain as above.
 * With G = dY gain: dA(i, :) = (G(i, :) - X^(i, :) (the mean of G(i, :) X^(i, :))) / sqrt(..); dgain = the
 * sum of dY(i, :) X^(i, :) over i. (Zhang, Sennrich, "Root mean square layer normalization", 2019.) */
TL_API tl_node *tl_rms_norm(tl_node *a, tl_node *gain, double epsilon);

typedef struct tl_batch_norm_options {
    tl_variable *mean, *variance; /* running moments, dense, an element per channel; borrowed */
    double momentum;              /* of the batch in them: 0 means 0.1 */
    double epsilon;               /* 0 means 1e-5 */
    bool training;
} tl_batch_norm_options;

/* Y = X^ gain + bias, with X^ = (A - mean) / sqrt(variance + epsilon), by channel. The channels are the
 * columns of a matrix, or dimension 1 of images n x channels x h x w. Gain and bias have an element per
 * channel; each may be NULL, for 1 and 0. Gain and the running variance are 1 at first (tl_init_constant).
 *
 * In training, the moments are the batch's, with the variance over all elements of the channel, and the
 * running moments, if they are not NULL, move: mean = (1 - momentum) mean + momentum (the batch's), and the
 * variance likewise, towards the unbiased one. That happens when the op is recorded. Otherwise the running
 * moments are used, as constants, and both are needed. They are variables so that a checkpoint has them; no
 * gradient goes to them.
 *
 * In training dA is that of tl_layer_norm, by channel; otherwise dA = dY gain / sqrt(variance + epsilon).
 * dgain = the sum of dY X^, dbias = that of dY. TL_ERR_SHAPE for another rank than 2 or 4; TL_ERR_KIND for
 * sparse moments. (Ioffe, Szegedy, "Batch normalization", 2015; PyTorch: batch_norm.) */
TL_API tl_node *tl_batch_norm(tl_node *a, tl_node *gain, tl_node *bias, const tl_batch_norm_options *o);

/* Windows over images, n x channels x h x w. Along an axis, output j reads the inputs j stride - padding
 * + k dilation, k = 0 .. kernel-1, and there are (in + 2 padding - dilation (kernel - 1) - 1) / stride + 1
 * outputs, rounded down. TL_ERR_SHAPE for another rank, or if there is no output; TL_ERR_ARGUMENT for an
 * option below 0, a window of 0 or, of a pool, of 2^31 elements. Pairs of options are h, w; NULL: all 0. */

typedef struct tl_conv_options {
    int32_t stride[2], padding[2], dilation[2]; /* 0 means 1, 0, 1 */
    int32_t groups;                             /* 0 means 1 */
} tl_conv_options;

/* Y(n, f) = the sum over c of X(n, c) correlated with W(f, c). X is n x c x h x w, W f x (c / groups) x kh
 * x kw, and Y n x f x oh x ow; padding is 0. Group i of the filters reads group i of the channels; both are
 * divisible by the groups.
 * dW = dY correlated with X, summed over the images; dX = dY W, each product where X was read.
 * Products are those of tl_gemm, with tiles of at most a few images as matrices. (PyTorch: conv2d.) */
TL_API tl_node *tl_conv2d(tl_node *x, tl_node *w, const tl_conv_options *o);

typedef struct tl_sparse_conv_options {
    int32_t kernel[2];
    int32_t stride[2], padding[2], dilation[2]; /* 0 means 1, 0, 1 */
} tl_sparse_conv_options;

/* Y(n, f) = the sum over c of X(n, c) correlated with a sparse W(f, c). W is a matrix f x (c kh kw), of one
 * group: column (c kh + i) kw + j is place (i, j) of channel c.
 * dW = that of tl_conv2d at W's pattern; dX as there. The work is proportional to nnz (pixels of Y), and no
 * temporary has as many elements. */
TL_API tl_node *tl_sparse_conv2d(tl_node *x, tl_node *w, const tl_sparse_conv_options *o);

typedef struct tl_pool_options {
    int32_t window[2];
    int32_t stride[2]; /* 0 means the window */
    int32_t padding[2];
    bool count_padding; /* tl_avg_pool2d only */
} tl_pool_options;

/* Y = the largest element of X under each window, channel by channel. A NaN is larger than any number, and
 * padding is -Inf. dX = dY at the first element that is the largest, row by row, 0 elsewhere. (PyTorch:
 * max_pool2d.) */
TL_API tl_node *tl_max_pool2d(tl_node *x, const tl_pool_options *o);

/* Y = the mean of the elements of X under each window, channel by channel. It is 0 if there are none; with
 * count_padding it is their sum divided by the size of the window. dX = dY / (that number), summed over the
 * windows of an element. (PyTorch: avg_pool2d, whose count_include_pad is true unless told otherwise.) */
TL_API tl_node *tl_avg_pool2d(tl_node *x, const tl_pool_options *o);

/* Y = A's elements, in row-major order, in another shape. It has the same number of elements; no dimension is
 * inferred. dA = dY in A's shape. */
TL_API tl_node *tl_reshape(tl_node *a, tl_shape shape);

/* Moves of values, which stay the same to the bit; gradients move back. An axis is one of 0..rank-1. */

/* Y = A with its last two dimensions exchanged. Of a sparse A: sparse on the transposed pattern, which
 * A's pattern caches. dA = dY, exchanged back. TL_ERR_SHAPE below rank 2. */
TL_API tl_node *tl_transpose(tl_node *a);

/* Y = A with its dimension axes[k] as dimension k. `axes` has each of 0..rank-1 once. dA = dY in A's order.
 * (NumPy: transpose; PyTorch: permute.) */
TL_API tl_node *tl_permute(tl_node *a, const int32_t *axes);

/* Y(.., i, j) = A(.., i, j) where j <= i + diagonal, that is on this diagonal and below it, otherwise
 * `value`; i and j are the last two dimensions. dA = dY where j <= i + diagonal, otherwise 0. With
 * -INFINITY, a softmax of row i is over elements 0 .. i. TL_ERR_SHAPE below rank 2. (NumPy, PyTorch:
 * tril.) */
TL_API tl_node *tl_tril(tl_node *a, int64_t diagonal, tl_real value);

/* Y = the n inputs of the list, one after the other along an axis. n >= 1, and their other sizes are equal.
 * dA_i = the part of dY that is A_i's. */
TL_API tl_node *tl_concat(tl_node *const *list, int32_t n, int32_t axis);

/* Y = the elements begin .. end-1 of A along an axis. dA = dY there, 0 elsewhere. TL_ERR_ARGUMENT unless
 * 0 <= begin <= end <= the size of the axis. */
TL_API tl_node *tl_slice(tl_node *a, int32_t axis, int64_t begin, int64_t end);

/* Y = A with before[k] elements of this value before it and after[k] after it, along each dimension k.
 * dA = dY where A is. TL_ERR_ARGUMENT if one is negative. */
TL_API tl_node *tl_pad(tl_node *a, const int64_t *before, const int64_t *after, tl_real value);

/* Y = A, repeated to this shape by NumPy's rule. Shapes are aligned at their last dimensions, and where A has
 * none, or one of size 1, its elements are repeated. dA = the sum of dY, in double, over the elements that
 * each was repeated to. */
TL_API tl_node *tl_broadcast_to(tl_node *a, tl_shape shape);

/* Y = A, dense or sparse, as a constant. What is computed from Y has no gradient with respect to A.
 * (PyTorch: detach.) */
TL_API tl_node *tl_stop_gradient(tl_node *a);

/* Y = A / (1 - p) where an element is kept, with probability 1 - p, otherwise 0. 0 <= p <= 1; p = 1 gives
 * zeros. Of a sparse A: of its values, and Y is sparse on its pattern.
 * dA = dY / (1 - p) where it was kept, otherwise 0.
 * Draw k of this call decides elements 4 k to 4 k + 3, and r advances past its draws: the same seed and
 * position keep the same elements. r is not read after the call. (Srivastava et al., "Dropout", JMLR 15,
 * 2014.) */
TL_API tl_node *tl_dropout(tl_node *a, tl_real p, tl_random *r);

#endif
