/* embedding_lookup_sparse: a weighted sum, mean or sqrtn of table rows for each bag of ids */
#include "tests/ops/bags.h"

#include <math.h>

typedef struct call {
    const tl_pattern_bag *bags;
    tl_combiner combiner;
} call;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const call *c = attr;
    return tl_embedding_lookup_sparse(in[0], c->bags, in[1], c->combiner);
}

static double weight_of(const tl_reference *r, const tl_pattern_bag *bags, int64_t k)
{
    const bool skipped = bags->has_padding && bags->ids[k] == bags->padding_id;
    return skipped ? 0 : r->in[1] ? r->in[1][k] : 1;
}

static int64_t width_of(const tl_reference *r)
{
    return r->shape[0].rank == 1 ? 1 : r->shape[0].dim[1];
}

/* One bag after the other. */
static tl_shape reference(tl_reference *r)
{
    const call *c = r->attr;
    const tl_pattern_bag *bags = c->bags;
    const int64_t width = width_of(r);
    for (int64_t b = 0; b < bags->n; b++) {
        double sum = 0, squares = 0;
        for (int64_t k = bags->row_ptr[b]; k < bags->row_ptr[b + 1]; k++) {
            sum += weight_of(r, bags, k);
            squares += weight_of(r, bags, k) * weight_of(r, bags, k);
        }
        const double d = c->combiner == TL_SUM ? 1 : c->combiner == TL_MEAN ? sum : sqrt(squares);
        for (int64_t k = bags->row_ptr[b]; k < bags->row_ptr[b + 1]; k++)
            for (int64_t j = 0; weight_of(r, bags, k) != 0 && j < width; j++) {
                const double term = weight_of(r, bags, k) * r->in[0][bags->ids[k] * width + j] / d;
                r->y[b * width + j] += term;
                r->terms[b * width + j] += fabs(term);
            }
    }
    return TL_SHAPE(bags->n, width);
}

/* Bags {} {1 0} {} {2} {} */
static const tl_pattern_bag five = { .n = 5, .row_ptr = ptr5, .ids = ids3 };
/* Bags {2 0 2} {} {1 -1 3} {4}, -1 is padding; weights of both signs that sum to 1 or so in each */
static const tl_pattern_bag padded = { .n = 4,
                                       .row_ptr = (const int64_t[]){ 0, 3, 3, 6, 7 },
                                       .ids = (const int32_t[]){ 2, 0, 2, 1, -1, 3, 4 },
                                       .has_padding = true,
                                       .padding_id = -1 };
/* No bags; bags without ids; nothing but padding */
static const tl_pattern_bag none = { .row_ptr = (const int64_t[]){ 0 } },
                            without_ids = { .n = 2, .row_ptr = (const int64_t[]){ 0, 0, 0 } },
                            only_padding = { .n = 2,
                                             .row_ptr = (const int64_t[]){ 0, 2, 2 },
                                             .ids = sevens,
                                             .has_padding = true,
                                             .padding_id = 7 };
/* 900 bags of 0 to 5 ids below 700, the first, middle and last ones empty; 0 is padding in one of them.
 * Filled by tl_test_suite. */
static int64_t many_ptr[901];
static int32_t many_ids[5 * 900];
static const tl_pattern_bag many = { .n = 900, .row_ptr = many_ptr, .ids = many_ids }, many_padded = {
    .n = 900, .row_ptr = many_ptr, .ids = many_ids, .has_padding = true
};
enum { MANY_IDS = 1949 }; /* as tl_test_suite draws them */

#define CALL(its_bags, its_combiner) (&(const call){ its_bags, its_combiner })
/* Positive weights: a mean's divisor stays away from 0. */
#define WEIGHTS(n)                                                                                           \
    {                                                                                                        \
        .shape = TL_STATIC_SHAPE(n), .low = 0.2, .high = 1.2                                                 \
    }
