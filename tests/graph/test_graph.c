/* The graph: leaves, the sticky error, the reset, and what it makes of NULL. */
#include "tests/testing.h"

#include "graph/backward/backward.h"
#include "graph/tape/tape.h"

#include <pthread.h>
#include <string.h>

static const tl_real numbers[] = { 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12 };

/* ---- Leaves ---- */

START_TEST(one_leaf_a_variable)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 3), 1), *w = tl_test_dense("w", TL_SHAPE(4), 2);
    tl_node *a = tl_use(g, v), *b = tl_use(g, w);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_eq(tl_use(g, v), a);
    ck_assert_ptr_eq(tl_use(g, w), b);
    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_eq(tl_value(a), tl_variable_data(v)); /* its own memory: a change is seen */
    ck_assert_str_eq(tl_shape_text(tl_shape_of(a)).text, "2x3");
    ck_assert_ptr_null(tl_pattern_of(a));
    ck_assert_ptr_null(tl_grad(a));
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* Sparse variables have the pattern as theirs; a mask is no pattern of values. */
START_TEST(leaves_of_sparse_and_masked_variables)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    tl_variable *s = tl_variable_sparse("s", p), *m = tl_variable_dense("m", TL_SHAPE(3, 4));
    ck_assert_ok(tl_variable_set_mask(m, p));
    ck_assert_ptr_eq(tl_pattern_of(tl_use(g, s)), p);
    ck_assert_ptr_eq(tl_value(tl_use(g, s)), tl_variable_data(s));
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_use(g, s))).text, "3x4");
    ck_assert_int_eq(tl_use(g, s)->size, tl_pattern_nnz(p));
    ck_assert_ptr_null(tl_pattern_of(tl_use(g, m)));
    ck_assert_int_eq(tl_use(g, m)->size, 12);
    tl_graph_free(g);
    tl_variable_free(s);
    tl_variable_free(m);
    tl_pattern_release(p);
}
END_TEST

START_TEST(inputs_are_borrowed)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    tl_node *x = tl_input(g, TL_SHAPE(3, 2, 2), numbers), *s = tl_input_sparse(g, p, numbers);
    ck_assert_ptr_eq(tl_value(x), numbers);
    ck_assert_ptr_eq(tl_value(s), numbers);
    ck_assert_ptr_ne(tl_input(g, TL_SHAPE(3, 2, 2), numbers), x); /* each a constant of its own */
    ck_assert_str_eq(tl_shape_text(tl_shape_of(x)).text, "3x2x2");
    ck_assert_str_eq(tl_shape_text(tl_shape_of(s)).text, "3x4");
    ck_assert_ptr_eq(tl_pattern_of(s), p);
    ck_assert_ptr_nonnull(tl_input(g, TL_SHAPE(0, 4), NULL));
    ck_assert_ptr_nonnull(tl_input(g, TL_SHAPE(), numbers));
    tl_pattern_release(p);
    tl_graph_free(g);
}
END_TEST

START_TEST(sparse_input_without_entries)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_pattern_random(3, 4, 0, 1);
    tl_node *s = tl_input_sparse(g, p, NULL);
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(s->size, 0);
    tl_pattern_release(p);
    tl_graph_free(g);
}
END_TEST

/* Released by everyone else, a node's pattern is there until the reset, and then it goes: a constant's,
 * and that of an op's result. */
START_TEST(a_pattern_lives_until_the_reset)
{
    const uint8_t keep[] = { 1, 0, 1, 0, 0, 1 };
    tl_graph *g = tl_graph_new();
    for (int made = 0; made < 2; made++) {
        tl_pattern *p = tl_pattern_from_mask(2, 3, keep);
        tl_node *s = made ? tl_dense_to_sparse(tl_input(g, TL_SHAPE(2, 3), numbers), p)
                          : tl_input_sparse(g, p, numbers);
        tl_pattern_release(p);
        ck_assert_int_eq(tl_pattern_nnz(tl_pattern_of(s)), 3);
        ck_assert_int_eq(tl_pattern_col(tl_pattern_of(s))[2], 2);
        ck_assert_values(tl_value(s), 3, 0, 1, made ? 3 : -2, made ? -6 : 3);
        int64_t blocks = tl_test_live_blocks();
        tl_graph_reset(g);
        ck_assert_int_lt(tl_test_live_blocks(), blocks);
    }
    tl_graph_free(g);
}
END_TEST

