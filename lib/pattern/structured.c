/* Patterns with a rule: dense values above a threshold, fixed fan-in, bands, blocks. */
#include "lib/pattern/pattern_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"
#include "random.h"

#include <math.h>

/* ---- Dense values ---- */

/* A NaN is kept. */
static bool is_above(tl_real value, tl_real threshold)
{
    return !(fabs((double)value) <= (double)threshold);
}

tl_pattern *tl_pattern_from_dense(int64_t rows, int64_t cols, const tl_real *values, tl_real threshold)
{
    const char *who = "pattern_from_dense";
    if (tl_pattern_check_size(who, rows, cols, 0) != TL_OK)
        return NULL;
    if ((!values && rows > 0 && cols > 0) || isnan(threshold)) {
        tl_fail(TL_ERR_ARGUMENT, "%s: %s", who, isnan(threshold) ? "the threshold is NaN" : "values is NULL");
        return NULL;
    }
    int64_t nnz = 0;
    for (int64_t k = 0; k < rows * cols; k++)
        nnz += is_above(values[k], threshold);
    if (tl_pattern_check_size(who, rows, cols, nnz) != TL_OK)
        return NULL;
    tl_pattern *p = tl_pattern_alloc(rows, cols, nnz);
    if (!p)
        return NULL;
    int64_t e = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < cols; j++)
            if (is_above(values[i * cols + j], threshold))
                p->col[e++] = (int32_t)j;
        p->row_ptr[i + 1] = e;
    }
    return p;
}

/* ---- Fixed fan-in ---- */

/* Draws k distinct rows, every set equally likely, by k draws (Floyd's algorithm: Bentley and Floyd, "A
 * sample of brilliance", CACM 1987). last[i] is the last column that row i was drawn for, plus 1. */
static void draw_rows(tl_random *r, int64_t rows, int64_t k, int32_t column, int32_t *last, int32_t *drawn)
{
    for (int64_t top = rows - k; top < rows; top++) {
        int64_t i = tl_random_integer(r, top + 1);
        if (last[i] == column + 1)
            i = top; /* which could not be drawn before */
        last[i] = column + 1;
        *drawn++ = (int32_t)i;
    }
}

/* Fills a pattern with k entries per column, row[j * k] .. row[j * k + k - 1] in any order. */
static void fill_by_column(tl_pattern *p, int64_t k, const int32_t *row)
{
    /* next[i] is where the next entry of row i goes. It starts at element 1 of row_ptr: once all entries are
     * placed, row_ptr is complete. */
    int64_t *next = p->row_ptr + 1, at = 0;
    for (int64_t e = 0; e < p->nnz; e++)
        next[row[e]]++;
    for (int64_t i = 0; i < p->rows; i++) {
        const int64_t count = next[i];
        next[i] = at;
        at += count;
    }
    for (int64_t j = 0; j < p->cols; j++)
        for (int64_t e = j * k; e < j * k + k; e++)
            p->col[next[row[e]]++] = (int32_t)j;
}

tl_pattern *tl_pattern_fixed_fan_in(int64_t rows, int64_t cols, int64_t k, uint64_t seed)
{
    const char *who = "pattern_fixed_fan_in";
    if (tl_pattern_check_size(who, rows, cols, 0) != TL_OK)
        return NULL;
    if (k < 0 || k > rows) {
        tl_fail(TL_ERR_ARGUMENT, "%s: k %lld is not in 0..%lld, the number of rows", who, (long long)k,
                (long long)rows);
        return NULL;
    }
    if (tl_pattern_check_size(who, rows, cols, cols * k) != TL_OK)
        return NULL;
    tl_pattern *p = tl_pattern_alloc(rows, cols, cols * k);
    int32_t *last = tl_alloc_zero(rows, sizeof *last), *drawn = tl_alloc(cols * k, sizeof *drawn);
    if (p && last && drawn) {
        tl_random r = { .seed = seed };
        for (int64_t j = 0; j < cols; j++)
            draw_rows(&r, rows, k, (int32_t)j, last, drawn + j * k);
        fill_by_column(p, k, drawn);
    } else {
        tl_pattern_release(p);
        p = NULL;
        tl_fail_memory();
    }
    tl_free(last);
    tl_free(drawn);
    return p;
}

/* ---- Bands ---- */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Return the first column of row i in the band, and the one after the last: equal if there is none. */
static int64_t band_begin(int64_t i, int64_t below, int64_t cols)
{
    return i <= below ? 0 : smaller(i - below, cols);
}

static int64_t band_end(int64_t i, int64_t above, int64_t cols)
{
    return i < cols && above < cols - i ? i + above + 1 : cols;
}

tl_pattern *tl_pattern_banded(int64_t rows, int64_t cols, int64_t below, int64_t above)
{
    const char *who = "pattern_banded";
    if (tl_pattern_check_size(who, rows, cols, 0) != TL_OK)
        return NULL;
    if (below < 0 || above < 0) {
        tl_fail(TL_ERR_ARGUMENT, "%s: %s %lld must be >= 0", who, below < 0 ? "below" : "above",
                (long long)(below < 0 ? below : above));
        return NULL;
    }
    int64_t nnz = 0;
    for (int64_t i = 0; i < rows; i++)
        nnz += band_end(i, above, cols) - band_begin(i, below, cols);
    if (tl_pattern_check_size(who, rows, cols, nnz) != TL_OK)
        return NULL;
    tl_pattern *p = tl_pattern_alloc(rows, cols, nnz);
    if (!p)
        return NULL;
    int64_t e = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = band_begin(i, below, cols); j < band_end(i, above, cols); j++)
            p->col[e++] = (int32_t)j;
        p->row_ptr[i + 1] = e;
    }
    return p;
}

/* ---- Blocks ---- */

/* Checks the sizes of the result. No product overflows, as each factor is below 2^31. */
static tl_status check_blocks(const char *who, const tl_pattern *p, int64_t height, int64_t width)
{
    if (!p)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the pattern is NULL", who);
    if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "%s: a block of %lldx%lld has a size that is not in 1..%d", who,
                       (long long)height, (long long)width, INT32_MAX);
    if (tl_pattern_check_size(who, p->rows * height, p->cols * width, 0) != TL_OK)
        return TL_ERR_SHAPE;
    if (p->nnz > INT32_MAX / (height * width))
        return tl_fail(TL_ERR_ARGUMENT, "%s: %lld blocks of %lldx%lld have more than %d entries", who,
                       (long long)p->nnz, (long long)height, (long long)width, INT32_MAX);
    return TL_OK;
}

tl_pattern *tl_pattern_block(const tl_pattern *p, int64_t height, int64_t width)
{
    if (check_blocks("pattern_block", p, height, width) != TL_OK)
        return NULL;
    tl_pattern *q = tl_pattern_alloc(p->rows * height, p->cols * width, p->nnz * height * width);
    if (!q)
        return NULL;
    int64_t e = 0;
    for (int64_t i = 0; i < q->rows; i++) {
        for (int64_t b = p->row_ptr[i / height]; b < p->row_ptr[i / height + 1]; b++)
            for (int64_t j = 0; j < width; j++)
                q->col[e++] = (int32_t)(p->col[b] * width + j);
        q->row_ptr[i + 1] = e;
    }
    return q;
}
