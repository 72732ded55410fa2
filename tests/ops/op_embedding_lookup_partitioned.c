/* embedding_lookup_partitioned: rows of a table in shards, with a bound on their norm */
#include "tests/ops/lookups.h"
#include "tests/ops/short_derivative.h"

#include <math.h>

typedef struct lookup {
    int32_t n; /* tables */
    tl_partition strategy;
    double max_norm;
    const int32_t *ids;
    tl_shape shape; /* of the ids */
} lookup;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const lookup *l = attr;
    return tl_embedding_lookup_partitioned(in, l->n, l->ids, l->shape, l->strategy, l->max_norm);
}

/* Returns the row of an id, by going through the shards. */
static const double *find(const tl_reference *r, int32_t id, int64_t width)
{
    const lookup *l = r->attr;
    int64_t before = 0;
    for (int32_t i = 0; i < l->n; i++) {
        for (int64_t row = 0; row < r->shape[i].dim[0]; row++)
            if (id == (l->strategy == TL_MOD ? row * l->n + i : before + row))
                return r->in[i] + row * width;
        before += r->shape[i].dim[0];
    }
    return NULL;
}

static tl_shape reference(tl_reference *r)
{
    const lookup *l = r->attr;
    const tl_shape y = looked_up(r, l->shape);
    const int64_t n = tl_shape_size(l->shape), width = n > 0 ? tl_shape_size(y) / n : 0;
    for (int64_t k = 0; k < n && width > 0; k++) {
        const double *row = find(r, l->ids[k], width);
        double square = 0;
        for (int64_t j = 0; j < width; j++)
            square += row[j] * row[j];
        const bool clipped = l->max_norm > 0 && sqrt(square) > l->max_norm;
        for (int64_t j = 0; j < width; j++)
            r->y[k * width + j] = row[j] * (clipped ? l->max_norm / sqrt(square) : 1);
    }
    return y;
}

static const int32_t ids[] = { 3, 0, 3, 4, 1, 2, 6, 5 }, high[] = { 4, 5, -1 }, low[] = { 0, -1 };
static int32_t many[1700]; /* of 700 rows; filled by tl_test_suite */

/* A sample: n tables, which follow; so many ids in a vector. */
#define SHARDS(its_n, its_strategy, c, its_ids, n_ids, ...)                                                  \
    .in = { __VA_ARGS__ }, .n_in = (its_n), .attr = &(const lookup)                                          \
    {                                                                                                        \
        its_n, its_strategy, c, its_ids, TL_STATIC_SHAPE(n_ids)                                              \
    }
#define TABLE(...) TL_DENSE_OPERAND(__VA_ARGS__)

