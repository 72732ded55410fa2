/* dropout: A / (1 - p) where kept, with probability 1 - p, otherwise 0 */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

typedef struct chance {
    tl_real p;
    tl_random r; /* copied at each call, which must compute the same */
} chance;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const chance *c = attr;
    tl_random r = c->r;
    return tl_dropout(in[0], c->p, &r);
}

/* Returns whether value k is kept: word k mod 4 of draw k / 4 is among the upper 1 - p of all 2^32. */
static bool kept(tl_random r, tl_real p, int64_t k)
{
    uint32_t word[4];
    tl_philox(r.seed, 0, r.position + (uint64_t)k / 4, word);
    return (double)word[k % 4] >= floor((double)p * 4294967296.0);
}

static tl_shape reference(tl_reference *r)
{
    const chance *c = r->attr;
    const tl_real up = 1 / (1 - c->p);
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++)
        r->y[k] = kept(c->r, c->p, k) ? (double)up * r->in[0][k] : 0;
    return r->shape[0];
}

static const chance none = { 0, { 1, 5 } }, third = { 0.3f, { 2, 5 } },
                    one_half = { 0.5f, { 0x123456789abcdefu, 1000 } },
                    three_quarters = { 0.75f, { 3, 1000 } }, every = { 1, { 4, 0 } },
                    negative = { -0.125f, { 1, 5 } }, above = { 1.5f, { 1, 5 } },
                    infinite = { INFINITY, { 1, 5 } }, no_number = { NAN, { 1, 5 } };

#define DROPPED(chance, ...)                                                                                 \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &chance                                             \
    }
#define REFUSED(chance, text)                                                                                \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(3) }, .attr = &chance, .status = TL_ERR_ARGUMENT, .error = text             \
    }

static const tl_sample samples[] = { DROPPED(one_half, 3, 5),
                                     DROPPED(three_quarters, 3, 5),
                                     DROPPED(none, 17),
                                     DROPPED(every, 17),
                                     DROPPED(third, 2, 3, 4),
                                     { .in = { TL_SCALAR_OPERAND }, .attr = &one_half },
                                     { .in = { TL_SCALAR_OPERAND }, .attr = &third },
                                     DROPPED(one_half, 3),
                                     DROPPED(one_half, 4),
                                     DROPPED(one_half, 5),
                                     DROPPED(three_quarters, 63),
                                     DROPPED(three_quarters, 65),
                                     DROPPED(third, 2, 1, 3, 2),
                                     DROPPED(one_half, 0),
                                     DROPPED(one_half, 2, 0, 3),
                                     DROPPED(one_half, 257),
                                     DROPPED(three_quarters, 20001),
                                     DROPPED(one_half, 40001),
                                     REFUSED(negative, "p = -0.125 is not in [0, 1]"),
                                     REFUSED(above, "p = 1.5 is not in [0, 1]"),
                                     REFUSED(infinite, "p = inf is not in [0, 1]"),
                                     REFUSED(no_number, "p = nan is not in [0, 1]") };

static const tl_op_case dropout = {
    .name = "dropout",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; the place decides */
};

/* By hand: the first draw of seed 0 is 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (Random123's known answers for
 * Philox 4x32-10 with key 0, counter 0): only the first is below one_half of 2^32, only the second not below
 * three quarters. */
START_TEST(values)
{
    const tl_real a[] = { 1, -2, 3, 4 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2, 2), a);
    ck_assert_values(tl_value(tl_dropout(x, 0.5f, &(tl_random){ 0 })), 4, 0, 0, -4, 6, 8);
    ck_assert_values(tl_value(tl_dropout(x, 0.75f, &(tl_random){ 0 })), 4, 0, 0, -8, 0, 0);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_dropout(x, 0.5f, &(tl_random){ 0 }))).text, "2x2");
    tl_graph_free(g);
}
END_TEST

