/* Mistakes of authors of ops, field by field and call by call: each is a message of the graph's that names
 * the op, and the process goes on. */
#include "tests/testing.h"

#include <limits.h>
#include <string.h>

static tl_status shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE(2));
}

static void forward(tl_node *y)
{
    memset(y->out, 0, (size_t)y->size * sizeof *y->out);
}

static void backward(tl_node *y)
{
    (void)y;
}

typedef struct world {
    tl_graph *g;
    tl_variable *table, *scalar;
} world;

static world begin(void)
{
    return (world){ tl_graph_new(), tl_test_dense("t", TL_SHAPE(3, 2), 1),
                    tl_test_dense("c", TL_SHAPE(), 2) };
}

static void end(world w)
{
    tl_graph_free(w.g);
    tl_variable_free(w.table);
    tl_variable_free(w.scalar);
}

#define WHOLE .name = "x", .shape = shape, .forward = forward, .backward = backward

START_TEST(fields)
{
    static const struct {
        tl_op op;
        const char *text;
    } table[] = {
        { { WHOLE, .n_in = 2, .n_optional = -1 }, "x: n_optional is -1, of 2 inputs" },
        { { WHOLE, .n_in = 2, .n_optional = INT_MIN }, "x: n_optional is -2147483648, of 2 inputs" },
        { { WHOLE, .n_in = 2, .n_optional = 3 }, "x: n_optional is 3, of 2 inputs" },
        { { WHOLE, .n_in = 2, .in_kind = { TL_DENSE, (tl_kind)4 } }, "x: in_kind[1] = 4 is not a tl_kind" },
        { { WHOLE, .n_in = 2, .in_kind = { (tl_kind)INT_MIN } },
          "x: in_kind[0] = -2147483648 is not a tl_kind" },
        { { WHOLE, .n_in = 2, .no_gradient = 1u << 2 },
          "x: no_gradient has a bit of input 2 or beyond, of 2 inputs" },
        { { WHOLE, .n_in = 2, .can_overwrite = 1u << 31 },
          "x: can_overwrite has a bit of input 2 or beyond, of 2 inputs" },
        { { WHOLE, .min_in = 1, .max_in = 4, .n_optional = 1 },
          "x: n_optional is 1, and a list has no optional inputs" },
    };
    world w = begin();
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        tl_node *a = tl_use(w.g, w.table);
        ck_assert_refused(w.g, tl_apply(&table[k].op, (tl_node *[]){ a, a }, NULL, 0), TL_ERR_ARGUMENT,
                          table[k].text);
    }
    static const tl_op whole = { WHOLE, .n_in = 4, .n_optional = 3, .can_overwrite = 15, .no_gradient = 14 };
    tl_node *in[] = { tl_use(w.g, w.table), NULL, NULL, NULL };
    ck_assert_ptr_nonnull(tl_apply(&whole, in, NULL, 0));
    end(w);
}
END_TEST

