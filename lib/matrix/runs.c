/* Products with overlapping rows: drivers of the sparse kernels, tile by tile along the runs. */
#include "runs.h"
#include "lib/kernels/kernels.h"

tl_status tl_runs_prepare(const tl_runs *r, bool backward)
{
    if (!r || !r->pattern || !r->run || !r->entry_run)
        return tl_fail(TL_ERR_ARGUMENT, "runs_prepare: %s", !r ? "the runs are NULL" : "an array is NULL");
    const tl_csr s = tl_pattern_csr(r->pattern);
    for (int64_t e = 0; e < s.nnz; e++)
        r->entry_run[e] = r->run[s.col[e]];
    return !backward || tl_pattern_transpose(r->pattern, NULL) ? TL_OK : TL_ERR_MEMORY;
}

static int64_t tile_width(int64_t left)
{
    const int64_t widest = TL_TILE_VECS * tl_kernel_table()->lanes;
    return left < widest ? left : widest;
}

void tl_runs_forward(const tl_runs *r, int64_t begin, int64_t end, int64_t n, const tl_real *values,
                     const tl_real *x, tl_real *y, int64_t ldy)
{
    const tl_csr of = tl_pattern_csr(r->pattern);
    const tl_sparse s = { .rows = of.rows, .row_ptr = of.row_ptr, .col = r->entry_run, .values = values };
    for (int64_t j = 0; j < n; j += tile_width(n - j))
        tl_kernel_table()->spmm(&s, begin, end, tile_width(n - j), (tl_dense){ x + j, 1 },
                                (tl_dense_out){ y + j, ldy }, false);
}

/* Row k of the transpose, for `width` values from value j of its run on. */
static void backward_row(const tl_sparse *s, int64_t k, int64_t at, int64_t width, tl_dense dy,
                         const tl_runs_gradients *o)
{
    const tl_kernels *kernel = tl_kernel_table();
    const tl_dense x = { o->dvalues ? o->x + at : NULL, 0 };
    const tl_dense_out dx = { o->dx ? o->dx + at : NULL, 0 };
    if (o->dvalues && o->dx)
        kernel->spmm_sddmm(s, k, k + 1, width, x, dy, dx, true, o->dvalues, true);
    else if (o->dx)
        kernel->spmm(s, k, k + 1, width, dy, dx, true);
    else
        kernel->sddmm(s, k, k + 1, width, x, dy, o->dvalues, true);
}

void tl_runs_backward(const tl_runs *r, int64_t begin, int64_t end, int64_t n, const tl_runs_gradients *o)
{
    tl_sparse s = { .values = o->values };
    const tl_csr of = tl_pattern_csr(tl_pattern_transpose(r->pattern, &s.perm));
    s.rows = of.rows;
    s.row_ptr = of.row_ptr;
    s.col = of.col;
    if (!o->dvalues && !o->dx)
        return;
    for (int64_t j = 0; j < n; j += tile_width(n - j))
        for (int64_t k = begin; k < end; k++)
            if (s.row_ptr[k] < s.row_ptr[k + 1])
                backward_row(&s, k, r->run[k] + j, tile_width(n - j), (tl_dense){ o->dy + j, o->lddy }, o);
}
