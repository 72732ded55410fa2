/* embedding_lookup: Y(i, :) = T(ids[i], :) */
#include "tests/ops/lookups.h"

typedef struct lookup {
    const int32_t *ids;
    tl_shape shape; /* of the ids */
} lookup;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const lookup *l = attr;
    return tl_embedding_lookup(in[0], l->ids, l->shape);
}

static tl_shape reference(tl_reference *r)
{
    const lookup *l = r->attr;
    const tl_shape y = looked_up(r, l->shape);
    const int64_t n = tl_shape_size(l->shape), width = n > 0 ? tl_shape_size(y) / n : 0;
    for (int64_t k = 0; k < n * width; k++)
        r->y[k] = r->in[0][l->ids[k / width] * width + k % width];
    return y;
}

static const int32_t ids[] = { 3, 0, 3, 4, 0, 3 }, low[] = { 0, 4, -1, 9 }, high[] = { 4, 5, -1 },
                     most[] = { INT32_MAX };
static int32_t many[3000]; /* of 700 rows; filled by tl_test_suite */

#define IDS(...)         (&(const lookup){ ids, TL_STATIC_SHAPE(__VA_ARGS__) })
#define OF(its_ids, ...) (&(const lookup){ its_ids, TL_STATIC_SHAPE(__VA_ARGS__) })
#define ONE_ID           (&(const lookup){ ids, { 0, { 0 } } })
#define LOOKUP(its_attr, ...)                                                                                \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = its_attr                                            \
    }
#define REFUSED(table, its_attr, its_status, text)                                                           \
    {                                                                                                        \
        .in = { table }, .attr = its_attr, .status = its_status, .error = text                               \
    }

static const tl_sample samples[] = {
    LOOKUP(IDS(6), 5, 3),
    LOOKUP(IDS(4), 5, 2),
    LOOKUP(ONE_ID, 5, 2),
    LOOKUP(ONE_ID, 5),
    LOOKUP(IDS(6), 5),
    LOOKUP(IDS(2, 3), 5, 2),
    LOOKUP(IDS(3), 5, 2, 3),
    LOOKUP(IDS(3, 2), 5, 2, 3),
    LOOKUP(IDS(1, 3, 1, 2), 5),
    LOOKUP(ONE_ID, 5, 1, 2, 2),
    LOOKUP(IDS(4), 5, 1, 2, 2),
    LOOKUP(IDS(3), 5, 0),
    LOOKUP(IDS(0), 5, 2),
    LOOKUP(IDS(0), 0, 2),
    LOOKUP(IDS(2, 0), 5, 2),
    LOOKUP(OF(NULL, 0), 5, 2),
    LOOKUP(OF(many, 3000), 700, 33),
    LOOKUP(OF(many, 100), 700, 33),
    LOOKUP(OF(many, 50, 60), 700),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(low, 4), TL_ERR_INDEX, "ids[2] = -1, table a (5x2) has 5 rows"),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(high, 3, 1), TL_ERR_INDEX, "ids[1] = 5, table a (5x2) has 5 rows"),
    REFUSED(TL_DENSE_OPERAND(5), OF(most, 1), TL_ERR_INDEX, "ids[0] = 2147483647, table a [5] has 5 rows"),
    REFUSED(TL_DENSE_OPERAND(0, 2), IDS(1), TL_ERR_INDEX, "ids[0] = 3, table a (0x2) has 0 rows"),
    REFUSED(TL_DENSE_OPERAND(5, 0), OF(high, 3), TL_ERR_INDEX, "ids[1] = 5, table a (5x0) has 5 rows"),
    REFUSED(TL_DENSE_OPERAND(5, 2), OF(NULL, 1), TL_ERR_ARGUMENT, "ids is NULL"),
    REFUSED(TL_SCALAR_OPERAND, IDS(1), TL_ERR_SHAPE, "the table is a (scalar), and must have rank 1 or more"),
    REFUSED(TL_DENSE_OPERAND(5, 2, 2), IDS(1, 2, 1), TL_ERR_SHAPE,
            "ids 1x2x1 of table a (5x2x2): rank 5 is not in 0..4"),
    REFUSED(TL_DENSE_OPERAND(5, 1, 1, 2), IDS(1, 1), TL_ERR_SHAPE,
            "ids 1x1 of table a (5x1x1x2): rank 5 is not in 0..4"),
    REFUSED(TL_DENSE_OPERAND(5, 2), IDS(-1), TL_ERR_SHAPE, "ids: [-1] has a negative size"),
    REFUSED(TL_DENSE_OPERAND(5, 2), IDS(1 << 15, 1 << 16), TL_ERR_ARGUMENT,
            "the number of ids, 2147483648, is not in 0..2147483647"),
    REFUSED(TL_DENSE_OPERAND(5, 2), (&(const lookup){ ids, { .rank = 5 } }), TL_ERR_SHAPE,
            "ids: rank 5 is not in 0..4")
};

