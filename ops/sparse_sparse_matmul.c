/* sparse_sparse_matmul: Y = A B, all sparse, on the pattern of the cells to which some product contributes.
 * dA += dY B^T at A's pattern;  dB += A^T dY at B's. */
#include "op.h"
#include "ops.h"
#include "parts.h"
#include "product.h"
#include "tangent.h"

/* ---- The pattern ---- */

/* Returns the number of entries of A B, and stores their coordinates, row by row, unless `row` is NULL.
 * last[j] is the last row in which column j was met. */
static int64_t list_entries(tl_csr a, tl_csr b, int32_t *last, int32_t *row, int32_t *col)
{
    int64_t n = 0;
    for (int64_t j = 0; j < b.cols; j++)
        last[j] = -1;
    for (int32_t i = 0; i < a.rows; i++)
        for (int64_t e = a.row_ptr[i]; e < a.row_ptr[i + 1]; e++)
            for (int64_t f = b.row_ptr[a.col[e]]; f < b.row_ptr[a.col[e] + 1]; f++) {
                const int32_t j = b.col[f];
                if (last[j] == i)
                    continue;
                last[j] = i;
                if (row) {
                    row[n] = i;
                    col[n] = j;
                }
                n++;
            }
    return n;
}

static tl_status multiply_patterns(tl_node *y, tl_csr a, tl_csr b, tl_pattern **product)
{
    int32_t *last = tl_scratch(y, b.cols, sizeof *last);
    if (!last)
        return TL_ERR_MEMORY;
    const int64_t n = list_entries(a, b, last, NULL, NULL);
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "the product has %lld entries, of at most %d", (long long)n,
                       INT32_MAX);
    int32_t *row = tl_scratch(y, n, sizeof *row), *col = tl_scratch(y, n, sizeof *col);
    if (!row || !col)
        return TL_ERR_MEMORY;
    list_entries(a, b, last, row, col);
    *product = tl_pattern_from_coo(a.rows, b.cols, n, row, col);
    return *product ? TL_OK : TL_ERR_MEMORY;
}

/* ---- Rows of sums ---- */

/* A matrix by rows, or its transpose, whose value e is values[perm[e]]. */
typedef struct matrix {
    tl_csr at;
    const int32_t *perm; /* NULL: of the matrix itself */
} matrix;

static int64_t value_at(matrix m, int64_t e)
{
    return m.perm ? m.perm[e] : e;
}

/* The rows of `x`, in tasks with an array of a row of Y or, if it is transposed, a column each. */
typedef struct rows {
    const tl_node *y;
    matrix x, of_y, z;
    const tl_real *factors; /* the values of z */
    tl_real *out;
    bool add;
    int64_t tasks;
    void (*body)(const struct rows *r, int64_t begin, int64_t end, double *sums);
} rows;

/* Returns the number of tasks: their arrays have no more elements than Y, or than one row. */
static int64_t count_tasks(int64_t nnz, int64_t width)
{
    enum { MAX_TASKS = 64 };
    return tl_between(nnz / tl_between(width, 1, INT64_MAX), 1, MAX_TASKS);
}

static void run_tasks(void *context, int64_t begin, int64_t end)
{
    const rows *r = context;
    for (int64_t t = begin; t < end; t++) {
        const tl_span span = tl_block_of(t, r->tasks, r->x.at.rows);
        r->body(r, span.begin, span.end, (double *)tl_workspace(r->y) + t * r->of_y.at.cols);
    }
}

static void run(rows r)
{
    r.tasks = count_tasks(r.of_y.at.nnz, r.of_y.at.cols);
    tl_parallel_for(r.tasks, 1, run_tasks, &r);
}

/* Y(i, :) = the sum over k of X(i, k) Z(k, :). */
static void multiply_rows(const rows *r, int64_t begin, int64_t end, double *sums)
{
    const tl_csr x = r->x.at, y = r->of_y.at, z = r->z.at;
    const tl_real *factor = r->y->in[0]->val;
    for (int64_t j = 0; j < y.cols; j++)
        sums[j] = 0;
    for (int64_t i = begin; i < end; i++) {
        for (int64_t e = x.row_ptr[i]; e < x.row_ptr[i + 1]; e++)
            for (int64_t f = z.row_ptr[x.col[e]]; f < z.row_ptr[x.col[e] + 1]; f++)
                sums[z.col[f]] += (double)factor[e] * (double)r->factors[f];
        for (int64_t c = y.row_ptr[i]; c < y.row_ptr[i + 1]; c++) {
            r->out[c] = (tl_real)sums[y.col[c]];
            sums[y.col[c]] = 0;
        }
    }
}

