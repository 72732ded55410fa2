/* What ops state of themselves: names and attributes of all that have some, of nodes and of failed ones. */
#include "describe.h"
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>

/* ---- A receiver that writes everything down ---- */

static void write_name(void *out, const char *name)
{
    fprintf(out, "<%s>", name);
}

static void write_integer(void *out, const char *attribute, int64_t value)
{
    fprintf(out, " %s=%lld", attribute, (long long)value);
}

static void write_number(void *out, const char *attribute, double value)
{
    fprintf(out, " %s=%g", attribute, value);
}

static void write_boolean(void *out, const char *attribute, bool value)
{
    fprintf(out, " %s=%s", attribute, value ? "true" : "false");
}

static void write_text(void *out, const char *attribute, const char *value)
{
    fprintf(out, " %s='%s'", attribute, value);
}

static void write_shape(void *out, const char *attribute, tl_shape value)
{
    fprintf(out, " %s=%s", attribute, tl_shape_text(value).text);
}

static void check_node(const tl_node *a, const char *expected)
{
    char text[500] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    tl_description to = {
        out, write_name, write_integer, write_number, write_boolean, write_text, write_shape
    };
    ck_assert_ptr_nonnull(a);
    ck_assert_ok(tl_node_describe(a, &to));
    fclose(out);
    ck_assert_str_eq(text, expected);
}

static const tl_real numbers[24] = { 1 };

/* ---- Built-in ops ---- */

START_TEST(dense_ops)
{
    tl_graph *g = tl_graph_new();
    tl_random r = { .seed = 1 };
    tl_node *a = tl_input(g, TL_SHAPE(3, 4), numbers), *b = tl_input(g, TL_SHAPE(3, 4), numbers);
    tl_node *row = tl_input(g, TL_SHAPE(4), numbers), *cube = tl_input(g, TL_SHAPE(2, 3, 4), numbers);
    check_node(a, "");
    check_node(tl_add(a, b), "<Add>");
    check_node(tl_sub(a, b), "<Sub>");
    check_node(tl_mul(a, b), "<Mul>");
    check_node(tl_bias(a, row), "<Add>");
    check_node(tl_bias_relu(a, row), "");
    check_node(tl_scale(a, (tl_real)-0.5), " factor=-0.5");
    check_node(tl_relu(a), "<Relu>");
    check_node(tl_tanh(a), "<Tanh>");
    check_node(tl_sigmoid(a), "<Sigmoid>");
    check_node(tl_reduce_sum(a, 1), "<ReduceSum> axis=1");
    check_node(tl_reduce_mean(a, TL_ALL_AXES), "<ReduceMean> axis='all'");
    check_node(tl_reshape(a, TL_SHAPE(2, 6)), "<Reshape> shape=2x6");
    check_node(tl_reshape(a, TL_SHAPE(12)), "<Reshape> shape=[12]");
    check_node(tl_dropout(a, (tl_real)0.1, &r), "<Dropout> p=0.1");
    check_node(tl_matmul_transposed(a, b, TL_TRANSPOSE_A), "<Gemm> transpose='a'");
    check_node(tl_matmul_transposed(a, b, TL_TRANSPOSE_B), "<Gemm> transpose='b'");
    check_node(tl_matmul_transposed(cube, b, TL_TRANSPOSE_B), " transpose='b'");
    check_node(tl_matmul_transposed(a, cube, TL_TRANSPOSE_A), " transpose='a'");
    check_node(tl_matmul(cube, tl_reshape(a, TL_SHAPE(4, 3))), "<MatMul>");
    check_node(tl_mse(a, b), "");
    check_node(tl_sigmoid_cross_entropy(a, b), "");
    const int32_t labels[] = { 0, 3, 2 };
    check_node(tl_softmax_cross_entropy(a, labels), "<SoftmaxCrossEntropyLoss>");
    check_node(tl_softmax_cross_entropy_weighted(a, labels, numbers), " weighted=true");
    tl_cross_entropy_options o = { .class_weights = numbers, .ignore = 2, .has_ignore = true };
    check_node(tl_softmax_cross_entropy_with(a, labels, &o),
               "<SoftmaxCrossEntropyLoss> class_weights=true ignore_index=2");
    o = (tl_cross_entropy_options){ .smoothing = 0.5, .per_row = true };
    check_node(tl_softmax_cross_entropy_with(a, labels, &o), " label_smoothing=0.5 reduction='none'");
    o = (tl_cross_entropy_options){ .per_row = true };
    check_node(tl_nll_with(a, labels, &o), "<NegativeLogLikelihoodLoss> reduction='none'");
    check_node(tl_sigmoid_cross_entropy_weighted(a, b, 2), " positive_weight=2");
    check_node(tl_huber(a, b, 0.5f), " delta=0.5");
    tl_graph_free(g);
}
END_TEST

