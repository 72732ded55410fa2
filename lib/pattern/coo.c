/* Patterns from coordinates, and random patterns. Both sort cells as 64-bit keys. */
#include "lib/pattern/pattern_private.h"
#include "lib/check.h"
#include "lib/memory.h"
#include "lib/sort.h"
#include "lib/status_private.h"
#include "random.h"

#include <inttypes.h>
#include <math.h>

/* Coordinates, and the permutation that sorts them by row, then column, then number. */
typedef struct coo {
    const char *who;
    int64_t rows, cols, nnz;
    const int32_t *row, *col;
    tl_repeats policy;
    uint64_t *perm;
} coo;

static tl_status check_coo(const coo *c)
{
    if (tl_pattern_check_size(c->who, c->rows, c->cols, c->nnz) != TL_OK)
        return tl_last_status();
    if ((!c->row || !c->col) && c->nnz > 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s is NULL", c->who, c->row ? "col" : "row");
    for (int64_t k = 0; k < c->nnz; k++)
        if (c->row[k] < 0 || c->row[k] >= c->rows || c->col[k] < 0 || c->col[k] >= c->cols)
            return tl_fail(TL_ERR_INDEX,
                           "%s: entry %" PRId64 " at (%" PRId32 ", %" PRId32 ") is outside the %" PRId64
                           "x%" PRId64 " matrix",
                           c->who, k, c->row[k], c->col[k], c->rows, c->cols);
    return TL_OK;
}

/* Sorts the entries: fills c->perm. spare[nnz] is scratch. */
static void sort_entries(const coo *c, uint64_t *spare)
{
    uint64_t *perm = c->perm;
    for (int64_t k = 0; k < c->nnz; k++)
        perm[k] = (uint64_t)c->col[k] << 32 | (uint64_t)k;
    tl_radix_sort(c->nnz, perm, spare, 32, 32 + tl_bits((uint64_t)c->cols));
    for (int64_t k = 0; k < c->nnz; k++) {
        uint64_t entry = perm[k] & UINT32_MAX;
        perm[k] = (uint64_t)c->row[entry] << 32 | entry;
    }
    tl_radix_sort(c->nnz, perm, spare, 32, 32 + tl_bits((uint64_t)c->rows));
    for (int64_t k = 0; k < c->nnz; k++)
        perm[k] &= UINT32_MAX;
}

/* Returns whether the k-th sorted entry has the coordinates of the one before it. */
static bool is_repeat(const coo *c, int64_t k)
{
    if (k == 0)
        return false;
    const uint64_t entry = c->perm[k], before = c->perm[k - 1];
    return c->row[entry] == c->row[before] && c->col[entry] == c->col[before];
}

/* Fills row_ptr[rows + 1], which the caller has zeroed, and the columns of the distinct entries. */
static tl_status fill_rows(const coo *c, int64_t *row_ptr, int32_t *out)
{
    int64_t distinct = 0;
    for (int64_t k = 0; k < c->nnz; k++) {
        const uint64_t entry = c->perm[k];
        if (!is_repeat(c, k)) {
            out[distinct++] = c->col[entry];
            row_ptr[c->row[entry] + 1]++;
        } else if (c->policy == TL_REPEATS_ERROR) {
            return tl_fail(TL_ERR_ARGUMENT,
                           "%s: entry %" PRIu64 " repeats entry %" PRIu64 " at (%" PRId32 ", %" PRId32 ")",
                           c->who, entry, c->perm[k - 1], c->row[entry], c->col[entry]);
        }
    }
    for (int64_t i = 0; i < c->rows; i++)
        row_ptr[i + 1] += row_ptr[i];
    return TL_OK;
}

static void find_positions(const coo *c, int64_t *position)
{
    int64_t at = -1;
    for (int64_t k = 0; k < c->nnz; k++) {
        const bool repeat = is_repeat(c, k);
        if (repeat && c->policy == TL_REPEATS_LAST)
            position[c->perm[k - 1]] = -1;
        at += !repeat;
        position[c->perm[k]] = at;
    }
}

/* Makes the pattern of c, whose permutation is yet to be computed. */
static tl_pattern *compress(coo c, int64_t *position)
{
    if (check_coo(&c) != TL_OK)
        return NULL;
    uint64_t *spare = tl_alloc(c.nnz, sizeof *spare);
    int64_t *row_ptr = tl_alloc_zero(c.rows + 1, sizeof *row_ptr);
    int32_t *out = tl_alloc(c.nnz, sizeof *out);
    c.perm = tl_alloc(c.nnz, sizeof *c.perm);
    tl_pattern *p = NULL;
    if (c.perm && spare && row_ptr && out) {
        sort_entries(&c, spare);
        if (fill_rows(&c, row_ptr, out) == TL_OK)
            p = tl_pattern_from_csr(c.rows, c.cols, row_ptr, out);
        if (p && position)
            find_positions(&c, position);
    } else {
        tl_fail_memory();
    }
    tl_free(c.perm);
    tl_free(spare);
    tl_free(row_ptr);
    tl_free(out);
    return p;
}

tl_pattern *tl_pattern_from_coo(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                                const int32_t *col)
{
    const coo c = { "pattern_from_coo", rows, cols, nnz, row, col, TL_REPEATS_ERROR, NULL };
    return compress(c, NULL);
}

tl_pattern *tl_coo_to_csr(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row, const int32_t *col,
                          tl_repeats policy, int64_t *position)
{
    if (policy < TL_REPEATS_ERROR || policy > TL_REPEATS_SUM) {
        tl_fail(TL_ERR_ARGUMENT, "coo_to_csr: %d is not a tl_repeats", (int)policy);
        return NULL;
    }
    const coo c = { "coo_to_csr", rows, cols, nnz, row, col, policy, NULL };
    return compress(c, position);
}

/* The first `count` distinct draws, made in batches of what is still missing. */
void tl_draw_cells(int64_t cells, int64_t count, uint64_t seed, uint64_t *cell, uint64_t *spare)
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

/* Makes a pattern of the cells in cell[drawn], which ascend, or (`complement`) of all others. */
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
    if (tl_check_range("pattern_random", "density", density, '[', 0, 1, ']') != TL_OK)
        return NULL;
    int64_t cells = rows * cols;
    double wanted = round(density * (double)cells);
    if (wanted > INT32_MAX) {
        tl_fail(TL_ERR_ARGUMENT, "pattern_random: nnz %.0f is not in 0..%d", wanted, INT32_MAX);
        return NULL;
    }
    int64_t count = (int64_t)wanted;
    bool complement = count > cells / 2; /* draw the smaller set, so that few draws collide */
    int64_t drawn = complement ? cells - count : count;
    uint64_t *cell = tl_alloc(drawn, sizeof *cell), *spare = tl_alloc(drawn, sizeof *spare);
    tl_pattern *p = NULL;
    if (cell && spare) {
        tl_draw_cells(cells, drawn, seed, cell, spare);
        p = from_cells(rows, cols, cell, drawn, complement);
    } else {
        tl_fail_memory();
    }
    tl_free(cell);
    tl_free(spare);
    return p;
}
