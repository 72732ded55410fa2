/* What authors of ops and transforms forget, and what they may do that no built-in op does. */
#include "tests/testing.h"

#include <string.h>

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static tl_status no_result(tl_node *y)
{
    (void)y;
    return TL_OK;
}

static tl_status no_text(tl_node *y)
{
    (void)y;
    return TL_ERR_INDEX;
}

static void forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = y->in[0]->val[k];
}

START_TEST(incomplete_ops)
{
    const tl_real one = 1;
    const struct {
        tl_op op;
        tl_status status;
        const char *text;
    } cases[] = {
        { { .n_in = 1, .shape = shape, .forward = forward },
          TL_ERR_ARGUMENT,
          "an op: an op needs a name, a shape function and a forward function" },
        { { .name = "x", .n_in = 1, .forward = forward },
          TL_ERR_ARGUMENT,
          "x: an op needs a name, a shape function and a forward function" },
        { { .name = "x", .n_in = 1, .shape = shape },
          TL_ERR_ARGUMENT,
          "x: an op needs a name, a shape function and a forward function" },
        { { .name = "x", .n_in = 1, .shape = no_result, .forward = forward },
          TL_ERR_SHAPE,
          "x: the shape function declared no result" },
        { { .name = "x", .n_in = 1, .shape = no_text, .forward = forward }, TL_ERR_INDEX, "x: TL_ERR_INDEX" },
    };
    tl_graph *g = tl_graph_new();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        tl_node *in = tl_input(g, TL_SHAPE(), &one);
        tl_fail(TL_ERR_IO, "something else, long ago");
        ck_assert_refused(g, tl_apply(&cases[c].op, &in, NULL, 0), cases[c].status, cases[c].text);
    }
    const tl_op good = { .name = "x", .n_in = 1, .shape = shape, .forward = forward };
    tl_node *in = tl_input(g, TL_SHAPE(), &one);
    ck_assert_refused(g, tl_apply(&good, &in, NULL, 8), TL_ERR_ARGUMENT, "x: the attributes are NULL");
    const tl_op none = { .name = "x", .shape = shape, .forward = forward };
    ck_assert_null(tl_apply(&none, &in, NULL, 0), "apply: the op takes from 0 to 0 inputs");
    const tl_op twisted = { .name = "x", .min_in = 2, .max_in = 1, .shape = shape, .forward = forward };
    ck_assert_null(tl_apply(&twisted, &in, NULL, 0), "apply: the op takes from 2 to 1 inputs");
    ck_assert_null(tl_apply(NULL, &in, NULL, 0), "apply: the op is NULL");
    ck_assert_null(tl_apply(&good, NULL, NULL, 0), "apply: the inputs are NULL");
    tl_graph_free(g);
}
END_TEST

static tl_status silent(tl_gradients *g, void *context)
{
    (void)g, (void)context;
    return TL_ERR_KIND;
}

START_TEST(a_transform_without_a_text)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph *g = tl_graph_new();
    ck_assert_ok(tl_optimizer_add_transform(o, silent, NULL));
    tl_fail(TL_ERR_IO, "something else, long ago");
    ck_assert_status(tl_minimize(o, tl_reduce_sum(tl_use(g, v), 0)), TL_ERR_KIND, "sgd: TL_ERR_KIND");
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* Y = T(0, :) + 2 T(2, :), with a call of tl_add_rows for each. */
static tl_status two_rows_shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE(y->in[0]->shape.dim[1]));
}

static void two_rows_forward(tl_node *y)
{
    for (int64_t j = 0; j < y->size; j++)
        y->out[j] = y->in[0]->val[j] + 2 * y->in[0]->val[2 * y->size + j];
}

static void two_rows_backward(tl_node *y)
{
    static const int32_t first = 0, third = 2;
    static const tl_real two = 2;
    tl_add_rows(y, 0, 1, &first, NULL, NULL, y->grad);
    tl_add_rows(y, 0, 1, &third, NULL, &two, y->grad);
}

static const tl_op two_rows = { .name = "two_rows",
                                .n_in = 1,
                                .in_kind = { TL_ROWS },
                                .shape = two_rows_shape,
                                .forward = two_rows_forward,
                                .backward = two_rows_backward };

static tl_node *build(tl_graph *g, void *context)
{
    tl_node *t = tl_use(g, context);
    return tl_apply(&two_rows, &t, NULL, 0);
}

