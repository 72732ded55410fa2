/* matmul: Y = op(A) op(B), in all four transposes and by every route: tiny, thin (m, n or k = 1) and large;
 * of vectors, and of many matrices at once */
#include "tests/ops/product.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_matmul_transposed(in[0], in[1], *(const tl_trans *)attr);
}

/* op(A) of m x k times op(B) of k x n, in every transpose. */
#define IN_ALL(m, n, k, is_large)                                                                            \
    { .in = { TL_DENSE_OPERAND(m, k), TL_DENSE_OPERAND(k, n) }, .attr = &none, .large = is_large },          \
        { .in = { TL_DENSE_OPERAND(k, m), TL_DENSE_OPERAND(k, n) }, .attr = &ta, .large = is_large },        \
        { .in = { TL_DENSE_OPERAND(m, k), TL_DENSE_OPERAND(n, k) }, .attr = &tb, .large = is_large },        \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(k, m), TL_DENSE_OPERAND(n, k) }, .attr = &both, .large = is_large           \
    }
#define PRODUCTS(m, n, k) IN_ALL(m, n, k, false)
#define LARGE(m, n, k)    IN_ALL(m, n, k, true)
#define FOLDED(k, ...)                                                                                       \
    { .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_DENSE_OPERAND(k, 5) }, .attr = &none },                      \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_DENSE_OPERAND(5, k) }, .attr = &tb                         \
    }
/* Matrices of A and of B that are 3 x 4 and 4 x 5, in every transpose, with these leading dimensions: lists
 * that end in a comma. */
#define LIST(...) __VA_ARGS__
#define BATCHED(a, b)                                                                                        \
    { .in = { TL_DENSE_OPERAND(LIST a 3, 4), TL_DENSE_OPERAND(LIST b 4, 5) }, .attr = &none },               \
        { .in = { TL_DENSE_OPERAND(LIST a 4, 3), TL_DENSE_OPERAND(LIST b 4, 5) }, .attr = &ta },             \
        { .in = { TL_DENSE_OPERAND(LIST a 3, 4), TL_DENSE_OPERAND(LIST b 5, 4) }, .attr = &tb },             \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(LIST a 4, 3), TL_DENSE_OPERAND(LIST b 5, 4) }, .attr = &both                \
    }
#define OF(a, b, its_attr)                                                                                   \
    {                                                                                                        \
        .in = { a, b }, .attr = &its_attr                                                                    \
    }
#define REFUSED(a, b, its_attr, its_status, text)                                                            \
    {                                                                                                        \
        .in = { a, b }, .attr = its_attr, .status = its_status, .error = text                                \
    }

