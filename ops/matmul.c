/* matmul: Y = op(A) op(B), of the matrices in the last two dimensions, broadcast along the leading ones.
 * dA += dY op(B)^T, transposed as A is;  dB += op(A)^T dY, transposed as B is;  each summed over the matrices
 * that it was repeated to. */
#include "ops.h"
#include "product.h"
#include "tangent.h"

#include <string.h>

_Static_assert(TL_MAX_RANK == 4, "matrices have two leading dimensions");

/* The products of one call: y[0] x y[1] of them, each m x n from m x k and k x n. */
typedef struct batch {
    bool transposed[2]; /* A, B */
    int64_t m, n, k;
    int64_t in[2][2], y[2]; /* the numbers of matrices of A, B and Y along the leading dimensions */
} batch;

/* Return the rows and columns of a matrix: of a vector, a row. */
static int64_t rows_of(const tl_shape *s)
{
    return s->rank < 2 ? 1 : s->dim[s->rank - 2];
}

static int64_t cols_of(const tl_shape *s)
{
    return s->dim[s->rank - 1];
}

static tl_status check_sizes(const tl_node *y, tl_trans t, batch *p)
{
    const tl_shape *a = &y->in[0]->shape, *b = &y->in[1]->shape;
    if ((int)t < TL_NO_TRANSPOSE || (int)t > TL_TRANSPOSE_BOTH)
        return tl_fail(TL_ERR_ARGUMENT, "%d is not a tl_trans", (int)t);
    if (a->rank == 0 || b->rank == 0)
        return tl_product_fail(y, t, "the %s is a scalar", a->rank == 0 ? "first" : "second");
    const bool a_transposed = t & TL_TRANSPOSE_A, b_transposed = t & TL_TRANSPOSE_B;
    if ((a_transposed && a->rank == 1) || (b_transposed && b->rank == 1))
        return tl_product_fail(y, t, "the %s is a vector, and cannot be transposed",
                               a_transposed && a->rank == 1 ? "first" : "second");
    /* as the second operand, the row that a vector is has to be a column */
    p->transposed[0] = a_transposed;
    p->transposed[1] = b_transposed || b->rank == 1;
    p->m = a_transposed ? cols_of(a) : rows_of(a);
    p->k = a_transposed ? rows_of(a) : cols_of(a);
    p->n = p->transposed[1] ? rows_of(b) : cols_of(b);
    const int64_t k = p->transposed[1] ? cols_of(b) : rows_of(b);
    return p->k == k ? TL_OK : tl_product_fail(y, t, "%lld is not %lld", (long long)p->k, (long long)k);
}

/* Broadcasts the leading dimensions. */
static tl_status check_leading(const tl_node *y, tl_trans t, batch *p)
{
    for (int i = 0; i < 2; i++) {
        const tl_shape *s = &y->in[i]->shape;
        p->in[i][0] = s->rank == 4 ? s->dim[0] : 1;
        p->in[i][1] = s->rank >= 3 ? s->dim[s->rank - 3] : 1;
    }
    for (int d = 0; d < 2; d++) {
        const int64_t a = p->in[0][d], b = p->in[1][d];
        if (a != b && a != 1 && b != 1)
            return tl_product_fail(y, t, "the leading sizes %lld and %lld differ", (long long)a,
                                   (long long)b);
        p->y[d] = a == 1 ? b : a;
    }
    return TL_OK;
}

/* Returns the shape of Y, which has no dimension for a vector. */
static tl_shape shape_of(const batch *p, int32_t a_rank, int32_t b_rank)
{
    const int32_t rank = a_rank > b_rank ? a_rank : b_rank;
    tl_shape y = { .rank = 0 };
    for (int32_t d = 4 - rank; d < 2; d++)
        y.dim[y.rank++] = p->y[d];
    if (a_rank > 1)
        y.dim[y.rank++] = p->m;
    if (b_rank > 1)
        y.dim[y.rank++] = p->n;
    return y;
}

static tl_status shape(tl_node *y)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    batch *p = y->scratch = tl_scratch(y, 1, sizeof *p);
    if (!p)
        return TL_ERR_MEMORY;
    tl_status status = check_sizes(y, t, p);
    if (status == TL_OK)
        status = check_leading(y, t, p);
    if (status != TL_OK)
        return status;
    const tl_shape result = shape_of(p, y->in[0]->shape.rank, y->in[1]->shape.rank);
    if (p->in[1][0] * p->in[1][1] == 1 && !p->transposed[0]) {
        p->m = tl_shape_rows(y->in[0]->shape); /* all rows of A as one matrix */
        p->y[0] = p->y[1] = 1;
    }
    return tl_shape_dense(y, result);
}

/* ---- The matrices ---- */

/* Returns op(X), as a view, of matrix (i, j) of Y for X = input `which`. */
static tl_matrix operand(const tl_node *y, int which, int64_t i, int64_t j)
{
    const batch *p = y->scratch;
    const int64_t *count = p->in[which];
    const int64_t at = (count[0] == 1 ? 0 : i) * count[1] + (count[1] == 1 ? 0 : j);
    const int64_t depth = p->k, other = which == 0 ? p->m : p->n;
    const bool by_depth = p->transposed[which] == (which == 1); /* its rows are `depth` long */
    const tl_matrix x = tl_matrix_rows(y->in[which]->val + at * depth * other, by_depth ? depth : other);
    return p->transposed[which] ? tl_matrix_transposed(x) : x;
}

