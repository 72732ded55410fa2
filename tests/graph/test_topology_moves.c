/* Connections that move, against a sort of all cells. */
#include "tests/graph/one_layer.h"

#include <math.h>
#include <string.h>

/* ---- The reference ---- */

typedef struct cell {
    double size;
    int64_t at;
} cell;

static int largest_first(const void *left, const void *right)
{
    const cell *a = left, *b = right;
    const bool above = isnan(a->size) ? !isnan(b->size) : a->size > b->size,
               below = isnan(b->size) ? !isnan(a->size) : b->size > a->size;
    return above ? -1 : below ? 1 : (a->at > b->at) - (a->at < b->at);
}

/* Marks n cells of largest magnitude among those that are marked `from`, with `to`. */
static void mark_largest(uint8_t *mark, int64_t cells, uint8_t from, uint8_t to, const tl_real *value,
                         int64_t n)
{
    cell *sorted = malloc((size_t)(cells + 1) * sizeof *sorted);
    int64_t count = 0;
    for (int64_t c = 0; c < cells; c++)
        if (mark[c] == from)
            sorted[count++] = (cell){ fabs((double)value[c]), c };
    qsort(sorted, (size_t)count, sizeof *sorted, largest_first);
    for (int64_t k = 0; k < n; k++)
        mark[sorted[k].at] = to;
    free(sorted);
}

/* Returns 1 where a connection is after the move. grow: also grows. */
static uint8_t *moved(const layer *a, const tl_pattern *p, const tl_real *score, int64_t k, bool grow)
{
    const int64_t cells = a->rows * a->cols;
    uint8_t *mark = calloc((size_t)(cells + 1), 1);
    for (int64_t c = 0; c < cells; c++)
        mark[c] = !p || tl_pattern_find(p, c / a->cols, (int32_t)(c % a->cols)) >= 0 ? 2 : 0;
    mark_largest(mark, cells, 2, 1, score, (p ? tl_pattern_nnz(p) : cells) - k);
    for (int64_t c = 0; c < cells; c++)
        mark[c] = mark[c] == 1;
    if (grow)
        mark_largest(mark, cells, 0, 1, a->gradient, k);
    return mark;
}

static void check_pattern(const layer *a, tl_pattern *got, uint8_t *expected)
{
    ck_assert_msg(got != NULL, "%s", tl_error());
    ck_assert_ok(tl_pattern_print(got, NULL, 0));
    tl_pattern *p = tl_pattern_from_mask(a->rows, a->cols, expected);
    ck_assert(tl_pattern_equal(got, p));
    tl_pattern_release(p);
    tl_pattern_release(got);
    free(expected);
}

/* ---- Moves ---- */

static void check_moves(tl_pattern *p, int kind)
{
    layer a = layer_new(p, kind);
    layer_backward(&a);
    const tl_pattern *of_w = tl_variable_pattern(a.w);
    const int64_t n = of_w ? tl_pattern_nnz(of_w) : tl_variable_size(a.w);
    for (int64_t k = 0; k <= n; k += 1 + n / 9) {
        check_pattern(&a, tl_topology_drop(a.w, NULL, k), moved(&a, of_w, a.value, k, false));
        check_pattern(&a, tl_topology_move_by_gradient(a.w, k, a.g), moved(&a, of_w, a.value, k, true));
    }
    check_pattern(&a, tl_topology_move_by_gradient(a.w, n, a.g), moved(&a, of_w, a.value, n, true));
    layer_free(&a);
}

START_TEST(every_number_and_density)
{
    for (int d = 0; d <= 10; d += 2) {
        check_moves(tl_pattern_random(7, 9, 0.1 * d, 1), _i);
        check_moves(tl_pattern_random(1, 20, 0.1 * d, 1), _i);
        check_moves(tl_pattern_random(20, 1, 0.1 * d, 1), _i);
    }
    check_moves(tl_pattern_random(0, 5, 1, 1), _i);
    check_moves(tl_pattern_random(5, 0, 1, 1), _i);
}
END_TEST

START_TEST(full_rows_and_empty_rows)
{
    enum { ROWS = 9, COLS = 5 };
    uint8_t keep[ROWS * COLS] = { 0 };
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++)
            keep[i * COLS + j] = i % 3 == 0 || (i % 3 == 2 && j % 2);
    check_moves(tl_pattern_from_mask(ROWS, COLS, keep), _i);
}
END_TEST

/* Several tiles, the last one of fewer rows; tiles that begin after full rows; a row that is longer than a
 * tile. */