#define SIGNED_WEIGHTS                                                                                       \
    {                                                                                                        \
        .shape = TL_STATIC_SHAPE(7), .values = TL_VALUES(1, -0.5, 0.75, 1.5, 7, -0.25, 0.5)                  \
    }
#define LOOKUP(bags, weights, ...)                                                                           \
    { .in = { TL_DENSE_OPERAND(__VA_ARGS__), weights }, .attr = CALL(&bags, TL_SUM) },                       \
        { .in = { TL_DENSE_OPERAND(__VA_ARGS__), weights },                                                  \
          .attr = CALL(&bags, TL_MEAN),                                                                      \
          .no_tangent = DIVIDED },                                                                           \
        { .in = { TL_DENSE_OPERAND(__VA_ARGS__), weights },                                                  \
          .attr = CALL(&bags, TL_SQRTN),                                                                     \
          .no_tangent = DIVIDED },                                                                           \
        { .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_ABSENT_OPERAND }, .attr = CALL(&bags, TL_SUM) },         \
        { .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_ABSENT_OPERAND }, .attr = CALL(&bags, TL_MEAN) },        \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_ABSENT_OPERAND }, .attr = CALL(&bags, TL_SQRTN)            \
    }
#define DIVIDED "the weights of a mean are divided by their sum"
#define REFUSED(table, weights, its_combiner, its_status, text)                                              \
    {                                                                                                        \
        .in = { table, weights }, .attr = CALL(&five, its_combiner), .status = its_status, .error = text     \
    }
#define BAD_BAGS(its_status, text, ...)                                                                      \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(3, 2), TL_ABSENT_OPERAND },                                                 \
        .attr = CALL((&(const tl_pattern_bag){ __VA_ARGS__ }), TL_MEAN), .status = its_status, .error = text \
    }
/* A result that no memory holds: 64 rows. */
#define TOO_LARGE(its_combiner)                                                                              \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(0, 1LL << 57), TL_ABSENT_OPERAND },                                         \
        .attr = CALL((&(const tl_pattern_bag){ .n = 64, .row_ptr = (const int64_t[65]){ 0 } }),              \
                     its_combiner),                                                                          \
        .status = TL_ERR_SHAPE                                                                               \
    }