static const tl_sample samples[] = {
    { SHARDS(1, TL_MOD, 0, ids, 4, TABLE(5, 3)) },
    { SHARDS(1, TL_DIV, 0, ids, 4, TABLE(5, 3)) },
    { SHARDS(2, TL_MOD, 0, ids, 6, TABLE(3, 2), TABLE(2, 2)) },
    { SHARDS(2, TL_DIV, 0, ids, 6, TABLE(3, 2), TABLE(2, 2)) },
    { SHARDS(2, TL_MOD, 0, ids, 6, TABLE(3, 2), TABLE(3, 2)) }, /* no remainder */
    { SHARDS(2, TL_DIV, 0, ids, 6, TABLE(3, 2), TABLE(3, 2)) },
    { SHARDS(3, TL_MOD, 0, ids, 8, TABLE(3), TABLE(2), TABLE(2)) }, /* rows of one value */
    { SHARDS(3, TL_DIV, 0, ids, 8, TABLE(3), TABLE(2), TABLE(2)) },
    { SHARDS(3, TL_MOD, 0, ids, 8, TABLE(3, 2, 2), TABLE(3, 2, 2), TABLE(2, 2, 2)) },
    { SHARDS(3, TL_DIV, 0, ids, 8, TABLE(3, 2, 2), TABLE(3, 2, 2), TABLE(2, 2, 2)) },
    { SHARDS(5, TL_MOD, 0, ids + 4, 2, TABLE(1, 2), TABLE(1, 2), TABLE(1, 2), TABLE(0, 2), TABLE(0, 2)) },
    { SHARDS(5, TL_DIV, 0, ids + 4, 2, TABLE(1, 2), TABLE(1, 2), TABLE(1, 2), TABLE(0, 2), TABLE(0, 2)) },
    { SHARDS(3, TL_MOD, 0, many, 1700, TABLE(234, 73), TABLE(233, 73), TABLE(233, 73)) },
    { SHARDS(3, TL_DIV, 0, many, 1700, TABLE(234, 73), TABLE(233, 73), TABLE(233, 73)) },
    { SHARDS(2, TL_DIV, 0, NULL, 0, TABLE(3, 2), TABLE(2, 2)) }, /* no ids */
    { SHARDS(2, TL_DIV, 0, NULL, 0, TABLE(0, 2), TABLE(0, 2)) },
    { SHARDS(2, TL_MOD, 0, ids, 6, TABLE(3, 0), TABLE(2, 0)) },
    { SHARDS(2, TL_MOD, INFINITY, ids, 6, TABLE(3, 2), TABLE(2, 2)) }, /* no bound either */
    { .in = { TABLE(3, 2), TABLE(2, 2) },
      .attr = &(const lookup){ 2, TL_MOD, 0, ids, TL_STATIC_SHAPE(3, 2) } },
    { .in = { TABLE(3, 2), TABLE(2, 2) }, .attr = &(const lookup){ 2, TL_DIV, 0, ids, { 0, { 0 } } } },

    /* sizes are checked */
    { SHARDS(2, TL_DIV, 0, ids, 6, TABLE(2, 2), TABLE(3, 2)), .status = TL_ERR_SHAPE,
      .error = "table 0, a (2x2), has 2 of the 5 rows, and must have 3" },
    { SHARDS(3, TL_MOD, 0, ids, 6, TABLE(3, 2), TABLE(3, 2), TABLE(1, 2)), .status = TL_ERR_SHAPE,
      .error = "table 1, b (3x2), has 3 of the 7 rows, and must have 2" },
    { SHARDS(2, TL_MOD, 0, ids, 6, TABLE(3, 2), TABLE(2, 3)), .status = TL_ERR_SHAPE,
      .error = "the rows of table 1, b (2x3), are unlike those of table 0, a (3x2)" },
    { SHARDS(2, TL_MOD, 0, ids, 6, TABLE(3), TL_SCALAR_OPERAND), .status = TL_ERR_SHAPE,
      .error = "the rows of table 1, b (scalar), are unlike those of table 0, a [3]" },
    /* an id of no row */
    { SHARDS(2, TL_MOD, 0, high, 2, TABLE(3, 2), TABLE(2, 2)), .status = TL_ERR_INDEX,
      .error = "ids[1] = 5, the table has 5 rows" },
    { SHARDS(2, TL_DIV, 0, low, 2, TABLE(3, 2), TABLE(2, 2)), .status = TL_ERR_INDEX,
      .error = "ids[1] = -1, the table has 5 rows" },
    { SHARDS(2, TL_DIV, 0, low, 1, TABLE(0, 2), TABLE(0, 2)), .status = TL_ERR_INDEX,
      .error = "ids[0] = 0, the table has 0 rows" },
    { SHARDS(1, TL_DIV, 0, NULL, 1, TABLE(3, 2)), .status = TL_ERR_ARGUMENT, .error = "ids is NULL" },
    { SHARDS(1, TL_DIV, 0, ids, 1, TL_SCALAR_OPERAND), .status = TL_ERR_SHAPE,
      .error = "the table is a (scalar), and must have rank 1 or more" },
    { SHARDS(1, (tl_partition)2, 0, ids, 1, TABLE(3, 2)), .status = TL_ERR_ARGUMENT,
      .error = "2 is not a tl_partition" },
    { SHARDS(1, TL_MOD, -1, ids, 1, TABLE(3, 2)), .status = TL_ERR_ARGUMENT,
      .error = "max_norm -1 is not in [0, Inf]" },
    { SHARDS(1, TL_MOD, NAN, ids, 1, TABLE(3, 2)), .status = TL_ERR_ARGUMENT },

    /* by hand, and every bit stays: rows {1, NaN} and {-0, 4} in shard 0, {5, 6} in shard 1 */
    { SHARDS(2, TL_MOD, 0, ((const int32_t[]){ 2, 1, 0, 2 }), 4,
             { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1, NAN, -0.0, 4) },
             { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(5, 6) }),
      .y = TL_VALUES(-0.0, 4, 5, 6, 1, NAN, -0.0, 4), .upstream = TL_VALUES(1, 2, 3, 4, 5, 6, 10, 20),
      .gradient = { TL_VALUES(5, 6, 11, 22), TL_VALUES(3, 4) } },
    { SHARDS(2, TL_DIV, 0, ((const int32_t[]){ 2, 1, 0, 2 }), 4,
             { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1, NAN, -0.0, 4) },
             { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(5, 6) }),
      .y = TL_VALUES(5, 6, -0.0, 4, 1, NAN, 5, 6), .upstream = TL_VALUES(1, 2, 3, 4, 5, 6, 10, 20),
      .gradient = { TL_VALUES(5, 6, 3, 4), TL_VALUES(11, 22) } },
};

