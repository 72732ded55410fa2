/* TL_ROWS_EXACT: a table updated by the rows it was read by is, to the bit, the table updated by dense
 * gradients, and whoever reads it on the way sees that one. */
#include "tests/graph/two_tables.h"
#include "graph/optim/replay.h"

#include <stdio.h>

enum { ROWS = 40, WIDTH = 3, IDS = 6, STEPS = 500 };

static tl_node *loss_of(tl_graph *g, tl_variable *v, const int32_t *ids, int32_t n)
{
    tl_node *e = tl_embedding_lookup(tl_use(g, v), ids, TL_SHAPE(n));
    return tl_reduce_sum(tl_mul(tl_tanh(e), e), TL_ALL_AXES);
}

/* One step of both by the ids; the losses must be the same bits. n = 0 is a step with an empty gradient. */
static void step(two_tables *t, int32_t n)
{
    int32_t ids[IDS];
    tl_gradients g;
    for (int k = 0; k < n; k++) /* some rows often, some hardly ever */
        ids[k] = (int32_t)(tl_random_integer(&t->r, ROWS) * tl_random_integer(&t->r, ROWS) / ROWS);
    tl_node *loss = loss_of(t->g, t->by_rows, ids, n), *same = loss_of(t->g, t->dense, ids, n);
    ck_assert_same(tl_value(loss), tl_value(same), 1);
    ck_assert_ok(tl_backward(loss, &g));
    ck_assert_ptr_nonnull(g.pair[0].rows);
    step_both(t, &g.pair[0]);
    tl_graph_reset(t->g);
}

/* The table and all slots, after a flush through a pointer that was taken before. */
static void compare(two_tables *t, const tl_real *held)
{
    ck_assert_ok(tl_optimizer_flush(t->for_rows));
    ck_assert_same(held, tl_variable_data(t->dense), ROWS * WIDTH);
    for (int32_t k = 0; tl_optimizer_slot(t->for_dense, t->dense, k); k++)
        ck_assert_same(tl_optimizer_slot(t->for_rows, t->by_rows, k),
                       tl_optimizer_slot(t->for_dense, t->dense, k), ROWS * WIDTH);
    ck_assert_int_eq(tl_optimizer_steps(t->for_rows, t->by_rows), tl_optimizer_steps(t->for_dense, t->dense));
}

START_TEST(the_bits_of_the_dense_run)
{
    two_tables t = make_tables(_i % ZOO, ROWS, WIDTH);
    const tl_cosine_decay cosine = { .steps = 400, .last = 1e-4 };
    const tl_real *held = tl_variable_data(t.by_rows);
    if (_i >= ZOO) {
        ck_assert_ok(tl_optimizer_set_schedule(t.for_rows, tl_schedule_cosine, &cosine));
        ck_assert_ok(tl_optimizer_set_schedule(t.for_dense, tl_schedule_cosine, &cosine));
    }
    for (int k = 0; k < STEPS; k++)
        step(&t, k % 50 == 7 ? 0 : IDS);
    compare(&t, held);
    drop(&t);
}
END_TEST

/* Tables of all widths, which share vectors or not, by gradients of few rows and of half of them: steps that
 * skip rows and steps that sweep the table. Lookups come in between. A rate that a schedule changes, so that
 * no step's constants can stand in for another's. */
