/* Variables: storage, masks, and the slots that go with them. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

/* ---- Storage ---- */

START_TEST(dense)
{
    static const struct {
        tl_shape shape;
        int64_t size;
        const char *text;
    } table[] = { { { 0, { 0 } }, 1, "scalar" },
                  { { 1, { 5 } }, 5, "[5]" },
                  { { 2, { 3, 4 } }, 12, "3x4" },
                  { { 3, { 2, 3, 4 } }, 24, "2x3x4" },
                  { { 4, { 2, 3, 4, 5 } }, 120, "2x3x4x5" },
                  { { 2, { 0, 4 } }, 0, "0x4" } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tl_variable *v = tl_variable_dense("v", table[i].shape);
        ck_assert_int_eq(tl_variable_size(v), table[i].size);
        ck_assert_str_eq(tl_shape_text(tl_variable_shape(v)).text, table[i].text);
        ck_assert_int_eq(tl_variable_bytes(v), table[i].size * (int64_t)sizeof(tl_real));
        ck_assert(!tl_variable_is_sparse(v));
        ck_assert_ptr_null(tl_variable_pattern(v));
        const tl_real zeros[120] = { 0 };
        ck_assert_same(tl_variable_data(v), zeros, table[i].size);
        tl_variable_free(v);
    }
}
END_TEST

START_TEST(sparse)
{
    tl_pattern *p = tl_pattern_random(30, 40, 0.1, 1);
    tl_variable *v = tl_variable_sparse("v", p);
    tl_pattern_release(p); /* the variable keeps it */
    ck_assert_int_eq(tl_variable_size(v), 120);
    ck_assert_str_eq(tl_shape_text(tl_variable_shape(v)).text, "30x40");
    ck_assert(tl_variable_is_sparse(v));
    ck_assert_ptr_eq(tl_variable_pattern(v), p);
    ck_assert_int_eq(tl_variable_bytes(v), 120 * (int64_t)sizeof(tl_real) + tl_pattern_bytes(p));
    const tl_real zeros[120] = { 0 };
    ck_assert_same(tl_variable_data(v), zeros, 120);
    tl_variable_free(v);
}
END_TEST

START_TEST(names)
{
    char name[] = "weights of \"1\"";
    tl_variable *v = tl_variable_dense(name, TL_SHAPE(2)), *none = tl_variable_dense(NULL, TL_SHAPE(2));
    name[0] = 'X'; /* the name was copied */
    ck_assert_str_eq(tl_variable_name(v), "weights of \"1\"");
    ck_assert_str_eq(tl_variable_name(none), "");
    tl_variable_free(v);
    tl_variable_free(none);
}
END_TEST

START_TEST(refusals)
{
    ck_assert_null(tl_variable_dense("v", TL_SHAPE(1, 1, 1, 1, 1)), "variable_dense: rank 5 is not in 0..4");
    ck_assert_null(tl_variable_dense("v", TL_SHAPE(3, -4)), "variable_dense: 3x-4 has a negative size");
    ck_assert_null(tl_variable_dense("v", TL_SHAPE(INT64_MAX, 2)),
                   "variable_dense: 9223372036854775807x2 has more elements than memory can hold");
    ck_assert_null(tl_variable_sparse("v", NULL), "variable_sparse: the pattern is NULL");
}
END_TEST

START_TEST(null_arguments)
{
    tl_variable_free(NULL);
    ck_assert_ptr_null(tl_variable_data(NULL));
    ck_assert_int_eq(tl_variable_size(NULL), 0);
    ck_assert_str_eq(tl_variable_name(NULL), "");
    ck_assert_str_eq(tl_shape_text(tl_variable_shape(NULL)).text, "scalar");
    ck_assert_ptr_null(tl_variable_pattern(NULL));
    ck_assert(!tl_variable_is_sparse(NULL));
    ck_assert_int_eq(tl_variable_bytes(NULL), 0);
    ck_assert_status(tl_variable_set_mask(NULL, NULL), TL_ERR_ARGUMENT,
                     "variable_set_mask: the variable is NULL");
}
END_TEST