START_TEST(refused_leaves)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(3, 4, 1, 1);
    ck_assert_refused(g, tl_use(g, NULL), TL_ERR_ARGUMENT, "use: the variable is NULL");
    ck_assert_refused(g, tl_input(g, TL_SHAPE(2, 3), NULL), TL_ERR_ARGUMENT, "input: no data for 2x3");
    ck_assert_refused(g, tl_input(g, TL_SHAPE(2, -3), numbers), TL_ERR_SHAPE,
                      "input: 2x-3 has a negative size");
    ck_assert_refused(g, tl_input(g, TL_SHAPE(1, 1, 1, 1, 1), numbers), TL_ERR_SHAPE,
                      "input: rank 5 is not in 0..4");
    ck_assert_refused(g, tl_input_sparse(g, NULL, numbers), TL_ERR_ARGUMENT,
                      "input_sparse: the pattern is NULL");
    ck_assert_refused(g, tl_input_sparse(g, p, NULL), TL_ERR_ARGUMENT,
                      "input_sparse: no values for 6 entries");
    ck_assert_null(tl_use(NULL, NULL), "use: the graph is NULL");
    ck_assert_null(tl_input(NULL, TL_SHAPE(), numbers), "input: the graph is NULL");
    ck_assert_null(tl_input_sparse(NULL, p, numbers), "input_sparse: the graph is NULL");
    tl_pattern_release(p);
    tl_graph_free(g);
}
END_TEST

/* ---- The sticky error ---- */

START_TEST(the_first_error_sticks)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_node *a = tl_input(g, TL_SHAPE(3, 4), numbers);
    tl_real many[30] = { 0 };
    tl_node *b = tl_input(g, TL_SHAPE(5, 6), many);
    ck_assert_int_eq(tl_graph_status(g), TL_OK);
    ck_assert_str_eq(tl_graph_error(g), "");
    ck_assert_ptr_null(tl_relu(tl_matmul(a, b)));
    ck_assert_str_eq(tl_error(), "matmul: 3x4 times 5x6: 4 is not 5");
    ck_assert_ptr_null(tl_add(a, b)); /* its sizes are wrong too */
    ck_assert_ptr_null(tl_relu(a));   /* right, but too late */
    ck_assert_ptr_null(tl_use(g, v));
    ck_assert_ptr_null(tl_use(g, NULL));
    ck_assert_ptr_null(tl_input(g, TL_SHAPE(3, 4), numbers));
    ck_assert_ptr_null(tl_input(g, TL_SHAPE(-1), numbers));
    ck_assert_ptr_null(tl_input_sparse(g, NULL, numbers));
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_SHAPE);
    ck_assert_str_eq(tl_graph_error(g), "matmul: 3x4 times 5x6: 4 is not 5");
    tl_graph_reset(g);
    ck_assert_int_eq(tl_graph_status(g), TL_OK);
    ck_assert_str_eq(tl_graph_error(g), "");
    ck_assert_values(tl_value(tl_relu(tl_input(g, TL_SHAPE(4), numbers))), 4, 0, 1, 0, 3, 0);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* What a step checks: tl_backward, by a loss that is NULL and by one from before the failure. */
