/* Ops that take or give sparse nodes, or tables whose gradients are row-sparse. */
#include "tests/fuzz/ops/program.h"

#include "op.h"
#include "ops.h"

/* ---- Selection by a pattern, for the dense side ---- */

typedef struct select_attr {
    const tl_pattern *keep;
    double other;
} select_attr;

static tl_status select_shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void select_forward(tl_node *y)
{
    const select_attr *attr = y->attr;
    const tl_csr p = tl_pattern_csr(attr->keep);
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = (tl_real)attr->other;
    for (int64_t i = 0; i < p.rows; i++)
        for (int64_t e = p.row_ptr[i]; e < p.row_ptr[i + 1]; e++)
            y->out[i * p.cols + p.col[e]] = y->in[0]->val[i * p.cols + p.col[e]];
}

static void select_backward(tl_node *y)
{
    const select_attr *attr = y->attr;
    const tl_csr p = tl_pattern_csr(attr->keep);
    for (int64_t i = 0; i < p.rows; i++)
        for (int64_t e = p.row_ptr[i]; e < p.row_ptr[i + 1]; e++)
            y->in[0]->grad[i * p.cols + p.col[e]] += y->grad[i * p.cols + p.col[e]];
}

tl_node *tl_fuzz_select(tl_node *a, const tl_pattern *keep, double other)
{
    static const tl_op op = { .name = "select",
                              .n_in = 1,
                              .shape = select_shape,
                              .forward = select_forward,
                              .backward = select_backward };
    const select_attr attr = { keep, other };
    return tl_apply(&op, &a, &attr, sizeof attr);
}

/* ---- Products ---- */

static bool sparse_dense(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->axis = (int32_t)tl_fuzz_draw(4);
    c->in[0] = tl_fuzz_pick(p, FUZZ_SPARSE, 2, 2);
    if (c->in[0] < 0)
        return false;
    const tl_shape s = p->item[c->in[0]].shape;
    const int64_t k = s.dim[c->axis & TL_TRANSPOSE_A ? 0 : 1], n = tl_fuzz_size(p);
    c->in[1] = tl_fuzz_want(p, FUZZ_DENSE, c->axis & TL_TRANSPOSE_B ? TL_SHAPE(n, k) : TL_SHAPE(k, n), NULL);
    return true;
}

static bool dense_sparse(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->axis = (int32_t)tl_fuzz_draw(4);
    c->in[1] = tl_fuzz_pick(p, FUZZ_SPARSE, 2, 2);
    if (c->in[1] < 0)
        return false;
    const tl_shape s = p->item[c->in[1]].shape;
    const int64_t k = s.dim[c->axis & TL_TRANSPOSE_B ? 1 : 0];
    tl_shape d = tl_fuzz_shape(p, 1 + (int32_t)tl_fuzz_draw(3));
    if (c->axis & TL_TRANSPOSE_A)
        d = TL_SHAPE(k, tl_fuzz_size(p));
    else
        d.dim[d.rank - 1] = k;
    if (tl_shape_size(d) > p->limit || tl_shape_rows(d) * (s.dim[0] + s.dim[1]) > 2 * p->limit)
        return false;
    c->in[0] = tl_fuzz_want(p, FUZZ_DENSE, d, NULL);
    return true;
}

static tl_node *dense_product(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_matmul_transposed(in[0], in[1], (tl_trans)c->axis);
}

/* ---- Sums, conversions, softmax ---- */

static bool sparse_sum(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_SPARSE, 2, 2);
    c->in[1] = c->in[0] < 0 ? -1 : tl_fuzz_want(p, FUZZ_EITHER, p->item[c->in[0]].shape, NULL);
    return true;
}

static tl_node *dense_sum(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    (void)c;
    return tl_add(in[0], in[1]);
}

static bool filled(fuzz_program *p, fuzz_item *c)
{
    const bool absent = tl_fuzz_rarely(3);
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_SPARSE, 2, 2);
    c->in[1] = absent ? -1 : tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(), NULL);
    return absent || c->in[1] >= 0;
}

static tl_node *filled_dense(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    if (!in[1])
        return tl_scale(in[0], 1);
    tl_node *zeros = tl_stop_gradient(tl_scale(in[0], 0));
    return tl_add(in[0], tl_mul(in[1], tl_fuzz_select(zeros, w->p->item[c->in[0]].on, 1)));
}

static bool sparsified(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 2, 2);
    if (c->in[0] < 0)
        return false;
    const tl_shape s = p->item[c->in[0]].shape;
    c->pattern = tl_fuzz_pattern(p, s.dim[0], s.dim[1]);
    return c->pattern != NULL;
}

static tl_node *dense_to_sparse(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_dense_to_sparse(in[0], c->pattern);
}

static tl_node *the_same(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    (void)c;
    return tl_scale(in[0], 1);
}

static bool rows_of_any(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_EITHER, 1, TL_MAX_RANK);
    return true;
}

/* -Inf excludes what has no entry. */
static tl_node *dense_softmax(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_softmax(c->on ? tl_fuzz_select(in[0], c->on, -(double)INFINITY) : in[0]);
}

/* ---- Lookups ---- */

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

/* Its combiner is the axis; padding, if there is any, is id `begin`. */
static bool bagged(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[1] = -1;
    c->axis = (int32_t)tl_fuzz_draw(3);
    c->n = tl_fuzz_draw(5);
    c->row_ptr = tl_fuzz_block(p, c->n + 1, sizeof *c->row_ptr);
    for (int64_t b = 0; b < c->n; b++)
        c->row_ptr[b + 1] = c->row_ptr[b] + tl_fuzz_draw(4);
    if (!ids_of_table(p, c, 2, 2, c->row_ptr[c->n]))
        return false;
    c->flag = c->n_ids > 0 && tl_fuzz_rarely(3);
    c->begin = c->flag ? c->ids[0] : 0;
    if (tl_fuzz_rarely(2)) {
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

static tl_node *dense_bags(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    const int32_t padding = (int32_t)c->begin;
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

const fuzz_op tl_fuzz_sparse[] = {
    { "dense_sparse_matmul", dense_sparse, .product = tl_dense_sparse_matmul, .dense = dense_product },
    { "dense_to_sparse", sparsified, .apply = dense_to_sparse, .dense = the_same },
    { "embedding_lookup", looked_up, .apply = lookup, .dense = dense_lookup },
    { "embedding_lookup_sparse", bagged, .apply = bags, .dense = dense_bags, .optional = 1 },
    { "softmax", rows_of_any, .one = tl_softmax, .dense = dense_softmax },
    { "sparse_add", sparse_sum, .two = tl_sparse_add, .dense = dense_sum },
    { "sparse_dense_matmul", sparse_dense, .product = tl_sparse_dense_matmul, .dense = dense_product },
    { "sparse_to_dense", filled, .two = tl_sparse_to_dense, .dense = filled_dense, .optional = 1 },
    { 0 },
};