START_TEST(many_tiles)
{
    check_moves(tl_pattern_random(130, 300, 0.05, 1), SPARSE);
    check_moves(tl_pattern_banded(130, 300, 10, 300), SPARSE);
    check_moves(tl_pattern_random(3, 20000, 0.01, 1), SPARSE);
}
END_TEST

/* Weights of both zeros, infinite ones and NaN: a NaN stays. */
START_TEST(weights_that_are_not_numbers)
{
    const tl_real choice[] = { 0, -0.0f, 1, -1, 1e-30f, INFINITY, -INFINITY, NAN, -NAN };
    layer a = layer_new(tl_pattern_random(7, 9, 1, 1), _i);
    layer_backward(&a);
    for (int64_t c = 0; c < 7 * 9; c++)
        tl_variable_data(a.w)[c] = a.value[c] = choice[c * 5 % 9];
    for (int64_t k = 0; k <= 7 * 9; k++)
        check_pattern(&a, tl_topology_move_by_gradient(a.w, k, a.g),
                      moved(&a, tl_variable_pattern(a.w), a.value, k, true));
    layer_free(&a);
}
END_TEST

/* By weight times gradient: the score of an entry is where its value is. */
START_TEST(drop_by_a_score)
{
    layer a = layer_new(tl_pattern_random(7, 9, 0.6, 1), _i);
    const tl_pattern *p = tl_variable_pattern(a.w);
    tl_real score[7 * 9], packed[7 * 9];
    for (int64_t c = 0; c < 7 * 9; c++) {
        const int64_t e = _i == SPARSE ? tl_pattern_find(p, c / 9, (int32_t)(c % 9)) : c;
        score[c] = a.value[c] * a.gradient[c];
        if (e >= 0)
            packed[e] = score[c];
    }
    const int64_t n = p ? tl_pattern_nnz(p) : 7 * 9;
    for (int64_t k = 0; k <= n; k++)
        check_pattern(&a, tl_topology_drop(a.w, packed, k), moved(&a, p, score, k, false));
    layer_free(&a);
}
END_TEST

/* What is dropped where the gradient is largest grows again; it never went, and keeps its value. */
START_TEST(dropped_and_grown)
{
    layer a = layer_new(tl_pattern_from_mask(2, 2, (const uint8_t[]){ 1, 1, 0, 0 }), SPARSE);
    const tl_real x[BATCH * 2] = { 3, 1 }, dy[BATCH * 2] = { 1, 2 }; /* dW = [3 6; 1 2] */
    memcpy(a.x, x, sizeof x);
    memcpy(a.dy, dy, sizeof dy);
    tl_variable_data(a.w)[0] = 9;
    tl_variable_data(a.w)[1] = 5;
    layer_backward(&a);
    tl_pattern *next = tl_topology_move_by_gradient(a.w, 1, a.g);
    ck_assert(tl_pattern_equal(next, tl_variable_pattern(a.w)));
    tl_graph_reset(a.g);
    ck_assert_ok(tl_variable_set_pattern(a.w, next));
    ck_assert_values(tl_variable_values(a.w), 2, 0, 9, 5);
    tl_pattern_release(next);
    layer_free(&a);
}
END_TEST

/* The gradient is the sum over all ops that read w, in either orientation, of those that the loss depends on.
 * dW = X^T dY + dZ A^T for Z = W A, with A and dZ that are X and dY transposed and halved; W is square. */
START_TEST(several_uses)
{
    enum { N = 12 };
    layer a = layer_new(tl_pattern_random(N, N, 0.3, 1), SPARSE);
    tl_real half_x[BATCH * N], half_dy[BATCH * N], sum[N * N];
    for (int k = 0; k < BATCH * N; k++) {
        half_x[k] = a.x[k] / 2;
        half_dy[k] = a.dy[k] / 4;
    }
    for (int c = 0; c < N * N; c++) {
        sum[c] = a.gradient[c];
        for (int s = 0; s < BATCH; s++)
            sum[c] += half_dy[s * N + c / N] * half_x[s * N + c % N];
    }
    memcpy(a.gradient, sum, sizeof sum);
    tl_node *w = tl_use(a.g, a.w), *x = tl_input(a.g, TL_SHAPE(BATCH, N), half_x),
            *dz = tl_input(a.g, TL_SHAPE(BATCH, N), half_dy);
    tl_node *z = tl_transpose(tl_sparse_dense_matmul(w, x, TL_TRANSPOSE_B));
    tl_gradients pairs;
    tl_scale(w, 2); /* the loss does not depend on it */
    tl_node *loss = tl_add(layer_loss(&a), tl_reduce_sum(tl_mul(z, dz), TL_ALL_AXES));
    tl_scale(w, 3); /* nor on what comes after it */
    ck_assert_ok(tl_backward(loss, &pairs));
    for (int64_t k = 0; k <= tl_variable_size(a.w); k++)
        check_pattern(&a, tl_topology_move_by_gradient(a.w, k, a.g),
                      moved(&a, tl_variable_pattern(a.w), a.value, k, true));
    layer_free(&a);
}
END_TEST

