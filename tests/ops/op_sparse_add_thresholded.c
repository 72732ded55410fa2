/* sparse_add_thresholded: Y = A + B without what is below a threshold */
#include "check_tulle.h"
#include "tangent.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_sparse_add_thresholded(in[0], in[1], (tl_real) * (const double *)attr);
}

static tl_shape reference(tl_reference *r)
{
    const double threshold = *(const double *)r->attr;
    r->sparse = true;
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++) {
        r->y[k] = r->in[0][k] + r->in[1][k];
        r->y_keep[k] = (r->keep[0][k] || r->keep[1][k]) && !(fabs(r->y[k]) < threshold);
    }
    return r->shape[0];
}

static const double zero = 0, lower = 0.1, upper = 0.3, two = 2, huge = 1e30, negative = -1, nan_ = NAN,
                    infinite = INFINITY;

/* A has about 0.2, B about 0.4 or, opposite, about -0.2: a threshold of 0.3 drops entries of A alone, one of
 * 0.1 those of both. Nothing is near a threshold. */
#define ADD(rows, cols, a, b, t)                                                                             \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(rows, cols), .density = a, .low = 0.2, .high = 0.24 },                     \
                { TL_STATIC_SHAPE(rows, cols), .density = b, .low = 0.4, .high = 0.44 } },                   \
        .attr = &t                                                                                           \
    }
#define OPPOSITE(rows, cols, a, b, t)                                                                        \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(rows, cols), .density = a, .low = 0.2, .high = 0.24 },                     \
                { TL_STATIC_SHAPE(rows, cols), .density = b, .low = -0.24, .high = -0.2 } },                 \
        .attr = &t                                                                                           \
    }
#define REFUSED(b, t, its_status)                                                                            \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(3, 4, 0.5), b }, .attr = &t, .status = its_status                          \
    }
/* One row of A and of B; each an entry where the other has none, or is too small for the threshold. */
#define ROW(its_values, ...)                                                                                 \
    {                                                                                                        \
        TL_STATIC_SHAPE(1, 4), .keep = (const uint8_t[]){ __VA_ARGS__ }, .values = its_values                \
    }
#define BOTH_ROWS .in = { ROW(TL_VALUES(1, 0, 3, 1), 1, 0, 1, 1), ROW(TL_VALUES(0, -5, -3, 1), 0, 1, 1, 1) }

static const tl_sample samples[] = {
    ADD(4, 5, 0.6, 0.5, upper),
    OPPOSITE(3, 3, 0.7, 0.7, lower),
    ADD(17, 3, 0.3, 0.3, upper),
    OPPOSITE(4, 5, 0.6, 0.5, lower),
    ADD(4, 5, 0.6, 0.5, huge),
    ADD(4, 5, 0.6, 0.5, zero),
    ADD(4, 5, 1e-9, 0.5, upper),
    ADD(4, 5, 0.5, 1e-9, upper),
    ADD(0, 5, 0.5, 0.5, upper),
    ADD(4, 0, 0.5, 0.5, upper),
    ADD(0, 0, 0.5, 0.5, upper),
    ADD(300, 300, 0.5, 0.4, upper),
    REFUSED(TL_SPARSE_OPERAND(4, 3, 0.5), upper, TL_ERR_SHAPE),
    REFUSED(TL_DENSE_OPERAND(3, 4), upper, TL_ERR_KIND),
    REFUSED(TL_SPARSE_OPERAND(3, 4, 0.5), negative, TL_ERR_ARGUMENT),
    REFUSED(TL_SPARSE_OPERAND(3, 4, 0.5), nan_, TL_ERR_ARGUMENT),
    /* entries of one side are dropped, too, and what is dropped passes no gradient; 2 is not below 2 */
    { BOTH_ROWS, .attr = &two, .y = TL_VALUES(-5, 2), .upstream = TL_VALUES(10, 20),
      .gradient = { TL_VALUES(0, 0, 20), TL_VALUES(10, 0, 20) } },
    /* nothing is below 0: what sums to 0 stays */
    { BOTH_ROWS, .attr = &zero, .y = TL_VALUES(1, -5, 0, 2), .upstream = TL_VALUES(10, 20, 30, 40),
      .gradient = { TL_VALUES(10, 30, 40), TL_VALUES(20, 30, 40) } },
    /* a NaN is not hidden */
    { .in = { ROW(TL_VALUES(NAN, 0, 3, INFINITY), 1, 0, 1, 1), ROW(TL_VALUES(0, -5, 1, 1), 0, 1, 1, 1) },
      .attr = &infinite,
      .y = TL_VALUES(NAN, INFINITY),
      .gradient = { TL_VALUES(1, 0, 1), TL_VALUES(0, 0, 1) } },
};

static const tl_op_case sparse_add_thresholded = {
    .name = "sparse_add_thresholded",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 0.5,
    .composed = true,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* patterns do not lose rows */
};

