/* sparse_to_dense: Y = fill everywhere, then S at its pattern */
#include "tests/testing.h"

#include <math.h>

/* `fixed` is the one that enters as a constant, or NULL; fill NULL: none. */
typedef struct spread {
    tl_variable *s, *fill, *fixed;
} spread;

static tl_node *leaf(tl_graph *g, tl_variable *v, const tl_variable *fixed)
{
    if (v != fixed)
        return tl_use(g, v);
    if (tl_variable_is_sparse(v))
        return tl_input_sparse(g, tl_variable_pattern(v), tl_variable_data(v));
    return tl_input(g, tl_variable_shape(v), tl_variable_data(v));
}

static tl_node *build(tl_graph *g, void *context)
{
    const spread *c = context;
    tl_node *s = leaf(g, c->s, c->fixed), *fill = c->fill ? leaf(g, c->fill, c->fixed) : NULL;
    return tl_sparse_to_dense(s, fill);
}

/* With a fill, times without: both inputs in more than one place. */
static tl_node *build_twice(tl_graph *g, void *context)
{
    const spread *c = context;
    tl_node *s = tl_use(g, c->s), *fill = tl_use(g, c->fill);
    return tl_mul(tl_add(tl_sparse_to_dense(s, fill), fill), tl_sparse_to_dense(s, NULL));
}

/* The sum of U Y: its gradient with respect to Y is U. */
static tl_node *against(tl_node *y, const tl_real *u)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    return tl_reduce_sum(tl_mul(y, tl_input(y->graph, y->shape, u)), TL_ALL_AXES);
}

static tl_variable *scalar(tl_real value)
{
    tl_variable *v = tl_variable_dense("fill", TL_SHAPE());
    tl_variable_data(v)[0] = value;
    return v;
}

/* S = [. 0 5; NaN . .]: a zero and a NaN that are there lie over the fill. */
static const int64_t row_ptr[] = { 0, 2, 3 };
static const int32_t col[] = { 1, 2, 0 };
static const tl_real entries[] = { 0, 5, NAN };

START_TEST(by_hand)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_pattern_from_csr(2, 3, row_ptr, col);
    tl_node *s = tl_input_sparse(g, p, entries);
    tl_node *y = tl_sparse_to_dense(s, tl_input(g, TL_SHAPE(), (tl_real[]){ 7 }));
    ck_assert_values(tl_value(y), 6, 0, 7, 0, 5, NAN, 7, 7);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x3");
    ck_assert_ptr_null(tl_pattern_of(y));
    ck_assert_values(tl_value(tl_sparse_to_dense(s, NULL)), 6, 0, 0, 0, 5, NAN, 0, 0);
    y = tl_sparse_to_dense(s, tl_input(g, TL_SHAPE(), (tl_real[]){ NAN }));
    ck_assert_values(tl_value(y), 6, 0, NAN, 0, 5, NAN, NAN, NAN);
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

/* dfill is the sum over the uncovered cells themselves. The sum over all cells less that over the covered
 * ones would lose everything below 1e30, in double too. */
START_TEST(fill_gradient_does_not_cancel)
{
    const tl_real u[] = { 1, (tl_real)1e30, (tl_real)3e29, (tl_real)-2e30, (tl_real)0.25, 2 };
    tl_graph *g = tl_graph_new();
    spread c = { .s = tl_test_sparse("s", tl_pattern_from_csr(2, 3, row_ptr, col), 1), .fill = scalar(7) };
    tl_gradients out;
    ck_assert_ok(tl_backward(against(build(g, &c), u), &out));
    ck_assert_ptr_eq(out.pair[1].variable, c.fill);
    ck_assert_same(out.pair[0].values, ((tl_real[]){ u[1], u[2], u[3] }), 3);
    ck_assert_values(out.pair[1].values, 1, 0, 1 + 0.25 + 2);
    tl_graph_free(g);
    tl_variable_free(c.s);
    tl_variable_free(c.fill);
}
END_TEST

/* 4000 times 0.1 beside 3000: a running sum in float would be off by about 1e-3. */
START_TEST(fill_gradient_is_exact_enough)
{
    static tl_real u[63 * 65];
    double sum = 0;
    for (int k = 0; k < 63 * 65; k++) {
        u[k] = k == 0 ? 3000 : (tl_real)0.1;
        sum += (double)u[k];
    }
    tl_graph *g = tl_graph_new();
    spread c = { .s = tl_test_sparse("s", tl_test_pattern(63, 65, 0, 1), 1), .fill = scalar(7) };
    tl_gradients out;
    ck_assert_ok(tl_backward(against(build(g, &c), u), &out));
    ck_assert_values(tl_grad(tl_use(g, c.fill)), 1, TL_IS_DOUBLE ? 1e-14 : 1e-7, sum); /* one rounding */
    tl_graph_free(g);
    tl_variable_free(c.s);
    tl_variable_free(c.fill);
}
END_TEST

