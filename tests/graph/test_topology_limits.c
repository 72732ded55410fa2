/* Connections that move: threads, memory, and what is refused. */
#include "tests/graph/one_layer.h"
#include "tests/lib/memory_limit.h"

#include <math.h>
#include <stdio.h>

START_TEST(same_bits_on_any_number_of_threads)
{
    const int threads[] = { 1, 2, 7 };
    tl_pattern *first = NULL;
    for (int t = 0; t < 3; t++) {
        ck_assert_ok(tl_set_num_threads(threads[t]));
        layer a = layer_new(tl_pattern_random(500, 400, 0.05, 1), SPARSE);
        tl_test_fill(a.x, BATCH * 500, 1);
        tl_test_fill(a.dy, BATCH * 400, 2);
        layer_backward(&a);
        tl_pattern *q = tl_topology_move_by_gradient(a.w, 3000, a.g);
        ck_assert(!first || tl_pattern_equal(q, first));
        tl_pattern_release(first);
        first = q;
        layer_free(&a);
    }
    tl_pattern_release(first);
    ck_assert_ok(tl_set_num_threads(1));
}
END_TEST

/* Returns the bytes of address space in use. */
static rlim_t address_space(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    const bool known = file && fscanf(file, "%ld", &pages) == 1;
    if (file)
        fclose(file);
    return known ? (rlim_t)pages * 4096 : RLIM_INFINITY;
}

/* All cells are 144 MB in float: a quarter of that is enough for 30000 connections, of which half move. */
START_TEST(memory)
{
    enum { SIDE = 6000, MOVE = 15000 };
    const rlim_t before = address_space();
    tl_variable *w = tl_test_sparse("w", tl_pattern_random(SIDE, SIDE, 30000.0 / SIDE / SIDE, 1), 1);
    tl_real *x = tl_test_filled(BATCH * SIDE, 2), *dy = tl_test_filled(BATCH * SIDE, 3);
    tl_graph *g = tl_graph_new();
    tl_gradients pairs;
    tl_node *y = tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(BATCH, SIDE), x), tl_use(g, w), TL_NO_TRANSPOSE);
    ck_assert_ok(
        tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(BATCH, SIDE), dy)), TL_ALL_AXES), &pairs));
    const rlim_t limit = before == RLIM_INFINITY ? RLIM_INFINITY : limit_memory(before + ((rlim_t)36 << 20));
    tl_pattern *next = tl_topology_move_by_gradient(w, MOVE, g);
    if (before != RLIM_INFINITY)
        limit_memory(limit);
    ck_assert_msg(next != NULL, "%s", tl_error());
    ck_assert_int_eq(tl_pattern_nnz(next), 30000);
    tl_pattern_release(next);
    tl_graph_free(g);
    tl_variable_free(w);
    free(x);
    free(dy);
}
END_TEST

static tl_pattern *make(const layer *a, int which)
{
    return which == 0 ? tl_topology_move_by_gradient(a->w, 9, a->g) : tl_topology_move_random(a->w, 9, 1);
}

