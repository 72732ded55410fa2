/* An op on a sparse matrix, and its test. */
#include <math.h>
#include <stdio.h>
#include <tulle/op_check.h>
#include <tulle/softmax.h>
#include <tulle/tangent.h>
#include <tulle/tulle.h>

/* softmax_rows: Y(i, :) = the softmax of the entries of row i of S, on S's pattern: attention along the edges
 * of a graph.  dS = Y (dY - the sum over the row of Y dY), added. */

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t *ptr = tl_pattern_csr(y->pattern).row_ptr;
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = ptr[i + 1] - ptr[i];
        const tl_real *s = y->in[0]->val + ptr[i];
        tl_softmax_row(n, s, tl_log_sum_exp(n, s), y->out + ptr[i]);
    }
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t *ptr = tl_pattern_csr(y->pattern).row_ptr;
    for (int64_t i = begin; i < end; i++) {
        double sum = 0;
        for (int64_t e = ptr[i]; e < ptr[i + 1]; e++)
            sum += (double)y->val[e] * (double)y->grad[e];
        for (int64_t e = ptr[i]; e < ptr[i + 1]; e++)
            y->in[0]->grad[e] += y->val[e] * (y->grad[e] - (tl_real)sum);
    }
}

/* Tasks are of whole rows, as long as the average one. */
static void in_tasks(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end))
{
    const int64_t rows = y->shape.dim[0];
    tl_parallel_rows(rows, rows > 0 ? y->size / rows : 0, body, y);
}

static void forward(tl_node *y)
{
    in_tasks(y, forward_rows);
}

static void backward(tl_node *y)
{
    in_tasks(y, backward_rows);
}

/* Y dS less, in each row, Y times the sum of Y dS. A product with ones sums the rows of a sparse matrix, and
 * tl_mul scales them by a column. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const int64_t cols = y->shape.dim[1];
    tl_real *one = tl_scratch(y, cols, sizeof *one);
    if (!one)
        return NULL;
    for (int64_t j = 0; j < cols; j++)
        one[j] = 1;
    tl_node *ones = tl_input(y->graph, TL_SHAPE(cols, 1), one), *product = tl_mul(y, dx[0]);
    tl_node *sums = tl_sparse_dense_matmul(product, ones, TL_NO_TRANSPOSE);
    return tl_sum_of(2, (tl_node *[]){ product, tl_scale(tl_mul(y, sums), -1) });
}

static const tl_op op = {
    .name = "softmax_rows",
    .n_in = 1,
    .in_kind = { TL_SPARSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
};

static tl_node *softmax_rows(tl_node *s)
{
    return tl_apply(&op, (tl_node *[]){ s }, NULL, 0);
}

/* ---- The test ---- */

static tl_node *call(tl_node *const *in, const void *attr)
{
    (void)attr;
    return softmax_rows(in[0]);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t rows = r->shape[0].dim[0], cols = r->shape[0].dim[1];
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0;
        for (int64_t k = i * cols; k < (i + 1) * cols; k++)
            sum += r->keep[0][k] ? exp(r->in[0][k]) : 0;
        for (int64_t k = i * cols; k < (i + 1) * cols; k++) {
            r->y[k] = r->keep[0][k] ? exp(r->in[0][k]) / sum : 0;
            r->y_keep[k] = r->keep[0][k];
        }
    }
    r->sparse = true;
    return r->shape[0];
}

static const tl_sample samples[] = {
    { .in = { TL_SPARSE_OPERAND(4, 6, 0.5) } },
    { .in = { TL_SPARSE_OPERAND(1, 7, 1) } },
    { .in = { TL_SPARSE_OPERAND(300, 200, 0.5) } },
};

int main(void)
{
    const tl_op_case c = {
        .name = "softmax_rows",
        .n_in = 1,
        .op = call,
        .reference = reference,
        .sample = samples,
        .n_samples = sizeof samples / sizeof *samples,
        .ulps = 32,
        .skip = TL_SKIP(TL_STAGE_BETWEEN), /* Y is of the S of forward: S is no variable here */
    };
    if (tl_check_op(&c) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    puts("softmax_rows: every stage holds");
    return 0;
}
