/* Row-sparse gradients: the slices of lookups, summed into distinct rows in order of appearance. */
#include "tests/testing.h"

#include <string.h>

enum { ROWS = 12, WIDTH = 5, IDS = 40 };

/* Lookup `which` of the test: ids with many repeats, and the gradient that comes back to each of them. */
typedef struct lookup {
    int32_t id[IDS];
    tl_real up[IDS * WIDTH];
} lookup;

static void fill(lookup *l, uint64_t seed)
{
    tl_random r = { .seed = seed };
    for (int k = 0; k < IDS; k++)
        l->id[k] = (int32_t)tl_random_integer(&r, ROWS - 2) + (k % 2); /* never the last row */
    tl_test_fill(l->up, IDS * WIDTH, seed);
}

/* sum of up_k T(id_k, :): the gradient of row id_k is up_k. */
static tl_node *look_up(tl_graph *g, tl_node *table, const lookup *l)
{
    tl_node *y = tl_embedding_lookup(table, l->id, TL_SHAPE(IDS));
    return tl_reduce_sum(tl_mul(y, tl_input(g, tl_shape_of(y), l->up)), TL_ALL_AXES);
}

/* The specification: slice after slice, added to its row of a table of zeros, in double. */
static void add_slices(double *table, const lookup *l)
{
    for (int k = 0; k < IDS; k++)
        for (int j = 0; j < WIDTH; j++)
            table[l->id[k] * WIDTH + j] += (double)l->up[k * WIDTH + j];
}

/* The pair against the table that it stands for: rows ascend, none is missing or named for nothing. */
static void check_pair(const tl_gradient *pair, const double *table, const lookup *l, int lookups)
{
    bool named[ROWS] = { false };
    for (int i = 0; i < lookups; i++)
        for (int k = 0; k < IDS; k++)
            named[l[i].id[k]] = true;
    int64_t at = 0;
    for (int row = 0; row < ROWS; row++) {
        if (!named[row])
            continue;
        ck_assert_int_lt(at, pair->n_rows);
        ck_assert_int_eq(pair->rows[at], row);
        for (int j = 0; j < WIDTH; j++)
            ck_assert(pair->values[at * WIDTH + j] == (tl_real)table[row * WIDTH + j]);
        at++;
    }
    ck_assert_int_eq(pair->n_rows, at);
    ck_assert_int_eq(tl_gradient_size(pair), at * WIDTH);
}

/* To the bit: floating-point sums in another order would differ. */
START_TEST(one_lookup)
{
    static lookup l;
    double expected[ROWS * WIDTH] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *t = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    tl_gradients out;
    fill(&l, 1);
    add_slices(expected, &l);
    ck_assert_ok(tl_backward(look_up(g, tl_use(g, t), &l), &out));
    check_pair(&out.pair[0], expected, &l, 1);
    tl_graph_free(g);
    tl_variable_free(t);
}
END_TEST

/* Several lookups of one table make one gradient. The backward pass meets the last one on the tape first,
 * as it does for any other use of a variable; within a lookup the ids count in their order. */
START_TEST(several_lookups)
{
    static lookup l[3];
    double expected[ROWS * WIDTH] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *t = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    tl_node *loss = NULL;
    for (int i = 0; i < 3; i++) {
        fill(&l[i], 2 + (uint64_t)i);
        tl_node *term = look_up(g, tl_use(g, t), &l[i]);
        loss = loss ? tl_add(loss, term) : term;
    }
    for (int i = 2; i >= 0; i--)
        add_slices(expected, &l[i]);
    tl_gradients out;
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_int_eq(out.n, 1);
    check_pair(&out.pair[0], expected, l, 3);
    tl_graph_free(g);
    tl_variable_free(t);
}
END_TEST

/* A table that is also used densely gets one dense gradient, the slices scattered into it: both ways to
 * use it, before and after the lookup on the tape. */
