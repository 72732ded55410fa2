/* sampled_matmul: Y = op(A) op(B) at a pattern */
#include "tests/ops/product.h"
#include "tests/testing.h"

#include <math.h>

/* `reference` of product.h reads the first member. */
typedef struct attr {
    tl_trans t;
    tl_pattern *const *pattern;
} attr;

static tl_node *op(tl_node *const *in, const void *its_attr)
{
    const attr *a = its_attr;
    return tl_sampled_matmul(in[0], in[1], *a->pattern, a->t);
}

static tl_shape at_pattern(tl_reference *r)
{
    const attr *a = r->attr;
    const tl_shape s = reference(r);
    r->sparse = true;
    for (int64_t k = 0; k < tl_shape_size(s); k++)
        r->y_keep[k] = tl_pattern_find(*a->pattern, k / s.dim[1], (int32_t)(k % s.dim[1])) >= 0;
    return s;
}

/* Made by tl_test_suite. */
static tl_pattern *some, *nothing, *row, *col, *whole, *one, *no_rows, *no_cols, *neither, *large, *wide,
    *by_hand, *missing;

#define ATTR(p, t) (&(const attr){ t, &p })
/* op(A) of m x k times op(B) of k x n, in every transpose. */
#define AT(p, m, n, k)                                                                                       \
    { .in = { TL_DENSE_OPERAND(m, k), TL_DENSE_OPERAND(k, n) }, .attr = ATTR(p, TL_NO_TRANSPOSE) },          \
        { .in = { TL_DENSE_OPERAND(k, m), TL_DENSE_OPERAND(k, n) }, .attr = ATTR(p, TL_TRANSPOSE_A) },       \
        { .in = { TL_DENSE_OPERAND(m, k), TL_DENSE_OPERAND(n, k) }, .attr = ATTR(p, TL_TRANSPOSE_B) },       \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(k, m), TL_DENSE_OPERAND(n, k) }, .attr = ATTR(p, TL_TRANSPOSE_BOTH)         \
    }
#define REFUSED(a, b, its_attr, its_status, text)                                                            \
    {                                                                                                        \
        .in = { a, b }, .attr = its_attr, .status = its_status, .error = text                                \
    }

static const tl_sample samples[] = {
    AT(some, 4, 5, 3),
    AT(some, 4, 5, 70),
    AT(nothing, 3, 3, 4),
    AT(row, 3, 3, 4),
    AT(col, 3, 3, 1),
    AT(whole, 4, 4, 4),
    AT(one, 1, 1, 1),
    AT(no_rows, 0, 5, 3),
    AT(no_cols, 4, 0, 3),
    AT(neither, 0, 0, 3),
    /* sums of nothing */
    AT(some, 4, 5, 0),
    AT(large, 300, 200, 65),
    AT(wide, 3, 150, 190),
    REFUSED(TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(3, 5), ATTR(missing, TL_NO_TRANSPOSE), TL_ERR_ARGUMENT,
            "the pattern is NULL"),
    REFUSED(TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(3, 6), ATTR(some, TL_NO_TRANSPOSE), TL_ERR_SHAPE,
            "a (4x3) times b (3x6): the pattern is 4x5"),
    REFUSED(TL_DENSE_OPERAND(3, 3), TL_DENSE_OPERAND(3, 5), ATTR(some, TL_TRANSPOSE_A), TL_ERR_SHAPE,
            "a (3x3) transposed times b (3x5): the pattern is 4x5"),
    REFUSED(TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(4, 5), ATTR(some, TL_NO_TRANSPOSE), TL_ERR_SHAPE,
            "a (4x3) times b (4x5): 3 is not 4"),
    REFUSED(TL_DENSE_OPERAND(2, 2, 3), TL_DENSE_OPERAND(3, 5), ATTR(some, TL_NO_TRANSPOSE), TL_ERR_SHAPE,
            "a (2x2x3) times b (3x5): the first is not a matrix"),
    REFUSED(TL_DENSE_OPERAND(3), TL_DENSE_OPERAND(3, 5), ATTR(some, TL_NO_TRANSPOSE), TL_ERR_SHAPE,
            "a [3] times b (3x5): the first is not a matrix"),
    REFUSED(TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(3), ATTR(some, TL_NO_TRANSPOSE), TL_ERR_SHAPE,
            "a (4x3) times b [3]: the second is not a matrix"),
    REFUSED(TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(3, 5), ATTR(some, (tl_trans)4), TL_ERR_ARGUMENT,
            "4 is not a tl_trans"),
    /* [1 2] times [3; 4] and [5; 6] at the second only: the first is not computed, be it NaN */
    { .in = { { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(1, 2) },
              { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(NAN, 5, NAN, 6) } },
      .attr = ATTR(by_hand, TL_NO_TRANSPOSE),
      .y = TL_VALUES(17),
      .upstream = TL_VALUES(10),
      .gradient = { TL_VALUES(50, 60), TL_VALUES(0, 10, 0, 20) } },
};

