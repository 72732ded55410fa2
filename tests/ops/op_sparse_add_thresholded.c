/* sparse_add_thresholded: Y = A + B without what is below a threshold */
#include "check_tulle.h"
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

/* As many entries in other places, in one row or in another, are another pattern. */
START_TEST(as_many_elsewhere)
{
    const tl_real values[3][4] = { { 1, 0, 0, 1 }, { 0, 1, 0, 1 }, { 1, 1, 0, 0 } }, none[4] = { 0 };
    const int32_t at[3][2] = { { 0, 1 }, { 1, 1 }, { 0, 1 } };
    const int64_t first_row[3] = { 1, 1, 2 };
    tl_pattern *p = tl_pattern_random(2, 2, 1, 1);
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < 3; k++, tl_graph_reset(g)) {
        tl_node *y = tl_sparse_add_thresholded(tl_input_sparse(g, p, values[k]), tl_input_sparse(g, p, none),
                                               1);
        const tl_csr csr = tl_pattern_csr(tl_pattern_of(y));
        ck_assert(csr.nnz == 2 && csr.row_ptr[1] == first_row[k]);
        ck_assert(csr.col[0] == at[k][0] && csr.col[1] == at[k][1]);
    }
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&sparse_add_thresholded);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, pattern_follows_values);
    tcase_add_test(c, as_many_elsewhere);
    return s;
}
