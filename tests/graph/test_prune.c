/* Pruning by magnitude: which connections stay, and a sparse variable against a masked one through a long
 * training. */
#include "tests/testing.h"
#include "tests/graph/zoo.h"

#include <math.h>
#include <string.h>

enum { MOST = 60 };

/* A variable of 60 cells as a vector, a matrix or a tensor of rank 3; sparse; or masked. */
static const struct kind {
    const char *name;
    tl_shape shape;
    bool sparse, masked;
} kinds[] = {
    { "vector", { 1, { 60 } }, false, false },          { "matrix", { 2, { 6, 10 } }, false, false },
    { "rank 3", { 3, { 3, 2, 10 } }, false, false },    { "masked vector", { 1, { 60 } }, false, true },
    { "masked matrix", { 2, { 6, 10 } }, false, true }, { "masked rank 3", { 3, { 3, 2, 10 } }, false, true },
    { "sparse", { 2, { 6, 10 } }, true, false }
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* Values with many ties of magnitude, both zeros, what is not finite; `exists` says which are there. */
static tl_variable *make(const struct kind *k, bool *exists)
{
    const tl_real choice[] = { 0, -0.0f, 1, -1, 2, -2, 0.5f, 1e-30f, -INFINITY, INFINITY, NAN, -NAN };
    const int64_t rows = tl_shape_rows(k->shape), cols = tl_shape_cols(k->shape);
    tl_pattern *p = rows > 1 ? tl_test_pattern(rows, cols, 0.7, 1) : tl_pattern_random(rows, cols, 0.5, 1);
    tl_variable *v = k->sparse ? tl_variable_sparse("v", p) : tl_variable_dense("v", k->shape);
    tl_random r = { .seed = 6 };
    if (k->masked)
        ck_assert_ok(tl_variable_set_mask(v, p));
    int64_t at = 0;
    for (int64_t i = 0; i < MOST; i++) {
        exists[i] = (!k->masked && !k->sparse) || tl_pattern_find(p, i / cols, (int32_t)(i % cols)) >= 0;
        if (exists[i])
            tl_variable_data(v)[k->sparse ? at : i] = choice[tl_random_integer(&r, 12)];
        at += exists[i];
    }
    tl_pattern_release(p);
    return v;
}

/* What each cell holds: 0 where it does not exist. */
static void expand(tl_variable *v, const bool *exists, tl_real *out)
{
    int64_t at = 0;
    for (int64_t i = 0; i < MOST; i++) {
        out[i] = !exists[i] ? 0 : tl_variable_data(v)[tl_variable_is_sparse(v) ? at : i];
        at += exists[i];
    }
}

/* Returns whether a sorts before b by magnitude: a NaN is the largest. */
static bool larger(tl_real a, tl_real b)
{
    return isnan(a) ? !isnan(b) : fabs((double)a) > fabs((double)b);
}

/* The definition: a cell stays if fewer than `keep_count` are larger, or equal and before it. */
static void prune_plainly(const tl_real *value, const bool *exists, int64_t keep_count, bool *stays)
{
    for (int i = 0; i < MOST; i++) {
        int64_t ahead = 0;
        for (int j = 0; j < MOST; j++)
            ahead += exists[j] && (larger(value[j], value[i]) || (j < i && !larger(value[i], value[j])));
        stays[i] = exists[i] && ahead < keep_count;
    }
}

START_TEST(every_count)
{
    const struct kind *k = &kinds[_i];
    int64_t count = MOST;
    for (int64_t keep_count = 0; keep_count <= count + 2; keep_count++) {
        bool exists[MOST], stays[MOST];
        tl_real before[MOST], after[MOST];
        tl_variable *v = make(k, exists);
        tl_pattern *was = tl_variable_pattern(v);
        count = was ? tl_pattern_nnz(was) : MOST;
        expand(v, exists, before);
        prune_plainly(before, exists, keep_count, stays);
        ck_assert_ok(tl_variable_prune_by_magnitude(v, keep_count));
        const tl_pattern *now = tl_variable_pattern(v);
        if (keep_count >= count)
            ck_assert_ptr_eq(now, was);
        else
            ck_assert_int_eq(tl_pattern_nnz(now), keep_count);
        const int64_t cols = tl_shape_cols(k->shape);
        for (int64_t i = 0; now && i < MOST; i++) {
            const bool is = tl_pattern_find(now, i / cols, (int32_t)(i % cols)) >= 0;
            ck_assert_msg(is == stays[i], "%s, %d kept: cell %d, %g, %s", k->name, (int)keep_count, (int)i,
                          (double)before[i], is ? "stays" : "is gone");
        }
        expand(v, stays, after);
        for (int i = 0; i < MOST; i++) {
            const tl_real zero = 0;
            ck_assert_same(&after[i], stays[i] ? &before[i] : &zero, 1);
            if (!k->sparse)
                ck_assert_same(&tl_variable_data(v)[i], &after[i], 1);
        }
        tl_variable_free(v);
    }
    ck_assert_int_eq(count, k->sparse || k->masked ? tl_shape_rows(k->shape) > 1 ? count : 30 : MOST);
}
END_TEST

START_TEST(small_cases)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2, 3));
    const tl_real values[] = { 3, -1, 2, -3, 1, 0 };
    memcpy(tl_variable_data(v), values, sizeof values);
    ck_assert_ok(tl_variable_prune_by_magnitude(v, 4)); /* of 1 and -1 the first */
    ck_assert_values(tl_variable_data(v), 6, 0, 3, -1, 2, -3, 0, 0);
    ck_assert_ok(tl_variable_prune_by_magnitude(v, 1));
    ck_assert_values(tl_variable_data(v), 6, 0, 3, 0, 0, 0, 0, 0);
    ck_assert_ok(tl_variable_prune_by_magnitude(v, 0));
    ck_assert_values(tl_variable_data(v), 6, 0, 0, 0, 0, 0, 0, 0);
    ck_assert_int_eq(tl_pattern_nnz(tl_variable_pattern(v)), 0);
    ck_assert_status(tl_variable_prune_by_magnitude(v, -1), TL_ERR_ARGUMENT,
                     "variable_prune_by_magnitude: keep_count -1 for v must be >= 0");
    ck_assert_status(tl_variable_prune_by_magnitude(NULL, 1), TL_ERR_ARGUMENT,
                     "variable_prune_by_magnitude: the variable is NULL");
    tl_variable_free(v);
    tl_variable *scalar = tl_variable_dense("scalar", TL_SHAPE()),
                *empty = tl_variable_dense("e", TL_SHAPE(0, 3));
    tl_variable_data(scalar)[0] = 5;
    ck_assert_ok(tl_variable_prune_by_magnitude(scalar, 1));
    ck_assert_values(tl_variable_data(scalar), 1, 0, 5);
    ck_assert_ok(tl_variable_prune_by_magnitude(scalar, 0));
    ck_assert_values(tl_variable_data(scalar), 1, 0, 0);
    ck_assert_ok(tl_variable_prune_by_magnitude(empty, 0));
    tl_variable_free(scalar);
    tl_variable_free(empty);
}
END_TEST

