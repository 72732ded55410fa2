/* Nets that use every op of the library, with variables of every kind: dense, masked, sparse, tables. */
#ifndef TL_NETS_H
#define TL_NETS_H

#include "tests/testing.h"

enum { NET_IN = 6, NET_HIDDEN = 8, NET_OUT = 5, NET_TABLE = 20, NET_PADDING = 3, NET_VARIANTS = 4 };
enum { NET_S, NET_Q, NET_B1, NET_T, NET_LINK, NET_W, NET_B2, NET_FILL, NET_V, NET_MASKED, NET_VARIABLES };

typedef struct net {
    int64_t batch;
    bool smooth;   /* tanh and sigmoid; otherwise relu and bias_relu */
    bool weighted; /* bags are weighted sums; otherwise means */
    tl_variable *v[NET_VARIABLES];
    tl_pattern *some;
    int64_t *row_ptr; /* of the bags; bag i has i mod 3 ids, of which one may be padding */
    int32_t *ids, *bag_ids, *labels;
    tl_real *x, *row_weights;
} net;

static inline void net_variables(net *m, int64_t n_bag_ids)
{
    tl_pattern *mask = tl_test_pattern(NET_HIDDEN, NET_HIDDEN, 0.5, 31);
    m->v[NET_S] = tl_test_sparse("s", tl_test_pattern(NET_IN, NET_HIDDEN, 0.5, 1), 2);
    m->v[NET_Q] = tl_test_sparse("q", tl_test_pattern(NET_IN, NET_HIDDEN, 0.3, 3), 4);
    m->v[NET_B1] = tl_test_dense("b1", TL_SHAPE(NET_HIDDEN), 5);
    m->v[NET_T] = tl_test_dense("table", TL_SHAPE(NET_TABLE, NET_HIDDEN), 6);
    m->v[NET_LINK] = tl_test_dense("link", TL_SHAPE(n_bag_ids), 7);
    m->v[NET_W] = tl_test_dense("w", TL_SHAPE(NET_HIDDEN, NET_OUT), 8);
    m->v[NET_B2] = tl_test_dense("b2", TL_SHAPE(NET_OUT), 9);
    m->v[NET_FILL] = tl_test_dense("fill", TL_SHAPE(), 10);
    m->v[NET_V] = tl_test_dense("v", TL_SHAPE(NET_IN, NET_OUT), 11);
    m->v[NET_MASKED] = tl_test_dense("masked", TL_SHAPE(NET_HIDDEN, NET_HIDDEN), 12);
    ck_assert_ok(tl_variable_set_mask(m->v[NET_MASKED], mask));
    tl_pattern_release(mask);
}

/* Returns a net of one of the variants, to be freed by net_free. */
static inline net net_new(int variant, int64_t batch)
{
    net m = { .batch = batch, .smooth = variant & 1, .weighted = variant & 2 };
    tl_random r = { .seed = 20 };
    m.some = tl_test_pattern(NET_IN, NET_HIDDEN, 0.4, 13);
    m.row_ptr = calloc((size_t)batch + 1, sizeof *m.row_ptr);
    m.ids = calloc((size_t)batch, sizeof *m.ids);
    m.bag_ids = calloc((size_t)batch * 2, sizeof *m.bag_ids);
    m.labels = calloc((size_t)batch, sizeof *m.labels);
    m.x = calloc((size_t)batch * NET_IN, sizeof *m.x);
    m.row_weights = calloc((size_t)batch, sizeof *m.row_weights);
    tl_test_fill(m.x, batch * NET_IN, 14);
    for (int64_t i = 0; i < batch; i++) {
        m.row_ptr[i + 1] = m.row_ptr[i] + i % 3;
        m.ids[i] = (int32_t)tl_random_integer(&r, NET_TABLE / 2); /* half the table is never read */
        m.labels[i] = (int32_t)(i % NET_OUT);
        m.row_weights[i] = (tl_real)(0.5 * (double)(i % 4)); /* 0, too */
    }
    for (int64_t k = 0; k < m.row_ptr[batch]; k++)
        m.bag_ids[k] = k % 4 == 2 ? NET_PADDING : (int32_t)tl_random_integer(&r, NET_TABLE / 2);
    net_variables(&m, m.row_ptr[batch]);
    return m;
}

