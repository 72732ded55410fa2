/* Bags of ids, looked up: results, gradients and memory by hand. */
#ifndef BAGS_H
#define BAGS_H

#include "tests/ops/lookups.h"

#include <math.h>
#include <string.h>

#define PTR(...) ((const int64_t[]){ __VA_ARGS__ })
#define IDS(...) ((const int32_t[]){ __VA_ARGS__ })

static const int64_t ptr5[] = { 0, 0, 2, 2, 3, 3 };
static const int32_t ids3[] = { 1, 0, 2 }, sevens[] = { 7, 7 };

typedef struct lookup {
    tl_variable *table, *weights; /* weights NULL: none */
    tl_pattern_bag bags;
    tl_combiner combiner;
} lookup;

static tl_node *build(tl_graph *g, const lookup *c)
{
    tl_node *t = tl_use(g, c->table);
    return tl_embedding_lookup_sparse(t, &c->bags, c->weights ? tl_use(g, c->weights) : NULL, c->combiner);
}

static void drop(lookup *c)
{
    tl_variable_free(c->table);
    tl_variable_free(c->weights);
}

/* Weights 3 4 2, rows (1 2) (3 4) (5 6). A mean and a sqrtn do not change where all weights are scaled, even
 * to where their squares are 0 or infinite in float. */
START_TEST(by_hand)
{
    const tl_real scale = (tl_real[]){ 1, (tl_real)1e-30, (tl_real)1e30 }[_i];
    const double y1[3][2] = { { 13, 20 }, { 13 / 7.0, 20 / 7.0 }, { 13 / 5.0, 20 / 5.0 } };
    const double y3[3][2] = { { 10, 12 }, { 5, 6 }, { 5, 6 } };
    for (int k = _i > 0 ? TL_MEAN : TL_SUM; k <= TL_SQRTN; k++) {
        lookup c = { .table = filled(TL_SHAPE(3, 2), (tl_real[]){ 1, 2, 3, 4, 5, 6 }),
                     .weights = filled(TL_SHAPE(3), (tl_real[]){ 3 * scale, 4 * scale, 2 * scale }),
                     .bags = { .n = 5, .row_ptr = ptr5, .ids = ids3 },
                     .combiner = (tl_combiner)k };
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *y = build(g, &c);
        ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "5x2");
        ck_assert_values(tl_value(y), 10, TL_NEAR, 0, 0, y1[k][0], y1[k][1], 0, 0, y3[k][0], y3[k][1], 0, 0);
        const double d1 = (double[]){ 1, 7, 5 }[k], d3 = (double[]){ 1, 2, 2 }[k];
        ck_assert_ok(tl_backward(against(y, (tl_real[]){ 9, 9, 1, 2, 9, 9, 3, 4, 9, 9 }), &out));
        ck_assert_int_eq(out.pair[0].n_rows, 3);
        ck_assert_values(out.pair[0].values, 6, TL_NEAR, 4 / d1, 8 / d1, 3 / d1, 6 / d1, 6 / d3, 8 / d3);
        const double slope = y1[k][0] + 2 * y1[k][1]; /* <Y, dY> of bag 1; <e, dY> are 11 and 5 */
        const double less[3][2] = { { 0, 0 }, { slope, slope }, { 3 * slope / 5, 4 * slope / 5 } };
        ck_assert_values(out.pair[1].values, 3, TL_NEAR, (11 - less[k][0]) / d1 / (double)scale,
                         (5 - less[k][1]) / d1 / (double)scale,
                         k == TL_SUM ? 3 * 5 + 4 * 6 : 0); /* alone in its bag, a weight changes nothing */
        tl_graph_free(g);
        drop(&c);
    }
}
END_TEST

