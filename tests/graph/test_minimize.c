/* tl_minimize leaves the rows of a table's gradient where they lie, as long as nobody else reads them; the
 * step is that of tl_compute_gradients and tl_apply_gradients to the bit. */
#include "tests/testing.h"
#include "tests/graph/zoo.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 120, IDS = 300, STEPS = 3 };

/* Two tables that begin alike, each with an optimizer and a graph of its own. */
typedef struct twins {
    tl_graph *g[2];
    tl_variable *table[2];
    tl_optimizer *o[2];
    int32_t id[IDS];
    tl_real *up; /* the gradient that comes back to each id */
    int64_t width;
} twins;

static twins twins_new(int kind, int64_t width, tl_rows_policy rows, tl_non_finite policy)
{
    const char *name;
    twins t = { .width = width, .up = malloc((size_t)(IDS * width) * sizeof(tl_real)) };
    for (int k = 0; k < 2; k++) {
        t.g[k] = tl_graph_new();
        t.table[k] = tl_test_dense("table", TL_SHAPE(ROWS, width), 1);
        t.o[k] = zoo(kind, rows, policy, &name);
    }
    return t;
}

static void twins_free(twins *t)
{
    for (int k = 0; k < 2; k++) {
        tl_graph_free(t->g[k]);
        tl_optimizer_free(t->o[k]);
        tl_variable_free(t->table[k]);
    }
    free(t->up);
}

static void draw(twins *t, uint64_t seed)
{
    tl_random r = { .seed = seed };
    for (int k = 0; k < IDS; k++)
        t->id[k] = (int32_t)tl_random_integer(&r, ROWS);
    tl_test_fill(t->up, IDS * t->width, seed);
}

enum { BAGS = 20 };

/* The rows of bags of ids, some of them padding: the means, or with weights. */
static tl_node *bags(const twins *t, int k, tl_node *table, bool weighted)
{
    static int64_t row_ptr[BAGS + 1];
    static tl_real weight[IDS];
    for (int64_t b = 0; b <= BAGS; b++)
        row_ptr[b] = b * b * IDS / (BAGS * BAGS); /* the first is empty */
    tl_test_fill(weight, IDS, 5);
    const tl_pattern_bag ids = {
        .n = BAGS, .row_ptr = row_ptr, .ids = t->id, .has_padding = true, .padding_id = t->id[9]
    };
    if (!weighted)
        return tl_embedding_lookup_sparse(table, &ids, NULL, TL_MEAN);
    return tl_embedding_lookup_sparse(table, &ids, tl_input(t->g[k], TL_SHAPE(IDS), weight), TL_SQRTN);
}

static tl_status weighing_shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE());
}

/* The sum of <A, U>, whose gradient is U to the bit. */
static void weighing_forward(tl_node *y)
{
    const tl_real *u = *(const tl_real *const *)y->attr;
    y->out[0] = 0;
    for (int64_t k = 0; k < y->in[0]->size; k++)
        y->out[0] += u[k] * y->in[0]->val[k];
}

static void weighing_backward(tl_node *y)
{
    const tl_real *u = *(const tl_real *const *)y->attr;
    ck_assert(y->in[0]->overwrite && y->grad[0] == 1);
    memcpy(y->in[0]->grad, u, (size_t)y->in[0]->size * sizeof *u);
}

static const tl_op weighing = { .name = "weighing",
                                .n_in = 1,
                                .shape = weighing_shape,
                                .forward = weighing_forward,
                                .backward = weighing_backward,
                                .can_overwrite = 1 << 0 };

/* The gradient of y is that of some row of `up` on. */
static tl_node *weigh(const twins *t, tl_node *y, int64_t first)
{
    const tl_real *u = t->up + first * t->width;
    return tl_apply(&weighing, &y, &u, sizeof u);
}

/* What uses the table. */
typedef enum way { LOOKUP, MEANS, LOOKUP_AND_MEANS, LOOKUP_AND_WEIGHTED, WAYS } way;

