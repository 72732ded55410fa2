/* Pruning by magnitude. Of the whole variable: a radix sort of all magnitudes gives a threshold, and the
 * connections above it make the new pattern. Within groups of neighbours: a heap finds the largest. */
#include "graph/variable/variable_private.h"
#include "lib/largest.h"
#include "lib/memory.h"
#include "lib/sort.h"
#include "lib/status_private.h"

#include <math.h>
#include <string.h>

/* Returns |w| as an integer that sorts in the same order; a NaN is the largest. */
static uint64_t magnitude(tl_real w)
{
    const double size = fabs((double)w);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    return bits;
}

/* The n existing connections of a row of the variable, seen as a matrix. */
typedef struct row {
    int64_t n;
    const int32_t *col; /* NULL: all columns */
    const tl_real *value;
    bool packed; /* value k belongs to connection k; otherwise to column k */
} row;

/* `value` is laid out as the variable's values are. */
static row row_of(const tl_variable *v, const tl_real *value, int64_t i)
{
    const int64_t cols = tl_shape_cols(v->shape);
    if (!v->pattern)
        return (row){ .n = cols, .value = value + i * cols, .packed = true };
    const tl_csr s = tl_pattern_csr(v->pattern);
    return (row){
        .n = s.row_ptr[i + 1] - s.row_ptr[i],
        .col = s.col + s.row_ptr[i],
        .value = value + (v->sparse ? s.row_ptr[i] : i * cols),
        .packed = v->sparse,
    };
}

static tl_real value_of(row r, int64_t k)
{
    return r.value[r.packed ? k : r.col[k]];
}

int64_t tl_connection_count(const tl_variable *v)
{
    return v->pattern ? tl_pattern_nnz(v->pattern) : v->size;
}

/* Finds the keep_count-th largest magnitude among the values of all connections, and how many of those equal
 * to it are among the largest keep_count. */
