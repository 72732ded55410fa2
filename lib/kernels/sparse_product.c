/* One layout inside, features as rows: what lies by sample is transposed on its way in and out. */
#include "sparse_product.h"
#include "kernels.h"
#include "parallel.h"

int64_t tl_sparse_product_rows(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_cols(p->pattern) : tl_pattern_rows(p->pattern);
}

int64_t tl_sparse_product_depth(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_rows(p->pattern) : tl_pattern_cols(p->pattern);
}

tl_status tl_sparse_product_prepare(const tl_sparse_product *p)
{
    return tl_pattern_transpose(p->pattern, NULL) ? TL_OK : TL_ERR_MEMORY;
}

/* How many rows make a piece of work that is worth a thread. */
static int64_t grain(int64_t rows, int64_t nnz, int64_t n)
{
    const double piece = 1 << 16;
    double per_row = rows > 0 ? ((double)nnz / (double)rows + 1) * (double)n : 1;
    return 1 + (int64_t)(piece / (per_row + 1));
}

typedef struct product {
    const tl_pattern *pattern;
    const int32_t *order;
    const tl_real *values, *a, *b;
    tl_real *out;
    int64_t n;
    bool add;
} product;

static void spmm_rows(void *context, int64_t begin, int64_t end)
{
    const product *c = context;
    tl_kernel_table()->spmm(begin, end, c->n, tl_pattern_row_ptr(c->pattern), tl_pattern_col(c->pattern),
                            c->order, c->values, c->a, c->out, c->add);
}

/* out = W x or W^T x, features as rows */
static void spmm(const tl_pattern *s, bool transposed, int64_t n, const tl_real *values, const tl_real *x,
                 tl_real *out, bool add)
{
    const int32_t *order = NULL;
    const tl_pattern *w = transposed ? tl_pattern_transpose(s, &order) : s;
    product c = { .pattern = w, .order = order, .values = values, .a = x, .out = out, .n = n, .add = add };
    int64_t rows = tl_pattern_rows(w);
    tl_parallel_for(rows, grain(rows, tl_pattern_nnz(w), n), spmm_rows, &c);
}

static void sddmm_rows(void *context, int64_t begin, int64_t end)
{
    const product *c = context;
    tl_kernel_table()->sddmm(begin, end, c->n, tl_pattern_row_ptr(c->pattern), tl_pattern_col(c->pattern),
                             c->a, c->b, c->out);
}

void tl_sparse_product_forward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                               tl_real *y)
{
    const tl_kernels *kernel = tl_kernel_table();
    int64_t rows = tl_sparse_product_rows(p), depth = tl_sparse_product_depth(p);
    if (p->x_by_sample) {
        kernel->transpose(p->n, depth, x, p->x_scratch, false);
        x = p->x_scratch;
    }
    spmm(p->pattern, p->transposed, p->n, values, x, p->y_by_sample ? p->y_scratch : y, false);
    if (p->y_by_sample)
        kernel->transpose(rows, p->n, p->y_scratch, y, false);
}

void tl_sparse_product_backward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                                const tl_real *dy, tl_real *dvalues, tl_real *dx)
{
    const tl_kernels *kernel = tl_kernel_table();
    int64_t rows = tl_sparse_product_rows(p), depth = tl_sparse_product_depth(p);
    if (p->y_by_sample) {
        kernel->transpose(p->n, rows, dy, p->y_scratch, false);
        dy = p->y_scratch;
    }
    if (dvalues) {
        if (p->x_by_sample) {
            kernel->transpose(p->n, depth, x, p->x_scratch, false);
            x = p->x_scratch;
        }
        /* entry (i, j) of S joins row i of one factor with row j of the other */
        product c = { .pattern = p->pattern,
                      .a = p->transposed ? x : dy,
                      .b = p->transposed ? dy : x,
                      .out = dvalues,
                      .n = p->n };
        int64_t s_rows = tl_pattern_rows(p->pattern);
        tl_parallel_for(s_rows, grain(s_rows, tl_pattern_nnz(p->pattern), p->n), sddmm_rows, &c);
    }
    if (dx) {
        spmm(p->pattern, !p->transposed, p->n, values, dy, p->x_by_sample ? p->x_scratch : dx,
             !p->x_by_sample);
        if (p->x_by_sample)
            kernel->transpose(depth, p->n, p->x_scratch, dx, true);
    }
}
