/* The pattern object: validated construction, reference counts, accessors. */
#include "lib/pattern/pattern_private.h"
#include "lib/memory.h"
#include "lib/search.h"
#include "lib/status_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

tl_status tl_pattern_check_size(const char *who, int64_t rows, int64_t cols, int64_t nnz)
{
    if (rows < 0 || cols < 0 || rows > INT32_MAX || cols > INT32_MAX)
        return tl_fail(TL_ERR_SHAPE, "%s: %" PRId64 "x%" PRId64 " has a size that is not in 0..%d", who, rows,
                       cols, INT32_MAX);
    if (nnz < 0 || nnz > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "%s: nnz %" PRId64 " is not in 0..%d", who, nnz, INT32_MAX);
    return TL_OK;
}

/* Checks compressed rows, and prints them if out is not NULL. The only function that knows the rules. */
static tl_status check(const char *who, int64_t rows, int64_t cols, const int64_t *row_ptr,
                       const int32_t *col, FILE *out, int64_t max_entries)
{
    if (!row_ptr)
        return tl_fail(TL_ERR_ARGUMENT, "%s: row_ptr is NULL", who);
    if (tl_pattern_check_size(who, rows, cols, 0) != TL_OK)
        return tl_last_status();
    if (row_ptr[0] != 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: row_ptr[0] is %" PRId64 " and must be 0", who, row_ptr[0]);
    for (int64_t i = 0; i < rows; i++)
        if (row_ptr[i + 1] < row_ptr[i])
            return tl_fail(TL_ERR_ARGUMENT,
                           "%s: row %" PRId64 " ends at %" PRId64 ", before its start %" PRId64, who, i,
                           row_ptr[i + 1], row_ptr[i]);
    if (tl_pattern_check_size(who, rows, cols, row_ptr[rows]) != TL_OK)
        return tl_last_status();
    if (!col && row_ptr[rows] > 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: col is NULL", who);
    if (out)
        fprintf(out, "pattern %" PRId64 "x%" PRId64 ", %" PRId64 " entries\n", rows, cols, row_ptr[rows]);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++) {
            if (col[e] < 0 || col[e] >= cols)
                return tl_fail(TL_ERR_INDEX,
                               "%s: row %" PRId64 ", entry %" PRId64 ": column %" PRId32
                               " is not in [0, %" PRId64 ")",
                               who, i, e, col[e], cols);
            if (e > row_ptr[i] && col[e] <= col[e - 1])
                return tl_fail(TL_ERR_ARGUMENT,
                               "%s: row %" PRId64 ", entry %" PRId64 ": column %" PRId32 " %s %" PRId32, who,
                               i, e, col[e], col[e] == col[e - 1] ? "repeats" : "comes after", col[e - 1]);
            if (out && e < max_entries)
                fprintf(out, "  %" PRId64 ": (%" PRId64 ", %" PRId32 ")\n", e, i, col[e]);
        }
    if (out && max_entries > 0 && row_ptr[rows] > max_entries)
        fprintf(out, "  and %" PRId64 " more\n", row_ptr[rows] - max_entries);
    return TL_OK;
}

tl_pattern *tl_pattern_alloc(int64_t rows, int64_t cols, int64_t nnz)
{
    tl_pattern *p = tl_alloc_zero(1, sizeof *p);
    if (!p) {
        tl_fail_memory();
        return NULL;
    }
    p->rows = rows;
    p->cols = cols;
    p->nnz = nnz;
    atomic_init(&p->users, 1);
    p->row_ptr = tl_alloc_zero(rows + 1, sizeof *p->row_ptr);
    p->col = tl_alloc(nnz, sizeof *p->col);
    if (!p->row_ptr || !p->col) {
        tl_pattern_release(p);
        tl_fail_memory();
        return NULL;
    }
    return p;
}

tl_pattern *tl_pattern_from_csr(int64_t rows, int64_t cols, const int64_t *row_ptr, const int32_t *col)
{
    if (check("pattern_from_csr", rows, cols, row_ptr, col, NULL, 0) != TL_OK)
        return NULL;
    tl_pattern *p = tl_pattern_alloc(rows, cols, row_ptr[rows]);
    if (!p)
        return NULL;
    memcpy(p->row_ptr, row_ptr, (size_t)(rows + 1) * sizeof *row_ptr);
    if (p->nnz > 0)
        memcpy(p->col, col, (size_t)p->nnz * sizeof *col);
    return p;
}

tl_pattern *tl_pattern_from_mask(int64_t rows, int64_t cols, const uint8_t *keep)
{
    const char *who = "pattern_from_mask";
    if (tl_pattern_check_size(who, rows, cols, 0) != TL_OK)
        return NULL;
    if (!keep && rows > 0 && cols > 0) {
        tl_fail(TL_ERR_ARGUMENT, "%s: keep is NULL", who);
        return NULL;
    }
    int64_t nnz = 0;
    for (int64_t k = 0; k < rows * cols; k++)
        nnz += keep[k] != 0;
    if (tl_pattern_check_size(who, rows, cols, nnz) != TL_OK)
        return NULL;
    tl_pattern *p = tl_pattern_alloc(rows, cols, nnz);
    if (!p)
        return NULL;
    int64_t e = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < cols; j++)
            if (keep[i * cols + j])
                p->col[e++] = (int32_t)j;
        p->row_ptr[i + 1] = e;
    }
    return p;
}