static const tl_op_case embedding_lookup_partitioned = {
    .name = "embedding_lookup_partitioned",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* the ids tell the rows of the tables */
};

/* ---- A bound on norms ---- */

/* Rows of norms 5, 0.5, 0, 13 and 1.25 by turns. */
#define ROWS_OF_NORMS TL_VALUES(3, 4, 0.3, -0.4, 0, 0, 5, -12, -0.75, 1)

static const tl_sample bounded[] = {
    { SHARDS(1, TL_MOD, 2, ids, 5, { TL_STATIC_SHAPE(5, 2), .values = ROWS_OF_NORMS }) },
    { SHARDS(2, TL_DIV, 1, ids, 6, { TL_STATIC_SHAPE(5, 2), .values = ROWS_OF_NORMS },
             { TL_STATIC_SHAPE(5, 2), .values = ROWS_OF_NORMS }) },
    { SHARDS(2, TL_MOD, 100, ids, 6, TABLE(3, 2), TABLE(2, 2)) },
    { SHARDS(2, TL_MOD, 0.01, ids, 6, TABLE(3, 2, 3), TABLE(2, 2, 3)) }, /* all of a row's dimensions */
    { SHARDS(3, TL_DIV, 0.01, ids, 8, TABLE(3), TABLE(2), TABLE(2)) },
    { SHARDS(3, TL_MOD, 0.1, many, 1700, TABLE(234, 73), TABLE(233, 73), TABLE(233, 73)) },
    { SHARDS(2, TL_MOD, 1, ids, 6, TABLE(3, 0), TABLE(2, 0)) },
    { SHARDS(1, TL_MOD, 1, NULL, 0, TABLE(3, 2)) },
    /* by hand. The row (3, 4) becomes (1.5, 2), and of dY = (1, 0) it receives
     * 2.5 / 5 ((1, 0) - (3, 4) 3 / 25); (0, 1.5) stays, with all of dY */
    { SHARDS(1, TL_MOD, 2.5, ((const int32_t[]){ 0, 1, 0 }), 3,
             { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(3, 4, 0, 1.5) }),
      .y = TL_VALUES(1.5, 2, 0, 1.5, 1.5, 2), .upstream = TL_VALUES(1, 0, 7, -8, 1, 0),
      .gradient = { TL_VALUES(0.64, -0.48, 7, -8) }, .tolerance = 1e-6 },
    /* a norm that is the bound */
    { SHARDS(1, TL_MOD, 5, ids + 1, 1, { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(3, 4) }),
      .y = TL_VALUES(3, 4), .upstream = TL_VALUES(1, 0), .gradient = { TL_VALUES(1, 0) } },
    /* zeros, an infinity and a NaN stay as they are */
    { SHARDS(1, TL_MOD, 5, ((const int32_t[]){ 0, 1, 2 }), 3,
             { TL_STATIC_SHAPE(3, 2), .values = TL_VALUES(0, -0.0, 9, -INFINITY, NAN, 9) }),
      .y = TL_VALUES(0, -0.0, 9, -INFINITY, NAN, 9), .upstream = TL_VALUES(1, 2, 3, 4, 5, 6),
      .gradient = { TL_VALUES(1, 2, 3, 4, 5, 6) } },
};

static const tl_op_case with_max_norm = {
    .name = "embedding_lookup_partitioned",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = bounded,
    .n_samples = sizeof bounded / sizeof *bounded,
    .ulps = 4,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* the ids tell the rows of the tables */
};

