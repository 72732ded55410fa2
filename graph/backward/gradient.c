/* Checks of (gradient, variable) pairs, which may have been made by the user. */
#include "graph/backward/backward.h"

tl_status tl_check_variables(tl_variable *const *vars, int32_t n)
{
    if (!vars || n < 1)
        return tl_fail(TL_ERR_ARGUMENT, "the list of variables is empty");
    for (int32_t i = 0; i < n; i++) {
        if (!vars[i])
            return tl_fail(TL_ERR_ARGUMENT, "variable %d of the list is NULL", (int)i);
        for (int32_t j = 0; j < i; j++)
            if (vars[i] == vars[j])
                return tl_fail(TL_ERR_ARGUMENT, "variable %s is listed twice, at %d and %d", vars[i]->name,
                               (int)j, (int)i);
    }
    return TL_OK;
}

int64_t tl_gradient_size(const tl_gradient *pair)
{
    if (!pair || !pair->values)
        return 0;
    return pair->rows ? pair->n_rows * tl_row_width(pair->variable) : pair->variable->size;
}

/* Returns the index at which to start looking for a bad row: 0 if some row is out of range or not ascending,
 * otherwise n_rows. No early exit, so that the loop vectorises. */
static int64_t first_to_check(const tl_gradient *pair)
{
    const int64_t n = pair->n_rows, bound = pair->variable->shape.dim[0];
    bool wrong = n > 0 && (pair->rows[0] < 0 || pair->rows[n - 1] >= bound);
    for (int64_t k = 1; k < n; k++)
        wrong |= pair->rows[k] <= pair->rows[k - 1];
    return wrong ? 0 : n;
}

tl_status tl_check_gradient(const tl_graph *g, const tl_gradient *pair)
{
    const tl_variable *v = pair->variable;
    const tl_node *leaf = g && v->sparse ? tl_leaf_of(g, v) : NULL;
    if (leaf && leaf->pattern != v->pattern)
        return tl_fail(TL_ERR_ARGUMENT, "the pattern of %s has changed since its gradient was computed",
                       v->name);
    if (!pair->values || !pair->rows)
        return TL_OK;
    if (v->sparse || v->shape.rank == 0)
        return tl_fail(TL_ERR_KIND, "%s has a row-sparse gradient but is %s", v->name,
                       v->sparse ? "sparse" : "a scalar");
    for (int64_t k = first_to_check(pair); k < pair->n_rows; k++) {
        const int32_t row = pair->rows[k];
        if (row < 0 || row >= v->shape.dim[0])
            return tl_fail(TL_ERR_INDEX, "the gradient of %s: rows[%lld] = %d, %s has %lld rows", v->name,
                           (long long)k, (int)row, v->name, (long long)v->shape.dim[0]);
        if (k > 0 && row <= pair->rows[k - 1])
            return tl_fail(TL_ERR_ARGUMENT, "the gradient of %s: rows[%lld] = %d comes after %d", v->name,
                           (long long)k, (int)row, (int)pair->rows[k - 1]);
    }
    return TL_OK;
}
