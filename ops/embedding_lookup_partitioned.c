/* embedding_lookup_partitioned: Y(i, :) = R c / max(c, |R|), with the row R = T(ids[i], :) of a table in
 * shards and the greatest norm c; Y(i, :) = R if there is none.
 * dR += dY(i, :), or (c / |R|) (dY(i, :) - R <R, dY(i, :)> / |R|^2) where |R| > c, as row slices. */
#include "describe.h"
#include "lookup.h"
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

#include <math.h>
#include <string.h>

struct attr {
    const int32_t *ids; /* of the caller, for shape */
    tl_shape shape;     /* of the ids */
    tl_partition strategy;
    double max_norm; /* 0: none */
};

/* The ids by shard: those of shard i are entries ptr[i] .. ptr[i + 1] - 1. */
struct saved {
    int64_t width, *ptr;
    int32_t *row, *at; /* of an entry: its row in the shard, and its index in ids */
    double *factor;    /* of an id: what its row is multiplied by, 1 if its norm is not too large; NULL: 1 */
    tl_real *slices;   /* of an id: the gradient of its row, if there are factors */
};

static bool is_strategy(tl_partition p)
{
    return p == TL_MOD || p == TL_DIV;
}

/* Checks the shards: rows of one shape, as evenly spread as they can be. Both strategies give shard i the
 * same number of rows. */
static tl_status check_shards(const tl_node *y, int64_t *total)
{
    const tl_node *first = y->in[0];
    *total = 0;
    for (int32_t i = 0; i < y->n_in; i++) {
        tl_shape s = y->in[i]->shape;
        s.dim[0] = first->shape.dim[0];
        if (!tl_shape_equal(s, first->shape))
            return tl_fail(TL_ERR_SHAPE, "the rows of table %d, %s, are unlike those of table 0, %s", (int)i,
                           tl_node_text(y->in[i]).text, tl_node_text(first).text);
        if (y->in[i]->shape.dim[0] > INT64_MAX - *total)
            return tl_fail(TL_ERR_SHAPE, "with table %d, %s, the tables have too many rows", (int)i,
                           tl_node_text(y->in[i]).text);
        *total += y->in[i]->shape.dim[0];
    }
    const int32_t n = y->n_in;
    for (int32_t i = 0; i < n; i++) {
        const int64_t rows = y->in[i]->shape.dim[0], fair = *total / n + (i < *total % n);
        if (rows != fair)
            return tl_fail(TL_ERR_SHAPE, "table %d, %s, has %lld of the %lld rows, and must have %lld",
                           (int)i, tl_node_text(y->in[i]).text, (long long)rows, (long long)*total,
                           (long long)fair);
    }
    return TL_OK;
}

static tl_status check_ids(const tl_node *y, int64_t total)
{
    const struct attr *attr = y->attr;
    return tl_check_ids("ids", attr->ids, tl_shape_size(attr->shape), total, NULL, "the table", "rows");
}

