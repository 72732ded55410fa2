/* The permanent mask of a dense variable: off the mask, its values and all its companions are +0. */
#include "graph/variable/variable_private.h"
#include "lib/search.h"

#include <math.h>

size_t tl_element_size(tl_element element)
{
    return element == TL_REAL ? sizeof(tl_real) : element == TL_INT32 ? sizeof(int32_t) : sizeof(int64_t);
}

void tl_fill(void *data, tl_element element, int64_t at, int64_t n, tl_real value)
{
    switch (element) {
    case TL_REAL:
        for (int64_t k = at; k < at + n; k++)
            ((tl_real *)data)[k] = value;
        break;
    case TL_INT32:
        for (int64_t k = at; k < at + n; k++)
            ((int32_t *)data)[k] = (int32_t)value;
        break;
    case TL_INT64:
        for (int64_t k = at; k < at + n; k++)
            ((int64_t *)data)[k] = (int64_t)value;
        break;
    }
}

void tl_fill_off_pattern(void *data, tl_element element, const tl_pattern *keep, tl_real value)
{
    const tl_csr s = tl_pattern_csr(keep);
    for (int64_t i = 0; i < s.rows; i++) {
        int64_t j = 0; /* the first column after the last entry */
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++) {
            tl_fill(data, element, i * s.cols + j, s.col[e] - j, value);
            j = s.col[e] + 1;
        }
        tl_fill(data, element, i * s.cols + j, s.cols - j, value);
    }
}

/* Returns the number of values that are not +0. */
static int64_t count_set(const tl_real *x, int64_t n)
{
    int32_t count = 0; /* of at most a row's columns */
    for (int64_t k = 0; k < n; k++)
        count += (x[k] != 0) | (signbit(x[k]) != 0);
    return count;
}

/* Sets columns begin .. end-1 of a row to +0, except at its entries from e on. */
static void clear_row(tl_real *row, const tl_csr *keep, int64_t e, int64_t last, int64_t begin, int64_t end)
{
    for (; e < last && keep->col[e] < end; e++) {
        tl_fill(row, TL_REAL, begin, keep->col[e] - begin, 0);
        begin = keep->col[e] + 1;
    }
    tl_fill(row, TL_REAL, begin, end - begin, 0);
}

/* Counts first: as a rule, all values that are not +0 are at entries. */
void tl_clear_off_mask(tl_variable *v, int64_t at, int64_t n)
{
    const tl_csr keep = tl_pattern_csr(v->pattern);
    if (n <= 0 || keep.cols == 0)
        return;
    for (int64_t i = at / keep.cols; i * keep.cols < at + n; i++) {
        tl_real *row = v->data + i * keep.cols;
        const int64_t from = at - i * keep.cols, to = at + n - i * keep.cols, last = keep.row_ptr[i + 1];
        const int64_t begin = from > 0 ? from : 0, end = to < keep.cols ? to : keep.cols;
        const int64_t first = tl_lower_bound(keep.col, keep.row_ptr[i], last, begin);
        int64_t off = count_set(row + begin, end - begin);
        for (int64_t e = first; e < last && keep.col[e] < end; e++)
            off -= (row[keep.col[e]] != 0) | (signbit(row[keep.col[e]]) != 0);
        if (off > 0)
            clear_row(row, &keep, first, last, begin, end);
    }
}

tl_status tl_check_pattern_shape(const char *who, const tl_variable *v, const tl_pattern *p)
{
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    if (tl_pattern_rows(p) != rows || tl_pattern_cols(p) != cols)
        return tl_fail(TL_ERR_SHAPE, "%s: a pattern of %lldx%lld for %s, which is %s", who,
                       (long long)tl_pattern_rows(p), (long long)tl_pattern_cols(p), v->name,
                       tl_shape_text(v->shape).text);
    return TL_OK;
}

/* Applies a new mask to a companion. Off the old mask everything is 0, so that a connection that comes back
 * must be set to its initial element. */
static void mask_companion(tl_companion *c, const tl_pattern *old, const tl_pattern *keep)
{
    for (int32_t k = 0; k < c->n_arrays; k++) {
        const tl_companion_array *a = &c->array[k];
        if (!a->data || a->per_row)
            continue;
        if (old)
            tl_fill_off_pattern(a->data, a->element, old, a->start);
        if (keep)
            tl_fill_off_pattern(a->data, a->element, keep, 0);
    }
}

tl_status tl_variable_set_mask(tl_variable *v, tl_pattern *keep)
{
    const char *who = "variable_set_mask";
    if (!v)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the variable is NULL", who);
    if (v->sparse)
        return tl_fail(TL_ERR_KIND, "%s: %s is sparse; its pattern is its mask", who, v->name);
    if (keep && tl_check_pattern_shape(who, v, keep) != TL_OK)
        return TL_ERR_SHAPE;
    tl_before_read(v, 0, NULL);
    v->changes++;
    for (tl_companion *c = v->companions; c; c = c->next)
        mask_companion(c, v->pattern, keep);
    if (keep)
        tl_fill_off_pattern(v->data, TL_REAL, keep, 0);
    tl_pattern_retain(keep);
    tl_pattern_release(v->pattern);
    v->pattern = keep;
    return TL_OK;
}
