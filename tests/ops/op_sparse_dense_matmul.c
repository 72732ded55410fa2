/* sparse_dense_matmul: Y = op(S) op(D) */
#include "tests/ops/absent.h"
#include "tests/ops/product.h"
#include "tests/ops/product_memory.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_sparse_dense_matmul(in[0], in[1], *(const tl_trans *)attr);
}

static const uint8_t one_row[17 * 17] = { [8 * 17] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
                                  one_col[3 * 5] = { 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0 };
static uint8_t whole[65 * 65]; /* all 1; filled by tl_test_suite */

/* op(S) of m x k times op(D) of k x n, in every transpose. */
#define PRODUCTS(m, n, k, d)                                                                                 \
    { .in = { TL_SPARSE_OPERAND(m, k, d), TL_DENSE_OPERAND(k, n) }, .attr = &none },                         \
        { .in = { TL_SPARSE_OPERAND(k, m, d), TL_DENSE_OPERAND(k, n) }, .attr = &ta },                       \
        { .in = { TL_SPARSE_OPERAND(m, k, d), TL_DENSE_OPERAND(n, k) }, .attr = &tb },                       \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(k, m, d), TL_DENSE_OPERAND(n, k) }, .attr = &both                          \
    }
/* S is square, with a pattern of its own. */
#define PATTERN(size, n, its_keep)                                                                           \
    { .in = { { TL_STATIC_SHAPE(size, size), .keep = its_keep }, TL_DENSE_OPERAND(size, n) },                \
      .attr = &none },                                                                                       \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(size, size), .keep = its_keep }, TL_DENSE_OPERAND(n, size) },              \
        .attr = &both                                                                                        \
    }
#define REFUSED(d, its_attr, its_status, text)                                                               \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(3, 4, 0.5), d }, .attr = &its_attr, .status = its_status, .error = text    \
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
    { .in = { { TL_STATIC_SHAPE(3, 5), .keep = one_col }, TL_DENSE_OPERAND(5, 3) }, .attr = &none },
    { .in = { { TL_STATIC_SHAPE(3, 5), .keep = one_col }, TL_DENSE_OPERAND(3, 3) }, .attr = &ta },
    PRODUCTS(17, 63, 65, 0.3),
    PRODUCTS(63, 17, 17, 0.3),
    PRODUCTS(65, 65, 3, 0.3),
    PRODUCTS(65, 3, 63, 0.3),
    PRODUCTS(63, 65, 1, 0.3),
    PRODUCTS(1, 63, 65, 0.3),
    PATTERN(65, 63, whole),
    PRODUCTS(401, 67, 190, 0.3),
    REFUSED(TL_DENSE_OPERAND(5, 6), none, TL_ERR_SHAPE, "a (3x4) times b (5x6): 4 is not 5"),
    REFUSED(TL_DENSE_OPERAND(4, 2), ta, TL_ERR_SHAPE, "a (3x4) transposed times b (4x2): 3 is not 4"),
    REFUSED(TL_DENSE_OPERAND(4, 2), tb, TL_ERR_SHAPE, "a (3x4) times b (4x2) transposed: 4 is not 2"),
    REFUSED(TL_DENSE_OPERAND(2, 4), both, TL_ERR_SHAPE,
            "a (3x4) transposed times b (2x4) transposed: 3 is not 4"),
    REFUSED(TL_SCALAR_OPERAND, none, TL_ERR_SHAPE, "a (3x4) times b (scalar): the second is not a matrix"),
    REFUSED(TL_DENSE_OPERAND(4), none, TL_ERR_SHAPE, "a (3x4) times b [4]: the second is not a matrix"),
    REFUSED(TL_DENSE_OPERAND(4, 2, 1), none, TL_ERR_SHAPE,
            "a (3x4) times b (4x2x1): the second is not a matrix"),
    { .in = { TL_SPARSE_OPERAND(1 << 16, 0, 0.5), TL_DENSE_OPERAND(0, 1LL << 50) },
      .attr = &none,
      .status = TL_ERR_SHAPE,
      .error = "65536x1125899906842624 has more elements than memory can hold" },
    REFUSED(TL_DENSE_OPERAND(4, 2), four, TL_ERR_ARGUMENT, "4 is not a tl_trans"),
    REFUSED(TL_DENSE_OPERAND(4, 2), negative, TL_ERR_ARGUMENT, "-1 is not a tl_trans"),
    /* S = [1 . 2; . 3 .] */
    { .in = { { TL_STATIC_SHAPE(2, 3), .keep = (const uint8_t[]){ 1, 0, 1, 0, 1, 0 },
                .values = TL_VALUES(1, 0, 2, 0, 3, 0) },
              { TL_STATIC_SHAPE(3, 2), .values = TL_VALUES(1, 2, 3, 4, 5, 6) } },
      .attr = &none,
      .y = TL_VALUES(11, 14, 9, 12),
      .upstream = TL_VALUES(1, 2, 3, 4),
      .gradient = { TL_VALUES(1 * 1 + 2 * 2, 1 * 5 + 2 * 6, 3 * 3 + 4 * 4), TL_VALUES(1, 2, 9, 12, 2, 4) } },
    /* what is not at the pattern takes no part: no 0 times NaN */
    { .in = { { TL_STATIC_SHAPE(2, 2), .keep = (const uint8_t[]){ 1, 0, 1, 0 },
                .values = TL_VALUES(2, 0, 3, 0) },
              { TL_STATIC_SHAPE(2, 1), .values = TL_VALUES(5, NAN) } },
      .attr = &none,
      .y = TL_VALUES(10, 15),
      .gradient = { TL_VALUES(5, 5), TL_VALUES(5, 0) } }
};

