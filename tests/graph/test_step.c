/* Whole training steps, over everything at once: a sparse, a masked, a dense variable and a table read by
 * lookups, under Adam with clipping. What is promised of a step: a failed allocation changes nothing, a
 * repeated step needs no memory, and the bits do not depend on the number of threads. */
#include "tests/testing.h"

#include <string.h>

enum { BATCH = 48, WORDS = 40, WIDTH = 24, HIDDEN = 160, CLASSES = 5, VARIABLES = 7, STEPS = 6 };

typedef struct model {
    tl_variable *v[VARIABLES]; /* table, bag weights, w1, extra, b1, w2, b2 */
    tl_optimizer *adam;
    tl_clip clip;
    tl_random r; /* of dropout */
    int32_t ids[BATCH], bag_ids[3 * BATCH], labels[BATCH];
    int64_t bag_ptr[BATCH + 1];
} model;

enum { TABLE, WEIGHTS, W1, EXTRA, B1, W2, B2 };

static void free_model(model *m)
{
    tl_optimizer_free(m->adam);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(m->v[k]);
}

static void fill_batch(model *m)
{
    tl_random r = { .seed = 3 };
    for (int k = 0; k < BATCH; k++) {
        m->ids[k] = (int32_t)tl_random_integer(&r, WORDS);
        m->labels[k] = (int32_t)tl_random_integer(&r, CLASSES);
        m->bag_ptr[k + 1] = m->bag_ptr[k] + k % 4; /* some are empty */
    }
    for (int k = 0; k < 3 * BATCH; k++)
        m->bag_ids[k] = (int32_t)tl_random_integer(&r, WORDS);
}

/* Everything from nothing. On failure what was made is there to be freed. */
static tl_status make_model(model *m)
{
    *m = (model){ .clip = { .max_norm = 0.5 }, .r = { .seed = 9 } };
    fill_batch(m);
    tl_random r = { .seed = 1 };
    tl_pattern *p1 = tl_pattern_random(WIDTH, HIDDEN, 0.3, 1),
               *more = tl_pattern_random(WIDTH, HIDDEN, 0.1, 2);
    tl_pattern *keep = tl_pattern_random(HIDDEN, CLASSES, 0.5, 3);
    m->v[TABLE] = tl_variable_dense("table", TL_SHAPE(WORDS, WIDTH));
    m->v[WEIGHTS] = tl_variable_dense("weights", TL_SHAPE(m->bag_ptr[BATCH]));
    m->v[W1] = tl_variable_sparse("w1", p1);
    m->v[EXTRA] = tl_variable_sparse("extra", more);
    m->v[B1] = tl_variable_dense("b1", TL_SHAPE(HIDDEN));
    m->v[W2] = tl_variable_dense("w2", TL_SHAPE(HIDDEN, CLASSES));
    m->v[B2] = tl_variable_dense("b2", TL_SHAPE(CLASSES));
    m->adam = tl_adam((tl_adam_options){ .learning_rate = 0.01, .weight_decay = 0.01, .decoupled = true });
    tl_status status = keep && m->v[W2] ? tl_variable_set_mask(m->v[W2], keep) : TL_ERR_MEMORY;
    tl_pattern_release(p1);
    tl_pattern_release(more);
    tl_pattern_release(keep);
    for (int k = 0; status == TL_OK && k < VARIABLES; k++)
        status = m->v[k] ? tl_init_normal(m->v[k], 0, (tl_real)0.3, &r) : TL_ERR_MEMORY;
    if (status == TL_OK)
        status = !m->adam ? TL_ERR_MEMORY
                          : tl_optimizer_add_transform(m->adam, tl_clip_by_global_norm, &m->clip);
    return status;
}

