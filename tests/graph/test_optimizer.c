/* The optimizer's driver: its life, lists of pairs, and classes of the user's own. */
#include "tests/graph/one_pair.h"

#include <math.h>

static const tl_real numbers[] = { 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12 };

/* A loss whose gradient with respect to v is numbers[]. */
static tl_node *loss_of(tl_graph *g, tl_variable *v)
{
    return tl_reduce_sum(tl_mul(tl_use(g, v), tl_input(g, tl_variable_shape(v), numbers)), TL_ALL_AXES);
}

/* ---- Life and options ---- */

START_TEST(refused_options)
{
    static const struct {
        tl_sgd_options o;
        const char *text;
    } table[] = {
        { { .learning_rate = -1 }, "sgd: learning_rate -1 must be >= 0" },
        { { .learning_rate = NAN }, "sgd: learning_rate nan must be >= 0" },
        { { .learning_rate = INFINITY }, "sgd: learning_rate inf is out of the range of tl_real" },
        { { .weight_decay = -0.5 }, "sgd: weight_decay -0.5 must be >= 0" },
        { { .weight_decay = NAN }, "sgd: weight_decay nan must be >= 0" },
        { { .weight_decay = INFINITY }, "sgd: weight_decay inf is out of the range of tl_real" },
        { { .rows = (tl_rows_policy)7 }, "sgd: rows 7 is not a tl_rows_policy" },
        { { .non_finite = (tl_non_finite)7 }, "sgd: non_finite 7 is not a tl_non_finite" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        ck_assert_null(tl_sgd(table[i].o), table[i].text);
    ck_assert_null(tl_adam((tl_adam_options){ .learning_rate = -1 }), "adam: learning_rate -1 must be >= 0");
}
END_TEST

START_TEST(refused_options_of_classes)
{
    ck_assert_null(tl_adagrad((tl_adagrad_options){ .epsilon = -1 }), "adagrad: epsilon -1 must be > 0");
    ck_assert_null(tl_adagrad((tl_adagrad_options){ .initial_accumulator = -1 }),
                   "adagrad: initial_accumulator -1 must be >= 0");
    ck_assert_null(tl_rmsprop((tl_rmsprop_options){ .rho = 1 }), "rmsprop: rho 1 is not in (0, 1)");
    ck_assert_null(tl_rmsprop((tl_rmsprop_options){ .momentum = 1 }), "rmsprop: momentum 1 is not in [0, 1)");
    ck_assert_null(tl_rmsprop((tl_rmsprop_options){ .epsilon = -1 }), "rmsprop: epsilon -1 must be > 0");
    ck_assert_null(tl_ftrl((tl_ftrl_options){ .l1 = -1 }), "ftrl: l1 -1 must be >= 0");
    ck_assert_null(tl_ftrl((tl_ftrl_options){ .l2 = -1 }), "ftrl: l2 -1 must be >= 0");
    ck_assert_null(tl_ftrl((tl_ftrl_options){ .l2 = DBL_MAX }),
                   TL_IS_DOUBLE ? "ftrl: 2 * l2 inf is out of the range of tl_real"
                                : "ftrl: l2 1.79769e+308 is out of the range of tl_real");
    ck_assert_null(tl_ftrl((tl_ftrl_options){ .initial_accumulator = -1 }),
                   "ftrl: initial_accumulator -1 must be > 0");
    ck_assert_null(tl_ftrl((tl_ftrl_options){ .power = 0.5 }), "ftrl: power 0.5 is not in (-inf, 0)");
}
END_TEST

/* What is finite as the double that it is given as, and not as the tl_real that it is used as. */
START_TEST(too_large_for_weights)
{
    const double large = TL_IS_DOUBLE ? INFINITY : 1e39;
    ck_assert_ptr_null(tl_sgd((tl_sgd_options){ .weight_decay = large }));
    ck_assert_ptr_null(tl_adagrad((tl_adagrad_options){ .initial_accumulator = large }));
    ck_assert_ptr_null(tl_ftrl((tl_ftrl_options){ .initial_accumulator = large }));
    ck_assert_ptr_null(tl_ftrl((tl_ftrl_options){ .l1 = large }));
    ck_assert_ptr_null(tl_ftrl((tl_ftrl_options){ .l2 = large }));
    ck_assert_ptr_null(tl_ftrl((tl_ftrl_options){ .l2 = TL_IS_DOUBLE ? DBL_MAX : (double)FLT_MAX }));
    ck_assert_ptr_null(tl_ftrl((tl_ftrl_options){ .power = -large }));
}
END_TEST

START_TEST(null_arguments)
{
    tl_gradients out = { 0 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    tl_optimizer *o = tl_sgd((tl_sgd_options){ 0 });
    tl_optimizer_free(NULL);
    ck_assert_int_eq(tl_optimizer_steps(NULL, v), 0);
    ck_assert_int_eq(tl_optimizer_steps(o, NULL), 0);
    ck_assert_ptr_null(tl_optimizer_slot(NULL, v, 0));
    ck_assert_ptr_null(tl_optimizer_slot(o, NULL, 0));
    ck_assert_int_eq(tl_optimizer_bytes(NULL), 0);
    ck_assert(tl_optimizer_learning_rate(NULL) == 0);
    ck_assert_status(tl_optimizer_set_learning_rate(NULL, 1), TL_ERR_ARGUMENT,
                     "optimizer_set_learning_rate: the optimizer is NULL");
    ck_assert_status(tl_optimizer_add_transform(NULL, tl_mask_gradients, NULL), TL_ERR_ARGUMENT,
                     "optimizer_add_transform: the optimizer is NULL");
    ck_assert_status(tl_optimizer_add_transform(o, NULL, NULL), TL_ERR_ARGUMENT,
                     "optimizer_add_transform: the function is NULL");
    ck_assert_status(tl_compute_gradients(NULL, NULL, NULL, 0, &out), TL_ERR_ARGUMENT,
                     "compute_gradients: the optimizer is NULL");
    ck_assert_status(tl_minimize(NULL, NULL), TL_ERR_ARGUMENT, "compute_gradients: the optimizer is NULL");
    ck_assert_status(tl_apply_gradients(NULL, &out), TL_ERR_ARGUMENT,
                     "apply_gradients: there is no gradient to apply");
    tl_graph *g = tl_graph_new();
    ck_assert_status(tl_apply_gradients(NULL, &(tl_gradients){ .graph = g }), TL_ERR_ARGUMENT,
                     "apply_gradients: the optimizer is NULL");
    ck_assert_str_eq(tl_graph_error(g), "apply_gradients: the optimizer is NULL");
    tl_graph_free(g);
    ck_assert_status(tl_apply_gradients(o, NULL), TL_ERR_ARGUMENT,
                     "apply_gradients: there is no gradient to apply");
    ck_assert_status(tl_apply_gradients(o, &out), TL_ERR_ARGUMENT,
                     "apply_gradients: there is no gradient to apply");
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

START_TEST(learning_rate)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(1));
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.5, .momentum = 0.5 });
    tl_real g = 1;
    const double rates[] = { 0.5, 2, 0, 1 }, w[] = { -0.5, -3.5, -3.5, -5.375 }; /* a: 1, 1.5, 1.75, 1.875 */
    for (int t = 0; t < 4; t++) {
        ck_assert_ok(tl_optimizer_set_learning_rate(o, rates[t]));
        ck_assert(tl_optimizer_learning_rate(o) == rates[t]);
        ck_assert_ok(feed(o, (tl_gradient){ .variable = v, .values = &g }, NULL));
        ck_assert_values(tl_variable_data(v), 1, 0, w[t]);
    }
    ck_assert_status(tl_optimizer_set_learning_rate(o, -0.1), TL_ERR_ARGUMENT,
                     "sgd: learning_rate -0.1 must be >= 0");
    ck_assert_status(tl_optimizer_set_learning_rate(o, (double)NAN), TL_ERR_ARGUMENT,
                     "sgd: learning_rate nan must be >= 0");
    ck_assert(tl_optimizer_learning_rate(o) == 1);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* Slots come with a variable's first step; each variable's steps are counted for it. */
START_TEST(steps_slots_bytes)
{
    tl_pattern *p = tl_test_pattern(3, 4, 1, 1);
    tl_variable *d = tl_test_dense("d", TL_SHAPE(2, 5), 1), *s = tl_test_sparse("s", p, 2);
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_real g[10] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    ck_assert_int_eq(tl_optimizer_bytes(o), 0);
    ck_assert_int_eq(tl_optimizer_steps(o, d), 0);
    ck_assert_ptr_null(tl_optimizer_slot(o, d, 0));
    ck_assert_ok(feed(o, (tl_gradient){ .variable = d, .values = g }, NULL));
    ck_assert_int_eq(tl_optimizer_bytes(o), 2 * 10 * (int64_t)sizeof(tl_real));
    ck_assert_ok(feed(o, (tl_gradient){ .variable = d, .values = g }, NULL));
    ck_assert_ok(feed(o, (tl_gradient){ .variable = s, .values = g }, NULL));
    ck_assert_int_eq(tl_optimizer_bytes(o), 2 * (10 + 6) * (int64_t)sizeof(tl_real));
    ck_assert_int_eq(tl_optimizer_steps(o, d), 2);
    ck_assert_int_eq(tl_optimizer_steps(o, s), 1);
    ck_assert_ptr_nonnull(tl_optimizer_slot(o, s, 1));
    ck_assert_ptr_ne(tl_optimizer_slot(o, s, 0), tl_optimizer_slot(o, s, 1));
    ck_assert_ptr_null(tl_optimizer_slot(o, s, 2));
    ck_assert_ptr_null(tl_optimizer_slot(o, s, -1));
    tl_variable_free(d); /* its slots go with it */
    ck_assert_int_eq(tl_optimizer_bytes(o), 2 * 6 * (int64_t)sizeof(tl_real));
    tl_optimizer_free(o);
    tl_variable_free(s);
}
END_TEST

/* ---- Lists ---- */

START_TEST(minimize_is_compute_and_apply)
{
    tl_graph *g = tl_graph_new();
    tl_variable *a = tl_test_dense("a", TL_SHAPE(5), 1), *b = tl_test_dense("b", TL_SHAPE(5), 1);
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_real start[5];
    memcpy(start, tl_variable_data(a), sizeof start);
    for (int t = 0; t < 3; t++, tl_graph_reset(g)) {
        tl_gradients out;
        ck_assert_ok(tl_minimize(o, loss_of(g, a)));
        ck_assert_ok(tl_compute_gradients(o, loss_of(g, b), NULL, 0, &out));
        ck_assert_ok(tl_apply_gradients(o, &out));
    }
    ck_assert_same(tl_variable_data(a), tl_variable_data(b), 5);
    ck_assert(memcmp(tl_variable_data(a), start, sizeof start) != 0);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* Listed variables only; an absent pair is skipped, and no step counted for it. */
START_TEST(listed_variables)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v[] = { tl_variable_dense("a", TL_SHAPE(2)), tl_variable_dense("b", TL_SHAPE(2)),
                         tl_variable_dense("c", TL_SHAPE(2)) };
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1, .momentum = 0.5 });
    tl_gradients out;
    tl_node *loss = tl_add(loss_of(g, v[0]), loss_of(g, v[1]));
    ck_assert_ok(tl_compute_gradients(o, loss, (tl_variable *[]){ v[2], v[1] }, 2, &out));
    ck_assert_ok(tl_apply_gradients(o, &out));
    ck_assert_values(tl_variable_data(v[0]), 2, 0, 0, 0);
    ck_assert_values(tl_variable_data(v[1]), 2, 0, -1, 2);
    ck_assert_int_eq(tl_optimizer_steps(o, v[1]), 1);
    ck_assert_int_eq(tl_optimizer_steps(o, v[2]), 0);
    ck_assert_ptr_null(tl_optimizer_slot(o, v[2], 0));
    ck_assert_ok(tl_compute_gradients(o, loss, &v[2], 1, &out)); /* no pair is present */
    ck_assert_status(tl_apply_gradients(o, &out), TL_ERR_ARGUMENT, "sgd: there is no gradient to apply");
    ck_assert_str_eq(tl_graph_error(g), "sgd: there is no gradient to apply");
    ck_assert_status(tl_minimize(o, loss), TL_ERR_ARGUMENT, "sgd: there is no gradient to apply");
    tl_graph_free(g);
    tl_optimizer_free(o);
    for (int k = 0; k < 3; k++)
        tl_variable_free(v[k]);
}
END_TEST

