/* embedding_lookup_sparse: a weighted sum, mean or sqrtn of table rows for each bag of ids */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

#define OP "embedding_lookup_sparse: "

/* `fixed` is the one that enters as a constant, or NULL; weights NULL: none. */
typedef struct lookup {
    tl_variable *table, *weights, *fixed;
    tl_pattern_bag bags;
    tl_combiner combiner;
} lookup;

static tl_node *leaf(tl_graph *g, tl_variable *v, const tl_variable *fixed)
{
    return v == fixed ? tl_input(g, tl_variable_shape(v), tl_variable_data(v)) : tl_use(g, v);
}

static tl_node *build(tl_graph *g, void *context)
{
    const lookup *c = context;
    tl_node *t = leaf(g, c->table, c->fixed), *w = c->weights ? leaf(g, c->weights, c->fixed) : NULL;
    return tl_embedding_lookup_sparse(t, &c->bags, w, c->combiner);
}

/* The weighted lookup times one without weights: the table through two lookups, then densely too. */
static tl_node *build_twice(tl_graph *g, void *context)
{
    const lookup *c = context;
    tl_node *t = tl_use(g, c->table);
    tl_node *once = tl_embedding_lookup_sparse(t, &c->bags, tl_use(g, c->weights), c->combiner);
    return tl_mul(once, tl_embedding_lookup_sparse(t, &c->bags, NULL, TL_SUM));
}

static tl_node *build_tied(tl_graph *g, void *context)
{
    return tl_matmul_transposed(build(g, context), tl_use(g, ((const lookup *)context)->table),
                                TL_TRANSPOSE_B);
}

/* The sum of U Y: its gradient with respect to Y is U. */
static tl_node *against(tl_node *y, const tl_real *u)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    return tl_reduce_sum(tl_mul(y, tl_input(y->graph, y->shape, u)), TL_ALL_AXES);
}

static tl_variable *filled(tl_shape shape, const tl_real *values)
{
    tl_variable *v = tl_variable_dense("v", shape);
    memcpy(tl_variable_data(v), values, (size_t)tl_variable_size(v) * sizeof *values);
    return v;
}

static void drop(lookup *c)
{
    tl_variable_free(c->table);
    tl_variable_free(c->weights);
}

/* Bags {} {1 0} {} {2} {}, weights 3 4 2, rows (1 2) (3 4) (5 6). */
static const int64_t ptr5[] = { 0, 0, 2, 2, 3, 3 };
static const int32_t ids3[] = { 1, 0, 2 };

/* A mean and a sqrtn do not change where all weights are scaled, even to where their squares are 0 or
 * infinite in float. */
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

/* The specification, one bag after the other; dense gradients, to be added to. */
static void oracle(const lookup *c, const tl_real *dy, double *y, double *dt, double *dw)
{
    const int64_t width = tl_variable_shape(c->table).dim[1];
    const tl_real *t = tl_variable_data(c->table), *w = c->weights ? tl_variable_data(c->weights) : NULL;
    for (int64_t b = 0; b < c->bags.n; b++, y += width, dy += width) {
        double sum = 0, squares = 0;
        for (int pass = 0; pass < 3; pass++) /* the divisor; the row; the gradients */
            for (int64_t k = c->bags.row_ptr[b]; k < c->bags.row_ptr[b + 1]; k++) {
                const double wk = w ? (double)w[k] : 1;
                const double d = c->combiner == TL_SUM ? 1 : c->combiner == TL_MEAN ? sum : sqrt(squares);
                const double turn = c->combiner == TL_SUM ? 0 : (c->combiner == TL_MEAN ? 1 : wk / d) / d;
                if (c->bags.has_padding && c->bags.ids[k] == c->bags.padding_id)
                    continue;
                for (int64_t j = 0; j < width; j++) {
                    const int64_t at = c->bags.ids[k] * width + j;
                    if (pass == 1)
                        y[j] += wk * (double)t[at] / d;
                    if (pass < 2)
                        continue;
                    dt[at] += wk * (double)dy[j] / d;
                    dw[k] += (double)t[at] * (double)dy[j] / d - turn * y[j] * (double)dy[j];
                }
                sum += pass == 0 ? wk : 0;
                squares += pass == 0 ? wk * wk : 0;
            }
    }
}

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

