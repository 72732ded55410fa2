/* What an op's functions are given, and what they may call: attributes, shapes, scratch, patterns. */
#include "tests/graph/probe.h"

START_TEST(attributes_are_copied)
{
    static const tl_op probe = { .name = "probe", .n_in = 1, .shape = shape, .forward = forward };
    struct attr {
        char text[8];
        double number;
    } attr = { "before", 0.25 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(3), numbers), *y = tl_apply(&probe, &x, &attr, sizeof attr);
    ck_assert_ptr_eq(seen.attr, y->attr); /* there when shape is asked */
    attr = (struct attr){ "after", 0 };
    const struct attr *copy = y->attr;
    ck_assert_str_eq(copy->text, "before");
    ck_assert(copy->number == 0.25);
    ck_assert_ptr_null(tl_apply(&probe, &x, NULL, 0)->attr);
    tl_graph_free(g);
}
END_TEST

START_TEST(node_fields)
{
    static const tl_op probe = { .name = "probe", .n_in = 2, .shape = shape, .forward = forward };
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3), numbers), *b = tl_input(g, TL_SHAPE(3), numbers);
    tl_node *y = tl_apply(&probe, (tl_node *[]){ a, b }, NULL, 0);
    ck_assert_ptr_eq(y->op, &probe);
    ck_assert_ptr_eq(y->in[0], a);
    ck_assert_ptr_eq(y->in[1], b);
    ck_assert_int_eq(y->n_in, 2);
    ck_assert_ptr_eq(y->out, y->val);
    ck_assert_ptr_eq(tl_value(y), y->val);
    ck_assert_values(y->val, 2, 0, 7, 7);
    ck_assert_int_eq((int64_t)((uintptr_t)y->out % 64), 0);
    ck_assert_ptr_null(y->grad);
    ck_assert_ptr_null(a->op);
    ck_assert_ptr_null(a->out);
    tl_graph_free(g);
}
END_TEST

/* What `declare` hands to the next shape: a choice, and a pattern. */
static struct {
    int how;
    tl_pattern *pattern;
} declared;

static tl_status declare(tl_node *y)
{
    switch (declared.how) {
    case 0: return tl_shape_dense(y, TL_SHAPE(2, 2, 3));
    case 1: return tl_shape_dense(y, TL_SHAPE(2, -3));
    case 2: return tl_shape_sparse(y, declared.pattern);
    default: return tl_shape_like(y, y->in[0]);
    }
}

static void ones(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = 1;
}

START_TEST(declared_shapes)
{
    static const tl_op dense_in = { .name = "probe", .n_in = 1, .shape = declare, .forward = ones };
    static const tl_op sparse_in = {
        .name = "probe", .n_in = 1, .in_kind = { TL_SPARSE }, .shape = declare, .forward = ones
    };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = declared.pattern = tl_test_pattern(3, 4, 1, 1);
    tl_node *x = tl_input(g, TL_SHAPE(2, 6), numbers), *s = tl_input_sparse(g, p, numbers), *y;
    tl_pattern_release(p); /* the nodes keep it */
    declared.how = 0;
    y = tl_apply(&dense_in, &x, NULL, 0);
    ck_assert_str_eq(tl_shape_text(y->shape).text, "2x2x3");
    ck_assert_int_eq(y->size, 12);
    declared.how = 2;
    y = tl_apply(&dense_in, &x, NULL, 0);
    ck_assert_int_eq(y->kind, TL_SPARSE);
    ck_assert_ptr_eq(y->pattern, p);
    ck_assert_int_eq(y->size, 6);
    ck_assert_str_eq(tl_shape_text(y->shape).text, "3x4");
    declared.how = 3;
    y = tl_apply(&sparse_in, &s, NULL, 0);
    ck_assert_ptr_eq(y->pattern, p);
    y = tl_apply(&dense_in, &x, NULL, 0);
    ck_assert_int_eq(y->kind, TL_DENSE);
    ck_assert_str_eq(tl_shape_text(y->shape).text, "2x6");
    declared.how = 1;
    ck_assert_refused(g, tl_apply(&dense_in, &x, NULL, 0), TL_ERR_SHAPE, "probe: 2x-3 has a negative size");
    tl_graph_free(g);
}
END_TEST

static int64_t wanted_scratch;

static tl_status take_scratch(tl_node *y)
{
    y->scratch = tl_scratch(y, wanted_scratch, sizeof(double));
    return y->scratch ? tl_shape_like(y, y->in[0]) : TL_ERR_MEMORY;
}