static void multiply(const tl_node *y, int64_t i, int64_t j)
{
    const batch *p = y->scratch;
    tl_gemm(p->m, p->n, p->k, operand(y, 0, i, j), operand(y, 1, i, j),
            y->out + (i * p->y[1] + j) * p->m * p->n, false);
}

static void forward_matrices(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const batch *p = y->scratch;
    for (int64_t at = begin; at < end; at++)
        multiply(y, at / p->y[1], at % p->y[1]);
}

/* The gradient of a matrix of A, or of B, by matrix (i, j) of Y. */
static void add_gradient(const tl_node *y, int which, int64_t i, int64_t j, tl_real *to, bool add)
{
    const batch *p = y->scratch;
    const tl_matrix dy = tl_matrix_rows(y->grad + (i * p->y[1] + j) * p->m * p->n, p->n);
    const tl_matrix dy_t = tl_matrix_transposed(dy), other = operand(y, 1 - which, i, j);
    if (which == 0 && p->transposed[0])
        tl_gemm(p->k, p->m, p->n, other, dy_t, to, add);
    else if (which == 0)
        tl_gemm(p->m, p->k, p->n, dy, tl_matrix_transposed(other), to, add);
    else if (p->transposed[1])
        tl_gemm(p->n, p->k, p->m, dy_t, other, to, add);
    else
        tl_gemm(p->k, p->n, p->m, tl_matrix_transposed(other), dy, to, add);
}

/* Matrix `at` of an input has the gradients of all matrices of Y that it was repeated to, in their order. */
static void sum_gradients(const tl_node *y, int which, int64_t at)
{
    const batch *p = y->scratch;
    const int64_t *count = p->in[which], size = p->k * (which == 0 ? p->m : p->n);
    const int64_t begin[2] = { at / count[1], at % count[1] };
    const int64_t end[2] = { count[0] == 1 ? p->y[0] : begin[0] + 1, count[1] == 1 ? p->y[1] : begin[1] + 1 };
    tl_real *to = y->in[which]->grad + at * size;
    bool add = !y->in[which]->overwrite;
    if (!add && (p->y[0] == 0 || p->y[1] == 0) && size > 0) /* it was repeated to nothing */
        memset(to, 0, (size_t)size * sizeof *to);
    for (int64_t i = begin[0]; i < end[0]; i++)
        for (int64_t j = begin[1]; j < end[1]; j++) {
            add_gradient(y, which, i, j, to, add);
            add = true;
        }
}

static void backward_a(void *context, int64_t begin, int64_t end)
{
    for (int64_t at = begin; at < end; at++)
        sum_gradients(context, 0, at);
}

static void backward_b(void *context, int64_t begin, int64_t end)
{
    for (int64_t at = begin; at < end; at++)
        sum_gradients(context, 1, at);
}

/* Runs the body over n matrices: in tasks of whole ones if there are enough for the threads, otherwise one
 * after the other, each on all threads. */
static void run(tl_node *y, const int64_t *count, void (*body)(void *context, int64_t begin, int64_t end))
{
    enum { PRODUCTS_OF_TASK = 1 << 18 };
    const batch *p = y->scratch;
    const int64_t n = count[0] * count[1];
    if (n < tl_num_threads())
        body(y, 0, n);
    else
        tl_parallel_for(n, 1 + (int64_t)(PRODUCTS_OF_TASK / (1 + (double)p->m * (double)p->n * (double)p->k)),
                        body, y);
}

static bool is_one(const batch *p)
{
    return p->y[0] == 1 && p->y[1] == 1;
}

static void forward(tl_node *y)
{
    const batch *p = y->scratch;
    if (is_one(p))
        multiply(y, 0, 0);
    else
        run(y, p->y, forward_matrices);
}

static void backward(tl_node *y)
{
    static void (*const body[])(void *context, int64_t begin, int64_t end) = { backward_a, backward_b };
    const batch *p = y->scratch;
    for (int i = 0; i < 2; i++) {
        const tl_node *in = y->in[i];
        if (in->grad && is_one(p))
            add_gradient(y, i, 0, 0, in->grad, !in->overwrite);
        else if (in->grad)
            run(y, p->in[i], body[i]);
    }
}

static void describe(const tl_node *y, tl_description *to)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    if (t == TL_NO_TRANSPOSE)
        tl_describe_name(to, "MatMul");
    else if (y->in[0]->shape.rank == 2 && y->in[1]->shape.rank == 2)
        tl_describe_name(to, "Gemm");
    tl_describe_trans(to, t);
}

static const tl_op op = {
    .name = "matmul",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
};

tl_node *tl_matmul(tl_node *a, tl_node *b)
{
    return tl_matmul_transposed(a, b, TL_NO_TRANSPOSE);
}

tl_node *tl_matmul_transposed(tl_node *a, tl_node *b, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, &t, sizeof t);
}
