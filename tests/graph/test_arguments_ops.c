/* The calls of graphs and ops with NULL, negative numbers, extremes and structures that were only zeroed. */
#include "tests/testing.h"
#include "product.h"

#include <limits.h>
#include <math.h>

/* A call that returns nothing, or a number, and leaves a text. */
#define ck_assert_text(call, text)                                                                           \
    do {                                                                                                     \
        tl_fail(TL_OK, "nothing");                                                                           \
        (void)(call);                                                                                        \
        ck_assert_str_eq(tl_error(), text);                                                                  \
    } while (0)

static tl_node *nothing(tl_graph *g, void *context)
{
    (void)g, (void)context;
    return NULL;
}

START_TEST(graphs)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(), 1);
    tl_gradients out;
    tl_node zeroed = { 0 };
    tl_graph_reset(NULL);
    tl_graph_free(NULL);
    ck_assert_int_eq(tl_graph_status(NULL), TL_ERR_ARGUMENT);
    ck_assert_str_eq(tl_graph_error(NULL), "the graph is NULL");
    ck_assert_int_eq(tl_graph_bytes(NULL), 0);
    ck_assert_null(tl_use(NULL, v), "use: the graph is NULL");
    ck_assert_refused(g, tl_use(g, NULL), TL_ERR_ARGUMENT, "use: the variable is NULL");
    ck_assert_null(tl_input(NULL, TL_SHAPE(), NULL), "input: the graph is NULL");
    ck_assert_refused(g, tl_input(g, TL_SHAPE(), NULL), TL_ERR_ARGUMENT, "input: no data for scalar");
    ck_assert_refused(g, tl_input(g, (tl_shape){ .rank = INT_MIN }, NULL), TL_ERR_SHAPE,
                      "input: rank -2147483648 is not in 0..4");
    ck_assert_null(tl_input_sparse(NULL, NULL, NULL), "input_sparse: the graph is NULL");
    ck_assert_refused(g, tl_input_sparse(g, NULL, NULL), TL_ERR_ARGUMENT,
                      "input_sparse: the pattern is NULL");
    ck_assert(!tl_value(NULL) && !tl_grad(NULL) && !tl_pattern_of(NULL) && tl_shape_of(NULL).rank == 0);
    ck_assert_int_eq(tl_graph_print(NULL, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_graph_print(g, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_graph_dot(NULL, stdout), TL_ERR_ARGUMENT);
    ck_assert_status(tl_backward(&zeroed, &out), TL_ERR_ARGUMENT, "backward: the loss is in no graph");
    ck_assert_status(tl_backward(tl_use(g, v), NULL), TL_ERR_ARGUMENT,
                     "backward: the output argument is NULL");
    ck_assert_int_eq(tl_gradcheck(NULL, NULL, NULL, INT_MIN, NULL), TL_ERR_ARGUMENT);
    ck_assert_int_eq(tl_gradcheck(nothing, NULL, NULL, INT_MIN, NULL), TL_ERR_ARGUMENT);
    ck_assert_status(tl_gradcheck(nothing, NULL, &v, 1, NULL), TL_ERR_ARGUMENT,
                     "gradcheck: the function returned NULL");
    ck_assert_int_eq(tl_gradcheck(nothing, NULL, &v, 1, &(tl_gradcheck_options){ .step = (double)NAN }),
                     TL_ERR_ARGUMENT);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* What authors of ops call, outside an op. */
START_TEST(calls_of_ops)
{
    tl_node zeroed = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_node *leaf = tl_use(g, v);
    tl_pattern *p = tl_test_pattern(2, 2, 1, 1);
    ck_assert_status(tl_shape_dense(NULL, TL_SHAPE()), TL_ERR_ARGUMENT, "shape_dense: the node is NULL");
    ck_assert_status(tl_shape_dense(leaf, TL_SHAPE()), TL_ERR_ARGUMENT,
                     "shape_dense: the node is not the one that is being recorded");
    ck_assert_status(tl_shape_dense(tl_relu(leaf), TL_SHAPE()), TL_ERR_ARGUMENT,
                     "shape_dense: the node is not the one that is being recorded");
    ck_assert_status(tl_shape_sparse(NULL, p), TL_ERR_ARGUMENT, "shape_sparse: the node is NULL");
    ck_assert_status(tl_shape_like(NULL, NULL), TL_ERR_ARGUMENT, "shape_like: the other node is NULL");
    ck_assert_str_eq(tl_node_text(NULL).text, "NULL");
    ck_assert_str_eq(tl_node_text(&zeroed).text, "scalar");
    ck_assert(!tl_node_is_mutable(NULL));
    ck_assert_null(tl_scratch(NULL, 1, 1), "scratch: the node is NULL");
    ck_assert_null(tl_scratch(&zeroed, 1, 1), "scratch: the node is in no graph");
    ck_assert_null(tl_scratch(leaf, INT64_MIN, 1), "scratch: -9223372036854775808 elements");
    ck_assert_null(tl_scratch(leaf, INT64_MAX, SIZE_MAX), "out of memory");
    ck_assert_status(tl_reserve_workspace(NULL, 1, 1), TL_ERR_ARGUMENT,
                     "reserve_workspace: the node is NULL");
    ck_assert_status(tl_reserve_workspace(leaf, -1, 1), TL_ERR_ARGUMENT, "reserve_workspace: -1 elements");
    ck_assert_status(tl_reserve_workspace(leaf, INT64_MAX, SIZE_MAX), TL_ERR_MEMORY, "out of memory");
    ck_assert(!tl_workspace(NULL) && !tl_workspace(&zeroed));
    ck_assert(!tl_memo_pattern(NULL, NULL, NULL) && !tl_memo_pattern(&zeroed, NULL, NULL));
    ck_assert_status(tl_memo_store(NULL, NULL, NULL, p), TL_ERR_ARGUMENT,
                     "memo_store: the node is in no graph"); /* p is released */
    ck_assert_status(tl_memo_store(leaf, NULL, NULL, NULL), TL_ERR_ARGUMENT,
                     "memo_store: the result is NULL");
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

START_TEST(calls_of_ops_on_matrices)
{
    tl_node zeroed = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_node *leaf = tl_use(g, v);
    tl_pattern *p = tl_test_pattern(2, 2, 1, 1);
    tl_product product;
    ck_assert_status(tl_product_check(NULL, TL_NO_TRANSPOSE, &product), TL_ERR_ARGUMENT,
                     "product_check: the node is NULL");
    ck_assert_status(tl_product_check(leaf, TL_NO_TRANSPOSE, &product), TL_ERR_ARGUMENT,
                     "product_check: the node has not two inputs");
    ck_assert_status(tl_product_check(tl_add(leaf, leaf), TL_NO_TRANSPOSE, NULL), TL_ERR_ARGUMENT,
                     "product_check: the output is NULL");
    ck_assert_status(tl_product_fail(NULL, TL_NO_TRANSPOSE, "no"), TL_ERR_ARGUMENT,
                     "product_fail: the node is NULL");
    ck_assert_status(tl_product_fail(leaf, TL_NO_TRANSPOSE, "no"), TL_ERR_ARGUMENT,
                     "product_fail: the node has not two inputs");
    ck_assert_status(tl_product_prepare(leaf, NULL), TL_ERR_ARGUMENT,
                     "sparse_product_prepare: the product is NULL");
    ck_assert_status(
        tl_product_prepare(NULL, &(tl_sparse_product){ .pattern = p, .n = 3, .x_by_sample = true }),
        TL_ERR_ARGUMENT, "product_prepare: the node is NULL");
    ck_assert_status(tl_check_rows(NULL, NULL, 0, NULL), TL_ERR_ARGUMENT, "check_rows: the table is NULL");
    ck_assert_status(tl_check_rows(tl_reduce_sum(leaf, TL_ALL_AXES), NULL, 0, NULL), TL_ERR_ARGUMENT,
                     "check_rows: the table is a scalar");
    ck_assert_status(tl_check_rows(leaf, (int32_t[]){ 2 }, 1, NULL), TL_ERR_INDEX,
                     "ids[0] = 2, table v [2] has 2 rows");
    ck_assert_text((tl_declare_rows(NULL, 0, 0, NULL), 0), "declare_rows: the node is NULL");
    ck_assert_text((tl_declare_rows(leaf, 0, 0, NULL), 0), "declare_rows: the node is a leaf");
    ck_assert_text((tl_add_rows(NULL, 0, 0, NULL, NULL, NULL, NULL), 0), "add_rows: the node is NULL");
    ck_assert_text((tl_add_rows(&zeroed, 0, 0, NULL, NULL, NULL, NULL), 0), "add_rows: the node is a leaf");
    tl_graph_free(g);
    tl_pattern_release(p);
    tl_variable_free(v);
}
END_TEST

static const tl_trans odd = (tl_trans)INT_MIN;
static const tl_shape impossible = { .rank = INT_MIN };

/* They give NULL, as after an earlier failure. */
START_TEST(ops_without_an_input)
{
    ck_assert(!tl_sparse_dense_matmul(NULL, NULL, odd) && !tl_dense_sparse_matmul(NULL, NULL, odd));
    ck_assert(!tl_sparse_add(NULL, NULL) && !tl_sparse_to_dense(NULL, NULL) &&
              !tl_dense_to_sparse(NULL, NULL));
    ck_assert(!tl_embedding_lookup(NULL, NULL, impossible));
    ck_assert(!tl_embedding_lookup_padded(NULL, NULL, impossible, 0));
    ck_assert(!tl_embedding_lookup_partitioned(NULL, INT_MIN, NULL, impossible, (tl_partition)INT_MIN, NAN));
    ck_assert(!tl_embedding_lookup_sparse(NULL, NULL, NULL, (tl_combiner)INT_MIN));
    ck_assert(!tl_matmul(NULL, NULL) && !tl_matmul_transposed(NULL, NULL, odd));
    ck_assert(!tl_bias(NULL, NULL) && !tl_bias_relu(NULL, NULL) && !tl_add(NULL, NULL) &&
              !tl_sub(NULL, NULL));
    ck_assert(!tl_mul(NULL, NULL) && !tl_scale(NULL, 1) && !tl_relu(NULL) && !tl_tanh(NULL) &&
              !tl_sigmoid(NULL));
    ck_assert(!tl_reduce_sum(NULL, INT_MIN) && !tl_reduce_mean(NULL, INT_MIN) &&
              !tl_reshape(NULL, impossible));
    ck_assert(!tl_dropout(NULL, 0, NULL) && !tl_softmax_cross_entropy(NULL, NULL));
    ck_assert(!tl_softmax_cross_entropy_weighted(NULL, NULL, NULL));
    ck_assert(!tl_sigmoid_cross_entropy(NULL, NULL) && !tl_mse(NULL, NULL));
}
END_TEST

#define REFUSED(call)                                                                                        \
    do {                                                                                                     \
        ck_assert_msg((call) == NULL, "%s did not fail", #call);                                             \
        ck_assert_msg(tl_graph_status(g) != TL_OK, "%s left no error", #call);                               \
        tl_graph_reset(g);                                                                                   \
    } while (0)

/* With an input, they name what is missing. */
START_TEST(ops_with_an_input)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 2), 1);
    tl_pattern *p = tl_test_pattern(2, 2, 1, 1);
    tl_random r = { 0 };
    const int32_t id = 0;
    REFUSED(tl_sparse_dense_matmul(tl_dense_to_sparse(tl_use(g, v), p), tl_use(g, v), odd));
    REFUSED(tl_dense_sparse_matmul(tl_use(g, v), tl_dense_to_sparse(tl_use(g, v), p), odd));
    REFUSED(tl_dense_to_sparse(tl_use(g, v), NULL));
    REFUSED(tl_sparse_add(tl_dense_to_sparse(tl_use(g, v), p), NULL));
    REFUSED(tl_embedding_lookup(tl_use(g, v), NULL, TL_SHAPE(1)));
    REFUSED(tl_embedding_lookup(tl_use(g, v), &id, TL_SHAPE(INT64_MIN)));
    REFUSED(tl_embedding_lookup(tl_use(g, v), &id, impossible));
    REFUSED(tl_embedding_lookup_padded(tl_use(g, v), &id, impossible, 0));
    REFUSED(tl_embedding_lookup_partitioned((tl_node *[]){ tl_use(g, v) }, 1, &id, impossible, TL_DIV, 0));
    REFUSED(tl_embedding_lookup_sparse(tl_use(g, v), NULL, NULL, TL_SUM));
    REFUSED(tl_embedding_lookup_sparse(tl_use(g, v), &(tl_pattern_bag){ .n = INT64_MIN }, NULL, TL_SUM));
    REFUSED(tl_embedding_lookup_sparse(
        tl_use(g, v), &(tl_pattern_bag){ .n = 1, .row_ptr = (const int64_t[]){ 0, 1 } }, NULL, TL_SUM));
    REFUSED(tl_embedding_lookup_sparse(
        tl_use(g, v), &(tl_pattern_bag){ .n = 1, .row_ptr = (const int64_t[]){ 0, INT64_MIN }, .ids = &id },
        NULL, TL_SUM));
    REFUSED(tl_matmul(tl_use(g, v), NULL));
    REFUSED(tl_matmul_transposed(tl_use(g, v), tl_use(g, v), odd));
    REFUSED(tl_bias(tl_use(g, v), NULL));
    REFUSED(tl_bias_relu(NULL, tl_use(g, v)));
    REFUSED(tl_add(tl_use(g, v), NULL));
    REFUSED(tl_sub(NULL, tl_use(g, v)));
    REFUSED(tl_mul(tl_use(g, v), NULL));
    REFUSED(tl_reduce_sum(tl_use(g, v), INT_MIN));
    REFUSED(tl_reduce_mean(tl_use(g, v), INT_MAX));
    REFUSED(tl_reshape(tl_use(g, v), impossible));
    REFUSED(tl_reshape(tl_use(g, v), TL_SHAPE(INT64_MIN)));
    REFUSED(tl_dropout(tl_use(g, v), 0, NULL));
    REFUSED(tl_dropout(tl_use(g, v), (tl_real)NAN, &r));
    REFUSED(tl_softmax_cross_entropy(tl_use(g, v), NULL));
    REFUSED(tl_sigmoid_cross_entropy(tl_use(g, v), NULL));
    REFUSED(tl_mse(NULL, tl_use(g, v)));
    ck_assert_uint_eq(r.position, 0);
    tl_graph_free(g);
    tl_pattern_release(p);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("arguments_ops");
    TCase *c = tl_test_case(s, "arguments_ops");
    tcase_add_test(c, graphs);
    tcase_add_test(c, calls_of_ops);
    tcase_add_test(c, calls_of_ops_on_matrices);
    tcase_add_test(c, ops_without_an_input);
    tcase_add_test(c, ops_with_an_input);
    return s;
}
