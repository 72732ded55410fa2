/* Patterns from coordinates, and random ones. Both sort the cells as 64-bit keys. */
#include "lib/pattern/pattern_private.h"
#include "lib/memory.h"
#include "random.h"
#include "lib/sort.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <math.h>

static tl_status check_coo(const char *who, int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                           const int32_t *col)
{
    if (tl_pattern_check_size(who, rows, cols, nnz) != TL_OK)
        return tl_last_status();
    if ((!row || !col) && nnz > 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s is NULL", who, row ? "col" : "row");
    for (int64_t k = 0; k < nnz; k++)
        if (row[k] < 0 || row[k] >= rows || col[k] < 0 || col[k] >= cols)
            return tl_fail(TL_ERR_INDEX,
                           "%s: entry %" PRId64 " is at (%" PRId32 ", %" PRId32 "), the matrix is %" PRId64
                           "x%" PRId64,
                           who, k, row[k], col[k], rows, cols);
    return TL_OK;
}

/* Brings the entries 0 .. nnz-1 in `order`, by row, then column, then number; spare[nnz] is scratch. */
static void sort_entries(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row, const int32_t *col,
                         uint64_t *perm, uint64_t *spare)
{
    for (int64_t k = 0; k < nnz; k++)
        perm[k] = (uint64_t)col[k] << 32 | (uint64_t)k;
    tl_radix_sort(nnz, perm, spare, 32, 32 + tl_bits((uint64_t)cols));
    for (int64_t k = 0; k < nnz; k++) {
        uint64_t entry = perm[k] & UINT32_MAX;
        perm[k] = (uint64_t)row[entry] << 32 | entry;
    }
    tl_radix_sort(nnz, perm, spare, 32, 32 + tl_bits((uint64_t)rows));
    for (int64_t k = 0; k < nnz; k++)
        perm[k] &= UINT32_MAX;
}

static tl_pattern *compress(const char *who, int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                            const int32_t *col, tl_repeats policy, int64_t *position)
{
    if (policy < TL_REPEATS_ERROR || policy > TL_REPEATS_SUM) {
        tl_fail(TL_ERR_ARGUMENT, "coo_to_csr: %d is no tl_repeats", (int)policy);
        return NULL;
    }
    if (check_coo(who, rows, cols, nnz, row, col) != TL_OK)
        return NULL;
    uint64_t *perm = tl_alloc(nnz, sizeof *perm), *spare = tl_alloc(nnz, sizeof *spare);
    int64_t *row_ptr = tl_alloc_zero(rows + 1, sizeof *row_ptr);
    int32_t *out = tl_alloc(nnz, sizeof *out);
    tl_pattern *p = NULL;
    if (!perm || !spare || !row_ptr || !out) {
        tl_fail_memory();
        goto done;
    }
    sort_entries(rows, cols, nnz, row, col, perm, spare);
    int64_t kept = 0;
    for (int64_t k = 0; k < nnz; k++) {
        int64_t entry = (int64_t)perm[k], before = k > 0 ? (int64_t)perm[k - 1] : -1;
        bool repeat = before >= 0 && row[entry] == row[before] && col[entry] == col[before];
        if (repeat && policy == TL_REPEATS_ERROR) {
            tl_fail(TL_ERR_ARGUMENT,
                    "%s: entry %" PRId64 " repeats entry %" PRId64 " at (%" PRId32 ", %" PRId32 ")", who,
                    entry, before, row[entry], col[entry]);
            goto done;
        }
        if (!repeat) {
            out[kept++] = col[entry];
            row_ptr[row[entry] + 1]++;
        }
    }
    for (int64_t i = 0; i < rows; i++)
        row_ptr[i + 1] += row_ptr[i];
    p = tl_pattern_from_csr(rows, cols, row_ptr, out);
    for (int64_t k = 0, at = -1; p && position && k < nnz; k++) {
        int64_t entry = (int64_t)perm[k], before = k > 0 ? (int64_t)perm[k - 1] : -1;
        bool repeat = before >= 0 && row[entry] == row[before] && col[entry] == col[before];
        at += !repeat;
        position[entry] = at;
        if (repeat && policy == TL_REPEATS_LAST)
            position[before] = -1;
    }
done:
    tl_free(perm);
    tl_free(spare);
    tl_free(row_ptr);
    tl_free(out);
    return p;
}

tl_pattern *tl_pattern_from_coo(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                                const int32_t *col)
{
    return compress("pattern_from_coo", rows, cols, nnz, row, col, TL_REPEATS_ERROR, NULL);
}

tl_pattern *tl_coo_to_csr(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row, const int32_t *col,
                          tl_repeats policy, int64_t *position)
{
    return compress("coo_to_csr", rows, cols, nnz, row, col, policy, position);
}

/* `count` distinct cells of 0 .. cells-1, ascending, every set equally likely: the first `count` distinct
 * draws, made in batches of what is still missing. spare[count] is scratch. */
static void draw_cells(int64_t cells, int64_t count, uint64_t seed, uint64_t *cell, uint64_t *spare)
{
    tl_random r = { .seed = seed };
    for (int64_t have = 0; have < count;) {
        for (int64_t k = have; k < count; k++)
            cell[k] = (uint64_t)tl_random_integer(&r, cells);
        tl_radix_sort(count, cell, spare, 0, tl_bits((uint64_t)cells));
        have = 0;
        for (int64_t k = 0; k < count; k++)
            if (have == 0 || cell[k] != cell[have - 1])
                cell[have++] = cell[k];
    }
}

/* The cells not in cell[drawn], or those in it, as a pattern. */
static tl_pattern *from_cells(int64_t rows, int64_t cols, const uint64_t *cell, int64_t drawn,
                              bool complement)
{
    int64_t nnz = complement ? rows * cols - drawn : drawn;
    int64_t *row_ptr = tl_alloc_zero(rows + 1, sizeof *row_ptr);
    int32_t *col = tl_alloc(nnz, sizeof *col);
    tl_pattern *p = NULL;
    if (!row_ptr || !col) {
        tl_fail_memory();
        goto done;
    }
    for (int64_t k = 0, e = 0, at = 0; e < nnz; k++) {
        int64_t here = complement ? k : (int64_t)cell[k];
        if (complement && at < drawn && (int64_t)cell[at] == here) {
            at++;
            continue;
        }
        row_ptr[here / cols + 1]++;
        col[e++] = (int32_t)(here % cols);
    }
    for (int64_t i = 0; i < rows; i++)
        row_ptr[i + 1] += row_ptr[i];
    p = tl_pattern_from_csr(rows, cols, row_ptr, col);
done:
    tl_free(row_ptr);
    tl_free(col);
    return p;
}

tl_pattern *tl_pattern_random(int64_t rows, int64_t cols, double density, uint64_t seed)
{
    if (tl_pattern_check_size("pattern_random", rows, cols, 0) != TL_OK)
        return NULL;
    if (!(density >= 0 && density <= 1)) {
        tl_fail(TL_ERR_ARGUMENT, "pattern_random: density %g is not within 0 to 1", density);
        return NULL;
    }
    int64_t cells = rows * cols;
    double wanted = round(density * (double)cells);
    if (wanted > INT32_MAX) {
        tl_fail(TL_ERR_ARGUMENT, "pattern_random: %.0f entries are not within 0 to %d", wanted, INT32_MAX);
        return NULL;
    }
    int64_t count = (int64_t)wanted;
    bool complement = count > cells / 2; /* few collisions: draw what is left out where that is less */
    int64_t drawn = complement ? cells - count : count;
    uint64_t *cell = tl_alloc(drawn, sizeof *cell), *spare = tl_alloc(drawn, sizeof *spare);
    tl_pattern *p = NULL;
    if (cell && spare) {
        draw_cells(cells, drawn, seed, cell, spare);
        p = from_cells(rows, cols, cell, drawn, complement);
    } else {
        tl_fail_memory();
    }
    tl_free(cell);
    tl_free(spare);
    return p;
}
