/* embedding_lookup_sparse: with e_k = T(ids[k], :) for the ids of bag b, and D = 1, sum w or sqrt(sum w^2),
 * Y(b, :) = sum of w_k e_k / D.  dT(ids[k], :) += w_k / D dY(b, :), as row slices;
 * dw_k += <e_k, dY> / D, less <Y, dY> / D for a mean, less w_k <Y, dY> / D^2 for sqrtn. */
#include "op.h"
#include "ops.h"
#include "lib/matrix/rows.h"

#include <math.h>

typedef struct lookup {
    tl_pattern_bag bags;
    tl_combiner combiner;
} lookup;

/* The ids that count, without padding and bags whose divisor is 0: which row of T, which bag, which of the
 * ids, and w_k / D. */
typedef struct members {
    int64_t n, *first; /* those of bag b are first[b] .. first[b + 1] - 1 */
    int32_t *row, *bag, *id;
    tl_real *coef;
    tl_real *divisor; /* D of each bag */
    tl_real *share;   /* dY / D of each bag, where all its members get that and D need not be 1; else NULL */
} members;

static tl_status check(const lookup *by, const tl_shape table, const tl_node *weights)
{
    const tl_pattern_bag *b = &by->bags;
    if (table.rank != 2)
        return tl_fail(TL_ERR_SHAPE, "the table is %s, and must be a matrix", tl_shape_text(table).text);
    if (by->combiner < TL_SUM || by->combiner > TL_SQRTN)
        return tl_fail(TL_ERR_ARGUMENT, "%d is no tl_combiner", (int)by->combiner);
    if (b->n < 0 || b->n > INT32_MAX || !b->row_ptr)
        return tl_fail(TL_ERR_ARGUMENT, "%lld bags%s", (long long)b->n,
                       b->row_ptr ? "" : " without a row_ptr");
    if (b->row_ptr[0] != 0)
        return tl_fail(TL_ERR_ARGUMENT, "row_ptr[0] is %lld, not 0", (long long)b->row_ptr[0]);
    for (int64_t i = 0; i < b->n; i++)
        if (b->row_ptr[i + 1] < b->row_ptr[i])
            return tl_fail(TL_ERR_ARGUMENT, "bag %lld ends at %lld, before its start %lld", (long long)i,
                           (long long)b->row_ptr[i + 1], (long long)b->row_ptr[i]);
    int64_t n = b->row_ptr[b->n];
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "%lld ids are more than %d", (long long)n, INT32_MAX);
    const tl_status status = tl_check_ids("ids", b->ids, n, table.dim[0],
                                          b->has_padding ? &b->padding_id : NULL, "table", "rows");
    if (status != TL_OK)
        return status;
    if (weights && (weights->shape.rank != 1 || weights->shape.dim[0] != n))
        return tl_fail(TL_ERR_SHAPE, "weights are %s for %lld ids", tl_shape_text(weights->shape).text,
                       (long long)n);
    return TL_OK;
}

/* Lists the members of bag b with their weights, and divides these; with a divisor of 0 it has none. */
static void list_members(const lookup *by, const tl_real *weights, int64_t b, members *m)
{
    const int64_t first = m->n, begin = by->bags.row_ptr[b], end = by->bags.row_ptr[b + 1];
    const int32_t *ids = by->bags.ids;
    int64_t n = first;
    for (int64_t k = begin; k < end; k++) {
        m->row[n] = ids[k], m->id[n] = (int32_t)k;
        n += !by->bags.has_padding || ids[k] != by->bags.padding_id;
    }
    for (int64_t k = first; k < n; k++)
        m->bag[k] = (int32_t)b, m->coef[k] = weights ? weights[m->id[k]] : 1;
    double sum = 0; /* so that small weights' squares do not vanish, nor large ones' overflow */
    for (int64_t k = first; weights && k < n; k++)
        sum += (double)m->coef[k] * (by->combiner == TL_SQRTN ? (double)m->coef[k] : 1);
    sum = weights ? sum : (double)(n - first);
    const tl_real d = by->combiner == TL_SUM ? 1 : (tl_real)(by->combiner == TL_MEAN ? sum : sqrt(sum));
    m->divisor[b] = d;
    m->n = d == 0 ? first : n;
    for (int64_t k = first; k < m->n; k++)
        m->coef[k] /= d;
}