/* No bags; bags without ids; rows of no columns; a table without rows; nothing but padding. */
START_TEST(empty)
{
    const int64_t zeros[] = { 0, 0, 0 }, two[] = { 0, 2, 2 }, rows[] = { 3, 3, 3, 0, 3 };
    const int64_t *const row_ptr[] = { zeros, zeros, two, zeros, two };
    const int32_t *const ids[] = { NULL, NULL, ids3, NULL, sevens };
    for (int k = 0; k < 5; k++) {
        const int64_t n = k == 0 ? 0 : 2, width = k == 2 ? 0 : 2;
        lookup c = { .combiner = (tl_combiner)_i, .bags = { n, row_ptr[k], ids[k], true, 7, 0 } };
        c.table = tl_test_dense("t", TL_SHAPE(rows[k], width), 1);
        c.weights = tl_test_dense("w", TL_SHAPE(c.bags.row_ptr[c.bags.n]), 1);
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *y = build(g, &c);
        ck_assert(tl_shape_equal(tl_shape_of(y), TL_SHAPE(n, width)));
        for (int64_t i = 0; i < n * width; i++)
            ck_assert(tl_value(y)[i] == 0);
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        ck_assert_int_eq(out.n, 2);
        ck_assert_ptr_nonnull(out.pair[0].rows);
        ck_assert_int_eq(out.pair[0].n_rows, k == 2 ? 2 : 0);
        ck_assert_int_eq(tl_gradient_size(&out.pair[0]), 0);
        tl_graph_free(g);
        drop(&c);
    }
}
END_TEST

/* Row-sparse gradients as dense ones. */
static tl_real *expand(const tl_gradient *pair, int64_t width)
{
    tl_real *dense = calloc((size_t)tl_variable_size(pair->variable) + 1, sizeof *dense);
    for (int64_t i = 0; i < pair->n_rows; i++) {
        ck_assert(i == 0 || pair->rows[i] > pair->rows[i - 1]);
        memcpy(dense + pair->rows[i] * width, pair->values + i * width, (size_t)width * sizeof *dense);
    }
    return dense;
}

/* Bag 0's divisor is 0: a row of 0 and no gradient, whatever the table and the upstream gradient hold. Bag 1
 * goes on as ever. */
START_TEST(divisor_of_zero)
{
    const struct {
        tl_combiner combiner;
        tl_real w0, w1, factor;
    } bad[] = { { TL_MEAN, 1, -1, 1 },        { TL_MEAN, 0, 0, 1 },        { TL_SQRTN, 0, 0, 1 },
                { TL_MEAN, 1, -1, INFINITY }, { TL_MEAN, 0, 0, INFINITY }, { TL_SQRTN, 0, 0, INFINITY } };
    lookup c = { .table = filled(TL_SHAPE(4, 1), (tl_real[]){ NAN, INFINITY, 3, 5 }),
                 .bags = { .n = 2, .row_ptr = (int64_t[]){ 0, 2, 4 }, .ids = (int32_t[]){ 0, 1, 2, 3 } } };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        const double d = bad[k].combiner == TL_MEAN ? 2 + 6 : sqrt(4 + 36);
        const double each = (double)bad[k].factor / d, y1 = (2 * 3 + 6 * 5) / d;
        c.weights = filled(TL_SHAPE(4), (tl_real[]){ bad[k].w0, bad[k].w1, 2, 6 });
        c.combiner = bad[k].combiner;
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *y = build(g, &c);
        ck_assert_values(tl_value(y), 2, TL_NEAR, 0, y1);
        ck_assert_ok(tl_backward(tl_reduce_sum(tl_scale(y, bad[k].factor), TL_ALL_AXES), &out));
        tl_real *table = expand(&out.pair[0], 1);
        ck_assert_values(table, 4, TL_NEAR, 0, 0, 2 * each, 6 * each);
        ck_assert_values(out.pair[1].values, 2, 0, 0, 0);
        ck_assert(!isnan(out.pair[1].values[2]) && !isnan(out.pair[1].values[3]));
        tl_graph_free(g);
        tl_variable_free(c.weights);
        free(table);
    }
    tl_variable_free(c.table);
}
END_TEST

/* A mean and a sqrtn depend on the sign of the weights' unit at most, also where D or the squares of doubles
 * leave the range. The gradients of the weights are divided by D, be it infinite. */
