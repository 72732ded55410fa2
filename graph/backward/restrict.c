/* A gradient of any kind, set to 0 off a pattern: on behalf of a permanent mask, or as a transform. */
#include "graph/backward/backward.h"

/* The gradient of a sparse variable. Columns ascend within a row of both patterns, which are walked side by
 * side. */
static void restrict_sparse(tl_real *values, const tl_pattern *own, const tl_pattern *keep)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(own), *keep_ptr = tl_pattern_row_ptr(keep);
    const int32_t *col = tl_pattern_col(own), *keep_col = tl_pattern_col(keep);
    for (int64_t i = 0; i < tl_pattern_rows(own); i++)
        for (int64_t e = row_ptr[i], f = keep_ptr[i]; e < row_ptr[i + 1]; e++) {
            while (f < keep_ptr[i + 1] && keep_col[f] < col[e])
                f++;
            if (f == keep_ptr[i + 1] || keep_col[f] != col[e])
                values[e] = 0;
        }
}

/* A row-sparse gradient. A row of the table is not a row of the mask where the variable has more than two
 * dimensions. */
static void restrict_rows(const tl_gradient *pair, const tl_pattern *keep)
{
    const int64_t width = tl_row_width(pair->variable), cols = tl_pattern_cols(keep);
    for (int64_t k = 0; k < pair->n_rows; k++)
        for (int64_t j = 0; j < width; j++) {
            const int64_t place = pair->rows[k] * width + j;
            if (tl_pattern_find(keep, place / cols, (int32_t)(place % cols)) < 0)
                pair->values[k * width + j] = 0;
        }
}

void tl_restrict_gradient(const tl_gradient *pair, const tl_pattern *keep)
{
    if (!pair->values)
        return;
    if (pair->variable->sparse)
        restrict_sparse(pair->values, pair->variable->pattern, keep);
    else if (pair->rows)
        restrict_rows(pair, keep);
    else
        tl_fill_off_pattern(pair->values, TL_REAL, keep, 0);
}