START_TEST(refused_lists)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(1));
    tl_optimizer *o = tl_sgd((tl_sgd_options){ 0 });
    tl_real one[] = { 1, 1 };
    tl_gradient pairs[] = { { .variable = v, .values = one }, { .values = one } };
    tl_gradients list = { .pair = pairs, .n = 2, .graph = g }, none = { .graph = g };
    ck_assert_status(tl_apply_gradients(o, &list), TL_ERR_ARGUMENT, "sgd: the variable of pair 1 is NULL");
    tl_graph_reset(g);
    ck_assert_status(tl_apply_gradients(o, &none), TL_ERR_ARGUMENT, "sgd: there is no gradient to apply");
    list.n = 1; /* good, but the graph has failed */
    ck_assert_status(tl_apply_gradients(o, &list), TL_ERR_ARGUMENT, "sgd: there is no gradient to apply");
    ck_assert_values(tl_variable_data(v), 1, 0, 0);
    ck_assert_int_eq(tl_optimizer_steps(o, v), 0);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* ---- A class of the user's own ---- */

/* w -= rate factor t sign(g); the slot counts the updates of a weight. */
typedef struct sign_options {
    double factor;
    int64_t *updates; /* of all weights together */
} sign_options;

static void update_sign(const tl_update *u)
{
    const sign_options *o = u->options;
    for (int64_t k = 0; k < u->n; k++) {
        u->slot[1][k] += 1;
        u->w[k] -= (tl_real)(u->learning_rate * o->factor * (double)u->t * (u->g[k] > 0 ? 1 : -1));
    }
    *o->updates += u->n;
}