START_TEST(divisor_beyond_the_range)
{
    const tl_real large = TL_IS_DOUBLE ? (tl_real)0x1p1022 : (tl_real)0x1p126,
                  small = TL_IS_DOUBLE ? (tl_real)0x1p-600 : (tl_real)0x1p-100;
    const tl_real units[] = { large, 1, small, -large, -small };
    const double w[] = { 3, 2, 3 };
    lookup c = { .table = filled(TL_SHAPE(3, 1), (tl_real[]){ 1, 3, 5 }),
                 .bags = { .n = 2, .row_ptr = PTR(0, 3, 4), .ids = IDS(0, 1, 2, 1) }, /* one of one id, too */
                 .combiner = (tl_combiner)_i };
    const double d = _i == TL_MEAN ? 3 + 2 + 3 : sqrt(9 + 4 + 9), mean = (3 + 2 * 3 + 3 * 5) / d;
    for (int k = 0; k < 5; k++) {
        const tl_real u = units[k];
        const double sign = _i == TL_SQRTN && u < 0 ? -1 : 1, unit = sign * (double)u;
        c.weights = filled(TL_SHAPE(4), (tl_real[]){ 3 * u, 2 * u, 3 * u, u });
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *y = build(g, &c);
        ck_assert_values(tl_value(y), 2, TL_NEAR, sign * mean, sign * 3);
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        ck_assert_values(out.pair[0].values, 3, TL_NEAR, sign * 3 / d, sign * (2 / d + 1), sign * 3 / d);
        for (int j = 0; j < 3; j++) {
            const double less = _i == TL_MEAN ? mean : w[j] * mean / d;
            const double dw = k % 3 == 0 ? 0 : (1 + 2 * j - less) / d;
            ck_assert_double_eq_tol((double)out.pair[1].values[j] * unit, dw, TL_NEAR);
        }
        tl_graph_free(g);
        tl_variable_free(c.weights);
    }
    tl_variable_free(c.table);
}
END_TEST

/* Where D and the squares in it are of the usual size, weights are divided by it once: rounded, they are the
 * quotients. So they are for a mean of small weights. */
START_TEST(weights_are_divided_once)
{
    const tl_real units[] = { 1, 0.125, TL_IS_DOUBLE ? (tl_real)0x1p-600 : (tl_real)0x1p-100 };
    for (int k = 0; k < (_i == TL_MEAN ? 3 : 2); k++) {
        const tl_real u = units[k], d = (tl_real)(_i == TL_MEAN ? 5 : sqrt(13)) * u;
        lookup c = { .table = filled(TL_SHAPE(2, 2), (tl_real[]){ 1, 0, 0, 1 }),
                     .weights = filled(TL_SHAPE(2), (tl_real[]){ 2 * u, 3 * u }),
                     .bags = { .n = 1, .row_ptr = PTR(0, 2), .ids = IDS(0, 1) },
                     .combiner = (tl_combiner)_i };
        tl_graph *g = tl_graph_new();
        ck_assert_same(tl_value(build(g, &c)), ((const tl_real[]){ 2 * u / d, 3 * u / d }), 2);
        tl_graph_free(g);
        drop(&c);
    }
}
END_TEST

/* Beside an infinite weight, a finite one counts for nothing. */
START_TEST(infinite_weight)
{
    lookup c = { .table = filled(TL_SHAPE(2, 1), (tl_real[]){ 1, 3 }),
                 .weights = filled(TL_SHAPE(2), (tl_real[]){ INFINITY, 1 }),
                 .bags = { .n = 1, .row_ptr = PTR(0, 2), .ids = IDS(0, 1) },
                 .combiner = (tl_combiner)_i };
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(build(g, &c), TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 2, 0, NAN, 0);
    tl_graph_free(g);
    drop(&c);
}
END_TEST

/* A sum has gradients of infinite weights, as it is linear in them. */
START_TEST(infinite_weight_of_a_sum)
{
    lookup c = { .table = filled(TL_SHAPE(2, 1), (tl_real[]){ 1, 3 }),
                 .weights = filled(TL_SHAPE(2), (tl_real[]){ INFINITY, 1 }),
                 .bags = { .n = 1, .row_ptr = PTR(0, 2), .ids = IDS(0, 1) },
                 .combiner = TL_SUM };
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(build(g, &c), TL_ALL_AXES), &out));
    ck_assert_values(out.pair[1].values, 2, 0, 1, 3);
    tl_graph_free(g);
    drop(&c);
}
END_TEST

/* Rows that only padding names have no gradient; without has_padding, padding_id means nothing. The bags'
 * struct is copied by the call. */
START_TEST(padding)
{
    lookup c = { .table = tl_test_dense("t", TL_SHAPE(3, 2), 1),
                 .bags = { .n = 5, .row_ptr = ptr5, .ids = ids3, .padding_id = 1 } };
    for (int with = 0; with < 2; with++) {
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        c.bags.has_padding = with;
        tl_node *y = build(g, &c);
        tl_pattern_bag was = c.bags;
        c.bags = (tl_pattern_bag){ .n = -7 };
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        c.bags = was;
        ck_assert_int_eq(out.pair[0].n_rows, with ? 2 : 3);
        ck_assert_int_eq(out.pair[0].rows[1], with ? 2 : 1);
        tl_graph_free(g);
    }
    drop(&c);
}
END_TEST

