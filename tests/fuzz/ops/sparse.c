/* Ops that take or give sparse nodes. */
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

static bool sampled(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->axis = (int32_t)tl_fuzz_draw(4);
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 2, 2);
    if (c->in[0] < 0)
        return false;
    const bool by_column = c->axis & TL_TRANSPOSE_A;
    const tl_shape a = p->item[c->in[0]].shape;
    const int64_t m = a.dim[by_column ? 1 : 0], k = a.dim[by_column ? 0 : 1], n = tl_fuzz_size(p);
    if (m * n > p->limit)
        return false;
    c->in[1] = tl_fuzz_want(p, FUZZ_DENSE, c->axis & TL_TRANSPOSE_B ? TL_SHAPE(n, k) : TL_SHAPE(k, n), NULL);
    c->pattern = tl_fuzz_pattern(p, m, n);
    return c->pattern != NULL;
}

static tl_node *sampled_matmul(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_sampled_matmul(in[0], in[1], c->pattern, (tl_trans)c->axis);
}

static bool sparse_sparse(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->axis = TL_NO_TRANSPOSE;
    c->in[0] = tl_fuzz_pick(p, FUZZ_SPARSE, 2, 2);
    if (c->in[0] < 0)
        return false;
    const tl_shape a = p->item[c->in[0]].shape;
    const int64_t n = tl_fuzz_size(p);
    c->in[1] = a.dim[0] * n > p->limit ? -1 : tl_fuzz_want(p, FUZZ_SPARSE, TL_SHAPE(a.dim[1], n), NULL);
    return true;
}

/* ---- Sums, conversions, softmax ---- */

static bool sparse_sum(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_SPARSE, 2, 2);
    c->in[1] = c->in[0] < 0 ? -1 : tl_fuzz_want(p, FUZZ_EITHER, p->item[c->in[0]].shape, NULL);
    return true;
}

static bool thresholded_sum(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->c = 0.25 * (double)tl_fuzz_draw(4);
    c->in[0] = tl_fuzz_pick(p, FUZZ_SPARSE, 2, 2);
    c->in[1] = c->in[0] < 0 ? -1 : tl_fuzz_want(p, FUZZ_SPARSE, p->item[c->in[0]].shape, NULL);
    return true;
}

static tl_node *sparse_add_thresholded(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_sparse_add_thresholded(in[0], in[1], (tl_real)c->c);
}

/* Returns whether nothing is dropped. */
static bool has_no_threshold(const fuzz_item *c, tl_node *const *in)
{
    (void)in;
    return c->c == 0;
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

const fuzz_op tl_fuzz_sparse[] = {
    { "dense_sparse_matmul", dense_sparse, .product = tl_dense_sparse_matmul, .dense = dense_product },
    { "dense_to_sparse", sparsified, .apply = dense_to_sparse, .dense = the_same },
    { "sampled_matmul", sampled, .apply = sampled_matmul, .dense = dense_product },
    { "softmax", rows_of_any, .one = tl_softmax, .dense = dense_softmax },
    { "sparse_add", sparse_sum, .two = tl_sparse_add, .dense = dense_sum },
    { "sparse_add_thresholded", thresholded_sum, .apply = sparse_add_thresholded, .dense = dense_sum,
      .smooth = has_no_threshold },
    { "sparse_dense_matmul", sparse_dense, .product = tl_sparse_dense_matmul, .dense = dense_product },
    { "sparse_sparse_matmul", sparse_sparse, .two = tl_sparse_sparse_matmul, .dense = dense_product },
    { "sparse_to_dense", filled, .two = tl_sparse_to_dense, .dense = filled_dense, .optional = 1 },
    { 0 },
};
