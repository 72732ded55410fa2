/* dense_to_sparse: Y = D at the pattern */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *pattern)
{
    return tl_dense_to_sparse(in[0], *(tl_pattern *const *)pattern);
}

static tl_shape reference(tl_reference *r)
{
    const tl_pattern *p = *(tl_pattern *const *)r->attr;
    const int64_t cols = tl_pattern_cols(p);
    r->sparse = true;
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++) {
        r->y_keep[k] = tl_pattern_find(p, k / cols, (int32_t)(k % cols)) >= 0;
        r->y[k] = r->in[0][k];
    }
    return r->shape[0];
}

/* Made by tl_test_suite; `whole` has all entries. */
static tl_pattern *some, *nothing, *row, *col, *whole, *no_rows, *no_cols, *neither, *one, *wide, *tall,
    *large, *three_by_four, *by_hand, *missing;

#define AT(p, ...)                                                                                           \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &p                                                  \
    }
#define REFUSED(operand, text)                                                                               \
    {                                                                                                        \
        .in = { operand }, .attr = &three_by_four, .status = TL_ERR_SHAPE, .error = text                     \
    }

static const tl_sample samples[] = {
    AT(some, 4, 5),
    AT(nothing, 3, 3),
    AT(row, 3, 3),
    AT(col, 3, 3),
    AT(whole, 3, 3),
    AT(no_rows, 0, 5),
    AT(no_cols, 4, 0),
    AT(neither, 0, 0),
    AT(one, 1, 1),
    AT(wide, 1, 65),
    AT(tall, 63, 3),
    AT(large, 300, 300),
    REFUSED(TL_DENSE_OPERAND(4, 3), "a (4x3) and the pattern, 3x4, differ in shape"),
    REFUSED(TL_DENSE_OPERAND(12), "a [12] and the pattern, 3x4, differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4, 1), "a (3x4x1) and the pattern, 3x4, differ in shape"),
    REFUSED(TL_SCALAR_OPERAND, "a (scalar) and the pattern, 3x4, differ in shape"),
    { .in = { TL_DENSE_OPERAND(3, 4) },
      .attr = &missing,
      .status = TL_ERR_ARGUMENT,
      .error = "the pattern is NULL" },
    /* zeros of either sign stay entries; what is off the pattern is not read */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(0, NAN, -0.0, NAN, 4, NAN) } },
      .attr = &by_hand,
      .y = TL_VALUES(0, -0.0, 4),
      .upstream = TL_VALUES(1, 3, 5),
      .gradient = { TL_VALUES(1, 0, 3, 0, 5, 0) } }
};

static const tl_op_case dense_to_sparse = {
    .name = "dense_to_sparse",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; patterns do not lose rows */
};

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

/* The result is on the very pattern; without either there is none. */
START_TEST(same_object)
{
    const tl_real d[6] = { 0 };
    tl_graph *g = tl_graph_new();
    ck_assert_ptr_eq(tl_pattern_of(tl_dense_to_sparse(tl_input(g, TL_SHAPE(2, 3), d), by_hand)), by_hand);
    ck_assert_ptr_null(tl_dense_to_sparse(NULL, NULL));
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    some = tl_pattern_random(4, 5, 0.5, 1);
    nothing = tl_pattern_random(3, 3, 0, 1);
    row = tl_pattern_from_mask(3, 3, (const uint8_t[]){ 0, 0, 0, 1, 1, 1, 0, 0, 0 });
    col = tl_pattern_from_mask(3, 3, (const uint8_t[]){ 0, 1, 0, 0, 1, 0, 0, 1, 0 });
    whole = tl_pattern_random(3, 3, 1, 1);
    no_rows = tl_pattern_random(0, 5, 0.5, 1);
    no_cols = tl_pattern_random(4, 0, 0.5, 1);
    neither = tl_pattern_random(0, 0, 0.5, 1);
    one = tl_pattern_random(1, 1, 1, 1);
    wide = tl_pattern_random(1, 65, 0.3, 1);
    tall = tl_pattern_random(63, 3, 0.3, 1);
    large = tl_pattern_random(300, 300, 0.5, 1);
    three_by_four = tl_pattern_random(3, 4, 0.5, 1);
    by_hand = tl_pattern_from_mask(2, 3, (const uint8_t[]){ 1, 0, 1, 0, 1, 0 });
    Suite *s = tl_op_suite(&dense_to_sparse);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, pattern_is_kept);
    tcase_add_test(c, same_object);
    return s;
}
