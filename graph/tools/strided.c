/* Copies with strides: rows, transposes, and the rest. */
#include "strided.h"
#include "lib/kernels/kernels.h"

#include <string.h>

void tl_strides(tl_shape shape, int64_t *stride)
{
    int64_t size = 1;
    for (int32_t d = shape.rank - 1; d >= 0; d--) {
        stride[d] = size;
        size *= shape.dim[d];
    }
}

/* Dimensions that are left when those of size 1 are dropped and those that are one in both arrays are merged;
 * at least one, in the order in which they are written. */
typedef struct walk {
    int32_t rank;
    int64_t size[TL_MAX_RANK], from[TL_MAX_RANK], to[TL_MAX_RANK];
    const tl_real *x;
    tl_real *y;
    bool add;
    /* Of a transpose: the dimension that is contiguous in x, and how many columns a task moves. */
    int32_t across;
    int64_t slab, n_slabs;
} walk;

static void insert(walk *w, int64_t size, int64_t from, int64_t to)
{
    int32_t at = w->rank++;
    for (; at > 0 && w->to[at - 1] < to; at--) {
        w->size[at] = w->size[at - 1];
        w->from[at] = w->from[at - 1];
        w->to[at] = w->to[at - 1];
    }
    w->size[at] = size;
    w->from[at] = from;
    w->to[at] = to;
}

static void merge(walk *w)
{
    int32_t last = 0;
    for (int32_t d = 1; d < w->rank; d++) {
        const bool one = w->to[last] == w->to[d] * w->size[d] && w->from[last] == w->from[d] * w->size[d];
        last += !one;
        w->size[last] = one ? w->size[last] * w->size[d] : w->size[d];
        w->from[last] = w->from[d];
        w->to[last] = w->to[d];
    }
    w->rank = last + 1;
}

static void walk_init(walk *w, const tl_strided *s)
{
    w->rank = 0;
    for (int32_t d = 0; d < s->shape.rank; d++)
        if (s->shape.dim[d] != 1)
            insert(w, s->shape.dim[d], s->from[d], s->to[d]);
    if (w->rank == 0)
        insert(w, 1, 1, 1);
    merge(w);
}

/* ---- Rows: elements begin .. end-1 ---- */

static void copy_run(const walk *w, int64_t n, const tl_real *x, tl_real *restrict y)
{
    const int64_t from = w->from[w->rank - 1], to = w->to[w->rank - 1];
    if (from == 1 && to == 1 && w->add)
        tl_kernel_table()->add(n, x, y);
    else if (from == 1 && to == 1)
        memcpy(y, x, (size_t)n * sizeof *y);
    else if (w->add)
        for (int64_t k = 0; k < n; k++)
            y[k * to] += x[k * from];
    else if (from == 0 && to == 1)
        for (int64_t k = 0; k < n; k++)
            y[k] = *x;
    else
        for (int64_t k = 0; k < n; k++)
            y[k * to] = x[k * from];
}

static void copy_rows(void *context, int64_t begin, int64_t end)
{
    const walk *w = context;
    const int32_t last = w->rank - 1;
    int64_t index[TL_MAX_RANK], x = 0, y = 0, at = begin;
    for (int32_t d = last; d >= 0; at /= w->size[d--]) {
        index[d] = at % w->size[d];
        x += index[d] * w->from[d];
        y += index[d] * w->to[d];
    }
    for (at = begin; at < end;) {
        const int64_t left = w->size[last] - index[last], n = left < end - at ? left : end - at;
        copy_run(w, n, w->x + x, w->y + y);
        at += n;
        x -= index[last] * w->from[last];
        y -= index[last] * w->to[last];
        index[last] = 0;
        for (int32_t d = last - 1; d >= 0; d--) {
            x += w->from[d];
            y += w->to[d];
            if (++index[d] < w->size[d])
                break;
            x -= w->size[d] * w->from[d];
            y -= w->size[d] * w->to[d];
            index[d] = 0;
        }
    }
}

/* ---- Transposes: slabs begin .. end-1 of all matrices ---- */

static void transpose_slabs(void *context, int64_t begin, int64_t end)
{
    const walk *w = context;
    const int32_t last = w->rank - 1, across = w->across;
    for (int64_t k = begin; k < end; k++) {
        const int64_t first = k % w->n_slabs * w->slab, left = w->size[across] - first;
        int64_t matrix = k / w->n_slabs, x = first, y = first * w->to[across];
        for (int32_t d = last - 1; d >= 0; d--) {
            if (d == across)
                continue;
            x += matrix % w->size[d] * w->from[d];
            y += matrix % w->size[d] * w->to[d];
            matrix /= w->size[d];
        }
        tl_kernel_table()->transpose(w->size[last], left < w->slab ? left : w->slab, w->x + x, w->from[last],
                                     w->y + y, w->to[across], w->add);
    }
}

/* Returns the dimension that is contiguous in x, -1 if this is no transpose. */
static int32_t find_across(const walk *w)
{
    const int32_t last = w->rank - 1;
    for (int32_t d = 0; d < last && w->to[last] == 1 && w->from[last] > 1; d++)
        if (w->from[d] == 1)
            return d;
    return -1;
}

void tl_copy_strided(const tl_strided *s, const tl_real *from, tl_real *to, bool add)
{
    enum { NARROWEST = 64 };
    const int64_t n = tl_shape_size(s->shape);
    walk w = { .x = from, .y = to, .add = add };
    if (n == 0)
        return;
    walk_init(&w, s);
    w.across = find_across(&w);
    if (w.across < 0) {
        tl_parallel_for(n, TL_GRAIN, copy_rows, &w);
        return;
    }
    const int64_t rows = w.size[w.rank - 1], cols = w.size[w.across];
    w.slab = NARROWEST * (1 + TL_GRAIN / (NARROWEST * rows));
    w.n_slabs = (cols + w.slab - 1) / w.slab;
    tl_parallel_rows(n / (rows * cols) * w.n_slabs, rows * (cols < w.slab ? cols : w.slab), transpose_slabs,
                     &w);
}
