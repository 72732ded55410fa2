/* Sums of gradients over several backward passes. */
#include "tests/testing.h"
#include "tests/graph/zoo.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 6, WIDTH = 4, OUT = 3, BATCH = 12, PARTS = 4, PART = BATCH / PARTS };

/* A table read by rows, a sparse and a dense layer. */
typedef struct model {
    tl_variable *table, *sparse, *dense;
    int32_t ids[BATCH];
    tl_real target[BATCH * OUT];
} model;

static model make(void)
{
    model m = { .table = tl_test_dense("table", TL_SHAPE(ROWS, WIDTH), 1),
                .sparse = tl_test_sparse("sparse", tl_test_pattern(WIDTH, WIDTH, 0.7, 1), 2),
                .dense = tl_test_dense("dense", TL_SHAPE(WIDTH, OUT), 3) };
    tl_random r = { .seed = 4 };
    for (int k = 0; k < BATCH; k++)
        m.ids[k] = (int32_t)tl_random_integer(&r, ROWS - 1); /* the last row is never read */
    tl_test_fill(m.target, BATCH * OUT, 5);
    return m;
}

static void drop(model *m)
{
    tl_variable_free(m->table);
    tl_variable_free(m->sparse);
    tl_variable_free(m->dense);
}

/* The mean loss over samples first .. first+n-1. */
static tl_node *loss_of(const model *m, tl_graph *g, int first, int n)
{
    tl_node *x = tl_embedding_lookup(tl_use(g, m->table), m->ids + first, TL_SHAPE(n));
    tl_node *h = tl_tanh(tl_dense_sparse_matmul(x, tl_use(g, m->sparse), TL_NO_TRANSPOSE));
    tl_node *target = tl_input(g, TL_SHAPE(n, OUT), m->target + first * OUT);
    return tl_mse(tl_matmul(h, tl_use(g, m->dense)), target);
}

/* The gradients of micro-batches, each made and forgotten in the same graph. */
static tl_status sum_parts(const model *m, tl_graph *total)
{
    tl_graph *g = tl_graph_new();
    tl_status status = g ? TL_OK : TL_ERR_MEMORY;
    for (int k = 0; status == TL_OK && k < PARTS; k++, tl_graph_reset(g)) {
        tl_gradients part;
        status = tl_backward(loss_of(m, g, k * PART, PART), &part);
        if (status == TL_OK)
            status = tl_gradients_add(total, &part, 1.0 / PARTS);
    }
    tl_graph_free(g);
    return status;
}

START_TEST(parts_make_the_whole)
{
    model m = make();
    tl_graph *g = tl_graph_new(), *total = tl_graph_new();
    tl_gradients whole, sum;
    ck_assert_ok(sum_parts(&m, total));
    ck_assert_ok(tl_gradients_total(total, &sum));
    ck_assert_ok(tl_backward(loss_of(&m, g, 0, BATCH), &whole));
    ck_assert_int_eq(sum.n, 3);
    ck_assert_ptr_eq(sum.graph, total);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_eq(sum.pair[i].variable, whole.pair[i].variable);
        ck_assert_int_eq(sum.pair[i].n_rows, whole.pair[i].n_rows);
        ck_assert_int_eq(sum.pair[i].rows != NULL, i == 0);
        for (int64_t k = 0; k < sum.pair[i].n_rows; k++)
            ck_assert_int_eq(sum.pair[i].rows[k], whole.pair[i].rows[k]);
        ck_assert_close(sum.pair[i].values, whole.pair[i].values, tl_gradient_size(&whole.pair[i]), TL_NEAR);
    }
    tl_graph_free(g);
    tl_graph_free(total);
    drop(&m);
}
END_TEST

/* Adds one pair of this kind. */
static void add(tl_graph *total, tl_gradient pair, double weight)
{
    ck_assert_ok(tl_gradients_add(total, &(tl_gradients){ &pair, 1, NULL }, weight));
}

static tl_gradients total_of(tl_graph *total)
{
    tl_gradients out;
    ck_assert_ok(tl_gradients_total(total, &out));
    return out;
}