/* The values of the table are not touched by the bound, nor by its gradient. */
START_TEST(max_norm_leaves_the_table)
{
    const tl_real values[] = { 3, 4, 6, 8 };
    tl_variable *table = filled(TL_SHAPE(2, 2), values);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *t = tl_use(g, table);
    tl_node *y = tl_embedding_lookup_partitioned(&t, 1, ids + 4, TL_SHAPE(1), TL_DIV, 1);
    ck_assert_values(tl_value(y), 2, TL_NEAR, 0.6, 0.8);
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_int_eq(out.pair[0].n_rows, 1);
    ck_assert_same(tl_variable_values(table), values, 4);
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

/* Norms of large and of small numbers, whose squares are infinite or 0 in the type. In units of the bound,
 * the row becomes (-4, 0, 3) / 5, and a gradient that is orthogonal to it is divided by 5; a small row with a
 * large bound stays, with all of its gradient. */
START_TEST(norms_beyond_the_squares)
{
    const tl_real large = TL_IS_DOUBLE ? (tl_real)1e160 : (tl_real)1e30,
                  small = TL_IS_DOUBLE ? (tl_real)1e-200 : (tl_real)1e-30;
    const tl_real rows[] = { -4 * large, 0, 3 * large, -4 * small, 0, 3 * small };
    for (int k = 0; k < 2; k++) {
        const double bound = k == 0 ? 1 : (double)small;
        tl_variable *table = filled(TL_SHAPE(1, 3), rows + 3 * k);
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *t = tl_use(g, table);
        tl_node *y = tl_embedding_lookup_partitioned(&t, 1, ids + 1, TL_SHAPE(1), TL_DIV, bound);
        tl_real scaled[3];
        for (int j = 0; j < 3; j++)
            scaled[j] = (tl_real)((double)tl_value(y)[j] / bound);
        ck_assert_values(scaled, 3, TL_NEAR, -0.8, 0, 0.6);
        ck_assert_ok(tl_backward(against(y, (const tl_real[]){ 3, 7, 4 }), &out));
        for (int j = 0; j < 3; j++)
            scaled[j] = (tl_real)((double)out.pair[0].values[j] / bound * (double)(k == 0 ? large : small));
        ck_assert_values(scaled, 3, TL_NEAR, 0.6, 1.4, 0.8);
        tl_graph_reset(g);
        t = tl_use(g, table);
        y = tl_embedding_lookup_partitioned(&t, 1, ids + 1, TL_SHAPE(1), TL_DIV, k == 0 ? 1e200 : 1);
        ck_assert_same(tl_value(y), rows + 3 * k, 3);
        ck_assert_ok(tl_backward(against(y, (const tl_real[]){ 4, 3, 7 }), &out));
        ck_assert_values(out.pair[0].values, 3, 0, 4, 3, 7);
        tl_graph_free(g);
        tl_variable_free(table);
    }
}
END_TEST

/* The first element of a row may be the only one. */
START_TEST(norm_of_one_element)
{
    const tl_real row[] = { TL_IS_DOUBLE ? (tl_real)-1e160 : (tl_real)-1e30, 0, 0 };
    tl_graph *g = tl_graph_new();
    tl_node *t = tl_input(g, TL_SHAPE(1, 3), row);
    tl_node *y = tl_embedding_lookup_partitioned(&t, 1, ids + 1, TL_SHAPE(1), TL_MOD, 2);
    ck_assert_values(tl_value(y), 3, TL_NEAR, -2, 0, 0);
    tl_graph_free(g);
}
END_TEST

/* Where no row is bounded, or no gradient asked for, nothing is taken for the gradients of rows, which are as
 * many values as Y. */
START_TEST(memory)
{
    enum { IDS = 300, WIDTH = 256 };
    const int32_t id[IDS] = { 0 };
    tl_variable *table = tl_test_dense("t", TL_SHAPE(2, WIDTH), 1);
    tl_graph *g = _i == 0 ? tl_graph_new_inference() : tl_graph_new();
    tl_node *t = tl_use(g, table);
    tl_node *y = tl_embedding_lookup_partitioned(&t, 1, id, TL_SHAPE(IDS), TL_DIV, _i == 0 ? 1 : INFINITY);
    ck_assert_ptr_nonnull(tl_value(y));
    ck_assert_int_lt(tl_graph_bytes(g), (int64_t)sizeof(tl_real) * IDS * WIDTH * 3 / 2);
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

/* ---- Row-sparse gradients ---- */

/* A row of a gradient in each shard; none where no id is of the shard. */
START_TEST(rows_by_shard)
{
    tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(2, 1), 1), tl_test_dense("b", TL_SHAPE(2, 1), 2),
                         tl_test_dense("c", TL_SHAPE(1, 1), 3) };
    tl_graph *g = tl_graph_new();
    tl_node *t[] = { tl_use(g, v[0]), tl_use(g, v[1]), tl_use(g, v[2]) };
    tl_gradients out;
    const int32_t id[] = { 3, 3, 4 };
    tl_node *y = tl_embedding_lookup_partitioned(t, 3, id, TL_SHAPE(3), TL_MOD, 0);
    ck_assert_ok(tl_backward(against(y, (const tl_real[]){ 1, 2, 4 }), &out));
    ck_assert_int_eq(out.n, 3);
    for (int k = 0; k < 3; k++) {
        ck_assert_ptr_eq(out.pair[k].variable, v[k]);
        ck_assert_int_eq(out.pair[k].n_rows, k < 2);
        if (k < 2) {
            ck_assert_int_eq(out.pair[k].rows[0], 1);
            ck_assert_values(out.pair[k].values, 1, 0, k == 0 ? 3 : 4);
        }
    }
    tl_graph_free(g);
    for (int k = 0; k < 3; k++)
        tl_variable_free(v[k]);
}
END_TEST