START_TEST(scratch)
{
    static const tl_op probe = { .name = "probe", .n_in = 1, .shape = take_scratch, .forward = ones };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(3), numbers), *y[2];
    wanted_scratch = 5;
    for (int k = 0; k < 2; k++) {
        y[k] = tl_apply(&probe, &x, NULL, 0);
        ck_assert_int_eq((int64_t)((uintptr_t)y[k]->scratch % 64), 0);
        for (int i = 0; i < 5; i++)
            ((double *)y[k]->scratch)[i] = 10 * k + i;
    }
    ck_assert(((double *)y[0]->scratch)[4] == 4); /* a node's own */
    wanted_scratch = INT64_MAX / 8;
    ck_assert_refused(g, tl_apply(&probe, &x, NULL, 0), TL_ERR_MEMORY, "probe: out of memory");
    wanted_scratch = -1;
    x = tl_input(g, TL_SHAPE(3), numbers);
    ck_assert_refused(g, tl_apply(&probe, &x, NULL, 0), TL_ERR_MEMORY, "probe: scratch: -1 elements");
    tl_graph_free(g);
}
END_TEST

/* ---- Patterns made from others ---- */

static int patterns_made;

static tl_status transpose_shape(tl_node *y)
{
    tl_pattern *from = y->in[0]->pattern, *made = tl_memo_pattern(y, from, NULL);
    if (!made) {
        const tl_pattern *t = tl_pattern_transpose(from, NULL);
        if (!t)
            return TL_ERR_MEMORY;
        made = tl_pattern_from_csr(tl_pattern_rows(t), tl_pattern_cols(t), tl_pattern_row_ptr(t),
                                   tl_pattern_col(t));
        patterns_made++;
        if (!made || tl_memo_store(y, from, NULL, made) != TL_OK)
            return TL_ERR_MEMORY;
    }
    return tl_shape_sparse(y, made);
}

static const tl_op transpose = {
    .name = "transpose", .n_in = 1, .in_kind = { TL_SPARSE }, .shape = transpose_shape, .forward = ones
};

/* Made at the first use, found in the same step and in the next, dropped after a step that did not use it. */
START_TEST(memo)
{
    static const struct {
        bool a, b; /* which of two patterns the step uses */
        int made;  /* patterns made by then */
    } steps[] = { { true, false, 1 },  { true, true, 2 },  { true, true, 2 },
                  { false, true, 2 },  { true, true, 3 },  { false, false, 3 },
                  { false, false, 3 }, { true, false, 4 }, { true, false, 4 } };
    tl_graph *g = tl_graph_new();
    tl_pattern *p[] = { tl_test_pattern(3, 4, 0.5, 1), tl_test_pattern(3, 4, 0.5, 2) };
    patterns_made = 0;
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++, tl_graph_reset(g)) {
        for (int twice = 0; twice < 2; twice++)
            for (int i = 0; i < 2; i++) {
                tl_node *s = tl_input_sparse(g, p[i], numbers);
                tl_node *y = (i == 0 ? steps[k].a : steps[k].b) ? tl_apply(&transpose, &s, NULL, 0) : NULL;
                ck_assert(!y || tl_pattern_equal(y->pattern, tl_pattern_transpose(p[i], NULL)));
            }
        ck_assert_int_eq(tl_graph_status(g), TL_OK);
        ck_assert_msg(patterns_made == steps[k].made, "%d patterns after step %d", patterns_made, (int)k);
    }
    tl_pattern_release(p[0]);
    tl_pattern_release(p[1]);
    tl_graph_free(g);
}
END_TEST

/* Whichever allocation fails, the op does, and what was made of a pattern is not lost. */
START_TEST(memo_short_of_memory)
{
    int failures = 0;
    for (bool done = false; !done; failures += !done) {
        tl_graph *g = tl_graph_new();
        tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
        tl_node *s = tl_input_sparse(g, p, numbers);
        tl_test_fail_allocation(failures + 1);
        done = tl_apply(&transpose, &s, NULL, 0) != NULL;
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_graph_status(g), done ? TL_OK : TL_ERR_MEMORY);
        tl_pattern_release(p);
        tl_graph_free(g);
    }
    ck_assert_int_ge(failures, 3); /* the transpose, its copy, the memo */
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("node");
    TCase *c = tl_test_case(s, "node");
    tcase_add_test(c, attributes_are_copied);
    tcase_add_test(c, node_fields);
    tcase_add_test(c, declared_shapes);
    tcase_add_test(c, scratch);
    tcase_add_test(c, memo);
    tcase_add_test(c, memo_short_of_memory);
    return s;
}
