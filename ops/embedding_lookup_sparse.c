/* embedding_lookup_sparse: with e_k = T(ids[k], :) for the ids of bag b, and D = 1, sum w or sqrt(sum w^2),
 * Y(b, :) = sum of w_k e_k / D.  dT(ids[k], :) += w_k / D dY(b, :), as row slices;
 * dw_k += <e_k, dY> / D, less <Y, dY> / D for a mean, less w_k <Y, dY> / D^2 for sqrtn.
 * Of a maximum or minimum, Y(b, j) is that of the e_k(j).  dT(ids[k], j) += dY(b, j) for the first k with
 * that e_k(j). */
#include "describe.h"
#include "lookup.h"
#include "matrix.h"
#include "ops.h"
#include "tangent.h"

#include <math.h>
#include <string.h>

struct attr {
    tl_pattern_bag bags;
    tl_combiner combiner;
};

/* Of a maximum or minimum. A winner is an entry that has an element of Y. */
struct winners {
    int64_t *from;   /* for each element of Y, the one of the entries that it is: as tl_extreme_rows has it */
    bool *won;       /* of an entry */
    int32_t *source; /* of a winner: which entry it is, and its row of T */
    int32_t *row;
    tl_real *slices; /* of an entry: dY where it has won, otherwise 0 */
};

/* The entries: the ids, except padding and bags whose divisor is 0. */
struct saved {
    int64_t n, *bag_ptr;     /* bag b has the entries bag_ptr[b] .. bag_ptr[b + 1] - 1 */
    int32_t *id, *bag, *pos; /* of an entry: its id, its bag, and its index in ids */
    const int32_t *row;      /* a copy of `id`, rows of T */
    tl_real *coef;           /* of an entry: w_k / D */
    tl_real *divisor;        /* D of each bag */
    /* dY / D of each bag, which all its entries receive; NULL: weighted, or every D is 1 */
    tl_real *shared;
    tl_real *now; /* Y in backward, if the gradient of the weights depends on it */
    struct winners extremes;
};

static bool is_extreme(tl_combiner c)
{
    return c == TL_MAX || c == TL_MIN;
}

/* Returns NULL for another number. */
static const char *combiner_name(tl_combiner c)
{
    static const char *const name[] = { "sum", "mean", "sqrtn", "max", "min" };
    return (int)c >= TL_SUM && (int)c <= TL_MIN ? name[c] : NULL;
}

static tl_status check_bags(const tl_pattern_bag *b, const tl_node *table)
{
    if (b->n < 0 || b->n > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "bags: n = %lld is not in 0..%d", (long long)b->n, INT32_MAX);
    if (!b->row_ptr)
        return tl_fail(TL_ERR_ARGUMENT, "bags: row_ptr is NULL");
    if (b->row_ptr[0] != 0)
        return tl_fail(TL_ERR_ARGUMENT, "bags: row_ptr[0] is %lld and must be 0", (long long)b->row_ptr[0]);
    for (int64_t i = 0; i < b->n; i++)
        if (b->row_ptr[i + 1] < b->row_ptr[i])
            return tl_fail(TL_ERR_ARGUMENT, "bag %lld ends at %lld, before its start %lld", (long long)i,
                           (long long)b->row_ptr[i + 1], (long long)b->row_ptr[i]);
    if (b->n_ids < 0)
        return tl_fail(TL_ERR_ARGUMENT, "bags: n_ids = %lld is negative", (long long)b->n_ids);
    if (b->n_ids > 0 && b->row_ptr[b->n] != b->n_ids)
        return tl_fail(TL_ERR_ARGUMENT, "the bags hold %lld of %lld ids", (long long)b->row_ptr[b->n],
                       (long long)b->n_ids);
    if (b->row_ptr[b->n] > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "the number of ids, %lld, is not in 0..%d",
                       (long long)b->row_ptr[b->n], INT32_MAX);
    return tl_check_rows(table, b->ids, b->row_ptr[b->n], b->has_padding ? &b->padding_id : NULL);
}

static tl_status check(const tl_node *y)
{
    const struct attr *attr = y->attr;
    const tl_node *table = y->in[0], *weights = y->in[1];
    if (table->shape.rank != 1 && table->shape.rank != 2)
        return tl_fail(TL_ERR_SHAPE, "the table is %s, and must be a matrix or a vector",
                       tl_node_text(table).text);
    if (!combiner_name(attr->combiner))
        return tl_fail(TL_ERR_ARGUMENT, "%d is not a tl_combiner", (int)attr->combiner);
    if (weights && is_extreme(attr->combiner))
        return tl_fail(TL_ERR_ARGUMENT, "a %s takes no weights, and these are %s",
                       combiner_name(attr->combiner), tl_node_text(weights).text);
    const tl_status status = check_bags(&attr->bags, table);
    if (status != TL_OK)
        return status;
    const int64_t n = attr->bags.row_ptr[attr->bags.n];
    if (weights && !tl_shape_equal(weights->shape, TL_SHAPE(n)))
        return tl_fail(TL_ERR_SHAPE, "the weights are %s, and must be [%lld], one per id",
                       tl_node_text(weights).text, (long long)n);
    return TL_OK;
}