/* The derivative along one shard, in memory that held other numbers: ids of the other shard do not move. */
START_TEST(derivative_along_one_shard)
{
    static tl_real ones[1 << 14];
    for (int k = 0; k < 1 << 14; k++)
        ones[k] = 1;
    tl_graph *g = tl_graph_new();
    ck_assert_ptr_nonnull(tl_constant(g, TL_SHAPE(1 << 14), ones));
    tl_graph_reset(g);
    tl_node *t[] = { tl_input(g, TL_SHAPE(2), ones), tl_input(g, TL_SHAPE(1), ones) };
    tl_node *dt = tl_input(g, TL_SHAPE(2), (const tl_real[]){ 5, 6 });
    tl_node *y = tl_embedding_lookup_partitioned(t, 2, (const int32_t[]){ 1, 0, 2, 1 }, TL_SHAPE(4), TL_MOD,
                                                 0);
    tl_node *dy = tl_derivative(y, 1, t, &dt);
    ck_assert_msg(dy != NULL, "%s", tl_error());
    ck_assert_values(tl_value(dy), 4, 0, 0, 5, 6, 0);
    tl_graph_free(g);
}
END_TEST

/* Looks up ids whose rows a derivative has to list. */
static tl_node *look_up_many(tl_graph *g, tl_node **x, double max_norm)
{
    static const int32_t zeros[3000];
    *x = tl_input(g, TL_SHAPE(2), (const tl_real[]){ 1, 2 });
    return tl_embedding_lookup_partitioned(x, 1, zeros, TL_SHAPE(3000), TL_MOD, max_norm);
}

static tl_node *of_many_ids(tl_graph *g, tl_node **x)
{
    return look_up_many(g, x, 0);
}

static tl_node *of_bounded_rows(tl_graph *g, tl_node **x)
{
    return look_up_many(g, x, 0.5);
}

START_TEST(derivative_short_of_memory)
{
    check_short_derivative(of_many_ids);
    check_short_derivative(of_bounded_rows);
}
END_TEST