/* Beyond 20000 products other routes are taken than below, where a plain loop does it. */
static const tl_sample samples[] = {
    PRODUCTS(3, 5, 4),
    PRODUCTS(4, 4, 4),
    PRODUCTS(1, 1, 1),
    PRODUCTS(1, 17, 3),
    PRODUCTS(17, 1, 3),
    PRODUCTS(17, 3, 1),
    PRODUCTS(1, 1, 65),
    PRODUCTS(13, 7, 17),
    PRODUCTS(3, 5, 130),
    PRODUCTS(65, 1, 1),
    PRODUCTS(1, 63, 1),
    PRODUCTS(0, 3, 5),
    PRODUCTS(3, 0, 5),
    PRODUCTS(3, 5, 0),
    PRODUCTS(0, 0, 0),
    PRODUCTS(1, 1, 0),
    PRODUCTS(3, 17, 63),
    LARGE(27, 27, 28),
    LARGE(70, 65, 33),
    LARGE(17, 63, 129),
    LARGE(2, 130, 100),
    LARGE(130, 2, 100),
    LARGE(100, 130, 2),
    LARGE(1, 203, 131),
    LARGE(203, 1, 131),
    LARGE(203, 131, 1),
    LARGE(1, 1, 26000),
    LARGE(1, 26001, 1),
    LARGE(26001, 1, 1),
    FOLDED(4, 4),
    FOLDED(4, 2, 3, 4),
    FOLDED(4, 2, 1, 3, 4),
    FOLDED(17, 5, 13, 17),
    FOLDED(4, 2, 0, 4),
    FOLDED(0, 2, 3, 0),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(5, 6), &none, TL_ERR_SHAPE,
            "a (3x4) times b (5x6): 4 is not 5"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3), &ta, TL_ERR_SHAPE,
            "a (3x4) transposed times b (4x3): 3 is not 4"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3), &tb, TL_ERR_SHAPE,
            "a (3x4) times b (4x3) transposed: 4 is not 3"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3, 4), &both, TL_ERR_SHAPE,
            "a (3x4) transposed times b (3x4) transposed: 3 is not 4"),
    /* leading dimensions are equal, or 1, or absent */
    BATCHED((2, ), (2, )),
    BATCHED((2, ), (1, )),
    BATCHED((1, ), (2, )),
    BATCHED((), (2, )),
    BATCHED((2, ), ()),
    BATCHED((2, 3, ), (2, 3, )),
    BATCHED((2, 3, ), (3, )),
    BATCHED((3, ), (2, 3, )),
    BATCHED((2, 1, ), (1, 3, )),
    BATCHED((1, 3, ), (2, 1, )),
    BATCHED((2, 1, ), (2, 1, )),
    BATCHED((2, 3, ), ()),
    BATCHED((), (2, 3, )),
    BATCHED((2, 1, ), (3, )),
    BATCHED((0, ), (1, )),
    BATCHED((1, ), (0, )),
    BATCHED((), (2, 0, )),
    BATCHED((0, 3, ), (1, )),
    OF(TL_DENSE_OPERAND(40, 17, 19), TL_DENSE_OPERAND(40, 19, 18), none),
    OF(TL_DENSE_OPERAND(40, 18, 19), TL_DENSE_OPERAND(1, 17, 18), both),
    OF(TL_DENSE_OPERAND(3, 65, 66), TL_DENSE_OPERAND(3, 66, 67), none),
    OF(TL_DENSE_OPERAND(4, 1, 33, 34), TL_DENSE_OPERAND(3, 65, 34), tb),
    OF(TL_DENSE_OPERAND(3, 20000, 1), TL_DENSE_OPERAND(3, 1, 2), none),
    OF(TL_DENSE_OPERAND(0, 1, 3), TL_DENSE_OPERAND(1, 1), ta), /* one number, repeated to nothing */
    /* a vector is a row on the left, a column on the right, and no dimension of Y */
    OF(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4), none),
    OF(TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(4), ta),
    OF(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(4, 5), none),
    OF(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(5, 4), tb),
    OF(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(4), none),
    OF(TL_DENSE_OPERAND(0), TL_DENSE_OPERAND(0), none),
    OF(TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(4), none),
    OF(TL_DENSE_OPERAND(2, 4, 3), TL_DENSE_OPERAND(4), ta),
    OF(TL_DENSE_OPERAND(2, 6, 3, 4), TL_DENSE_OPERAND(4), none),
    OF(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(2, 4, 5), none),
    OF(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(2, 6, 5, 4), tb),
    OF(TL_DENSE_OPERAND(203, 131), TL_DENSE_OPERAND(131), none),
    /* by hand: [1 2] times two columns */
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(1, 2) },
              { TL_STATIC_SHAPE(2, 2, 1), .values = TL_VALUES(3, 4, 5, 6) } },
      .attr = &none,
      .y = TL_VALUES(11, 17),
      .upstream = TL_VALUES(1, 10),
      .gradient = { TL_VALUES(53, 64), TL_VALUES(1, 2, 10, 20) } },
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_SCALAR_OPERAND, &none, TL_ERR_SHAPE,
            "a (3x4) times b (scalar): the second is a scalar"),
    REFUSED(TL_SCALAR_OPERAND, TL_DENSE_OPERAND(1, 4), &none, TL_ERR_SHAPE,
            "a (scalar) times b (1x4): the first is a scalar"),
    REFUSED(TL_DENSE_OPERAND(3), TL_DENSE_OPERAND(3, 5), &ta, TL_ERR_SHAPE,
            "a [3] transposed times b (3x5): the first is a vector, and cannot be transposed"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4), &tb, TL_ERR_SHAPE,
            "a (3x4) times b [4] transposed: the second is a vector, and cannot be transposed"),
    REFUSED(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(4), &tb, TL_ERR_SHAPE,
            "a [4] times b [4] transposed: the second is a vector, and cannot be transposed"),
    REFUSED(TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(4), &both, TL_ERR_SHAPE,
            "a (4x3) transposed times b [4] transposed: the second is a vector, and cannot be transposed"),
    REFUSED(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(3), &none, TL_ERR_SHAPE, "a [4] times b [3]: 4 is not 3"),
    REFUSED(TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(6, 5), &ta, TL_ERR_SHAPE,
            "a (2x3x4) transposed times b (6x5): 3 is not 6"),
    REFUSED(TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(3, 4, 5), &none, TL_ERR_SHAPE,
            "a (2x3x4) times b (3x4x5): the leading sizes 2 and 3 differ"),
    REFUSED(TL_DENSE_OPERAND(2, 3, 4, 5), TL_DENSE_OPERAND(3, 3, 5, 4), &none, TL_ERR_SHAPE,
            "a (2x3x4x5) times b (3x3x5x4): the leading sizes 2 and 3 differ"),
    REFUSED(TL_DENSE_OPERAND(2, 0, 4, 5), TL_DENSE_OPERAND(2, 5, 4), &none, TL_ERR_SHAPE,
            "a (2x0x4x5) times b (2x5x4): the leading sizes 0 and 2 differ"),
    /* empty operands, and a result that is anything but */
    REFUSED(TL_DENSE_OPERAND(1LL << 40, 0), TL_DENSE_OPERAND(0, 1LL << 40), &none, TL_ERR_SHAPE,
            "1099511627776x1099511627776 has more elements than memory can hold"),
    REFUSED(TL_DENSE_OPERAND(3, 3), TL_DENSE_OPERAND(3, 3), &negative, TL_ERR_ARGUMENT,
            "-1 is not a tl_trans"),
    REFUSED(TL_DENSE_OPERAND(3, 3), TL_DENSE_OPERAND(3, 3), &four, TL_ERR_ARGUMENT, "4 is not a tl_trans")
};