/* Returns sum w, or sqrt(sum w^2), for n weights that are divided by `unit` first. In double: the square of a
 * float weight may underflow or overflow. */
static double divisor_of(tl_combiner combiner, int64_t n, const tl_real *w, double unit)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        const double x = (double)w[k] / unit;
        sum += x * (combiner == TL_SQRTN ? x : 1);
    }
    return combiner == TL_SQRTN ? sqrt(sum) : sum;
}

/* Divides n weights by D, d or near it, where it may be infinite, or the squares in it vanish: first by the
 * largest weight. Returns D. */
static tl_real divide_scaled(tl_combiner combiner, int64_t n, tl_real *w, double d)
{
    double largest = 0;
    for (int64_t k = 0; k < n; k++)
        largest = fmax(largest, fabs((double)w[k]));
    const double rest = largest > 0 && isfinite(largest) ? divisor_of(combiner, n, w, largest) : d;
    for (int64_t k = 0; k < n; k++)
        w[k] = (tl_real)((double)w[k] / largest / rest);
    return (tl_real)(rest * largest);
}

/* Divides n weights by D, which it returns. */
static tl_real divide(tl_combiner combiner, bool weighted, int64_t n, tl_real *w)
{
    const double d = weighted               ? divisor_of(combiner, n, w, 1)
                     : combiner == TL_SQRTN ? sqrt((double)n)
                                            : (double)n;
    const tl_real rounded = (tl_real)d;
    if (!isfinite(rounded) || (combiner == TL_SQRTN && d < 0x1p-450))
        return divide_scaled(combiner, n, w, d);
    for (int64_t k = 0; k < n; k++)
        w[k] /= rounded;
    return rounded;
}

/* Sets the coefficients of the n entries of bag b, from entry `first` on, and its D. */
static void weigh(const struct attr *attr, const tl_real *weights, int64_t b, int64_t first, int64_t n,
                  struct saved *s)
{
    for (int64_t k = first; k < first + n; k++)
        s->coef[k] = weights ? weights[s->pos[k]] : 1;
    s->divisor[b] = attr->combiner == TL_SUM ? 1
                                             : divide(attr->combiner, weights != NULL, n, s->coef + first);
}

/* Appends the entries of bag b, with their weights divided by D; none if D is 0. */
static void append_bag(const struct attr *attr, const tl_real *weights, int64_t b, struct saved *s)
{
    const int64_t first = s->n, begin = attr->bags.row_ptr[b], end = attr->bags.row_ptr[b + 1];
    const int32_t *ids = attr->bags.ids;
    int64_t n = first;
    for (int64_t k = begin; k < end; k++) {
        s->id[n] = ids[k];
        s->pos[n] = (int32_t)k;
        n += !attr->bags.has_padding || ids[k] != attr->bags.padding_id;
    }
    for (int64_t k = first; k < n; k++)
        s->bag[k] = (int32_t)b;
    weigh(attr, weights, b, first, n - first, s);
    s->n = s->divisor[b] == 0 ? first : n;
}

