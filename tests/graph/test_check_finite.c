/* The checking mode: the first op whose output or gradient is not finite fails the step, and says where. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST (TL_IS_DOUBLE ? (tl_real)1.5e308 : (tl_real)3e38)

static tl_graph *checking(void)
{
    tl_graph *g = tl_graph_new();
    tl_graph_check_finite(g, true);
    return g;
}

/* ---- Ops of an author's: logarithm and quotient ---- */

static tl_status like_first(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void log_forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = (tl_real)log((double)y->in[0]->val[k]);
}

static void log_backward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->in[0]->grad[k] += y->grad[k] / y->in[0]->val[k];
}

static void div_forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = y->in[0]->val[k] == 0 ? 0 : y->in[0]->val[k] / y->in[1]->val[k];
}

static void div_backward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++) {
        if (y->in[0]->grad)
            y->in[0]->grad[k] += 1;
        if (y->in[1]->grad)
            y->in[1]->grad[k] -= y->grad[k] * y->in[0]->val[k] / (y->in[1]->val[k] * y->in[1]->val[k]);
    }
}

static const tl_op log_op = { .name = "log",
                              .n_in = 1,
                              .in_kind = { TL_ANY },
                              .shape = like_first,
                              .forward = log_forward,
                              .backward = log_backward };
static const tl_op div_op = {
    .name = "div", .n_in = 2, .shape = like_first, .forward = div_forward, .backward = div_backward
};
static const tl_op first_op = {
    .name = "first", .min_in = 1, .max_in = INT32_MAX, .shape = like_first, .forward = log_forward
};

/* A dense variable of these values. */
static tl_variable *variable(const char *name, tl_shape shape, const tl_real *values)
{
    tl_variable *v = tl_variable_dense(name, shape);
    memcpy(tl_variable_data(v), values, (size_t)tl_variable_size(v) * sizeof *values);
    return v;
}

/* ---- Outputs ---- */