START_TEST(functions_of_elements)
{
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3, 4), numbers);
    check_node(tl_div(a, a), "<Div>");
    check_node(tl_maximum(a, a), "<Max>");
    check_node(tl_minimum(a, a), "<Min>");
    check_node(tl_add_constant(a, (tl_real)0.5), " c=0.5");
    check_node(tl_neg(a), "<Neg>");
    check_node(tl_abs(a), "<Abs>");
    check_node(tl_clamp(a, (tl_real)-1.5, 2), "<Clip> min=-1.5 max=2");
    check_node(tl_reciprocal(a), "<Reciprocal>");
    check_node(tl_square(a), "");
    check_node(tl_sqrt(a), "<Sqrt>");
    check_node(tl_pow(a, (tl_real)2.5), "<Pow> exponent=2.5");
    check_node(tl_exp(a), "<Exp>");
    check_node(tl_expm1(a), "");
    check_node(tl_log(a), "<Log>");
    check_node(tl_log1p(a), "");
    check_node(tl_sin(a), "<Sin>");
    check_node(tl_cos(a), "<Cos>");
    check_node(tl_erf(a), "<Erf>");
    check_node(tl_leaky_relu(a, (tl_real)0.25), "<LeakyRelu> alpha=0.25");
    check_node(tl_elu(a, (tl_real)0.5), "<Elu> alpha=0.5");
    check_node(tl_softplus(a), "<Softplus>");
    check_node(tl_silu(a), "");
    check_node(tl_gelu(a), "<Gelu> approximate='none'");
    check_node(tl_gelu_tanh(a), "<Gelu> approximate='tanh'");
    check_node(tl_stop_gradient(a), "<Identity>");
    tl_graph_free(g);
}
END_TEST

START_TEST(functions_of_rows)
{
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3, 4), numbers), *row = tl_input(g, TL_SHAPE(4), numbers),
            *cube = tl_input(g, TL_SHAPE(2, 3, 4), numbers);
    check_node(tl_reduce_max(a, 1), "<ReduceMax> axis=1");
    check_node(tl_reduce_logsumexp(a, TL_ALL_AXES), "<ReduceLogSumExp> axis='all'");
    check_node(tl_softmax(cube), "<Softmax> axis=2");
    check_node(tl_log_softmax(cube), "<LogSoftmax> axis=2");
    check_node(tl_layer_norm(cube, row, NULL, 0.5), "<LayerNormalization> axis=2 epsilon=0.5");
    check_node(tl_rms_norm(cube, row, 0.5), "<RMSNormalization> axis=2 epsilon=0.5");
    check_node(tl_batch_norm(a, NULL, NULL,
                             &(tl_batch_norm_options){ .momentum = 0.25, .epsilon = 0.5, .training = true }),
               "<BatchNormalization> epsilon=0.5 momentum=0.25 training=true");
    const int64_t row_ptr[] = { 0, 1, 3 };
    check_node(tl_segment_sum(a, row_ptr, 2), " segments=2");
    check_node(tl_segment_mean(a, row_ptr, 2), " segments=2");
    check_node(tl_segment_max(a, row_ptr, 2), " segments=2");
    tl_graph_free(g);
}
END_TEST

