/* Lookups, whose tables have row-sparse gradients; in dense terms, products with one-hot rows. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* Chooses a table with at least one row, and n ids of its rows. */
static bool ids_of_table(fuzz_program *p, fuzz_item *c, int32_t least_rank, int32_t most_rank, int64_t n)
{
    const int32_t rank = least_rank + (int32_t)tl_fuzz_draw(most_rank - least_rank + 1);
    c->in[0] = tl_fuzz_rarely(4) ? tl_fuzz_pick(p, FUZZ_DENSE, least_rank, most_rank)
                                 : tl_fuzz_table(p, tl_fuzz_shape(p, rank));
    if (c->in[0] < 0)
        return false;
    const tl_shape s = p->item[c->in[0]].shape;
    if ((s.dim[0] == 0 && n > 0) || n * (s.dim[0] + 1) > p->limit ||
        n * tl_shape_size(s) > p->limit * (s.dim[0] + 1))
        return false;
    c->n_ids = n;
    c->ids = tl_fuzz_block(p, n, sizeof *c->ids);
    for (int64_t k = 0; k < n; k++)
        c->ids[k] = (int32_t)tl_fuzz_draw(s.dim[0]);
    return true;
}

static bool looked_up(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->to = tl_fuzz_shape(p, (int32_t)tl_fuzz_draw(3));
    return ids_of_table(p, c, 1, 2, tl_shape_size(c->to));
}

static tl_node *lookup(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_embedding_lookup(in[0], c->ids, c->to);
}

/* Returns the n_ids x rows matrix that has a 1 at the ids, times the table seen as a matrix; ids that are
 * `skipped` have none. */
static tl_node *one_hot_product(fuzz_world *w, const fuzz_item *c, tl_node *table, const int32_t *skipped)
{
    const tl_shape s = w->p->item[c->in[0]].shape;
    const int64_t rows = s.dim[0], width = s.rank == 1 ? 1 : s.dim[1];
    tl_real *one_hot = tl_fuzz_block(w->p, c->n_ids * rows, sizeof *one_hot);
    for (int64_t k = 0; k < c->n_ids; k++)
        if (!skipped || c->ids[k] != *skipped)
            one_hot[k * rows + c->ids[k]] = 1;
    return tl_matmul(tl_input(w->g, TL_SHAPE(c->n_ids, rows), one_hot),
                     tl_reshape(table, TL_SHAPE(rows, width)));
}

static tl_node *dense_lookup(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    return tl_reshape(one_hot_product(w, c, in[0], NULL), c->shape);
}

/* ---- Padding ---- */

static bool padded_ids(fuzz_program *p, fuzz_item *c)
{
    if (!looked_up(p, c))
        return false;
    c->begin = c->n_ids > 0 && tl_fuzz_rarely(2) ? c->ids[0] : -5;
    if (c->n_ids > 0 && tl_fuzz_rarely(2))
        c->ids[tl_fuzz_draw(c->n_ids)] = (int32_t)c->begin;
    return true;
}

static tl_node *padded(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_embedding_lookup_padded(in[0], c->ids, c->to, (int32_t)c->begin);
}

static tl_node *dense_padded(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    const int32_t padding = (int32_t)c->begin;
    return tl_reshape(one_hot_product(w, c, in[0], &padding), c->shape);
}

/* ---- Partitions: the strategy is the axis, the bound on norms c ---- */

static bool partitioned(fuzz_program *p, fuzz_item *c)
{
    const int32_t n = 1 + (int32_t)tl_fuzz_draw(FUZZ_IN);
    const int64_t rows = tl_fuzz_size(p);
    tl_shape s = tl_fuzz_shape(p, 1 + (int32_t)tl_fuzz_draw(2));
    c->n_in = n;
    c->n = rows;
    c->axis = (int32_t)tl_fuzz_draw(2);
    c->c = tl_fuzz_rarely(2) ? 0.75 : 0;
    for (int32_t k = 0; k < n; k++) {
        s.dim[0] = rows / n + (k < rows % n);
        c->in[k] = tl_fuzz_table(p, s);
    }
    c->to = tl_fuzz_shape(p, (int32_t)tl_fuzz_draw(3));
    c->n_ids = tl_shape_size(c->to);
    if ((rows == 0 && c->n_ids > 0) || c->n_ids * (rows + 1) > p->limit ||
        c->n_ids * (s.rank == 1 ? 1 : s.dim[1]) > p->limit)
        return false;
    c->ids = tl_fuzz_block(p, c->n_ids, sizeof *c->ids);
    for (int64_t k = 0; k < c->n_ids; k++)
        c->ids[k] = (int32_t)tl_fuzz_draw(rows);
    return true;
}

static tl_node *parts(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_embedding_lookup_partitioned(in, c->n_in, c->ids, c->to, (tl_partition)c->axis, c->c);
}

static bool has_no_bound(const fuzz_item *c, tl_node *const *in)
{
    (void)in;
    return c->c == 0;
}

/* Returns where a row is among the rows of all shards, one shard after the other. */
static int32_t place_of(const fuzz_item *c, int32_t row)
{
    const int32_t shard = row % c->n_in;
    int32_t before = 0;
    if (c->axis == TL_DIV)
        return row;
    for (int32_t k = 0; k < shard; k++)
        before += (int32_t)(c->n / c->n_in + (k < c->n % c->n_in));
    return before + row / c->n_in;
}