/* Nothing, one full row, one full column, everything, or about 3 in 10 with an empty row and column. */
enum { N_PATTERNS = 5 };
static tl_pattern *pattern_of_kind(int kind, int64_t rows, int64_t cols)
{
    if (kind == 4)
        return tl_test_pattern(rows, cols, 0.3, (uint64_t)(rows + 100 * cols));
    uint8_t *keep = calloc((size_t)(rows * cols + 1), 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            keep[i * cols + j] = kind == 3 || (kind == 1 && i == rows / 2) || (kind == 2 && j == cols / 2);
    tl_pattern *p = tl_pattern_from_mask(rows, cols, keep);
    free(keep);
    return p;
}

/* Cell by cell; U is made of eighths, so that its sums are exact. */
static void compare(spread *c, const tl_real *u)
{
    const tl_pattern *p = tl_variable_pattern(c->s);
    int64_t cols = tl_pattern_cols(p), cells = tl_pattern_rows(p) * cols, e = 0, wrong = 0;
    tl_real *covered = tl_test_expand(p, NULL);
    double dfill = 0;
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, c);
    ck_assert_ok(tl_backward(against(y, u), &out));
    for (int64_t k = 0; k < cells; k++) {
        if (covered[k] == 0) {
            wrong += tl_value(y)[k] != tl_variable_data(c->fill)[0];
            dfill += (double)u[k];
            continue;
        }
        wrong += tl_value(y)[k] != tl_variable_data(c->s)[e];
        wrong += out.pair[0].values[e++] != u[k];
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(tl_variable_size(c->s), e);
    ck_assert_values(out.pair[1].values, 1, 0, dfill);
    tl_graph_free(g);
    free(covered);
}

START_TEST(against_dense)
{
    const int64_t size[] = { 1, 3, 17, 63, 65 };
    tl_real u[65 * 65];
    tl_test_fill(u, 65 * 65, 9);
    for (int k = 0; k < 65 * 65; k++)
        u[k] = (tl_real)(rint(8 * (double)u[k]) / 8);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            for (int kind = 0; kind < N_PATTERNS; kind++) {
                spread c = { .s = tl_test_sparse("s", pattern_of_kind(kind, size[i], size[j]), 1),
                             .fill = scalar((tl_real)0.5) };
                compare(&c, u);
                tl_variable_free(c.s);
                tl_variable_free(c.fill);
            }
}
END_TEST

START_TEST(gradient)
{
    const int64_t rows[] = { 4, 3, 3, 3, 0, 4, 0 }, cols[] = { 5, 3, 3, 3, 5, 0, 0 };
    const int kind[] = { 4, 0, 1, 3, 4, 4, 4 };
    for (int k = 0; k < 7; k++) {
        tl_variable *fill = scalar((tl_real)0.7);
        spread c = { .s = tl_test_sparse("s", pattern_of_kind(kind[k], rows[k], cols[k]), 1) };
        ck_assert_gradient(build, &c, c.s);
        c.fill = fill;
        ck_assert_gradient(build, &c, c.s, c.fill);
        ck_assert_gradient(build_twice, &c, c.s, c.fill);
        c.fixed = c.s;
        ck_assert_gradient(build, &c, c.fill);
        c.fixed = c.fill;
        ck_assert_gradient(build, &c, c.s);
        tl_variable_free(c.s);
        tl_variable_free(fill);
    }
}
END_TEST

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    const tl_real zero[12] = { 0 };
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    ck_assert_refused(g, tl_sparse_to_dense(tl_use(g, s), tl_input(g, TL_SHAPE(1), zero)), TL_ERR_SHAPE,
                      "sparse_to_dense: the fill is [1], and must be a scalar");
    ck_assert_refused(g, tl_sparse_to_dense(tl_use(g, s), tl_input(g, TL_SHAPE(3, 4), zero)), TL_ERR_SHAPE,
                      "sparse_to_dense: the fill is 3x4, and must be a scalar");
    ck_assert_refused(g, tl_sparse_to_dense(tl_input(g, TL_SHAPE(3, 4), zero), NULL), TL_ERR_KIND,
                      "sparse_to_dense: input 0 (3x4) is dense, and must be sparse");
    ck_assert_refused(g, tl_sparse_to_dense(tl_use(g, s), tl_use(g, s)), TL_ERR_KIND,
                      "sparse_to_dense: input 1 (s, 3x4) is sparse, and must be dense");
    ck_assert_refused(g, tl_sparse_to_dense(NULL, tl_input(g, TL_SHAPE(), zero)), TL_ERR_ARGUMENT,
                      "sparse_to_dense: input 0 is NULL");
    ck_assert_ptr_null(tl_sparse_to_dense(NULL, NULL));
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

/* A fill that failed is the failure, not the absence of a fill. */
START_TEST(failed_fill)
{
    tl_graph *g = tl_graph_new();
    const tl_real zero[2] = { 0 };
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    tl_node *sparse = tl_use(g, s);
    tl_node *fill = tl_matmul(tl_input(g, TL_SHAPE(1, 2), zero), tl_input(g, TL_SHAPE(1, 2), zero));
    ck_assert_ptr_null(fill);
    ck_assert_refused(g, tl_sparse_to_dense(sparse, fill), TL_ERR_SHAPE, "matmul: 1x2 times 1x2: 2 is not 1");
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sparse_to_dense");
    TCase *c = tl_test_case(s, "sparse_to_dense");
    tcase_add_test(c, by_hand);
    tcase_add_test(c, fill_gradient_does_not_cancel);
    tcase_add_test(c, fill_gradient_is_exact_enough);
    tcase_add_test(c, against_dense);
    tcase_add_test(c, gradient);
    tcase_add_test(c, refusals);
    tcase_add_test(c, failed_fill);
    return s;
}
