/* Every public function with NULL, negative numbers, extremes and structures that were only zeroed: it
 * answers, and says what is wrong. Calls that name their own argument are tested with their function; these
 * are the rest. */
#include "tests/testing.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* A call that returns nothing, or a number, and leaves a text. */
#define ck_assert_text(call, text)                                                                           \
    do {                                                                                                     \
        tl_fail(TL_OK, "nothing");                                                                           \
        (void)(call);                                                                                        \
        ck_assert_str_eq(tl_error(), text);                                                                  \
    } while (0)

static void body(void *context, int64_t begin, int64_t end)
{
    (void)context, (void)begin, (void)end;
    ck_abort_msg("a loop over nothing ran");
}

START_TEST(lib)
{
    tl_status (*const record)(tl_status, const char *,
                              ...) = tl_fail; /* compilers warn of a format that is NULL */
    ck_assert_int_eq(record(TL_ERR_KIND, NULL), TL_ERR_KIND);
    ck_assert_str_eq(tl_error(), "");
    ck_assert_str_eq(tl_status_name((tl_status)INT_MIN), "unknown tl_status");
    ck_assert_status(tl_shape_check(tl_shape_from(2, NULL)), TL_ERR_SHAPE, "rank -1 is not in 0..4");
    ck_assert_status(tl_shape_check(tl_shape_from(INT_MIN, NULL)), TL_ERR_SHAPE,
                     "rank -2147483648 is not in 0..4");
    ck_assert_ok(tl_shape_check(tl_shape_from(0, NULL)));
    const tl_shape lowest = { .rank = INT_MIN }, widest = { .rank = INT_MAX };
    ck_assert_int_eq(tl_shape_rows(lowest), 1);
    ck_assert_int_eq(tl_shape_cols(lowest), 1);
    ck_assert_int_eq(tl_shape_size(lowest), 1);
    ck_assert_int_eq(tl_shape_size(widest), 0);
    ck_assert(tl_shape_equal(lowest, lowest) && !tl_shape_equal(lowest, widest));
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN)).text,
                     "-9223372036854775808x-9223372036854775808x-9223372036854775808x-9223372036854775808");
    ck_assert_status(tl_set_num_threads(INT_MIN), TL_ERR_ARGUMENT,
                     "set_num_threads: -2147483648 is not in 0..1024");
    ck_assert_text((tl_parallel_for(3, 1, NULL, NULL), 0), "parallel_for: the body is NULL");
    ck_assert_text((tl_parallel_rows(3, INT64_MIN, NULL, NULL), 0), "parallel_for: the body is NULL");
    tl_parallel_for(INT64_MIN, INT64_MIN, body, NULL);
    tl_parallel_rows(INT64_MIN, INT64_MAX, body, NULL);
    ck_assert_text((tl_parallel_columns(3, INT64_MIN, NULL, NULL), 0), "parallel_for: the body is NULL");
    tl_parallel_columns(INT64_MIN, INT64_MAX, body, NULL);
    tl_idx a = { 0 };
    ck_assert(isnan(tl_idx_get(NULL, 0)) && isnan(tl_idx_get(&a, 0)));
    uint8_t byte = 7;
    a = (tl_idx){ .type = TL_IDX_UINT8, .size = 1, .data = &byte };
    ck_assert(tl_idx_get(&a, 0) == 7 && isnan(tl_idx_get(&a, 1)) && isnan(tl_idx_get(&a, INT64_MIN)));
    a.type = (tl_idx_type)0;
    ck_assert(isnan(tl_idx_get(&a, 0)));
    ck_assert_status(tl_idx_read_labelled(NULL, NULL, NULL, NULL), TL_ERR_ARGUMENT, "idx_read: path is NULL");
}
END_TEST

