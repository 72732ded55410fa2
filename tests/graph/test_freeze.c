/* Transforms that look at variables and connections: freeze and centralize. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

enum { VARIABLES = 3, SIZE = 4 };

typedef struct subject {
    tl_variable *v[VARIABLES];
    tl_real values[VARIABLES][SIZE];
    tl_gradient pair[VARIABLES];
    tl_gradients all;
    tl_optimizer *o;
} subject;

static void make(subject *s)
{
    const char *name[VARIABLES] = { "a", "b", "c" };
    *s = (subject){ .o = tl_adam((tl_adam_options){ .weight_decay = 0.1, .decoupled = true }) };
    s->all = (tl_gradients){ s->pair, VARIABLES, tl_graph_new() };
    for (int i = 0; i < VARIABLES; i++) {
        s->v[i] = tl_test_dense(name[i], TL_SHAPE(SIZE), (uint64_t)i);
        tl_test_fill(s->values[i], SIZE, 10 + (uint64_t)i);
        s->pair[i] = (tl_gradient){ .variable = s->v[i], .values = s->values[i] };
    }
}

static void drop(subject *s)
{
    for (int i = 0; i < VARIABLES; i++)
        tl_variable_free(s->v[i]);
    tl_graph_free(s->all.graph);
    tl_optimizer_free(s->o);
}

/* Weights and slots of v. */
static void record(const subject *s, int i, tl_real out[3][SIZE])
{
    for (int32_t k = 0; k < 3; k++)
        memcpy(out[k], k == 0 ? tl_variable_data(s->v[i]) : tl_optimizer_slot(s->o, s->v[i], k - 1),
               sizeof out[k]);
}

START_TEST(frozen_variables_stay)
{
    subject s;
    make(&s);
    ck_assert_ok(tl_apply_gradients(s.o, &s.all));
    tl_variable *list[] = { s.v[0], s.v[2] };
    tl_frozen frozen = { list, 2 };
    ck_assert_ok(tl_optimizer_add_transform(s.o, tl_freeze, &frozen));
    tl_real before[VARIABLES][3][SIZE], after[VARIABLES][3][SIZE];
    for (int i = 0; i < VARIABLES; i++)
        record(&s, i, before[i]);
    for (int t = 0; t < 3; t++)
        ck_assert_ok(tl_apply_gradients(s.o, &s.all));
    for (int i = 0; i < VARIABLES; i++) {
        record(&s, i, after[i]);
        ck_assert_int_eq(memcmp(before[i], after[i], sizeof before[i]) == 0, i != 1);
        ck_assert_int_eq(tl_optimizer_steps(s.o, s.v[i]), i == 1 ? 4 : 1);
    }
    frozen.n = 0; /* thawed */
    ck_assert_ok(tl_apply_gradients(s.o, &s.all));
    ck_assert_int_eq(tl_optimizer_steps(s.o, s.v[0]), 2);
    drop(&s);
}
END_TEST

/* The caller's list is as it was: it may be looked at, or applied again. */
START_TEST(the_callers_list)
{
    subject s;
    make(&s);
    tl_frozen first = { &s.v[0], 1 };
    ck_assert_ok(tl_optimizer_add_transform(s.o, tl_freeze, &first));
    ck_assert_ok(tl_apply_gradients(s.o, &s.all));
    ck_assert_int_eq(s.all.n, VARIABLES);
    for (int i = 0; i < VARIABLES; i++) {
        ck_assert_ptr_eq(s.all.pair[i].variable, s.v[i]);
        ck_assert_ptr_eq(s.all.pair[i].values, s.values[i]);
    }
    tl_optimizer *other = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    ck_assert_ok(tl_apply_gradients(other, &s.all));
    for (int i = 0; i < VARIABLES; i++)
        ck_assert_int_eq(tl_optimizer_steps(other, s.v[i]), 1);
    tl_optimizer_free(other);
    drop(&s);
}
END_TEST