static tl_status shape_like_input(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

/* A table has rows. */
START_TEST(rows_of_a_scalar)
{
    static const tl_op rows = { .name = "x",
                                .n_in = 1,
                                .in_kind = { TL_ROWS },
                                .shape = shape_like_input,
                                .forward = forward,
                                .backward = backward };
    world w = begin();
    tl_node *a = tl_use(w.g, w.scalar);
    ck_assert_refused(w.g, tl_apply(&rows, &a, NULL, 0), TL_ERR_SHAPE,
                      "x: input 0 (c, scalar) is no table: it must have rank 1 or more");
    a = tl_use(w.g, w.table);
    ck_assert_ptr_nonnull(tl_apply(&rows, &a, NULL, 0));
    end(w);
}
END_TEST

/* What `shape` may call wrongly, by number; the last calls return nothing. */
static int mistake;

static tl_status wrong_shape(tl_node *y)
{
    static const int32_t rows[] = { 0, 3 };
    tl_status status = tl_shape_dense(y, TL_SHAPE(2));
    switch (mistake) {
    case 0: return tl_shape_dense(y->in[0], TL_SHAPE(2));
    case 1: return tl_shape_sparse(y, NULL);
    case 2: return tl_shape_like(y, y->in[1]);
    case 3: return tl_shape_dense(y, TL_SHAPE(-1));
    case 4: return (y->scratch = tl_scratch(y, -1, 8)) ? status : TL_ERR_ARGUMENT;
    case 5: return tl_reserve_workspace(y, INT64_MIN, 8);
    case 6: return tl_memo_store(y, NULL, NULL, NULL);
    case 7: tl_declare_rows(y, 0, 2, rows); break;
    case 8: tl_declare_rows(y, 0, 2, NULL); break;
    case 9: tl_declare_rows(y, 0, -1, rows); break;
    case 10: tl_declare_rows(y, 1, 1, rows); break;
    case 11: tl_declare_rows(y, INT_MIN, 1, rows); break;
    case 12: tl_declare_rows(y, 2, 1, rows); break;
    case 13: return (tl_status)77;
    default: break;
    }
    return status;
}

/* The same for backward. */
static void wrong_backward(tl_node *y)
{
    static const int32_t rows[] = { 0, 3 }, sources[] = { 0, -1 };
    switch (mistake) {
    case 20: tl_add_rows(y, 0, 2, rows, NULL, NULL, y->grad); break;
    case 21: tl_add_rows(y, 0, 1, NULL, NULL, NULL, y->grad); break;
    case 22: tl_add_rows(y, 0, 1, rows, NULL, NULL, NULL); break;
    case 23: tl_add_rows(y, 0, INT64_MIN, rows, NULL, NULL, y->grad); break;
    case 24: tl_add_rows(y, 1, 1, rows, NULL, NULL, y->grad); break;
    case 25: tl_add_rows(y, -1, 1, rows, NULL, NULL, y->grad); break;
    case 26: tl_add_rows(y, 0, 2, sources, NULL, NULL, y->grad); break;
    case 27: tl_add_rows(y, 0, 2, (const int32_t[]){ 0, 1 }, sources, NULL, y->grad); break;
    default: break;
    }
}

static const tl_op wrong = { .name = "wrong",
                             .n_in = 2,
                             .n_optional = 1,
                             .in_kind = { TL_ROWS, TL_DENSE },
                             .shape = wrong_shape,
                             .forward = forward,
                             .backward = wrong_backward };

START_TEST(calls_in_shape)
{
    static const struct {
        tl_status status;
        const char *text;
    } table[] = {
        { TL_ERR_ARGUMENT, "wrong: shape_dense: the node is not the one that is being recorded" },
        { TL_ERR_ARGUMENT, "wrong: shape_sparse: the pattern is NULL" },
        { TL_ERR_ARGUMENT, "wrong: shape_like: the other node is NULL" },
        { TL_ERR_SHAPE, "wrong: [-1] has a negative size" },
        { TL_ERR_ARGUMENT, "wrong: scratch: -1 elements" },
        { TL_ERR_ARGUMENT, "wrong: reserve_workspace: -9223372036854775808 elements" },
        { TL_ERR_ARGUMENT, "wrong: memo_store: the result is NULL" },
        { TL_ERR_INDEX, "wrong: rows[1] = 3, t (3x2) has 3 rows" },
        { TL_ERR_ARGUMENT, "wrong: rows is NULL" },
        { TL_ERR_ARGUMENT, "wrong: rows: their number is -1" },
        { TL_ERR_ARGUMENT, "wrong: declare_rows: input 1 is not TL_ROWS" },
        { TL_ERR_ARGUMENT, "wrong: declare_rows: input -2147483648 is not TL_ROWS" },
        { TL_ERR_ARGUMENT, "wrong: declare_rows: input 2 is not TL_ROWS" },
        { (tl_status)77, "wrong: unknown tl_status" },
    };
    world w = begin();
    mistake = _i;
    tl_node *in[] = { tl_use(w.g, w.table), NULL };
    ck_assert_ptr_null(tl_apply(&wrong, in, NULL, 0));
    ck_assert_str_eq(tl_graph_error(w.g), table[_i].text);
    ck_assert_str_eq(tl_error(), table[_i].text);
    ck_assert_int_eq(tl_graph_status(w.g), table[_i].status);
    tl_graph_reset(w.g);
    ck_assert_ptr_nonnull(tl_value(tl_use(w.g, w.table))); /* life goes on */
    end(w);
}
END_TEST

START_TEST(calls_in_backward)
{
    static const struct {
        tl_status status;
        const char *text;
    } table[] = {
        { TL_ERR_INDEX, "wrong: rows[1] = 3, t (3x2) has 3 rows" },
        { TL_ERR_ARGUMENT, "wrong: rows is NULL" },
        { TL_ERR_ARGUMENT, "wrong: add_rows: the values are NULL" },
        { TL_ERR_ARGUMENT, "wrong: rows: their number is -9223372036854775808" },
        { TL_ERR_ARGUMENT, "wrong: add_rows: input 1 is not TL_ROWS" },
        { TL_ERR_ARGUMENT, "wrong: add_rows: input -1 is not TL_ROWS" },
        { TL_ERR_INDEX, "wrong: rows[1] = -1, t (3x2) has 3 rows" },
        { TL_ERR_ARGUMENT, "wrong: add_rows: a row of the source is negative" },
    };
    world w = begin();
    tl_gradients out;
    mistake = 20 + _i;
    for (int dense = 0; dense < 2; dense++) { /* also where the rows go into a dense gradient at once */
        tl_node *t = tl_use(w.g, w.table), *in[] = { t, NULL };
        tl_node *y = tl_reduce_sum(tl_apply(&wrong, in, NULL, 0), TL_ALL_AXES);
        if (dense)
            y = tl_add(y, tl_reduce_sum(t, TL_ALL_AXES));
        ck_assert_ptr_nonnull(y);
        ck_assert_status(tl_backward(y, &out), table[_i].status, table[_i].text);
        ck_assert_str_eq(tl_graph_error(w.g), table[_i].text);
        tl_graph_reset(w.g);
    }
    end(w);
}
END_TEST

/* Rows of an optional table that is absent are nobody's. */
static tl_status shape_of_absent(tl_node *y)
{
    static const int32_t row = 7;
    tl_declare_rows(y, 1, 1, &row);
    return tl_shape_dense(y, TL_SHAPE());
}

static void backward_of_absent(tl_node *y)
{
    static const int32_t row = 7;
    tl_add_rows(y, 1, 1, &row, NULL, NULL, y->grad);
}

START_TEST(rows_of_an_absent_table)
{
    static const tl_op op = { .name = "x",
                              .n_in = 2,
                              .n_optional = 1,
                              .in_kind = { TL_DENSE, TL_ROWS },
                              .shape = shape_of_absent,
                              .forward = forward,
                              .backward = backward_of_absent };
    world w = begin();
    tl_gradients out;
    tl_node *in[] = { tl_use(w.g, w.table), NULL };
    ck_assert_ok(tl_backward(tl_apply(&op, in, NULL, 0), &out));
    end(w);
}
END_TEST

/* A dense result after a sparse one has no pattern. */
static tl_status changes_its_mind(tl_node *y)
{
    const tl_status status = tl_shape_sparse(y, tl_pattern_of(y->in[0]));
    return status == TL_OK ? tl_shape_dense(y, TL_SHAPE(2)) : status;
}

START_TEST(two_results)
{
    static const tl_op op = {
        .name = "x", .n_in = 1, .in_kind = { TL_SPARSE }, .shape = changes_its_mind, .forward = forward
    };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(2, 2, 1, 1);
    static const tl_real values[4];
    tl_node *a = tl_input_sparse(g, p, values);
    ck_assert_ptr_null(tl_pattern_of(tl_apply(&op, &a, NULL, 0)));
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("mistakes");
    TCase *c = tl_test_case(s, "mistakes");
    tcase_add_test(c, fields);
    tcase_add_test(c, rows_of_a_scalar);
    tcase_add_loop_test(c, calls_in_shape, 0, 14);
    tcase_add_loop_test(c, calls_in_backward, 0, 8);
    tcase_add_test(c, rows_of_an_absent_table);
    tcase_add_test(c, two_results);
    return s;
}