START_TEST(random_numbers)
{
    tl_random r = { .seed = 1, .position = UINT64_MAX };
    ck_assert_text((tl_philox(1, 2, 3, NULL), 0), "philox: the output is NULL");
    ck_assert_text(tl_random_uniform(NULL), "random_uniform: the generator is NULL");
    ck_assert_text(tl_random_normal(NULL), "random_normal: the generator is NULL");
    ck_assert_text(tl_random_integer(NULL, 3), "random_integer: the generator is NULL");
    for (int k = 0; k < 3; k++) {
        const int64_t bound[] = { 0, -1, INT64_MIN };
        ck_assert_int_eq(tl_random_integer(&r, bound[k]), 0);
        ck_assert_text(tl_random_integer(&r, bound[k]), "random_integer: the bound is not positive");
    }
    ck_assert_text((tl_random_permutation(NULL, 1, &(int32_t){ 0 }), 0),
                   "random_permutation: the generator is NULL");
    ck_assert_text((tl_random_permutation(&r, 1, NULL), 0), "random_permutation: the output is NULL");
    tl_random_permutation(NULL, INT32_MIN, NULL);
    ck_assert_uint_eq(r.position, UINT64_MAX); /* nothing was drawn */
    ck_assert_int_eq(tl_random_integer(&r, INT64_MAX) >= 0, true);
}
END_TEST

START_TEST(ids)
{
    const int32_t id = 0;
    ck_assert_status(tl_check_ids(NULL, &id, 1, 1, NULL, "a", "b"), TL_ERR_ARGUMENT,
                     "check_ids: the name is NULL");
    ck_assert_status(tl_check_ids("a", &id, 1, 1, NULL, NULL, "b"), TL_ERR_ARGUMENT,
                     "check_ids: the owner is NULL");
    ck_assert_status(tl_check_ids("a", &id, 1, 1, NULL, "b", NULL), TL_ERR_ARGUMENT,
                     "check_ids: the unit is NULL");
    ck_assert_status(tl_check_ids("ids", &id, INT64_MIN, 1, NULL, "a", "b"), TL_ERR_ARGUMENT,
                     "ids: their number is -9223372036854775808");
    ck_assert_status(tl_check_ids("ids", &id, 1, INT64_MIN, NULL, "table", "rows"), TL_ERR_INDEX,
                     "ids[0] = 0, table has -9223372036854775808 rows");
}
END_TEST

START_TEST(patterns)
{
    const int64_t low = INT64_MIN, row_ptr[] = { 0, INT64_MIN };
    ck_assert_ptr_null(tl_pattern_from_csr(low, low, NULL, NULL));
    ck_assert_ptr_null(tl_pattern_from_csr(low, low, row_ptr, NULL));
    ck_assert_ptr_null(tl_pattern_from_csr(1, 1, row_ptr, NULL));
    ck_assert_ptr_null(tl_pattern_from_coo(1, 1, low, NULL, NULL));
    ck_assert_ptr_null(tl_pattern_from_coo(1, 1, 1, NULL, NULL));
    ck_assert_ptr_null(tl_coo_to_csr(1, 1, 0, NULL, NULL, (tl_repeats)INT_MIN, NULL));
    ck_assert_ptr_null(tl_pattern_from_mask(low, 1, NULL));
    ck_assert_ptr_null(tl_pattern_from_mask(1, 1, NULL));
    ck_assert_ptr_null(tl_pattern_random(low, low, 0.5, 1));
    ck_assert_ptr_null(tl_pattern_random(1, 1, (double)NAN, 1));
    ck_assert_ptr_null(tl_pattern_from_dense(low, low, NULL, NAN));
    ck_assert_ptr_null(tl_pattern_fixed_fan_in(low, low, low, 1));
    ck_assert_ptr_null(tl_pattern_fixed_fan_in(1, 1, low, 1));
    ck_assert_ptr_null(tl_pattern_banded(low, low, low, low));
    ck_assert_ptr_null(tl_pattern_banded(1, 1, low, INT64_MAX));
    ck_assert_ptr_null(tl_pattern_block(NULL, low, low));
    ck_assert_ptr_null(tl_pattern_union(NULL, NULL));
    ck_assert_ptr_null(tl_pattern_intersection(NULL, NULL));
    ck_assert_ptr_null(tl_pattern_difference(NULL, NULL));
    ck_assert_ptr_null(tl_pattern_add(NULL, low, NULL, NULL));
    ck_assert_ptr_null(tl_pattern_n_of_m(NULL, low, low));
    ck_assert_ptr_null(tl_pattern_retain(NULL));
    tl_pattern_release(NULL);
    ck_assert_int_eq(tl_pattern_rows(NULL) + tl_pattern_cols(NULL) + tl_pattern_nnz(NULL), 0);
    ck_assert(!tl_pattern_row_ptr(NULL) && !tl_pattern_col(NULL) && !tl_pattern_csr(NULL).row_ptr);
    ck_assert_int_eq(tl_pattern_bytes(NULL), 0);
    ck_assert_status(tl_pattern_print(NULL, NULL, low), TL_ERR_ARGUMENT,
                     "pattern_print: the pattern is NULL");
    ck_assert_ptr_null(tl_pattern_transpose(NULL, NULL));
    ck_assert_int_eq(tl_pattern_find(NULL, 0, 0), -1);
    tl_pattern *p = tl_test_pattern(2, 2, 1, 1);
    ck_assert_int_eq(tl_pattern_find(p, low, INT32_MIN), -1);
    ck_assert_int_eq(tl_pattern_find(p, 0, INT32_MIN), -1);
    ck_assert_ok(tl_pattern_print(p, NULL, low));
    ck_assert(tl_pattern_equal(NULL, NULL) || !tl_pattern_equal(p, NULL));
    tl_pattern_release(p);
}
END_TEST