START_TEST(freezing_all_or_none)
{
    subject s;
    make(&s);
    tl_variable *stranger = tl_variable_dense("stranger", TL_SHAPE(1));
    tl_gradients copy = s.all;
    ck_assert_ok(tl_freeze(&copy, &(tl_frozen){ &stranger, 1 }));
    ck_assert_int_eq(copy.n, VARIABLES);
    ck_assert_ok(tl_freeze(&copy, &(tl_frozen){ NULL, 0 }));
    ck_assert_int_eq(copy.n, VARIABLES);
    ck_assert_status(tl_freeze(&copy, NULL), TL_ERR_ARGUMENT, "freeze: the context is not a tl_frozen");
    ck_assert_status(tl_freeze(&copy, &(tl_frozen){ NULL, 1 }), TL_ERR_ARGUMENT,
                     "freeze: the context is not a tl_frozen");
    ck_assert_int_eq(copy.n, VARIABLES);
    s.values[1][2] = NAN; /* of no matter if it is dropped */
    tl_frozen one = { &s.v[1], 1 }, all = { s.v, VARIABLES };
    ck_assert_ok(tl_optimizer_add_transform(s.o, tl_freeze, &one));
    ck_assert_ok(tl_apply_gradients(s.o, &s.all));
    ck_assert_ok(tl_optimizer_add_transform(s.o, tl_freeze, &all));
    ck_assert_status(tl_apply_gradients(s.o, &s.all), TL_ERR_ARGUMENT, "adam: there is no gradient to apply");
    ck_assert_int_eq(tl_optimizer_steps(s.o, s.v[0]), 1);
    tl_variable_free(stranger);
    drop(&s);
}
END_TEST

/* ---- Centralize ---- */

static void centralize(tl_variable *v, tl_real *values, const int32_t *rows, int64_t n_rows)
{
    tl_gradient pair = { v, values, rows, n_rows };
    ck_assert_ok(tl_centralize(&(tl_gradients){ &pair, 1, NULL }, NULL));
}

START_TEST(columns)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(3, 2));
    tl_real values[6] = { 1, 10, 2, 20, 6, -60 };
    centralize(v, values, NULL, 0); /* less 3 and -10 */
    ck_assert_values(values, 6, TL_NEAR, -2, 20, -1, 30, 3, -50);
    centralize(v, values, NULL, 0); /* once is enough */
    ck_assert_values(values, 6, TL_NEAR, -2, 20, -1, 30, 3, -50);
    tl_variable_free(v);
    v = tl_variable_dense("v", TL_SHAPE(2, 2, 1)); /* rank 3: the leading dimensions are rows */
    tl_real cube[4] = { 1, 2, 3, 6 };
    centralize(v, cube, NULL, 0);
    ck_assert_values(cube, 4, TL_NEAR, -2, -1, 0, 3);
    tl_variable_free(v);
}
END_TEST

/* Over the connections that exist: (row, column) 00, 02, 10, 12, 22; column 1 has none. */
START_TEST(columns_of_connections)
{
    const uint8_t keep[9] = { 1, 0, 1, 1, 0, 1, 0, 0, 1 };
    tl_pattern *p = tl_pattern_from_mask(3, 3, keep);
    tl_variable *s = tl_variable_sparse("s", p), *m = tl_variable_dense("m", TL_SHAPE(3, 3));
    tl_real on[5] = { 1, 2, 5, 4, 9 };                            /* column 0: 1, 5; column 2: 2, 4, 9 */
    tl_real dense[9] = { 1, 100, 2, 5, NAN, 4, -7, INFINITY, 9 }; /* off the mask: anything */
    ck_assert_ok(tl_variable_set_mask(m, p));
    centralize(s, on, NULL, 0);
    ck_assert_values(on, 5, TL_NEAR, -2, -3, 2, -1, 4);
    centralize(m, dense, NULL, 0);
    ck_assert_values(dense, 9, TL_NEAR, -2, 100, -3, 2, NAN, -1, -7, INFINITY, 4);
    tl_variable_free(s);
    tl_variable_free(m);
    tl_pattern_release(p);
}
END_TEST

