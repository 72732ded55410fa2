/* Options of one variable, in place of its optimizer's. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

/* A layer's weights and biases under SGD of rate 0.5 with weight decay 0.25. */
typedef struct layer {
    tl_variable *w, *b;
    tl_optimizer *o;
    tl_graph *g;
} layer;

static layer make(tl_sgd_options options)
{
    layer l = { tl_variable_dense("w", TL_SHAPE(2, 2)), tl_variable_dense("b", TL_SHAPE(2)), tl_sgd(options),
                tl_graph_new() };
    ck_assert_msg(l.o != NULL, "%s", tl_error());
    ck_assert_ok(tl_init_constant(l.w, 1));
    ck_assert_ok(tl_init_constant(l.b, 1));
    return l;
}

static void drop(layer *l)
{
    tl_graph_free(l->g);
    tl_optimizer_free(l->o);
    tl_variable_free(l->w);
    tl_variable_free(l->b);
}

/* A step in which all gradients of w are `of_w`, those of b `of_b`. */
static tl_status step(layer *l, tl_real of_w, tl_real of_b)
{
    tl_real w[4] = { of_w, of_w, of_w, of_w }, b[2] = { of_b, of_b };
    tl_gradients all = {
        (tl_gradient[]){ { .variable = l->w, .values = w }, { .variable = l->b, .values = b } }, 2, l->g
    };
    tl_status status = tl_apply_gradients(l->o, &all);
    tl_graph_reset(l->g);
    return status;
}

static void check(layer *l, double w, double b)
{
    ck_assert_values(tl_variable_data(l->w), 4, TL_NEAR, w, w, w, w);
    ck_assert_values(tl_variable_data(l->b), 2, TL_NEAR, b, b);
}

START_TEST(biases_without_decay)
{
    layer l = make((tl_sgd_options){ .learning_rate = 0.5, .weight_decay = 0.25, .decoupled = _i > 0 });
    ck_assert_ok(tl_optimizer_set_options_for(l.o, l.b, (tl_optimizer_options){ 0 }));
    ck_assert_ok(step(&l, 0, 0));
    check(&l, 0.875, 1); /* 1 - 0.5 * 0.25, coupled or not */
    ck_assert_ok(step(&l, 0, 1));
    check(&l, 0.765625, 0.5);
    ck_assert_int_eq(tl_optimizer_bytes(l.o), 0);
    drop(&l);
}
END_TEST

/* From the options in force, one is changed: the others stay as they were. */
START_TEST(options_to_start_from)
{
    const tl_sgd_options all = {
        .learning_rate = 0.5,
        .weight_decay = 0.25,
        .decoupled = true,
        .rows = TL_ROWS_LAZY,
        .non_finite = TL_NON_FINITE_SKIP_STEP,
        .per_weight_age = true,
    };
    layer l = make(all);
    tl_optimizer_options own = tl_optimizer_options_for(l.o, l.b);
    ck_assert(own.learning_rate == 0); /* the optimizer's */
    ck_assert(own.weight_decay == 0.25 && own.decoupled && own.rows == TL_ROWS_LAZY);
    ck_assert(own.non_finite == TL_NON_FINITE_SKIP_STEP && own.per_weight_age);
    ck_assert_int_eq(tl_optimizer_bytes(l.o), 0); /* asking leaves nothing behind */
    own.learning_rate = 0.2;
    ck_assert_ok(tl_optimizer_set_options_for(l.o, l.b, own));
    const tl_optimizer_options now = tl_optimizer_options_for(l.o, l.b);
    ck_assert(now.learning_rate == 0.2 && now.weight_decay == 0.25 && now.decoupled &&
              now.rows == TL_ROWS_LAZY);
    ck_assert_ok(step(&l, 0, 0));
    check(&l, 0.875, 0.95); /* 1 - 0.5 * 0.25, 1 - 0.2 * 0.25 */
    ck_assert_ok(tl_optimizer_set_learning_rate(l.o, 0));
    ck_assert_ok(step(&l, 1, 0));
    check(&l, 0.875, 0.95 * 0.95);
    ck_assert_int_eq(tl_optimizer_options_for(l.o, l.w).rows, TL_ROWS_LAZY);
    drop(&l);
}
END_TEST