START_TEST(windows_over_images)
{
    static const tl_real image[2 * 2 * 6 * 7] = { 1 };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_pattern_random(3, 12, 0.5, 1);
    tl_node *x = tl_input(g, TL_SHAPE(2, 2, 6, 7), image), *w = tl_input(g, TL_SHAPE(4, 1, 2, 3), image);
    const tl_conv_options conv = { { 1, 2 }, { 0, 1 }, { 2, 1 }, 2 };
    check_node(tl_conv2d(x, w, &conv),
               "<Conv> kernel_shape=2x3 strides=1x2 pads=0x1x0x1 dilations=2x1 group=2");
    const tl_sparse_conv_options sparse = { { 2, 3 }, { 1, 2 }, { 0, 1 }, { 2, 1 } };
    check_node(tl_sparse_conv2d(x, tl_input_sparse(g, p, numbers), &sparse),
               " kernel_shape=2x3 strides=1x2 pads=0x1x0x1 dilations=2x1");
    const tl_pool_options pool = { { 3, 2 }, { 0, 1 }, { 1, 0 }, true };
    check_node(tl_max_pool2d(x, &pool), "<MaxPool> kernel_shape=3x2 strides=3x1 pads=1x0x1x0 dilations=1x1");
    check_node(
        tl_avg_pool2d(x, &pool),
        "<AveragePool> kernel_shape=3x2 strides=3x1 pads=1x0x1x0 dilations=1x1 count_include_pad=true");
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

START_TEST(moves)
{
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3, 4), numbers), *images = tl_input(g, TL_SHAPE(1, 2, 3, 4), numbers);
    const int64_t before[] = { 1, 2, 3, 4 }, after[] = { 5, 6, 7, 8 };
    check_node(tl_broadcast_to(a, TL_SHAPE(2, 3, 4)), "<Expand> shape=2x3x4");
    check_node(tl_concat(&a, 1, 1), "<Concat> axis=1");
    check_node(tl_slice(a, 1, 2, 3), "<Slice> axis=1 begin=2 end=3");
    check_node(tl_pad(a, before, after, (tl_real)0.5), "<Pad> before=1x2 after=5x6 value=0.5");
    check_node(tl_pad(images, before, after, 0), "<Pad> before=1x2x3x4 after=5x6x7x8 value=0");
    check_node(tl_permute(a, (int32_t[]){ 0, 1 }), "<Transpose> perm=0x1");
    check_node(tl_permute(images, (int32_t[]){ 2, 0, 3, 1 }), "<Transpose> perm=2x0x3x1");
    check_node(tl_tril(a, -2, 0), "<Trilu> upper=0 k=-2");
    check_node(tl_tril(a, 1, (tl_real)0.5), " value=0.5 k=1");
    check_node(tl_transpose(a), "<Transpose> perm=1x0");
    check_node(tl_transpose(images), "<Transpose> perm=0x1x3x2");
    tl_graph_free(g);
}
END_TEST

START_TEST(sparse_ops_and_lookups)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_pattern_random(3, 4, 0.5, 1);
    tl_node *s = tl_input_sparse(g, p, numbers), *a = tl_input(g, TL_SHAPE(4, 3), numbers);
    check_node(tl_sparse_dense_matmul(s, a, TL_NO_TRANSPOSE), "");
    check_node(tl_sparse_dense_matmul(s, a, TL_TRANSPOSE_BOTH), " transpose='both'");
    check_node(tl_dense_sparse_matmul(a, s, TL_TRANSPOSE_BOTH), " transpose='both'");
    check_node(tl_sampled_matmul(a, tl_input(g, TL_SHAPE(4, 4), numbers), p, TL_TRANSPOSE_BOTH),
               " transpose='both'");
    check_node(tl_sparse_add_thresholded(s, s, (tl_real)0.5), " threshold=0.5");
    check_node(tl_sparse_to_dense(s, NULL), "");
    check_node(tl_embedding_lookup(a, (int32_t[]){ 3, 0, 0, 1 }, TL_SHAPE(2, 2)), "<Gather> ids=2x2");
    check_node(tl_embedding_lookup_padded(a, (int32_t[]){ 3, -1 }, TL_SHAPE(2), -1),
               " ids=[2] padding_id=-1");
    check_node(tl_embedding_lookup_partitioned(&a, 1, (int32_t[]){ 3 }, TL_SHAPE(1), TL_MOD, 0),
               " ids=[1] strategy='mod'");
    check_node(tl_embedding_lookup_partitioned(&a, 1, (int32_t[]){ 3 }, TL_SHAPE(1), TL_DIV, 0.5),
               " ids=[1] strategy='div' max_norm=0.5");
    const tl_pattern_bag bags = { .n = 2,
                                  .row_ptr = (int64_t[]){ 0, 1, 3 },
                                  .ids = (int32_t[]){ 3, -1, 0 },
                                  .has_padding = true,
                                  .padding_id = -1 };
    tl_node *weights = tl_input(g, TL_SHAPE(3), numbers);
    check_node(tl_embedding_lookup_sparse(a, &bags, weights, TL_SQRTN),
               " combiner='sqrtn' bags=2 ids=3 padding_id=-1");
    check_node(tl_embedding_lookup_sparse(a, &bags, NULL, TL_MAX),
               " combiner='max' bags=2 ids=3 padding_id=-1");
    check_node(tl_embedding_lookup_sparse(a, &bags, NULL, TL_MIN),
               " combiner='min' bags=2 ids=3 padding_id=-1");
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