static void compare(const lookup *c)
{
    int64_t rows = tl_variable_shape(c->table).dim[0], width = tl_variable_shape(c->table).dim[1];
    int64_t n = c->bags.n, ids = c->bags.row_ptr[n];
    double *y = calloc((size_t)((n + rows) * width + ids), sizeof *y);
    double *dt = y + n * width, *dw = dt + rows * width;
    tl_real *u = malloc((size_t)(n * width) * sizeof *u);
    tl_test_fill(u, n * width, 5);
    oracle(c, u, y, dt, dw);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *result = build(g, (void *)c);
    ck_assert_ok(tl_backward(against(result, u), &out));
    tl_real *table = expand(&out.pair[0], width);
    tl_test_values(__FILE__, __LINE__, "y", tl_value(result), n * width, TL_NEAR, y);
    tl_test_values(__FILE__, __LINE__, "dt", table, rows * width, TL_NEAR, dt);
    if (c->weights)
        tl_test_values(__FILE__, __LINE__, "dw", out.pair[1].values, ids, TL_NEAR, dw);
    tl_graph_free(g);
    free(table);
    free(u);
    free(y);
}

/* n bags of 0 to 5 ids below `rows`, the first, middle and last ones empty where `ends`. */
static int64_t draw_bags(int64_t n, int64_t rows, bool ends, int64_t *row_ptr, int32_t *id)
{
    tl_random r = { .seed = (uint64_t)(n * 100 + rows) };
    row_ptr[0] = 0;
    for (int64_t b = 0, at = 0; b < n; b++) {
        bool empty = ends && (b == 0 || b == n / 2 || b == n - 1);
        for (int64_t k = tl_random_integer(&r, 6); k > 0 && !empty; k--)
            id[at++] = (int32_t)tl_random_integer(&r, rows);
        row_ptr[b + 1] = at;
    }
    return row_ptr[n];
}

/* With and without weights (positive: a mean's divisor stays away from 0), padding (within the table and
 * not), and empty bags at the ends. */
START_TEST(against_naive)
{
    const int64_t size[] = { 1, 3, 17, 63, 65 };
    int64_t row_ptr[66];
    int32_t id[5 * 65];
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            for (int mode = 0; mode < 8; mode++) {
                const int64_t width = size[(i + j + mode) % 5];
                const int64_t n = draw_bags(size[i], size[j], mode & 1, row_ptr, id);
                lookup c = { .combiner = (tl_combiner)_i, .bags = { size[i], row_ptr, id, mode & 2, 0, 0 } };
                c.table = tl_test_dense("t", TL_SHAPE(size[j], width), 1);
                c.bags.padding_id = mode & 1 ? -1 : 0;
                for (int64_t k = 0; (mode & 3) == 3 && k < n; k += 3)
                    id[k] = -1;
                if (mode & 4)
                    c.weights = tl_test_dense("w", TL_SHAPE(n), 3);
                for (int64_t k = 0; c.weights && k < n; k++)
                    tl_variable_data(c.weights)[k] = (tl_real)fabs((double)tl_variable_data(c.weights)[k]);
                compare(&c);
                drop(&c);
            }
}
END_TEST