/* Dense and sparse: w1 a + w2 b to the bit, each product rounded before the sum. */
START_TEST(weighted_sums)
{
    enum { N = 20 };
    tl_pattern *p = tl_pattern_random(10, 5, 0.4, 1);
    tl_variable *v = _i == 0 ? tl_test_dense("v", TL_SHAPE(N), 1)
                             : tl_test_sparse("v", tl_pattern_retain(p), 1);
    tl_graph *total = tl_graph_new();
    tl_real a[N], b[N], expected[N];
    ck_assert_int_eq(tl_variable_size(v), N);
    tl_test_fill(a, N, 1);
    tl_test_fill(b, N, 2);
    for (int k = 0; k < N; k++) {
        const tl_real product[] = { (tl_real)(1.0 / 3 * (double)a[k]), (tl_real)(-0.7 * (double)b[k]) };
        expected[k] = product[0] + product[1];
    }
    add(total, (tl_gradient){ .variable = v, .values = a }, 1.0 / 3);
    add(total, (tl_gradient){ .variable = v, .values = b }, -0.7);
    tl_gradients out = total_of(total);
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_null(out.pair[0].rows);
    ck_assert_same(out.pair[0].values, expected, N);
    tl_graph_reset(total); /* the next sum */
    add(total, (tl_gradient){ .variable = v, .values = b }, 1);
    out = total_of(total);
    ck_assert_same(out.pair[0].values, b, N);
    add(total, (tl_gradient){ .variable = v, .values = b }, 1); /* a total is no end of a sum */
    out = total_of(total);
    ck_assert_double_eq((double)out.pair[0].values[7], 2 * (double)b[7]);
    tl_graph_free(total);
    tl_variable_free(v);
    tl_pattern_release(p);
}
END_TEST

/* Of P terms: a product, and at most log2 P sums, are rounded, each by half an epsilon of the sum of the
 * magnitudes. Dense, by rows, and by rows from the third part on or up to then. In float the last column,
 * summed from left to right, would miss this a hundredfold. */
START_TEST(errors_grow_with_the_levels_of_the_tree)
{
    enum { N = 3, PARTS_SUMMED = 4095, LEVELS = 12 };
    const bool by_rows[4][2] = { { false, false }, { true, true }, { false, true }, { true, false } };
    const double epsilon = TL_IS_DOUBLE ? DBL_EPSILON : FLT_EPSILON, weight = 1.0 / 3;
    if (!tl_test_long_double())
        return;
    tl_variable *v = tl_test_dense("v", TL_SHAPE(1, N), 1);
    tl_graph *total = tl_graph_new();
    const int32_t row[] = { 0 };
    for (int way = 0; way < 4; way++, tl_graph_reset(total)) {
        tl_random r = { .seed = 7 };
        long double sum[N] = { 0 }, magnitudes[N] = { 0 };
        for (int k = 0; k < PARTS_SUMMED; k++) {
            tl_real x[] = { (tl_real)(1 + tl_random_uniform(&r)), (tl_real)tl_random_normal(&r),
                            k == 0 ? 16777216 : 1 };
            tl_gradient pair = { .variable = v, .values = x };
            if (by_rows[way][k >= 2]) {
                pair.rows = row;
                pair.n_rows = 1;
            }
            for (int j = 0; j < N; j++) {
                sum[j] += (long double)weight * x[j];
                magnitudes[j] += fabsl((long double)weight * x[j]);
            }
            add(total, pair, weight);
        }
        tl_gradients out = total_of(total);
        ck_assert_int_eq(out.pair[0].rows != NULL, way == 1);
        for (int j = 0; j < N; j++)
            ck_assert_double_le(fabs((double)(out.pair[0].values[j] - sum[j])),
                                (1 + LEVELS) * epsilon / 2 * (double)magnitudes[j]);
    }
    tl_graph_free(total);
    tl_variable_free(v);
}
END_TEST