START_TEST(variables)
{
    tl_random r = { 0 };
    ck_assert_ptr_null(tl_variable_dense(NULL, TL_SHAPE(INT64_MIN)));
    ck_assert_ptr_null(tl_variable_dense(NULL, (tl_shape){ .rank = INT_MIN }));
    ck_assert_ptr_null(tl_variable_sparse(NULL, NULL));
    tl_variable_free(NULL);
    tl_variable *v = tl_variable_dense(NULL, TL_SHAPE(2));
    ck_assert_int_eq(tl_variable_set_mask(NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_variable_set_pattern(NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_variable_set_pattern(v, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_variable_grow(NULL, NULL, NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_variable_prune_by_magnitude(NULL, 1), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_variable_prune_by_magnitude(v, INT64_MIN), TL_ERR_ARGUMENT);
    ck_assert(!tl_variable_data(NULL) && !tl_variable_pattern(NULL) && !tl_variable_is_sparse(NULL));
    ck_assert_int_eq(tl_variable_size(NULL) + tl_variable_bytes(NULL), 0);
    ck_assert_str_eq(tl_variable_name(NULL), "");
    ck_assert_int_eq(tl_variable_shape(NULL).rank, 0);
    tl_status (*const with_generator[])(
        tl_variable *, tl_random *) = { tl_init_glorot, tl_init_he, tl_init_glorot_rows, tl_init_he_rows };
    for (int k = 0; k < 4; k++) {
        ck_assert_int_eq(with_generator[k](NULL, &r), TL_ERR_ARGUMENT);
        ck_assert_int_eq(with_generator[k](v, NULL), TL_ERR_ARGUMENT);
    }
    ck_assert_int_eq(tl_init_constant(NULL, 1), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_init_uniform(v, 0, 1, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_init_normal(v, 0, 1, NULL), TL_ERR_ARGUMENT);
    ck_assert_uint_eq(r.position, 0);
    tl_variable_free(v);
}
END_TEST

START_TEST(schedules)
{
    double (*const schedule[])(int64_t, double, const void *) = { tl_schedule_step, tl_schedule_exponential,
                                                                  tl_schedule_cosine, tl_schedule_warm_up };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(), 1);
    for (int k = 0; k < 4; k++) {
        const union {
            tl_step_decay step;
            tl_exponential_decay exponential;
            tl_cosine_decay cosine;
            tl_warm_up warm_up;
        } zeroed = { .warm_up = { 0 } }, low = { .warm_up = { .steps = INT64_MIN } };
        ck_assert(isnan(schedule[k](1, 1, NULL)));
        ck_assert(isnan(schedule[k](INT64_MIN, 1, &zeroed)));
        ck_assert(isnan(schedule[k](1, 1, &low)));
        ck_assert(isnan(schedule[k](1, 1, &zeroed)) == (schedule[k] != tl_schedule_warm_up));
        tl_graph *g = tl_graph_new();
        tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
        ck_assert_ok(tl_optimizer_set_schedule(o, schedule[k], NULL));
        ck_assert(isnan(tl_optimizer_learning_rate(o)));
        ck_assert_status(
            tl_minimize(o, tl_use(g, v)), TL_ERR_ARGUMENT,
            "sgd: the schedule gives a learning rate of nan for v at step 1, which is not in [0, inf)");
        tl_optimizer_free(o);
        tl_graph_free(g);
    }
    const tl_warm_up then_nothing = { .then = tl_schedule_cosine };
    ck_assert(isnan(tl_schedule_warm_up(1, 1, &then_nothing)));
    ck_assert_int_eq(tl_optimizer_set_schedule(NULL, tl_schedule_step, NULL), TL_ERR_ARGUMENT);
    tl_variable_free(v);
}
END_TEST

static tl_clip clip = { .max_norm = 1 };
static tl_clip_range range = { -1, 1 };
static double factor = 2;
static tl_noise noise = { .deviation = 1 };
static tl_gradient_masks no_masks;
static tl_frozen nothing_frozen;

static const struct {
    const char *name;
    tl_transform run;
    void *context;
} transform[] = {
    { "mask_gradients", tl_mask_gradients, &no_masks },
    { "clip_by_global_norm", tl_clip_by_global_norm, &clip },
    { "clip_by_norm", tl_clip_by_norm, &clip },
    { "clip_by_value", tl_clip_by_value, &range },
    { "scale_gradients", tl_scale_gradients, &factor },
    { "add_noise", tl_add_noise, &noise },
    { "freeze", tl_freeze, &nothing_frozen },
    { "centralize", tl_centralize, NULL },
};
enum { TRANSFORMS = sizeof transform / sizeof *transform };

/* Checks that everything that takes a list of pairs refuses this one, with the same words. */
static void check_refused(tl_optimizer *o, tl_graph *total, tl_gradients list, const char *why)
{
    char text[200];
    snprintf(text, sizeof text, "adam: %s", why);
    ck_assert_status(tl_apply_gradients(o, &list), TL_ERR_ARGUMENT, text);
    tl_graph_reset(list.graph);
    snprintf(text, sizeof text, "gradients_add: %s", why);
    ck_assert_status(tl_gradients_add(total, &list, 1), TL_ERR_ARGUMENT, text);
    tl_graph_reset(total);
    for (int k = 0; k < TRANSFORMS; k++) {
        snprintf(text, sizeof text, "%s: %s", transform[k].name, why);
        ck_assert_status(transform[k].run(&list, transform[k].context), TL_ERR_ARGUMENT, text);
    }
    snprintf(text, sizeof text, "global_norm: %s", why);
    ck_assert_text(tl_global_norm(&list), text);
}

/* Lists of pairs that are the program's own. */
START_TEST(lists_of_pairs)
{
    static const int32_t rows[] = { 0, 1 };
    tl_real x[4] = { 1, 1, 1, 1 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 2), 1);
    tl_graph *g = tl_graph_new(), *total = tl_graph_new();
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_gradient without_variable = { .values = x }, negative = { v, x, rows, -1 },
                lowest = { v, x, rows, INT64_MIN }, endless = { v, x, rows, INT64_MAX };
    const struct {
        tl_gradients list;
        const char *text;
    } table[] = {
        { { .n = 1, .graph = g }, "the list of 1 pairs is NULL" },
        { { .n = INT_MIN, .graph = g }, "there are -2147483648 pairs" },
        { { &without_variable, 1, g }, "the variable of pair 0 is NULL" },
        { { &negative, 1, g }, "the gradient of v has -1 rows" },
        { { &lowest, 1, g }, "the gradient of v has -9223372036854775808 rows" },
        { { &endless, 1, g }, "the gradient of v has 9223372036854775807 rows, v has 2" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        check_refused(o, total, table[i].list, table[i].text);
        ck_assert_int_eq(tl_optimizer_steps(o, v), 0);
    }
    ck_assert_uint_eq(noise.r.position, 0);
    ck_assert_int_eq(tl_gradient_size(NULL) + tl_gradient_size(&without_variable) +
                         tl_gradient_size(&negative) + tl_gradient_size(&endless),
                     0);
    tl_graph_free(g);
    tl_graph_free(total);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

START_TEST(lists_that_are_missing)
{
    char text[200];
    for (int k = 0; k < TRANSFORMS; k++) {
        snprintf(text, sizeof text, "%s: there are no gradients", transform[k].name);
        ck_assert_status(transform[k].run(NULL, transform[k].context), TL_ERR_ARGUMENT, text);
    }
    ck_assert_text(tl_global_norm(NULL), "global_norm: there are no gradients");
    ck_assert_uint_eq(noise.r.position, 0);
    ck_assert_int_eq(tl_gradients_add(NULL, NULL, 1), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_gradients_total(NULL, NULL), TL_ERR_ARGUMENT);
}
END_TEST

START_TEST(lists_of_variables)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 2), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_variable *list[] = { v, NULL };
    ck_assert_int_eq(tl_backward_for(NULL, NULL, INT_MIN, NULL), TL_ERR_ARGUMENT); /* the last failure */
    ck_assert_status(tl_backward_for(tl_reduce_sum(tl_use(g, v), TL_ALL_AXES), list, INT_MIN, &out),
                     TL_ERR_ARGUMENT, "backward: the list of variables is empty");
    tl_graph_reset(g);
    ck_assert_status(tl_backward_for(tl_reduce_sum(tl_use(g, v), TL_ALL_AXES), list, 2, &out),
                     TL_ERR_ARGUMENT, "backward: variable 1 of the list is NULL");
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* Contexts of transforms that are missing or were only zeroed. */
START_TEST(contexts_of_transforms)
{
    tl_gradients none = { 0 };
    ck_assert_int_eq(tl_mask_gradients(&none, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_mask_gradients(&none, &(tl_gradient_masks){ .n = 1 }), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_mask_gradients(&none, &(tl_gradient_masks){ .n = INT_MIN }), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_mask_gradients(&none, &(tl_gradient_masks){ &(tl_gradient_mask){ 0 }, 1 }),
                     TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_clip_by_global_norm(&none, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_clip_by_global_norm(&none, &(tl_clip){ 0 }), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_clip_by_norm(&none, &(tl_clip){ .max_norm = (double)NAN }), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_clip_by_value(&none, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_scale_gradients(&none, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_add_noise(&none, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_add_noise(&none, &(tl_noise){ .deviation = (double)NAN }), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_freeze(&none, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_freeze(&none, &(tl_frozen){ .n = 1 }), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_freeze(&none, &(tl_frozen){ .n = INT_MIN }), TL_ERR_ARGUMENT);
}
END_TEST

static void update(const tl_update *u)
{
    (void)u;
}

START_TEST(optimizers)
{
    const tl_optimizer_options rate = { .learning_rate = 1 };
    const tl_optimizer_class whole = { .name = "mine", .update = update },
                             odd = { .name = "mine", .update = update, .zero_grad = (tl_zero_grad)7 };
    ck_assert_null(tl_optimizer_new(NULL, rate, NULL, 0),
                   "optimizer_new: a class needs an update and 0 to 4 slots");
    ck_assert_null(tl_optimizer_new(&(tl_optimizer_class){ 0 }, rate, NULL, 0),
                   "optimizer_new: a class needs an update and 0 to 4 slots");
    ck_assert_null(tl_optimizer_new(&(tl_optimizer_class){ .update = update }, rate, NULL, 0),
                   "optimizer_new: the class has no name");
    ck_assert_null(
        tl_optimizer_new(&(tl_optimizer_class){ .name = "m", .update = update, .n_slots = INT_MIN }, rate,
                         NULL, 0),
        "optimizer_new: a class needs an update and 0 to 4 slots");
    ck_assert_null(tl_optimizer_new(&odd, rate, NULL, 0),
                   "optimizer_new: zero_grad 7 of mine is not a tl_zero_grad");
    ck_assert_null(tl_optimizer_new(&whole, rate, NULL, 8), "mine: the options are NULL");
    ck_assert_null(tl_optimizer_new(&whole, rate, "x", SIZE_MAX), "out of memory");
    tl_optimizer_free(NULL);
    ck_assert_int_eq(tl_compute_gradients(NULL, NULL, NULL, INT_MIN, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_apply_gradients(NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_apply_gradients(NULL, &(tl_gradients){ 0 }), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_minimize(NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_optimizer_add_transform(NULL, NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_optimizer_set_learning_rate(NULL, 1), TL_ERR_ARGUMENT);
    ck_assert(tl_optimizer_learning_rate(NULL) == 0);
    ck_assert_int_eq(tl_optimizer_set_options_for(NULL, NULL, rate), TL_ERR_ARGUMENT);
    ck_assert_text(tl_optimizer_options_for(NULL, NULL), "optimizer_options_for: the optimizer is NULL");
    ck_assert_int_eq(tl_optimizer_flush(NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_optimizer_steps(NULL, NULL) + tl_optimizer_bytes(NULL), 0);
    ck_assert_ptr_null(tl_optimizer_slot(NULL, NULL, INT_MIN));
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_variable *v = tl_test_dense("v", TL_SHAPE(), 1);
    ck_assert_int_eq(tl_optimizer_set_learning_rate(o, (double)NAN), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_optimizer_set_options_for(o, NULL, rate), TL_ERR_ARGUMENT);
    ck_assert_text(tl_optimizer_options_for(o, NULL), "optimizer_options_for: the variable is NULL");
    ck_assert_ptr_null(tl_optimizer_slot(o, v, INT_MIN));
    tl_graph *g = tl_graph_new();
    ck_assert_ok(tl_minimize(o, tl_use(g, v)));
    ck_assert_ptr_null(tl_optimizer_slot(o, v, INT_MIN));
    ck_assert_ptr_null(tl_optimizer_slot(o, v, INT_MAX));
    ck_assert_int_eq(tl_optimizer_steps(o, NULL), 0);
    tl_graph_free(g);
    tl_variable_free(v);
    tl_optimizer_free(o);
}
END_TEST

START_TEST(averages)
{
    ck_assert_ptr_null(tl_ema_new((tl_ema_options){ .decay = (double)NAN }));
    tl_ema_free(NULL);
    tl_ema *e = tl_ema_new((tl_ema_options){ 0 });
    ck_assert_int_eq(tl_ema_add(NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_ema_add(e, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_ema_update(NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_ema_swap(NULL), TL_ERR_ARGUMENT);
    ck_assert(!tl_ema_is_swapped(NULL) && !tl_ema_values(NULL, NULL) && !tl_ema_values(e, NULL));
    ck_assert_int_eq(tl_ema_steps(NULL) + tl_ema_bytes(NULL), 0);
    tl_ema_free(e);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("arguments");
    TCase *c = tl_test_case(s, "arguments");
    tcase_add_test(c, lib);
    tcase_add_test(c, random_numbers);
    tcase_add_test(c, ids);
    tcase_add_test(c, patterns);
    tcase_add_test(c, variables);
    tcase_add_test(c, schedules);
    tcase_add_test(c, lists_of_pairs);
    tcase_add_test(c, lists_that_are_missing);
    tcase_add_test(c, lists_of_variables);
    tcase_add_test(c, contexts_of_transforms);
    tcase_add_test(c, optimizers);
    tcase_add_test(c, averages);
    return s;
}