/* Bags {2 0 2} {} {1 -1 3} {4}, -1 is padding; weights of both signs that sum to 1 or so in each. */
START_TEST(gradient)
{
    const int64_t row_ptr[] = { 0, 3, 3, 6, 7 };
    const int32_t id[] = { 2, 0, 2, 1, -1, 3, 4 };
    lookup c = { .table = tl_test_dense("t", TL_SHAPE(5, 3), 1),
                 .combiner = (tl_combiner)_i,
                 .bags = { .n = 4, .row_ptr = row_ptr, .ids = id, .has_padding = true, .padding_id = -1 } };
    tl_variable *w = filled(TL_SHAPE(7), (tl_real[]){ 1, -0.5f, 0.75f, 1.5f, 7, -0.25f, 0.5f });
    ck_assert_gradient(build, &c, c.table);
    ck_assert_gradient(build_tied, &c, c.table);
    c.weights = w;
    ck_assert_gradient(build, &c, c.table, w);
    ck_assert_gradient(build_tied, &c, c.table, w);
    ck_assert_gradient(build_twice, &c, c.table, w);
    c.fixed = w;
    ck_assert_gradient(build, &c, c.table);
    c.fixed = c.table;
    ck_assert_gradient(build, &c, w);
    drop(&c);
}
END_TEST

/* No bags; bags without ids; rows of no columns; a table without rows; nothing but padding. */
START_TEST(empty)
{
    const int64_t none[] = { 0, 0, 0 }, two[] = { 0, 2, 2 }, rows[] = { 3, 3, 3, 0, 3 };
    const int64_t *const row_ptr[] = { none, none, two, none, two };
    const int32_t sevens[] = { 7, 7 }, *const ids[] = { NULL, NULL, ids3, NULL, sevens };
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
        ck_assert_gradient(build, &c, c.table, c.weights);
        tl_graph_free(g);
        drop(&c);
    }
}
END_TEST

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

/* A mean and a sqrtn do not depend on the unit of the weights, also where D or the squares of doubles leave
 * the range. */
