/* Graphs for inference: the bits of a tape, in memory for what is alive. */
#include "tests/testing.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "derivative.h"
#include "graph/tape/tape.h"

/* ---- A chain of layers ---- */

enum { LAYERS = 10, WIDTH = 300, BATCH = 200, ACTIVATION = WIDTH * BATCH };

typedef struct mlp {
    tl_variable *w[LAYERS], *b[LAYERS];
    tl_real *x;
} mlp;

static mlp mlp_new(void)
{
    mlp m = { .x = malloc(ACTIVATION * sizeof *m.x) };
    tl_test_fill(m.x, ACTIVATION, 1);
    for (int k = 0; k < LAYERS; k++) {
        m.w[k] = tl_test_dense("w", TL_SHAPE(WIDTH, WIDTH), 10 + (uint64_t)k);
        m.b[k] = tl_test_dense("b", TL_SHAPE(WIDTH), 100 + (uint64_t)k);
    }
    return m;
}

static void mlp_free(mlp *m)
{
    free(m->x);
    for (int k = 0; k < LAYERS; k++) {
        tl_variable_free(m->w[k]);
        tl_variable_free(m->b[k]);
    }
}

static tl_node *mlp_output(tl_graph *g, const mlp *m, int64_t batch)
{
    tl_node *h = tl_input(g, TL_SHAPE(batch, WIDTH), m->x);
    for (int k = 0; k < LAYERS; k++)
        h = tl_tanh(tl_bias(tl_matmul(h, tl_use(g, m->w[k])), tl_use(g, m->b[k])));
    return h;
}

/* Two activations, of which the last is the result; nodes and headers take less than 100 KB. */
START_TEST(ten_layers_hold_two_activations)
{
    const int64_t activation = ACTIVATION * (int64_t)sizeof(tl_real);
    mlp m = mlp_new();
    tl_graph *tape = tl_graph_new(), *g = tl_graph_new_inference();
    const tl_real *expected = tl_value(mlp_output(tape, &m, BATCH));
    int64_t asked = 0;
    for (int round = 0; round < 3; round++) {
        asked = tl_test_allocations();
        ck_assert_same(tl_value(mlp_output(g, &m, BATCH)), expected, ACTIVATION);
        asked = tl_test_allocations() - asked;
        ck_assert_int_le(tl_graph_bytes(g), 2 * activation + 100000);
        ck_assert_int_le(g->pool.most, 2 * activation + 4000); /* at any time */
        tl_graph_reset(g);
    }
#ifndef TL_HEAP_ARENA
    ck_assert_int_eq(asked, 0);
    ck_assert_int_gt(tl_graph_bytes(g), activation);
#endif
    ck_assert_int_gt(tl_graph_bytes(tape), 3 * LAYERS * activation);
    tl_graph_trim(g, activation);
    ck_assert_int_le(tl_graph_bytes(g), activation);
    tl_graph_trim(g, 0);
    ck_assert_int_eq(tl_graph_bytes(g), 0);
    ck_assert_same(tl_value(mlp_output(g, &m, BATCH)), expected, ACTIVATION);
    tl_graph_free(tape);
    tl_graph_free(g);
    mlp_free(&m);
}
END_TEST

/* A sparse product takes two tiles of workspace, and no copy of its operand for a backward. */
START_TEST(ten_sparse_layers)
{
    const int64_t activation = ACTIVATION * (int64_t)sizeof(tl_real), tiles = 2 * 8 * 64 * (WIDTH + 64);
    tl_real *x = malloc((size_t)activation);
    tl_test_fill(x, ACTIVATION, 1);
    tl_variable *w = tl_test_sparse("w", tl_pattern_random(WIDTH, WIDTH, 0.05, 1), 2);
    tl_graph *graphs[] = { tl_graph_new(), tl_graph_new_inference() };
    const tl_real *y[2];
    for (int k = 0; k < 2; k++) {
        tl_node *h = tl_input(graphs[k], TL_SHAPE(BATCH, WIDTH), x);
        for (int layer = 0; layer < 10; layer++)
            h = tl_tanh(tl_dense_sparse_matmul(h, tl_use(graphs[k], w), TL_NO_TRANSPOSE));
        y[k] = tl_value(h);
    }
    ck_assert_same(y[1], y[0], ACTIVATION);
    ck_assert_int_le(graphs[1]->pool.most, 2 * activation + tiles);
    tl_graph_free(graphs[0]);
    tl_graph_free(graphs[1]);
    tl_variable_free(w);
    free(x);
}
END_TEST

