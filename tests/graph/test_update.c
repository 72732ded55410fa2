/* One update for every kind of variable and gradient: a sparse variable goes where a masked dense one
 * goes, rows where the dense gradient goes, to the last bit, under every optimizer; and what a mask
 * removes stays +0. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

/* ---- Every optimizer ---- */

static const tl_sgd_options sgds[] = {
    { .learning_rate = 0.1 },
    { .learning_rate = 0.1, .momentum = 0.9 },
    { .learning_rate = 0.1, .momentum = 0.9, .nesterov = true },
    { .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1 },
    { .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1, .decoupled = true },
};
static const tl_adam_options adams[] = {
    { .learning_rate = 0.1 },
    { .learning_rate = 0.1, .weight_decay = 0.1 },
    { .learning_rate = 0.1, .weight_decay = 0.1, .decoupled = true },
    { .learning_rate = 0.1, .beta2 = 0.5, .amsgrad = true },
};
enum { SGDS = sizeof sgds / sizeof *sgds, OPTIMIZERS = SGDS + sizeof adams / sizeof *adams };

static tl_optimizer *make(int which, tl_rows_policy rows, tl_non_finite non_finite)
{
    if (which < SGDS) {
        tl_sgd_options o = sgds[which];
        o.rows = rows, o.non_finite = non_finite;
        return tl_sgd(o);
    }
    tl_adam_options o = adams[which - SGDS];
    o.rows = rows, o.non_finite = non_finite;
    return tl_adam(o);
}

/* One step with a copy of this gradient; rows = NULL: not row-sparse. */
static void feed(tl_optimizer *o, tl_variable *v, const tl_real *values, const int32_t *rows, int64_t n_rows)
{
    tl_real *copy = calloc((size_t)tl_variable_size(v) + 1, sizeof *copy);
    tl_gradient pair = { .variable = v, .values = copy, .rows = rows, .n_rows = n_rows };
    if (tl_gradient_size(&pair) > 0)
        memcpy(copy, values, (size_t)tl_gradient_size(&pair) * sizeof *copy);
    tl_graph *g = tl_graph_new();
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ .pair = &pair, .n = 1, .graph = g }));
    tl_graph_free(g);
    free(copy);
}

/* Returns the weights (k = -1) or slot k of v; NULL past the last. */
static const tl_real *state(const tl_optimizer *o, tl_variable *v, int k)
{
    return k < 0 ? tl_variable_data(v) : tl_optimizer_slot(o, v, k);
}

/* Checks that two variables of one layout and their slots have the same bits. */
static void check_same(const tl_optimizer *o, tl_variable *v, const tl_optimizer *expected_o,
                       tl_variable *expected)
{
    int64_t n = tl_variable_size(v);
    for (int k = -1; state(expected_o, expected, k); k++)
        if (memcmp(state(o, v, k), state(expected_o, expected, k), (size_t)n * sizeof(tl_real)) != 0)
            ck_assert_same(state(o, v, k), state(expected_o, expected, k), n); /* says which */
    ck_assert_int_eq(tl_optimizer_steps(o, v), tl_optimizer_steps(expected_o, expected));
}

/* ---- Sparse, masked, dense ---- */

/* Off the mask the masked variable is fed what must not get through. */
static void spoil(tl_real *g, const tl_pattern *keep)
{
    static const tl_real poison[] = { (tl_real)NAN, (tl_real)INFINITY, (tl_real)-INFINITY, 5 };
    int64_t cols = tl_pattern_cols(keep);
    for (int64_t k = 0; k < tl_pattern_rows(keep) * cols; k++)
        if (tl_pattern_find(keep, k / cols, (int32_t)(k % cols)) < 0)
            g[k] = poison[k % 4];
}

/* A dense variable with zeros and gradients of 0 there gets the same update. There are more entries than a
 * chunk holds. */