START_TEST(rows_and_rows)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(5, 2), 1);
    tl_graph *total = tl_graph_new();
    tl_real a[4] = { 1, 2, 3, 4 }, b[4] = { 10, 20, 30, 40 };
    add(total, (tl_gradient){ v, a, (int32_t[]){ 1, 3 }, 2 }, 1);
    add(total, (tl_gradient){ v, b, (int32_t[]){ 0, 3 }, 2 }, 0.5);
    add(total, (tl_gradient){ v, a, (int32_t[]){ 0 }, 0 }, 1); /* no rows at all */
    tl_gradients out = total_of(total);
    ck_assert_int_eq(out.pair[0].n_rows, 3);
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(out.pair[0].rows[k], ((int[]){ 0, 1, 3 })[k]);
    ck_assert_values(out.pair[0].values, 6, 0, 5, 10, 1, 2, 18, 24);
    tl_graph_reset(total); /* nothing but no rows: a gradient without rows */
    add(total, (tl_gradient){ v, a, (int32_t[]){ 0 }, 0 }, 1);
    out = total_of(total);
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_nonnull(out.pair[0].values);
    ck_assert_ptr_nonnull(out.pair[0].rows);
    ck_assert_int_eq(out.pair[0].n_rows, 0);
    tl_graph_free(total);
    tl_variable_free(v);
}
END_TEST

/* Rows first, dense first, rows on both sides, rows that are none: dense. */
START_TEST(rows_and_dense)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3, 2), 1);
    tl_graph *total = tl_graph_new();
    tl_real dense[6] = { 1, 2, 3, 4, 5, 6 }, row[2] = { 10, 20 };
    const tl_gradient by_rows = { v, row, (int32_t[]){ 2 }, 1 }, none = { v, row, (int32_t[]){ 2 }, 0 };
    const tl_gradient whole = { .variable = v, .values = dense };
    const tl_gradient order[4][3] = {
        { by_rows, whole, none }, { whole, by_rows, none }, { none, whole, by_rows }, { by_rows, none, whole }
    };
    for (int k = 0; k < 4; k++, tl_graph_reset(total)) {
        for (int i = 0; i < 3; i++)
            add(total, order[k][i], 2);
        tl_gradients out = total_of(total);
        ck_assert_int_eq(out.n, 1);
        ck_assert_ptr_null(out.pair[0].rows);
        ck_assert_values(out.pair[0].values, 6, 0, 2, 4, 6, 8, 30, 52);
        add(total, by_rows, 1);
        out = total_of(total);
        ck_assert_values(out.pair[0].values, 6, 0, 2, 4, 6, 8, 40, 72);
    }
    tl_graph_free(total);
    tl_variable_free(v);
    tl_variable *empty = tl_variable_dense("empty", TL_SHAPE(0, 2)); /* of no rows at all */
    total = tl_graph_new();
    add(total, (tl_gradient){ empty, row, (int32_t[]){ 0 }, 0 }, 1);
    add(total, (tl_gradient){ .variable = empty, .values = dense }, 1);
    ck_assert_ptr_null(total_of(total).pair[0].rows);
    tl_graph_free(total);
    tl_variable_free(empty);
}
END_TEST

/* What is absent adds nothing and does not count as present; variables come in order of first appearance. */
START_TEST(absent_pairs)
{
    tl_variable *v[3] = { tl_test_dense("a", TL_SHAPE(1), 1), tl_test_dense("b", TL_SHAPE(1), 2),
                          tl_test_dense("c", TL_SHAPE(1), 3) };
    tl_graph *total = tl_graph_new();
    tl_real one[1] = { 1 };
    add(total, (tl_gradient){ .variable = v[0] }, 1);
    tl_gradients out = total_of(total);
    ck_assert_int_eq(out.n, 0);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ 0 });
    ck_assert_status(tl_apply_gradients(o, &out), TL_ERR_ARGUMENT, "sgd: there is no gradient to apply");
    tl_graph_reset(total);
    tl_gradient pairs[] = { { .variable = v[2], .values = one },
                            { .variable = v[1] },
                            { .variable = v[0], .values = one } };
    ck_assert_ok(tl_gradients_add(total, &(tl_gradients){ pairs, 3, NULL }, 3));
    add(total, (tl_gradient){ .variable = v[2] }, 1);
    out = total_of(total);
    ck_assert_int_eq(out.n, 2);
    ck_assert_ptr_eq(out.pair[0].variable, v[2]);
    ck_assert_ptr_eq(out.pair[1].variable, v[0]);
    ck_assert_values(out.pair[0].values, 1, 0, 3);
    tl_optimizer_free(o);
    tl_graph_free(total);
    for (int k = 0; k < 3; k++)
        tl_variable_free(v[k]);
}
END_TEST