/* After some steps, and back again. */
START_TEST(later)
{
    layer l = make((tl_sgd_options){ .learning_rate = 0.5, .weight_decay = 0.25, .momentum = 0.5 });
    const tl_optimizer_options own = { .learning_rate = 0.25, .weight_decay = 0.5, .decoupled = true };
    ck_assert_ok(step(&l, 1, 1)); /* a = 1.25 */
    check(&l, 0.375, 0.375);
    ck_assert_ok(tl_optimizer_set_options_for(l.o, l.b, own));
    check(&l, 0.375, 0.375);
    ck_assert_ok(
        step(&l, 0, 0)); /* w: a = 0.625 + 0.25 * 0.375; b: 0.375 * (1 - 0.25 * 0.5), then a = 0.625 */
    check(&l, 0.375 - 0.5 * 0.71875, 0.328125 - 0.25 * 0.625);
    ck_assert_int_eq(tl_optimizer_steps(l.o, l.b), 2);
    ck_assert_values(tl_optimizer_slot(l.o, l.b, 0), 2, 0, 0.625, 0.625);
    drop(&l);
}
END_TEST

/* Skipped steps are replayed with the options that they had at the time. */
START_TEST(skipped_steps)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2, 1));
    tl_optimizer *o = tl_sgd(
        (tl_sgd_options){ .learning_rate = 0.5, .weight_decay = 0.5, .decoupled = true });
    tl_graph *g = tl_graph_new();
    tl_real zero[1] = { 0 };
    tl_gradients all = { &(tl_gradient){ v, zero, (int32_t[]){ 0 }, 1 }, 1, g };
    ck_assert_ok(tl_init_constant(v, 1));
    for (int t = 0; t < 4; t++) {
        if (t == 2)
            ck_assert_ok(tl_optimizer_set_options_for(o, v, (tl_optimizer_options){ .weight_decay = 0 }));
        ck_assert_ok(tl_apply_gradients(o, &all));
    }
    ck_assert_values(tl_variable_data(v), 2, 0, 0.5625, 0.5625);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

START_TEST(non_finite)
{
    const double inf = INFINITY;
    layer l = make((tl_sgd_options){ .learning_rate = 0.5 });
    ck_assert_ok(tl_optimizer_set_options_for(
        l.o, l.b, (tl_optimizer_options){ .non_finite = TL_NON_FINITE_PROPAGATE }));
    ck_assert_ok(step(&l, 1, INFINITY));
    check(&l, 0.5, -inf);
    ck_assert_status(step(&l, NAN, 1), TL_ERR_NUMERIC, "sgd: the gradient of w[0] is nan");
    check(&l, 0.5, -inf);
    ck_assert_ok(tl_optimizer_set_options_for(
        l.o, l.b, (tl_optimizer_options){ .non_finite = TL_NON_FINITE_SKIP_STEP }));
    ck_assert_ok(tl_init_constant(l.b, 1));
    ck_assert_ok(step(&l, 1, NAN)); /* of all variables */
    check(&l, 0.5, 1);
    ck_assert_int_eq(tl_optimizer_steps(l.o, l.w), 1);
    /* an error has the word, whichever comes first */
    ck_assert_status(step(&l, NAN, NAN), TL_ERR_NUMERIC, "sgd: the gradient of w[0] is nan");
    ck_assert_ok(step(&l, 1, 1));
    check(&l, 0, 0.5);
    drop(&l);
}
END_TEST

START_TEST(refusals)
{
    layer l = make((tl_sgd_options){ .learning_rate = 0.5, .weight_decay = 0.25 });
    const struct {
        tl_optimizer_options options;
        const char *text;
    } cases[] = { { { .learning_rate = -1 }, "sgd: learning_rate -1 must be >= 0" },
                  { { .learning_rate = NAN }, "sgd: learning_rate nan must be >= 0" },
                  { { .weight_decay = -0.5 }, "sgd: weight_decay -0.5 must be >= 0" },
                  { { .weight_decay = INFINITY }, "sgd: weight_decay inf is out of the range of tl_real" },
                  { { .rows = (tl_rows_policy)7 }, "sgd: rows 7 is not a tl_rows_policy" },
                  { { .non_finite = (tl_non_finite)9 }, "sgd: non_finite 9 is not a tl_non_finite" } };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        ck_assert_status(tl_optimizer_set_options_for(l.o, l.b, cases[k].options), TL_ERR_ARGUMENT,
                         cases[k].text);
    ck_assert_status(tl_optimizer_set_options_for(NULL, l.b, cases[0].options), TL_ERR_ARGUMENT,
                     "optimizer_set_options_for: the optimizer is NULL");
    ck_assert_status(tl_optimizer_set_options_for(l.o, NULL, cases[0].options), TL_ERR_ARGUMENT,
                     "optimizer_set_options_for: the variable is NULL");
    tl_test_fail_allocation(1);
    ck_assert_status(tl_optimizer_set_options_for(l.o, l.b, (tl_optimizer_options){ 0 }), TL_ERR_MEMORY,
                     "out of memory");
    tl_test_fail_allocation(0);
    ck_assert_ok(step(&l, 0, 0));
    check(&l, 0.875, 0.875);
    drop(&l);
}
END_TEST