START_TEST(no_tables_and_too_many)
{
    enum { N = 100 };
    tl_node *list[N];
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < N; k++)
        list[k] = k == 0 ? tl_input(g, TL_SHAPE(INT64_C(1) << 57, 0), NULL) : list[0];
    ck_assert_refused(g, tl_embedding_lookup_partitioned(list, N, ids, TL_SHAPE(1), TL_MOD, 0), TL_ERR_SHAPE,
                      "embedding_lookup_partitioned: with table 63, 144115188075855872x0, the tables have "
                      "too many rows");
    for (int k = 0; k < 64; k++) /* as many rows as there may be */
        list[k] = tl_input(g, TL_SHAPE((INT64_C(1) << 57) - (k == 63), 0), NULL);
    ck_assert_ptr_nonnull(tl_embedding_lookup_partitioned(list, 64, ids, TL_SHAPE(1), TL_MOD, 0));
    tl_node *a = tl_input(g, TL_SHAPE(1), &(const tl_real){ 0 });
    ck_assert_null(tl_embedding_lookup_partitioned(&a, 0, ids, TL_SHAPE(1), TL_MOD, 0),
                   "embedding_lookup_partitioned: 0 inputs");
    ck_assert_ptr_null(tl_embedding_lookup_partitioned(NULL, 1, ids, TL_SHAPE(1), TL_MOD, 0));
    tl_graph_free(g);
}
END_TEST

static tl_node *by_ids(tl_node *table, const int32_t *id, int64_t n)
{
    return tl_embedding_lookup_partitioned(&table, 1, id, TL_SHAPE(n), TL_DIV, 0);
}

START_TEST(repeats_of_a_row_are_summed_in_double)
{
    check_repeats(by_ids);
}
END_TEST

static tl_node *by_ids_and_norm(tl_node *table, const int32_t *id, int64_t n)
{
    return tl_embedding_lookup_partitioned(&table, 1, id, TL_SHAPE(n), TL_MOD, 0.9);
}

START_TEST(exact_rows_of_the_optimizer)
{
    check_exact_rows(by_ids);
    check_exact_rows(by_ids_and_norm);
}
END_TEST

START_TEST(only_rows_that_are_read_are_brought_up_to_date)
{
    check_declared_rows(by_ids);
}
END_TEST

/* Between forward and backward a step of another graph decays all rows of the table, which is too large to
 * sweep, also those that its gradient does not name. The gradient is that of a row of norm 4.5, no longer 5:
 * dY less its part along the row, (0.6, 0.8), times 1 / 4.5. */
START_TEST(step_between)
{
    tl_variable *table = tl_variable_dense("t", TL_SHAPE(1000, 2));
    tl_real *values = tl_variable_data(table), ones[] = { 1, 1 };
    for (int64_t k = 0; k < 2000; k++)
        values[k] = k % 2 == 0 ? 3 : 4;
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1, .weight_decay = 1 });
    const int32_t third = 2;
    tl_node *y = tl_embedding_lookup_partitioned((tl_node *[]){ tl_use(g, table) }, 1, ids + 1, TL_SHAPE(1),
                                                 TL_DIV, 1);
    ck_assert_values(tl_value(y), 2, TL_NEAR, 0.6, 0.8);
    tl_gradient pair = { .variable = table, .values = ones, .rows = &third, .n_rows = 1 };
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ .pair = &pair, .n = 1, .graph = other }));
    tl_gradients out;
    ck_assert_ok(tl_backward(against(y, (const tl_real[]){ 1, 0 }), &out));
    ck_assert_values(out.pair[0].values, 2, TL_NEAR, 0.64 / 4.5, -0.48 / 4.5);
    tl_graph_free(g);
    tl_graph_free(other);
    tl_optimizer_free(o);
    tl_variable_free(table);
}
END_TEST

START_TEST(hessian_of_rows)
{
    check_hessian(by_ids);
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int32_t k = 0; k < 1700; k++)
        many[k] = k % 3 ? k * 7 % 700 : 500;
    Suite *s = tl_op_suite(&embedding_lookup_partitioned);
    tl_suite_add_op(s, &with_max_norm);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, max_norm_leaves_the_table);
    tcase_add_test(c, norms_beyond_the_squares);
    tcase_add_test(c, norm_of_one_element);
    tcase_add_loop_test(c, memory, 0, 2);
    tcase_add_test(c, rows_by_shard);
    tcase_add_test(c, derivative_along_one_shard);
    tcase_add_test(c, derivative_short_of_memory);
    tcase_add_test(c, no_tables_and_too_many);
    tcase_add_test(c, repeats_of_a_row_are_summed_in_double);
    tcase_add_test(c, exact_rows_of_the_optimizer);
    tcase_add_test(c, only_rows_that_are_read_are_brought_up_to_date);
    tcase_add_test(c, step_between);
    tcase_add_test(c, hessian_of_rows);
    return s;
}
