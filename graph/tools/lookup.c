/* Lookups of rows by id. */
#include "lookup.h"
#include "lib/prefetch.h"

#include <string.h>

tl_status tl_shape_lookup(tl_node *y, tl_shape ids)
{
    if (!y || !y->op)
        return tl_fail(TL_ERR_ARGUMENT, "shape_lookup: the node is %s", y ? "a leaf" : "NULL");
    const tl_node *table = y->in[0];
    tl_shape out = ids;
    if (table->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "the table is %s, and must have rank 1 or more",
                       tl_node_text(table).text);
    if (tl_shape_check(ids) != TL_OK)
        return tl_fail(TL_ERR_SHAPE, "ids: %s", tl_error());
    if (tl_shape_size(ids) > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "the number of ids, %lld, is not in 0..%d",
                       (long long)tl_shape_size(ids), INT32_MAX);
    if (ids.rank + table->shape.rank - 1 > TL_MAX_RANK)
        return tl_fail(TL_ERR_SHAPE, "ids %s of table %s: rank %d is not in 0..%d", tl_shape_text(ids).text,
                       tl_node_text(table).text, (int)(ids.rank + table->shape.rank - 1), TL_MAX_RANK);
    for (int32_t k = 1; k < table->shape.rank; k++)
        out.dim[out.rank++] = table->shape.dim[k];
    return tl_shape_dense(y, out);
}

int64_t tl_lookup_width(const tl_node *table)
{
    int64_t width = 1;
    for (int32_t k = 1; k < table->shape.rank; k++)
        width *= table->shape.dim[k];
    return width;
}

typedef struct places {
    int64_t width;
    const int32_t *rows, *to;
    const tl_real *x;
    tl_real *y;
} places;

static void place_range(void *context, int64_t begin, int64_t end)
{
    enum { PREFETCH_DISTANCE = 16, LONGEST = 8 * TL_CACHE_LINE }; /* as tl_gather_rows has them */
    const places *p = context;
    for (int64_t k = begin; k < end; k++) {
        if (k + PREFETCH_DISTANCE < end)
            tl_prefetch_row(p->x + p->rows[k + PREFETCH_DISTANCE] * p->width, p->width, LONGEST, false);
        memcpy(p->y + p->to[k] * p->width, p->x + p->rows[k] * p->width, (size_t)p->width * sizeof *p->y);
    }
}

void tl_place_rows(int64_t n, int64_t width, const int32_t *rows, const int32_t *to, const tl_real *x,
                   tl_real *y)
{
    if (width > 0)
        tl_parallel_rows(n, width, place_range, &(places){ width, rows, to, x, y });
}

/* ---- Extremes ---- */

typedef struct extremes {
    const tl_row_extremes *r;
    const tl_real *x;
    tl_real *y;
    int64_t *from;
} extremes;

static int64_t row_of(const tl_row_extremes *r, int64_t e)
{
    return r->row ? r->row[e] : e;
}

static bool is_beyond(tl_real x, tl_real extreme)
{
    return x > extreme || (x != x && extreme == extreme);
}

/* Lets the row x of entry e replace the elements of y that it is beyond. */
static void replace_by(int64_t width, int64_t e, bool smallest, const tl_real *x, tl_real *restrict y,
                       int64_t *restrict from)
{
    const tl_real sign = smallest ? -1 : 1;
    for (int64_t j = 0; j < width; j++) {
        const bool beyond = is_beyond(sign * x[j], sign * y[j]);
        from[j] = beyond ? e * width + j : from[j];
        y[j] = beyond ? x[j] : y[j];
    }
}

static void extreme_range(void *context, int64_t begin, int64_t end)
{
    const extremes *c = context;
    const tl_row_extremes *r = c->r;
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = r->ptr[i], last = r->ptr[i + 1];
        tl_real *y = c->y + i * r->width;
        int64_t *from = c->from + i * r->width;
        for (int64_t j = 0; j < r->width; j++) {
            y[j] = first < last ? c->x[row_of(r, first) * r->width + j] : 0;
            from[j] = first < last ? first * r->width + j : -1;
        }
        for (int64_t e = first + 1; e < last; e++)
            replace_by(r->width, e, r->smallest, c->x + row_of(r, e) * r->width, y, from);
    }
}

void tl_extreme_rows(const tl_row_extremes *r, const tl_real *x, tl_real *y, int64_t *from)
{
    if (r->n > 0 && r->width > 0)
        tl_parallel_rows(r->n, (1 + (r->ptr[r->n] - r->ptr[0]) / r->n) * r->width, extreme_range,
                         &(extremes){ r, x, y, from });
}