START_TEST(what_is_left_alone)
{
    const tl_real values[6] = { 1, 2, 3, 4, 5, 6 };
    const tl_shape shapes[] = { TL_SHAPE(6), TL_SHAPE(4, 3) };
    for (int k = 0; k < 2; k++) { /* a vector; the rows of a table */
        tl_variable *v = tl_variable_dense("v", shapes[k]);
        tl_real copy[6];
        memcpy(copy, values, sizeof copy);
        centralize(v, copy, k == 0 ? NULL : (int32_t[]){ 0, 2 }, k == 0 ? 0 : 2);
        ck_assert_same(copy, values, 6);
        tl_variable_free(v);
    }
    tl_variable *scalar = tl_variable_dense("v", TL_SHAPE()), *empty = tl_variable_dense("e", TL_SHAPE(0, 3));
    tl_real one[1] = { 1 };
    centralize(scalar, one, NULL, 0);
    centralize(empty, one, NULL, 0);
    ck_assert_values(one, 1, 0, 1);
    centralize(scalar, NULL, NULL, 0);
    tl_variable_free(scalar);
    tl_variable_free(empty);
}
END_TEST

/* A NaN or Inf spoils its column, and no other. */
START_TEST(columns_that_are_not_finite)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2, 3));
    tl_real values[6] = { 1, NAN, 1, 3, 2, INFINITY };
    centralize(v, values, NULL, 0);
    ck_assert_values(values, 6, 0, -1, NAN, -(double)INFINITY, 1, NAN, NAN);
    tl_variable_free(v);
}
END_TEST

/* In a step, with a mask: columns of the update add up to 0. Where memory is short nothing has changed. */
START_TEST(centralized_step)
{
    tl_pattern *keep = tl_test_pattern(6, 5, 0.7, 2);
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(6, 5));
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph *g = tl_graph_new();
    tl_real values[30], zeros[30] = { 0 };
    tl_gradients all = { &(tl_gradient){ .variable = v, .values = values }, 1, g };
    tl_test_fill(values, 30, 1);
    ck_assert_ok(tl_variable_set_mask(v, keep));
    ck_assert_ok(tl_optimizer_add_transform(o, tl_centralize, NULL));
    tl_status status = TL_ERR_MEMORY;
    for (int64_t k = 1; status != TL_OK; k++, tl_graph_reset(g)) {
        tl_test_fail_allocation(k);
        status = tl_apply_gradients(o, &all);
        tl_test_fail_allocation(0);
        if (status != TL_OK) {
            ck_assert_int_eq(status, TL_ERR_MEMORY);
            ck_assert_same(tl_variable_data(v), zeros, 30);
        }
        ck_assert_int_lt(k, 20);
    }
    for (int j = 0; j < 5; j++) {
        double sum = 0, size = 0;
        for (int i = 0; i < 6; i++) {
            sum += (double)tl_variable_data(v)[i * 5 + j];
            size += fabs((double)tl_variable_data(v)[i * 5 + j]);
        }
        ck_assert_double_eq_tol(sum, 0, TL_NEAR);
        ck_assert_int_eq(size > 0, j != 1); /* column 1 has no connection, the others two or more */
    }
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(keep);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("freeze");
    TCase *c = tl_test_case(s, "freeze");
    tcase_add_test(c, frozen_variables_stay);
    tcase_add_test(c, the_callers_list);
    tcase_add_test(c, freezing_all_or_none);
    tcase_add_test(c, columns);
    tcase_add_test(c, columns_of_connections);
    tcase_add_test(c, what_is_left_alone);
    tcase_add_test(c, columns_that_are_not_finite);
    tcase_add_test(c, centralized_step);
    return s;
}