/* Each allocation in turn fails: nothing leaks, and w is as before. */
START_TEST(failing_allocations)
{
    layer a = layer_new(tl_pattern_random(6, 8, 0.5, 1), SPARSE);
    layer_backward(&a);
    tl_pattern *p = tl_variable_pattern(a.w), *expected = make(&a, _i);
    for (int64_t k = 1, failed = 1; failed; k++) {
        const int64_t blocks = tl_test_live_blocks();
        tl_test_fail_allocation(k);
        tl_pattern *q = make(&a, _i);
        tl_test_fail_allocation(0);
        failed = !q;
        if (failed)
            ck_assert_str_eq(tl_error(), "out of memory");
        else
            ck_assert(k > 8 && tl_pattern_equal(q, expected));
        tl_pattern_release(q);
        ck_assert_int_eq(tl_test_live_blocks(), blocks);
        ck_assert_ptr_eq(tl_variable_pattern(a.w), p);
    }
    tl_pattern_release(expected);
    layer_free(&a);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(arguments)
{
    layer a = layer_new(tl_pattern_from_mask(2, 2, (const uint8_t[]){ 1, 1, 0, 1 }), SPARSE);
    tl_pattern *p = tl_variable_pattern(a.w), *other = tl_pattern_random(2, 3, 0.5, 1);
    layer_backward(&a);
    ck_assert_null(tl_topology_drop(NULL, NULL, 1), "topology_drop: the variable is NULL");
    ck_assert_null(tl_topology_drop(a.w, NULL, 4),
                   "topology_drop: k 4 for w is not in 0..3, the number of connections");
    ck_assert_null(tl_topology_drop(a.w, NULL, -1),
                   "topology_drop: k -1 for w is not in 0..3, the number of connections");
    ck_assert_null(tl_topology_move_random(a.w, 4, 1),
                   "topology_drop: k 4 for w is not in 0..3, the number of connections");
    ck_assert_null(tl_topology_move_by_gradient(NULL, 1, a.g), "topology_drop: the variable is NULL");
    ck_assert_null(tl_topology_move_by_gradient(a.w, 1, NULL),
                   "topology_grow_by_gradient: the graph is NULL");
    ck_assert_null(tl_topology_grow_by_gradient(NULL, 1, a.g, a.w),
                   "topology_grow_by_gradient: the pattern is NULL");
    ck_assert_null(tl_topology_grow_by_gradient(p, 1, a.g, NULL),
                   "topology_grow_by_gradient: the variable is NULL");
    ck_assert_null(tl_topology_grow_by_gradient(other, 1, a.g, a.w),
                   "topology_grow_by_gradient: a pattern of 2x3 for w, which is 2x2");
    ck_assert_null(tl_topology_grow_by_gradient(p, 2, a.g, a.w),
                   "pattern_add: k 2 is not in 0..1, the number of absent cells of 2x2");
    tl_pattern *same[] = { tl_topology_grow_by_gradient(p, 0, a.g, a.w), tl_topology_drop(a.w, NULL, 0),
                           tl_topology_move_random(a.w, 0, 1), tl_topology_move_by_gradient(a.w, 0, a.g) };
    for (int k = 0; k < 4; k++) {
        ck_assert_ptr_eq(same[k], p);
        tl_pattern_release(same[k]);
    }
    tl_pattern_release(other);
    layer_free(&a);
}
END_TEST

#define NOT_COMPUTED                                                                                         \
    "topology_grow_by_gradient: tl_backward has computed no gradient of w (6x8) in this graph"

START_TEST(a_gradient_that_is_not_there)
{
    layer a = layer_new(tl_pattern_random(6, 8, 0.5, 1), _i);
    tl_variable *other = tl_test_dense("other", TL_SHAPE(BATCH, 8), 1);
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    tl_gradients pairs;
    ck_assert_null(tl_topology_move_by_gradient(a.w, 1, a.g),
                   "topology_grow_by_gradient: the graph does not use w");
    layer_loss(&a);
    ck_assert_null(tl_topology_move_by_gradient(a.w, 1, a.g), NOT_COMPUTED);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_use(a.g, other), TL_ALL_AXES), &pairs));
    ck_assert_null(tl_topology_move_by_gradient(a.w, 1, a.g), NOT_COMPUTED);
    tl_node *both = tl_add(layer_output(&a), tl_use(a.g, other));
    ck_assert_ok(tl_backward_for(tl_reduce_sum(both, TL_ALL_AXES), &other, 1, &pairs));
    ck_assert_null(tl_topology_move_by_gradient(a.w, 1, a.g), NOT_COMPUTED);
    tl_graph_reset(a.g);
    ck_assert_ok(tl_minimize(sgd, layer_loss(&a)));
    if (_i == SPARSE)
        ck_assert_null(tl_topology_move_by_gradient(a.w, 1, a.g),
                       "topology_grow_by_gradient: the gradient of dense_sparse_matmul, which reads w (6x8), "
                       "was not kept; call tl_backward in place of tl_minimize");
    tl_optimizer_free(sgd);
    tl_variable_free(other);
    layer_free(&a);
}
END_TEST

START_TEST(an_op_without_rows_of_the_gradient)
{
    tl_variable *w = tl_test_sparse("w", tl_pattern_random(6, 8, 0.5, 1), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients pairs;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_tanh(tl_use(g, w)), TL_ALL_AXES), &pairs));
    ck_assert_null(
        tl_topology_move_by_gradient(w, 1, g),
        "topology_grow_by_gradient: tanh, which reads w (6x8), does not tell the gradient of absent "
        "cells");
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