START_TEST(tied_weights)
{
    static lookup l;
    fill(&l, 5);
    for (int dense_first = 0; dense_first < 2; dense_first++) {
        double expected[ROWS * WIDTH];
        tl_graph *g = tl_graph_new();
        tl_variable *t = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
        tl_node *table = tl_use(g, t), *dense, *looked_up;
        if (dense_first)
            dense = tl_reduce_sum(table, TL_ALL_AXES), looked_up = look_up(g, table, &l);
        else
            looked_up = look_up(g, table, &l), dense = tl_reduce_sum(table, TL_ALL_AXES);
        for (int k = 0; k < ROWS * WIDTH; k++)
            expected[k] = 1;
        add_slices(expected, &l);
        tl_gradients out;
        ck_assert_ok(tl_backward(tl_add(dense, looked_up), &out));
        ck_assert_int_eq(out.n, 1);
        ck_assert_ptr_null(out.pair[0].rows);
        tl_test_values(__FILE__, __LINE__, "the gradient", out.pair[0].values, ROWS * WIDTH, TL_NEAR,
                       expected);
        tl_graph_free(g);
        tl_variable_free(t);
    }
}
END_TEST

/* Rows of something computed: the gradient is scattered there, and goes on from there densely. */
START_TEST(lookup_in_a_result)
{
    static lookup l;
    double expected[ROWS * WIDTH] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *t = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    tl_gradients out;
    fill(&l, 6);
    add_slices(expected, &l);
    ck_assert_ok(tl_backward(look_up(g, tl_scale(tl_use(g, t), 1), &l), &out));
    ck_assert_ptr_null(out.pair[0].rows);
    for (int k = 0; k < ROWS * WIDTH; k++)
        ck_assert(out.pair[0].values[k] == (tl_real)expected[k]);
    tl_graph_free(g);
    tl_variable_free(t);
}
END_TEST

/* Bags and a plain lookup of one table, in both orders: coefficients count. Rows 0 and 2 by weights, row 2
 * once more by id. */
START_TEST(bags_and_ids)
{
    const int32_t bag_ids[] = { 2, 0, 2 }, ids[] = { 2 };
    const int64_t row_ptr[] = { 0, 2, 3 };
    const tl_real weights[] = { 3, 5, 7 }, up[] = { 1, 10, 100, 1000 }, more[] = { 0.5f, 0.25f };
    const tl_pattern_bag bags = { .n = 2, .row_ptr = row_ptr, .ids = bag_ids };
    tl_graph *g = tl_graph_new();
    tl_variable *t = tl_test_dense("t", TL_SHAPE(4, 2), 1);
    tl_node *table = tl_use(g, t), *w = tl_input(g, TL_SHAPE(3), weights);
    tl_node *a = _i ? NULL : tl_embedding_lookup_sparse(table, &bags, w, TL_SUM);
    tl_node *b = tl_mul(tl_embedding_lookup(table, ids, TL_SHAPE(1)), tl_input(g, TL_SHAPE(1, 2), more));
    a = tl_mul(_i ? tl_embedding_lookup_sparse(table, &bags, w, TL_SUM) : a, tl_input(g, TL_SHAPE(2, 2), up));
    tl_node *loss = tl_add(tl_reduce_sum(a, TL_ALL_AXES), tl_reduce_sum(b, TL_ALL_AXES));
    tl_gradients out;
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_int_eq(out.pair[0].n_rows, 2);
    ck_assert_int_eq(out.pair[0].rows[0], 0);
    ck_assert_int_eq(out.pair[0].rows[1], 2);
    ck_assert_values(out.pair[0].values, 4, 0, 5, 50, 3 + 700 + 0.5, 30 + 7000 + 0.25);
    tl_graph_free(g);
    tl_variable_free(t);
}
END_TEST

/* A table whose gradient nobody wants, a constant or a variable that is not listed, is left alone; the
 * weights of its bags get theirs: the sums of its rows. */