/* A word that equals the bound, p 2^32 rounded down, is kept. */
START_TEST(at_the_bound)
{
    const tl_real one[] = { 1 };
    const double beyond = TL_IS_DOUBLE ? 15.0 / 16 : 0; /* which a float has no digits for */
    tl_random r = { 0 };
    uint32_t word[4];
    do /* until it is a float */
        tl_philox(r.seed, 0, ++r.position, word);
    while (word[0] % 256 != 0 || word[0] >> 31 == 0);
    const tl_real p = (tl_real)(((double)word[0] + beyond) / 0x1p32);
    tl_graph *g = tl_graph_new();
    ck_assert_values(tl_value(tl_dropout(tl_input(g, TL_SHAPE(1), one), p, &r)), 1, 0, (double)(1 / (1 - p)));
    tl_graph_free(g);
}
END_TEST

/* Seed and position say it all; the second call goes on where the first one stopped. */
START_TEST(reproducible)
{
    tl_real ones[64];
    for (int k = 0; k < 64; k++)
        ones[k] = 1;
    tl_graph *g = tl_graph_new();
    tl_random r = { .seed = 9 }, again = { .seed = 9 }, other = { .seed = 10 };
    tl_node *x = tl_input(g, TL_SHAPE(64), ones), *half = tl_input(g, TL_SHAPE(32), ones);
    const tl_real *first = tl_value(tl_dropout(x, 0.5f, &r));
    ck_assert_same(tl_value(tl_dropout(half, 0.5f, &again)), first, 32);
    ck_assert_same(tl_value(tl_dropout(half, 0.5f, &again)), first + 32, 32);
    ck_assert_uint_eq(r.position, again.position);
    /* 64 fair coins fall alike once in 2^64 */
    ck_assert_mem_ne(tl_value(tl_dropout(x, 0.5f, &r)), first, sizeof ones);
    ck_assert_mem_ne(tl_value(tl_dropout(x, 0.5f, &other)), first, sizeof ones);
    tl_graph_free(g);
}
END_TEST

/* p = 0: every bit of the values and of the gradient goes through; the generator moves as ever. */
START_TEST(nothing_dropped)
{
    const tl_real a[] = { 1, -0.0f, 0, INFINITY, -INFINITY, (tl_real)0.1, 1e-40f, -3, 2 };
    tl_random r = { .seed = 3 };
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(9));
    for (int k = 0; k < 9; k++)
        tl_variable_data(w)[k] = a[k];
    tl_node *y = tl_dropout(tl_use(g, w), 0, &r);
    ck_assert_same(tl_value(y), a, 9);
    ck_assert_uint_eq(r.position, 3);
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(y, 0), &out));
    ck_assert_values(out.pair[0].values, 9, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* p = 1: zeros, and none of them 0 times something; the scale is infinite. */
START_TEST(everything_dropped)
{
    const tl_real a[] = { 1, -2, NAN, INFINITY, -INFINITY }, u[] = { NAN, INFINITY, 1, NAN, 0 },
                  zeros[5] = { 0 };
    tl_random r = { .seed = 3 };
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(5));
    for (int k = 0; k < 5; k++)
        tl_variable_data(w)[k] = a[k];
    tl_node *y = tl_dropout(tl_use(g, w), 1, &r);
    ck_assert_same(tl_value(y), zeros, 5);
    ck_assert_uint_eq(r.position, 2);
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(5), u)), 0), &out));
    ck_assert_same(out.pair[0].values, zeros, 5);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* The kept ones are binomial: of n values, n q with a deviation of sqrt(n q (1 - q)), q = 1 - p. Five
 * deviations are exceeded once in 1.7 million seeds; this seed's numbers are the same for ever. Pairs of
 * neighbours, of one draw and of two, are kept as independent ones are, with q^2; and what is kept is scaled
 * by 1 / q. */