static const tl_op_case sparse_dense_matmul = {
    .name = "sparse_dense_matmul",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* of two kinds; patterns do not lose rows */
};

START_TEST(memory)
{
    check_memory_of_product(op, 0);
}
END_TEST

/* A step may come between forward and backward: dS = dY D is at the values that D has then, whether S is a
 * variable or computed. */
START_TEST(changed_in_between)
{
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(1, 1, 1, 1), 1),
                *d = tl_test_dense("d", TL_SHAPE(1, 1), 2);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *left = _i == 0 ? tl_use(g, s) : tl_scale(tl_use(g, s), 1), *right = tl_use(g, d);
    tl_node *y = tl_sparse_dense_matmul(left, right, TL_TRANSPOSE_B);
    tl_variable_data(d)[0] = 5;
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 1, 0, 5);
    tl_graph_free(g);
    tl_variable_free(s);
    tl_variable_free(d);
}
END_TEST

/* Samples without features: no tile of them is visited. */
START_TEST(zero_beside_huge)
{
    const int64_t row_ptr[1] = { 0 };
    tl_pattern *p = tl_pattern_from_csr(0, 0, row_ptr, NULL);
    tl_variable *s = tl_variable_sparse("s", p), *x = tl_variable_dense("x", TL_SHAPE(0, (int64_t)1 << 50));
    tl_pattern_release(p);
    tl_gradients out;
    for (int k = 0; k < 4; k++) {
        tl_graph *g = tl_graph_new();
        tl_node *d = k & 1 ? tl_use(g, x) : tl_input(g, TL_SHAPE(0, (int64_t)1 << 50), NULL);
        tl_node *y = tl_sparse_dense_matmul(tl_use(g, s), d, k & 2 ? TL_TRANSPOSE_A : TL_NO_TRANSPOSE);
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        tl_graph_free(g);
    }
    tl_variable_free(s);
    tl_variable_free(x);
}
END_TEST

START_TEST(gradient_of_absent_cells)
{
    check_gradient_rows_of_product(op, 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int k = 0; k < 65 * 65; k++)
        whole[k] = 1;
    Suite *s = tl_op_suite(&sparse_dense_matmul);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, memory);
    tcase_add_loop_test(c, changed_in_between, 0, 2);
    tcase_add_test(c, zero_beside_huge);
    tcase_add_test(c, gradient_of_absent_cells);
    return s;
}