static inline void net_free(net *m)
{
    for (int k = 0; k < NET_VARIABLES; k++)
        tl_variable_free(m->v[k]);
    tl_pattern_release(m->some);
    free(m->row_ptr);
    free(m->ids);
    free(m->bag_ids);
    free(m->labels);
    free(m->x);
    free(m->row_weights);
}

/* The hidden layer: a sparse layer, times rows of the table, less its bags, under dropout. */
static inline tl_node *net_hidden(const net *m, tl_graph *g, tl_node *e)
{
    const tl_pattern_bag bags = { m->batch, m->row_ptr, m->bag_ids, true, NET_PADDING, m->row_ptr[m->batch] };
    tl_random r = { .seed = 21 };
    tl_node *h = tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(m->batch, NET_IN), m->x), tl_use(g, m->v[NET_S]),
                                        TL_NO_TRANSPOSE);
    h = tl_bias(h, tl_use(g, m->v[NET_B1]));
    h = m->smooth ? tl_tanh(h) : tl_relu(h);
    tl_node *bag = tl_embedding_lookup_sparse(tl_use(g, m->v[NET_T]), &bags,
                                              m->weighted ? tl_use(g, m->v[NET_LINK]) : NULL,
                                              m->weighted ? TL_SUM : TL_MEAN);
    return tl_dropout(tl_mul(tl_add(h, e), tl_sub(bag, tl_scale(h, (tl_real)0.3))), (tl_real)0.25, &r);
}

/* A product with a sparse matrix that is made from S and Q. */
static inline tl_node *net_sparse(const net *m, tl_graph *g, tl_node *h)
{
    tl_node *both = tl_sparse_add(tl_use(g, m->v[NET_S]), tl_use(g, m->v[NET_Q]));
    tl_node *wide = tl_sparse_to_dense(both, tl_use(g, m->v[NET_FILL]));
    wide = tl_sparse_add(tl_use(g, m->v[NET_Q]), wide);
    tl_node *u = tl_sparse_dense_matmul(tl_dense_to_sparse(wide, m->some), h, TL_TRANSPOSE_B);
    return tl_matmul_transposed(tl_scale(u, (tl_real)0.3), tl_use(g, m->v[NET_V]), TL_TRANSPOSE_A);
}

/* The function of a loss. */
static inline tl_node *net_loss(tl_graph *g, void *context)
{
    const net *m = context;
    const tl_shape flat = TL_SHAPE(m->batch * NET_OUT);
    tl_node *e = tl_embedding_lookup(tl_use(g, m->v[NET_T]), m->ids, TL_SHAPE(m->batch));
    tl_node *h = net_hidden(m, g, e), *b2 = tl_use(g, m->v[NET_B2]);
    tl_node *z = tl_matmul(h, tl_use(g, m->v[NET_W]));
    z = m->smooth ? tl_sigmoid(tl_bias(z, b2)) : tl_bias_relu(z, b2);
    z = tl_add(z, net_sparse(m, g, h));
    tl_node *loss = tl_softmax_cross_entropy_weighted(z, m->labels, m->row_weights);
    tl_node *t = tl_matmul_transposed(h, tl_use(g, m->v[NET_MASKED]), TL_TRANSPOSE_B);
    t = tl_mse(tl_reduce_mean(t, 0), tl_scale(tl_reduce_sum(e, 0), 1 / (tl_real)m->batch));
    tl_node *target = tl_sigmoid(tl_reshape(tl_sub(z, b2), flat));
    return tl_add(tl_add(loss, t), tl_sigmoid_cross_entropy(tl_reshape(tl_scale(z, 2), flat), target));
}

#endif