static tl_node *loss(const twins *t, int k, way by)
{
    tl_node *table = tl_use(t->g[k], t->table[k]);
    if (by == MEANS)
        return weigh(t, bags(t, k, table, false), 0);
    const int64_t first = by == LOOKUP ? 0 : IDS / 3;
    tl_node *sum = weigh(t, tl_embedding_lookup(table, t->id + first, TL_SHAPE(IDS - first)), first);
    return by == LOOKUP ? sum : tl_add(sum, weigh(t, bags(t, k, table, by == LOOKUP_AND_WEIGHTED), 0));
}

/* A step of each, which must end alike: the status, the message, the table and its slots. */
static tl_status step(const twins *t, way by)
{
    tl_gradients g;
    const tl_status status = tl_minimize(t->o[0], loss(t, 0, by));
    char text[256];
    snprintf(text, sizeof text, "%s", status == TL_OK ? "" : tl_error());
    ck_assert_ok(tl_compute_gradients(t->o[1], loss(t, 1, by), NULL, 0, &g));
    ck_assert_int_eq(tl_apply_gradients(t->o[1], &g), status);
    ck_assert_str_eq(text, status == TL_OK ? "" : tl_error());
    for (int k = 0; k < 2; k++)
        tl_graph_reset(t->g[k]);
    ck_assert_same(tl_variable_data(t->table[0]), tl_variable_data(t->table[1]), ROWS * t->width);
    for (int32_t i = 0; tl_optimizer_slot(t->o[0], t->table[0], i); i++)
        ck_assert_same(tl_optimizer_slot(t->o[0], t->table[0], i), tl_optimizer_slot(t->o[1], t->table[1], i),
                       ROWS * t->width);
    return status;
}

static void one_thread(void)
{
    tl_set_num_threads(1);
}

/* Every optimizer and every way to use the table; rows of one value, of some, of many. */
START_TEST(the_same_step)
{
    const int64_t widths[] = { 1, 5, 33 };
    for (int w = 0; w < 3; w++)
        for (int c = 0; c < 4 * WAYS; c++) {
            twins t = twins_new(_i, widths[w], c & 1 ? TL_ROWS_LAZY : TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
            ck_assert_ok(tl_set_num_threads(c & 2 ? 3 : 1));
            for (int s = 0; s < STEPS; s++) {
                draw(&t, (uint64_t)s + 1);
                ck_assert_int_eq(step(&t, (way)(c / 4)), TL_OK);
            }
            twins_free(&t);
        }
}
END_TEST

/* More rows than are handed to a kernel at a time. */
START_TEST(many_rows)
{
    enum { MANY = 1000 };
    static int32_t id[MANY];
    static tl_real up[MANY];
    tl_random r = { .seed = 1 };
    tl_test_fill(up, MANY, 1);
    for (int k = 0; k < MANY; k++)
        id[k] = (int32_t)tl_random_integer(&r, MANY);
    tl_graph *g = tl_graph_new();
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(MANY));
    tl_node *y = tl_embedding_lookup(tl_use(g, v), id, TL_SHAPE(MANY));
    ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(MANY), up)), TL_ALL_AXES)));
    double sum[MANY] = { 0 };
    tl_real expected[MANY];
    for (int k = 0; k < MANY; k++)
        sum[id[k]] += (double)up[k];
    for (int k = 0; k < MANY; k++)
        expected[k] = 0 - (tl_real)sum[k];
    ck_assert_same(tl_variable_data(v), expected, MANY);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The gradient of a row is a sum that starts at 0, so it is never -0, not even of a single slice: a weight of
 * -0 stays -0. */