/* Sums of k products are off by at most k units in the last place of their magnitudes, in any order (Higham,
 * "Accuracy and stability of numerical algorithms", section 3.1); of integers they are exact. */
static const tl_op_case exact = {
    .name = "matmul",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    /* a sum of many may depend on how many rows there are: BLIS packs them */
    .skip = TL_SKIP(TL_STAGE_PLACE),
};

/* Of the same samples, reals: k units, with k = 130 but for one row of 26000. */
static const tl_op_case rounded = {
    .name = "matmul",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 130,
    .skip = ~TL_SKIP(TL_STAGE_VALUE), /* the others are checked above */
};

/* ---- Bits ---- */

/* Returns the product of `s` where every row of op(A) is `row` and every column of op(B) is `column`. */
static const tl_real *of_equals(tl_graph *g, const tl_sample *s, const tl_real *row, const tl_real *column)
{
    static tl_real a[27000], b[27000];
    const tl_trans t = *(const tl_trans *)s->attr;
    const tl_shape left = s->in[0].shape, right = s->in[1].shape;
    for (int64_t e = 0; e < tl_shape_size(left); e++)
        a[e] = row[t & TL_TRANSPOSE_A ? e / left.dim[1] : e % left.dim[1]];
    for (int64_t e = 0; e < tl_shape_size(right); e++)
        b[e] = column[t & TL_TRANSPOSE_B ? e % right.dim[1] : e / right.dim[1]];
    return tl_value(tl_matmul_transposed(tl_input(g, left, a), tl_input(g, right, b), t));
}

/* Returns sample k of the large ones. */
enum { FIRST_LARGE = 17 * 4, N_LARGE = 12 * 4 };

