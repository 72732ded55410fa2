/* tl_minimize recycles the gradient buffers of intermediate nodes: a step takes less memory, and gives the
 * same bits as tl_compute_gradients and tl_apply_gradients. */
#include "tests/testing.h"

enum { ROWS = 64, WIDTH = 40, WORDS = 50, STEPS = 3, VARIABLES = 5 };

typedef struct model {
    tl_graph *g;
    tl_optimizer *o;
    tl_variable *v[VARIABLES]; /* x, b, w1, w2, table */
    int32_t ids[ROWS];
} model;

static model make_model(void)
{
    model m = { .g = tl_graph_new(), .o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1, .momentum = 0.9 }) };
    m.v[0] = tl_test_dense("x", TL_SHAPE(ROWS, WIDTH), 1);
    m.v[1] = tl_test_dense("b", TL_SHAPE(WIDTH), 2);
    m.v[2] = tl_test_dense("w1", TL_SHAPE(WIDTH, WIDTH + 20), 3);
    m.v[3] = tl_test_dense("w2", TL_SHAPE(WIDTH + 20, WIDTH), 4);
    m.v[4] = tl_test_dense("table", TL_SHAPE(WORDS, WIDTH), 5);
    for (int k = 0; k < ROWS; k++)
        m.ids[k] = 7 * k % WORDS;
    return m;
}

static void free_model(model *m)
{
    tl_graph_free(m->g);
    tl_optimizer_free(m->o);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(m->v[k]);
}

static tl_node *use(const model *m, int k)
{
    return tl_use(m->g, m->v[k]);
}

/* *h: a node that is used three times. The rows that are looked up are among the last on the tape: what the
 * step reads of them is there before all other gradients. */
static tl_node *loss(const model *m, tl_node **h)
{
    *h = tl_tanh(use(m, 0));
    tl_node *wide = tl_relu(tl_matmul(*h, use(m, 2)));
    tl_node *y = tl_mul(tl_bias(*h, use(m, 1)), tl_matmul(wide, use(m, 3)));
    y = tl_add(y, *h);
    y = tl_mul(y, tl_embedding_lookup(use(m, 4), m->ids, TL_SHAPE(ROWS)));
    return tl_reduce_mean(y, TL_ALL_AXES);
}

/* With a transform, which sees the list of pairs, and without. */
START_TEST(same_bits)
{
    model m[2] = { make_model(), make_model() };
    tl_clip clip = { .max_norm = 0.02 };
    for (int k = 0; k < 2 * _i; k++)
        ck_assert_ok(tl_optimizer_add_transform(m[k].o, tl_clip_by_global_norm, &clip));
    for (int step = 0; step < STEPS; step++) {
        tl_gradients pairs;
        tl_node *h[2];
        ck_assert_ok(tl_minimize(m[0].o, loss(&m[0], &h[0])));
        ck_assert_ok(tl_compute_gradients(m[1].o, loss(&m[1], &h[1]), NULL, 0, &pairs));
        ck_assert_ptr_nonnull(tl_grad(h[1]));
        ck_assert_ok(tl_apply_gradients(m[1].o, &pairs));
        ck_assert_ptr_null(tl_grad(h[0]));
        for (int k = 0; k < VARIABLES - 1; k++) /* the table has rows only */
            ck_assert_same(tl_grad(use(&m[0], k)), tl_grad(use(&m[1], k)), tl_variable_size(m[0].v[k]));
        for (int k = 0; k < VARIABLES; k++)
            ck_assert_same(tl_variable_data(m[0].v[k]), tl_variable_data(m[1].v[k]),
                           tl_variable_size(m[0].v[k]));
        tl_graph_reset(m[0].g), tl_graph_reset(m[1].g);
    }
    free_model(&m[0]), free_model(&m[1]);
}
END_TEST

enum { LINKS = 20, ROW = 16, VALUES = 1 << 14 };

/* A chain of LINKS large nodes. `mixed`: each of them is also summed to a small one. */
static tl_node *chain(tl_graph *g, tl_variable *v, bool mixed)
{
    tl_node *y = tl_use(g, v), *sum = mixed ? tl_reduce_sum(y, 1) : NULL;
    for (int link = 0; link < LINKS; link++) {
        y = tl_tanh(y);
        sum = mixed ? tl_add(sum, tl_reduce_sum(y, 1)) : NULL;
    }
    return tl_reduce_mean(mixed ? sum : y, TL_ALL_AXES);
}

/* The arena grows by half, and leaves the end of a block empty that is too short. */
START_TEST(less_memory)
{
    const bool mixed = _i;
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    tl_variable *v = tl_test_dense("v", TL_SHAPE(VALUES / ROW, ROW), 1);
    const int64_t unit = VALUES * (int64_t)sizeof(tl_real);
    int64_t held[2];
    for (int k = 0; k < 2; k++) {
        tl_graph *g = tl_graph_new();
        tl_node *mean = chain(g, v, mixed);
        tl_gradients pairs;
        ck_assert_ok(k == 0 ? tl_minimize(o, mean) : tl_compute_gradients(o, mean, NULL, 0, &pairs));
        held[k] = tl_graph_bytes(g);
        tl_graph_free(g);
    }
    const int64_t small = mixed ? 2 * LINKS * unit / ROW : 0; /* the values of what is small */
    ck_assert_int_ge(held[1], (2 * LINKS + 1) * unit + 2 * small);
    /* values; large gradients that take turns, and v's; a few small ones */
    ck_assert_int_le(held[0], ((LINKS + 3) * unit + small + 5 * unit / ROW) * 7 / 4);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* Small gradients are not recycled, and are not left in the nodes either. */
START_TEST(small_ones)
{
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    tl_variable *v = tl_test_dense("v", TL_SHAPE(10), 1);
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_tanh(tl_use(g, v)), *mean = tl_reduce_mean(y, TL_ALL_AXES);
    ck_assert_ok(tl_minimize(o, mean));
    ck_assert_ptr_null(tl_grad(y));
    ck_assert_ptr_null(tl_grad(mean));
    ck_assert_ptr_nonnull(tl_grad(tl_use(g, v)));
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("recycle");
    TCase *c = tl_test_case(s, "recycle");
    tcase_add_loop_test(c, same_bits, 0, 2);
    tcase_add_loop_test(c, less_memory, 0, 2);
    tcase_add_test(c, small_ones);
    return s;
}
