/* Pruning by magnitude: a radix sort of all magnitudes gives a threshold, and the connections above it make
 * the new pattern. */
#include "graph/variable/variable_private.h"
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

static row row_of(const tl_variable *v, int64_t i)
{
    const int64_t cols = tl_shape_cols(v->shape);
    if (!v->pattern)
        return (row){ .n = cols, .value = v->data + i * cols, .packed = true };
    const tl_csr s = tl_pattern_csr(v->pattern);
    return (row){
        .n = s.row_ptr[i + 1] - s.row_ptr[i],
        .col = s.col + s.row_ptr[i],
        .value = v->data + (v->sparse ? s.row_ptr[i] : i * cols),
        .packed = v->sparse,
    };
}

static tl_real value_of(row r, int64_t k)
{
    return r.value[r.packed ? k : r.col[k]];
}

/* Finds the keep_count-th largest magnitude among `count` > keep_count values, and how many of the values
 * equal to it are among the largest keep_count. */
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

/* Returns the pattern of the keep_count largest values, or NULL. */
static tl_pattern *pattern_of_largest(const tl_variable *v, int64_t keep_count, uint64_t threshold,
                                      int64_t ties)
{
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    int64_t *row_ptr = tl_alloc_zero(rows + 1, sizeof *row_ptr), n = 0;
    int32_t *col = tl_alloc(keep_count, sizeof *col);
    tl_pattern *p = NULL;
    if (row_ptr && col) {
        for (int64_t i = 0; i < rows; i++) {
            row r = row_of(v, i);
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
    const int64_t count = v->pattern ? tl_pattern_nnz(v->pattern) : v->size;
    if (keep_count >= count)
        return TL_OK;
    tl_before_read(v, 0, NULL);
    uint64_t threshold = 0;
    int64_t ties = 0;
    tl_status status = find_threshold(v, count, keep_count, &threshold, &ties);
    tl_pattern *keep = status == TL_OK ? pattern_of_largest(v, keep_count, threshold, ties) : NULL;
    if (!keep)
        return tl_last_status();
    status = v->sparse ? tl_variable_set_pattern(v, keep) : tl_variable_set_mask(v, keep);
    tl_pattern_release(keep);
    return status;
}