static const tl_op_case sampled_matmul = {
    .name = "sampled_matmul",
    .n_in = 2,
    .op = op,
    .reference = at_pattern,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* the pattern does not lose rows */
};

/* The result is on the very pattern, which the graph keeps. */
START_TEST(same_object)
{
    const tl_real x[] = { 1, 2 };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_pattern_random(2, 2, 0.5, 1);
    tl_node *a = tl_input(g, TL_SHAPE(2, 1), x), *y = tl_sampled_matmul(a, a, p, TL_TRANSPOSE_B);
    tl_pattern_release(p);
    ck_assert_ptr_eq(tl_pattern_of(y), p);
    ck_assert_int_eq(tl_pattern_nnz(tl_pattern_of(y)), 2);
    ck_assert_ptr_null(tl_sampled_matmul(NULL, NULL, NULL, TL_NO_TRANSPOSE));
    tl_graph_free(g);
}
END_TEST

/* Neither a dense result, of 1 GiB in float, nor a row of A or B per entry, of 256 MiB, is ever there. */
START_TEST(memory)
{
    const int64_t n = 16384, width = 64;
    tl_pattern *p = tl_pattern_random(n, n, 1e6 / ((double)n * (double)n), 1);
    tl_variable *a = tl_test_dense("a", TL_SHAPE(n, width), 1),
                *b = tl_test_dense("b", TL_SHAPE(n, width), 2);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = tl_sampled_matmul(tl_use(g, a), tl_use(g, b), p, TL_TRANSPOSE_B);
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_int_lt(tl_graph_bytes(g) + tl_pattern_bytes(p),
                     ((int64_t)64 << 20) * (int64_t)sizeof(tl_real) / 4);
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
    tl_pattern_release(p);
}
END_TEST

/* A pattern that is new has to be transposed, for which memory may be short. */
START_TEST(memory_for_the_transpose)
{
    const tl_real x[] = { 1, 2, 3, 4 };
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        tl_pattern *p = tl_pattern_random(2, 2, 1, 1);
        tl_graph *g = tl_graph_new();
        tl_node *a = tl_input(g, TL_SHAPE(2, 2), x);
        const int64_t before = tl_test_allocations();
        tl_test_fail_allocation(k);
        const bool fits = tl_sampled_matmul(a, a, p, TL_NO_TRANSPOSE);
        tl_test_fail_allocation(0);
        failed = tl_test_allocations() >= before + k;
        ck_assert_int_eq(fits, !failed);
        ck_assert_int_eq(tl_graph_status(g), failed ? TL_ERR_MEMORY : TL_OK);
        tl_graph_free(g);
        tl_pattern_release(p);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    some = tl_pattern_random(4, 5, 0.5, 1);
    nothing = tl_pattern_random(3, 3, 0, 1);
    row = tl_pattern_from_mask(3, 3, (const uint8_t[]){ 0, 0, 0, 1, 1, 1, 0, 0, 0 });
    col = tl_pattern_from_mask(3, 3, (const uint8_t[]){ 0, 1, 0, 0, 1, 0, 0, 1, 0 });
    whole = tl_pattern_random(4, 4, 1, 1);
    one = tl_pattern_random(1, 1, 1, 1);
    no_rows = tl_pattern_random(0, 5, 0.5, 1);
    no_cols = tl_pattern_random(4, 0, 0.5, 1);
    neither = tl_pattern_random(0, 0, 0.5, 1);
    large = tl_pattern_random(300, 200, 0.3, 1);
    wide = tl_pattern_random(3, 150, 0.3, 1);
    by_hand = tl_pattern_from_mask(1, 2, (const uint8_t[]){ 0, 1 });
    Suite *s = tl_op_suite(&sampled_matmul);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, same_object);
    tcase_add_test(c, memory);
    tcase_add_test(c, memory_for_the_transpose);
    return s;
}