static tl_status shape(tl_node *y)
{
    const lookup *by = y->attr;
    tl_status status = check(by, y->in[0]->shape, y->in[1]);
    if (status != TL_OK)
        return status;
    int64_t n = by->bags.row_ptr[by->bags.n];
    members *m = y->scratch = tl_scratch(y, 1, sizeof *m);
    if (!m)
        return TL_ERR_MEMORY;
    *m = (members){ .first = tl_scratch(y, by->bags.n + 1, sizeof *m->first),
                    .row = tl_scratch(y, n, sizeof *m->row),
                    .bag = tl_scratch(y, n, sizeof *m->bag),
                    .id = tl_scratch(y, n, sizeof *m->id),
                    .coef = tl_scratch(y, n, sizeof *m->coef),
                    .divisor = tl_scratch(y, by->bags.n, sizeof *m->divisor) };
    if (!m->first || !m->row || !m->bag || !m->id || !m->coef || !m->divisor)
        return TL_ERR_MEMORY;
    m->first[0] = 0;
    const tl_real *weights = tl_value(
        y->in[1]); /* up to date, as those of a node's inputs are only after `shape` */
    for (int64_t b = 0; b < by->bags.n; b++) {
        list_members(by, weights, b, m);
        m->first[b + 1] = m->n;
    }
    tl_declare_rows(y, 0, m->n, m->row);
    status = tl_shape_dense(y, TL_SHAPE(by->bags.n, y->in[0]->shape.dim[1]));
    if (status == TL_OK && !y->in[1] && by->combiner != TL_SUM)
        status = (m->share = tl_scratch(y, y->size, sizeof *m->share)) ? TL_OK : TL_ERR_MEMORY;
    return status;
}

/* The bags are the rows of a sparse matrix that the table is multiplied by. */
static void sum_bags(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const members *m = y->scratch;
    const tl_sparse bags = {
        .rows = y->shape.dim[0], .row_ptr = m->first, .col = m->row, .values = m->coef, .x_uncached = true
    };
    tl_sum_table_rows(&bags, begin, end, y->shape.dim[1], y->in[0]->val, y->out, false);
}

static void forward(tl_node *y)
{
    const members *m = y->scratch;
    const int64_t bags = y->shape.dim[0];
    tl_parallel_for(bags, tl_table_rows_grain(bags, m->n, y->shape.dim[1]), sum_bags, y);
}

/* What each member of a bag gets, the same for all of them: divided once, not once a member. (Without a -0, a
 * slice that is alone in its row need not be copied: 0 + makes a 0 of it.) */
static void find_shares(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const members *m = y->scratch;
    const int64_t width = y->shape.dim[1];
    for (int64_t b = begin; b < end; b++) {
        const tl_real coef = m->first[b] < m->first[b + 1] ? m->coef[m->first[b]] : 0;
        for (int64_t j = b * width; j < (b + 1) * width; j++)
            m->share[j] = 0 + coef * y->grad[j];
    }
}

static void backward(tl_node *y)
{
    const lookup *by = y->attr;
    const members *m = y->scratch;
    int64_t width = y->shape.dim[1];
    if (m->share)
        tl_parallel_for(y->shape.dim[0], 1 + (1 << 14) / (width + 1), find_shares, y);
    tl_add_rows(y, 0, m->n, m->row, m->bag, y->in[1] ? m->coef : NULL, m->share ? m->share : y->grad);
    tl_real *dw = y->in[1] ? y->in[1]->grad : NULL;
    if (dw)
        tl_declare_rows(y, 0, m->n, m->row); /* a step may have come between forward and backward */
    for (int64_t k = 0; dw && k < m->n; k++) {
        const tl_real *dy = y->grad + m->bag[k] * width, *yb = y->val + m->bag[k] * width;
        const tl_real *e = y->in[0]->val + m->row[k] * width;
        tl_real d = m->divisor[m->bag[k]], slope = 0;
        /* dD / dw_k: 0, 1 or w_k / D */
        tl_real grows = by->combiner == TL_SUM ? 0 : by->combiner == TL_MEAN ? 1 : m->coef[k];
        for (int64_t j = 0; j < width; j++)
            slope += (e[j] - grows * yb[j]) * dy[j];
        dw[m->id[k]] += slope / d;
    }
}

static const tl_op op = { .name = "embedding_lookup_sparse",
                          .n_in = 2,
                          .n_optional = 1,
                          .in_kind = { TL_ROWS, TL_DENSE },
                          .shape = shape,
                          .forward = forward,
                          .backward = backward };

tl_node *tl_embedding_lookup_sparse(tl_node *table, const tl_pattern_bag *bags, tl_node *weights,
                                    tl_combiner c)
{
    lookup by = { .combiner = c };
    if (bags)
        by.bags = *bags;
    return tl_apply(&op, (tl_node *[]){ table, weights }, &by, sizeof by);
}