START_TEST(a_gradient_by_rows)
{
    const int32_t ids[] = { 2, 0 };
    tl_variable *w = tl_test_dense("w", TL_SHAPE(6, 8), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients pairs;
    tl_node *rows = tl_embedding_lookup(tl_use(g, w), ids, TL_SHAPE(2));
    ck_assert_ok(tl_backward(tl_reduce_sum(rows, TL_ALL_AXES), &pairs));
    ck_assert_null(tl_topology_move_by_gradient(w, 1, g),
                   "topology_grow_by_gradient: the gradient of w (6x8) is row-sparse");
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* A step sets the gradient of a masked variable to 0 off the mask, and tl_mask_gradients that of a dense one.
 * Nothing would tell the absent cells apart. */
START_TEST(a_gradient_that_was_masked)
{
    static const char masked[] =
        "topology_grow_by_gradient: the gradient of w (6x8) was set to 0 off a mask; "
        "call this before tl_apply_gradients";
    layer a = layer_new(tl_pattern_random(6, 8, 0.5, 1), _i);
    tl_pattern *p = tl_pattern_random(6, 8, 0.5, 2);
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    const tl_gradient_mask mask = { a.w, p };
    tl_gradient_masks masks = { &mask, _i == DENSE };
    tl_gradients pairs;
    ck_assert_ok(tl_optimizer_add_transform(sgd, tl_mask_gradients, &masks));
    ck_assert_ok(tl_backward(layer_loss(&a), &pairs));
    tl_pattern *moved = tl_topology_move_by_gradient(a.w, 9, a.g);
    ck_assert_msg(moved != NULL, "%s", tl_error());
    ck_assert_ok(tl_apply_gradients(sgd, &pairs));
    ck_assert_null(tl_topology_move_by_gradient(a.w, 9, a.g), masked);
    ck_assert_ok(tl_backward(layer_loss(&a), &pairs));
    tl_pattern_release(moved);
    tl_real *copy = tl_test_filled(6 * 8, 1); /* a step by the program's own array */
    pairs.pair[0].values = copy;
    ck_assert_ok(tl_apply_gradients(sgd, &pairs));
    moved = tl_topology_move_by_gradient(a.w, 9, a.g);
    ck_assert_msg(moved != NULL, "%s", tl_error());
    free(copy);
    tl_graph_reset(a.g);
    ck_assert_ok(tl_minimize(sgd, layer_loss(&a)));
    ck_assert_null(tl_topology_move_by_gradient(a.w, 9, a.g), masked);
    tl_pattern_release(moved);
    tl_pattern_release(p);
    tl_optimizer_free(sgd);
    layer_free(&a);
}
END_TEST

/* Only absent cells are looked at: column 2 of the gradient is NaN, and (0, 2) exists. */
START_TEST(a_gradient_that_is_not_a_number)
{
    layer a = layer_new(tl_pattern_from_mask(2, 3, (const uint8_t[]){ 1, 1, 1, 0, 1, 0 }), _i);
    tl_pattern *p = tl_pattern_from_mask(2, 3, (const uint8_t[]){ 1, 1, 1, 0, 1, 0 }),
               *full = tl_pattern_from_mask(2, 3, (const uint8_t[]){ 0, 0, 1, 0, 0, 1 });
    for (int s = 0; s < BATCH; s++)
        a.dy[s * 3 + 2] = (tl_real)NAN;
    layer_backward(&a);
    ck_assert_null(tl_topology_grow_by_gradient(p, 1, a.g, a.w),
                   "topology_grow_by_gradient: the gradient of w at (1, 2) is NaN");
    ck_assert_int_eq(tl_last_status(), TL_ERR_NUMERIC);
    tl_pattern *q = tl_topology_grow_by_gradient(full, 2, a.g, a.w);
    ck_assert_int_eq(tl_pattern_nnz(q), 4);
    tl_pattern_release(p);
    tl_pattern_release(q);
    tl_pattern_release(full);
    layer_free(&a);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("topology_limits");
    TCase *c = tl_test_case(s, "topology_limits");
    tcase_add_test(c, same_bits_on_any_number_of_threads);
    tcase_add_test(c, memory);
    tcase_add_loop_test(c, failing_allocations, 0, 2);
    tcase_add_test(c, arguments);
    tcase_add_loop_test(c, a_gradient_that_is_not_there, 0, KINDS);
    tcase_add_loop_test(c, a_gradient_that_was_masked, MASKED, KINDS);
    tcase_add_test(c, an_op_without_rows_of_the_gradient);
    tcase_add_test(c, a_gradient_by_rows);
    tcase_add_loop_test(c, a_gradient_that_is_not_a_number, 0, KINDS);
    return s;
}
