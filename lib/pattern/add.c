/* Growing a pattern: the cells to add are found, in order, and merged with those that exist. */
#include "lib/pattern/pattern_private.h"
#include "lib/largest.h"
#include "lib/memory.h"
#include "lib/sort.h"
#include "lib/status_private.h"

#include <math.h>
#include <string.h>

static const char *const who = "pattern_add";

/* ---- The absent cells of highest score ---- */

/* Returns a score as an integer that sorts in the same order; both zeros are equal. */
static uint64_t key_of(tl_real score)
{
    const double x = (double)score + 0; /* -0 + 0 is +0 */
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

/* Offers the score of each absent cell, in order. */
static tl_status offer_absent(const tl_pattern *p, tl_real (*score)(void *, int64_t, int64_t), void *context,
                              tl_largest *best)
{
    for (int64_t i = 0; i < p->rows; i++) {
        int64_t e = p->row_ptr[i];
        for (int64_t j = 0; j < p->cols; j++) {
            if (e < p->row_ptr[i + 1] && p->col[e] == j) {
                e++;
                continue;
            }
            const tl_real s = score(context, i, j);
            if (isnan(s))
                return tl_fail(TL_ERR_NUMERIC, "%s: the score of (%lld, %lld) is NaN", who, (long long)i,
                               (long long)j);
            tl_largest_offer(best, key_of(s), i * p->cols + j);
        }
    }
    return TL_OK;
}

static tl_status find_best(const tl_pattern *p, int64_t k, tl_real (*score)(void *, int64_t, int64_t),
                           void *context, uint64_t *cell, uint64_t *spare)
{
    tl_largest best = { .heap = tl_alloc(k, sizeof *best.heap), .capacity = k };
    tl_status status = best.heap ? offer_absent(p, score, context, &best) : tl_fail_memory();
    if (status == TL_OK) {
        for (int64_t n = 0; n < k; n++)
            cell[n] = (uint64_t)best.heap[n].position;
        tl_radix_sort(k, cell, spare, 0, tl_bits((uint64_t)(p->rows * p->cols)));
    }
    tl_free(best.heap);
    return status;
}

/* ---- Absent cells at random ---- */

/* Draws k of the ranks 0 .. absent-1, ascending: those to take, or those to leave if they are fewer. */
static void draw_ranks(int64_t absent, int64_t k, uint64_t seed, uint64_t *rank, uint64_t *spare)
{
    if (k <= absent / 2) {
        tl_draw_cells(absent, k, seed, rank, spare);
        return;
    }
    const int64_t others = absent - k;
    tl_draw_cells(absent, others, seed, rank, spare);
    memcpy(spare, rank, (size_t)others * sizeof *spare);
    for (int64_t r = 0, at = 0, n = 0; r < absent; r++) {
        if (at < others && (int64_t)spare[at] == r)
            at++;
        else
            rank[n++] = (uint64_t)r;
    }
}

/* Replaces ranks among the absent cells by the cells: rank r is cell r + e if e entries come before it. */
static void ranks_to_cells(const tl_pattern *p, int64_t k, uint64_t *rank)
{
    int64_t n = 0;
    for (int64_t i = 0; n < k; i++) {
        int64_t e = p->row_ptr[i];
        const int64_t end = p->row_ptr[i + 1], next_row = (i + 1) * p->cols - end;
        for (; n < k && (int64_t)rank[n] < next_row; n++) {
            while (e < end && i * p->cols + p->col[e] <= (int64_t)rank[n] + e)
                e++;
            rank[n] += (uint64_t)e;
        }
    }
}

/* ---- The new pattern ---- */

/* Returns p and the k absent cells in `cell`, which ascend. */
static tl_pattern *with_cells(const tl_pattern *p, int64_t k, const uint64_t *cell)
{
    tl_pattern *q = tl_pattern_alloc(p->rows, p->cols, p->nnz + k);
    if (!q)
        return NULL;
    int64_t n = 0, to = 0;
    for (int64_t i = 0; i < p->rows; i++) {
        const int64_t first = i * p->cols, end = p->row_ptr[i + 1];
        int64_t e = p->row_ptr[i];
        while (e < end || (n < k && (int64_t)cell[n] < first + p->cols)) {
            const bool added = e == end || (n < k && (int64_t)cell[n] < first + p->col[e]);
            q->col[to++] = added ? (int32_t)((int64_t)cell[n++] - first) : p->col[e++];
        }
        q->row_ptr[i + 1] = to;
    }
    return q;
}

static tl_status check(const tl_pattern *p, int64_t k, bool scored, const void *context)
{
    if (!p)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the pattern is NULL", who);
    if (!scored && !context)
        return tl_fail(TL_ERR_ARGUMENT, "%s: neither a score nor a seed is given", who);
    const int64_t absent = p->rows * p->cols - p->nnz;
    if (k < 0 || k > absent)
        return tl_fail(TL_ERR_ARGUMENT,
                       "%s: k %lld is not in 0..%lld, the number of absent cells of %lldx%lld", who,
                       (long long)k, (long long)absent, (long long)p->rows, (long long)p->cols);
    return tl_pattern_check_size(who, p->rows, p->cols, p->nnz + k);
}

tl_pattern *tl_pattern_add(tl_pattern *p, int64_t k,
                           tl_real (*score)(void *context, int64_t row, int64_t col), void *context)
{
    if (check(p, k, score != NULL, context) != TL_OK)
        return NULL;
    if (k == 0)
        return tl_pattern_retain(p);
    uint64_t *cell = tl_alloc(k, sizeof *cell), *spare = tl_alloc(k, sizeof *spare);
    tl_status status = cell && spare ? TL_OK : tl_fail_memory();
    if (status == TL_OK && score) {
        status = find_best(p, k, score, context, cell, spare);
    } else if (status == TL_OK) {
        draw_ranks(p->rows * p->cols - p->nnz, k, *(const uint64_t *)context, cell, spare);
        ranks_to_cells(p, k, cell);
    }
    tl_pattern *q = status == TL_OK ? with_cells(p, k, cell) : NULL;
    tl_free(cell);
    tl_free(spare);
    return q;
}