/* A large batch and then small ones: no more than was in use at one time. */
START_TEST(batches_of_other_sizes)
{
    mlp m = mlp_new();
    tl_graph *g = tl_graph_new_inference();
    for (int64_t batch = BATCH; batch > 0; batch = batch * 2 / 3) {
        ck_assert_ptr_nonnull(tl_value(mlp_output(g, &m, batch)));
        ck_assert_int_le(g->pool.bytes, g->pool.most);
        ck_assert_int_le(g->pool.most, 2 * ACTIVATION * (int64_t)sizeof(tl_real) + 4000);
        tl_graph_reset(g);
    }
    tl_graph_free(g);
    mlp_free(&m);
}
END_TEST

/* ---- The bits of a tape ---- */

enum { ROWS = 50, COLS = 8, CLASSES = 4, SAMPLES = 6 };

static const int32_t ids[] = { 3, 49, 3, 0, 7, 12 }, labels[] = { 0, 3, 1, 1, 2, 0 };
static const int64_t bag_ptr[] = { 0, 2, 2, 3, 5, 5, 6 };

typedef struct net {
    tl_variable *table, *dense, *sparse, *masked, *bias, *weights;
    tl_pattern *p, *q;
    tl_random r;
} net;

static net net_new(void)
{
    net n = { .p = tl_pattern_random(COLS, COLS, 0.4, 1), .q = tl_pattern_random(COLS, COLS, 0.5, 2) };
    n.table = tl_test_dense("table", TL_SHAPE(ROWS, COLS), 1);
    n.dense = tl_test_dense("dense", TL_SHAPE(COLS, COLS), 2);
    n.sparse = tl_test_sparse("sparse", tl_pattern_retain(n.p), 3);
    n.masked = tl_test_dense("masked", TL_SHAPE(COLS, CLASSES), 4);
    n.bias = tl_test_dense("bias", TL_SHAPE(COLS), 5);
    n.weights = tl_test_dense("weights", TL_SHAPE(6), 6);
    tl_pattern *keep = tl_pattern_random(COLS, CLASSES, 0.7, 7);
    ck_assert_ok(tl_variable_set_mask(n.masked, keep));
    tl_pattern_release(keep);
    n.r = (tl_random){ .seed = 9 };
    return n;
}

static void net_free(net *n)
{
    tl_variable *all[] = { n->table, n->dense, n->sparse, n->masked, n->bias, n->weights };
    for (int k = 0; k < 6; k++)
        tl_variable_free(all[k]);
    tl_pattern_release(n->p);
    tl_pattern_release(n->q);
}

/* Two outputs of nearly every op: nodes with several uses, one before and after values were read by a
 * `shape`, random numbers, patterns made on the way. */
static tl_node *net_outputs(tl_graph *g, net *n, tl_node **loss)
{
    const tl_pattern_bag bags = { .row_ptr = bag_ptr, .ids = ids, .n = SAMPLES };
    tl_node *e = tl_embedding_lookup(tl_use(g, n->table), ids, TL_SHAPE(SAMPLES));
    tl_node *w = tl_sigmoid(tl_scale(tl_use(g, n->weights), 2));
    tl_node *bag = tl_embedding_lookup_sparse(tl_use(g, n->table), &bags, w, TL_MEAN);
    tl_node *h = tl_bias_relu(tl_matmul(tl_add(e, bag), tl_use(g, n->dense)), tl_use(g, n->bias));
    tl_node *d = tl_dropout(h, (tl_real)0.3, &n->r);
    tl_node *s = tl_sparse_add(tl_use(g, n->sparse), tl_dense_to_sparse(tl_use(g, n->dense), n->q));
    tl_node *a = tl_dense_sparse_matmul(d, s, TL_NO_TRANSPOSE);
    tl_node *t = tl_tanh(tl_sub(a, tl_mul(h, tl_scale(e, (tl_real)0.5))));
    tl_node *square = tl_sparse_dense_matmul(s, tl_sparse_to_dense(s, NULL), TL_NO_TRANSPOSE);
    t = tl_add(tl_matmul(t, square), h);
    tl_node *logits = tl_matmul(tl_dropout(t, (tl_real)0.1, &n->r), tl_use(g, n->masked));
    tl_node *flat = tl_reshape(logits, TL_SHAPE(SAMPLES * CLASSES));
    *loss = tl_add(tl_softmax_cross_entropy(logits, labels),
                   tl_mul(tl_reduce_mean(flat, TL_ALL_AXES), tl_reduce_sum(tl_mul(w, w), 0)));
    return logits;
}