START_TEST(sparse_masked_and_dense_agree)
{
    enum { ROWS = 41, COLS = 37, SIZE = ROWS * COLS, STEPS = 6 };
    tl_pattern *p = tl_test_pattern(ROWS, COLS, 0.5, 3);
    tl_variable *s = tl_variable_sparse("s", p), *m = tl_variable_dense("m", TL_SHAPE(ROWS, COLS)),
                *d = tl_variable_dense("d", TL_SHAPE(ROWS, COLS));
    tl_optimizer *o = make(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
    int64_t nnz = tl_pattern_nnz(p);
    ck_assert_int_gt(nnz, 600);
    tl_real *gs = calloc((size_t)nnz, sizeof *gs);
    tl_test_fill(tl_variable_data(s), nnz, 1);
    tl_real *weights = tl_test_expand(p, tl_variable_data(s));
    memcpy(tl_variable_data(m), weights, SIZE * sizeof *weights);
    memcpy(tl_variable_data(d), weights, SIZE * sizeof *weights);
    ck_assert_ok(tl_variable_set_mask(m, p));
    for (int t = 0; t < STEPS; t++) {
        tl_test_fill(gs, nnz, 10 + (uint64_t)t);
        tl_real *g = tl_test_expand(p, gs);
        feed(o, s, gs, NULL, 0);
        feed(o, d, g, NULL, 0);
        spoil(g, p);
        feed(o, m, g, NULL, 0);
        free(g);
        check_same(o, m, o, d);
        for (int k = -1; state(o, s, k); k++) {
            tl_real *expanded = tl_test_expand(p, state(o, s, k));
            ck_assert_same(state(o, m, k), expanded, SIZE);
            free(expanded);
        }
    }
    ck_assert_msg(memcmp(tl_variable_data(m), weights, SIZE * sizeof *weights) != 0, "nothing has moved");
    free(weights);
    free(gs);
    tl_optimizer_free(o);
    tl_variable_free(s);
    tl_variable_free(m);
    tl_variable_free(d);
    tl_pattern_release(p);
}
END_TEST

/* ---- Rows ---- */

/* The gradient of a table of `rows` rows of `width` at step t, as rows and as a dense one. Some steps name
 * no row. */
typedef struct rows {
    tl_real dense[33600], values[33600];
    int32_t row[600];
    int64_t n;
} rows;

static void draw_rows(rows *r, int64_t n_rows, int64_t width, int t)
{
    tl_random random = { .seed = 100 + (uint64_t)t };
    memset(r, 0, sizeof *r);
    for (int64_t row = 0; row < n_rows && t % 4 != 2; row++) {
        if (tl_random_uniform(&random) > 0.3)
            continue;
        tl_test_fill(r->values + r->n * width, width, (uint64_t)(1000 * t + row));
        memcpy(r->dense + row * width, r->values + r->n * width, (size_t)width * sizeof *r->dense);
        r->row[r->n++] = (int32_t)row;
    }
}

/* The last two are split into several tasks, with rows on both sides of the cut. */
static const struct {
    tl_shape shape;
    bool masked;
} tables[] = { { { 2, { 50, 7 } }, false },   { { 2, { 50, 7 } }, true },  { { 3, { 40, 5, 2 } }, false },
               { { 3, { 40, 5, 2 } }, true }, { { 1, { 50 } }, false },    { { 1, { 50 } }, true },
               { { 2, { 1, 400 } }, false },  { { 2, { 1, 400 } }, true }, { { 3, { 600, 8, 7 } }, false },
               { { 3, { 600, 8, 7 } }, true } };
enum { TABLES = sizeof tables / sizeof *tables };

static tl_variable *make_table(int which)
{
    tl_shape shape = tables[which].shape;
    tl_variable *v = tl_test_dense("t", shape, 1);
    if (tables[which].masked) {
        tl_pattern *keep = tl_test_pattern(tl_shape_rows(shape), tl_shape_cols(shape), 0.6, 2);
        ck_assert_ok(tl_variable_set_mask(v, keep));
        tl_pattern_release(keep);
    }
    return v;
}

START_TEST(exact_rows_equal_the_dense_gradient)
{
    static rows r;
    for (int which = 0; which < TABLES; which++) {
        tl_optimizer *o = make(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
        tl_variable *by_rows = make_table(which), *dense = make_table(which);
        int64_t n_rows = tables[which].shape.dim[0], width = tl_variable_size(dense) / n_rows;
        for (int t = 0; t < 8; t++) {
            draw_rows(&r, n_rows, width, t);
            ck_assert_ok(tl_set_num_threads(t % 2 ? 3 : 1));
            feed(o, by_rows, r.values, r.row, r.n);
            ck_assert_ok(tl_set_num_threads(t % 2 ? 1 : 3));
            feed(o, dense, r.dense, NULL, 0);
            if (t == 0 || t == 4 || t == 7) /* reading rows replays them: let steps accumulate */
                check_same(o, by_rows, o, dense);
        }
        tl_optimizer_free(o);
        tl_variable_free(by_rows);
        tl_variable_free(dense);
    }
    tl_set_num_threads(1);
}
END_TEST

/* Touched rows move as they do under EXACT where they are touched in every step; the others, weights and
 * slots, do not move at all, weight decay included. */
START_TEST(lazy_rows)
{
    const int32_t touched[] = { 0, 3, 4, 39 };
    for (int which = 0; which < TABLES; which++) {
        int64_t n_rows = tables[which].shape.dim[0];
        if (n_rows < 40 || tl_shape_size(tables[which].shape) > 400)
            continue;
        tl_optimizer *lazy = make(_i, TL_ROWS_LAZY, TL_NON_FINITE_ERROR),
                     *exact = make(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR);
        tl_variable *v = make_table(which), *all = make_table(which), *before = make_table(which);
        const tl_real none[400] = { 0 };
        int64_t width = tl_variable_size(v) / n_rows;
        for (int t = 0; t < 4; t++) {
            tl_real g[4 * 10];
            tl_test_fill(g, 4 * width, 10 + (uint64_t)t);
            feed(lazy, v, g, touched, 4);
            feed(exact, all, g, touched, 4);
        }
        for (int k = -1; state(lazy, v, k); k++)
            for (int64_t row = 0; row < n_rows; row++) {
                bool is_touched = row == 0 || row == 3 || row == 4 || row == 39;
                const tl_real *expected = is_touched ? state(exact, all, k)
                                          : k < 0    ? tl_variable_data(before)
                                                     : none;
                ck_assert_same(state(lazy, v, k) + row * width, expected + row * width, width);
            }
        ck_assert_int_eq(tl_optimizer_steps(lazy, v), 4);
        tl_optimizer_free(lazy);
        tl_optimizer_free(exact);
        tl_variable_free(v);
        tl_variable_free(all);
        tl_variable_free(before);
    }
}
END_TEST

/* By hand: momentum 0.5, lr 1, rows 0, 1, 0 with gradients 1, 2, 1. */
START_TEST(policies_by_hand)
{
    const tl_real one = 1, two = 2;
    const int32_t row[] = { 0, 1 };
    for (int lazy = 0; lazy < 2; lazy++) {
        tl_optimizer *o = tl_sgd((tl_sgd_options){
            .learning_rate = 1, .momentum = 0.5, .rows = lazy ? TL_ROWS_LAZY : TL_ROWS_EXACT });
        tl_variable *v = tl_variable_dense("v", TL_SHAPE(2, 1));
        feed(o, v, &one, &row[0], 1);
        feed(o, v, &two, &row[1], 1);
        feed(o, v, &one, &row[0], 1);
        if (lazy) /* a: 1, 1, 1.5 and 0, 2, 2 */
            ck_assert_values(tl_variable_data(v), 2, 0, -2.5, -2);
        else /* a: 1, 0.5, 1.25 and 0, 2, 1 */
            ck_assert_values(tl_variable_data(v), 2, 0, -2.75, -3);
        tl_optimizer_free(o);
        tl_variable_free(v);
    }
}
END_TEST

/* A gradient of no rows is a legal step: of zeros where EXACT, of nothing where LAZY. Tables without rows
 * or columns are legal too, masked or not. */
START_TEST(empty_rows)
{
    static const tl_shape shape[] = { { 2, { 2, 1 } }, { 2, { 0, 3 } }, { 2, { 3, 0 } } };
    for (int k = 0; k < 12; k++) {
        const bool lazy = k % 2, masked = k / 2 % 2;
        const tl_shape s = shape[k / 4];
        const tl_real g[] = { 1, 1 };
        const int32_t both[] = { 0, 1 };
        tl_optimizer *o = tl_sgd((tl_sgd_options){
            .learning_rate = 1, .momentum = 0.5, .rows = lazy ? TL_ROWS_LAZY : TL_ROWS_EXACT });
        tl_variable *v = tl_variable_dense("v", s);
        tl_pattern *all = tl_pattern_random(s.dim[0], s.dim[1], 1, 1);
        ck_assert_ok(tl_variable_set_mask(v, masked ? all : NULL));
        feed(o, v, g, both, s.dim[0] < 2 ? s.dim[0] : 2);
        feed(o, v, NULL, both, 0);
        ck_assert_int_eq(tl_optimizer_steps(o, v), 2);
        if (k < 4)
            ck_assert_values(tl_variable_data(v), 2, 0, lazy ? -1 : -1.5, lazy ? -1 : -1.5);
        tl_pattern_release(all);
        tl_optimizer_free(o);
        tl_variable_free(v);
    }
}
END_TEST

/* ---- Removed for good ---- */

/* Whatever comes: NaN and Inf off the mask, under every policy for them; weight decay; momentum from
 * before the mask, which was set in mid-training. On the mask training goes on. */
START_TEST(removed_weights_stay_zero)
{
    enum { ROWS = 6, COLS = 7, SIZE = ROWS * COLS };
    for (int policy = 0; policy < 6; policy++) {
        const tl_non_finite non_finite = (tl_non_finite)(policy / 2);
        const bool by_rows = policy % 2;
        const int32_t all[] = { 0, 1, 2, 3, 4, 5 };
        tl_optimizer *o = make(_i, TL_ROWS_EXACT, non_finite);
        tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, COLS), 1);
        tl_pattern *keep = tl_test_pattern(ROWS, COLS, 0.5, 1);
        tl_real g[SIZE], before[SIZE];
        for (int t = 0; t < 25; t++) {
            tl_test_fill(g, SIZE, (uint64_t)t);
            if (t == 5)
                ck_assert_ok(tl_variable_set_mask(v, keep));
            if (t >= 5)
                spoil(g, keep);
            memcpy(before, tl_variable_data(v), sizeof before);
            feed(o, v, g, by_rows ? all : NULL, by_rows ? ROWS : 0);
            for (int k = -1; t >= 5 && state(o, v, k); k++)
                for (int e = 0; e < SIZE; e++) {
                    const tl_real zero = 0, now = state(o, v, k)[e];
                    if (tl_pattern_find(keep, e / COLS, e % COLS) < 0)
                        ck_assert_same(&now, &zero, 1);
                    else
                        ck_assert(isfinite(now) && (k >= 0 || now != before[e]));
                }
        }
        ck_assert_int_eq(tl_optimizer_steps(o, v), 25);
        tl_pattern_release(keep);
        tl_optimizer_free(o);
        tl_variable_free(v);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("update");
    TCase *c = tl_test_case(s, "kinds");
    tcase_add_loop_test(c, sparse_masked_and_dense_agree, 0, OPTIMIZERS);
    c = tl_test_case(s, "rows");
    tcase_add_loop_test(c, exact_rows_equal_the_dense_gradient, 0, OPTIMIZERS);
    tcase_add_loop_test(c, lazy_rows, 0, OPTIMIZERS);
    tcase_add_test(c, policies_by_hand);
    tcase_add_test(c, empty_rows);
    c = tl_test_case(s, "removed");
    tcase_add_loop_test(c, removed_weights_stay_zero, 0, OPTIMIZERS);
    return s;
}