static tl_status find_threshold(const tl_variable *v, const tl_real *value, int64_t keep_count,
                                uint64_t *threshold, int64_t *ties)
{
    const int64_t count = tl_connection_count(v);
    uint64_t *key = tl_alloc(count, sizeof *key), *spare = tl_alloc(count, sizeof *spare);
    tl_status status = key && spare ? TL_OK : tl_fail_memory();
    if (status == TL_OK) {
        int64_t at = 0;
        for (int64_t i = 0; i < tl_shape_rows(v->shape); i++) {
            row r = row_of(v, value, i);
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

tl_pattern *tl_pattern_of_largest(const tl_variable *v, const tl_real *value, int64_t keep_count)
{
    uint64_t threshold = 0;
    int64_t ties = 0;
    if (find_threshold(v, value, keep_count, &threshold, &ties) != TL_OK)
        return NULL;
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    int64_t *row_ptr = tl_alloc_zero(rows + 1, sizeof *row_ptr), n = 0;
    int32_t *col = tl_alloc(keep_count, sizeof *col);
    tl_pattern *p = NULL;
    if (row_ptr && col) {
        for (int64_t i = 0; i < rows; i++) {
            row r = row_of(v, value, i);
            for (int64_t k = 0; k < r.n; k++) {
                const uint64_t bits = magnitude(value_of(r, k));
                if (bits > threshold || (bits == threshold && ties-- > 0))
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
        return tl_fail(TL_ERR_ARGUMENT, "%s: keep_count %lld for %s must be >= 0", who, (long long)keep_count,
                       v->name);
    if (keep_count >= tl_connection_count(v))
        return TL_OK;
    tl_before_read(v, 0, NULL);
    tl_pattern *keep = tl_pattern_of_largest(v, v->data, keep_count);
    if (!keep)
        return tl_last_status();
    const tl_status status = v->sparse ? tl_variable_set_pattern(v, keep) : tl_variable_set_mask(v, keep);
    tl_pattern_release(keep);
    return status;
}

/* ---- The n largest of each m neighbours ---- */

/* Keeps n of the connections among rows 0 .. m-1, m .. 2 m - 1, ... of each column. */
typedef struct group_choice {
    tl_variable *v;
    int64_t m;
    tl_largest best; /* of one group; its capacity is n */
    uint8_t *keep;   /* [values or entries], zeroed */
} group_choice;

/* Marks the best of a group, and empties it for the next. */
static void finish_group(group_choice *c)
{
    for (int64_t k = 0; k < c->best.n; k++)
        c->keep[c->best.heap[k].position] = 1;
    c->best.n = 0;
}

static void choose_among_all(group_choice *c)
{
    const int64_t rows = tl_shape_rows(c->v->shape), cols = tl_shape_cols(c->v->shape);
    for (int64_t first = 0; first < rows; first += c->m)
        for (int64_t j = 0; j < cols; j++) {
            const int64_t end = c->m < rows - first ? first + c->m : rows;
            for (int64_t k = first * cols + j; k < end * cols; k += cols)
                tl_largest_offer(&c->best, magnitude(c->v->data[k]), k);
            finish_group(c);
        }
}

/* Walks the columns of the pattern, in which entries ascend by row. */
static tl_status choose_among_entries(group_choice *c)
{
    const int32_t *perm = NULL;
    const tl_pattern *columns = tl_pattern_transpose(c->v->pattern, &perm);
    if (!columns)
        return tl_last_status();
    const tl_csr t = tl_pattern_csr(columns);
    for (int64_t j = 0; j < t.rows; j++)
        for (int64_t e = t.row_ptr[j]; e < t.row_ptr[j + 1]; e++) {
            const tl_real w = c->v->data[c->v->sparse ? perm[e] : t.col[e] * t.rows + j];
            tl_largest_offer(&c->best, magnitude(w), perm[e]);
            if (e + 1 == t.row_ptr[j + 1] || t.col[e + 1] / c->m != t.col[e] / c->m)
                finish_group(c);
        }
    return TL_OK;
}

/* Returns the entries of p that are marked. */
static tl_pattern *marked_entries(const tl_pattern *p, const uint8_t *keep)
{
    const tl_csr s = tl_pattern_csr(p);
    int64_t *row_ptr = tl_alloc(s.rows + 1, sizeof *row_ptr), n = 0;
    int32_t *col = tl_alloc(s.nnz, sizeof *col);
    tl_pattern *q = NULL;
    if (row_ptr && col) {
        row_ptr[0] = 0;
        for (int64_t i = 0; i < s.rows; i++) {
            for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
                if (keep[e])
                    col[n++] = s.col[e];
            row_ptr[i + 1] = n;
        }
        q = tl_pattern_from_csr(s.rows, s.cols, row_ptr, col);
    } else {
        tl_fail_memory();
    }
    tl_free(row_ptr);
    tl_free(col);
    return q;
}

static tl_status check_n_of_m(const char *who, const tl_variable *v, int64_t n, int64_t m)
{
    if (!v)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the variable is NULL", who);
    if (m < 1)
        return tl_fail(TL_ERR_ARGUMENT, "%s: m %lld for %s must be >= 1", who, (long long)m, v->name);
    if (n < 0 || n > m)
        return tl_fail(TL_ERR_ARGUMENT, "%s: n %lld for %s is not in 0..%lld, the number of neighbours", who,
                       (long long)n, v->name, (long long)m);
    return TL_OK;
}

tl_pattern *tl_pattern_n_of_m(tl_variable *v, int64_t n, int64_t m)
{
    if (check_n_of_m("pattern_n_of_m", v, n, m) != TL_OK)
        return NULL;
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    group_choice c = { .v = v, .m = m, .best.capacity = n < rows ? n : rows };
    c.best.heap = tl_alloc(c.best.capacity, sizeof *c.best.heap);
    c.keep = tl_alloc_zero(v->pattern ? tl_pattern_nnz(v->pattern) : v->size, 1);
    tl_status status = c.best.heap && c.keep ? TL_OK : tl_fail_memory();
    tl_before_read(v, 0, NULL);
    if (status == TL_OK && v->pattern)
        status = choose_among_entries(&c);
    else if (status == TL_OK)
        choose_among_all(&c);
    tl_pattern *p = NULL;
    if (status == TL_OK)
        p = v->pattern ? marked_entries(v->pattern, c.keep) : tl_pattern_from_mask(rows, cols, c.keep);
    tl_free(c.best.heap);
    tl_free(c.keep);
    return p;
}