/* On one thread and on three; the generator ends where it ends on a tape. */
START_TEST(same_bits_as_a_tape)
{
    ck_assert_ok(tl_set_num_threads(_i == 0 ? 1 : 3));
    net n = net_new();
    tl_graph *tape = tl_graph_new(), *g = tl_graph_new_inference();
    for (int round = 0; round < 3; round++) {
        const tl_random start = n.r;
        tl_node *loss, *tape_loss;
        tl_node *tape_logits = net_outputs(tape, &n, &tape_loss);
        const tl_random end = n.r;
        n.r = start;
        tl_node *logits = net_outputs(g, &n, &loss);
        ck_assert_msg(loss && tape_loss, "%s", tl_graph_error(g));
        const tl_real *of_loss = tl_value(loss);
        ck_assert_msg(of_loss != NULL, "%s", tl_graph_error(g));
        ck_assert_same(of_loss, tl_value(tape_loss), 1);
        ck_assert(round != 1 || tl_is_given_up(logits));
        ck_assert_uint_eq(n.r.position, end.position);
        tl_graph_reset(g);
        n.r = start;
        ck_assert_same(tl_value(net_outputs(g, &n, &loss)), tl_value(tape_logits), SAMPLES * CLASSES);
        ck_assert_same(tl_value(loss), tl_value(tape_loss), 1); /* the logits were asked for */
        ck_assert_uint_eq(n.r.position, end.position);
        tl_graph_reset(g);
        tl_graph_reset(tape);
    }
    tl_graph_free(tape);
    tl_graph_free(g);
    net_free(&n);
    ck_assert_ok(tl_set_num_threads(1));
}
END_TEST

/* A table with steps that are pending is read as on a tape, by a lookup and whole. */
START_TEST(rows_with_pending_steps)
{
    tl_variable *table[2];
    tl_graph *g[] = { tl_graph_new(), tl_graph_new_inference() };
    tl_real rows[2][6 * COLS], sum[2];
    for (int k = 0; k < 2; k++) {
        table[k] = tl_test_dense("table", TL_SHAPE(ROWS, COLS), 1);
        tl_optimizer *o = tl_adam((tl_adam_options){ .learning_rate = 0.1, .weight_decay = 0.1 });
        tl_random r = { .seed = 3 };
        for (int step = 0; step < 20; step++, tl_graph_reset(g[0])) {
            const int32_t some[] = { (int32_t)tl_random_integer(&r, ROWS), 3 };
            tl_node *e = tl_embedding_lookup(tl_use(g[0], table[k]), some, TL_SHAPE(2));
            ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_mul(e, e), TL_ALL_AXES)));
        }
        tl_node *e = tl_embedding_lookup(tl_use(g[k], table[k]), ids, TL_SHAPE(6));
        memcpy(rows[k], tl_value(e), sizeof rows[k]);
        sum[k] = *tl_value(tl_reduce_sum(tl_use(g[k], table[k]), TL_ALL_AXES));
        tl_optimizer_free(o);
    }
    ck_assert_same(rows[1], rows[0], 6 * COLS);
    ck_assert_same(&sum[1], &sum[0], 1);
    for (int k = 0; k < 2; k++) {
        tl_graph_free(g[k]);
        tl_variable_free(table[k]);
    }
}
END_TEST

/* Each allocation in turn fails, when an op is called or when it runs: no values; the next try succeeds. */
START_TEST(failing_allocations)
{
    net n = net_new();
    tl_graph *tape = tl_graph_new();
    tl_node *loss;
    net_outputs(tape, &n, &loss);
    const tl_real expected = *tl_value(loss);
    int failures = 0;
    for (int64_t k = 1, failed = 1; failed; k++) {
        n.r.position = 0;
        tl_graph *g = NULL;
        tl_test_fail_allocation(k);
        g = tl_graph_new_inference();
        const tl_real *value = g && net_outputs(g, &n, &loss) ? tl_value(loss) : NULL;
        failed = value == NULL;
        failures += (int)failed;
        tl_test_fail_allocation(0);
        if (failed && g) {
            ck_assert_int_eq(tl_graph_status(g), TL_ERR_MEMORY);
            tl_graph_reset(g);
            n.r.position = 0;
            net_outputs(g, &n, &loss);
            value = tl_value(loss);
        }
        if (g)
            ck_assert_same(value, &expected, 1);
        tl_graph_free(g);
    }
    ck_assert_int_gt(failures, 20);
    tl_graph_free(tape);
    net_free(&n);
}
END_TEST

/* ---- Surroundings ---- */