START_TEST(tables_of_all_widths)
{
    enum { MOST_ROWS = 300, WIDEST = 300 };
    static const int64_t widths[] = { 1, 2, 5, 16, 17, 63, 64, 70, 300 };
    static tl_real sparse[MOST_ROWS * WIDEST], dense[MOST_ROWS * WIDEST];
    const tl_exponential_decay decay = { .every = 100, .factor = 0.9 };
    const int64_t width = widths[_i / ZOO], rows = width > 70 ? 20 : MOST_ROWS;
    const char *name;
    tl_random r = { .seed = 7 };
    tl_graph *g = tl_graph_new();
    tl_variable *v[2];
    tl_optimizer *o[2];
    for (int k = 0; k < 2; k++) {
        v[k] = tl_test_dense("table", TL_SHAPE(rows, width), 5);
        o[k] = zoo(_i % ZOO, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name);
        ck_assert_ok(tl_optimizer_set_schedule(o[k], tl_schedule_exponential, &decay));
    }
    for (int64_t t = 0; t < 200; t++) {
        int32_t named[MOST_ROWS], ids[3];
        int64_t n = 0;
        const int64_t of = t % 60 < 45 ? 100 : 2; /* a hundredth of the rows, or half of them */
        const double decays = t == 60 ? 0.1 : 0;  /* weight decay on, which reaches row 3, and off again */
        for (int k = t % 70 == 60 ? 0 : 2; k < 2; k++)
            ck_assert_ok(tl_optimizer_set_options_for(
                o[k], v[k], (tl_optimizer_options){ .learning_rate = 0.01, .weight_decay = decays }));
        memset(dense, 0, (size_t)(rows * width) * sizeof *dense);
        for (int64_t row = 0; row < rows; row++) {
            if (tl_random_integer(&r, of) > 0 || row == 3)
                continue;
            for (int64_t k = 0; k < width; k++)
                dense[row * width + k] = sparse[n * width + k] = (tl_real)tl_random_normal(&r);
            named[n++] = (int32_t)row;
        }
        for (int k = 0; k < 3; k++)
            ids[k] = (int32_t)tl_random_integer(&r, rows);
        ck_assert_same(tl_value(tl_embedding_lookup(tl_use(g, v[0]), ids, TL_SHAPE(3))),
                       tl_value(tl_embedding_lookup(tl_use(g, v[1]), ids, TL_SHAPE(3))), 3 * width);
        tl_gradient by_rows = { .variable = v[0], .values = sparse, .rows = named, .n_rows = n },
                    whole = { .variable = v[1], .values = dense };
        ck_assert_ok(tl_apply_gradients(o[0], &(tl_gradients){ &by_rows, 1, g }));
        ck_assert_ok(tl_apply_gradients(o[1], &(tl_gradients){ &whole, 1, g }));
        tl_slots *s = tl_slots_find(o[0], v[0]);
        if (t % 50 > 20 && tl_slots_row_step(s)) /* some rows are brought up to date, as before a sweep */
            tl_slots_replay_some(s, 1);
        tl_graph_reset(g);
    }
    ck_assert_same(tl_variable_data(v[0]), tl_variable_data(v[1]), rows * width);
    for (int32_t k = 0; tl_optimizer_slot(o[1], v[1], k); k++)
        ck_assert_same(tl_optimizer_slot(o[0], v[0], k), tl_optimizer_slot(o[1], v[1], k), rows * width);
    for (int k = 0; k < 2; k++) {
        tl_variable_free(v[k]);
        tl_optimizer_free(o[k]);
    }
    tl_graph_free(g);
}
END_TEST

/* One row is named again after more steps than a table keeps the constants of. */
START_TEST(a_row_that_lags_far_behind)
{
    enum { FAR = 9000 };
    two_tables t = make_tables(_i, ROWS, WIDTH);
    const tl_exponential_decay decay = { .every = 1000, .factor = 0.9 };
    ck_assert_ok(tl_optimizer_set_schedule(t.for_rows, tl_schedule_exponential, &decay));
    ck_assert_ok(tl_optimizer_set_schedule(t.for_dense, tl_schedule_exponential, &decay));
    const tl_real *held = tl_variable_data(t.by_rows);
    tl_real values[WIDTH] = { 1, 2, 3 };
    for (int k = 0; k < FAR; k++) {
        const int32_t row = k % (FAR / 2) == 10 ? 7 : 1;
        step_both(&t, &(tl_gradient){ .variable = t.by_rows, .values = values, .rows = &row, .n_rows = 1 });
    }
    compare(&t, held);
    drop(&t);
}
END_TEST

/* A step with one row of a table. */
static void step_of_row(tl_optimizer *o, tl_variable *v, tl_graph *g, int32_t row)
{
    tl_real values[WIDTH] = { 1, 2, 3 };
    tl_gradient pair = { .variable = v, .values = values, .rows = &row, .n_rows = 1 };
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ &pair, 1, g }));
}

