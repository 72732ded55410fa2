/* dense_to_sparse: Y = D at the pattern */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

typedef struct sample {
    tl_variable *d;
    tl_pattern *p, *other;
} sample;

static tl_node *build(tl_graph *g, void *context)
{
    const sample *c = context;
    return tl_dense_to_sparse(tl_use(g, c->d), c->p);
}

/* D at two patterns, and D itself: (D at p) + (D at other) + D. */
static tl_node *build_thrice(tl_graph *g, void *context)
{
    const sample *c = context;
    tl_node *d = tl_use(g, c->d);
    tl_node *both = tl_sparse_add(tl_dense_to_sparse(d, c->p), tl_dense_to_sparse(d, c->other));
    return tl_sparse_add(both, d);
}

/* The sum of U Y over Y's entries. */
static tl_node *against(tl_node *y, const tl_real *u)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    tl_node *dense = tl_sparse_to_dense(y, NULL);
    return tl_reduce_sum(tl_mul(dense, tl_input(y->graph, y->shape, u)), TL_ALL_AXES);
}

/* Zeros of either sign stay entries; what lies off the pattern is not read. */
START_TEST(by_hand)
{
    tl_pattern *p = tl_pattern_from_csr(2, 3, (int64_t[]){ 0, 2, 3 }, (int32_t[]){ 0, 2, 1 });
    sample c = { .d = tl_variable_dense("d", TL_SHAPE(2, 3)), .p = p };
    memcpy(tl_variable_data(c.d), (tl_real[]){ 0, NAN, -0.0f, NAN, 4, NAN }, 6 * sizeof(tl_real));
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, &c);
    ck_assert_ptr_eq(tl_pattern_of(y), p);
    ck_assert_same(tl_value(y), ((tl_real[]){ 0, -0.0f, 4 }), 3);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x3");
    ck_assert_ok(tl_backward(against(y, (tl_real[]){ 1, 2, 3, 4, 5, 6 }), &out));
    ck_assert_values(out.pair[0].values, 6, 0, 1, 0, 3, 0, 5, 0);
    tl_graph_free(g);
    tl_variable_free(c.d);
    tl_pattern_release(p);
}
END_TEST

/* The graph keeps the pattern until its reset. */
START_TEST(pattern_is_kept)
{
    const tl_real d[] = { 1, 2, 3 };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_pattern_from_csr(1, 3, (int64_t[]){ 0, 2 }, (int32_t[]){ 0, 2 });
    tl_node *y = tl_dense_to_sparse(tl_input(g, TL_SHAPE(1, 3), d), p);
    tl_pattern_release(p);
    ck_assert_values(tl_value(tl_sparse_to_dense(y, NULL)), 3, 0, 1, 0, 3);
    int64_t before = tl_test_live_blocks();
    tl_graph_reset(g);
    ck_assert_int_ge(before - tl_test_live_blocks(), 3); /* the pattern's */
    tl_graph_free(g);
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

/* Cell by cell: the value is copied, and U comes back where the pattern has an entry. */
static void compare(sample *c, const tl_real *u)
{
    int64_t cells = tl_variable_size(c->d), e = 0, wrong = 0;
    tl_real *covered = tl_test_expand(c->p, NULL);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, c);
    ck_assert_ok(tl_backward(against(y, u), &out));
    for (int64_t k = 0; k < cells; k++) {
        wrong += out.pair[0].values[k] != (covered[k] != 0 ? u[k] : 0);
        if (covered[k] != 0)
            wrong += tl_value(y)[e++] != tl_variable_data(c->d)[k];
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(tl_pattern_nnz(c->p), e);
    tl_graph_free(g);
    free(covered);
}

START_TEST(against_dense)
{
    const int64_t size[] = { 1, 3, 17, 63, 65 };
    tl_real u[65 * 65];
    tl_test_fill(u, 65 * 65, 9);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            for (int kind = 0; kind < N_PATTERNS; kind++) {
                sample c = { .d = tl_test_dense("d", TL_SHAPE(size[i], size[j]), 1),
                             .p = pattern_of_kind(kind, size[i], size[j]) };
                compare(&c, u);
                tl_variable_free(c.d);
                tl_pattern_release(c.p);
            }
}
END_TEST

START_TEST(gradient)
{
    const int64_t rows[] = { 4, 3, 3, 3, 0, 4, 0 }, cols[] = { 5, 3, 3, 3, 5, 0, 0 };
    const int kind[] = { 4, 0, 1, 3, 4, 4, 4 };
    for (int k = 0; k < 7; k++) {
        sample c = { .d = tl_test_dense("d", TL_SHAPE(rows[k], cols[k]), 1),
                     .p = pattern_of_kind(kind[k], rows[k], cols[k]),
                     .other = pattern_of_kind(2, rows[k], cols[k]) };
        ck_assert_gradient(build, &c, c.d);
        ck_assert_gradient(build_thrice, &c, c.d);
        tl_variable_free(c.d);
        tl_pattern_release(c.p);
        tl_pattern_release(c.other);
    }
}
END_TEST

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    const tl_real zero[12] = { 0 };
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    const tl_shape shape[] = { TL_SHAPE(4, 3), TL_SHAPE(12), TL_SHAPE(3, 4, 1), TL_SHAPE() };
    const char *text[] = { "dense_to_sparse: 4x3 and the pattern, 3x4, differ in shape",
                           "dense_to_sparse: [12] and the pattern, 3x4, differ in shape",
                           "dense_to_sparse: 3x4x1 and the pattern, 3x4, differ in shape",
                           "dense_to_sparse: scalar and the pattern, 3x4, differ in shape" };
    for (int k = 0; k < 4; k++)
        ck_assert_refused(g, tl_dense_to_sparse(tl_input(g, shape[k], zero), p), TL_ERR_SHAPE, text[k]);
    ck_assert_refused(g, tl_dense_to_sparse(tl_input(g, TL_SHAPE(3, 4), zero), NULL), TL_ERR_ARGUMENT,
                      "dense_to_sparse: the pattern is NULL");
    ck_assert_refused(g, tl_dense_to_sparse(tl_input_sparse(g, p, zero), p), TL_ERR_KIND,
                      "dense_to_sparse: input 0 (3x4) is sparse, and must be dense");
    ck_assert_ptr_null(tl_dense_to_sparse(NULL, p));
    ck_assert_ptr_null(tl_dense_to_sparse(NULL, NULL));
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("dense_to_sparse");
    TCase *c = tl_test_case(s, "dense_to_sparse");
    tcase_add_test(c, by_hand);
    tcase_add_test(c, pattern_is_kept);
    tcase_add_test(c, against_dense);
    tcase_add_test(c, gradient);
    tcase_add_test(c, refusals);
    return s;
}