START_TEST(statistics)
{
    enum { N = 1 << 18 };
    static tl_real ones[N];
    for (int k = 0; k < N; k++)
        ones[k] = 1;
    const double chances[] = { 0.01, 0.1, 0.3, 0.5, 0.9, 0.999 };
    tl_graph *g = tl_graph_new();
    tl_random r = { .seed = 1 };
    for (size_t s = 0; s < sizeof chances / sizeof *chances; s++, tl_graph_reset(g)) {
        const tl_real p = (tl_real)chances[s];
        const double q = 1 - chances[s];
        const tl_real *y = tl_value(tl_dropout(tl_input(g, TL_SHAPE(N), ones), p, &r));
        double n_kept = 0, n_pairs[2] = { 0 }, worst = 0;
        for (int k = 0; k < N; k++) {
            worst = y[k] != 0 ? fmax(worst, fabs((double)y[k] * q - 1)) : worst;
            n_kept += y[k] != 0;
            n_pairs[(k + 1) / 2 % 2] += k % 2 == 1 && y[k] != 0 && y[(k + 1) % N] != 0;
        }
        ck_assert_double_lt(worst, TL_IS_DOUBLE ? 1e-12 : 1e-4); /* 1 - p cancels three digits */
        ck_assert_double_eq_tol(n_kept, N * q, 5 * sqrt(N * q * (1 - q)));
        for (int d = 0; d < 2; d++)
            ck_assert_double_eq_tol(n_pairs[d], N / 4 * q * q, 5 * sqrt(N / 4 * q * q * (1 - q * q)));
    }
    tl_graph_free(g);
}
END_TEST

/* Of a sparse matrix: what it is of the values alone, on the same pattern. */
START_TEST(sparse)
{
    tl_pattern *p = tl_test_pattern(9, 7, 0.4, 1);
    tl_variable *s = tl_test_sparse("s", tl_pattern_retain(p), 1);
    tl_random r = { .seed = 1 }, again = r;
    tl_graph *g = tl_graph_new();
    const int64_t nnz = tl_pattern_nnz(p);
    tl_node *y = tl_dropout(tl_use(g, s), 0.5f, &r);
    ck_assert_ptr_eq(tl_pattern_of(y), p);
    ck_assert_same(tl_value(y),
                   tl_value(tl_dropout(tl_input(g, TL_SHAPE(nnz), tl_variable_data(s)), 0.5f, &again)), nnz);
    tl_graph_free(g);
    tl_variable_free(s);
    tl_pattern_release(p);
}
END_TEST

/* A call that fails draws nothing. */
START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    tl_random r = { .seed = 1, .position = 5 };
    const tl_real x[3] = { 0 };
    ck_assert_ptr_null(tl_dropout(tl_input(g, TL_SHAPE(3), x), 2, &r));
    tl_graph_reset(g);
    ck_assert_refused(g, tl_dropout(tl_input(g, TL_SHAPE(3), x), 0.5f, NULL), TL_ERR_ARGUMENT,
                      "dropout: the generator is NULL");
    ck_assert_ptr_null(tl_dropout(NULL, 0.5f, &r));
    tl_node *a = tl_input(g, TL_SHAPE(3), x);
    ck_assert_ptr_null(tl_reshape(a, TL_SHAPE(4))); /* from here on the graph has failed */
    ck_assert_ptr_null(tl_dropout(a, 0.5f, &r));
    ck_assert_uint_eq(r.position, 5);
    tl_graph_free(g);
}
END_TEST

/* Nor does one that finds no memory, be it the first allocation that fails or a later one. */
START_TEST(no_memory)
{
    enum { N = 100000 }; /* more than one block of an arena */
    static tl_real x[N];
    int failures = 0;
    for (int64_t k = 1;; k++, failures++) {
        tl_random r = { .seed = 1, .position = 5 };
        tl_graph *g = tl_graph_new();
        tl_node *a = tl_input(g, TL_SHAPE(N), x);
        tl_test_fail_allocation(k);
        tl_node *y = tl_dropout(a, 0.5f, &r);
        tl_test_fail_allocation(0);
        if (!y) {
            ck_assert_int_eq(tl_graph_status(g), TL_ERR_MEMORY);
            ck_assert_str_eq(tl_graph_error(g), "dropout: out of memory");
        }
        ck_assert_uint_eq(r.position, y ? 5 + N / 4 : 5);
        tl_graph_free(g);
        if (y)
            break;
    }
    ck_assert_int_ge(failures, 2); /* the mask, the values */
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&dropout);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, values);
    tcase_add_test(c, at_the_bound);
    tcase_add_test(c, reproducible);
    tcase_add_test(c, nothing_dropped);
    tcase_add_test(c, everything_dropped);
    tcase_add_test(c, statistics);
    tcase_add_test(c, sparse);
    tcase_add_test(c, refusals);
    tcase_add_test(c, no_memory);
    return s;
}