START_TEST(own_class)
{
    static const tl_optimizer_class sign = { .name = "sign", .n_slots = 2, .update = update_sign };
    int64_t updates = 0;
    sign_options options = { .factor = 2, .updates = &updates };
    tl_optimizer *o = tl_optimizer_new(&sign, (tl_optimizer_options){ .learning_rate = 0.5 }, &options,
                                       sizeof options);
    options.factor = 0; /* copied */
    const uint8_t keep[] = { 1, 0, 1, 0, 0, 1 };
    tl_pattern *p = tl_pattern_from_mask(2, 3, keep);
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2, 3)), *big = tl_variable_dense("big", TL_SHAPE(1000));
    ck_assert_ok(tl_variable_set_mask(v, p));
    tl_real g[6] = { 1, 1, -1, 1, 1, 5 }, *many = calloc(1000, sizeof *many);
    ck_assert_ok(feed(o, (tl_gradient){ .variable = v, .values = g }, NULL));
    ck_assert_ok(feed(o, (tl_gradient){ .variable = v, .values = g }, NULL));
    ck_assert_values(tl_variable_data(v), 6, 0, -3, 0, 3, 0, 0, -3); /* 1 + 2 */
    ck_assert_values(tl_optimizer_slot(o, v, 0), 6, 0, 0, 0, 0, 0, 0, 0);
    ck_assert_values(tl_optimizer_slot(o, v, 1), 6, 0, 2, 0, 2, 0, 0, 2);
    ck_assert_int_eq(updates, 6); /* those off the mask are not even seen */
    ck_assert_ok(feed(o, (tl_gradient){ .variable = big, .values = many }, NULL));
    ck_assert_int_eq(updates, 1006);
    for (int k = 0; k < 1000; k++)
        ck_assert(tl_variable_data(big)[k] == 1 && tl_optimizer_slot(o, big, 1)[k] == 1);
    free(many);
    tl_pattern_release(p);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_variable_free(big);
}
END_TEST

