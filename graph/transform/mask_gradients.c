/* The restriction of a gradient to a pattern, by the permanent mask of a variable or as a transform. */
#include "transform.h"
#include "graph/internal.h"
#include "graph/optim/update.h"

/* A sparse variable's gradient: both patterns ascend within a row, so they are walked side by side. */
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

/* A row-sparse gradient: each value has a place in the table, which the mask has or has not. */
static void restrict_rows(const tl_gradient *pair, const tl_pattern *keep)
{
    const int64_t width = tl_row_width(pair->variable), cols = tl_pattern_cols(keep);
    for (int64_t k = 0; k < pair->n_rows; k++)
        for (int64_t j = 0; j < width; j++) {
            int64_t place = pair->rows[k] * width + j;
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
        tl_fill_off_pattern(pair->values, keep, 0);
}

tl_status tl_mask_gradients(tl_gradients *g, void *context)
{
    const tl_gradient_masks *masks = context;
    const char *who = "mask_gradients";
    if (!masks || (masks->n > 0 && !masks->mask))
        return tl_fail(TL_ERR_ARGUMENT, "%s: the context is not a tl_gradient_masks", who);
    for (int32_t m = 0; m < masks->n; m++) {
        const tl_gradient_mask *mask = &masks->mask[m];
        if (!mask->variable || !mask->keep)
            return tl_fail(TL_ERR_ARGUMENT, "%s: the %s of mask %d is NULL", who,
                           mask->variable ? "pattern" : "variable", (int)m);
        if (tl_check_mask(who, mask->variable, mask->keep) != TL_OK)
            return TL_ERR_SHAPE;
    }
    for (int32_t m = 0; m < masks->n; m++)
        for (int32_t i = 0; i < g->n; i++)
            if (g->pair[i].variable == masks->mask[m].variable)
                tl_restrict_gradient(&g->pair[i], masks->mask[m].keep);
    return TL_OK;
}