START_TEST(short_of_memory)
{
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    for (int k = 1; k <= 3; k++) { /* the variable, its name, its values */
        tl_test_fail_allocation(k);
        ck_assert_null(tl_variable_dense("v", TL_SHAPE(3, 4)), "out of memory");
        tl_test_fail_allocation(k);
        ck_assert_null(tl_variable_sparse("v", p), "out of memory");
    }
    tl_pattern_release(p);
}
END_TEST

/* ---- Masks ---- */

enum { ROWS = 3, COLS = 4, SIZE = ROWS * COLS };

static const uint8_t keep_most[SIZE] = { 1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1 };
static const uint8_t keep_few[SIZE] = { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 };

static tl_status set_mask(tl_variable *v, const uint8_t *keep)
{
    tl_pattern *p = tl_pattern_from_mask(ROWS, COLS, keep);
    tl_status status = tl_variable_set_mask(v, p);
    tl_pattern_release(p);
    return status;
}

/* One step of each optimizer, with a gradient that is nowhere 0. */
static void step(tl_variable *v, tl_optimizer *const *o, int n)
{
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < n; k++, tl_graph_reset(g)) {
        tl_node *w = tl_use(g, v);
        ck_assert_ok(tl_minimize(o[k], tl_reduce_sum(tl_scale(w, (tl_real)0.3), TL_ALL_AXES)));
    }
    tl_graph_free(g);
}

/* now: the bits of `before` where keep is set, those of +0 elsewhere. */
static void check_kept(const tl_real *now, const tl_real *before, const uint8_t *keep)
{
    tl_real expected[SIZE];
    for (int k = 0; k < SIZE; k++)
        expected[k] = keep[k] ? before[k] : 0;
    ck_assert_same(now, expected, SIZE);
}

/* At once: the weights, and every slot of every optimizer that has seen the variable. -0 is no +0. */
START_TEST(a_mask_acts_at_once)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, COLS), 1);
    tl_optimizer *o[] = { tl_adam((tl_adam_options){ .amsgrad = true }),
                          tl_sgd((tl_sgd_options){ .momentum = 0.9 }) };
    step(v, o, 2);
    step(v, o, 2);
    tl_variable_data(v)[1] = (tl_real)-0.0;
    tl_real before[5][SIZE];
    const tl_real *now[] = { tl_variable_data(v), tl_optimizer_slot(o[0], v, 0),
                             tl_optimizer_slot(o[0], v, 1), tl_optimizer_slot(o[0], v, 2),
                             tl_optimizer_slot(o[1], v, 0) };
    for (int i = 0; i < 5; i++) {
        memcpy(before[i], now[i], sizeof before[i]);
        ck_assert(before[i][5] != 0); /* there is something to remove */
    }
    ck_assert_ok(set_mask(v, keep_most));
    for (int i = 0; i < 5; i++)
        check_kept(now[i], before[i], keep_most);
    ck_assert_int_eq(tl_optimizer_steps(o[0], v), 2);
    ck_assert_int_eq(tl_pattern_nnz(tl_variable_pattern(v)), 6); /* retained */
    ck_assert_int_eq(tl_variable_bytes(v),
                     SIZE * (int64_t)sizeof(tl_real) + tl_pattern_bytes(tl_variable_pattern(v)));
    ck_assert_int_eq(tl_variable_size(v), SIZE);
    ck_assert(!tl_variable_is_sparse(v));
    tl_optimizer_free(o[0]);
    tl_optimizer_free(o[1]);
    tl_variable_free(v);
}
END_TEST

/* NaN and Inf go as any other weight does. */
START_TEST(a_mask_removes_nan)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, COLS), 1);
    tl_real before[SIZE], *w = tl_variable_data(v);
    w[1] = (tl_real)NAN, w[4] = (tl_real)INFINITY, w[10] = (tl_real)-INFINITY;
    memcpy(before, w, sizeof before);
    ck_assert_ok(set_mask(v, keep_most));
    check_kept(w, before, keep_most);
    tl_variable_free(v);
}
END_TEST

