/* An op that reads rows of a table, whose gradient is row-sparse, and its test. */
#include <stdio.h>
#include <tulle/describe.h>
#include <tulle/op_check.h>
#include <tulle/tangent.h>
#include <tulle/tulle.h>

/* row_differences: Y(i, :) = T(head_i, :) - T(tail_i, :), for pairs of rows of a table: the ratings of two
 * players of a game, or two entities of a knowledge graph.
 * dT(head_i, :) += dY(i, :);  dT(tail_i, :) -= dY(i, :). */

struct attr {
    int64_t n;           /* of pairs */
    const int32_t *rows; /* [2 n]: head_0, tail_0, head_1 .. */
};

/* The data that backward passes on. */
struct saved {
    int32_t *source; /* of each row: its row of dY, .. */
    tl_real *coef;   /* .. and its sign */
};

static tl_status save(tl_node *y, int64_t n)
{
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s || !(s->source = tl_scratch(y, n, sizeof *s->source)) ||
        !(s->coef = tl_scratch(y, n, sizeof *s->coef)))
        return TL_ERR_MEMORY;
    for (int64_t k = 0; k < n; k++) {
        s->source[k] = (int32_t)(k / 2);
        s->coef[k] = k % 2 ? -1 : 1;
    }
    return TL_OK;
}

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_node *table = y->in[0];
    if (table->shape.rank != 2)
        return tl_fail(TL_ERR_SHAPE, "the table is %s, and must be a matrix", tl_node_text(table).text);
    if (attr->n < 0 || attr->n > INT32_MAX / 2)
        return tl_fail(TL_ERR_ARGUMENT, "the number of pairs, %lld, is not in 0..%d", (long long)attr->n,
                       INT32_MAX / 2);
    tl_status status = tl_copy_rows(y, 0, "rows", 2 * attr->n, attr->rows, &attr->rows);
    if (status == TL_OK && y->requires_grad) /* backward may run */
        status = save(y, 2 * attr->n);
    return status == TL_OK ? tl_shape_dense(y, TL_SHAPE(attr->n, table->shape.dim[1])) : status;
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct attr *attr = y->attr;
    const int64_t width = y->shape.dim[1];
    for (int64_t i = begin; i < end; i++) {
        const tl_real *head = y->in[0]->val + attr->rows[2 * i] * width;
        const tl_real *tail = y->in[0]->val + attr->rows[2 * i + 1] * width;
        for (int64_t j = 0; j < width; j++)
            y->out[i * width + j] = head[j] - tail[j];
    }
}

static void forward(tl_node *y)
{
    tl_parallel_rows(y->shape.dim[0], y->shape.dim[1], forward_rows, y);
}

static void backward(tl_node *y)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    tl_add_rows(y, 0, 2 * attr->n, attr->rows, s->source, s->coef, y->grad);
}

static tl_node *row_differences(tl_node *table, int64_t n, const int32_t *rows);

/* The op is linear in the table, and reads what moves of it. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    const int32_t *at;
    tl_node *moved = tl_moved_rows(dx[0], 2 * attr->n, attr->rows, NULL, &at);
    return row_differences(moved, attr->n, at);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_integer(to, "pairs", ((const struct attr *)y->attr)->n);
}

static const tl_op op = {
    .name = "row_differences",
    .n_in = 1,
    .in_kind = { TL_ROWS },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

static tl_node *row_differences(tl_node *table, int64_t n, const int32_t *rows)
{
    return tl_apply(&op, (tl_node *[]){ table }, &(struct attr){ n, rows }, sizeof(struct attr));
}

/* ---- The test ---- */

static tl_node *call(tl_node *const *in, const void *attr)
{
    const struct attr *a = attr;
    return row_differences(in[0], a->n, a->rows);
}

static tl_shape reference(tl_reference *r)
{
    const struct attr *attr = r->attr;
    const int64_t width = r->shape[0].dim[1];
    for (int64_t k = 0; k < attr->n * width; k++) {
        const int64_t head = attr->rows[k / width * 2], tail = attr->rows[k / width * 2 + 1];
        r->y[k] = r->in[0][head * width + k % width] - r->in[0][tail * width + k % width];
    }
    return TL_SHAPE(attr->n, width);
}

static const int32_t rows[] = { 3, 0, 1, 3, 2, 2, 0, 1 };
static const struct attr games = { 4, rows }, too_many = { 1 << 30, rows }, missing = { 1, NULL };

static const tl_sample samples[] = {
    { .in = { TL_DENSE_OPERAND(5, 3) }, .attr = &games },
    { .in = { TL_DENSE_OPERAND(4, 1) }, .attr = &games },
    { .in = { TL_DENSE_OPERAND(4, 9000) }, .attr = &games },
    {
        .in = { TL_DENSE_OPERAND(3, 2) },
        .attr = &games,
        .status = TL_ERR_INDEX,
        .error = "rows[0] = 3, table a (3x2) has 3 rows",
    },
    {
        .in = { TL_DENSE_OPERAND(3) },
        .attr = &games,
        .status = TL_ERR_SHAPE,
        .error = "the table is a [3], and must be a matrix",
    },
    {
        .in = { TL_DENSE_OPERAND(3, 2) },
        .attr = &too_many,
        .status = TL_ERR_ARGUMENT,
        .error = "the number of pairs, 1073741824, is not in 0..1073741823",
    },
    {
        .in = { TL_DENSE_OPERAND(3, 2) },
        .attr = &missing,
        .status = TL_ERR_ARGUMENT,
        .error = "rows is NULL",
    },
};

int main(void)
{
    const tl_op_case c = {
        .name = "row_differences",
        .n_in = 1,
        .op = call,
        .reference = reference,
        .sample = samples,
        .n_samples = sizeof samples / sizeof *samples,
        .skip = TL_SKIP(TL_STAGE_PLACE), /* rows are numbered from the table's first */
    };
    if (tl_check_op(&c) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    puts("row_differences: every stage holds");
    return 0;
}