/* A table that has waited long is brought up to date in pieces, from a step on in which a sweep would pay. */
START_TEST(a_table_that_waited_long)
{
    enum { MANY = 2000, LONG = 100000 };
    static int32_t all[MANY];
    static tl_real values[MANY * WIDTH];
    for (int32_t k = 0; k < MANY; k++)
        all[k] = k;
    tl_variable *v = tl_test_dense("v", TL_SHAPE(MANY, WIDTH), 5);
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_graph *g = tl_graph_new();
    tl_gradient pair = { .variable = v, .values = values, .rows = all, .n_rows = MANY };
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ &pair, 1, g }));
    for (int k = 0; k < LONG; k++)
        step_of_row(o, v, g, 1);
    const tl_slots *s = tl_slots_find(o, v);
    ck_assert_int_ge(s->t - s->all_step, LONG);
    int steps = 0;
    for (; s->all_step != s->t && steps < 20; steps++)
        ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ &pair, 1, g }));
    ck_assert_int_eq(s->all_step, s->t);
    ck_assert_int_gt(steps, 1);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The constants of steps are counted, and are bounded. */
START_TEST(bytes_of_steps)
{
    enum { MANY = 1200, MOST = 4096 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(MANY, WIDTH), 5);
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_graph *g = tl_graph_new();
    const int64_t slots = (int64_t)sizeof(tl_real) * 2 * MANY * WIDTH + (int64_t)sizeof(int64_t) * MANY,
                  step = 8 * (int64_t)sizeof(tl_real);
    for (int k = 0; k < 3 * MOST; k++) {
        step_of_row(o, v, g, 7);
        ck_assert_int_ge(tl_optimizer_bytes(o), slots + step * (k < MOST / 2 ? k + 1 : MOST / 2));
        ck_assert_int_le(tl_optimizer_bytes(o), slots + step * MOST);
    }
    tl_graph_free(g);
    tl_optimizer_free(o);
    ck_assert_ptr_nonnull(tl_variable_data(v));
    tl_variable_free(v);
}
END_TEST

/* Options that change on the way, a mask that comes, changes and goes, dense steps in between. */
START_TEST(changes_on_the_way)
{
    two_tables t = make_tables(_i, ROWS, WIDTH);
    const tl_real *held = tl_variable_data(t.by_rows);
    tl_pattern *some = tl_pattern_random(ROWS, WIDTH, 0.5, 1),
               *others = tl_pattern_random(ROWS, WIDTH, 0.7, 2);
    tl_optimizer *o[] = { t.for_rows, t.for_dense };
    tl_variable *v[] = { t.by_rows, t.dense };
    for (int k = 0; k < 120; k++) {
        for (int i = 0; i < 2; i++) {
            if (k == 20)
                ck_assert_ok(tl_optimizer_set_learning_rate(o[i], 0.02));
            if (k == 40)
                ck_assert_ok(
                    tl_optimizer_set_options_for(o[i], v[i], (tl_optimizer_options){ .weight_decay = 0.1 }));
            if (k == 60)
                ck_assert_ok(tl_optimizer_set_options_for(o[i], v[i],
                                                          (tl_optimizer_options){ .learning_rate = 0.03 }));
            if (k == 70 || k == 90)
                ck_assert_ok(tl_variable_set_mask(v[i], k == 70 ? some : others));
            if (k == 105)
                ck_assert_ok(tl_variable_set_mask(v[i], NULL));
            if (k % 30 == 29) { /* a dense gradient */
                ck_assert_ok(tl_minimize(o[i], tl_reduce_sum(tl_tanh(tl_use(t.g, v[i])), TL_ALL_AXES)));
                tl_graph_reset(t.g);
            }
        }
        step(&t, IDS);
    }
    compare(&t, held);
    tl_pattern_release(some);
    tl_pattern_release(others);
    drop(&t);
}
END_TEST

/* Steps of another optimizer, and steps that leave the table out under a schedule, do not disturb the
 * order. */