START_TEST(outputs)
{
    static const tl_real one[12] = { 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1 };
    tl_graph *g = checking();
    tl_variable *w = variable("w", TL_SHAPE(3, 4), one);
    tl_node *a = tl_use(g, w);
    ck_assert_ptr_null(tl_apply(&log_op, &a, NULL, 0));
    ck_assert_str_eq(tl_error(), "log: the output is not finite: y[3] = -inf, of input 0 (w, 3x4)");
    ck_assert_refused(g, tl_relu(tl_apply(&log_op, &a, NULL, 0)), TL_ERR_NUMERIC,
                      "log: the output is not finite: y[3] = -inf, of input 0 (w, 3x4)");
    const tl_real minus[3] = { 1, -1, 0 }; /* the first, and without a sign */
    a = tl_input(g, TL_SHAPE(3), minus);
    ck_assert_refused(g, tl_apply(&log_op, &a, NULL, 0), TL_ERR_NUMERIC,
                      "log: the output is not finite: y[1] = nan, of input 0 ([3])");
    const tl_real large[2] = { MOST, 1 };
    a = tl_input(g, TL_SHAPE(2), large); /* several inputs */
    ck_assert_refused(g, tl_add(a, tl_scale(a, 1)), TL_ERR_NUMERIC,
                      "add: the output is not finite: y[0] = inf, of inputs 0 ([2]), 1 ([2])");
    a = tl_use(g, w);
    tl_node *many[] = { tl_input(g, TL_SHAPE(3), minus), a, a, a, a, a };
    ck_assert_refused(g, tl_apply_list(&first_op, 6, many, NULL, 0), TL_ERR_ARGUMENT,
                      "first: input 1 (w, 3x4) requires a gradient, and the op has none for it");
    a = tl_input(g, TL_SHAPE(3), minus);
    ck_assert_refused(
        g, tl_apply_list(&first_op, 6, (tl_node *[]){ a, a, a, a, a, a }, NULL, 0), TL_ERR_NUMERIC,
        "first: the output is not finite: y[1] = nan, of inputs 0 ([3]), 1 ([3]), 2 ([3]), 3 ([3]) "
        "and 2 more");
    tl_pattern *p = tl_pattern_from_mask(2, 3, (const uint8_t[]){ 0, 1, 1, 0, 0, 1 });
    a = tl_input_sparse(g, p, minus); /* an absent entry is not looked at */
    ck_assert_refused(g, tl_apply(&log_op, &a, NULL, 0), TL_ERR_NUMERIC,
                      "log: the output is not finite: y[1] = nan, of input 0 (2x3)");
    tl_pattern_release(p);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* Variables and constants are not results: the op that reads them is told of, with the value that it read. */
START_TEST(inputs_that_are_not_finite)
{
    tl_graph *g = checking();
    const tl_real x[6] = { 1, 2, (tl_real)NAN, 4, 5, (tl_real)INFINITY };
    tl_variable *w = variable("w", TL_SHAPE(3, 1), (tl_real[]){ 1, -(tl_real)INFINITY, 1 });
    tl_node *in = tl_input(g, TL_SHAPE(2, 3), x);
    ck_assert_refused(g, tl_matmul(in, tl_use(g, w)), TL_ERR_NUMERIC,
                      "matmul: the output is not finite: y[0] = nan, of inputs 0 (2x3, with [2] = nan), "
                      "1 (w, 3x1, with [1] = -inf)");
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* -Inf that a mask, an op's constant or an op that read such a one puts there; not that of a variable. */
START_TEST(excluded_elements)
{
    const tl_real minus = -(tl_real)INFINITY, mask[3] = { 0, minus, 0 }, bad[3] = { minus, (tl_real)NAN, 0 };
    tl_graph *g = checking();
    tl_variable *w = variable("w", TL_SHAPE(1, 3, 3), (tl_real[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 });
    tl_node *a = tl_use(g, w), *hidden = tl_tril(a, 0, minus);
    tl_gradients out;
    ck_assert_ptr_nonnull(tl_softmax(tl_scale(hidden, 2)));
    ck_assert_ptr_nonnull(tl_pad(tl_use(g, w), (int64_t[]){ 0, 0, 1 }, (int64_t[]){ 0, 0, 0 }, minus));
    const tl_attention_options o = { .causal = true, .mask = tl_input(g, TL_SHAPE(3), mask) };
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_attention(a, a, a, &o), TL_ALL_AXES), &out));
    ck_assert_refused(g, tl_add(tl_tril(tl_use(g, w), 0, minus), tl_input(g, TL_SHAPE(3), bad)),
                      TL_ERR_NUMERIC,
                      "add: the output is not finite: y[1] = nan, of inputs 0 (1x3x3, with [1] = -inf), "
                      "1 ([3], with [0] = -inf)");
    tl_variable_data(w)[4] = minus;
    ck_assert_refused(g, tl_scale(tl_use(g, w), 1), TL_ERR_NUMERIC,
                      "scale: the output is not finite: y[4] = -inf, of input 0 (w, 1x3x3, with [4] = -inf)");
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* The last of many elements, at each end of a chunk. */
START_TEST(every_element)
{
    enum { N = 3 * 4096 + 5 };
    static tl_real x[N];
    static const int64_t at[] = { 0, 1, 4095, 4096, 4097, 8191, 2 * 4096, N - 6, N - 1 };
    tl_graph *g = checking();
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        char text[200];
        x[at[i]] = (tl_real)INFINITY;
        snprintf(text, sizeof text,
                 "scale: the output is not finite: y[%lld] = inf, of input 0 ([%d], with [%lld] = inf)",
                 (long long)at[i], N, (long long)at[i]);
        ck_assert_refused(g, tl_scale(tl_input(g, TL_SHAPE(N), x), 1), TL_ERR_NUMERIC, text);
        x[at[i]] = 0;
    }
    ck_assert_ptr_nonnull(tl_scale(tl_input(g, TL_SHAPE(N), x), 1));
    ck_assert_ptr_nonnull(tl_scale(tl_input(g, TL_SHAPE(0), NULL), 1));
    tl_graph_free(g);
}
END_TEST