/* By rows, and scattered where the table is used densely, too; twice in one graph. */
START_TEST(rows_in_two_calls)
{
    tl_variable *t = tl_test_dense("t", TL_SHAPE(3, 2), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    ck_assert_gradient(build, t, t);
    tl_node *loss = tl_reduce_sum(build(g, t), 0);
    for (int pass = 0; pass < 2; pass++) {
        ck_assert_ok(tl_backward(loss, &out));
        ck_assert_int_eq(out.pair[0].n_rows, 2);
        ck_assert_int_eq(out.pair[0].rows[1], 2);
        ck_assert_values(out.pair[0].values, 4, 0, 1, 1, 2, 2);
    }
    ck_assert_ok(tl_backward(tl_add(loss, tl_reduce_sum(tl_use(g, t), TL_ALL_AXES)), &out));
    ck_assert_ptr_null(out.pair[0].rows);
    ck_assert_values(out.pair[0].values, 6, 0, 2, 2, 1, 1, 3, 3);
    tl_graph_free(g);
    tl_variable_free(t);
}
END_TEST

/* The second call needs memory of its own: where there is none, the pass fails. */
START_TEST(rows_short_of_memory)
{
    tl_variable *t = tl_test_dense("t", TL_SHAPE(3, 2), 1);
    tl_status status = TL_ERR_MEMORY;
    for (int64_t k = 1; status != TL_OK; k++) {
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *loss = tl_reduce_sum(build(g, t), 0);
        tl_test_fail_allocation(k);
        status = tl_backward(loss, &out);
        tl_test_fail_allocation(0);
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        tl_graph_free(g);
    }
    tl_variable_free(t);
}
END_TEST

/* ---- workspace ---- */

static tl_status shape_in_workspace(tl_node *y)
{
    const int64_t n = *(const int64_t *)y->attr;
    tl_status status = tl_reserve_workspace(y, n, sizeof(tl_real));
    return status == TL_OK ? tl_shape_like(y, y->in[0]) : status;
}

/* Fills its part of the workspace, and copies its input by way of it. */
static void forward_in_workspace(tl_node *y)
{
    tl_real *workspace = tl_workspace(y);
    for (int64_t k = 0; k < *(const int64_t *)y->attr; k++)
        workspace[k] = y->in[0]->val[0];
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = workspace[k % 2];
}

static const tl_op in_workspace = {
    .name = "in_workspace", .n_in = 1, .shape = shape_in_workspace, .forward = forward_in_workspace
};

static tl_node *through(tl_node *a, int64_t n)
{
    return tl_apply(&in_workspace, &a, &n, sizeof n);
}

/* All ops of a graph share what the largest of them needs. */
START_TEST(workspace)
{
    const tl_real x[3] = { 7, 7, 7 };
    const int64_t needs[] = { 2, 100000, 5, 70000, 100000 };
    tl_graph *g = tl_graph_new();
    int64_t held = 0;
    for (int step = 0; step < 3; step++, tl_graph_reset(g)) {
        int64_t asked = tl_test_allocations();
        tl_node *y = tl_input(g, TL_SHAPE(3), x);
        for (int k = 0; k < 5; k++) {
            y = through(y, needs[k]);
            ck_assert_ptr_nonnull(y);
            ck_assert_uint_eq((uintptr_t)tl_workspace(y) % 64, 0);
        }
        ck_assert_values(tl_value(y), 3, 0, 7, 7, 7);
        asked = tl_test_allocations() - asked;
#ifdef TL_HEAP_ARENA
        asked = 0; /* every allocation of the graph is a heap block of its own */
#endif
        ck_assert(step == 0 || asked == 0);
        ck_assert(step == 0 || tl_graph_bytes(g) <= held);
        held = tl_graph_bytes(g);
    }
    ck_assert_int_lt(held, 2 * 100000 * (int64_t)sizeof(tl_real));
    tl_node *in = tl_input(g, TL_SHAPE(3), x);
    ck_assert_refused(g, through(in, -1), TL_ERR_ARGUMENT, "in_workspace: reserve_workspace: -1 elements");
    in = tl_input(g, TL_SHAPE(3), x);
    ck_assert_refused(g, through(in, INT64_MAX / 2), TL_ERR_MEMORY, "in_workspace: out of memory");
    tl_graph_free(g);
}
END_TEST

/* ---- an op that overwrites gradients ---- */

enum { TRUE_TO_ITS_WORD, ADDS_ANYWAY, LEAVES_ONE_OUT };

typedef struct overwriter {
    int way;
    int *overwritten; /* how many gradients it may have overwritten */
} overwriter;

static void forward_2a_3b(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = 2 * y->in[0]->val[k] + 3 * y->in[1]->val[k];
}

static void assign_gradients(tl_node *y)
{
    const overwriter *b = y->attr;
    for (int i = 0; i < 2; i++) {
        tl_node *a = y->in[i];
        const bool assigns = a->overwrite && b->way != ADDS_ANYWAY;
        for (int64_t k = b->way == LEAVES_ONE_OUT; a->grad && k < y->size; k++)
            a->grad[k] = (assigns ? 0 : a->grad[k]) + (tl_real)(2 + i) * y->grad[k];
        *b->overwritten += a->overwrite;
    }
}

static const tl_op op_2a_3b = { .name = "2a+3b",
                                .n_in = 2,
                                .shape = shape,
                                .forward = forward_2a_3b,
                                .backward = assign_gradients,
                                .can_overwrite = 1 << 0 | 1 << 1 };

static tl_node *add_2a_3b(tl_node *a, tl_node *b, overwriter attr)
{
    return tl_apply(&op_2a_3b, (tl_node *[]){ a, b }, &attr, sizeof attr);
}

typedef struct operands {
    tl_variable *v, *w;
    overwriter attr;
} operands;

static tl_node *build_2a_3b(tl_graph *g, void *context)
{
    const operands *b = context;
    return add_2a_3b(tl_use(g, b->v), tl_use(g, b->w), b->attr);
}

/* A gradient may be overwritten by the only use of a node, or by the first that the pass comes to; never by
 * an op that has the node twice. */
START_TEST(overwritten_gradients)
{
    tl_graph *g = tl_graph_new();
    int overwritten = 0;
    operands b = { .v = tl_variable_dense("v", TL_SHAPE(3)), .w = tl_variable_dense("w", TL_SHAPE(3)) };
    b.attr.overwritten = &overwritten;
    tl_gradients out;
    for (int pass = 0; pass < 2;
         pass++, overwritten = 0) { /* over a memory that is not zero the second time */
        tl_node *v = tl_use(g, b.v), *w = tl_use(g, b.w), *once = add_2a_3b(v, w, b.attr);
        ck_assert_ok(tl_backward(tl_reduce_sum(once, TL_ALL_AXES), &out));
        ck_assert_values(out.pair[0].values, 3, 0, 2, 2, 2);
        ck_assert_values(out.pair[1].values, 3, 0, 3, 3, 3);
        ck_assert_int_eq(overwritten, 2);
        tl_node *twice = add_2a_3b(once, add_2a_3b(v, w, b.attr), b.attr);
        ck_assert_ok(tl_backward(tl_reduce_sum(twice, TL_ALL_AXES), &out));
        ck_assert_values(out.pair[0].values, 3, 0, 10, 10, 10);
        ck_assert_values(out.pair[1].values, 3, 0, 15, 15, 15);
        ck_assert_int_eq(overwritten, 2 + 4);
        ck_assert_ok(tl_backward(tl_reduce_sum(add_2a_3b(v, v, b.attr), TL_ALL_AXES), &out));
        ck_assert_values(out.pair[0].values, 3, 0, 5, 5, 5);
        ck_assert_int_eq(overwritten, 2 + 4);
        tl_graph_reset(g);
    }
    for (int way = TRUE_TO_ITS_WORD; way <= LEAVES_ONE_OUT; way++) {
        b.attr.way = way;
        tl_status status = tl_gradcheck(build_2a_3b, &b, (tl_variable *[]){ b.v, b.w }, 2, NULL);
        ck_assert_int_eq(status, way == TRUE_TO_ITS_WORD ? TL_OK : TL_ERR_NUMERIC);
        ck_assert(way == TRUE_TO_ITS_WORD || strstr(tl_error(), "v[0]: analytic nan") != NULL ||
                  strstr(tl_error(), "v[0]: analytic -nan") != NULL);
    }
    tl_graph_free(g);
    tl_variable_free(b.v);
    tl_variable_free(b.w);
}
END_TEST

/* An input whose rows are added to is not overwritten: here a table that also has a dense use. */
START_TEST(rows_are_not_overwritten)
{
    tl_op op = two_rows;
    op.can_overwrite = 1 << 0;
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4, 2), 1);
    tl_real expected[8];
    for (int pass = 0; pass < 4; pass++) { /* two_rows, then op, each over memory that holds zeros and not */
        tl_gradients out;
        tl_node *table = tl_use(g, v), *dense = tl_reduce_sum(table, TL_ALL_AXES),
                *rows = tl_reduce_sum(tl_apply(pass < 2 ? &two_rows : &op, &table, NULL, 0), TL_ALL_AXES);
        ck_assert_ok(tl_backward(tl_add(dense, rows), &out));
        ck_assert_ptr_null(out.pair[0].rows);
        if (pass == 0)
            memcpy(expected, out.pair[0].values, sizeof expected);
        ck_assert_same(out.pair[0].values, expected, 8);
        tl_graph_reset(g);
    }
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("author");
    TCase *c = tl_test_case(s, "author");
    tcase_add_test(c, incomplete_ops);
    tcase_add_test(c, a_transform_without_a_text);
    tcase_add_test(c, rows_in_two_calls);
    tcase_add_test(c, rows_short_of_memory);
    tcase_add_test(c, workspace);
    tcase_add_test(c, overwritten_gradients);
    tcase_add_test(c, rows_are_not_overwritten);
    return s;
}