START_TEST(backward_tells_the_error)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3, 4), 1);
    tl_gradients out;
    tl_node *loss = tl_reduce_sum(tl_use(g, v), TL_ALL_AXES);
    tl_node *wrong = tl_reduce_sum(tl_matmul(tl_use(g, v), tl_use(g, v)), TL_ALL_AXES);
    ck_assert_status(
        tl_backward(wrong, &out), TL_ERR_SHAPE,
        "backward: the loss is NULL; the last failure was matmul: v (3x4) times v (3x4): 4 is not 3 "
        "(tl_graph_print shows the op)");
    ck_assert_status(tl_backward(loss, &out), TL_ERR_SHAPE,
                     "matmul: v (3x4) times v (3x4): 4 is not 3 (tl_graph_print shows the op)");
    ck_assert_status(tl_apply_gradients(NULL, &(tl_gradients){ .graph = g }), TL_ERR_SHAPE,
                     "matmul: v (3x4) times v (3x4): 4 is not 3 (tl_graph_print shows the op)");
    ck_assert_int_eq(out.n, 0);
    tl_graph_reset(g);
    ck_assert_ptr_null(tl_matmul(tl_use(g, v), tl_use(g, v)));
    tl_graph_reset(g);
    ck_assert_int_eq(tl_backward(NULL, &out), TL_ERR_SHAPE); /* nothing to be shown after the reset, .. */
    ck_assert_ptr_null(strstr(tl_error(), "tl_graph_print"));
    ck_assert_ptr_null(tl_use(g, NULL)); /* .. nor of a failure that is no op's */
    ck_assert_int_eq(tl_backward(NULL, &out), TL_ERR_ARGUMENT);
    ck_assert_ptr_null(strstr(tl_error(), "tl_graph_print"));
    tl_graph_reset(g);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_use(g, v), TL_ALL_AXES), &out));
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

START_TEST(two_graphs)
{
    tl_graph *g = tl_graph_new(), *h = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4), 1);
    tl_node *a = tl_use(g, v), *b = tl_use(h, v);
    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_eq(tl_value(a), tl_value(b));
    ck_assert_refused(g, tl_add(a, b), TL_ERR_ARGUMENT, "add: input 1 (v, [4]) belongs to another graph");
    ck_assert_int_eq(tl_graph_status(h), TL_OK);
    ck_assert_ptr_nonnull(tl_relu(b)); /* the other graph goes on */
    tl_graph_free(g);
    ck_assert_ptr_nonnull(tl_relu(b));
    tl_graph_free(h);
    tl_variable_free(v);
}
END_TEST

/* ---- NULL, memory ---- */

START_TEST(null_arguments)
{
    tl_graph_reset(NULL);
    tl_graph_free(NULL);
    ck_assert_int_eq(tl_graph_status(NULL), TL_ERR_ARGUMENT);
    ck_assert_str_eq(tl_graph_error(NULL), "the graph is NULL");
    ck_assert_int_eq(tl_graph_bytes(NULL), 0);
    ck_assert_ptr_null(tl_value(NULL));
    ck_assert_ptr_null(tl_grad(NULL));
    ck_assert_ptr_null(tl_pattern_of(NULL));
    ck_assert_str_eq(tl_shape_text(tl_shape_of(NULL)).text, "scalar");
}
END_TEST

static void *backward_of_null(void *text)
{
    bool refused = tl_backward(NULL, NULL) == TL_ERR_ARGUMENT;
    strcpy(text, refused ? tl_error() : "not refused");
    return NULL;
}

/* In a thread where nothing has failed yet. */
START_TEST(null_loss)
{
    pthread_t other;
    char text[512];
    ck_assert_int_eq(pthread_create(&other, NULL, backward_of_null, text), 0);
    pthread_join(other, NULL);
    ck_assert_str_eq(text, "backward: the loss is NULL");
}
END_TEST