/* Between forward and backward a step of another graph decays all rows of the table, which is too large to
 * sweep, also those that its gradient does not name. The weights' gradient is taken at the table as it then
 * is: 2 columns of 1 - 0.1, as with a dense gradient. */
START_TEST(step_between)
{
    tl_variable *t = tl_variable_dense("t", TL_SHAPE(1000, 2)), *w = tl_variable_dense("w", TL_SHAPE(2));
    ck_assert_ok(tl_init_constant(t, 1));
    ck_assert_ok(tl_init_constant(w, 1));
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1, .weight_decay = 1 });
    const int64_t row_ptr[] = { 0, 2 };
    const int32_t ids[] = { 0, 1 }, third = 2;
    const tl_pattern_bag bag = { .n = 1, .row_ptr = row_ptr, .ids = ids };
    tl_node *loss = tl_reduce_sum(tl_embedding_lookup_sparse(tl_use(g, t), &bag, tl_use(g, w), TL_SUM), -1);
    tl_real ones[] = { 1, 1 };
    tl_gradient pair = { .variable = t, .values = ones, .rows = &third, .n_rows = 1 };
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ .pair = &pair, .n = 1, .graph = other }));
    tl_gradients got;
    ck_assert_ok(tl_backward_for(loss, &w, 1, &got));
    ck_assert_values(got.pair[0].values, 2, 1e-6, 1.8, 1.8);
    tl_graph_free(g);
    tl_graph_free(other);
    tl_optimizer_free(o);
    tl_variable_free(t);
    tl_variable_free(w);
}
END_TEST

/* The weights of bag 1 are set between forward and backward, to where its divisor is 0: it has no gradients
 * then. Bag 0 has those of its new weights, 2 and 6. Bag 2, whose divisor was 0, has none. */
START_TEST(divisor_of_zero_between)
{
    lookup c = { .table = filled(TL_SHAPE(4, 1), (tl_real[]){ 3, 5, 1, 2 }),
                 .weights = filled(TL_SHAPE(6), (tl_real[]){ 1, 1, 1, 1, 0, 0 }),
                 .bags = { .n = 3, .row_ptr = PTR(0, 2, 4, 6), .ids = IDS(0, 1, 2, 3, 2, 3) },
                 .combiner = (tl_combiner)_i };
    const double d = _i == TL_MEAN ? 2 + 6 : sqrt(4 + 36), y1 = (2 * 3 + 6 * 5) / d;
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *loss = tl_reduce_sum(build(g, &c), TL_ALL_AXES);
    ck_assert_ok(tl_graph_status(g));
    const tl_real w0 = _i == TL_MEAN ? 1 : 0, now[] = { 2, 6, w0, -w0, 1, 1 };
    memcpy(tl_variable_data(c.weights), now, sizeof now);
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_int_eq(out.pair[0].n_rows, 4);
    ck_assert_values(out.pair[0].values, 2, TL_NEAR, 2 / d, 6 / d);
    ck_assert_values(out.pair[0].values + 2, 2, 0, 0, 0);
    const double less[] = { _i == TL_MEAN ? y1 : 2 * y1 / d, _i == TL_MEAN ? y1 : 6 * y1 / d };
    ck_assert_values(out.pair[1].values, 2, TL_NEAR, (3 - less[0]) / d, (5 - less[1]) / d);
    ck_assert_values(out.pair[1].values + 2, 4, 0, 0, 0, 0, 0);
    tl_graph_free(g);
    drop(&c);
}
END_TEST

/* A long sum in float: the mean of a million ones; for every width around a vector and a strip. And the
 * gradients of a row that is named as often. */
START_TEST(long_bags)
{
    const int64_t n = 1000000, row_ptr[2] = { 0, n }, widths[] = { 1, 3, 17, 300 };
    int32_t *ids = calloc((size_t)n, sizeof *ids);
    for (int w = 0; w < 4; w++) {
        const int64_t used = w < 2 ? n : 3001, ptr[2] = { 0, used };
        tl_graph *g = tl_graph_new();
        tl_variable *table = tl_variable_dense("table", TL_SHAPE(1, widths[w]));
        ck_assert_ok(tl_init_constant(table, 1));
        const tl_pattern_bag bag = { .n = 1, .row_ptr = w < 2 ? row_ptr : ptr, .ids = ids };
        tl_node *t = tl_use(g, table), *mean = tl_embedding_lookup_sparse(t, &bag, NULL, TL_MEAN),
                *root = tl_embedding_lookup_sparse(t, &bag, NULL, TL_SQRTN);
        tl_gradients out;
        ck_assert_ok(tl_backward(tl_reduce_sum(mean, TL_ALL_AXES), &out));
        for (int64_t k = 0; k < widths[w]; k++) {
            ck_assert_double_eq_tol((double)tl_value(mean)[k], 1, 1e-5);
            ck_assert_double_eq_tol((double)tl_value(root)[k] / sqrt((double)used), 1, 1e-5);
            ck_assert_double_eq_tol((double)out.pair[0].values[k], 1, 1e-5);
        }
        tl_graph_free(g);
        tl_variable_free(table);
    }
    free(ids);
}
END_TEST

