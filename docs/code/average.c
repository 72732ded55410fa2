/* An op of any number of inputs, and its test. */
#include <stdio.h>
#include <string.h>
#include <tulle/op_check.h>
#include <tulle/tangent.h>
#include <tulle/tulle.h>
#include <tulle/vmath.h>

/* average: Y = the mean of A_0, A_1 .. of one shape.  dA_i += dY / n. */

static tl_status shape(tl_node *y)
{
    for (int32_t i = 1; i < y->n_in; i++)
        if (!tl_shape_equal(y->in[0]->shape, y->in[i]->shape))
            return tl_fail(TL_ERR_SHAPE, "input %d, %s, is not of the shape of %s", (int)i,
                           tl_node_text(y->in[i]).text, tl_node_text(y->in[0]).text);
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    memset(y->out, 0, (size_t)y->size * sizeof *y->out);
    for (int32_t i = 0; i < y->n_in; i++)
        tl_vaxpy(y->size, (tl_real)1 / (tl_real)y->n_in, y->in[i]->val, y->out);
}

static void backward(tl_node *y)
{
    for (int32_t i = 0; i < y->n_in; i++)
        if (y->in[i]->grad)
            tl_vaxpy(y->size, (tl_real)1 / (tl_real)y->n_in, y->grad, y->in[i]->grad);
}

static const tl_op op = {
    .name = "average",
    .min_in = 1,
    .max_in = INT32_MAX,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tl_linear_tangent,
};

static tl_node *average(int32_t n, tl_node *const *in)
{
    return tl_apply_list(&op, n, in, NULL, 0);
}

/* ---- The test ---- */

static tl_node *call(tl_node *const *in, const void *n)
{
    return average(*(const int32_t *)n, in);
}

static tl_shape reference(tl_reference *r)
{
    for (int32_t i = 0; i < r->n_in; i++)
        for (int64_t k = 0; k < tl_shape_size(r->shape[i]); k++) {
            r->y[k] += r->in[i][k] / r->n_in;
            r->terms[k] += (r->in[i][k] < 0 ? -r->in[i][k] : r->in[i][k]) / r->n_in;
        }
    return r->shape[0];
}

static const int32_t one = 1, two = 2, three = 3;

static const tl_sample samples[] = {
    { .in = { TL_DENSE_OPERAND(4, 2) }, .n_in = 1, .attr = &one },
    { .in = { TL_DENSE_OPERAND(4, 2), TL_DENSE_OPERAND(4, 2), TL_DENSE_OPERAND(4, 2) },
      .n_in = 3,
      .attr = &three },
    {
        .in = { TL_DENSE_OPERAND(4, 2), TL_DENSE_OPERAND(2, 4) },
        .n_in = 2,
        .attr = &two,
        .status = TL_ERR_SHAPE,
        .error = "input 1, b (2x4), is not of the shape of a (4x2)",
    },
};

int main(void)
{
    const tl_op_case c = {
        .name = "average",
        .n_in = 1,
        .op = call,
        .reference = reference,
        .sample = samples,
        .n_samples = sizeof samples / sizeof *samples,
        .ulps = 4,
        .row_operands = 7,                 /* their first rows go together */
        .skip = TL_SKIP(TL_STAGE_THREADS), /* it runs on one */
    };
    if (tl_check_op(&c) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    puts("average: every stage holds");
    return 0;
}
