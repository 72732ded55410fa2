/* Sparse variables that change their pattern, and pruning by magnitude. */
#include "graph/internal.h"
#include "lib/sort.h"

#include <math.h>
#include <string.h>

/* Where the value of each entry of `to` stands in `from`, -1 if it is new there. */
static void find_sources(const tl_pattern *from, const tl_pattern *to, int32_t *source)
{
    const int64_t *fp = tl_pattern_row_ptr(from), *tp = tl_pattern_row_ptr(to);
    const int32_t *fc = tl_pattern_col(from), *tc = tl_pattern_col(to);
    for (int64_t i = 0; i < tl_pattern_rows(to); i++)
        for (int64_t e = tp[i], f = fp[i]; e < tp[i + 1]; e++) {
            while (f < fp[i + 1] && fc[f] < tc[e])
                f++;
            source[e] = f < fp[i + 1] && fc[f] == tc[e] ? (int32_t)f : -1;
        }
}

/* The new arrays of a variable: its values, and the slots and ages of every optimizer, in the order of the
 * list. */
typedef struct moved {
    int64_t n, room;
    void **array;
} moved;

static bool take(moved *m, int64_t size, size_t of)
{
    void *array = tl_alloc(size, of);
    if (array)
        m->array[m->n++] = array;
    return array != NULL;
}

static tl_status allocate(moved *m, const tl_variable *v, int64_t nnz)
{
    m->room = 1;
    for (const tl_slots *s = v->slots; s; s = s->next_of_variable)
        m->room += s->n + 1;
    m->array = tl_alloc(m->room, sizeof *m->array);
    bool whole = m->array && take(m, nnz, sizeof(tl_real));
    for (const tl_slots *s = v->slots; whole && s; s = s->next_of_variable) {
        for (int32_t k = 0; whole && s->made && k < s->n; k++)
            whole = take(m, nnz, sizeof(tl_real));
        if (whole && s->age)
            whole = take(m, nnz, sizeof(int32_t));
    }
    return whole ? TL_OK : tl_fail_memory();
}

static tl_real *move_reals(tl_real *to, tl_real *from, int64_t n, const int32_t *source, tl_real fresh)
{
    for (int64_t e = 0; e < n; e++)
        to[e] = source[e] >= 0 ? from[source[e]] : fresh;
    tl_free(from);
    return to;
}

static int32_t *move_ages(int32_t *to, int32_t *from, int64_t n, const int32_t *source)
{
    for (int64_t e = 0; e < n; e++)
        to[e] = source[e] >= 0 ? from[source[e]] : 0;
    tl_free(from);
    return to;
}

/* Moves everything; cannot fail. */
static void move(tl_variable *v, tl_pattern *pattern, const int32_t *source, const moved *m)
{
    const int64_t nnz = tl_pattern_nnz(pattern);
    void **next = m->array;
    v->data = move_reals(*next++, v->data, nnz, source, 0);
    for (tl_slots *s = v->slots; s; s = s->next_of_variable) {
        for (int32_t k = 0; s->made && k < s->n; k++)
            s->slot[k] = move_reals(*next++, s->slot[k], nnz, source, s->start[k]);
        if (s->age)
            s->age = move_ages(*next++, s->age, nnz, source);
    }
    tl_pattern_retain(pattern);
    tl_pattern_release(v->pattern);
    v->pattern = pattern;
    v->size = nnz;
}

static tl_status change(const char *who, tl_variable *v, tl_pattern *pattern,
                        tl_real (*init)(void *context, int64_t row, int64_t col), void *context)
{
    if (!v || !pattern)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, v ? "pattern" : "variable");
    if (!v->sparse)
        return tl_fail(TL_ERR_KIND, "%s: %s is dense; tl_variable_set_mask is for those", who, v->name);
    if (tl_check_mask(who, v, pattern) != TL_OK)
        return TL_ERR_SHAPE;
    const int64_t nnz = tl_pattern_nnz(pattern);
    int32_t *source = tl_alloc(nnz, sizeof *source);
    moved m = { 0 };
    tl_status status = source ? allocate(&m, v, nnz) : tl_fail_memory();
    if (status == TL_OK) {
        find_sources(v->pattern, pattern, source);
        move(v, pattern, source, &m);
        const int64_t *row_ptr = tl_pattern_row_ptr(pattern);
        for (int64_t i = 0; init && i < tl_pattern_rows(pattern); i++)
            for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
                if (source[e] < 0)
                    v->data[e] = init(context, i, tl_pattern_col(pattern)[e]);
    } else {
        for (int64_t k = 0; k < m.n; k++)
            tl_free(m.array[k]);
    }
    tl_free(m.array);
    tl_free(source);
    return status;
}

