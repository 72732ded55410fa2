/* embedding_lookup: Y(i, :) = T(ids[i], :) */
#include "tests/testing.h"

#include <string.h>

typedef struct lookup {
    tl_variable *table;
    const int32_t *ids;
    tl_shape shape; /* of the ids */
} lookup;

static const int32_t ids[] = { 3, 0, 3, 4, 0, 3 };

static tl_node *build(tl_graph *g, void *context)
{
    const lookup *c = context;
    return tl_embedding_lookup(tl_use(g, c->table), c->ids, c->shape);
}

/* Two lookups in one table, one of them in part of the ids. */
static tl_node *build_two(tl_graph *g, void *context)
{
    const lookup *c = context;
    tl_node *t = tl_use(g, c->table);
    return tl_mul(tl_embedding_lookup(t, c->ids, TL_SHAPE(3)),
                  tl_embedding_lookup(t, c->ids + 2, TL_SHAPE(3)));
}

/* The table is not a variable itself. */
static tl_node *build_computed(tl_graph *g, void *context)
{
    const lookup *c = context;
    return tl_embedding_lookup(tl_tanh(tl_use(g, c->table)), c->ids, c->shape);
}

/* Tied weights: a lookup times the table. */
static tl_node *build_tied(tl_graph *g, void *context)
{
    const lookup *c = context;
    tl_node *t = tl_use(g, c->table);
    return tl_matmul_transposed(tl_embedding_lookup(t, c->ids, c->shape), t, TL_TRANSPOSE_B);
}

/* The sum of U Y: its gradient with respect to Y is U. */
static tl_node *against(tl_node *y, const tl_real *u)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    return tl_reduce_sum(tl_mul(y, tl_input(y->graph, y->shape, u)), TL_ALL_AXES);
}

START_TEST(by_hand)
{
    lookup c = { tl_variable_dense("t", TL_SHAPE(5, 2)), ids, TL_SHAPE(4) };
    memcpy(tl_variable_data(c.table), (tl_real[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 10 * sizeof(tl_real));
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, &c);
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
    tl_variable_free(c.table);
}
END_TEST

/* The shape of the ids, then that of a row. */
START_TEST(shapes)
{
    const struct {
        tl_shape table, ids;
        const char *text;
    } good[] = {
        { TL_SHAPE(5, 2), TL_SHAPE(), "[2]" },
        { TL_SHAPE(5), TL_SHAPE(), "scalar" },
        { TL_SHAPE(5), TL_SHAPE(6), "[6]" },
        { TL_SHAPE(5, 2), TL_SHAPE(2, 3), "2x3x2" },
        { TL_SHAPE(5, 2, 3), TL_SHAPE(3), "3x2x3" },
        { TL_SHAPE(5, 2, 3), TL_SHAPE(3, 2), "3x2x2x3" },
        { TL_SHAPE(5), TL_SHAPE(1, 3, 1, 2), "1x3x1x2" },
        { TL_SHAPE(5, 1, 2, 2), TL_SHAPE(), "1x2x2" },
        { TL_SHAPE(5, 1, 2, 2), TL_SHAPE(4), "4x1x2x2" },
        { TL_SHAPE(5, 0), TL_SHAPE(3), "3x0" },
        { TL_SHAPE(5, 2), TL_SHAPE(0), "0x2" },
        { TL_SHAPE(0, 2), TL_SHAPE(0), "0x2" },
        { TL_SHAPE(5, 2), TL_SHAPE(2, 0), "2x0x2" },
    };
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        lookup c = { tl_test_dense("t", good[k].table, 1), ids, good[k].ids };
        int64_t n = tl_shape_size(good[k].ids);
        int64_t width = n > 0 ? tl_variable_size(c.table) / good[k].table.dim[0] : 0;
        tl_graph *g = tl_graph_new();
        tl_node *y = build(g, &c);
        ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, good[k].text);
        for (int64_t i = 0; i < n; i++)
            ck_assert_same(tl_value(y) + i * width, tl_variable_data(c.table) + ids[i] * width, width);
        ck_assert_gradient(build, &c, c.table);
        ck_assert_gradient(build_computed, &c, c.table);
        tl_graph_free(g);
        tl_variable_free(c.table);
    }
}
END_TEST