/* Declares the result, too. Sets *total to the number of all rows. */
static tl_status check(tl_node *y, int64_t *total)
{
    const struct attr *attr = y->attr;
    const tl_status lookup = tl_shape_lookup(y, attr->shape);
    if (lookup != TL_OK)
        return lookup;
    if (!is_strategy(attr->strategy))
        return tl_fail(TL_ERR_ARGUMENT, "%d is not a tl_partition", (int)attr->strategy);
    if (!(attr->max_norm >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "max_norm %g is not in [0, Inf]", attr->max_norm);
    const tl_status shards = check_shards(y, total);
    return shards == TL_OK ? check_ids(y, *total) : shards;
}

/* Finds an id of `total` in n shards: returns its shard, and sets *row to its row there. */
static int32_t find(tl_partition strategy, int64_t n, int64_t total, int64_t id, int32_t *row)
{
    const int64_t rows = total / n, longer = total % n, split = longer * (rows + 1);
    if (strategy == TL_MOD) {
        *row = (int32_t)(id / n);
        return (int32_t)(id % n);
    }
    if (id < split) {
        *row = (int32_t)(id % (rows + 1));
        return (int32_t)(id / (rows + 1));
    }
    *row = (int32_t)((id - split) % rows);
    return (int32_t)(longer + (id - split) / rows);
}

/* Sorts the ids by shard, those of one shard in their order: counts them in s->ptr[shard + 2], then puts each
 * where the next one of its shard goes, s->ptr[shard + 1]. */
static void sort_ids(const tl_node *y, int64_t total, struct saved *s)
{
    const struct attr *attr = y->attr;
    const int64_t n = tl_shape_size(attr->shape);
    int32_t row;
    memset(s->ptr, 0, (size_t)(y->n_in + 2) * sizeof *s->ptr);
    for (int64_t k = 0; k < n; k++)
        s->ptr[find(attr->strategy, y->n_in, total, attr->ids[k], &row) + 2]++;
    for (int32_t i = 3; i <= y->n_in; i++)
        s->ptr[i] += s->ptr[i - 1];
    for (int64_t k = 0; k < n; k++) {
        const int64_t e = s->ptr[find(attr->strategy, y->n_in, total, attr->ids[k], &row) + 1]++;
        s->row[e] = row;
        s->at[e] = (int32_t)k;
    }
}

static void declare_rows(tl_node *y)
{
    const struct saved *s = y->scratch;
    for (int32_t i = 0; i < y->n_in; i++)
        tl_declare_rows(y, i, s->ptr[i + 1] - s->ptr[i], s->row + s->ptr[i]);
}

static tl_status shape(tl_node *y)
{
    const struct attr *attr = y->attr;
    int64_t total;
    const tl_status status = check(y, &total);
    if (status != TL_OK)
        return status;
    const int64_t n = tl_shape_size(attr->shape);
    const bool clips = attr->max_norm > 0 && !isinf(attr->max_norm);
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s)
        return TL_ERR_MEMORY;
    *s = (struct saved){
        .width = tl_lookup_width(y->in[0]),
        .ptr = tl_scratch(y, y->n_in + 2, sizeof *s->ptr),
        .row = tl_scratch(y, n, sizeof *s->row),
        .at = tl_scratch(y, n, sizeof *s->at),
        .factor = clips ? tl_scratch(y, n, sizeof *s->factor) : NULL,
        .slices = clips && y->requires_grad ? tl_scratch(y, y->size, sizeof *s->slices) : NULL,
    };
    if (!s->ptr || !s->row || !s->at || (clips && !s->factor) || (clips && y->requires_grad && !s->slices))
        return TL_ERR_MEMORY;
    sort_ids(y, total, s);
    declare_rows(y);
    return TL_OK;
}

/* Returns c / |R| of a row of n values, or 1 if |R| is not above c, infinite or NaN. In double, and by the
 * largest value where squares leave the range. */
static double factor_of(double c, int64_t n, const tl_real *row)
{
    const double square = tl_sum_run(n, row, row);
    double largest = 1, norm = sqrt(square);
    if (!(square >= 0x1p-900 && square <= 0x1p900)) {
        double sum = 0;
        largest = 0;
        for (int64_t j = 0; j < n; j++)
            largest = fmax(largest, fabs((double)row[j]));
        for (int64_t j = 0; j < n; j++)
            sum += (double)row[j] / largest * ((double)row[j] / largest);
        norm = sqrt(sum); /* in units of the largest; NaN if that is 0 or infinite */
    }
    return norm > c / largest ? c / largest / norm : 1;
}

/* Finds the factors of rows begin .. end-1, and multiplies the rows by them. */
static void clip(const tl_node *y, int64_t begin, int64_t end, tl_real *rows)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    for (int64_t k = begin; k < end; k++) {
        tl_real *row = rows + k * s->width;
        s->factor[k] = factor_of(attr->max_norm, s->width, row);
        if (s->factor[k] < 1)
            for (int64_t j = 0; j < s->width; j++)
                row[j] = (tl_real)((double)row[j] * s->factor[k]);
    }
}

/* Copies the rows of all ids. */
static void place_rows(const tl_node *y, tl_real *to)
{
    const struct saved *s = y->scratch;
    for (int32_t i = 0; i < y->n_in; i++) {
        const int64_t e = s->ptr[i];
        tl_place_rows(s->ptr[i + 1] - e, s->width, s->row + e, s->at + e, y->in[i]->val, to);
    }
}

static void clip_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    clip(y, begin, end, y->out);
}

static void forward(tl_node *y)
{
    const struct saved *s = y->scratch;
    place_rows(y, y->out);
    if (s->factor)
        tl_parallel_rows(tl_shape_size(((const struct attr *)y->attr)->shape), s->width, clip_range, y);
}