static void apply(tl_optimizer *o, tl_variable *v, tl_real *values, tl_graph *g)
{
    tl_gradients all = { &(tl_gradient){ .variable = v, .values = values }, 1, g };
    ck_assert_ok(tl_apply_gradients(o, &all));
    tl_graph_reset(g);
}

/* Pending steps are applied before rows are pruned. */
START_TEST(rows_with_pending_steps)
{
    enum { TABLE = 8 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(TABLE, 1));
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1, .momentum = 0.5 });
    tl_graph *g = tl_graph_new();
    for (int32_t row = 0; row < TABLE; row++)
        tl_variable_data(v)[row] = row < 4 ? 4 : 3.5;
    for (int32_t row = 0; row < TABLE;
         row++) { /* one row a step: by -1, and it drifts on by -1/2, -1/4, .. */
        tl_node *e = tl_embedding_lookup(tl_use(g, v), &row, TL_SHAPE(1));
        ck_assert_ok(tl_minimize(o, tl_reduce_sum(e, TL_ALL_AXES)));
        tl_graph_reset(g);
    }
    /* As of its own step each is where it began, less 1: rows 0 and 1 would be the largest. In truth row r is
     * less by 2 (1 - 2^(r - 8)): row 3 by 1.9375, row 6 by 1.5, row 7 by 1. */
    ck_assert_ok(tl_variable_prune_by_magnitude(v, 2));
    ck_assert_values(tl_variable_data(v), TABLE, 0, 0, 0, 0, 2.0625, 0, 0, 0, 2.5);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* On failure neither weights nor slots nor the mask have changed. */
START_TEST(failed_allocations_change_nothing)
{
    bool exists[MOST];
    tl_variable *v = make(&kinds[_i], exists);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .momentum = 0.9 });
    tl_graph *g = tl_graph_new();
    tl_real values[MOST], before[MOST], slot[MOST];
    tl_test_fill(tl_variable_data(v), tl_variable_size(v), 1);
    tl_test_fill(values, MOST, 2);
    if (kinds[_i].masked)
        ck_assert_ok(tl_variable_set_mask(v, tl_variable_pattern(v)));
    apply(o, v, values, g);
    const size_t size = (size_t)tl_variable_size(v) * sizeof *before;
    memcpy(before, tl_variable_data(v), size);
    memcpy(slot, tl_optimizer_slot(o, v, 0), size);
    const tl_pattern *was = tl_variable_pattern(v);
    tl_status status = TL_ERR_MEMORY;
    int64_t k = 0;
    while (status != TL_OK) {
        const int64_t blocks = tl_test_live_blocks();
        tl_test_fail_allocation(++k);
        status = tl_variable_prune_by_magnitude(v, 7);
        tl_test_fail_allocation(0);
        ck_assert_int_lt(k, 100);
        if (status == TL_OK)
            break;
        ck_assert_status(status, TL_ERR_MEMORY, "out of memory");
        ck_assert_int_eq(tl_test_live_blocks(), blocks);
        ck_assert_ptr_eq(tl_variable_pattern(v), was);
        ck_assert_mem_eq(tl_variable_data(v), before, size);
        ck_assert_mem_eq(tl_optimizer_slot(o, v, 0), slot, size);
    }
    ck_assert_int_ge(k, 7);
    ck_assert_int_eq(tl_pattern_nnz(tl_variable_pattern(v)), 7);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* ---- The same training, sparse and masked: sums in another order, and nothing else ---- */