static tl_status alloc_extremes(tl_node *y, struct saved *s)
{
    struct winners *x = &s->extremes;
    if (!(x->from = tl_scratch(y, y->size, sizeof *x->from)))
        return TL_ERR_MEMORY;
    if (!y->requires_grad)
        return TL_OK;
    x->won = tl_scratch(y, s->n, sizeof *x->won);
    x->source = tl_scratch(y, s->n, sizeof *x->source);
    x->row = tl_scratch(y, s->n, sizeof *x->row);
    x->slices = tl_scratch(y, s->n * y->shape.dim[1], sizeof *x->slices);
    return x->won && x->source && x->row && x->slices ? TL_OK : TL_ERR_MEMORY;
}

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    tl_pattern_bag *b = &attr->bags;
    tl_status status = check(y);
    if (status != TL_OK)
        return status;
    const int64_t n = b->row_ptr[b->n];
    b->row_ptr = tl_scratch_copy(y, b->n + 1, sizeof *b->row_ptr, b->row_ptr);
    b->ids = tl_scratch_copy(y, n, sizeof *b->ids, b->ids);
    if (!b->row_ptr || !b->ids)
        return TL_ERR_MEMORY;
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s)
        return TL_ERR_MEMORY;
    *s = (struct saved){
        .bag_ptr = tl_scratch(y, b->n + 1, sizeof *s->bag_ptr),
        .id = tl_scratch(y, n, sizeof *s->id),
        .bag = tl_scratch(y, n, sizeof *s->bag),
        .pos = tl_scratch(y, n, sizeof *s->pos),
        .coef = tl_scratch(y, n, sizeof *s->coef),
        .divisor = tl_scratch(y, b->n, sizeof *s->divisor),
    };
    if (!s->bag_ptr || !s->id || !s->bag || !s->pos || !s->coef || !s->divisor)
        return TL_ERR_MEMORY;
    s->bag_ptr[0] = 0;
    /* tl_value applies pending updates; in[1]->val has them only after `shape` */
    const tl_real *weights = tl_value(y->in[1]);
    for (int64_t k = 0; k < b->n; k++) {
        append_bag(attr, weights, k, s);
        s->bag_ptr[k + 1] = s->n;
    }
    status = tl_copy_rows(y, 0, "ids", s->n, s->id, &s->row);
    if (status == TL_OK)
        status = tl_shape_dense(y, TL_SHAPE(b->n, tl_lookup_width(y->in[0])));
    if (status == TL_OK && is_extreme(attr->combiner))
        return alloc_extremes(y, s);
    if (status == TL_OK && y->requires_grad && !y->in[1] && attr->combiner != TL_SUM)
        status = (s->shared = tl_scratch(y, y->size, sizeof *s->shared)) ? TL_OK : TL_ERR_MEMORY;
    if (status == TL_OK && y->in[1] && y->in[1]->requires_grad && attr->combiner != TL_SUM)
        status = (s->now = tl_scratch(y, y->size, sizeof *s->now)) ? TL_OK : TL_ERR_MEMORY;
    return status;
}

static void forward_extremes(tl_node *y)
{
    const struct saved *s = y->scratch;
    const tl_row_extremes bags = {
        .n = y->shape.dim[0],
        .width = y->shape.dim[1],
        .ptr = s->bag_ptr,
        .row = s->row,
        .smallest = ((const struct attr *)y->attr)->combiner == TL_MIN,
    };
    tl_extreme_rows(&bags, y->in[0]->val, y->out, s->extremes.from);
}

static void slice_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct saved *s = y->scratch;
    const int64_t width = y->shape.dim[1];
    for (int64_t e = begin; e < end; e++) {
        const tl_real *dy = y->grad + s->bag[e] * width;
        const int64_t *from = s->extremes.from + s->bag[e] * width;
        tl_real *slice = s->extremes.slices + e * width;
        bool won = false;
        for (int64_t j = 0; j < width; j++) {
            const bool is_from = from[j] == e * width + j;
            slice[j] = is_from ? dy[j] : 0;
            won |= is_from;
        }
        s->extremes.won[e] = won;
    }
}

static void backward_extremes(tl_node *y)
{
    const struct saved *s = y->scratch;
    const struct winners *x = &s->extremes;
    int64_t n = 0;
    tl_parallel_rows(s->n, y->shape.dim[1], slice_range, y);
    for (int64_t e = 0; e < s->n; e++)
        if (x->won[e]) {
            x->source[n] = (int32_t)e;
            x->row[n++] = s->row[e];
        }
    tl_add_rows(y, 0, n, x->row, x->source, NULL, x->slices);
}

static void sum_bags(const tl_node *y, tl_real *to)
{
    const struct saved *s = y->scratch;
    const tl_row_sums sums = {
        .n = y->shape.dim[0],
        .width = y->shape.dim[1],
        .ptr = s->bag_ptr,
        .row = s->row,
        .coef = s->coef,
    };
    tl_sum_rows(&sums, y->in[0]->val, to, false);
}

static void forward(tl_node *y)
{
    if (is_extreme(((const struct attr *)y->attr)->combiner))
        forward_extremes(y);
    else
        sum_bags(y, y->out);
}

/* Reads the weights again: a step may have come between forward and backward. A bag whose D is now 0 has no
 * gradients, and one whose D was 0 still has no entries. */
static void read_weights(const tl_node *y)
{
    struct saved *s = y->scratch;
    for (int64_t b = 0; b < y->shape.dim[0]; b++) {
        const int64_t first = s->bag_ptr[b], end = s->bag_ptr[b + 1];
        weigh(y->attr, y->in[1]->val, b, first, end - first, s);
        if (s->divisor[b] == 0)
            memset(s->coef + first, 0, (size_t)(end - first) * sizeof *s->coef);
    }
}