static const tl_op_case embedding_lookup = {
    .name = "embedding_lookup",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; the ids tell its rows */
};

/* ---- Row-sparse gradients ---- */

static tl_node *build(tl_graph *g, tl_variable *table, const lookup *l)
{
    return tl_embedding_lookup(tl_use(g, table), l->ids, l->shape);
}

START_TEST(by_hand)
{
    const lookup of = { ids, TL_SHAPE(4) };
    tl_variable *table = filled(TL_SHAPE(5, 2), (tl_real[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 });
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, table, &of);
    ck_assert_values(tl_value(y), 8, 0, 7, 8, 1, 2, 7, 8, 9, 10);
    ck_assert_ok(tl_backward(against(y, (tl_real[]){ 1, 2, 3, 4, 5, 6, 7, 8 }), &out));
    ck_assert_int_eq(out.n, 1);
    ck_assert_int_eq(out.pair[0].n_rows, 3);
    ck_assert_int_eq(out.pair[0].rows[0], 0);
    ck_assert_int_eq(out.pair[0].rows[1], 3);
    ck_assert_int_eq(out.pair[0].rows[2], 4);
    ck_assert_values(out.pair[0].values, 6, 0, 3, 4, 1 + 5, 2 + 6, 7, 8);
    ck_assert_int_eq(tl_gradient_size(&out.pair[0]), 6);
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

/* n random ids with many repeats, and an upstream gradient of large and small values: order shows. */
static void draw(int64_t n, int64_t rows, int64_t width, int32_t *id, tl_real *u)
{
    tl_random r = { .seed = (uint64_t)(n * rows + width) };
    tl_test_fill(u, n * width, 7);
    for (int64_t i = 0; i < n; i++)
        id[i] = (int32_t)tl_random_integer(&r, rows);
    for (int64_t k = 0; k < n * width; k += 3)
        u[k] *= TL_IS_DOUBLE ? (tl_real)1e14 : (tl_real)1e6;
}

/* Rows ascend and are those that occur, once each; repeats are summed in order of appearance and in double,
 * to the bit. */
START_TEST(coalesced)
{
    const int64_t n_of[] = { 1, 3, 17, 63, 65 }, rows_of[] = { 1, 3, 17, 63, 6500 };
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            for (int64_t width = 1; width < 70; width += 16) {
                const int64_t n = n_of[i], rows = rows_of[j];
                int32_t id[65];
                static tl_real u[65 * 65];
                draw(n, rows, width, id, u);
                double *sum = calloc((size_t)(rows * width), sizeof *sum);
                uint8_t *hit = calloc((size_t)rows, 1);
                for (int64_t k = 0; k < n; k++) {
                    hit[id[k]] = 1;
                    for (int64_t l = 0; l < width; l++)
                        sum[id[k] * width + l] += (double)u[k * width + l];
                }
                const lookup of = { id, TL_SHAPE(n) };
                tl_variable *table = tl_test_dense("t", TL_SHAPE(rows, width), 1);
                tl_graph *g = tl_graph_new();
                tl_gradients out;
                ck_assert_ok(tl_backward(against(build(g, table, &of), u), &out));
                int64_t at = 0;
                for (int64_t row = 0; row < rows; row++)
                    if (hit[row]) {
                        ck_assert_int_lt(at, out.pair[0].n_rows);
                        ck_assert_int_eq(out.pair[0].rows[at], row);
                        for (int64_t l = 0; l < width; l++)
                            ck_assert(out.pair[0].values[at * width + l] == (tl_real)sum[row * width + l]);
                        at++;
                    }
                ck_assert_int_eq(out.pair[0].n_rows, at);
                tl_graph_free(g);
                tl_variable_free(table);
                free(sum);
                free(hit);
            }
}
END_TEST

/* 101 ids of one row, the gradient of the first so large that a float takes no 1 any more. Row-sparse, by
 * bags, scattered into the gradient of a result or beside a dense use, and in a step. */
START_TEST(repeats_of_a_row_are_summed_in_double)
{
    enum { N = 101, WIDTH = 37 };
    static tl_real u[N * WIDTH];
    const int32_t id[N] = { 0 };
    int64_t row_ptr[N + 1];
    for (int k = 0; k <= N; k++)
        row_ptr[k] = k;
    const tl_pattern_bag bags = { .n = N, .row_ptr = row_ptr, .ids = id };
    for (int64_t width = 1; width <= WIDTH; width += WIDTH - 1) {
        for (int64_t k = 0; k < N * width; k++)
            u[k] = k < width ? 16777216 : 1;
        tl_graph *g = tl_graph_new();
        tl_variable *v = tl_variable_dense("t", TL_SHAPE(1, width));
        ck_assert_ok(tl_init_constant(v, 0));
        tl_node *t = tl_use(g, v);
        tl_node *loss[] = {
            against(tl_embedding_lookup(t, id, TL_SHAPE(N)), u),
            against(tl_embedding_lookup_sparse(t, &bags, NULL, TL_SUM), u),
            against(tl_embedding_lookup(tl_scale(t, 1), id, TL_SHAPE(N)), u),
            tl_add(against(tl_embedding_lookup(t, id, TL_SHAPE(N)), u),
                   tl_reduce_sum(tl_scale(t, 4), TL_ALL_AXES)),
        };
        for (int k = 0; k < 4; k++) {
            tl_gradients out;
            ck_assert_ok(tl_backward(loss[k], &out));
            ck_assert_int_eq(out.pair[0].rows != NULL, k < 2);
            for (int64_t j = 0; j < width; j++)
                ck_assert_double_eq((double)out.pair[0].values[j], k < 3 ? 16777316 : 16777320);
        }
        tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
        ck_assert_ok(tl_minimize(o, loss[0]));
        ck_assert_double_eq((double)tl_variable_data(v)[width - 1], -16777316);
        tl_optimizer_free(o);
        tl_graph_free(g);
        tl_variable_free(v);
    }
}
END_TEST

/* Few ids of a computed table, and as many as it has rows. */
START_TEST(repeats_in_a_result_are_summed_in_double)
{
    enum { ROWS = 800, N = ROWS, WIDTH = 5 };
    static tl_real u[N * WIDTH];
    static int32_t id[N];
    for (int64_t n = 101; n <= N; n += N - 101) {
        for (int64_t k = 0; k < n; k++) {
            id[k] = k % 3 ? 500 : (int32_t)(k * 7 % ROWS) / 2 * 2 + 1;
            for (int64_t j = 0; j < WIDTH; j++)
                u[k * WIDTH + j] = k == 1 ? 16777216 : 1;
        }
        tl_graph *g = tl_graph_new();
        tl_variable *v = tl_variable_dense("t", TL_SHAPE(ROWS, WIDTH));
        ck_assert_ok(tl_init_constant(v, 0));
        tl_gradients out;
        ck_assert_ok(
            tl_backward(against(tl_embedding_lookup(tl_scale(tl_use(g, v), 1), id, TL_SHAPE(n)), u), &out));
        for (int64_t i = 0; i < ROWS * WIDTH; i++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum += id[k] == i / WIDTH ? (double)u[k * WIDTH] : 0;
            ck_assert_double_eq((double)out.pair[0].values[i], (double)(tl_real)sum);
        }
        tl_graph_free(g);
        tl_variable_free(v);
    }
}
END_TEST

/* Two lookups make one pair; a dense use makes it dense, with the slices added in. */
START_TEST(one_pair)
{
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    const lookup of = { ids, TL_SHAPE(2, 1) };
    tl_variable *table = tl_test_dense("t", TL_SHAPE(5, 1), 1);
    tl_node *t = tl_use(g, table), *first = tl_reshape(build(g, table, &of), TL_SHAPE(2));
    tl_node *second = tl_embedding_lookup(t, ids + 2, TL_SHAPE(4));
    tl_node *loss = tl_add(against(first, (tl_real[]){ 1, 2 }), against(second, (tl_real[]){ 4, 8, 16, 32 }));
    ck_assert_ok(tl_backward(loss, &out)); /* ids 3 0, 3 4 0 3 */
    ck_assert_int_eq(out.n, 1);
    ck_assert_int_eq(out.pair[0].n_rows, 3);
    ck_assert_values(out.pair[0].values, 3, 0, 2 + 16, 1 + 4 + 32, 8);
    ck_assert_ptr_null(tl_grad(t)); /* nothing as large as the table was made */
    loss = tl_add(loss, against(t, (tl_real[]){ 100, 200, 300, 400, 500 }));
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_null(out.pair[0].rows);
    ck_assert_values(out.pair[0].values, 5, 0, 100 + 18, 200, 300, 400 + 37, 500 + 8);
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

/* No ids: a row-sparse gradient of no rows. */
START_TEST(no_ids)
{
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    const lookup of = { NULL, TL_SHAPE(0) };
    tl_variable *table = tl_test_dense("t", TL_SHAPE(5, 2), 1);
    ck_assert_ok(tl_backward(tl_reduce_sum(build(g, table, &of), TL_ALL_AXES), &out));
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_nonnull(out.pair[0].values);
    ck_assert_ptr_nonnull(out.pair[0].rows);
    ck_assert_int_eq(out.pair[0].n_rows, 0);
    ck_assert_int_eq(tl_gradient_size(&out.pair[0]), 0);
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

/* A table that is a constant can be read; a loss through it alone reaches no variable. */
START_TEST(constant_table)
{
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = tl_embedding_lookup(tl_input(g, TL_SHAPE(2), (tl_real[]){ 5, 6 }), (int32_t[]){ 1 },
                                     TL_SHAPE());
    ck_assert_values(tl_value(y), 1, 0, 6);
    ck_assert_status(tl_backward(y, &out), TL_ERR_ARGUMENT,
                     "backward: the loss does not depend on any variable");
    tl_graph_free(g);
}
END_TEST

/* Tied weights: a lookup times the table, and two lookups of which one is of a part of the ids. */
static tl_node *build_tied(tl_graph *g, void *table)
{
    tl_node *t = tl_use(g, table), *rows = tl_embedding_lookup(t, ids, TL_SHAPE(3));
    tl_node *product = tl_mul(rows, tl_embedding_lookup(t, ids + 2, TL_SHAPE(3)));
    return tl_matmul_transposed(product, t, TL_TRANSPOSE_B);
}

START_TEST(tied)
{
    tl_variable *table = tl_test_dense("t", TL_SHAPE(5, 3), 1);
    ck_assert_gradient(build_tied, table, table);
    tl_variable_free(table);
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int32_t k = 0; k < 3000; k++)
        many[k] = k % 3 ? k * 7 % 700 : 500;
    Suite *s = tl_op_suite(&embedding_lookup);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, by_hand);
    tcase_add_test(c, coalesced);
    tcase_add_test(c, repeats_of_a_row_are_summed_in_double);
    tcase_add_test(c, repeats_in_a_result_are_summed_in_double);
    tcase_add_test(c, one_pair);
    tcase_add_test(c, no_ids);
    tcase_add_test(c, constant_table);
    tcase_add_test(c, tied);
    return s;
}