static const tl_sample samples[] = {
    LOOKUP(five, WEIGHTS(3), 3, 2),
    LOOKUP(five, WEIGHTS(3), 4, 1),
    LOOKUP(five, WEIGHTS(3), 3), /* a vector: a matrix of one column */
    LOOKUP(padded, SIGNED_WEIGHTS, 5),
    LOOKUP(padded, SIGNED_WEIGHTS, 5, 3),
    LOOKUP(none, WEIGHTS(0), 3, 2),
    LOOKUP(without_ids, WEIGHTS(0), 3, 2),
    LOOKUP(without_ids, WEIGHTS(0), 0, 2),
    LOOKUP(only_padding, WEIGHTS(2), 3, 2),
    LOOKUP(five, WEIGHTS(3), 3, 0),
    LOOKUP(many, WEIGHTS(MANY_IDS), 700, 33),
    LOOKUP(many_padded, WEIGHTS(MANY_IDS), 700, 33),
    LOOKUP(many, WEIGHTS(MANY_IDS), 700, 1),
    REFUSED(TL_SCALAR_OPERAND, TL_DENSE_OPERAND(3), 0, TL_ERR_SHAPE,
            "the table is a (scalar), and must be a matrix or a vector"),
    REFUSED(TL_DENSE_OPERAND(3, 2, 1), TL_DENSE_OPERAND(3), 0, TL_ERR_SHAPE,
            "the table is a (3x2x1), and must be a matrix or a vector"),
    REFUSED(TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(2), 1, TL_ERR_SHAPE,
            "the weights are b [2], and must be [3], one per id"),
    REFUSED(TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(3, 1), 1, TL_ERR_SHAPE,
            "the weights are b (3x1), and must be [3], one per id"),
    REFUSED(TL_DENSE_OPERAND(3, 2), TL_SCALAR_OPERAND, 2, TL_ERR_SHAPE,
            "the weights are b (scalar), and must be [3], one per id"),
    REFUSED(TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(3), (tl_combiner)5, TL_ERR_ARGUMENT,
            "5 is not a tl_combiner"),
    REFUSED(TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(3), (tl_combiner)-1, TL_ERR_ARGUMENT,
            "-1 is not a tl_combiner"),
    /* no weights of a maximum or minimum */
    REFUSED(TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(3), TL_MAX, TL_ERR_ARGUMENT,
            "a max takes no weights, and these are b [3]"),
    REFUSED(TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(3), TL_MIN, TL_ERR_ARGUMENT,
            "a min takes no weights, and these are b [3]"),
    BAD_BAGS(TL_ERR_ARGUMENT, "bags: n = -1 is not in 0..2147483647", .n = -1, .row_ptr = PTR(0, 3)),
    BAD_BAGS(TL_ERR_ARGUMENT, "bags: n = 2147483648 is not in 0..2147483647", .n = 1LL << 31,
             .row_ptr = PTR(0, 3)),
    BAD_BAGS(TL_ERR_ARGUMENT, "bags: row_ptr[0] is 1 and must be 0", .n = 1, .row_ptr = PTR(1, 2),
             .ids = ids3),
    BAD_BAGS(TL_ERR_ARGUMENT, "bags: row_ptr[0] is 1 and must be 0", .n = INT32_MAX, .row_ptr = PTR(1)),
    BAD_BAGS(TL_ERR_ARGUMENT, "bag 0 ends at -1, before its start 0", .n = 1, .row_ptr = PTR(0, -1),
             .ids = ids3),
    BAD_BAGS(TL_ERR_ARGUMENT, "bag 1 ends at 2, before its start 3", .n = 2, .row_ptr = PTR(0, 3, 2),
             .ids = ids3),
    BAD_BAGS(TL_ERR_ARGUMENT, "ids is NULL", .n = 1, .row_ptr = PTR(0, 3)),
    BAD_BAGS(TL_ERR_ARGUMENT, "ids is NULL", .n = 1, .row_ptr = PTR(0, INT32_MAX)),
    BAD_BAGS(TL_ERR_ARGUMENT, "the number of ids, 2147483648, is not in 0..2147483647", .n = 1,
             .row_ptr = PTR(0, 1LL << 31), .ids = ids3),
    BAD_BAGS(TL_ERR_INDEX, "ids[1] = -1, table a (3x2) has 3 rows", .n = 1, .row_ptr = PTR(0, 3),
             .ids = IDS(0, -1, 3), .padding_id = -1),
    BAD_BAGS(TL_ERR_INDEX, "ids[2] = 3, table a (3x2) has 3 rows", .n = 1, .row_ptr = PTR(0, 3),
             .ids = IDS(0, -1, 3), .has_padding = true, .padding_id = -1),
    BAD_BAGS(TL_ERR_INDEX, "ids[1] = -1, table a (3x2) has 3 rows", .n = 1, .row_ptr = PTR(0, 3),
             .ids = IDS(0, -1, 3), .has_padding = true, .padding_id = 3),
    /* bags that do not cover exactly n_ids; the second would read past the array */
    BAD_BAGS(TL_ERR_ARGUMENT, "the bags hold 4 of 5 ids", .n = 2, .row_ptr = PTR(0, 3, 4),
             .ids = IDS(0, 0, 1, 2, 0), .n_ids = 5),
    BAD_BAGS(TL_ERR_ARGUMENT, "the bags hold 9 of 5 ids", .n = 2, .row_ptr = PTR(0, 3, 9),
             .ids = IDS(0, 0, 1, 2, 0), .n_ids = 5),
    BAD_BAGS(TL_ERR_ARGUMENT, "the bags hold 0 of 5 ids", .n = 0, .row_ptr = PTR(0),
             .ids = IDS(0, 0, 1, 2, 0), .n_ids = 5),
    BAD_BAGS(TL_ERR_ARGUMENT, "the bags hold 0 of 1 ids", .n = 1, .row_ptr = PTR(0, 0), .ids = ids3,
             .n_ids = 1),
    BAD_BAGS(TL_ERR_ARGUMENT, "bags: n_ids = -9223372036854775808 is negative", .n = 2,
             .row_ptr = PTR(0, 3, 5), .ids = IDS(0, 0, 1, 2, 0), .n_ids = INT64_MIN),
    { .in = { TL_DENSE_OPERAND(3, 2), TL_ABSENT_OPERAND },
      .attr = CALL(NULL, TL_MEAN),
      .status = TL_ERR_ARGUMENT,
      .error = "bags: row_ptr is NULL" },
    TOO_LARGE(TL_MEAN),
};