tl_pattern *tl_pattern_retain(tl_pattern *p)
{
    if (p)
        atomic_fetch_add_explicit(&p->users, 1, memory_order_relaxed);
    return p;
}

void tl_pattern_release(tl_pattern *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->users, 1, memory_order_acq_rel) > 1)
        return;
    tl_pattern_free_caches(p);
    tl_free(p->row_ptr);
    tl_free(p->col);
    tl_free(p);
}

int64_t tl_pattern_rows(const tl_pattern *p)
{
    return p ? p->rows : 0;
}

int64_t tl_pattern_cols(const tl_pattern *p)
{
    return p ? p->cols : 0;
}

int64_t tl_pattern_nnz(const tl_pattern *p)
{
    return p ? p->nnz : 0;
}

const int64_t *tl_pattern_row_ptr(const tl_pattern *p)
{
    return p ? p->row_ptr : NULL;
}

const int32_t *tl_pattern_col(const tl_pattern *p)
{
    return p ? p->col : NULL;
}

tl_csr tl_pattern_csr(const tl_pattern *p)
{
    return p ? (tl_csr){ p->rows, p->cols, p->nnz, p->row_ptr, p->col } : (tl_csr){ 0 };
}

bool tl_pattern_equal(const tl_pattern *a, const tl_pattern *b)
{
    return a == b || (a && b && a->rows == b->rows && a->cols == b->cols && a->nnz == b->nnz &&
                      memcmp(a->row_ptr, b->row_ptr, (size_t)(a->rows + 1) * sizeof *a->row_ptr) == 0 &&
                      memcmp(a->col, b->col, (size_t)a->nnz * sizeof *a->col) == 0);
}

int64_t tl_pattern_bytes(const tl_pattern *p)
{
    if (!p)
        return 0;
    int64_t bytes = (int64_t)sizeof *p + (p->rows + 1) * (int64_t)sizeof *p->row_ptr +
                    p->nnz * (int64_t)sizeof *p->col;
    return bytes + tl_pattern_cache_bytes(p);
}

tl_status tl_pattern_print(const tl_pattern *p, FILE *out, int64_t max_entries)
{
    if (!p)
        return tl_fail(TL_ERR_ARGUMENT, "pattern_print: the pattern is NULL");
    const tl_status status = check("pattern_print", p->rows, p->cols, p->row_ptr, p->col, out, max_entries);
    if (status == TL_OK && out && (fflush(out) != 0 || ferror(out)))
        return tl_fail(TL_ERR_IO, "pattern_print: %s", strerror(errno));
    return status;
}

int64_t tl_pattern_find(const tl_pattern *p, int64_t row, int32_t col)
{
    if (!p || row < 0 || row >= p->rows)
        return -1;
    const int64_t end = p->row_ptr[row + 1], e = tl_lower_bound(p->col, p->row_ptr[row], end, col);
    return e < end && p->col[e] == col ? e : -1;
}
