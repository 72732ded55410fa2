/* tril: Y(.., i, j) = A(.., i, j) where j <= i + diagonal, otherwise a constant.  dA += dY there. */
#include "describe.h"
#include "ops.h"
#include "parallel.h"

struct attr {
    int64_t diagonal;
    tl_real value;
};

static tl_status shape(tl_node *y)
{
    const tl_node *a = y->in[0];
    if (a->shape.rank < 2)
        return tl_fail(TL_ERR_SHAPE, "%s has no two dimensions", tl_node_text(a).text);
    return tl_shape_like(y, a);
}

/* Returns how many elements of row r, counted through all matrices, are A's. */
static int64_t kept(const tl_node *y, int64_t r)
{
    const int64_t diagonal = ((const struct attr *)y->attr)->diagonal;
    const int64_t cols = tl_shape_cols(y->shape), i = r % y->shape.dim[y->shape.rank - 2];
    if (diagonal >= cols - i) /* the sum below could overflow */
        return cols;
    return diagonal < -i ? 0 : i + 1 + diagonal;
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct attr *attr = y->attr;
    const int64_t cols = tl_shape_cols(y->shape);
    for (int64_t r = begin; r < end; r++) {
        const tl_real *a = y->in[0]->val + r * cols;
        tl_real *restrict out = y->out + r * cols;
        const int64_t n = kept(y, r);
        for (int64_t j = 0; j < n; j++)
            out[j] = a[j];
        for (int64_t j = n; j < cols; j++)
            out[j] = attr->value;
    }
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const int64_t cols = tl_shape_cols(y->shape);
    for (int64_t r = begin; r < end; r++) {
        const tl_real *dy = y->grad + r * cols;
        tl_real *restrict da = a->grad + r * cols;
        const int64_t n = kept(y, r);
        for (int64_t j = 0; j < n; j++)
            da[j] = (a->overwrite ? 0 : da[j]) + dy[j];
        if (a->overwrite)
            for (int64_t j = n; j < cols; j++)
                da[j] = 0;
    }
}

static void forward(tl_node *y)
{
    tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), forward_rows, y);
}

static void backward(tl_node *y)
{
    tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), backward_rows, y);
}

/* The constant does not move. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    return tl_tril(dx[0], attr->diagonal, 0);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    if (attr->value == 0) {
        tl_describe_name(to, "Trilu");
        tl_describe_integer(to, "upper", 0);
    } else {
        tl_describe_number(to, "value", (double)attr->value);
    }
    tl_describe_integer(to, "k", attr->diagonal);
}

static const tl_op op = {
    .name = "tril",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .excludes = true,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_tril(tl_node *a, int64_t diagonal, tl_real value)
{
    const struct attr attr = { diagonal, value };
    return tl_apply(&op, (tl_node *[]){ a }, &attr, sizeof attr);
}