/* ---- Gradients ---- */

START_TEST(dense_gradients)
{
    tl_graph *g = checking();
    tl_gradients out;
    tl_variable *a = variable("a", TL_SHAPE(3), (tl_real[]){ 1, 1, 0 });
    tl_variable *b = variable("b", TL_SHAPE(3), (tl_real[]){ 1, 1, 0 });
    tl_node *in[] = { tl_use(g, a), tl_use(g, b) };
    tl_node *loss = tl_reduce_sum(tl_apply(&div_op, in, NULL, 0), TL_ALL_AXES);
    const char *text = "div: the gradient of input 1 (b, [3]) is not finite: [2] = nan";
    ck_assert_status(tl_backward(loss, &out), TL_ERR_NUMERIC, text);
    ck_assert_str_eq(tl_graph_error(g), text);
    ck_assert_int_eq(out.n, 0);
    tl_graph_reset(g);
    in[0] = tl_use(g, a);
    in[1] = tl_use(g, b);
    loss = tl_reduce_sum(tl_apply(&div_op, in, NULL, 0), TL_ALL_AXES);
    ck_assert_ok(tl_backward_for(loss, &a, 1, &out)); /* nobody wants the other one */
    tl_graph_reset(g);
    tl_node *x = tl_use(g,
                        b); /* a sum of gradients that are finite each: of two ops, and overwritten before */
    tl_node *y = tl_scale(tl_reduce_sum(x, TL_ALL_AXES), MOST);
    loss = tl_sub(tl_add(y, tl_scale(tl_reduce_sum(x, TL_ALL_AXES), MOST)), tl_scale(y, 1));
    ck_assert_ptr_null(loss);
    tl_graph_reset(g);
    x = tl_scale(tl_use(g, a), 0);
    loss = tl_add(tl_reduce_sum(tl_scale(x, MOST), TL_ALL_AXES),
                  tl_reduce_sum(tl_scale(x, MOST), TL_ALL_AXES));
    ck_assert_status(tl_backward(loss, &out), TL_ERR_NUMERIC,
                     "scale: the gradient of input 0 ([3]) is not finite: [0] = inf");
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph_reset(g);
    in[0] = tl_use(g, a);
    in[1] = tl_use(g, b);
    ck_assert_status(tl_minimize(sgd, tl_reduce_sum(tl_apply(&div_op, in, NULL, 0), TL_ALL_AXES)),
                     TL_ERR_NUMERIC, text); /* before the optimizer's policy is asked */
    ck_assert_values(tl_variable_values(a), 3, 0, 1, 1, 0);
    tl_optimizer_free(sgd);
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* A bag with a weight so large that a row's gradient overflows; a row whose gradients overflow in sum. */
START_TEST(row_sparse_gradients)
{
    const tl_real huge = (tl_real)(TL_IS_DOUBLE ? 1e300 : 1e30);
    tl_graph *g = checking();
    tl_gradients out;
    tl_variable *t = variable("t", TL_SHAPE(4, 2), (tl_real[8]){ 0 });
    const tl_pattern_bag bags = { .n = 1, .row_ptr = (int64_t[]){ 0, 2 }, .ids = (int32_t[]){ 3, 1 } };
    for (int dense = 0; dense < 2;
         dense++, tl_graph_reset(g)) { /* also where rows go into a dense gradient */
        tl_node *weights = tl_constant(g, TL_SHAPE(2), (tl_real[]){ 1, huge });
        tl_node *y = tl_embedding_lookup_sparse(tl_use(g, t), &bags, weights, TL_SUM);
        tl_node *loss = tl_reduce_sum(tl_mul(y, tl_constant(g, TL_SHAPE(2), (tl_real[]){ 1, -huge })),
                                      TL_ALL_AXES);
        if (dense)
            loss = tl_add(loss, tl_reduce_sum(tl_use(g, t), TL_ALL_AXES));
        ck_assert_status(
            tl_backward(loss, &out), TL_ERR_NUMERIC,
            "embedding_lookup_sparse: the gradient of input 0 (t, 4x2) is not finite: [3] = -inf");
    }
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    for (int minimized = 0; minimized < 2; minimized++, tl_graph_reset(g)) { /* also by references */
        tl_node *y = tl_embedding_lookup(tl_use(g, t), (int32_t[]){ 0, 2, 2 }, TL_SHAPE(3));
        const tl_real c[] = { 1, 1, MOST, 1, MOST, 1 };
        tl_node *loss = tl_reduce_sum(tl_mul(y, tl_constant(g, TL_SHAPE(3, 2), c)), TL_ALL_AXES);
        ck_assert_status(minimized ? tl_minimize(sgd, loss) : tl_backward(loss, &out), TL_ERR_NUMERIC,
                         "backward: the gradient of t (4x2) is not finite: [4] = inf, a sum of finite rows");
    }
    tl_optimizer_free(sgd);
    tl_graph_free(g);
    tl_variable_free(t);
}
END_TEST

/* ---- The switch ---- */

/* Returns whether a graph fails with an output that is not finite. */
static bool checks(tl_graph *g)
{
    static const tl_real x[] = { (tl_real)INFINITY };
    const bool failed = !tl_relu(tl_input(g, TL_SHAPE(1), x));
    ck_assert_int_eq(tl_graph_status(g), failed ? TL_ERR_NUMERIC : TL_OK);
    tl_graph_reset(g);
    return failed;
}

START_TEST(switched)
{
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    ck_assert(!checks(g));
    tl_graph_check_finite(g, true);
    ck_assert(checks(g) && checks(g)); /* after a reset, too */
    ck_assert(!checks(other));
    tl_graph_trim(g, 0);
    ck_assert(checks(g));
    tl_graph_check_finite(g, false);
    ck_assert(!checks(g));
    tl_graph_check_finite(NULL, true);
    tl_graph_free(g);
    tl_graph_free(other);
}
END_TEST

/* Returns whether a process with this TULLE_CHECK_FINITE checks; a later value is not read. */
static bool checks_with(const char *value)
{
    fflush(NULL);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (value)
            setenv("TULLE_CHECK_FINITE", value, 1);
        else
            unsetenv("TULLE_CHECK_FINITE");
        tl_graph *g = tl_graph_new();
        const bool first = checks(g);
        setenv("TULLE_CHECK_FINITE", first ? "0" : "1", 1);
        tl_graph *second = tl_graph_new();
        const bool same = checks(second) == first;
        tl_graph_check_finite(second, !first); /* the call has the last word */
        const bool last = checks(second) == !first;
        tl_graph_free(g);
        tl_graph_free(second);
        _exit(same && last ? first : 2);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 1;
}

/* The first test of its file: where tests do not fork, no other may have read the variable before. */
START_TEST(environment)
{
    static const char *const ignored[] = { NULL, "", "0", "2", "yes", "1 ", "01", "-1" };
    ck_assert(checks_with("1"));
    for (size_t k = 0; k < sizeof ignored / sizeof *ignored; k++)
        ck_assert(!checks_with(ignored[k]));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("check_finite");
    TCase *c = tl_test_case(s, "check_finite");
    tcase_add_test(c, environment);
    tcase_add_test(c, outputs);
    tcase_add_test(c, inputs_that_are_not_finite);
    tcase_add_test(c, excluded_elements);
    tcase_add_test(c, every_element);
    tcase_add_test(c, dense_gradients);
    tcase_add_test(c, row_sparse_gradients);
    tcase_add_test(c, switched);
    return s;
}
