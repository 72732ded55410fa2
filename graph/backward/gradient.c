/* Checks of (gradient, variable) pairs, which may have been made by the user. */
#include "graph/backward/backward.h"

static const tl_variable *variable_at(const void *list, size_t stride, int64_t i)
{
    return *(tl_variable *const *)(const void *)((const char *)list + (size_t)i * stride);
}

tl_status tl_find_repeat(tl_graph *g, int32_t n, const void *list, size_t stride, int32_t *first,
                         int32_t *second)
{
    enum { FEW = 32 }; /* compared each with each */
    tl_pointer_map_clear(&g->seen);
    for (*second = 0; *second < n; ++*second) {
        const tl_variable *v = variable_at(list, stride, *second);
        *first = 0;
        if (n <= FEW) {
            while (*first < *second && variable_at(list, stride, *first) != v)
                ++*first;
            if (*first < *second)
                return TL_OK;
            continue;
        }
        const void *before = tl_pointer_map_find(&g->seen, v); /* an index, plus one */
        if (before) {
            *first = (int32_t)((intptr_t)before - 1);
            return TL_OK;
        }
        if (!tl_pointer_map_add(&g->seen, &g->arena, v, (void *)((intptr_t)*second + 1)))
            return tl_fail_memory();
    }
    *second = -1;
    return TL_OK;
}

tl_status tl_check_variables(tl_graph *g, tl_variable *const *vars, int32_t n)
{
    if (!vars || n < 1)
        return tl_fail(TL_ERR_ARGUMENT, "the list of variables is empty");
    for (int32_t i = 0; i < n; i++)
        if (!vars[i])
            return tl_fail(TL_ERR_ARGUMENT, "variable %d of the list is NULL", (int)i);
    int32_t first, second;
    if (tl_find_repeat(g, n, vars, sizeof *vars, &first, &second) != TL_OK)
        return TL_ERR_MEMORY;
    if (second >= 0)
        return tl_fail(TL_ERR_ARGUMENT, "variable %s is listed twice, at %d and %d", vars[second]->name,
                       (int)first, (int)second);
    return TL_OK;
}

tl_status tl_check_pairs(const tl_gradients *g)
{
    if (!g)
        return tl_fail(TL_ERR_ARGUMENT, "there are no gradients");
    if (g->n < 0 || (g->n > 0 && !g->pair))
        return tl_fail(TL_ERR_ARGUMENT, g->n < 0 ? "there are %d pairs" : "the list of %d pairs is NULL",
                       (int)g->n);
    for (int32_t i = 0; i < g->n; i++) {
        const tl_gradient *pair = &g->pair[i];
        if (!pair->variable)
            return tl_fail(TL_ERR_ARGUMENT, "the variable of pair %d is NULL", (int)i);
        if (!pair->values || !pair->rows)
            continue;
        const char *name = pair->variable->name;
        const tl_shape shape = pair->variable->shape;
        const long long n = pair->n_rows,
                        rows = shape.rank > 0 ? shape.dim[0] : n; /* of a scalar: see below */
        if (n < 0)
            return tl_fail(TL_ERR_ARGUMENT, "the gradient of %s has %lld rows", name, n);
        if (n > rows)
            return tl_fail(TL_ERR_ARGUMENT, "the gradient of %s has %lld rows, %s has %lld", name, n, name,
                           rows);
    }
    return TL_OK;
}

int64_t tl_gradient_size(const tl_gradient *pair)
{
    if (!pair || !pair->values || !pair->variable)
        return 0;
    if (!pair->rows)
        return pair->variable->size;
    const int64_t width = tl_row_width(pair->variable);
    return pair->n_rows > 0 && width <= INT64_MAX / pair->n_rows ? pair->n_rows * width : 0;
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