/* Steps by sums of parts against steps by the whole batch, under every optimizer, with a transform. */
START_TEST(steps)
{
    const char *name;
    model m = make(), whole = make();
    tl_optimizer *for_sum = zoo(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name),
                 *for_whole = zoo(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name);
    tl_graph *g = tl_graph_new(), *total = tl_graph_new();
    tl_clip clip = { .max_norm = 0.2 }, other = { .max_norm = 0.2 };
    ck_assert_ok(tl_optimizer_add_transform(for_sum, tl_clip_by_global_norm, &clip));
    ck_assert_ok(tl_optimizer_add_transform(for_whole, tl_clip_by_global_norm, &other));
    for (int t = 0; t < 10; t++, tl_graph_reset(g), tl_graph_reset(total)) {
        tl_gradients sum;
        ck_assert_ok(sum_parts(&m, total));
        ck_assert_ok(tl_gradients_total(total, &sum));
        ck_assert_ok(tl_apply_gradients(for_sum, &sum));
        ck_assert_ok(tl_minimize(for_whole, loss_of(&whole, g, 0, BATCH)));
        ck_assert_double_eq_tol(clip.norm, other.norm, 10 * TL_NEAR); /* of the sum: coalesced, weighted */
    }
    /* float: Adam divides by roots of small moments, whose last bits the order of the sums decides */
    const double tolerance = TL_IS_DOUBLE ? 1e-11 : 1e-4;
    ck_assert_close(tl_variable_data(m.table), tl_variable_data(whole.table), ROWS * WIDTH, tolerance);
    ck_assert_close(tl_variable_data(m.sparse), tl_variable_data(whole.sparse), tl_variable_size(m.sparse),
                    tolerance);
    ck_assert_close(tl_variable_data(m.dense), tl_variable_data(whole.dense), WIDTH * OUT, tolerance);
    tl_graph_free(g);
    tl_graph_free(total);
    tl_optimizer_free(for_sum);
    tl_optimizer_free(for_whole);
    drop(&m);
    drop(&whole);
}
END_TEST

START_TEST(later_sums_allocate_nothing)
{
#ifdef TL_HEAP_ARENA
    printf("skipped: every allocation of a step is a heap block of its own in this build\n");
#else
    model m = make();
    tl_graph *g = tl_graph_new(), *total = tl_graph_new();
    int64_t after_first = 0;
    for (int t = 0; t < 5; t++, tl_graph_reset(total)) {
        for (int k = 0; k < PARTS; k++, tl_graph_reset(g)) {
            tl_gradients part, sum;
            ck_assert_ok(tl_backward(loss_of(&m, g, k * PART, PART), &part));
            ck_assert_ok(tl_gradients_add(total, &part, 1));
            ck_assert_ok(tl_gradients_total(total, &sum));
        }
        after_first = t == 0 ? tl_test_allocations() : after_first;
        ck_assert_int_eq(tl_test_allocations(), after_first);
    }
    tl_graph_free(g);
    tl_graph_free(total);
    drop(&m);
#endif
}
END_TEST

START_TEST(failed_allocations)
{
    tl_status status = TL_ERR_MEMORY;
    int64_t k = 0;
    while (status != TL_OK) {
        const int64_t blocks = tl_test_live_blocks();
        model m = make();
        tl_graph *total = tl_graph_new();
        tl_gradients sum;
        tl_test_fail_allocation(++k);
        status = sum_parts(&m, total);
        status = status == TL_OK ? tl_gradients_total(total, &sum) : status;
        tl_test_fail_allocation(0);
        ck_assert_int_lt(k, 1000);
        if (status != TL_OK) {
            ck_assert_int_eq(status, TL_ERR_MEMORY);
            ck_assert_ptr_nonnull(strstr(tl_error(), "out of memory"));
        }
        if (tl_graph_status(total) != TL_OK) { /* else it was a micro-batch that failed */
            ck_assert_int_eq(tl_graph_status(total), TL_ERR_MEMORY);
            ck_assert_int_eq(tl_gradients_total(total, &sum), TL_ERR_MEMORY);
            ck_assert_int_eq(sum.n, 0);
        }
        tl_graph_free(total);
        drop(&m);
        ck_assert_int_eq(tl_test_live_blocks(), blocks);
    }
    ck_assert_int_gt(k, 4); /* two graphs' arenas and the transposes of a pattern at least */
}
END_TEST