static const tl_op_case embedding_lookup_sparse = {
    .name = "embedding_lookup_sparse",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 16,
    .skip = TL_SKIP(TL_STAGE_SHARED) |
            TL_SKIP(TL_STAGE_PLACE), /* a matrix and a vector; the bags tell its rows */
};

/* ---- Maximum and minimum ---- */

static tl_shape extreme_reference(tl_reference *r)
{
    const call *c = r->attr;
    const tl_pattern_bag *bags = c->bags;
    const int64_t width = width_of(r);
    for (int64_t b = 0; b < bags->n; b++)
        for (int64_t j = 0; j < width; j++) {
            double *y = &r->y[b * width + j];
            bool first = true;
            for (int64_t k = bags->row_ptr[b]; k < bags->row_ptr[b + 1]; k++) {
                if (bags->has_padding && bags->ids[k] == bags->padding_id)
                    continue;
                const double x = r->in[0][bags->ids[k] * width + j];
                *y = first || (c->combiner == TL_MAX ? x > *y : x < *y) ? x : *y;
                first = false;
            }
        }
    return TL_SHAPE(bags->n, width);
}

#define EXTREMES(bags, ...)                                                                                  \
    { .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_ABSENT_OPERAND }, .attr = CALL(&bags, TL_MAX) },             \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_ABSENT_OPERAND }, .attr = CALL(&bags, TL_MIN)              \
    }
#define BAGS(its_n, its_ptr, its_ids)                                                                        \
    ((const tl_pattern_bag){ .n = its_n, .row_ptr = its_ptr, .ids = its_ids })

