/* Sets gradients of any kind to 0 off a pattern, for permanent masks and for tl_mask_gradients. */
#include "graph/backward/backward.h"

/* The gradient of a sparse variable. Columns ascend within a row of both patterns, so one walk suffices. */
static void restrict_sparse(tl_real *values, tl_csr own, tl_csr keep)
{
    for (int64_t i = 0; i < own.rows; i++)
        for (int64_t e = own.row_ptr[i], f = keep.row_ptr[i]; e < own.row_ptr[i + 1]; e++) {
            while (f < keep.row_ptr[i + 1] && keep.col[f] < own.col[e])
                f++;
            if (f == keep.row_ptr[i + 1] || keep.col[f] != own.col[e])
                values[e] = 0;
        }
}

/* A row-sparse gradient. If the variable has more than two dimensions, a row of the table is several rows of
 * the mask. */
static void restrict_rows(const tl_gradient *pair, const tl_pattern *keep)
{
    const int64_t width = tl_row_width(pair->variable), cols = tl_pattern_cols(keep);
    for (int64_t k = 0; k < pair->n_rows; k++)
        for (int64_t j = 0; j < width; j++) {
            const int64_t cell = pair->rows[k] * width + j;
            if (tl_pattern_find(keep, cell / cols, (int32_t)(cell % cols)) < 0)
                pair->values[k * width + j] = 0;
        }
}

static void restrict_dense(const tl_graph *g, const tl_gradient *pair, const tl_pattern *keep)
{
    tl_node *leaf = g ? tl_leaf_of(g, pair->variable) : NULL;
    tl_fill_off_pattern(pair->values, TL_REAL, keep, 0);
    if (leaf && leaf->grad == pair->values)
        leaf->restricted = true;
}

void tl_restrict_gradient(const tl_graph *g, const tl_gradient *pair, const tl_pattern *keep)
{
    if (!pair->values)
        return;
    if (pair->variable->sparse)
        restrict_sparse(pair->values, tl_pattern_csr(pair->variable->pattern), tl_pattern_csr(keep));
    else if (pair->rows)
        restrict_rows(pair, keep);
    else
        restrict_dense(g, pair, keep);
}