/* Narrow, widen, remove. Weights that come back start at 0 with slots of 0, and are trained from then on. */
START_TEST(a_mask_changes)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, COLS), 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .momentum = 0.5, .learning_rate = 1 });
    tl_real before[SIZE], *w = tl_variable_data(v);
    step(v, &o, 1);
    ck_assert_ok(set_mask(v, keep_most));
    memcpy(before, w, sizeof before);
    const tl_real *slot = tl_optimizer_slot(o, v, 0);
    ck_assert_ok(set_mask(v, keep_few)); /* of keep_most only 0 and 11 stay; 5 comes back */
    uint8_t both[SIZE] = { [0] = 1, [11] = 1 };
    check_kept(w, before, both);
    ck_assert_values(slot, SIZE, TL_NEAR, 0.3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.3);
    step(v, &o, 1); /* a = 0.5 a + 0.3, w -= a */
    ck_assert_values(slot, SIZE, TL_NEAR, 0.45, 0, 0, 0, 0, 0.3, 0, 0, 0, 0, 0, 0.45);
    ck_assert_values(w, SIZE, TL_NEAR, (double)before[0] - 0.45, 0, 0, 0, 0, -0.3, 0, 0, 0, 0, 0,
                     (double)before[11] - 0.45);
    memcpy(before, w, sizeof before);
    ck_assert_ok(tl_variable_set_mask(v, NULL)); /* nothing moves, everything is trained again */
    ck_assert_ptr_null(tl_variable_pattern(v));
    ck_assert_same(w, before, SIZE);
    step(v, &o, 1);
    ck_assert_values(slot, SIZE, TL_NEAR, 0.525, 0.3, 0.3, 0.3, 0.3, 0.45, 0.3, 0.3, 0.3, 0.3, 0.3, 0.525);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The mask has the shape of the variable seen as a matrix, whatever its rank. */
START_TEST(masks_of_every_rank)
{
    static const struct {
        tl_shape shape;
        int64_t rows, cols;
    } table[] = { { { 0, { 0 } }, 1, 1 },
                  { { 1, { 5 } }, 1, 5 },
                  { { 3, { 2, 3, 4 } }, 6, 4 },
                  { { 4, { 2, 3, 4, 5 } }, 24, 5 },
                  { { 2, { 0, 4 } }, 0, 4 } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tl_variable *v = tl_test_dense("v", table[i].shape, 1);
        tl_pattern *none = tl_pattern_random(table[i].rows, table[i].cols, 0, 1);
        const tl_real zeros[120] = { 0 };
        ck_assert_ok(tl_variable_set_mask(v, none));
        tl_pattern_release(none);
        ck_assert_ok(
            tl_variable_set_mask(v, tl_variable_pattern(v))); /* the very same, which v alone holds */
        ck_assert_same(tl_variable_data(v), zeros, tl_variable_size(v));
        ck_assert_int_eq(tl_pattern_cols(tl_variable_pattern(v)), table[i].cols);
        tl_variable_free(v);
    }
}
END_TEST

START_TEST(refused_masks_change_nothing)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, COLS), 1), *b = tl_test_dense("b", TL_SHAPE(5), 2);
    tl_pattern *p = tl_test_pattern(4, 3, 0.5, 1), *wide = tl_test_pattern(3, 5, 0.5, 1), *own;
    tl_variable *s = tl_variable_sparse("s", p);
    ck_assert_ok(set_mask(v, keep_most));
    own = tl_variable_pattern(v);
    tl_real before[SIZE];
    memcpy(before, tl_variable_data(v), sizeof before);
    ck_assert_status(tl_variable_set_mask(v, p), TL_ERR_SHAPE,
                     "variable_set_mask: a pattern of 4x3 for v, which is 3x4");
    ck_assert_status(tl_variable_set_mask(v, wide), TL_ERR_SHAPE,
                     "variable_set_mask: a pattern of 3x5 for v, which is 3x4");
    ck_assert_status(tl_variable_set_mask(b, p), TL_ERR_SHAPE,
                     "variable_set_mask: a pattern of 4x3 for b, which is [5]");
    ck_assert_status(tl_variable_set_mask(s, p), TL_ERR_KIND,
                     "variable_set_mask: s is sparse; its pattern is its mask");
    ck_assert_status(tl_variable_set_mask(s, NULL), TL_ERR_KIND,
                     "variable_set_mask: s is sparse; its pattern is its mask");
    ck_assert_ptr_eq(tl_variable_pattern(v), own);
    ck_assert_same(tl_variable_data(v), before, SIZE);
    ck_assert_ptr_null(tl_variable_pattern(b));
    ck_assert_ptr_eq(tl_variable_pattern(s), p);
    tl_pattern_release(p);
    tl_pattern_release(wide);
    tl_variable_free(v);
    tl_variable_free(b);
    tl_variable_free(s);
}
END_TEST