START_TEST(bytes)
{
    tl_graph *g = tl_graph_new();
    tl_real *x = calloc(100000, sizeof *x);
    ck_assert_int_eq(tl_graph_bytes(g), 0);
    tl_relu(tl_input(g, TL_SHAPE(100000), x));
    ck_assert_int_ge(tl_graph_bytes(g), 100000 * (int64_t)sizeof *x);
    ck_assert_int_lt(tl_graph_bytes(g), 2 * 100000 * (int64_t)sizeof *x);
    tl_graph_free(g);
    free(x);
}
END_TEST

/* Every allocation of a graph and its leaves in turn: NULL and the reason, nothing lost. */
START_TEST(short_of_memory)
{
    tl_test_fail_allocation(1);
    ck_assert_null(tl_graph_new(), "out of memory");
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4), 1);
    tl_pattern *p = tl_test_pattern(3, 4, 1, 1);
    tl_test_fail_allocation(1);
    ck_assert_refused(g, tl_use(g, v), TL_ERR_MEMORY, "use: out of memory");
    tl_graph_free(g);
    g = tl_graph_new(); /* an empty one again */
    tl_test_fail_allocation(1);
    ck_assert_refused(g, tl_input(g, TL_SHAPE(3), numbers), TL_ERR_MEMORY, "input: out of memory");
    tl_test_fail_allocation(1);
    ck_assert_refused(g, tl_input_sparse(g, p, numbers), TL_ERR_MEMORY, "input_sparse: out of memory");
    tl_graph_free(g);
    tl_variable_free(v);
    tl_pattern_release(p);
}
END_TEST

/* What an evaluation took is given back, workspace included; what training had before is not allocated
 * anew. */
START_TEST(trim_gives_memory_back)
{
    enum { SMALL = 100, LARGE = 1000000 };
    static tl_real x[LARGE];
    tl_graph *g = tl_graph_new();
    int64_t held = 0, asked = 0;
    for (int round = 0; round < 3; round++) {
        asked = tl_test_allocations();
        for (int step = 0; step < 3; step++, tl_graph_reset(g))
            ck_assert_ptr_nonnull(tl_relu(tl_input(g, TL_SHAPE(SMALL), x)));
        asked = tl_test_allocations() - asked;
#ifndef TL_HEAP_ARENA
        ck_assert(round == 0 || asked == 0);
        ck_assert(round == 0 || tl_graph_bytes(g) == held);
#endif
        held = tl_graph_bytes(g);
        tl_node *y = tl_relu(tl_input(g, TL_SHAPE(LARGE), x));
        ck_assert_ok(tl_reserve_workspace(y, LARGE, sizeof(tl_real)));
        ck_assert_int_gt(tl_graph_bytes(g), 2 * LARGE * (int64_t)sizeof(tl_real));
        tl_graph_trim(g, held);
        ck_assert_int_le(tl_graph_bytes(g), held);
        ck_assert_ptr_null(g->first);
        ck_assert_ok(tl_reserve_workspace(tl_relu(tl_input(g, TL_SHAPE(SMALL), x)), 1, 1));
        ck_assert_int_lt(tl_graph_bytes(g), LARGE);
        tl_graph_trim(g, held);
    }
    ck_assert_ptr_null(tl_input(g, TL_SHAPE(1), NULL));
    tl_graph_trim(g, INT64_MIN);
    ck_assert_int_eq(tl_graph_bytes(g), 0);
    ck_assert_int_eq(tl_graph_status(g), TL_OK);
    ck_assert_ptr_nonnull(tl_relu(tl_input(g, TL_SHAPE(SMALL), x)));
    tl_graph_trim(g, INT64_MAX);
    tl_graph_trim(NULL, 0);
    tl_graph_free(g);
}
END_TEST

/* .. and patterns that ops derived, with the last byte. */
START_TEST(trim_gives_memos_back)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(4, 3, 0.5, 1), *q = tl_test_pattern(4, 3, 0.5, 2);
    for (int64_t keep = 1; keep >= 0; keep--) {
        ck_assert_ptr_nonnull(tl_sparse_add(tl_input_sparse(g, p, numbers), tl_input_sparse(g, q, numbers)));
        ck_assert_ptr_nonnull(g->memo);
        tl_graph_trim(g, keep);
        ck_assert((g->memo != NULL) == (keep == 1));
    }
    tl_graph_free(g);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