/* Turns rows R, which may have changed since forward, into their gradients. When clipped, R is c R / |R|. */
static void slice_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const double c = ((const struct attr *)y->attr)->max_norm;
    const struct saved *s = y->scratch;
    clip(y, begin, end, s->slices);
    for (int64_t k = begin; k < end; k++) {
        const tl_real *dy = y->grad + k * s->width;
        tl_real *slice = s->slices + k * s->width;
        if (s->factor[k] == 1) {
            memcpy(slice, dy, (size_t)s->width * sizeof *slice);
            continue;
        }
        const double along = tl_sum_run(s->width, slice, dy) / c / c;
        for (int64_t j = 0; j < s->width; j++)
            slice[j] = (tl_real)(s->factor[k] * ((double)dy[j] - along * (double)slice[j]));
    }
}

static void backward(tl_node *y)
{
    const struct saved *s = y->scratch;
    if (s->slices) {
        declare_rows(y);
        place_rows(y, s->slices);
        tl_parallel_rows(tl_shape_size(((const struct attr *)y->attr)->shape), s->width, slice_range, y);
    }
    for (int32_t i = 0; i < y->n_in; i++) {
        const int64_t e = s->ptr[i];
        tl_add_rows(y, i, s->ptr[i + 1] - e, s->row + e, s->at + e, NULL, s->slices ? s->slices : y->grad);
    }
}

/* Returns the rows at the ids of tables like those of y, or of their directions: a padded lookup in each. */
static tl_node *rows_of(tl_node *y, tl_node *const *dx)
{
    const tl_shape ids = ((const struct attr *)y->attr)->shape;
    const struct saved *s = y->scratch;
    const int64_t n = tl_shape_size(ids);
    const int32_t none = -1, *at;
    tl_node **part = tl_scratch(y, y->n_in, sizeof *part);
    if (!part)
        return NULL;
    for (int32_t i = 0; i < y->n_in; i++) {
        int32_t *row = tl_scratch(y, n, sizeof *row);
        if (!row)
            return NULL;
        for (int64_t k = 0; k < n; k++)
            row[k] = none;
        for (int64_t e = s->ptr[i]; e < s->ptr[i + 1]; e++)
            row[s->at[e]] = s->row[e];
        tl_node *table = tl_moved_rows(dx[i], n, row, &none, &at);
        part[i] = tl_embedding_lookup_padded(table, at, ids, none);
    }
    return tl_sum_of(y->n_in, part);
}

/* With N = max(c, |R|), dY = (c dR - Y dN) / N; dN = <R, dR> / N where |R| > c, otherwise 0. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    if (!s->factor)
        return rows_of(y, dx);
    const tl_real c = (tl_real)attr->max_norm;
    const int64_t n = tl_shape_size(attr->shape);
    const tl_shape rows = TL_SHAPE(n, s->width), column = TL_SHAPE(n, 1);
    tl_node *r = rows_of(y, y->in), *dr = r ? rows_of(y, dx) : NULL;
    if (!dr)
        return NULL;
    r = tl_reshape(r, rows);
    dr = tl_reshape(dr, rows);
    tl_node *excess = tl_add_constant(tl_reduce_sum(tl_square(r), 1), -c * c);
    tl_node *norm = tl_sqrt(tl_add_constant(tl_relu(excess), c * c));
    tl_node *dnorm = tl_div(tl_gate(tl_reduce_sum(tl_mul(r, dr), 1), excess), norm);
    tl_node *less = tl_mul(tl_reshape(y, rows), tl_reshape(dnorm, column));
    tl_node *dy = tl_div(tl_sub(tl_scale(dr, c), less), tl_reshape(norm, column));
    return tl_reshape(dy, y->shape);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_shape(to, "ids", attr->shape);
    if (is_strategy(attr->strategy))
        tl_describe_text(to, "strategy", attr->strategy == TL_MOD ? "mod" : "div");
    if (attr->max_norm != 0)
        tl_describe_number(to, "max_norm", attr->max_norm);
}

static const tl_op op = {
    .name = "embedding_lookup_partitioned",
    .min_in = 1,
    .max_in = INT32_MAX,
    .in_kind = { TL_ROWS },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_embedding_lookup_partitioned(tl_node *const *tables, int32_t n, const int32_t *ids,
                                         tl_shape ids_shape, tl_partition strategy, double max_norm)
{
    const struct attr attr = { ids, ids_shape, strategy, max_norm };
    return tl_apply_list(&op, n, tables, &attr, sizeof attr);
}