START_TEST(unwanted_table)
{
    const int32_t bag_ids[] = { 2, 0 };
    const int64_t row_ptr[] = { 0, 2 };
    const tl_real numbers[] = { 1, 2, 3, 4, 5, 6 };
    const tl_pattern_bag bags = { .n = 1, .row_ptr = row_ptr, .ids = bag_ids };
    tl_graph *g = tl_graph_new();
    tl_variable *t = tl_variable_dense("t", TL_SHAPE(3, 2)), *w = tl_test_dense("w", TL_SHAPE(2), 1);
    memcpy(tl_variable_data(t), numbers, sizeof numbers);
    for (int kind = 0; kind < 3; kind++, tl_graph_reset(g)) {
        tl_node *table = kind == 0 ? tl_input(g, TL_SHAPE(3, 2), numbers) : tl_use(g, t);
        if (kind == 2)
            table = tl_scale(table, 1);
        tl_gradients out;
        tl_node *y = tl_embedding_lookup_sparse(table, &bags, tl_use(g, w), TL_SUM);
        ck_assert_ok(tl_backward_for(tl_reduce_sum(y, TL_ALL_AXES), &w, 1, &out));
        ck_assert_values(out.pair[0].values, 2, 0, 11, 3);
        ck_assert_ptr_null(tl_grad(table));
    }
    tl_graph_free(g);
    tl_variable_free(t);
    tl_variable_free(w);
}
END_TEST

/* A vector is a table of rows of one; rank 3 one of matrices. */
START_TEST(tables_of_other_ranks)
{
    const int32_t ids[] = { 3, 0, 3 };
    const tl_real up[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    tl_graph *g = tl_graph_new();
    tl_variable *one = tl_test_dense("one", TL_SHAPE(4), 1),
                *three = tl_test_dense("three", TL_SHAPE(4, 2, 2), 2);
    tl_node *a = tl_mul(tl_embedding_lookup(tl_use(g, one), ids, TL_SHAPE(3)), tl_input(g, TL_SHAPE(3), up));
    tl_node *b = tl_mul(tl_embedding_lookup(tl_use(g, three), ids, TL_SHAPE(3)),
                        tl_input(g, TL_SHAPE(3, 2, 2), up));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_add(tl_reduce_sum(a, TL_ALL_AXES), tl_reduce_sum(b, TL_ALL_AXES)), &out));
    ck_assert_int_eq(out.pair[0].n_rows, 2);
    ck_assert_values(out.pair[0].values, 2, 0, 2, 4);
    ck_assert_int_eq(out.pair[1].n_rows, 2);
    ck_assert_values(out.pair[1].values, 8, 0, 5, 6, 7, 8, 10, 12, 14, 16);
    ck_assert_int_eq(tl_gradient_size(&out.pair[1]), 8);
    tl_graph_free(g);
    tl_variable_free(one);
    tl_variable_free(three);
}
END_TEST

/* No ids, no columns, no rows: present, and empty. */
START_TEST(empty)
{
    const int32_t ids[] = { 3, 0, 3 };
    const struct {
        tl_shape table;
        int64_t ids, rows;
    } table[] = { { { 2, { 4, 2 } }, 0, 0 }, { { 2, { 4, 0 } }, 3, 2 }, { { 2, { 0, 2 } }, 0, 0 } };
    tl_graph *g = tl_graph_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tl_variable *t = tl_variable_dense("t", table[i].table);
        tl_gradients out;
        tl_node *y = tl_embedding_lookup(tl_use(g, t), ids, TL_SHAPE(table[i].ids));
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        ck_assert_int_eq(out.n, 1);
        ck_assert_ptr_nonnull(out.pair[0].values);
        ck_assert_ptr_nonnull(out.pair[0].rows);
        ck_assert_int_eq(out.pair[0].n_rows, table[i].rows);
        ck_assert_int_eq(tl_gradient_size(&out.pair[0]), 0);
        tl_graph_reset(g);
        tl_variable_free(t);
    }
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("coalesce");
    TCase *c = tl_test_case(s, "coalesce");
    tcase_add_test(c, one_lookup);
    tcase_add_test(c, several_lookups);
    tcase_add_test(c, tied_weights);
    tcase_add_test(c, lookup_in_a_result);
    tcase_add_loop_test(c, bags_and_ids, 0, 2);
    tcase_add_test(c, unwanted_table);
    tcase_add_test(c, tables_of_other_ranks);
    tcase_add_test(c, empty);
    return s;
}