/* Bags are accepted where the number of ids is told, and where it is not; an absent table is none. */
START_TEST(told_ids)
{
    const tl_real zero[6] = { 0 };
    tl_graph *g = tl_graph_new();
    for (int64_t told = 0; told <= 5; told += 5) {
        const tl_pattern_bag whole = {
            .n = 2, .row_ptr = PTR(0, 3, 5), .ids = IDS(0, 0, 1, 2, 0), .n_ids = told
        };
        ck_assert_ptr_nonnull(
            tl_embedding_lookup_sparse(tl_input(g, TL_SHAPE(3, 2), zero), &whole, NULL, TL_MEAN));
    }
    ck_assert_ptr_null(tl_embedding_lookup_sparse(NULL, NULL, NULL, TL_SUM));
    tl_graph_free(g);
}
END_TEST

/* Where backward does not use them, nothing is taken for the rows of dY / D or the slices of winners, which
 * would be as many values as Y again: without gradients, and for a sum. Of a maximum, Y has indices, too.
 * Weights that are constants, or those of a sum, take nothing for Y in backward. */
START_TEST(memory)
{
    enum { BAGS = 300, WIDTH = 256 };
    const tl_combiner combiner = (tl_combiner[]){ TL_SUM, TL_MEAN, TL_MAX, TL_SUM, TL_MEAN }[_i];
    const int64_t indices = combiner == TL_MAX ? (int64_t)sizeof(int64_t) : 0;
    tl_variable *table = tl_test_dense("table", TL_SHAPE(2, WIDTH), 1),
                *weights = tl_test_dense("weights", TL_SHAPE(BAGS), 2);
    int64_t row_ptr[BAGS + 1];
    const int32_t ids[BAGS] = { 0 };
    for (int k = 0; k <= BAGS; k++)
        row_ptr[k] = k;
    const tl_pattern_bag bags = { .n = BAGS, .row_ptr = row_ptr, .ids = ids };
    tl_graph *g = combiner == TL_SUM || _i > 2 ? tl_graph_new() : tl_graph_new_inference();
    tl_node *w = _i < 3               ? NULL
                 : combiner == TL_SUM ? tl_use(g, weights)
                                      : tl_input(g, TL_SHAPE(BAGS), tl_variable_values(weights));
    ck_assert_ptr_nonnull(tl_value(tl_embedding_lookup_sparse(tl_use(g, table), &bags, w, combiner)));
    ck_assert_int_lt(tl_graph_bytes(g), ((int64_t)sizeof(tl_real) * 3 / 2 + indices) * BAGS * WIDTH);
    tl_graph_free(g);
    tl_variable_free(table);
    tl_variable_free(weights);
}
END_TEST

static void add_bags_by_hand(TCase *c)
{
    tcase_add_loop_test(c, by_hand, 0, 3);
    tcase_add_loop_test(c, empty, TL_SUM, TL_SQRTN + 1);
    tcase_add_test(c, divisor_of_zero);
    tcase_add_loop_test(c, divisor_beyond_the_range, TL_MEAN, TL_SQRTN + 1);
    tcase_add_loop_test(c, weights_are_divided_once, TL_MEAN, TL_SQRTN + 1);
    tcase_add_loop_test(c, infinite_weight, TL_MEAN, TL_SQRTN + 1);
    tcase_add_test(c, infinite_weight_of_a_sum);
    tcase_add_test(c, padding);
    tcase_add_test(c, told_ids);
    tcase_add_test(c, step_between);
    tcase_add_loop_test(c, divisor_of_zero_between, TL_MEAN, TL_SQRTN + 1);
    tcase_add_test(c, long_bags);
    tcase_add_loop_test(c, memory, 0, 5);
}

#endif