START_TEST(other_optimizers_and_absent_steps)
{
    two_tables t = make_tables(_i, ROWS, WIDTH);
    const tl_exponential_decay fading = { .every = 10, .factor = 0.9 };
    tl_variable *v[] = { t.by_rows, t.dense }, *elsewhere = tl_test_dense("elsewhere", TL_SHAPE(2), 1);
    tl_optimizer *o[] = { t.for_rows, t.for_dense };
    tl_optimizer *second = tl_sgd((tl_sgd_options){ .learning_rate = 0.01, .momentum = 0.5 });
    const tl_real *held = tl_variable_data(t.by_rows);
    for (int i = 0; i < 2; i++)
        ck_assert_ok(tl_optimizer_set_schedule(o[i], tl_schedule_exponential, &fading));
    for (int k = 0; k < 100; k++) {
        step(&t, IDS);
        for (int i = 0; i < 2; i++) {
            const int32_t id = 3;
            if (k % 7 == 0)
                ck_assert_ok(tl_minimize(second, loss_of(t.g, v[i], &id, 1)));
            if (k % 11 == 0)
                ck_assert_ok(tl_minimize(o[i], tl_reduce_sum(tl_use(t.g, elsewhere), 0)));
            tl_graph_reset(t.g);
        }
    }
    tl_optimizer_flush(second);
    compare(&t, held);
    tl_optimizer_free(second);
    tl_variable_free(elsewhere);
    drop(&t);
}
END_TEST

/* Every reader of rows with pending steps: a dense op, tl_value of the leaf, tl_variable_data. */
START_TEST(readers)
{
    two_tables t = make_tables(5, ROWS, WIDTH);
    for (int k = 0; k < 30; k++)
        step(&t, IDS);
    tl_node *sum = tl_scale(tl_use(t.g, t.by_rows), 1), *same = tl_scale(tl_use(t.g, t.dense), 1);
    ck_assert_same(tl_value(sum), tl_value(same), ROWS * WIDTH);
    for (int k = 0; k < 30; k++)
        step(&t, IDS);
    ck_assert_same(tl_value(tl_use(t.g, t.by_rows)), tl_variable_data(t.dense), ROWS * WIDTH);
    tl_graph_reset(t.g);
    for (int k = 0; k < 30; k++)
        step(&t, IDS);
    ck_assert_same(tl_variable_data(t.by_rows), tl_variable_data(t.dense), ROWS * WIDTH);
    drop(&t);
}
END_TEST

/* Weights of bags with pending steps: the op reads them while it declares its result. */
START_TEST(pending_weights)
{
    const int64_t row_ptr[] = { 0, 2 };
    const int32_t ids[] = { 0, 1 };
    const tl_pattern_bag bags = { .n = 1, .row_ptr = row_ptr, .ids = ids };
    const tl_real ones[] = { 1, 1 };
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2), 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1, .momentum = 0.9 });
    tl_graph *g = tl_graph_new();
    for (int32_t k = 0; k < 6; k++, tl_graph_reset(g)) { /* only element k % 2 is touched */
        const int32_t id = k % 2;
        ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_embedding_lookup(tl_use(g, w), &id, TL_SHAPE(1)), 0)));
    }
    tl_node *y = tl_embedding_lookup_sparse(tl_input(g, TL_SHAPE(2, 1), ones), &bags, tl_use(g, w), TL_SUM);
    const tl_real read = tl_value(y)[0], expected = tl_variable_data(w)[0] + tl_variable_data(w)[1];
    ck_assert_same(&read, &expected, 1);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(w);
}
END_TEST

/* A step between forward and backward: what backward reads of the table is the table of that time, all of
 * it. */
