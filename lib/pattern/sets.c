/* Union, intersection and difference: a merge of two patterns, row by row, that runs once to count and once
 * to fill. */
#include "lib/pattern/pattern_private.h"
#include "lib/status_private.h"

/* Which entries a merge keeps. */
typedef struct selection {
    bool only_a, both, only_b;
} selection;

/* Merges row i of both. Returns the number of entries that are kept, and stores their columns unless col is
 * NULL. */
static int64_t merge_row(tl_csr a, tl_csr b, int64_t i, selection keep, int32_t *col)
{
    const int64_t a_end = a.row_ptr[i + 1], b_end = b.row_ptr[i + 1];
    int64_t e = a.row_ptr[i], f = b.row_ptr[i], n = 0;
    while (e < a_end || f < b_end) {
        const bool in_a = f == b_end || (e < a_end && a.col[e] <= b.col[f]);
        const bool in_b = e == a_end || (f < b_end && b.col[f] <= a.col[e]);
        if (in_a && in_b ? keep.both : in_a ? keep.only_a : keep.only_b) {
            if (col)
                col[n] = in_a ? a.col[e] : b.col[f];
            n++;
        }
        e += in_a;
        f += in_b;
    }
    return n;
}

static tl_status check_pair(const char *who, const tl_pattern *a, const tl_pattern *b)
{
    if (!a || !b)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s pattern is NULL", who, a ? "second" : "first");
    if (a->rows != b->rows || a->cols != b->cols)
        return tl_fail(TL_ERR_SHAPE, "%s: %lldx%lld and %lldx%lld differ in shape", who, (long long)a->rows,
                       (long long)a->cols, (long long)b->rows, (long long)b->cols);
    return TL_OK;
}

/* Each selection that is asked for, with as many entries as a has, is a itself: it either contains a or is
 * contained in it. So is the union or intersection with as many as b. */
static tl_pattern *merge(const char *who, tl_pattern *a, tl_pattern *b, selection keep)
{
    if (check_pair(who, a, b) != TL_OK)
        return NULL;
    const tl_csr of_a = tl_pattern_csr(a), of_b = tl_pattern_csr(b);
    int64_t nnz = 0;
    for (int64_t i = 0; i < a->rows; i++)
        nnz += merge_row(of_a, of_b, i, keep, NULL);
    if (nnz == a->nnz)
        return tl_pattern_retain(a);
    if (nnz == b->nnz && keep.both)
        return tl_pattern_retain(b);
    if (tl_pattern_check_size(who, a->rows, a->cols, nnz) != TL_OK)
        return NULL;
    tl_pattern *p = tl_pattern_alloc(a->rows, a->cols, nnz);
    if (!p)
        return NULL;
    for (int64_t i = 0; i < a->rows; i++)
        p->row_ptr[i + 1] = p->row_ptr[i] + merge_row(of_a, of_b, i, keep, p->col + p->row_ptr[i]);
    return p;
}

tl_pattern *tl_pattern_union(tl_pattern *a, tl_pattern *b)
{
    return merge("pattern_union", a, b, (selection){ .only_a = true, .both = true, .only_b = true });
}

tl_pattern *tl_pattern_intersection(tl_pattern *a, tl_pattern *b)
{
    return merge("pattern_intersection", a, b, (selection){ .both = true });
}

tl_pattern *tl_pattern_difference(tl_pattern *a, tl_pattern *b)
{
    return merge("pattern_difference", a, b, (selection){ .only_a = true });
}