/* While the same entries are kept they have one pattern, and what it caches; other values keep others. */
START_TEST(pattern_follows_values)
{
    tl_graph *g = tl_graph_new();
    tl_variable *a = tl_test_sparse("a", tl_test_pattern(5, 4, 0.5, 1), 1),
                *b = tl_test_sparse("b", tl_test_pattern(5, 4, 0.5, 2), 2);
    tl_pattern *first = NULL;
    for (int step = 0; step < 3; step++) {
        tl_pattern *p = tl_pattern_of(tl_sparse_add_thresholded(tl_use(g, a), tl_use(g, b), (tl_real)0.5));
        if (step == 0)
            first = tl_pattern_retain(p);
        ck_assert_ptr_eq(p, first);
        tl_graph_reset(g);
    }
    ck_assert_ok(tl_init_constant(a, 9));
    tl_node *y = tl_sparse_add_thresholded(tl_use(g, a), tl_use(g, b), (tl_real)0.5);
    ck_assert_ptr_ne(tl_pattern_of(y), first);
    ck_assert_int_gt(tl_pattern_nnz(tl_pattern_of(y)), tl_pattern_nnz(first));
    tl_graph_free(g);
    tl_pattern_release(first);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* Entries that differ from those of the step before in one place are another pattern. */
START_TEST(one_difference)
{
    static const uint8_t kept[][4] = { { 1, 0, 0, 0 }, { 1, 0, 1, 0 }, { 1, 0, 0, 1 },
                                       { 0, 1, 0, 1 }, { 1, 0, 0, 1 }, { 1, 1, 0, 0 } };
    const tl_real none[4] = { 0 };
    tl_pattern *p = tl_pattern_random(2, 2, 1, 1);
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < 6; k++, tl_graph_reset(g)) {
        const tl_real values[] = { kept[k][0], kept[k][1], kept[k][2], kept[k][3] };
        tl_pattern *expected = tl_pattern_from_mask(2, 2, kept[k]);
        tl_node *a = tl_input_sparse(g, p, values), *b = tl_input_sparse(g, p, none);
        ck_assert(tl_pattern_equal(tl_pattern_of(tl_sparse_add_thresholded(a, b, 1)), expected));
        tl_pattern_release(expected);
    }
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

/* Two sums of one step on the same patterns have the entries of their own thresholds. */
START_TEST(two_thresholds_of_one_sum)
{
    const tl_real values[] = { 1, 2, 3, 4 }, none[4] = { 0 };
    tl_pattern *p = tl_pattern_random(2, 2, 1, 1);
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < 3; step++, tl_graph_reset(g)) {
        tl_node *a = tl_input_sparse(g, p, values), *b = tl_input_sparse(g, p, none);
        tl_node *some = tl_sparse_add_thresholded(a, b, 2), *few = tl_sparse_add_thresholded(a, b, 4);
        ck_assert_int_eq(tl_pattern_nnz(tl_pattern_of(some)), 3);
        ck_assert_int_eq(tl_pattern_nnz(tl_pattern_of(few)), 1);
        ck_assert(tl_value(some)[0] == 2 && tl_value(few)[0] == 4);
    }
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

/* On a graph for inference the sum is computed when the op is called: it may run out of memory there. */
START_TEST(memory_for_the_sum)
{
    tl_variable *a = tl_test_sparse("a", tl_test_pattern(5, 4, 0.5, 1), 1),
                *b = tl_test_sparse("b", tl_test_pattern(5, 4, 0.5, 2), 2);
    tl_status status = TL_ERR_MEMORY;
    for (int64_t k = 1; status != TL_OK; k++) {
        tl_graph *g = tl_graph_new_inference();
        tl_test_fail_allocation(k);
        tl_value(tl_sparse_add_thresholded(tl_use(g, a), tl_use(g, b), (tl_real)0.5));
        tl_test_fail_allocation(0);
        status = tl_graph_status(g);
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        tl_graph_free(g);
    }
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* On one pattern a direction is that of the sum itself, and two results may be derived along it. */
START_TEST(one_direction_of_two)
{
    tl_pattern *p = tl_test_pattern(5, 4, 0.5, 1);
    tl_variable *a = tl_test_sparse("a", p, 1), *u = tl_test_sparse("u", tl_pattern_retain(p), 2);
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_use(g, a), *along = tl_use(g, u), *zeros = tl_zeros_like(x), *sum = NULL;
    for (int k = 0; k < 2; k++) {
        tl_node *y = tl_sparse_add_thresholded(x, zeros, 0);
        tl_node *part = tl_reduce_sum(tl_derivative(y, 1, &x, &along), TL_ALL_AXES);
        sum = k == 0 ? part : tl_add(sum, part);
    }
    tl_gradients out;
    ck_assert_ok(tl_backward_for(sum, &u, 1, &out));
    for (int64_t k = 0; k < tl_pattern_nnz(p); k++)
        ck_assert(out.pair[0].values[k] == 2);
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(u);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&sparse_add_thresholded);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, pattern_follows_values);
    tcase_add_test(c, one_difference);
    tcase_add_test(c, two_thresholds_of_one_sum);
    tcase_add_test(c, memory_for_the_sum);
    tcase_add_test(c, one_direction_of_two);
    return s;
}