tl_status tl_variable_set_pattern(tl_variable *v, tl_pattern *pattern)
{
    return change("variable_set_pattern", v, pattern, NULL, NULL);
}

tl_status tl_variable_grow(tl_variable *v, tl_pattern *pattern,
                           tl_real (*init)(void *context, int64_t row, int64_t col), void *context)
{
    return change("variable_grow", v, pattern, init, context);
}

/* ---- Pruning ---- */

/* |w| as an integer that sorts as the magnitude does; a NaN is the largest. */
static uint64_t magnitude(tl_real w)
{
    const double size = fabs((double)w);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    return bits;
}

/* Where the values of row i of v, seen as a matrix, begin; how many exist; and the column of the k-th. */
typedef struct row {
    const tl_real *value;
    const int32_t *col; /* NULL: all columns */
    int64_t n;
    bool packed; /* values lie one after the other, else at their columns */
} row;

static row row_of(const tl_variable *v, int64_t i)
{
    const int64_t cols = tl_shape_cols(v->shape);
    if (!v->pattern)
        return (row){ v->data + i * cols, NULL, cols, true };
    const int64_t *row_ptr = tl_pattern_row_ptr(v->pattern);
    return (row){ v->data + (v->sparse ? row_ptr[i] : i * cols), tl_pattern_col(v->pattern) + row_ptr[i],
                  row_ptr[i + 1] - row_ptr[i], v->sparse };
}

static tl_real value_of(row r, int64_t k)
{
    return r.value[r.packed ? k : r.col[k]];
}

/* The keep_count-th largest magnitude among `count` > keep_count values, and how many of those that equal
 * it are to be kept. */
static tl_status find_threshold(const tl_variable *v, int64_t count, int64_t keep_count, uint64_t *threshold,
                                int64_t *ties)
{
    uint64_t *key = tl_alloc(count, sizeof *key), *spare = tl_alloc(count, sizeof *spare);
    tl_status status = key && spare ? TL_OK : tl_fail_memory();
    if (status == TL_OK) {
        int64_t at = 0;
        for (int64_t i = 0; i < tl_shape_rows(v->shape); i++) {
            row r = row_of(v, i);
            for (int64_t k = 0; k < r.n; k++)
                key[at++] = magnitude(value_of(r, k));
        }
        tl_radix_sort(count, key, spare, 0, 64);
        *threshold = keep_count > 0 ? key[count - keep_count] : UINT64_MAX;
        *ties = 0;
        for (int64_t k = count - keep_count; k < count && key[k] == *threshold; k++)
            ++*ties;
    }
    tl_free(key);
    tl_free(spare);
    return status;
}

/* The pattern of what is kept. */
static tl_pattern *largest(const tl_variable *v, int64_t keep_count, uint64_t threshold, int64_t ties)
{
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    int64_t *row_ptr = tl_alloc_zero(rows + 1, sizeof *row_ptr), n = 0;
    int32_t *col = tl_alloc(keep_count, sizeof *col);
    tl_pattern *p = NULL;
    if (row_ptr && col) {
        for (int64_t i = 0; i < rows; i++) {
            row r = row_of(v, i);
            for (int64_t k = 0; k < r.n; k++) {
                const uint64_t size = magnitude(value_of(r, k));
                if (size > threshold || (size == threshold && ties-- > 0))
                    col[n++] = r.col ? r.col[k] : (int32_t)k;
            }
            row_ptr[i + 1] = n;
        }
        p = tl_pattern_from_csr(rows, cols, row_ptr, col);
    } else {
        tl_fail_memory();
    }
    tl_free(row_ptr);
    tl_free(col);
    return p;
}

tl_status tl_variable_prune_by_magnitude(tl_variable *v, int64_t keep_count)
{
    const char *who = "variable_prune_by_magnitude";
    if (!v)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the variable is NULL", who);
    if (keep_count < 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %lld of %s are to be kept", who, (long long)keep_count, v->name);
    const int64_t count = v->pattern ? tl_pattern_nnz(v->pattern) : v->size;
    if (keep_count >= count)
        return TL_OK;
    tl_variable_data(v); /* brings it up to date */
    uint64_t threshold = 0;
    int64_t ties = 0;
    tl_status status = find_threshold(v, count, keep_count, &threshold, &ties);
    tl_pattern *keep = status == TL_OK ? largest(v, keep_count, threshold, ties) : NULL;
    if (!keep)
        return tl_last_status();
    status = v->sparse ? tl_variable_set_pattern(v, keep) : tl_variable_set_mask(v, keep);
    tl_pattern_release(keep);
    return status;
}
