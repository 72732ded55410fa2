/* dense_sparse_matmul: Y = op(D) op(S) */
#include "tests/ops/absent.h"
#include "tests/ops/product.h"
#include "tests/ops/product_memory.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_dense_sparse_matmul(in[0], in[1], *(const tl_trans *)attr);
}

static const uint8_t one_row[17 * 17] = { [8 * 17] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
                                  one_col[3 * 5] = { 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0 };
static uint8_t whole[65 * 65]; /* all 1; filled by tl_test_suite */

/* op(D) of m x k times op(S) of k x n, in every transpose. */
#define PRODUCTS(m, n, k, d)                                                                                 \
    { .in = { TL_DENSE_OPERAND(m, k), TL_SPARSE_OPERAND(k, n, d) }, .attr = &none },                         \
        { .in = { TL_DENSE_OPERAND(k, m), TL_SPARSE_OPERAND(k, n, d) }, .attr = &ta },                       \
        { .in = { TL_DENSE_OPERAND(m, k), TL_SPARSE_OPERAND(n, k, d) }, .attr = &tb },                       \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(k, m), TL_SPARSE_OPERAND(n, k, d) }, .attr = &both                          \
    }
/* S is square, with a pattern of its own. */
#define PATTERN(size, n, its_keep)                                                                           \
    { .in = { TL_DENSE_OPERAND(n, size), { TL_STATIC_SHAPE(size, size), .keep = its_keep } },                \
      .attr = &none },                                                                                       \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(size, n), { TL_STATIC_SHAPE(size, size), .keep = its_keep } },              \
        .attr = &both                                                                                        \
    }
#define FOLDED(...)                                                                                          \
    { .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_SPARSE_OPERAND(4, 5, 0.6) }, .attr = &none },                \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_SPARSE_OPERAND(5, 4, 0.6) }, .attr = &tb                   \
    }
#define REFUSED(d, its_attr, its_status, text)                                                               \
    {                                                                                                        \
        .in = { d, TL_SPARSE_OPERAND(3, 4, 0.5) }, .attr = &its_attr, .status = its_status, .error = text    \
    }

static const tl_sample samples[] = {
    PRODUCTS(3, 2, 4, 0.6),
    PRODUCTS(1, 1, 1, 1),
    PRODUCTS(1, 3, 5, 0.5),
    PRODUCTS(17, 1, 3, 0.3),
    PRODUCTS(3, 17, 1, 0.3),
    PRODUCTS(3, 2, 4, 1e-9),
    PRODUCTS(0, 2, 4, 0.5),
    PRODUCTS(3, 0, 4, 0.5),
    PRODUCTS(3, 2, 0, 0.5),
    PRODUCTS(0, 0, 0, 0.5),
    PATTERN(17, 5, one_row),
    PATTERN(17, 5, whole),
    { .in = { TL_DENSE_OPERAND(3, 3), { TL_STATIC_SHAPE(3, 5), .keep = one_col } }, .attr = &none },
    { .in = { TL_DENSE_OPERAND(3, 5), { TL_STATIC_SHAPE(3, 5), .keep = one_col } }, .attr = &tb },
    FOLDED(4),
    FOLDED(1, 4),
    FOLDED(2, 3, 4),
    FOLDED(3, 1, 2, 4),
    FOLDED(2, 0, 4),
    PRODUCTS(17, 63, 65, 0.3),
    PRODUCTS(63, 17, 17, 0.3),
    PRODUCTS(65, 65, 3, 0.3),
    PRODUCTS(65, 3, 63, 0.3),
    PRODUCTS(63, 65, 1, 0.3),
    PRODUCTS(1, 63, 65, 0.3),
    PATTERN(65, 63, whole),
    PRODUCTS(67, 401, 190, 0.3),
    REFUSED(TL_DENSE_OPERAND(5, 6), none, TL_ERR_SHAPE, "a (5x6) times b (3x4): 6 is not 3"),
    REFUSED(TL_DENSE_OPERAND(2, 3), ta, TL_ERR_SHAPE, "a (2x3) transposed times b (3x4): 2 is not 3"),
    REFUSED(TL_DENSE_OPERAND(2, 3), tb, TL_ERR_SHAPE, "a (2x3) times b (3x4) transposed: 3 is not 4"),
    REFUSED(TL_DENSE_OPERAND(2, 4), both, TL_ERR_SHAPE,
            "a (2x4) transposed times b (3x4) transposed: 2 is not 4"),
    REFUSED(TL_SCALAR_OPERAND, none, TL_ERR_SHAPE, "a (scalar) times b (3x4): the first is a scalar"),
    REFUSED(TL_DENSE_OPERAND(4), none, TL_ERR_SHAPE, "a [4] times b (3x4): 4 is not 3"),
    REFUSED(TL_DENSE_OPERAND(3), ta, TL_ERR_SHAPE,
            "a [3] transposed times b (3x4): the first is not a matrix, and cannot be transposed"),
    REFUSED(TL_DENSE_OPERAND(3, 1, 2), ta, TL_ERR_SHAPE,
            "a (3x1x2) transposed times b (3x4): the first is not a matrix, and cannot be transposed"),
    { .in = { TL_DENSE_OPERAND(1LL << 50, 0), TL_SPARSE_OPERAND(0, 1 << 16, 0.5) },
      .attr = &none,
      .status = TL_ERR_SHAPE,
      .error = "1125899906842624x65536 has more elements than memory can hold" },
    REFUSED(TL_DENSE_OPERAND(2, 3), four, TL_ERR_ARGUMENT, "4 is not a tl_trans"),
    REFUSED(TL_DENSE_OPERAND(2, 3), negative, TL_ERR_ARGUMENT, "-1 is not a tl_trans"),
    /* S = [1 . 2; . 3 .] */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1, 2, 3, 4) },
              { TL_STATIC_SHAPE(2, 3), .keep = (const uint8_t[]){ 1, 0, 1, 0, 1, 0 },
                .values = TL_VALUES(1, 0, 2, 0, 3, 0) } },
      .attr = &none,
      .y = TL_VALUES(1, 6, 2, 3, 12, 6),
      .upstream = TL_VALUES(1, 2, 3, 4, 5, 6),
      .gradient = { TL_VALUES(1 * 1 + 2 * 3, 3 * 2, 1 * 4 + 2 * 6, 3 * 5),
                    TL_VALUES(1 * 1 + 3 * 4, 1 * 3 + 3 * 6, 2 * 2 + 4 * 5) } },
    /* what is not at the pattern takes no part: no 0 times NaN */
    { .in = { { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(5, NAN) },
              { TL_STATIC_SHAPE(2, 2), .keep = (const uint8_t[]){ 1, 1, 0, 0 },
                .values = TL_VALUES(2, 3, 0, 0) } },
      .attr = &none,
      .y = TL_VALUES(10, 15),
      .gradient = { TL_VALUES(5, 0), TL_VALUES(5, 5) } }
};

