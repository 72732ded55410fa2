/* embedding_lookup_padded: Y(i, :) = T(ids[i], :), and 0 where ids[i] is the padding id */
#include "tests/ops/lookups.h"

#include <math.h>

typedef struct lookup {
    const int32_t *ids;
    tl_shape shape; /* of the ids */
    int32_t padding;
} lookup;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const lookup *l = attr;
    return tl_embedding_lookup_padded(in[0], l->ids, l->shape, l->padding);
}

static tl_shape reference(tl_reference *r)
{
    const lookup *l = r->attr;
    const tl_shape y = looked_up(r, l->shape);
    const int64_t n = tl_shape_size(l->shape), width = n > 0 ? tl_shape_size(y) / n : 0;
    for (int64_t k = 0; k < n * width; k++)
        if (l->ids[k / width] != l->padding)
            r->y[k] = r->in[0][l->ids[k / width] * width + k % width];
    return y;
}

static const int32_t ids[] = { 3, -1, 3, 4, 0, -1 }, only[] = { -1, -1, -1 }, high[] = { 4, -1, 5 };
static int32_t many[3000]; /* of 700 rows, 500 two times of three; filled by tl_test_suite */

#define OF(its_ids, its_padding, ...) (&(const lookup){ its_ids, TL_STATIC_SHAPE(__VA_ARGS__), its_padding })
#define LOOKUP(its_attr, ...)                                                                                \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = its_attr                                            \
    }
#define REFUSED(table, its_attr, its_status, text)                                                           \
    {                                                                                                        \
        .in = { table }, .attr = its_attr, .status = its_status, .error = text                               \
    }

static const tl_sample samples[] = {
    LOOKUP(OF(ids, -1, 6), 5, 3),
    LOOKUP(OF(ids, -1, 2, 3), 5, 2),
    LOOKUP(OF(ids, -1, 3, 2), 5, 2, 3),
    LOOKUP(OF(ids, -1, 6), 5),
    LOOKUP(OF(ids + 2, 3, 3), 5, 2),  /* padding that is a row */
    LOOKUP(OF(ids + 2, 77, 3), 5, 2), /* that no id is */
    LOOKUP(OF(only, -1, 3), 5, 2),
    LOOKUP(OF(only, -1, 3), 0, 2), /* a table without rows */
    LOOKUP(OF(ids, -1, 6), 5, 0),
    LOOKUP(OF(NULL, -1, 0), 5, 2),
    LOOKUP(OF(many, 500, 3000), 700, 33),
    LOOKUP(OF(many, 7, 3000), 700, 33),
    LOOKUP((&(const lookup){ ids, { 0, { 0 } }, -1 }), 5, 2),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(high, -1, 3), TL_ERR_INDEX, "ids[2] = 5, table a (5x2) has 5 rows"),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(high, 5, 3), TL_ERR_INDEX, "ids[1] = -1, table a (5x2) has 5 rows"),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(NULL, -1, 1), TL_ERR_ARGUMENT, "ids is NULL"),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(ids, -1, INT64_C(1) << 31), TL_ERR_ARGUMENT,
            "the number of ids, 2147483648, is not in 0..2147483647"),
    REFUSED(TL_SCALAR_OPERAND, OF(ids, -1, 1), TL_ERR_SHAPE,
            "the table is a (scalar), and must have rank 1 or more"),
    REFUSED(TL_DENSE_OPERAND(5, 2, 2), OF(ids, -1, 1, 2, 1), TL_ERR_SHAPE,
            "ids 1x2x1 of table a (5x2x2): rank 5 is not in 0..4"),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(ids, -1, -1), TL_ERR_SHAPE, "ids: [-1] has a negative size"),
    /* by hand: rows of zeros, no gradient at padding, whatever dY is; -0 stays; row 1, which is padding and
     * holds no number, is not read */
    { .in = { { TL_STATIC_SHAPE(3, 2), .values = TL_VALUES(1, -0.0, NAN, INFINITY, 5, 6) } },
      .attr = OF(((const int32_t[]){ 1, 0, 2, 1, 0 }), 1, 5),
      .y = TL_VALUES(0, 0, 1, -0.0, 5, 6, 0, 0, 1, -0.0),
      .upstream = TL_VALUES(NAN, NAN, 1, 2, 3, 4, INFINITY, 1, 10, 20),
      .gradient = { TL_VALUES(11, 22, 0, 0, 3, 4) } },
};

static const tl_op_case embedding_lookup_padded = {
    .name = "embedding_lookup_padded",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; the ids tell its rows */
};

/* Rows that only padding names are not in the gradient; of nothing but padding it has no rows. */
START_TEST(padding_has_no_gradient)
{
    tl_variable *table = tl_test_dense("t", TL_SHAPE(5, 2), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = tl_embedding_lookup_padded(tl_use(g, table), ids, TL_SHAPE(6), 3);
    ck_assert_null(y, "embedding_lookup_padded: ids[1] = -1, table t (5x2) has 5 rows");
    tl_graph_reset(g);
    y = tl_embedding_lookup_padded(tl_use(g, table), ids, TL_SHAPE(6), -1);
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_int_eq(out.pair[0].n_rows, 3);
    ck_assert_int_eq(out.pair[0].rows[0], 0);
    ck_assert_int_eq(out.pair[0].rows[1], 3);
    ck_assert_values(out.pair[0].values, 6, 0, 1, 1, 2, 2, 1, 1);
    y = tl_embedding_lookup_padded(tl_use(g, table), only, TL_SHAPE(3), -1);
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_nonnull(out.pair[0].rows);
    ck_assert_int_eq(out.pair[0].n_rows, 0);
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

static tl_node *by_ids(tl_node *table, const int32_t *id, int64_t n)
{
    return tl_embedding_lookup_padded(table, id, TL_SHAPE(n), 8);
}

START_TEST(repeats_of_a_row_are_summed_in_double)
{
    check_repeats(by_ids);
}
END_TEST

START_TEST(exact_rows_of_the_optimizer)
{
    check_exact_rows(by_ids);
}
END_TEST

START_TEST(only_rows_that_are_read_are_brought_up_to_date)
{
    check_declared_rows(by_ids);
}
END_TEST

START_TEST(hessian_of_rows)
{
    check_hessian(by_ids);
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int32_t k = 0; k < 3000; k++)
        many[k] = k % 3 ? 500 : k * 7 % 700;
    Suite *s = tl_op_suite(&embedding_lookup_padded);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, padding_has_no_gradient);
    tcase_add_test(c, repeats_of_a_row_are_summed_in_double);
    tcase_add_test(c, exact_rows_of_the_optimizer);
    tcase_add_test(c, only_rows_that_are_read_are_brought_up_to_date);
    tcase_add_test(c, hessian_of_rows);
    return s;
}