/* dX(i, k) = the sum over j of dY(i, j) Z(k, j), at X's entries: each j of row k of Z is in row i of Y. */
static void gradient_rows(const rows *r, int64_t begin, int64_t end, double *dy)
{
    const tl_csr x = r->x.at, y = r->of_y.at, z = r->z.at;
    for (int64_t i = begin; i < end; i++) {
        for (int64_t c = y.row_ptr[i]; c < y.row_ptr[i + 1]; c++)
            dy[y.col[c]] = (double)r->y->grad[value_at(r->of_y, c)];
        for (int64_t e = x.row_ptr[i]; e < x.row_ptr[i + 1]; e++) {
            tl_real *to = r->out + value_at(r->x, e);
            double sum = 0;
            for (int64_t f = z.row_ptr[x.col[e]]; f < z.row_ptr[x.col[e] + 1]; f++)
                sum += dy[z.col[f]] * (double)r->factors[value_at(r->z, f)];
            *to = (r->add ? *to : 0) + (tl_real)sum;
        }
    }
}

/* ---- The op ---- */

static tl_status reserve(tl_node *y)
{
    const tl_csr c = tl_pattern_csr(y->pattern);
    const int64_t by_row = count_tasks(c.nnz, c.cols) * c.cols, by_col = count_tasks(c.nnz, c.rows) * c.rows;
    return tl_reserve_workspace(y, by_row > by_col ? by_row : by_col, sizeof(double));
}

static tl_status shape(tl_node *y)
{
    tl_pattern *a = y->in[0]->pattern, *b = y->in[1]->pattern, *c = tl_memo_pattern(y, a, b);
    tl_product of;
    tl_status status = tl_product_check(y, TL_NO_TRANSPOSE, &of);
    if (status == TL_OK && !c) {
        status = multiply_patterns(y, tl_pattern_csr(a), tl_pattern_csr(b), &c);
        if (status == TL_OK)
            status = tl_memo_store(y, a, b, c);
    }
    if (status == TL_OK)
        status = tl_shape_sparse(y, c);
    if (status != TL_OK)
        return status;
    if (y->in[1]->requires_grad && /* for its gradient */
        (!tl_pattern_transpose(a, NULL) || !tl_pattern_transpose(b, NULL) || !tl_pattern_transpose(c, NULL)))
        return TL_ERR_MEMORY;
    return reserve(y);
}

static matrix by_rows(const tl_node *a)
{
    return (matrix){ tl_pattern_csr(a->pattern), NULL };
}

static matrix by_columns(const tl_node *a)
{
    const int32_t *perm = NULL;
    const tl_pattern *transpose = tl_pattern_transpose(a->pattern, &perm);
    return (matrix){ tl_pattern_csr(transpose), perm };
}

static void forward(tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    run((rows){ .y = y,
                .x = by_rows(a),
                .of_y = by_rows(y),
                .z = by_rows(b),
                .factors = b->val,
                .out = y->out,
                .body = multiply_rows });
}

/* The gradient of input `of`, from Y and the other. */
static void run_gradient(tl_node *y, const tl_node *of, matrix x, matrix of_y, matrix z,
                         const tl_real *factors)
{
    run((rows){ .y = y,
                .x = x,
                .of_y = of_y,
                .z = z,
                .factors = factors,
                .out = of->grad,
                .add = !of->overwrite,
                .body = gradient_rows });
}

/* dB^T = dY^T A has the form of dA = dY B^T, of transposes. */
static void backward(tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    if (a->grad)
        run_gradient(y, a, by_rows(a), by_rows(y), by_rows(b), b->val);
    if (b->grad)
        run_gradient(y, b, by_columns(b), by_columns(y), by_columns(a), a->val);
}

static const tl_op op = {
    .name = "sparse_sparse_matmul",
    .n_in = 2,
    .in_kind = { TL_SPARSE, TL_SPARSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
};

tl_node *tl_sparse_sparse_matmul(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