/* ---- The calls themselves ---- */

/* Ids like these are gone when a failed graph is printed: they are not looked at. */
static void fail_with_local_arrays(tl_graph *g)
{
    const int64_t row_ptr[] = { 0, 2 };
    const int32_t ids[] = { 0, 7 };
    tl_embedding_lookup_sparse(tl_input(g, TL_SHAPE(3, 4), numbers),
                               &(tl_pattern_bag){ .n = 1, .row_ptr = row_ptr, .ids = ids }, NULL,
                               (tl_combiner)9);
}

static void check_printed(tl_graph *g, const char *expected)
{
    char text[500] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    ck_assert_ok(tl_graph_print(g, out));
    fclose(out);
    const char *last = strstr(text, expected);
    ck_assert_msg(last, "%s is not in:\n%s", expected, text);
    tl_graph_reset(g);
}

START_TEST(failed_ops)
{
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3, 4), numbers);
    tl_reduce_sum(a, 7);
    check_printed(g, "%1 = reduce_sum(%0), axis = 7 : failed\n");
    a = tl_input(g, TL_SHAPE(3, 4), numbers);
    tl_matmul_transposed(a, a, (tl_trans)5);
    check_printed(g, "%1 = matmul(%0, %0), transpose = 5 : failed\n");
    a = tl_input(g, TL_SHAPE(3, 4), numbers);
    tl_embedding_lookup_partitioned(&a, 1, NULL, TL_SHAPE(0), (tl_partition)2, 0);
    check_printed(g, "%1 = embedding_lookup_partitioned(%0), ids = [0] : failed\n");
    fail_with_local_arrays(g);
    check_printed(g, "%1 = embedding_lookup_sparse(%0, -), bags = 1 : failed\n");
    a = tl_input(g, TL_SHAPE(3, 4), numbers);
    tl_reshape(a, TL_SHAPE(5)); /* fails after it declared a shape */
    check_printed(g, "%1 = reshape(%0), shape = [5] : failed\n");
    tl_transpose(tl_input(g, TL_SHAPE(3), numbers));
    check_printed(g, "%1 = transpose(%0) : failed\n");
    tl_permute(tl_input(g, TL_SHAPE(3, 4), numbers), (int32_t[]){ 1, 1 });
    check_printed(g, "%1 = permute(%0) : failed\n");
    tl_pad(tl_input(g, TL_SHAPE(3), numbers), (int64_t[]){ -1 }, (int64_t[]){ 0 }, 2);
    check_printed(g, "%1 = pad(%0), value = 2 : failed\n");
    tl_pattern *p = tl_pattern_random(3, 4, 0.5, 1);
    a = tl_input_sparse(g, p, numbers);
    tl_matmul(a, a); /* fails before it has attributes */
    check_printed(g, "%1 = matmul(%0, %0) : failed\n");
    tl_pattern_release(p);
    tl_graph_free(g);
}
END_TEST