/* Equal rows times equal columns give one value all over: the place of an element makes no difference. */
START_TEST(wherever_it_sits)
{
    static tl_real row[27000], column[27000];
    tl_graph *g = tl_graph_new();
    tl_test_fill(row, 27000, 1);
    tl_test_fill(column, 27000, 2);
    for (int k = FIRST_LARGE; k < FIRST_LARGE + N_LARGE; k++, tl_graph_reset(g)) {
        const tl_shape a = samples[k].in[0].shape, b = samples[k].in[1].shape;
        const tl_real *y = of_equals(g, &samples[k], row, column);
        const tl_trans t = *(const tl_trans *)samples[k].attr;
        int64_t e = a.dim[t & TL_TRANSPOSE_A ? 1 : 0] * b.dim[t & TL_TRANSPOSE_B ? 0 : 1] - 1;
        while (e > 0 && y[e] == y[0])
            e--;
        ck_assert_msg(e == 0, "%s and %s, transposed %d: y[%lld] is %.17g, y[0] %.17g", tl_shape_text(a).text,
                      tl_shape_text(b).text, (int)t, (long long)e, (double)y[e], (double)y[0]);
    }
    tl_graph_free(g);
}
END_TEST

/* 0 x NaN is NaN by every route: none takes a 0 for a reason to skip a product, be it the last of k. */
START_TEST(not_finite)
{
    static tl_real zeros[27000], last[27000];
    tl_graph *g = tl_graph_new();
    for (int s = 2 * FIRST_LARGE; s < 2 * (FIRST_LARGE + N_LARGE); s++, tl_graph_reset(g)) {
        const tl_sample *sample = &samples[s / 2];
        const tl_shape a = sample->in[0].shape, b = sample->in[1].shape;
        const tl_trans t = *(const tl_trans *)sample->attr;
        const int64_t k = a.dim[t & TL_TRANSPOSE_A ? 0 : 1];
        last[k - 1] = NAN;
        const tl_real *y = of_equals(g, sample, s % 2 ? last : zeros, s % 2 ? zeros : last);
        int64_t e = a.dim[t & TL_TRANSPOSE_A ? 1 : 0] * b.dim[t & TL_TRANSPOSE_B ? 0 : 1] - 1;
        while (e > 0 && isnan(y[e]))
            e--;
        ck_assert_msg(isnan(y[e]), "%s and %s, transposed %d: %s is %g", tl_shape_text(a).text,
                      tl_shape_text(b).text, (int)t, s % 2 ? "NaN times 0" : "0 times NaN", (double)y[e]);
        last[k - 1] = 0;
    }
    tl_graph_free(g);
}
END_TEST

/* Thin products over many samples, as the gradient of a last layer is: in float, off by 1.3 % if the
 * products are added one after the other. */
START_TEST(long_sum)
{
    const int64_t k = 1000000;
    tl_real *x = malloc((size_t)k * 4 * sizeof *x);
    for (int64_t i = 0; i < 4 * k; i++)
        x[i] = (tl_real)0.1;
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(k, 4), x);
    const double expected = (double)x[0] * (double)x[0] * (double)k;
    const tl_real *y = tl_value(tl_matmul_transposed(a, a, TL_TRANSPOSE_A));
    for (int i = 0; i < 16; i++)
        ck_assert_double_eq_tol((double)y[i] / expected, 1, 1e-3);
    tl_node *b = tl_input(g, TL_SHAPE(k, 1), x);
    y = tl_value(tl_matmul_transposed(a, b, TL_TRANSPOSE_A)); /* by columns of a */
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol((double)y[i] / expected, 1, 1e-3);
    y = tl_value(tl_matmul_transposed(b, b, TL_TRANSPOSE_A));
    ck_assert_double_eq_tol((double)y[0] / expected, 1, 1e-5);
    tl_graph_free(g);
    free(x);
}
END_TEST

/* tl_matmul is the product without transposes. */
START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 1, 0, -1, 2, 0.5f, -2 };
    tl_node *y = tl_matmul(tl_input(g, TL_SHAPE(2, 3), a), tl_input(g, TL_SHAPE(3, 2), b));
    ck_assert_values(tl_value(y), 4, 0, 0.5, -2, 2, -2);
    ck_assert_ptr_null(tl_matmul(NULL, NULL));
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&exact);
    tl_suite_add_op(s, &rounded);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, values);
    tcase_add_test(c, wherever_it_sits);
    tcase_add_test(c, not_finite);
    tcase_add_test(c, long_sum);
    return s;
}