static tl_sample extreme_samples[] = {
    EXTREMES(five, 3, 2),
    EXTREMES(five, 3), /* a vector: a matrix of one column */
    EXTREMES(padded, 5, 3),
    EXTREMES(none, 3, 2),
    EXTREMES(without_ids, 3, 2),
    EXTREMES(without_ids, 0, 2),
    EXTREMES(only_padding, 3, 2),
    EXTREMES(five, 3, 0),
    EXTREMES(many, 700, 33),
    EXTREMES(many_padded, 700, 33),
    EXTREMES(many, 700, 1),
    TOO_LARGE(TL_MAX),
    /* PyTorch 1.13, nn.functional.embedding_bag(ids, T, offsets, mode="max"): a tie in column 1 of bag 0, of
     * which the first row has the gradient; bag 1 is empty; row 3 is twice in bag 2 */
    { .in = { { TL_STATIC_SHAPE(4, 2), .values = TL_VALUES(1, 5, 3, 5, 2, -1, 4, 0) }, TL_ABSENT_OPERAND },
      .attr = CALL(&BAGS(4, PTR(0, 2, 2, 5, 6), IDS(0, 1, 2, 3, 3, 0)), TL_MAX),
      .y = TL_VALUES(3, 5, 0, 0, 4, 0, 1, 5),
      .upstream = TL_VALUES(1, 2, 9, 9, 3, 4, 5, 6),
      .gradient = { TL_VALUES(5, 8, 1, 0, 0, 0, 3, 4) } },
    /* the same of the negated table; -0 is not below 0 */
    { .in = { { TL_STATIC_SHAPE(4, 2), .values = TL_VALUES(-1, -5, -3, -5, -2, 1, -4, 0) },
              TL_ABSENT_OPERAND },
      .attr = CALL(&BAGS(4, PTR(0, 2, 2, 5, 6), IDS(0, 1, 2, 3, 3, 0)), TL_MIN),
      .y = TL_VALUES(-3, -5, 0, 0, -4, 0, -1, -5),
      .upstream = TL_VALUES(1, 2, 9, 9, 3, 4, 5, 6),
      .gradient = { TL_VALUES(5, 8, 1, 0, 0, 0, 3, 4) } },
    /* the first NaN is the maximum and the minimum; infinities are numbers; 0 and -0 tie */
    { .in = { { TL_STATIC_SHAPE(3, 3), .values = TL_VALUES(1, -INFINITY, -0.0, NAN, 2, 0, NAN, INFINITY, 0) },
              TL_ABSENT_OPERAND },
      .attr = CALL(&BAGS(1, PTR(0, 3), IDS(0, 1, 2)), TL_MAX),
      .y = TL_VALUES(NAN, INFINITY, -0.0),
      .upstream = TL_VALUES(1, 2, 3),
      .gradient = { TL_VALUES(0, 0, 3, 1, 0, 0, 0, 2, 0) } },
    { .in = { { TL_STATIC_SHAPE(3, 3), .values = TL_VALUES(1, -INFINITY, -0.0, NAN, 2, 0, NAN, INFINITY, 0) },
              TL_ABSENT_OPERAND },
      .attr = CALL(&BAGS(1, PTR(0, 3), IDS(0, 1, 2)), TL_MIN),
      .y = TL_VALUES(NAN, -INFINITY, -0.0),
      .upstream = TL_VALUES(1, 2, 3),
      .gradient = { TL_VALUES(0, 2, 3, 1, 0, 0, 0, 0, 0) } },
};

static const tl_op_case extremes = {
    .name = "embedding_lookup_sparse",
    .n_in = 2,
    .op = op,
    .reference = extreme_reference,
    .sample = extreme_samples,
    .n_samples = sizeof extreme_samples / sizeof *extreme_samples,
    /* a matrix and a vector; the bags tell its rows; the largest elements stay those of forward */
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE) | TL_SKIP(TL_STAGE_BETWEEN),
};

/* Gives every element of a table a value of its own in its column, further from the others than any
 * difference that is taken. */
static void fill_apart(tl_operand *table, double *values)
{
    const int64_t rows = table->shape.dim[0], width = table->shape.rank == 1 ? 1 : table->shape.dim[1];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++)
            values[i * width + j] = (double)((i * 389 + j * 17) % rows) / 8 - (double)rows / 16;
    table->values = values;
}

/* The gradient has the rows of winners, and no other: rows 0 and 2 of bag {0, 1, 2}, in two columns. */
START_TEST(gradient_of_the_winner)
{
    lookup c = { .table = filled(TL_SHAPE(4, 2), (tl_real[]){ 1, 9, 2, 8, 3, 7, 4, 6 }),
                 .bags = { .n = 2, .row_ptr = PTR(0, 3, 4), .ids = IDS(0, 1, 2, 0) },
                 .combiner = TL_MAX };
    for (int k = TL_MAX; k <= TL_MIN; k++) {
        c.combiner = (tl_combiner)k;
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_node *y = build(g, &c);
        ck_assert_ok(tl_backward(against(y, (tl_real[]){ 1, 2, 4, 8 }), &out));
        ck_assert_int_eq(out.n, 1);
        ck_assert_int_eq(out.pair[0].n_rows, 2);
        ck_assert_int_eq(out.pair[0].rows[0], 0);
        ck_assert_int_eq(out.pair[0].rows[1], 2);
        if (k == TL_MAX)
            ck_assert_values(out.pair[0].values, 4, 0, 4, 2 + 8, 1, 0);
        else
            ck_assert_values(out.pair[0].values, 4, 0, 1 + 4, 8, 0, 2);
        tl_graph_free(g);
    }
    drop(&c);
}
END_TEST