enum { IN = 24, OUT = 18, BATCH = 12, BATCHES = 30, STEPS = 1000, AREA = IN * OUT };

static tl_status train(tl_optimizer *o, tl_graph *g, tl_variable *w, int t)
{
    static tl_real x[BATCHES][BATCH * IN], target[BATCHES][BATCH * OUT];
    const int batch = t % BATCHES;
    if (t < BATCHES) {
        tl_test_fill(x[t], BATCH * IN, 2 * (uint64_t)t);
        tl_test_fill(target[t], BATCH * OUT, 2 * (uint64_t)t + 1);
    }
    tl_node *in = tl_input(g, TL_SHAPE(BATCH, IN), x[batch]), *leaf = tl_use(g, w);
    tl_node *h = tl_variable_is_sparse(w) ? tl_dense_sparse_matmul(in, leaf, TL_NO_TRANSPOSE)
                                          : tl_matmul(in, leaf);
    tl_node *loss = tl_mse(h, tl_input(g, TL_SHAPE(BATCH, OUT), target[batch]));
    tl_status status = tl_minimize(o, loss);
    tl_graph_reset(g);
    return status;
}

/* The largest difference between the sparse and the masked variable, relative to the largest weight. */
static double distance(tl_variable *sparse, tl_variable *masked)
{
    tl_real *expanded = tl_test_expand(tl_variable_pattern(sparse), tl_variable_data(sparse));
    double most = 0, size = 0;
    for (int k = 0; k < AREA; k++) {
        most = fmax(most, fabs((double)expanded[k] - (double)tl_variable_data(masked)[k]));
        size = fmax(size, fabs((double)expanded[k]));
    }
    free(expanded);
    return most / size;
}

/* Prunes to fewer connections on the way, then grows some again. */
START_TEST(sparse_and_masked_agree)
{
    const char *name;
    tl_optimizer *for_s = zoo(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name),
                 *for_m = zoo(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name);
    tl_pattern *p = tl_pattern_random(IN, OUT, 0.5, 3), *more = tl_pattern_random(IN, OUT, 0.4, 4);
    tl_variable *s = tl_variable_sparse("s", p), *m = tl_variable_dense("m", TL_SHAPE(IN, OUT));
    tl_graph *g = tl_graph_new();
    tl_random r = { .seed = 1 }, same = r;
    double most = 0;
    ck_assert_ok(tl_variable_set_mask(m, p));
    ck_assert_ok(tl_init_he(s, &r));
    ck_assert_ok(tl_init_he(m, &same));
    for (int t = 0; t < STEPS; t++) {
        if (t == 300 || t == 500) {
            ck_assert_ok(tl_variable_prune_by_magnitude(s, t == 300 ? 150 : 60));
            ck_assert_ok(tl_variable_prune_by_magnitude(m, t == 300 ? 150 : 60));
            ck_assert(tl_pattern_equal(tl_variable_pattern(s), tl_variable_pattern(m)));
        }
        if (t == 700) {
            ck_assert_ok(tl_variable_set_pattern(s, more));
            ck_assert_ok(tl_variable_set_mask(m, more));
        }
        ck_assert_ok(train(for_s, g, s, t));
        ck_assert_ok(train(for_m, g, m, t));
        most = fmax(most, distance(s, m));
    }
    /* no net that multiplies a difference: it stays at the roundings of a step */
    ck_assert_msg(most <= TL_NEAR, "%s: they differ by %g", name, most);
    tl_graph_free(g);
    tl_optimizer_free(for_s);
    tl_optimizer_free(for_m);
    tl_variable_free(s);
    tl_variable_free(m);
    tl_pattern_release(p);
    tl_pattern_release(more);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("prune");
    TCase *c = tl_test_case(s, "prune");
    tcase_add_loop_test(c, every_count, 0, KINDS);
    tcase_add_test(c, small_cases);
    tcase_add_test(c, rows_with_pending_steps);
    tcase_add_loop_test(c, failed_allocations_change_nothing, 0, KINDS);
    tcase_add_loop_test(c, sparse_and_masked_agree, 0, ZOO);
    return s;
}