/* Windows are not stated where they were not found. */
START_TEST(failed_windows)
{
    tl_graph *g = tl_graph_new();
    tl_avg_pool2d(tl_input(g, TL_SHAPE(3), numbers), NULL);
    check_printed(g, "%1 = avg_pool2d(%0), count_include_pad = false : failed\n");
    tl_max_pool2d(tl_input(g, TL_SHAPE(3), numbers), NULL);
    check_printed(g, "%1 = max_pool2d(%0) : failed\n");
    tl_node *a = tl_input(g, TL_SHAPE(3), numbers);
    tl_conv2d(a, a, NULL);
    check_printed(g, "%1 = conv2d(%0, %0) : failed\n");
    tl_pattern *p = tl_pattern_random(3, 4, 0.5, 1);
    a = tl_input(g, TL_SHAPE(3), numbers);
    tl_sparse_conv2d(a, tl_input_sparse(g, p, numbers), NULL);
    check_printed(g, "%2 = sparse_conv2d(%0, %1) : failed\n");
    tl_pattern_release(p);
    tl_graph_free(g);
}
END_TEST

/* Every attribute of an op of a user's, texts that must be escaped among them, and mistakes. */
static void describe_all(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_name(to, "A\"");
    tl_describe_integer(to, "i", INT64_MIN);
    tl_describe_number(to, "n", 1e-300);
    tl_describe_boolean(to, "yes", true);
    tl_describe_boolean(to, "no", false);
    tl_describe_text(to, "te\nxt", "a \"b\"\n");
    tl_describe_shape(to, "s", TL_SHAPE());
    tl_describe_text(to, "none", NULL);
    tl_describe_integer(to, NULL, 1);
    tl_describe_name(to, NULL);
    tl_describe_name(NULL, "B");
}

static tl_status like_shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void copy(tl_node *y)
{
    memcpy(y->out, y->in[0]->val, (size_t)y->size * sizeof *y->out);
}

START_TEST(user_op)
{
    static const tl_op op = {
        .name = "user", .n_in = 1, .shape = like_shape, .forward = copy, .describe = describe_all
    };
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(2), numbers), *y = tl_apply(&op, &a, NULL, 0);
    check_node(y, "<A\"> i=-9223372036854775808 n=1e-300 yes=true no=false te\nxt='a \"b\"\n' s=scalar");
    char text[1000] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    ck_assert_ok(tl_graph_dot(g, out));
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text,
                                 "  n1 [label=\"user\\ni = -9223372036854775808\\nn = 1e-300\\nyes = true\\n"
                                 "no = false\\nte xt = a \\\"b\\\" \\ns = scalar\\n[2]\"];\n"));
    tl_description nothing = { 0 }; /* a receiver that wants nothing */
    ck_assert_ok(tl_node_describe(y, &nothing));
    check_printed(g, "%1 = user(%0), i = -9223372036854775808, n = 1e-300, yes = true, no = false, "
                     "te xt = a \"b\" , s = scalar : [2]\n");
    tl_graph_free(g);
}
END_TEST

START_TEST(walk_and_refusals)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_description to = { 0 };
    ck_assert_ptr_null(tl_graph_first(g));
    tl_node *a = tl_use(g, v), *b = tl_scale(a, 2);
    ck_assert_ptr_eq(tl_graph_first(g), a);
    ck_assert_ptr_eq(tl_node_next(a), b);
    ck_assert_ptr_null(tl_node_next(b));
    ck_assert_int_eq(tl_node_number(b), 1);
    ck_assert_ptr_eq(tl_variable_of(a), v);
    ck_assert_ptr_null(tl_variable_of(b));
    ck_assert_ptr_null(tl_graph_first(NULL));
    ck_assert_ptr_null(tl_node_next(NULL));
    ck_assert_ptr_null(tl_variable_of(NULL));
    ck_assert_int_eq(tl_node_number(NULL), -1);
    ck_assert_status(tl_node_describe(NULL, &to), TL_ERR_ARGUMENT, "node_describe: the node is NULL");
    ck_assert_status(tl_node_describe(a, NULL), TL_ERR_ARGUMENT, "node_describe: the description is NULL");
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("describe");
    TCase *c = tl_test_case(s, "describe");
    tcase_add_test(c, dense_ops);
    tcase_add_test(c, functions_of_elements);
    tcase_add_test(c, functions_of_rows);
    tcase_add_test(c, windows_over_images);
    tcase_add_test(c, moves);
    tcase_add_test(c, sparse_ops_and_lookups);
    tcase_add_test(c, failed_ops);
    tcase_add_test(c, failed_windows);
    tcase_add_test(c, user_op);
    tcase_add_test(c, walk_and_refusals);
    return s;
}