/* Nodes before they run, and after they were given up. */
START_TEST(printed)
{
    net n = net_new();
    tl_graph *g = tl_graph_new_inference();
    tl_node *loss;
    char *text[2] = { NULL };
    net_outputs(g, &n, &loss);
    for (int k = 0; k < 2; k++) {
        size_t size = 0;
        FILE *out = open_memstream(&text[k], &size);
        ck_assert_ok(tl_graph_print(g, out));
        fclose(out);
        ck_assert_ptr_nonnull(strstr(text[k], "softmax_cross_entropy"));
        ck_assert_ptr_nonnull(tl_value(loss));
    }
    free(text[0]);
    free(text[1]);
    tl_graph_free(g);
    net_free(&n);
}
END_TEST

/* An index that is out of range is refused when the op is recorded, though it would run later, or never. */
START_TEST(indices_are_checked_when_recorded)
{
    const tl_real zero[6] = { 0 };
    const int32_t some[] = { 2, 3 };
    const int64_t row_ptr[] = { 0, 2 }, beyond[] = { 0, 4 };
    const tl_pattern_bag bags = { .n = 1, .row_ptr = row_ptr, .ids = some };
    tl_graph *g = tl_graph_new_inference();
#define REFUSED(call, text)                                                                                  \
    do {                                                                                                     \
        tl_node *t = tl_input(g, TL_SHAPE(3, 2), zero);                                                      \
        ck_assert_refused(g, call, TL_ERR_INDEX, text);                                                      \
    } while (0)
    REFUSED(tl_embedding_lookup(t, some, TL_SHAPE(2)), "embedding_lookup: ids[1] = 3, table 3x2 has 3 rows");
    REFUSED(tl_embedding_lookup_padded(t, some, TL_SHAPE(2), -1),
            "embedding_lookup_padded: ids[1] = 3, table 3x2 has 3 rows");
    REFUSED(tl_embedding_lookup_partitioned(&t, 1, some, TL_SHAPE(2), TL_DIV, 0),
            "embedding_lookup_partitioned: ids[1] = 3, the table has 3 rows");
    REFUSED(tl_embedding_lookup_sparse(t, &bags, NULL, TL_MAX),
            "embedding_lookup_sparse: ids[1] = 3, table 3x2 has 3 rows");
    REFUSED(tl_softmax_cross_entropy(t, (const int32_t[]){ 0, 1, 2 }),
            "softmax_cross_entropy: labels[2] = 2, a row has 2 logits");
    REFUSED(tl_nll(t, (const int32_t[]){ 0, -1, 1 }), "nll: labels[1] = -1, a row has 2 log-probabilities");
    REFUSED(tl_segment_sum(t, beyond, 1), "segment_sum: row_ptr[1] = 4, 3x2 has 3 rows");
    tl_graph_free(g);
}
END_TEST

#ifndef NO_THREADS_AFTER_FORK
typedef struct reader {
    mlp *m;
    tl_real y[ACTIVATION / 8];
} reader;

static void *read_mlp(void *context)
{
    reader *r = context;
    tl_graph *g = tl_graph_new_inference();
    for (int round = 0; round < 3; round++, tl_graph_reset(g)) {
        const tl_real *y = tl_value(mlp_output(g, r->m, BATCH / 8));
        if (y)
            memcpy(r->y, y, sizeof r->y);
    }
    tl_graph_free(g);
    return NULL;
}

/* Threads evaluate the same variables, each on a graph of its own. */
START_TEST(threads)
{
    enum { READERS = 3 };
    static reader r[READERS];
    pthread_t thread[READERS];
    mlp m = mlp_new();
    for (int k = 0; k < READERS; k++) {
        r[k].m = &m;
        ck_assert_int_eq(pthread_create(&thread[k], NULL, read_mlp, &r[k]), 0);
    }
    for (int k = 0; k < READERS; k++)
        pthread_join(thread[k], NULL);
    tl_graph *tape = tl_graph_new();
    const tl_real *expected = tl_value(mlp_output(tape, &m, BATCH / 8));
    for (int k = 0; k < READERS; k++)
        ck_assert_same(r[k].y, expected, ACTIVATION / 8);
    tl_graph_free(tape);
    mlp_free(&m);
}
END_TEST
#endif

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("inference");
    TCase *c = tl_test_case(s, "inference");
    tcase_add_test(c, ten_layers_hold_two_activations);
    tcase_add_test(c, ten_sparse_layers);
    tcase_add_test(c, batches_of_other_sizes);
#ifdef NO_THREADS_AFTER_FORK
    tcase_add_loop_test(c, same_bits_as_a_tape, 0, 1);
#else
    tcase_add_loop_test(c, same_bits_as_a_tape, 0, 2);
    tcase_add_test(c, threads);
#endif
    tcase_add_test(c, rows_with_pending_steps);
    tcase_add_test(c, indices_are_checked_when_recorded);
    tcase_add_test(c, failing_allocations);
    tcase_add_test(c, printed);
    return s;
}