static tl_node *loss_of(model *m, tl_graph *g)
{
    tl_node *table = tl_use(g, m->v[TABLE]);
    tl_pattern_bag bags = { .n = BATCH, .row_ptr = m->bag_ptr, .ids = m->bag_ids };
    tl_node *x = tl_add(tl_embedding_lookup(table, m->ids, TL_SHAPE(BATCH)),
                        tl_embedding_lookup_sparse(table, &bags, tl_use(g, m->v[WEIGHTS]), TL_SQRTN));
    tl_node *w1 = tl_sparse_add(tl_use(g, m->v[W1]), tl_use(g, m->v[EXTRA]));
    tl_node *h = tl_relu(tl_bias(tl_dense_sparse_matmul(x, w1, TL_NO_TRANSPOSE), tl_use(g, m->v[B1])));
    tl_node *y = tl_matmul(tl_dropout(h, (tl_real)0.2, &m->r), tl_use(g, m->v[W2]));
    return tl_softmax_cross_entropy(tl_bias(y, tl_use(g, m->v[B2])), m->labels);
}

/* One step; the loss goes to *loss where it succeeds. */
static tl_status step(model *m, tl_graph *g, tl_real *loss)
{
    tl_node *y = loss_of(m, g);
    tl_status status = tl_minimize(m->adam, y);
    if (status == TL_OK)
        *loss = tl_value(y)[0];
    return status;
}

/* Weights and slots of the whole model, one after the other. */
static int64_t state_of(model *m, tl_real *out)
{
    int64_t n = 0;
    for (int k = 0; k < VARIABLES; k++)
        for (int32_t slot = -1; slot < 2; slot++) {
            const tl_real *from = slot < 0 ? tl_variable_data(m->v[k])
                                           : tl_optimizer_slot(m->adam, m->v[k], slot);
            int64_t size = tl_variable_size(m->v[k]);
            for (int64_t i = 0; out && i < size; i++)
                out[n + i] = from ? from[i] : 0;
            n += size;
        }
    return n;
}

static tl_real *snapshot(model *m)
{
    tl_real *state = malloc((size_t)state_of(m, NULL) * sizeof *state);
    state_of(m, state);
    return state;
}

/* Every allocation of a step in turn, first of one that also makes the slots, then of a later one. */
START_TEST(failed_allocations_change_nothing)
{
    model m;
    ck_assert_ok(make_model(&m));
    tl_real loss = 0;
    for (int round = 0; round < 2; round++) {
        bool failed = true;
        for (int64_t k = 1; failed; k++) {
            tl_graph *g = tl_graph_new();
            tl_real *before = snapshot(&m);
            const int64_t bytes = tl_optimizer_bytes(m.adam);
            const tl_random r = m.r;
            tl_test_fail_allocation(k);
            tl_status status = step(&m, g, &loss);
            tl_test_fail_allocation(0);
            failed = status != TL_OK;
            if (failed) {
                ck_assert_int_eq(status, TL_ERR_MEMORY);
                ck_assert_int_eq(tl_graph_status(g), TL_ERR_MEMORY);
                ck_assert_ptr_nonnull(strstr(tl_error(), "out of memory"));
                tl_real *after = snapshot(&m);
                ck_assert_same(after, before, state_of(&m, NULL));
                ck_assert_int_eq(tl_optimizer_steps(m.adam, m.v[W1]), round);
                ck_assert_int_eq(tl_optimizer_bytes(m.adam), bytes);
                free(after);
            }
            m.r = r;
            free(before);
            tl_graph_free(g);
            ck_assert_int_lt(k, 10000);
            if (!failed)
                ck_assert_int_gt(k, round == 0 ? 20 : 2); /* there was something to fail */
        }
        ck_assert_int_eq(tl_optimizer_steps(m.adam, m.v[W1]), round + 1);
    }
    free_model(&m);
}
END_TEST

/* From nothing to the end of the first step: whatever fails, all that was made can be freed. */
START_TEST(failed_allocations_leak_nothing)
{
    tl_status status = TL_ERR_MEMORY;
    for (int64_t k = 1; status != TL_OK; k++) {
        model m;
        tl_real loss;
        int64_t before = tl_test_live_blocks();
        tl_test_fail_allocation(k);
        status = make_model(&m);
        tl_graph *g = status == TL_OK ? tl_graph_new() : NULL;
        if (status == TL_OK)
            status = g ? step(&m, g, &loss) : TL_ERR_MEMORY;
        tl_test_fail_allocation(0);
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        tl_graph_free(g);
        free_model(&m);
        ck_assert_int_eq(tl_test_live_blocks(), before);
        ck_assert_int_lt(k, 10000);
    }
}
END_TEST

