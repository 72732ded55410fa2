/* A reduction along an axis, and its test. */
#include <stdio.h>
#include <tulle/op_check.h>
#include <tulle/reduce.h>
#include <tulle/tulle.h>

/* sum_squares: Y = the sum of A^2 along an axis, or along all.  dA += 2 A dY. */

static tl_status shape(tl_node *y)
{
    return tl_shape_reduced(y, *(const int32_t *)y->attr); /* also stores the tl_axis in y->scratch */
}

static void forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val;
    tl_sum_axis(&(tl_axis_sum){ .of = *(const tl_axis *)y->scratch, .a = a, .b = a }, y->out, false);
}

static void backward_line(void *context, tl_line l)
{
    const tl_node *y = context, *a = y->in[0];
    for (int64_t k = 0; k < l.n; k++) {
        const int64_t at = l.first + k * l.stride;
        const tl_real da = 2 * a->val[at] * y->grad[l.index];
        a->grad[at] = a->overwrite ? da : a->grad[at] + da;
    }
}

static void backward(tl_node *y)
{
    tl_parallel_lines(*(const tl_axis *)y->scratch, backward_line, y);
}

/* 2 times the sum of A dA. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_scale(tl_reduce_sum(tl_mul(y->in[0], dx[0]), *(const int32_t *)y->attr), 2);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceSumSquare");
    tl_describe_axis(to, *(const int32_t *)y->attr);
}

static const tl_op op = {
    .name = "sum_squares",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
    .describe = describe,
};

static tl_node *sum_squares(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &axis, sizeof axis);
}

/* ---- The test ---- */

static tl_node *call(tl_node *const *in, const void *axis)
{
    return sum_squares(in[0], *(const int32_t *)axis);
}

/* Of matrices. */
static tl_shape reference(tl_reference *r)
{
    const int32_t axis = *(const int32_t *)r->attr;
    const int64_t rows = r->shape[0].dim[0], cols = r->shape[0].dim[1];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            r->y[axis == 0 ? j : axis == 1 ? i : 0] += r->in[0][i * cols + j] * r->in[0][i * cols + j];
    return axis == 0 ? TL_SHAPE(cols) : axis == 1 ? TL_SHAPE(rows) : TL_SHAPE();
}

static const int32_t all = TL_ALL_AXES, axis_0 = 0, axis_1 = 1, axis_2 = 2;

static const tl_sample samples[] = {
    { .in = { TL_DENSE_OPERAND(4, 5) }, .attr = &all },
    { .in = { TL_DENSE_OPERAND(4, 5) }, .attr = &axis_0 },
    { .in = { TL_DENSE_OPERAND(4, 5) }, .attr = &axis_1 },
    { .in = { TL_DENSE_OPERAND(170, 130) }, .attr = &axis_0 }, /* on several threads */
    {
        .in = { TL_DENSE_OPERAND(4, 5) },
        .attr = &axis_2,
        .status = TL_ERR_ARGUMENT,
        .error = "axis 2 of a (4x5) is neither in 0..1 nor TL_ALL_AXES",
    },
};

int main(void)
{
    const tl_op_case c = {
        .name = "sum_squares",
        .n_in = 1,
        .op = call,
        .reference = reference,
        .sample = samples,
        .n_samples = sizeof samples / sizeof *samples,
        .ulps = 4,
        .skip = TL_SKIP(TL_STAGE_PLACE), /* a sum over the rows takes the first ones, too */
    };
    if (tl_check_op(&c) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    puts("sum_squares: every stage holds");
    return 0;
}