/* Looks up bags of one id each; no id is padding, as has_padding is not set. */
static tl_node *one_by_one(tl_node *table, const int32_t *id, int64_t n, tl_combiner combiner)
{
    int64_t row_ptr[128];
    for (int64_t k = 0; k <= n; k++)
        row_ptr[k] = k;
    const tl_pattern_bag bags = { .n = n, .row_ptr = row_ptr, .ids = id, .padding_id = 4 };
    return tl_embedding_lookup_sparse(table, &bags, NULL, combiner);
}

static tl_node *by_sum(tl_node *table, const int32_t *id, int64_t n)
{
    return one_by_one(table, id, n, TL_SUM);
}

static tl_node *by_max(tl_node *table, const int32_t *id, int64_t n)
{
    return one_by_one(table, id, n, TL_MAX);
}

/* A bag of all ids. */
static tl_node *by_min(tl_node *table, const int32_t *id, int64_t n)
{
    return tl_embedding_lookup_sparse(table, &(tl_pattern_bag){ .n = 1, .row_ptr = PTR(0, n), .ids = id },
                                      NULL, TL_MIN);
}

START_TEST(repeats_of_a_maximum_are_summed_in_double)
{
    check_repeats(by_max);
}
END_TEST

START_TEST(exact_rows_of_the_optimizer)
{
    check_exact_rows(by_max);
    check_exact_rows(by_min);
}
END_TEST

START_TEST(only_rows_that_are_read_are_brought_up_to_date)
{
    check_declared_rows(by_max);
}
END_TEST

START_TEST(hessian_of_rows)
{
    check_hessian(by_max);
    check_hessian(by_sum);
}
END_TEST

/* The derivative of a sum where only its weights move. */
START_TEST(derivative_along_the_weights)
{
    tl_graph *g = tl_graph_new();
    tl_node *table = tl_input(g, TL_SHAPE(3, 2), (const tl_real[]){ 1, 2, 3, 4, 5, 6 }),
            *w = tl_input(g, TL_SHAPE(3), (const tl_real[]){ 7, 8, 9 }),
            *dw = tl_input(g, TL_SHAPE(3), (const tl_real[]){ 1, 10, 100 });
    tl_node *y = tl_embedding_lookup_sparse(table, &five, w, TL_SUM), *dy = tl_derivative(y, 1, &w, &dw);
    ck_assert_msg(dy != NULL, "%s", tl_error());
    ck_assert_values(tl_value(dy), 10, 0, 0, 0, 13, 24, 0, 0, 500, 600, 0, 0);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int64_t b = 0, at = 0; b < 900; b++) {
        const bool is_empty = b % 450 == 0 || b == 899;
        for (int64_t k = is_empty ? 0 : b * b % 6; k > 0; k--, at++)
            many_ids[at] = (int32_t)(at * 97 % 700);
        many_ptr[b + 1] = at;
    }
    static double apart[sizeof extreme_samples / sizeof *extreme_samples][700 * 33];
    for (size_t k = 0; k < sizeof extreme_samples / sizeof *extreme_samples; k++)
        if (extreme_samples[k].status == TL_OK && !extreme_samples[k].y)
            fill_apart(&extreme_samples[k].in[0], apart[k]);
    Suite *s = tl_op_suite(&embedding_lookup_sparse);
    tl_suite_add_op(s, &extremes);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, gradient_of_the_winner);
    tcase_add_test(c, repeats_of_a_maximum_are_summed_in_double);
    tcase_add_test(c, exact_rows_of_the_optimizer);
    tcase_add_test(c, only_rows_that_are_read_are_brought_up_to_date);
    tcase_add_test(c, hessian_of_rows);
    tcase_add_test(c, derivative_along_the_weights);
    add_bags_by_hand(c);
    return s;
}