START_TEST(later_steps_allocate_nothing)
{
#ifdef TL_HEAP_ARENA
    printf("skipped: every allocation of a step is a heap block of its own in this build\n");
#else
    model m;
    ck_assert_ok(make_model(&m));
    tl_graph *g = tl_graph_new();
    int64_t after_first = 0;
    for (int k = 0; k < STEPS; k++, tl_graph_reset(g)) {
        tl_real loss;
        ck_assert_ok(step(&m, g, &loss));
        if (k == 0)
            after_first = tl_test_allocations();
        ck_assert_int_eq(tl_test_allocations(), after_first);
    }
    ck_assert_int_gt(after_first, 0);
    tl_graph_free(g);
    free_model(&m);
#endif
}
END_TEST

static void train(int threads, tl_real losses[STEPS], tl_real **state, int64_t *n)
{
    model m;
    ck_assert_ok(tl_set_num_threads(threads));
    ck_assert_ok(make_model(&m));
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < STEPS; k++, tl_graph_reset(g))
        ck_assert_ok(step(&m, g, &losses[k]));
    *state = snapshot(&m);
    *n = state_of(&m, NULL);
    tl_graph_free(g);
    free_model(&m);
}

START_TEST(same_bits_on_any_number_of_threads)
{
    tl_real expected[STEPS], losses[STEPS], *state, *other;
    int64_t n;
    train(1, expected, &state, &n);
    ck_assert(expected[STEPS - 1] < expected[0]);
    const int threads[] = { 1, 2, 7 };
    for (int k = 0; k < 3; k++) {
        train(threads[k], losses, &other, &n);
        ck_assert_same(losses, expected, STEPS);
        ck_assert_same(other, state, n);
        free(other);
    }
    free(state);
}
END_TEST

/* A removed weight stays +0 and a sparse variable's slots stay nnz long, whatever the steps do. */
START_TEST(nothing_comes_back)
{
    model m;
    ck_assert_ok(make_model(&m));
    tl_graph *g = tl_graph_new();
    tl_real loss;
    for (int k = 0; k < STEPS; k++, tl_graph_reset(g))
        ck_assert_ok(step(&m, g, &loss));
    const tl_pattern *keep = tl_variable_pattern(m.v[W2]);
    int64_t alive = 0;
    for (int64_t k = 0; k < HIDDEN * CLASSES; k++)
        for (int slot = -1; slot < 2; slot++) {
            const tl_real *v = slot < 0 ? tl_variable_data(m.v[W2])
                                        : tl_optimizer_slot(m.adam, m.v[W2], slot);
            const tl_real zero = 0;
            if (tl_pattern_find(keep, k / CLASSES, (int32_t)(k % CLASSES)) < 0)
                ck_assert_same(&v[k], &zero, 1);
            else
                alive += v[k] != 0;
        }
    ck_assert_int_gt(alive, 2 * tl_pattern_nnz(keep)); /* of three: a unit may be dead */
    int64_t values = 0;
    for (int k = 0; k < VARIABLES; k++)
        values += tl_variable_size(m.v[k]);
    const int64_t row_steps = WORDS * (int64_t)sizeof(
                                          int64_t); /* of the table's rows, which may have pending steps */
    ck_assert_int_eq(tl_optimizer_bytes(m.adam), 2 * values * (int64_t)sizeof(tl_real) + row_steps);
    tl_graph_free(g);
    free_model(&m);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("step");
    TCase *c = tl_test_case(s, "step");
    tcase_add_test(c, failed_allocations_change_nothing);
    tcase_add_test(c, failed_allocations_leak_nothing);
    tcase_add_test(c, later_steps_allocate_nothing);
    tcase_add_test(c, same_bits_on_any_number_of_threads);
    tcase_add_test(c, nothing_comes_back);
    return s;
}