START_TEST(refused_classes)
{
    const char *text = "optimizer_new: a class needs an update and 0 to 4 slots";
    static const tl_optimizer_class no_update = { .name = "x" },
                                    many = { .name = "x", .n_slots = 5, .update = update_sign },
                                    few = { .name = "x", .n_slots = -1, .update = update_sign },
                                    good = { .name = "x", .n_slots = 4, .update = update_sign };
    tl_optimizer_options common = { .learning_rate = -2 };
    ck_assert_null(tl_optimizer_new(NULL, common, NULL, 0), text);
    ck_assert_null(tl_optimizer_new(&no_update, common, NULL, 0), text);
    ck_assert_null(tl_optimizer_new(&many, common, NULL, 0), text);
    ck_assert_null(tl_optimizer_new(&few, common, NULL, 0), text);
    ck_assert_null(tl_optimizer_new(&good, common, NULL, 0), "x: learning_rate -2 must be >= 0");
    for (int k = 1; k <= 2; k++) {
        tl_test_fail_allocation(k);
        ck_assert_null(tl_sgd((tl_sgd_options){ 0 }), "out of memory");
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("optimizer");
    TCase *c = tl_test_case(s, "life");
    tcase_add_test(c, refused_options);
    tcase_add_test(c, refused_options_of_classes);
    tcase_add_test(c, too_large_for_weights);
    tcase_add_test(c, null_arguments);
    tcase_add_test(c, learning_rate);
    tcase_add_test(c, steps_slots_bytes);
    c = tl_test_case(s, "lists");
    tcase_add_test(c, minimize_is_compute_and_apply);
    tcase_add_test(c, listed_variables);
    tcase_add_test(c, refused_lists);
    c = tl_test_case(s, "classes");
    tcase_add_test(c, own_class);
    tcase_add_test(c, refused_classes);
    return s;
}