static const tl_op_case dense_sparse_matmul = {
    .name = "dense_sparse_matmul",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* of two kinds; patterns do not lose rows */
};

START_TEST(memory)
{
    check_memory_of_product(op, 1);
}
END_TEST

/* A step may come between forward and backward: the gradient is at the values that the operands have then, as
 * those of the other products are. dS = dY D, dD = dY S. */
START_TEST(changed_in_between)
{
    tl_pattern *p = tl_test_pattern(1, 1, 1, 1);
    tl_variable *d = tl_test_dense("d", TL_SHAPE(1, 1), 1), *s = tl_test_sparse("s", p, 2);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_variable_data(d)[0] = 1, tl_variable_data(s)[0] = 2;
    tl_node *left = tl_use(g, d), *right = tl_use(g, s);
    tl_node *loss = tl_reduce_sum(tl_dense_sparse_matmul(left, right, TL_NO_TRANSPOSE), TL_ALL_AXES);
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_values(out.pair[0].values, 1, 0, 2);
    ck_assert_values(out.pair[1].values, 1, 0, 1);
    tl_variable_data(d)[0] = 5, tl_variable_data(s)[0] = 7;
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_values(out.pair[0].values, 1, 0, 7);
    ck_assert_values(out.pair[1].values, 1, 0, 5);
    ck_assert_ok(tl_backward_for(loss, &s, 1, &out));
    ck_assert_values(out.pair[0].values, 1, 0, 5);
    tl_graph_free(g);
    tl_variable_free(d);
    tl_variable_free(s);
}
END_TEST

/* The same where only D changes: S is computed. */
START_TEST(dense_changed_in_between)
{
    tl_variable *d = tl_test_dense("d", TL_SHAPE(1, 1), 1),
                *s = tl_test_sparse("s", tl_test_pattern(1, 1, 1, 1), 2);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *left = tl_use(g, d), *right = tl_scale(tl_use(g, s), 1);
    tl_node *y = tl_dense_sparse_matmul(left, right, TL_NO_TRANSPOSE);
    tl_variable_data(d)[0] = 5;
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_values(out.pair[1].values, 1, 0, 5);
    tl_graph_free(g);
    tl_variable_free(d);
    tl_variable_free(s);
}
END_TEST

START_TEST(gradient_of_absent_cells)
{
    check_gradient_rows_of_product(op, 1);
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int k = 0; k < 65 * 65; k++)
        whole[k] = 1;
    Suite *s = tl_op_suite(&dense_sparse_matmul);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, memory);
    tcase_add_test(c, changed_in_between);
    tcase_add_test(c, dense_changed_in_between);
    tcase_add_test(c, gradient_of_absent_cells);
    return s;
}