/* At random: the largest stay, as many connections exist, and the seed decides. */
START_TEST(moves_at_random)
{
    layer a = layer_new(tl_pattern_random(20, 30, 0.2, 1), _i);
    const tl_pattern *p = tl_variable_pattern(a.w);
    const int64_t n = p ? tl_pattern_nnz(p) : 600, k = n / 2;
    tl_pattern *kept = tl_topology_drop(a.w, NULL, k), *first = NULL;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        tl_pattern *q = tl_topology_move_random(a.w, k, seed), *same = tl_topology_move_random(a.w, k, seed);
        tl_pattern *both = tl_pattern_intersection(q, kept);
        ck_assert_int_eq(tl_pattern_nnz(q), n);
        ck_assert(tl_pattern_equal(both, kept) && tl_pattern_equal(q, same));
        ck_assert(_i == DENSE || !first || !tl_pattern_equal(q, first));
        tl_pattern_release(both);
        tl_pattern_release(same);
        if (seed == 1)
            first = q;
        else
            tl_pattern_release(q);
    }
    tl_pattern_release(first);
    tl_pattern_release(kept);
    layer_free(&a);
}
END_TEST

/* The whole of a move: Adam's moments and ages of what stays stay, and those of what is new begin. */
START_TEST(state_of_the_optimizer)
{
    layer a = layer_new(tl_pattern_random(6, 8, 0.5, 1), SPARSE);
    tl_optimizer *adam = tl_adam((tl_adam_options){ .per_weight_age = true });
    tl_gradients pairs;
    for (int step = 0; step < 3; step++) {
        tl_graph_reset(a.g);
        ck_assert_ok(tl_backward(layer_loss(&a), &pairs));
        ck_assert_ok(tl_apply_gradients(adam, &pairs));
    }
    tl_pattern *old = tl_pattern_retain(tl_variable_pattern(a.w)),
               *next = tl_topology_move_by_gradient(a.w, 9, a.g);
    tl_real before[3][48], *array[3];
    int added = 0;
    for (int s = 0; s < 3; s++)
        memcpy(before[s], s == 0 ? tl_variable_values(a.w) : tl_optimizer_slot(adam, a.w, s - 1),
               (size_t)tl_variable_size(a.w) * sizeof(tl_real));
    tl_graph_reset(a.g);
    ck_assert_ok(tl_variable_set_pattern(a.w, next));
    for (int s = 0; s < 3; s++)
        array[s] = s == 0 ? tl_variable_data(a.w) : (tl_real *)tl_optimizer_slot(adam, a.w, s - 1);
    for (int c = 0; c < 48; c++) {
        const int64_t is = tl_pattern_find(next, c / 8, c % 8), was = tl_pattern_find(old, c / 8, c % 8);
        for (int s = 0; is >= 0 && s < 3; s++)
            ck_assert_values(&array[s][is], 1, 0, was >= 0 ? (double)before[s][was] : 0);
        added += is >= 0 && was < 0;
    }
    ck_assert_int_gt(added, 2);
    tl_pattern_release(old);
    tl_pattern_release(next);
    tl_optimizer_free(adam);
    layer_free(&a);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("topology_moves");
    TCase *c = tl_test_case(s, "topology_moves");
    tcase_add_loop_test(c, every_number_and_density, 0, KINDS);
    tcase_add_loop_test(c, full_rows_and_empty_rows, 0, KINDS);
    tcase_add_test(c, many_tiles);
    tcase_add_loop_test(c, weights_that_are_not_numbers, 0, KINDS);
    tcase_add_loop_test(c, drop_by_a_score, 0, KINDS);
    tcase_add_test(c, dropped_and_grown);
    tcase_add_test(c, several_uses);
    tcase_add_loop_test(c, moves_at_random, 0, KINDS);
    tcase_add_test(c, state_of_the_optimizer);
    return s;
}