START_TEST(minus_zero)
{
    for (way by = LOOKUP; by < WAYS; by++) {
        twins t = twins_new(0, 5, TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
        draw(&t, 1);
        for (int k = 0; k < IDS * 5; k++)
            t.up[k] = (tl_real)-0.0;
        for (int k = 0; k < ROWS * 5; k++)
            tl_variable_data(t.table[0])[k] = tl_variable_data(t.table[1])[k] = (tl_real)-0.0;
        ck_assert_int_eq(step(&t, by), TL_OK);
        for (int k = 0; k < ROWS * 5; k++)
            ck_assert(signbit(tl_variable_data(t.table[0])[k]));
        twins_free(&t);
    }
}
END_TEST

/* A masked table, whose gradient is restricted before it is checked and applied: values that are not finite
 * in the second column, which the mask removes, do not matter. */
START_TEST(masked)
{
    twins t = twins_new(5, 7, TL_ROWS_LAZY, TL_NON_FINITE_ERROR);
    for (int k = 0; k < 2; k++) {
        tl_pattern *keep = tl_test_pattern(ROWS, 7, 0.4, 3);
        ck_assert_ok(tl_variable_set_mask(t.table[k], keep));
        tl_pattern_release(keep);
    }
    for (int s = 0; s < STEPS; s++) {
        draw(&t, (uint64_t)s + 1);
        t.up[10 * 7 + 1] = (tl_real)INFINITY;
        ck_assert_int_eq(step(&t, LOOKUP), TL_OK);
    }
    twins_free(&t);
}
END_TEST

static tl_status twice_the_gradient(tl_gradients *g, void *context)
{
    (void)context;
    for (int64_t k = 0; k < tl_gradient_size(&g->pair[0]); k++)
        g->pair[0].values[k] *= 2;
    return TL_OK;
}

/* A transform finds the values that it would find otherwise. */
START_TEST(with_a_transform)
{
    twins t = twins_new(0, 5, TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
    for (int k = 0; k < 2; k++)
        ck_assert_ok(tl_optimizer_add_transform(t.o[k], twice_the_gradient, NULL));
    draw(&t, 1);
    ck_assert_int_eq(step(&t, LOOKUP), TL_OK);
    twins_free(&t);
}
END_TEST

/* Slices so large that only their sums tell whether these are finite; sums that are not; slices that are
 * not. What is refused or skipped has changed nothing. */
START_TEST(at_the_end_of_the_range)
{
    const tl_real most = TL_IS_DOUBLE ? (tl_real)DBL_MAX : (tl_real)FLT_MAX;
    const tl_real slice[] = { most / 8, most, (tl_real)NAN, -(tl_real)INFINITY };
    const tl_non_finite policies[] = { TL_NON_FINITE_ERROR, TL_NON_FINITE_SKIP_STEP,
                                       TL_NON_FINITE_PROPAGATE };
    for (int p = 0; p < 3; p++)
        for (int k = 0; k < 4; k++) {
            twins t = twins_new(0, 3, TL_ROWS_EXACT, policies[p]);
            tl_real before[ROWS * 3];
            memcpy(before, tl_variable_data(t.table[0]), sizeof before);
            draw(&t, 1);
            t.id[5] = t.id[200] = 17;
            t.up[5 * 3 + 1] = t.up[200 * 3 + 1] = slice[k];
            ck_assert_int_eq(step(&t, LOOKUP), k > 0 && p == 0 ? TL_ERR_NUMERIC : TL_OK);
            ck_assert((memcmp(before, tl_variable_data(t.table[0]), sizeof before) == 0) == (k > 0 && p < 2));
            twins_free(&t);
        }
}
END_TEST

/* The same in the last of many bags, whose gradients are fewer than its members. */
START_TEST(not_finite_in_the_last_bag)
{
    const tl_real bad[] = { (tl_real)NAN, (tl_real)INFINITY };
    for (int k = 0; k < 2; k++) {
        twins t = twins_new(0, 3, TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
        draw(&t, 1);
        t.up[(BAGS - 1) * 3 + 1] = bad[k];
        ck_assert_int_eq(step(&t, MEANS), TL_ERR_NUMERIC);
        twins_free(&t);
    }
}
END_TEST

/* Whatever allocation fails, the table stays as it is, and the next try makes the step. */
START_TEST(failed_allocations)
{
    for (way by = LOOKUP; by < WAYS; by++) {
        int64_t failures = 0;
        for (bool failed = true; failed; failures += failed) {
            twins t = twins_new(5, 5, TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
            tl_real before[ROWS * 5];
            draw(&t, 1);
            memcpy(before, tl_variable_data(t.table[0]), sizeof before);
            tl_test_fail_allocation(failures + 1);
            const tl_status status = tl_minimize(t.o[0], loss(&t, 0, by));
            tl_test_fail_allocation(0);
            failed = status != TL_OK;
            if (failed) {
                ck_assert_int_eq(status, TL_ERR_MEMORY);
                ck_assert_same(tl_variable_data(t.table[0]), before, ROWS * 5);
                tl_graph_reset(t.g[0]);
                ck_assert_int_eq(step(&t, by), TL_OK);
            }
            twins_free(&t);
        }
        ck_assert_int_gt(failures, 2); /* there was something to fail */
    }
}
END_TEST

/* ---- an op whose slices are rows of the other table ---- */

enum { PAIRS = 50, PAIR_WIDTH = 4 };

static tl_status inner_shape(tl_node *y)
{
    tl_real *coef = y->scratch = tl_scratch(y, PAIRS, sizeof *coef);
    return coef ? tl_shape_dense(y, TL_SHAPE()) : TL_ERR_MEMORY;
}

typedef struct pairing {
    const int32_t *id;
    bool scaled; /* the slices come with coefficients */
} pairing;

static const int32_t *pairs_of(const tl_node *y)
{
    return ((const pairing *)y->attr)->id;
}

/* The sum of <A(i, :), B(i, :)> over the ids i. */
static void inner_forward(tl_node *y)
{
    y->out[0] = 0;
    for (int k = 0; k < PAIRS; k++)
        for (int j = 0; j < PAIR_WIDTH; j++) {
            const int64_t at = pairs_of(y)[k] * PAIR_WIDTH + j;
            y->out[0] += y->in[0]->val[at] * y->in[1]->val[at];
        }
}

static void inner_backward(tl_node *y)
{
    tl_real *coef = y->scratch;
    for (int k = 0; k < PAIRS; k++)
        coef[k] = y->grad[0];
    for (int i = 0; i < 2; i++)
        tl_add_rows(y, i, PAIRS, pairs_of(y), pairs_of(y), ((const pairing *)y->attr)->scaled ? coef : NULL,
                    y->in[1 - i]->val);
}

static const tl_op inner = { .name = "inner",
                             .n_in = 2,
                             .in_kind = { TL_ROWS, TL_ROWS },
                             .shape = inner_shape,
                             .forward = inner_forward,
                             .backward = inner_backward };

/* They are read before either table is changed. Some rows are met once, others often. */
START_TEST(slices_of_a_table)
{
    int32_t id[PAIRS];
    const pairing by = { .id = id, .scaled = _i };
    tl_variable *v[2][2];
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < PAIRS; k++)
        id[k] = k < 20 ? k : k * k % 20;
    for (int k = 0; k < 4; k++)
        v[k / 2][k % 2] = tl_test_dense("table", TL_SHAPE(20, PAIR_WIDTH), (uint64_t)k % 2);
    for (int k = 0; k < 2; k++) {
        tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.5 });
        tl_node *a = tl_use(g, v[k][0]), *b = tl_use(g, v[k][1]),
                *y = tl_apply(&inner, (tl_node *[]){ a, b }, &by, sizeof by);
        tl_gradients out;
        if (k == 0)
            ck_assert_ok(tl_minimize(o, y));
        else
            ck_assert_ok(tl_compute_gradients(o, y, NULL, 0, &out));
        if (k == 1)
            ck_assert_ok(tl_apply_gradients(o, &out));
        tl_graph_reset(g);
        tl_optimizer_free(o);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_same(tl_variable_data(v[0][i]), tl_variable_data(v[1][i]), 20 * PAIR_WIDTH);
    for (int k = 0; k < 4; k++)
        tl_variable_free(v[k / 2][k % 2]);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("minimize");
    TCase *c = tl_test_case(s, "minimize");
    tcase_add_checked_fixture(c, NULL, one_thread);
    tcase_add_loop_test(c, the_same_step, 0, ZOO);
    tcase_add_test(c, many_rows);
    tcase_add_test(c, minus_zero);
    tcase_add_test(c, masked);
    tcase_add_test(c, with_a_transform);
    tcase_add_test(c, at_the_end_of_the_range);
    tcase_add_test(c, not_finite_in_the_last_bag);
    tcase_add_test(c, failed_allocations);
    tcase_add_loop_test(c, slices_of_a_table, 0, 2);
    return s;
}