/* ---- Slots ---- */

/* Two variables and two optimizers that know each other, freed in every order: what is left goes on to
 * train. */
START_TEST(freed_in_any_order)
{
    for (int order = 0; order < 24; order++) {
        tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(3), 1), tl_test_dense("b", TL_SHAPE(3), 2) };
        tl_optimizer *o[] = { tl_sgd((tl_sgd_options){ .momentum = 0.9 }), tl_adam((tl_adam_options){ 0 }) };
        int left[] = { 0, 1, 2, 3 }; /* 0 and 1: the variables; 2 and 3: the optimizers */
        for (int n = 4, code = order; n > 0; code /= n--) {
            for (int i = 0; i < 2; i++)
                if (v[i])
                    for (int k = 0; k < 2; k++)
                        step(v[i], &o[k], o[k] != NULL);
            int at = code % n, which = left[at];
            left[at] = left[n - 1];
            if (which < 2) {
                tl_variable_free(v[which]);
                v[which] = NULL;
            } else {
                tl_optimizer_free(o[which - 2]);
                o[which - 2] = NULL;
            }
        }
    }
}
END_TEST

/* ---- Nodes of variables ---- */

START_TEST(mutable_nodes)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    ck_assert(tl_node_is_mutable(tl_use(g, v)));
    ck_assert(!tl_node_is_mutable(tl_relu(tl_use(g, v))));
    ck_assert(!tl_node_is_mutable(tl_input(g, TL_SHAPE(3), (tl_real[]){ 1, 2, 3 })));
    ck_assert(!tl_node_is_mutable(NULL));
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

START_TEST(changed_nodes)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(3));
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_node *x = tl_use(g, v), *y = tl_reduce_sum(tl_exp(x), TL_ALL_AXES);
    ck_assert(!tl_node_has_changed(NULL));
    ck_assert(!tl_node_has_changed(y));
    ck_assert(!tl_node_has_changed(x));
    tl_variable_values(v);
    ck_assert(!tl_node_has_changed(x));
    tl_variable_data(v); /* the program may write from here to the next step */
    ck_assert(tl_node_has_changed(x));
    tl_graph_reset(g);
    ck_assert(tl_node_has_changed(tl_use(g, v)));
    y = tl_reduce_sum(tl_exp(tl_use(g, v)), TL_ALL_AXES);
    ck_assert_ok(tl_minimize(sgd, y));
    ck_assert(tl_node_has_changed(tl_use(g, v)));
    tl_graph_reset(g);
    ck_assert(!tl_node_has_changed(tl_use(g, v)));
    ck_assert_ok(tl_init_constant(v, 2));
    ck_assert(tl_node_has_changed(tl_use(g, v)));
    tl_graph_free(g);
    tl_optimizer_free(sgd);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("variable");
    TCase *c = tl_test_case(s, "storage");
    tcase_add_test(c, dense);
    tcase_add_test(c, sparse);
    tcase_add_test(c, names);
    tcase_add_test(c, refusals);
    tcase_add_test(c, null_arguments);
    tcase_add_test(c, short_of_memory);
    c = tl_test_case(s, "masks");
    tcase_add_test(c, a_mask_acts_at_once);
    tcase_add_test(c, a_mask_removes_nan);
    tcase_add_test(c, a_mask_changes);
    tcase_add_test(c, masks_of_every_rank);
    tcase_add_test(c, refused_masks_change_nothing);
    c = tl_test_case(s, "slots");
    tcase_add_test(c, freed_in_any_order);
    c = tl_test_case(s, "nodes");
    tcase_add_test(c, mutable_nodes);
    tcase_add_test(c, changed_nodes);
    return s;
}