START_TEST(divisor_beyond_the_range)
{
    const tl_real units[] = { TL_IS_DOUBLE ? (tl_real)0x1p1022 : (tl_real)0x1p126, 1,
                              TL_IS_DOUBLE ? (tl_real)0x1p-600 : (tl_real)0x1p-100 };
    lookup c = { .table = filled(TL_SHAPE(3, 1), (tl_real[]){ 1, 3, 5 }),
                 .bags = { .n = 1, .row_ptr = (int64_t[]){ 0, 3 }, .ids = (int32_t[]){ 0, 1, 2 } },
                 .combiner = (tl_combiner)_i };
    const double d = _i == TL_MEAN ? 3 + 2 + 3 : sqrt(9 + 4 + 9);
    for (int k = 0; k < 3; k++) {
        const tl_real u = units[k];
        c.weights = filled(TL_SHAPE(3), (tl_real[]){ 3 * u, 2 * u, 3 * u });
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *y = build(g, &c);
        ck_assert_values(tl_value(y), 1, TL_NEAR, (3 + 2 * 3 + 3 * 5) / d);
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        ck_assert_values(out.pair[0].values, 3, TL_NEAR, 3 / d, 2 / d, 3 / d);
        ck_assert(!isnan(out.pair[1].values[0]));
        tl_graph_free(g);
        tl_variable_free(c.weights);
    }
    tl_variable_free(c.table);
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

START_TEST(bad_bags)
{
    tl_graph *g = tl_graph_new();
    const int32_t five[] = { 0, 0, 1, 2, 0 };
    const tl_real zero[6] = { 0 };
    const int64_t late[] = { 1, 2 }, back[] = { 0, 3, 2 }, three[] = { 0, 3 }, many[] = { 0, 1LL << 31 };
    const int32_t low[] = { 0, -1, 3 };
    const struct {
        tl_pattern_bag bags;
        tl_status status;
        const char *text;
    } bad[] = {
        { { .n = -1, .row_ptr = three }, TL_ERR_ARGUMENT, OP "bags: n = -1 is not in 0..2147483647" },
        { { .n = 1LL << 31, .row_ptr = three },
          TL_ERR_ARGUMENT,
          OP "bags: n = 2147483648 is not in 0..2147483647" },
        { { 1, late, ids3, 0, 0, 0 }, TL_ERR_ARGUMENT, OP "bags: row_ptr[0] is 1 and must be 0" },
        { { 2, back, ids3, 0, 0, 0 }, TL_ERR_ARGUMENT, OP "bag 1 ends at 2, before its start 3" },
        { { 1, three, NULL, 0, 0, 0 }, TL_ERR_ARGUMENT, OP "ids is NULL" },
        { { 1, many, ids3, 0, 0, 0 },
          TL_ERR_ARGUMENT,
          OP "the number of ids, 2147483648, is not in 0..2147483647" },
        { { 1, three, low, 0, -1, 0 }, TL_ERR_INDEX, OP "ids[1] = -1, table 3x2 has 3 rows" },
        { { 1, three, low, true, -1, 0 }, TL_ERR_INDEX, OP "ids[2] = 3, table 3x2 has 3 rows" },
        { { 1, three, low, true, 3, 0 }, TL_ERR_INDEX, OP "ids[1] = -1, table 3x2 has 3 rows" },
        /* bags that do not cover exactly n_ids; the last would read past the array */
        { { .n = 2, .row_ptr = (int64_t[]){ 0, 3, 4 }, .ids = five, .n_ids = 5 },
          TL_ERR_ARGUMENT,
          OP "the bags hold 4 of 5 ids" },
        { { .n = 2, .row_ptr = (int64_t[]){ 0, 3, 9 }, .ids = five, .n_ids = 5 },
          TL_ERR_ARGUMENT,
          OP "the bags hold 9 of 5 ids" },
        { { .n = 0, .row_ptr = (int64_t[]){ 0 }, .ids = five, .n_ids = 5 },
          TL_ERR_ARGUMENT,
          OP "the bags hold 0 of 5 ids" },
        { { .n = 2, .row_ptr = (int64_t[]){ 0, 3, 5 }, .ids = five, .n_ids = INT64_MIN },
          TL_ERR_ARGUMENT,
          OP "bags: n_ids = -9223372036854775808 is negative" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(
            g, tl_embedding_lookup_sparse(tl_input(g, TL_SHAPE(3, 2), zero), &bad[k].bags, NULL, TL_MEAN),
            bad[k].status, bad[k].text);
    static const int64_t nothing[65];
    const tl_pattern_bag wide = { .n = 64, .row_ptr = nothing };
    ck_assert_ptr_null(
        tl_embedding_lookup_sparse(tl_input(g, TL_SHAPE(0, 1LL << 60), zero), &wide, NULL, TL_MEAN));
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_SHAPE);
    tl_graph_reset(g);
    for (int64_t told = 0; told <= 5; told += 5) {
        const tl_pattern_bag whole = {
            .n = 2, .row_ptr = (int64_t[]){ 0, 3, 5 }, .ids = five, .n_ids = told
        };
        ck_assert_ptr_nonnull(
            tl_embedding_lookup_sparse(tl_input(g, TL_SHAPE(3, 2), zero), &whole, NULL, TL_MEAN));
    }
    ck_assert_refused(g, tl_embedding_lookup_sparse(tl_input(g, TL_SHAPE(3, 2), zero), NULL, NULL, TL_MEAN),
                      TL_ERR_ARGUMENT, OP "bags: row_ptr is NULL");
    tl_graph_free(g);
}
END_TEST

/* Between forward and backward a step of another graph decays all rows of the table, also those that its
 * gradient does not name. The weights' gradient is taken at the table as it then is: 2 columns of 1 - 0.1,
 * as with a dense gradient. */
START_TEST(step_between)
{
    tl_variable *t = tl_variable_dense("t", TL_SHAPE(4, 2)), *w = tl_variable_dense("w", TL_SHAPE(2));
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

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    const tl_real zero[12] = { 0 };
    const tl_pattern_bag bags = { .n = 5, .row_ptr = ptr5, .ids = ids3 };
    const struct {
        tl_shape table, weights;
        int combiner;
        tl_status status;
        const char *text;
    } bad[] = {
        { TL_SHAPE(), TL_SHAPE(3), 0, TL_ERR_SHAPE, OP "the table is scalar, and must be a matrix" },
        { TL_SHAPE(3), TL_SHAPE(3), 0, TL_ERR_SHAPE, OP "the table is [3], and must be a matrix" },
        { TL_SHAPE(3, 2, 1), TL_SHAPE(3), 0, TL_ERR_SHAPE, OP "the table is 3x2x1, and must be a matrix" },
        { TL_SHAPE(3, 2), TL_SHAPE(2), 1, TL_ERR_SHAPE,
          OP "the weights are [2], and must be [3], one per id" },
        { TL_SHAPE(3, 2), TL_SHAPE(3, 1), 1, TL_ERR_SHAPE,
          OP "the weights are 3x1, and must be [3], one per id" },
        { TL_SHAPE(3, 2), TL_SHAPE(), 2, TL_ERR_SHAPE,
          OP "the weights are scalar, and must be [3], one per id" },
        { TL_SHAPE(3, 2), TL_SHAPE(3), 3, TL_ERR_ARGUMENT, OP "3 is not a tl_combiner" },
        { TL_SHAPE(3, 2), TL_SHAPE(3), -1, TL_ERR_ARGUMENT, OP "-1 is not a tl_combiner" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        tl_node *t = tl_input(g, bad[k].table, zero), *w = tl_input(g, bad[k].weights, zero);
        ck_assert_refused(g, tl_embedding_lookup_sparse(t, &bags, w, (tl_combiner)bad[k].combiner),
                          bad[k].status, bad[k].text);
    }
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    tl_node *t = tl_input(g, TL_SHAPE(3, 2), zero), *s = tl_input_sparse(g, p, zero);
    ck_assert_refused(g, tl_embedding_lookup_sparse(t, &bags, s, TL_SUM), TL_ERR_KIND,
                      OP "input 1 (3x4) is sparse, and must be dense");
    s = tl_input_sparse(g, p, zero);
    ck_assert_refused(g, tl_embedding_lookup_sparse(s, &bags, NULL, TL_SUM), TL_ERR_KIND,
                      OP "input 0 (3x4) is sparse, and must be dense");
    tl_node *w = tl_input(g, TL_SHAPE(3), zero);
    ck_assert_refused(g, tl_embedding_lookup_sparse(NULL, &bags, w, TL_SUM), TL_ERR_ARGUMENT,
                      OP "input 0 is NULL");
    tl_variable *cube = tl_test_dense("cube", TL_SHAPE(3, 2, 1), 1), *v = tl_test_dense("v", TL_SHAPE(2), 1);
    ck_assert_refused(g, tl_embedding_lookup_sparse(tl_use(g, cube), &bags, NULL, TL_SUM), TL_ERR_SHAPE,
                      OP "the table is cube (3x2x1), and must be a matrix");
    t = tl_input(g, TL_SHAPE(3, 2), zero);
    ck_assert_refused(g, tl_embedding_lookup_sparse(t, &bags, tl_use(g, v), TL_SUM), TL_ERR_SHAPE,
                      OP "the weights are v [2], and must be [3], one per id");
    tl_variable_free(cube);
    tl_variable_free(v);
    ck_assert_ptr_null(tl_embedding_lookup_sparse(NULL, &bags, NULL, TL_SUM));
    ck_assert_ptr_null(tl_embedding_lookup_sparse(NULL, NULL, NULL, TL_SUM));
    tl_graph_free(g);
    tl_pattern_release(p);
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

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("embedding_lookup_sparse");
    TCase *c = tl_test_case(s, "embedding_lookup_sparse");
    tcase_add_loop_test(c, by_hand, 0, 3);
    tcase_add_loop_test(c, against_naive, TL_SUM, TL_SQRTN + 1);
    tcase_add_loop_test(c, gradient, TL_SUM, TL_SQRTN + 1);
    tcase_add_loop_test(c, empty, TL_SUM, TL_SQRTN + 1);
    tcase_add_test(c, divisor_of_zero);
    tcase_add_loop_test(c, divisor_beyond_the_range, TL_MEAN, TL_SQRTN + 1);
    tcase_add_test(c, padding);
    tcase_add_test(c, bad_bags);
    tcase_add_test(c, step_between);
    tcase_add_test(c, refusals);
    tcase_add_test(c, long_bags);
    return s;
}