START_TEST(a_step_before_backward)
{
    const tl_real one[] = { 1 }, zeros[3] = { 0 };
    const int32_t id = 0;
    tl_real dx[2][3];
    for (int dense = 0; dense < 2; dense++) {
        tl_variable *t = tl_variable_dense("t", TL_SHAPE(3, 1)), *x = tl_variable_dense("x", TL_SHAPE(1, 3));
        tl_optimizer *o = tl_sgd(
            (tl_sgd_options){ .learning_rate = 0.1, .weight_decay = 1, .decoupled = true });
        tl_graph *g = tl_graph_new();
        ck_assert_ok(tl_init_constant(t, 2));
        tl_node *e = tl_embedding_lookup(tl_use(g, t), &id, TL_SHAPE(1));
        tl_node *other = tl_reduce_sum(tl_matmul(tl_use(g, x), tl_use(g, t)), TL_ALL_AXES);
        if (dense)
            e = tl_add(e, tl_scale(tl_matmul(tl_input(g, TL_SHAPE(1, 3), zeros), tl_use(g, t)), 1));
        for (int k = 0; k < 2; k++)
            ck_assert_ok(tl_minimize(o, tl_mse(e, tl_input(g, TL_SHAPE(1, 1), one))));
        tl_gradients out;
        ck_assert_ok(tl_backward_for(other, &x, 1, &out));
        memcpy(dx[dense], out.pair[0].values, sizeof dx[dense]);
        tl_graph_free(g);
        tl_optimizer_free(o);
        tl_variable_free(t);
        tl_variable_free(x);
    }
    ck_assert_same(dx[0], dx[1], 3);
}
END_TEST

/* No ids is not all rows: the skipped steps of a table stay pending. (A small table is swept and has
 * none.) */
START_TEST(empty_lookup_replays_nothing)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4000, 2), 5);
    tl_optimizer *o = tl_adam((tl_adam_options){ .weight_decay = 0.1 });
    tl_graph *g = tl_graph_new();
    const tl_real *held = tl_variable_data(v), skipped = held[0];
    const int32_t row = 1;
    tl_gradient pair = { .variable = v, .values = (tl_real[]){ 1, 1 }, .rows = &row, .n_rows = 1 };
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ &pair, 1, g }));
    ck_assert_ptr_nonnull(tl_embedding_lookup(tl_use(g, v), NULL, TL_SHAPE(0)));
    ck_assert_same(held, &skipped, 1);
    tl_graph_free(g);
    tl_optimizer_free(o);
    ck_assert(held[0] != skipped); /* there was something pending */
    tl_variable_free(v);
}
END_TEST

/* Rows without values: nothing is kept for each of them, and there is nothing to do. */
START_TEST(zero_beside_huge)
{
    const char *name;
    static const int32_t ids[] = { 5, 1, 5 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE((int64_t)1 << 50, 0));
    tl_optimizer *o = zoo(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name);
    tl_graph *g = tl_graph_new();
    for (int step = 1; step <= 3; step++, tl_graph_reset(g)) {
        tl_gradients out;
        tl_node *loss = tl_reduce_sum(tl_embedding_lookup(tl_use(g, v), ids, TL_SHAPE(3)), TL_ALL_AXES);
        ck_assert_ok(tl_backward(loss, &out));
        ck_assert_int_eq(out.pair[0].n_rows, 2);
        ck_assert(out.pair[0].rows[0] == 1 && out.pair[0].rows[1] == 5);
        ck_assert_msg(tl_minimize(o, loss) == TL_OK, "%s: %s", name, tl_error());
        ck_assert_int_eq(tl_optimizer_steps(o, v), step);
    }
    ck_assert_ok(tl_optimizer_flush(o));
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("rows");
    TCase *c = tl_test_case(s, "rows");
    tcase_add_loop_test(c, the_bits_of_the_dense_run, 0, 2 * ZOO);
    tcase_add_loop_test(c, tables_of_all_widths, 0, 9 * ZOO);
    tcase_add_loop_test(c, a_row_that_lags_far_behind, 0, ZOO);
    tcase_add_test(c, a_table_that_waited_long);
    tcase_add_test(c, bytes_of_steps);
    tcase_add_loop_test(c, changes_on_the_way, 0, ZOO);
    tcase_add_loop_test(c, other_optimizers_and_absent_steps, 0, ZOO);
    tcase_add_test(c, empty_lookup_replays_nothing);
    tcase_add_loop_test(c, zero_beside_huge, 0, ZOO);
    tcase_add_test(c, readers);
    tcase_add_test(c, pending_weights);
    tcase_add_test(c, a_step_before_backward);
    return s;
}