/* A sum that fails between its kinds is lost, and the next one in the same graph is right. */
START_TEST(failed_allocations_of_rows_and_dense)
{
    enum { SIZE = 6000 }; /* more than a block of the arena */
    static tl_real dense[SIZE], row[] = { 10, 20 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(SIZE / 2, 2), 1);
    tl_gradient pair[] = { { v, row, (int32_t[]){ 2 }, 1 }, { .variable = v, .values = dense } };
    const int64_t blocks = tl_test_live_blocks();
    int failures = 0;
    for (int order = 0; order < 2; order++) {
        tl_status status = TL_ERR_MEMORY;
        for (int64_t k = 1; status != TL_OK; k++, failures++) {
            tl_graph *total = tl_graph_new(), *g = tl_graph_new();
            tl_gradients sum;
            tl_test_fail_allocation(k);
            for (int i = 0; i < 3; i++) /* the first kind twice */
                tl_gradients_add(total, &(tl_gradients){ &pair[(order + i) % 2], 1, g }, 1);
            status = tl_gradients_total(total, &sum);
            tl_test_fail_allocation(0);
            if (status != TL_OK) {
                ck_assert_int_eq(status, TL_ERR_MEMORY);
                ck_assert_int_eq(tl_graph_status(total), TL_ERR_MEMORY);
                tl_graph_reset(total);
                for (int i = 0; i < 3; i++)
                    add(total, pair[(order + i) % 2], 1);
            }
            sum = total_of(total);
            ck_assert_ptr_null(sum.pair[0].rows);
            ck_assert_values(sum.pair[0].values + 2, 4, 0, 0, 0, order == 0 ? 20 : 10, order == 0 ? 40 : 20);
            tl_graph_free(g);
            tl_graph_free(total);
            ck_assert_int_eq(tl_test_live_blocks(), blocks);
        }
    }
    ck_assert_int_gt(failures, 4);
    tl_variable_free(v);
}
END_TEST

START_TEST(refusals)
{
    tl_graph *total = tl_graph_new(), *g = tl_graph_new();
    tl_gradient pair = { .values = (tl_real[]){ 1 } };
    tl_gradients one = { &pair, 1, total };
    ck_assert_status(tl_gradients_add(NULL, &one, 1), TL_ERR_ARGUMENT, "gradients_add: the graph is NULL");
    ck_assert_status(tl_gradients_add(total, &one, 1), TL_ERR_ARGUMENT,
                     "gradients_add: the sum is added to itself");
    ck_assert_status(tl_gradients_total(NULL, &one), TL_ERR_ARGUMENT, "gradients_total: the graph is NULL");
    ck_assert_status(tl_gradients_total(total, NULL), TL_ERR_ARGUMENT,
                     "gradients_total: the output argument is NULL");
    ck_assert_int_eq(tl_graph_status(total), TL_OK);
    one = (tl_gradients){ &pair, 1, g };
    const char *text = "gradients_add: the variable of pair 0 is NULL";
    ck_assert_status(tl_gradients_add(total, &one, 1), TL_ERR_ARGUMENT, text);
    tl_variable *d = pair.variable = tl_test_dense("d", TL_SHAPE(1), 1);
    ck_assert_str_eq(tl_graph_error(total), text); /* the sum is lost: everything says why, until the reset */
    ck_assert_status(tl_gradients_add(total, &one, 1), TL_ERR_ARGUMENT, text);
    ck_assert_status(tl_gradients_total(total, &one), TL_ERR_ARGUMENT, text);
    ck_assert_int_eq(one.n, 0);
    tl_graph_reset(total);
    add(total, pair, 1);
    tl_graph_free(g);
    tl_graph_free(total);
    tl_variable_free(d);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("accumulate");
    TCase *c = tl_test_case(s, "accumulate");
    tcase_add_test(c, parts_make_the_whole);
    tcase_add_loop_test(c, weighted_sums, 0, 2);
    tcase_add_test(c, errors_grow_with_the_levels_of_the_tree);
    tcase_add_test(c, rows_and_rows);
    tcase_add_test(c, rows_and_dense);
    tcase_add_test(c, absent_pairs);
    tcase_add_loop_test(c, steps, 0, ZOO);
    tcase_add_test(c, later_sums_allocate_nothing);
    tcase_add_test(c, failed_allocations);
    tcase_add_test(c, failed_allocations_of_rows_and_dense);
    tcase_add_test(c, refusals);
    return s;
}