/* Divides dY by D, once per bag and not once per entry. (`0 +` turns -0 into 0: a slice that is alone in its
 * row is then used uncopied.) */
static void divide_bags(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct saved *s = y->scratch;
    const int64_t width = y->shape.dim[1];
    for (int64_t b = begin; b < end; b++) {
        const tl_real coef = s->bag_ptr[b] < s->bag_ptr[b + 1] ? s->coef[s->bag_ptr[b]] : 0;
        for (int64_t j = b * width; j < (b + 1) * width; j++)
            s->shared[j] = 0 + coef * y->grad[j];
    }
}

/* The gradients of the weights of entries begin .. end - 1: <e_k - dD / dw_k Y, dY> / D. */
static void weight_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct saved *s = y->scratch;
    const bool mean = ((const struct attr *)y->attr)->combiner == TL_MEAN;
    const int64_t width = y->shape.dim[1];
    for (int64_t k = begin; k < end; k++) {
        const int64_t bag = s->bag[k] * width;
        const tl_real *e = y->in[0]->val + s->row[k] * width, *dy = y->grad + bag;
        const tl_real d = s->divisor[s->bag[k]], dd = mean ? 1 : s->coef[k]; /* dD / dw_k, but for a sum */
        tl_real sum = 0;
        for (int64_t j = 0; j < width; j++)
            sum += (s->now ? e[j] - dd * s->now[bag + j] : e[j]) * dy[j];
        if (d != 0)
            y->in[1]->grad[s->pos[k]] += sum / d;
    }
}

static void backward(tl_node *y)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    if (is_extreme(attr->combiner)) {
        backward_extremes(y);
        return;
    }
    if (y->in[1])
        read_weights(y);
    if (s->shared)
        tl_parallel_rows(y->shape.dim[0], y->shape.dim[1], divide_bags, y);
    tl_add_rows(y, 0, s->n, s->row, s->bag, y->in[1] ? s->coef : NULL, s->shared ? s->shared : y->grad);
    if (y->in[1] && y->in[1]->grad) {
        tl_declare_rows(y, 0, s->n, s->row); /* a step may have come between here, too */
        if (s->now)
            sum_bags(y, s->now);
        tl_parallel_rows(s->n, y->shape.dim[1], weight_range, y);
    }
}

/* The elements of the direction where the table's were the extremes, of a lookup of all entries. */
static tl_node *extreme_tangent(tl_node *y, tl_node *dtable)
{
    const struct saved *s = y->scratch;
    const int32_t *row;
    tl_node *table = tl_moved_rows(dtable, s->n, s->row, NULL, &row);
    return tl_pick(tl_embedding_lookup(table, row, TL_SHAPE(s->n)), y->shape, s->extremes.from);
}

/* Y is linear in the table and, if it is a sum, in the weights. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    tl_pattern_bag bags = attr->bags;
    tl_node *part[] = { NULL, NULL };
    if (is_extreme(attr->combiner))
        return extreme_tangent(y, dx[0]);
    if (dx[1] && attr->combiner != TL_SUM) {
        tl_fail(TL_ERR_ARGUMENT, "the op has no tangent where the weights of a %s move",
                combiner_name(attr->combiner));
        return NULL;
    }
    if (dx[1])
        part[1] = tl_embedding_lookup_sparse(y->in[0], &bags, dx[1], attr->combiner);
    if (dx[0]) {
        const int32_t *padding = bags.has_padding ? &attr->bags.padding_id : NULL;
        tl_node *table = tl_moved_rows(dx[0], bags.row_ptr[bags.n], attr->bags.ids, padding, &bags.ids);
        if (bags.ids != attr->bags.ids)
            bags.padding_id = -1;
        part[0] = tl_embedding_lookup_sparse(table, &bags, y->in[1], attr->combiner);
    }
    return tl_sum_of(2, part);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_text(to, "combiner", combiner_name(attr->combiner));
    tl_describe_integer(to, "bags", attr->bags.n);
    if (y->out)
        tl_describe_integer(to, "ids", attr->bags.row_ptr[attr->bags.n]);
    if (attr->bags.has_padding)
        tl_describe_integer(to, "padding_id", attr->bags.padding_id);
}

static const tl_op op = {
    .name = "embedding_lookup_sparse",
    .n_in = 2,
    .n_optional = 1,
    .in_kind = { TL_ROWS, TL_DENSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_embedding_lookup_sparse(tl_node *table, const tl_pattern_bag *bags, tl_node *weights,
                                    tl_combiner c)
{
    struct attr attr = { .combiner = c };
    if (bags)
        attr.bags = *bags;
    return tl_apply(&op, (tl_node *[]){ table, weights }, &attr, sizeof attr);
}