static tl_node *dense_parts(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    tl_real *one_hot = tl_fuzz_block(w->p, c->n_ids * c->n, sizeof *one_hot);
    for (int64_t k = 0; k < c->n_ids; k++)
        one_hot[k * c->n + place_of(c, c->ids[k])] = 1;
    const tl_shape s = w->p->item[c->in[0]].shape;
    tl_node *table = tl_reshape(tl_concat(in, c->n_in, 0), TL_SHAPE(c->n, s.rank == 1 ? 1 : s.dim[1]));
    tl_node *rows = tl_matmul(tl_input(w->g, TL_SHAPE(c->n_ids, c->n), one_hot), table);
    if (c->c > 0) {
        tl_node *squares = tl_clamp(tl_reduce_sum(tl_square(rows), 1), (tl_real)1e-30, (tl_real)INFINITY);
        tl_node *norm = tl_reshape(tl_sqrt(squares), TL_SHAPE(c->n_ids, 1));
        rows = tl_div(tl_scale(rows, (tl_real)c->c), tl_clamp(norm, (tl_real)c->c, (tl_real)INFINITY));
    }
    return tl_reshape(rows, c->shape);
}

/* ---- Bags ---- */

/* Its combiner is the axis; padding, if there is any, is id `begin`. */
static bool bagged(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[1] = -1;
    c->axis = (int32_t)tl_fuzz_draw(5);
    c->n = tl_fuzz_draw(5);
    c->row_ptr = tl_fuzz_block(p, c->n + 1, sizeof *c->row_ptr);
    for (int64_t b = 0; b < c->n; b++)
        c->row_ptr[b + 1] = c->row_ptr[b] + tl_fuzz_draw(4);
    if (!ids_of_table(p, c, 1, 2, c->row_ptr[c->n]))
        return false;
    c->flag = c->n_ids > 0 && tl_fuzz_rarely(3);
    c->begin = c->flag ? c->ids[0] : 0;
    if (c->axis <= TL_SQRTN && tl_fuzz_rarely(2)) {
        c->in[1] = tl_fuzz_positive(p, tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(c->n_ids), NULL));
        return c->in[1] >= 0;
    }
    return true;
}

static tl_node *bags(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    const tl_pattern_bag bag = { .n = c->n,
                                 .row_ptr = c->row_ptr,
                                 .ids = c->ids,
                                 .has_padding = c->flag,
                                 .padding_id = (int32_t)c->begin,
                                 .n_ids = c->n_ids };
    return tl_embedding_lookup_sparse(in[0], &bag, in[1], (tl_combiner)c->axis);
}

static bool has_no_ties(const fuzz_item *c, tl_node *const *in)
{
    (void)in;
    return c->axis <= TL_SQRTN;
}

/* The extremes of each bag's rows: those that are no padding, one after the other. */
static tl_node *dense_extremes(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    const int32_t padding = (int32_t)c->begin;
    fuzz_item kept = *c;
    int64_t *row_ptr = tl_fuzz_block(w->p, c->n + 1, sizeof *row_ptr);
    kept.ids = tl_fuzz_block(w->p, c->n_ids, sizeof *kept.ids);
    kept.n_ids = 0;
    for (int64_t b = 0; b < c->n; b++) {
        for (int64_t k = c->row_ptr[b]; k < c->row_ptr[b + 1]; k++)
            if (!c->flag || c->ids[k] != padding)
                kept.ids[kept.n_ids++] = c->ids[k];
        row_ptr[b + 1] = kept.n_ids;
    }
    tl_node *rows = one_hot_product(w, &kept, in[0], NULL);
    if (c->axis == TL_MAX)
        return tl_segment_max(rows, row_ptr, c->n);
    return tl_neg(tl_segment_max(tl_neg(rows), row_ptr, c->n));
}

static tl_node *dense_bags(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    const int32_t padding = (int32_t)c->begin;
    if (c->axis > TL_SQRTN)
        return dense_extremes(w, c, in);
    tl_real *member = tl_fuzz_block(w->p, c->n * c->n_ids, sizeof *member);
    tl_real *empty = tl_fuzz_block(w->p, c->n, sizeof *empty);
    tl_real *ones = tl_fuzz_block(w->p, c->n_ids, sizeof *ones);
    for (int64_t b = 0; b < c->n; b++) {
        empty[b] = 1; /* its sum, 0, is divided by that */
        for (int64_t k = c->row_ptr[b]; k < c->row_ptr[b + 1]; k++)
            if (!c->flag || c->ids[k] != padding) {
                member[b * c->n_ids + k] = 1;
                empty[b] = 0;
            }
    }
    for (int64_t k = 0; k < c->n_ids; k++)
        ones[k] = 1;
    const tl_shape column = TL_SHAPE(c->n_ids, 1);
    tl_node *in_bag = tl_input(w->g, TL_SHAPE(c->n, c->n_ids), member);
    tl_node *weight = in[1] ? tl_reshape(in[1], column) : tl_input(w->g, column, ones);
    tl_node *sum = tl_matmul(in_bag, tl_mul(one_hot_product(w, c, in[0], c->flag ? &padding : NULL), weight));
    if (c->axis == TL_SUM)
        return sum;
    tl_node *total = tl_matmul(in_bag, c->axis == TL_MEAN ? weight : tl_square(weight));
    total = tl_add(total, tl_input(w->g, TL_SHAPE(c->n, 1), empty));
    return tl_div(sum, c->axis == TL_MEAN ? total : tl_sqrt(total));
}

const fuzz_op tl_fuzz_lookups[] = {
    { "embedding_lookup", looked_up, .apply = lookup, .dense = dense_lookup },
    { "embedding_lookup_padded", padded_ids, .apply = padded, .dense = dense_padded },
    { "embedding_lookup_partitioned", partitioned, .apply = parts, .dense = dense_parts,
      .smooth = has_no_bound },
    { "embedding_lookup_sparse", bagged, .apply = bags, .dense = dense_bags, .smooth = has_no_ties,
      .optional = 1 },
    { 0 },
};