/* A first step that fails leaves the options, and takes no slots. */
/* What a program gets that sets an option of a newer version. */
#define NEWER " a reserved field is not 0: an option that version " TL_VERSION_STRING " does not have"
START_TEST(options_of_a_newer_version)
{
    ck_assert_null(tl_sgd((tl_sgd_options){ .reserved1 = 1 }), "sgd:" NEWER);
    ck_assert_null(tl_adam((tl_adam_options){ .reserved4 = 1e-300 }), "adam:" NEWER);
    ck_assert_null(tl_adagrad((tl_adagrad_options){ .reserved2 = -1 }), "adagrad:" NEWER);
    ck_assert_null(tl_rmsprop((tl_rmsprop_options){ .reserved3 = NAN }), "rmsprop:" NEWER);
    ck_assert_null(tl_ftrl((tl_ftrl_options){ .reserved4 = 1 }), "ftrl:" NEWER);
    ck_assert_null(tl_sgd((tl_sgd_options){ .common_reserved1 = 1 }), "sgd:" NEWER);
    ck_assert_null(tl_sgd((tl_sgd_options){ .common_reserved4 = 1 }), "sgd:" NEWER);
    layer l = make((tl_sgd_options){ 0 });
    ck_assert_status(tl_optimizer_set_options_for(l.o, l.b, (tl_optimizer_options){ .common_reserved3 = 1 }),
                     TL_ERR_ARGUMENT, "sgd:" NEWER);
    drop(&l);
}
END_TEST

START_TEST(failed_allocations)
{
    layer l = make((tl_sgd_options){ .learning_rate = 0.5, .momentum = 0.5 });
    ck_assert_ok(tl_optimizer_set_options_for(
        l.o, l.b, (tl_optimizer_options){ .learning_rate = 0.25, .per_weight_age = true }));
    tl_status status = TL_ERR_MEMORY;
    int64_t k = 0;
    while (status != TL_OK) {
        const int64_t blocks = tl_test_live_blocks();
        tl_test_fail_allocation(++k);
        status = step(&l, 1, 1);
        tl_test_fail_allocation(0);
        if (status == TL_OK)
            break;
        ck_assert_int_eq(status, TL_ERR_MEMORY);
        ck_assert_int_eq(tl_test_live_blocks(), blocks);
        ck_assert_int_eq(tl_optimizer_bytes(l.o), 0);
        ck_assert_ptr_null(tl_optimizer_slot(l.o, l.b, 0));
        check(&l, 1, 1);
    }
    ck_assert_int_eq(k, 5); /* w: slots' head, slot; b: slot, ages */
    check(&l, 0.5, 0.75);
    ck_assert_int_eq(tl_optimizer_bytes(l.o), 6 * (int64_t)sizeof(tl_real) + 2 * (int64_t)sizeof(int32_t));
    drop(&l);
}
END_TEST

/* Options outlive neither of the two, whichever is freed first. */
START_TEST(lives)
{
    layer l = make((tl_sgd_options){ .learning_rate = 0.5, .weight_decay = 0.25 });
    tl_optimizer *other = tl_sgd((tl_sgd_options){ .learning_rate = 0.5 });
    ck_assert_ok(tl_optimizer_set_options_for(l.o, l.w, (tl_optimizer_options){ .learning_rate = 2 }));
    ck_assert_ok(tl_optimizer_set_options_for(other, l.w, (tl_optimizer_options){ .learning_rate = 4 }));
    tl_optimizer_free(l.o);
    l.o = other;
    ck_assert_ok(step(&l, 1, 1));
    check(&l, -3, 0.5);
    drop(&l);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("options");
    TCase *c = tl_test_case(s, "options");
    tcase_add_loop_test(c, biases_without_decay, 0, 2);
    tcase_add_test(c, options_to_start_from);
    tcase_add_test(c, later);
    tcase_add_test(c, skipped_steps);
    tcase_add_test(c, non_finite);
    tcase_add_test(c, refusals);
    tcase_add_test(c, options_of_a_newer_version);
    tcase_add_test(c, failed_allocations);
    tcase_add_test(c, lives);
    return s;
}
