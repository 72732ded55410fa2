/* An op of two operands, and its tests for Check: one per stage. */
#include <math.h>
#include <tulle/check_tulle.h>
#include <tulle/tangent.h>

/* row_dot: Y(i) = <A(i, :), B(i, :)>.  dA(i, :) += dY(i) B(i, :);  dB(i, :) += dY(i) A(i, :). */

static tl_status shape(tl_node *y)
{
    const tl_shape a = y->in[0]->shape;
    if (a.rank != 2 || !tl_shape_equal(a, y->in[1]->shape))
        return tl_fail(TL_ERR_SHAPE, "%s and %s are not two matrices of one shape",
                       tl_node_text(y->in[0]).text, tl_node_text(y->in[1]).text);
    return tl_shape_dense(y, TL_SHAPE(a.dim[0]));
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t cols = y->in[0]->shape.dim[1];
    for (int64_t i = begin; i < end; i++) {
        const tl_real *a = y->in[0]->val + i * cols, *b = y->in[1]->val + i * cols;
        double sum = 0;
        for (int64_t j = 0; j < cols; j++)
            sum += (double)a[j] * (double)b[j];
        y->out[i] = (tl_real)sum;
    }
}

static void forward(tl_node *y)
{
    tl_parallel_rows(y->size, y->in[0]->shape.dim[1], forward_rows, y);
}

static void backward(tl_node *y)
{
    const int64_t cols = y->in[0]->shape.dim[1];
    for (int i = 0; i < 2; i++) {
        const tl_real *other = y->in[1 - i]->val;
        tl_real *grad = y->in[i]->grad;
        for (int64_t k = 0; grad && k < y->size * cols; k++)
            grad[k] += y->grad[k / cols] * other[k];
    }
}

static const tl_op op = {
    .name = "row_dot",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tl_multilinear_tangent,
};

/* The facts that the kit checks. */

static tl_node *call(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_apply(&op, in, NULL, 0);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t rows = r->shape[0].dim[0], cols = r->shape[0].dim[1];
    for (int64_t k = 0; k < rows * cols; k++) {
        r->y[k / cols] += r->in[0][k] * r->in[1][k];
        r->terms[k / cols] += fabs(r->in[0][k] * r->in[1][k]);
    }
    return TL_SHAPE(rows);
}

static const tl_sample samples[] = {
    { .in = { TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3, 4) } },
    { .in = { TL_DENSE_OPERAND(65, 1), TL_DENSE_OPERAND(65, 1) } },
    { .in = { TL_DENSE_OPERAND(200, 100), TL_DENSE_OPERAND(200, 100) } },
    { .in = { TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3) },
      .status = TL_ERR_SHAPE,
      .error = "a (3x4) and b (4x3) are not two matrices of one shape" },
    { .in = { TL_DENSE_OPERAND(3), TL_DENSE_OPERAND(3) }, .status = TL_ERR_SHAPE },
    /* by hand: 1 * 3 + 2 * 4, and 0 times infinity */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1, 2, 0, 1) },
              { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(3, 4, INFINITY, 1) } },
      .y = TL_VALUES(11, NAN),
      .upstream = TL_VALUES(1, 2),
      .gradient = { TL_VALUES(3, 4, INFINITY, 2), TL_VALUES(1, 2, 0, 2) } },
};

static const tl_op_case row_dot = {
    .name = "row_dot",
    .n_in = 2,
    .op = call,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = sizeof(tl_real) == sizeof(double) ? 100 : 0.5, /* the sum is in double, and rounded once */
    .row_operands = 1 << 0 | 1 << 1,
};

int main(void)
{
    SRunner *runner = srunner_create(tl_op_suite(&row_dot));
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