START_TEST(gradient)
{
    lookup c = { tl_test_dense("t", TL_SHAPE(5, 3), 1), ids, TL_SHAPE(6) };
    ck_assert_gradient(build_two, &c, c.table);
    ck_assert_gradient(build_tied, &c, c.table);
    tl_variable_free(c.table);
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
                lookup c = { tl_test_dense("t", TL_SHAPE(rows, width), 1), id, TL_SHAPE(n) };
                tl_graph *g = tl_graph_new();
                tl_gradients out;
                ck_assert_ok(tl_backward(against(build(g, &c), u), &out));
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
                tl_variable_free(c.table);
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

/* Two lookups make one pair; a dense use makes it dense, with the slices added in. */
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

START_TEST(one_pair)
{
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    lookup c = { tl_test_dense("t", TL_SHAPE(5, 1), 1), ids, TL_SHAPE(2, 1) };
    tl_node *t = tl_use(g, c.table), *first = tl_reshape(build(g, &c), TL_SHAPE(2));
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
    tl_variable_free(c.table);
}
END_TEST

/* No ids: a row-sparse gradient of no rows. */
START_TEST(no_ids)
{
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    lookup c = { tl_test_dense("t", TL_SHAPE(5, 2), 1), NULL, TL_SHAPE(0) };
    ck_assert_ok(tl_backward(tl_reduce_sum(build(g, &c), TL_ALL_AXES), &out));
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_nonnull(out.pair[0].values);
    ck_assert_ptr_nonnull(out.pair[0].rows);
    ck_assert_int_eq(out.pair[0].n_rows, 0);
    ck_assert_int_eq(tl_gradient_size(&out.pair[0]), 0);
    tl_graph_free(g);
    tl_variable_free(c.table);
}
END_TEST

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    const tl_real zero[24] = { 0 };
    const int32_t low[] = { 0, 4, -1, 9 }, high[] = { 4, 5, -1 }, most[] = { INT32_MAX };
    const struct {
        tl_shape table, shape;
        const int32_t *ids;
        tl_status status;
        const char *text;
    } bad[] = {
        { TL_SHAPE(5, 2), TL_SHAPE(4), low, TL_ERR_INDEX,
          "embedding_lookup: ids[2] = -1, table 5x2 has 5 rows" },
        { TL_SHAPE(5, 2), TL_SHAPE(3, 1), high, TL_ERR_INDEX,
          "embedding_lookup: ids[1] = 5, table 5x2 has 5 rows" },
        { TL_SHAPE(5), TL_SHAPE(), most, TL_ERR_INDEX,
          "embedding_lookup: ids[0] = 2147483647, table [5] has 5 rows" },
        { TL_SHAPE(0, 2), TL_SHAPE(1), ids, TL_ERR_INDEX,
          "embedding_lookup: ids[0] = 3, table 0x2 has 0 rows" },
        { TL_SHAPE(5, 0), TL_SHAPE(3), high, TL_ERR_INDEX,
          "embedding_lookup: ids[1] = 5, table 5x0 has 5 rows" },
        { TL_SHAPE(5, 2), TL_SHAPE(1), NULL, TL_ERR_ARGUMENT, "embedding_lookup: ids is NULL" },
        { TL_SHAPE(), TL_SHAPE(1), ids, TL_ERR_SHAPE,
          "embedding_lookup: the table is scalar, and must have rank 1 or more" },
        { TL_SHAPE(5, 2, 2), TL_SHAPE(1, 2, 1), ids, TL_ERR_SHAPE,
          "embedding_lookup: ids 1x2x1 of table 5x2x2: rank 5 is not in 0..4" },
        { TL_SHAPE(5, 1, 1, 2), TL_SHAPE(1, 1), ids, TL_ERR_SHAPE,
          "embedding_lookup: ids 1x1 of table 5x1x1x2: rank 5 is not in 0..4" },
        { TL_SHAPE(5, 2), TL_SHAPE(-1), ids, TL_ERR_SHAPE,
          "embedding_lookup: ids: [-1] has a negative size" },
        { TL_SHAPE(5, 2), TL_SHAPE(1, 1, 1, 1, 1), ids, TL_ERR_SHAPE,
          "embedding_lookup: ids: rank 5 is not in 0..4" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_embedding_lookup(tl_input(g, bad[k].table, zero), bad[k].ids, bad[k].shape),
                          bad[k].status, bad[k].text);
    tl_pattern *p = tl_test_pattern(5, 2, 0.5, 1);
    ck_assert_refused(g, tl_embedding_lookup(tl_input_sparse(g, p, zero), ids, TL_SHAPE(1)), TL_ERR_KIND,
                      "embedding_lookup: input 0 (5x2) is sparse, and must be dense");
    tl_variable *words = tl_test_dense("words", TL_SHAPE(4, 2), 1),
                *one = tl_test_dense("one", TL_SHAPE(), 1);
    ck_assert_refused(g, tl_embedding_lookup(tl_use(g, words), high, TL_SHAPE(3)), TL_ERR_INDEX,
                      "embedding_lookup: ids[0] = 4, table words (4x2) has 4 rows");
    ck_assert_refused(g, tl_embedding_lookup(tl_use(g, one), ids, TL_SHAPE(1)), TL_ERR_SHAPE,
                      "embedding_lookup: the table is one (scalar), and must have rank 1 or more");
    tl_variable_free(words);
    tl_variable_free(one);
    ck_assert_ptr_null(tl_embedding_lookup(NULL, ids, TL_SHAPE(1)));
    ck_assert_int_eq(tl_graph_status(g), TL_OK);
    tl_graph_free(g);
    tl_pattern_release(p);
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

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("embedding_lookup");
    TCase *c = tl_test_case(s, "embedding_lookup");
    tcase_add_test(c, by_hand);
    tcase_add_test(c, shapes);
    tcase_add_test(c, gradient);
    tcase_add_test(c, coalesced);
    tcase_add_test(c, repeats_of_a_row_are_summed_in_double);
    tcase_add_test(c, repeats_in_a_result_are_summed_in_double);
    tcase_add_test(c, one_pair);
    tcase_add_test(c, no_ids);
    tcase_add_test(c, refusals);
    tcase_add_test(c, constant_table);
    return s;
}