/* Lists are searched for repeats in memory that the next search uses again. */
START_TEST(search_for_repeats_keeps_its_table)
{
    enum { MANY = 100 };
    tl_variable *v[MANY];
    tl_graph *g = tl_graph_new();
    int32_t first, second;
    for (int k = 0; k < MANY; k++)
        v[k] = tl_variable_dense("v", TL_SHAPE());
    ck_assert_ok(tl_find_repeat(g, MANY, v, sizeof *v, &first, &second));
    const int64_t held = tl_graph_bytes(g);
    for (int round = 0; round < 1000; round++) {
        tl_variable *last = v[MANY - 1];
        v[MANY - 1] = round % 2 ? v[round % 99] : last;
        ck_assert_ok(tl_find_repeat(g, MANY, v, sizeof *v, &first, &second));
        ck_assert_int_eq(second, round % 2 ? MANY - 1 : -1);
        ck_assert(second < 0 || first == round % 99);
        v[MANY - 1] = last;
    }
    ck_assert_int_eq(tl_graph_bytes(g), held);
    tl_graph_free(g);
    for (int k = 0; k < MANY; k++)
        tl_variable_free(v[k]);
}
END_TEST

/* Many variables: a leaf is found in constant time (by a walk along all of them this took 7 s). */
START_TEST(use_of_many_variables)
{
    enum { MANY = 32000 };
    static tl_variable *v[MANY];
    static tl_node *leaf[MANY];
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    for (int k = 0; k < MANY; k++)
        v[k] = tl_variable_dense("v", TL_SHAPE());
    int others = 0;
    for (int step = 0; step < 2; step++) {
        tl_graph_reset(g);
        for (int k = 0; k < MANY; k++)
            leaf[k] = tl_use(g, v[k]);
        for (int k = 0; k < MANY; k++)
            others += tl_use(g, v[k]) != leaf[k];
    }
    ck_assert_int_eq(others, 0);
    ck_assert_ok(tl_backward_for(tl_relu(leaf[7]), v, MANY, &out));
    ck_assert_int_eq(out.n, MANY);
    ck_assert(out.pair[7].variable == v[7] && out.pair[7].values && !out.pair[8].values);
    v[MANY - 1] = v[31];
    ck_assert_status(tl_backward_for(tl_relu(leaf[7]), v, MANY, &out), TL_ERR_ARGUMENT,
                     "backward: variable v is listed twice, at 31 and 31999");
    v[MANY - 1] = leaf[MANY - 1]->variable;
    tl_graph_free(g);
    for (int k = 0; k < MANY; k++)
        tl_variable_free(v[k]);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("graph");
    TCase *c = tl_test_case(s, "leaves");
    tcase_add_test(c, one_leaf_a_variable);
    tcase_add_test(c, leaves_of_sparse_and_masked_variables);
    tcase_add_test(c, inputs_are_borrowed);
    tcase_add_test(c, sparse_input_without_entries);
    tcase_add_test(c, a_pattern_lives_until_the_reset);
    tcase_add_test(c, refused_leaves);
    c = tl_test_case(s, "errors");
    tcase_add_test(c, the_first_error_sticks);
    tcase_add_test(c, backward_tells_the_error);
    tcase_add_test(c, two_graphs);
    tcase_add_test(c, null_arguments);
    tcase_add_test(c, null_loss);
    tcase_add_test(c, bytes);
    tcase_add_test(c, short_of_memory);
    tcase_add_test(c, trim_gives_memory_back);
    tcase_add_test(c, trim_gives_memos_back);
    tcase_add_test(c, search_for_repeats_keeps_its_table);
    tcase_add_test(c, use_of_many_variables);
    return s;
}
