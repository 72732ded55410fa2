/* matmul: Y = op(A) op(B), in all four transposes and by every route: tiny, thin (m, n or k = 1) and large */
#include "tests/testing.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST = 27000 }; /* elements of the largest matrix here */

/* ---- The specification ---- */

/* What is multiplied: op(A) is m x k, op(B) k x n. */
typedef struct product {
    tl_shape a, b; /* as they are stored */
    tl_trans t;
    int64_t m, n, k;
} product;

static bool a_transposed(tl_trans t)
{
    return t == TL_TRANSPOSE_A || t == TL_TRANSPOSE_BOTH;
}

static bool b_transposed(tl_trans t)
{
    return t == TL_TRANSPOSE_B || t == TL_TRANSPOSE_BOTH;
}

static product product_of(tl_shape a, tl_shape b, tl_trans t)
{
    int64_t rows = tl_shape_rows(a), cols = tl_shape_cols(a);
    return (product){
        a, b, t, a_transposed(t) ? cols : rows, b.dim[!b_transposed(t)], a_transposed(t) ? rows : cols
    };
}

static product matrices(int64_t m, int64_t n, int64_t k, tl_trans t)
{
    return product_of(a_transposed(t) ? TL_SHAPE(k, m) : TL_SHAPE(m, k),
                      b_transposed(t) ? TL_SHAPE(n, k) : TL_SHAPE(k, n), t);
}

/* A's leading dimensions come back in Y. */
static tl_shape result_shape(const product *p)
{
    tl_shape y = a_transposed(p->t) ? TL_SHAPE(p->m, p->n) : p->a;
    y.dim[y.rank - 1] = p->n;
    return y;
}

/* Return the indices at which op(A)(i, l) and op(B)(l, j) are stored. */
static int64_t in_a(const product *p, int64_t i, int64_t l)
{
    return a_transposed(p->t) ? l * p->m + i : i * p->k + l;
}

static int64_t in_b(const product *p, int64_t l, int64_t j)
{
    return b_transposed(p->t) ? j * p->k + l : l * p->n + j;
}

/* Sums of products in double, and of their magnitudes. */
typedef struct sums {
    double sum[MOST], size[MOST];
} sums;

static void add_product(sums *s, int64_t at, tl_real x, tl_real y)
{
    s->sum[at] += (double)x * (double)y;
    s->size[at] += fabs((double)x * (double)y);
}

/* A sum of k products in any order, fused or not, is off by at most gamma_k = k u / (1 - k u) times the sum
 * of their magnitudes, u half an epsilon (Higham, "Accuracy and stability of numerical algorithms", section
 * 3.1): the library's in its type, the specification's in double. Integers are exact. */
static void compare(const char *what, const sums *s, const tl_real *got, int64_t n, int64_t k, bool exact)
{
    const double u = (TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) / 2;
    const double gamma = exact ? 0 : 2 * (double)k * u / (1 - (double)k * u);
    int64_t e = 0;
    while (e < n && fabs((double)got[e] - s->sum[e]) <= gamma * s->size[e])
        e++;
    ck_assert_msg(e == n, "%s[%lld] is %.17g, not %.17g within %g", what, (long long)e,
                  e < n ? (double)got[e] : 0, e < n ? s->sum[e] : 0, e < n ? gamma * s->size[e] : 0);
}

/* Integers of -5 to 5, of which all sums here are exact in float; rows of 11 m would be alike. */
static void fill(tl_real *x, int64_t n, int64_t stride, bool exact)
{
    if (!exact)
        tl_test_fill(x, n, (uint64_t)stride);
    for (int64_t k = 0; exact && k < n; k++)
        x[k] = (tl_real)(k * stride % 11 - 5);
}

/* Leaves NaNs in the memory that the next step gets: results that are added to what is there show. */
static void soil(tl_graph *g)
{
    static tl_real nan[2 * MOST];
    for (int k = 0; k < 2 * MOST; k++)
        nan[k] = NAN;
    ck_assert_ptr_nonnull(tl_relu(tl_input(g, TL_SHAPE(2 * MOST), nan)));
    tl_graph_reset(g);
}

/* Value and both gradients. The product is there twice, so that gradients are added to some. */
static void check(tl_graph *g, product p, bool exact)
{
    static sums y, da, db;
    static tl_real u[MOST];
    tl_variable *a = tl_test_dense("a", p.a, 1), *b = tl_test_dense("b", p.b, 2);
    tl_real *av = tl_variable_data(a), *bv = tl_variable_data(b);
    fill(av, p.m * p.k, 2, exact);
    fill(bv, p.k * p.n, 3, exact);
    fill(u, p.m * p.n, 7, exact);
    memset(&y, 0, sizeof y);
    memset(&da, 0, sizeof da);
    memset(&db, 0, sizeof db);
    for (int64_t i = 0; i < p.m; i++)
        for (int64_t j = 0; j < p.n; j++)
            for (int64_t l = 0; l < p.k; l++) {
                int64_t at_y = i * p.n + j, at_a = in_a(&p, i, l), at_b = in_b(&p, l, j);
                add_product(&y, at_y, av[at_a], bv[at_b]);
                add_product(&da, at_a, 2 * u[at_y], bv[at_b]);
                add_product(&db, at_b, 2 * u[at_y], av[at_a]);
            }
    soil(g);
    tl_node *left = tl_use(g, a), *right = tl_use(g, b);
    tl_node *node = tl_matmul_transposed(left, right, p.t);
    tl_node *both = tl_add(node, tl_matmul_transposed(left, right, p.t));
    tl_node *dy = tl_input(g, tl_shape_of(node), u);
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(both, dy), TL_ALL_AXES), &out));
    ck_assert(tl_shape_equal(tl_shape_of(node), result_shape(&p)));
    compare("y", &y, tl_value(node), p.m * p.n, p.k, exact);
    compare("da", &da, tl_grad(left), p.m * p.k, 2 * p.n, exact);
    compare("db", &db, tl_grad(right), p.k * p.n, 2 * p.m, exact);
    tl_graph_reset(g);
    tl_variable_free(a);
    tl_variable_free(b);
}

/* m, n and k: beyond 20000 products, where other routes are taken, and below, where a plain loop does it. */
static const int64_t large[][3] = { { 27, 27, 28 },  { 70, 65, 33 },  { 17, 63, 129 }, { 2, 130, 100 },
                                    { 130, 2, 100 }, { 100, 130, 2 }, { 1, 203, 131 }, { 203, 1, 131 },
                                    { 203, 131, 1 }, { 1, 1, 26000 }, { 1, 26001, 1 }, { 26001, 1, 1 } };
static const int64_t small[][3] = { { 1, 1, 1 },  { 1, 17, 3 },  { 17, 1, 3 },  { 17, 3, 1 },
                                    { 1, 1, 65 }, { 3, 17, 63 }, { 13, 7, 17 }, { 3, 5, 130 },
                                    { 65, 1, 1 }, { 1, 63, 1 },  { 0, 3, 5 },   { 3, 0, 5 },
                                    { 3, 5, 0 },  { 0, 0, 0 },   { 1, 0, 1 },   { 1, 1, 0 } };
enum { N_LARGE = sizeof large / sizeof *large, N_SMALL = sizeof small / sizeof *small };

/* Every size in every transpose: s = 0 .. 4 N - 1. */
static product nth(const int64_t size[][3], int s)
{
    return matrices(size[s / 4][0], size[s / 4][1], size[s / 4][2], (tl_trans)(s % 4));
}

START_TEST(oracle)
{
    tl_graph *g = tl_graph_new();
    for (int s = 0; s < 4 * (N_SMALL + N_LARGE); s++) {
        product p = s < 4 * N_SMALL ? nth(small, s) : nth(large, s - 4 * N_SMALL);
        check(g, p, true);
        check(g, p, false);
    }
    tl_graph_free(g);
}
END_TEST

/* Leading dimensions of A are rows. */
START_TEST(folded)
{
    const tl_shape a[] = { TL_SHAPE(17),        TL_SHAPE(2, 3, 17), TL_SHAPE(3, 1, 2, 17),
                           TL_SHAPE(5, 13, 17), TL_SHAPE(2, 0, 17), TL_SHAPE(0, 2, 3, 17),
                           TL_SHAPE(0),         TL_SHAPE(2, 3, 0) };
    tl_graph *g = tl_graph_new();
    for (size_t s = 0; s < sizeof a / sizeof *a; s++) {
        int64_t k = tl_shape_cols(a[s]);
        check(g, product_of(a[s], TL_SHAPE(k, 63), TL_NO_TRANSPOSE), true);
        check(g, product_of(a[s], TL_SHAPE(63, k), TL_TRANSPOSE_B), true);
    }
    tl_graph_free(g);
}
END_TEST

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 1, 0, -1, 2, 0.5f, -2 };
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), a), *y = tl_input(g, TL_SHAPE(3, 2), b);
    ck_assert_values(tl_value(tl_matmul(x, y)), 4, 0, 0.5, -2, 2, -2);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_matmul(tl_input(g, TL_SHAPE(3), a), y))).text, "[2]");
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_matmul(tl_input(g, TL_SHAPE(2, 1, 3), a), y))).text,
                     "2x1x2");
    y = tl_input(g, TL_SHAPE(2, 2), b);
    ck_assert_values(tl_value(tl_matmul_transposed(x, y, TL_TRANSPOSE_A)), 6, 0, -3, 8, -3, 10, -3, 12);
    y = tl_input(g, TL_SHAPE(2, 3), b);
    ck_assert_values(tl_value(tl_matmul_transposed(x, y, TL_TRANSPOSE_B)), 4, 0, -2, -3, -2, -1.5);
    ck_assert_values(tl_value(tl_matmul_transposed(tl_input(g, TL_SHAPE(3, 2), a), y, TL_TRANSPOSE_BOTH)), 4,
                     0, -4, -6.5, -4, -6);
    y = tl_matmul(tl_input(g, TL_SHAPE(2, 0), NULL), tl_input(g, TL_SHAPE(0, 2), NULL));
    ck_assert_values(tl_value(y), 4, 0, 0, 0, 0, 0);
    tl_graph_free(g);
}
END_TEST

/* ---- Bits ---- */

/* The product where every row of op(A) is `row` and every column of op(B) is `column`. */
static const tl_real *of_equals(tl_graph *g, const product *p, const tl_real *row, const tl_real *column)
{
    static tl_real a[MOST], b[MOST];
    for (int64_t l = 0; l < p->k; l++) {
        for (int64_t i = 0; i < p->m; i++)
            a[in_a(p, i, l)] = row[l];
        for (int64_t j = 0; j < p->n; j++)
            b[in_b(p, l, j)] = column[l];
    }
    return tl_value(tl_matmul_transposed(tl_input(g, p->a, a), tl_input(g, p->b, b), p->t));
}

/* Equal rows times equal columns give one value all over: the place of an element makes no difference. */
START_TEST(wherever_it_sits)
{
    static tl_real row[MOST], column[MOST];
    tl_graph *g = tl_graph_new();
    tl_test_fill(row, MOST, 1);
    tl_test_fill(column, MOST, 2);
    for (int s = 0; s < 4 * N_LARGE; s++, tl_graph_reset(g)) {
        product p = nth(large, s);
        const tl_real *y = of_equals(g, &p, row, column);
        int64_t e = p.m * p.n - 1;
        while (e > 0 && y[e] == y[0])
            e--;
        ck_assert_msg(e == 0, "%s and %s, transposed %d: y[%lld] is %.17g, y[0] %.17g",
                      tl_shape_text(p.a).text, tl_shape_text(p.b).text, s % 4, (long long)e, (double)y[e],
                      (double)y[0]);
    }
    tl_graph_free(g);
}
END_TEST

/* 0 x NaN is NaN by every route: none takes a 0 for a reason to skip a product, be it the last of k. */
START_TEST(not_finite)
{
    static tl_real zeros[MOST], last[MOST];
    tl_graph *g = tl_graph_new();
    for (int s = 0; s < 8 * N_LARGE; s++, tl_graph_reset(g)) {
        product p = nth(large, s / 2);
        last[p.k - 1] = NAN;
        const tl_real *y = of_equals(g, &p, s % 2 ? last : zeros, s % 2 ? zeros : last);
        int64_t e = p.m * p.n - 1;
        while (e > 0 && isnan(y[e]))
            e--;
        ck_assert_msg(isnan(y[e]), "%s and %s, transposed %d: %s is %g", tl_shape_text(p.a).text,
                      tl_shape_text(p.b).text, s / 2 % 4, s % 2 ? "NaN times 0" : "0 times NaN",
                      (double)y[e]);
        last[p.k - 1] = 0;
    }
    tl_graph_free(g);
}
END_TEST

/* ---- Gradients by differences ---- */

/* Either side is the variable, or a constant of its values. */
typedef struct sides {
    tl_variable *a, *b;
    bool a_fixed, b_fixed;
    tl_trans t;
} sides;

static tl_node *leaf(tl_graph *g, tl_variable *v, bool fixed)
{
    return fixed ? tl_input(g, tl_variable_shape(v), tl_variable_data(v)) : tl_use(g, v);
}

static tl_node *build(tl_graph *g, void *context)
{
    const sides *s = context;
    return tl_matmul_transposed(leaf(g, s->a, s->a_fixed), leaf(g, s->b, s->b_fixed), s->t);
}

/* Both operands, each alone with the other constant. */
static void check_gradient(product p)
{
    sides s = { .a = tl_test_dense("a", p.a, 1), .b = tl_test_dense("b", p.b, 2), .t = p.t };
    ck_assert_gradient(build, &s, s.a, s.b);
    s.b_fixed = true;
    ck_assert_gradient(build, &s, s.a);
    s.a_fixed = true;
    s.b_fixed = false;
    ck_assert_gradient(build, &s, s.b);
    tl_variable_free(s.a);
    tl_variable_free(s.b);
}

START_TEST(gradient)
{
    const int64_t size[][3] = { { 1, 1, 1 }, { 1, 5, 3 }, { 5, 1, 3 }, { 5, 3, 1 }, { 3, 4, 5 },
                                { 7, 2, 3 }, { 0, 3, 2 }, { 3, 0, 2 }, { 3, 2, 0 }, { 0, 0, 0 } };
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (int t = TL_NO_TRANSPOSE; t <= TL_TRANSPOSE_BOTH; t++)
            check_gradient(matrices(size[s][0], size[s][1], size[s][2], (tl_trans)t));
    const tl_shape a[] = { TL_SHAPE(4), TL_SHAPE(2, 3, 4), TL_SHAPE(2, 1, 3, 4), TL_SHAPE(2, 0, 4) };
    for (size_t s = 0; s < sizeof a / sizeof *a; s++) {
        check_gradient(product_of(a[s], TL_SHAPE(4, 5), TL_NO_TRANSPOSE));
        check_gradient(product_of(a[s], TL_SHAPE(5, 4), TL_TRANSPOSE_B));
    }
}
END_TEST

/* A square matrix times itself, and w w^T. */
START_TEST(with_itself)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(4, 4), 3);
    for (int t = TL_NO_TRANSPOSE; t <= TL_TRANSPOSE_BOTH; t++)
        ck_assert_gradient(build, (&(sides){ .a = w, .b = w, .t = (tl_trans)t }), w);
    tl_variable_free(w);
    w = tl_test_dense("w", TL_SHAPE(2, 5), 3);
    ck_assert_gradient(build, (&(sides){ .a = w, .b = w, .t = TL_TRANSPOSE_B }), w);
    tl_variable_free(w);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(shape_refusals)
{
    const struct {
        tl_shape a, b;
        tl_trans t;
        const char *text;
    } bad[] = {
        { TL_SHAPE(3, 4), TL_SHAPE(5, 6), TL_NO_TRANSPOSE, "matmul: 3x4 times 5x6: 4 is not 5" },
        { TL_SHAPE(3, 4), TL_SHAPE(4, 3), TL_TRANSPOSE_A, "matmul: 3x4 transposed times 4x3: 3 is not 4" },
        { TL_SHAPE(3, 4), TL_SHAPE(4, 3), TL_TRANSPOSE_B, "matmul: 3x4 times 4x3 transposed: 4 is not 3" },
        { TL_SHAPE(3, 4), TL_SHAPE(3, 4), TL_TRANSPOSE_BOTH,
          "matmul: 3x4 transposed times 3x4 transposed: 3 is not 4" },
        { TL_SHAPE(3, 4), TL_SHAPE(4), TL_NO_TRANSPOSE, "matmul: 3x4 times [4]: the second is not a matrix" },
        { TL_SHAPE(3, 4), TL_SHAPE(), TL_NO_TRANSPOSE,
          "matmul: 3x4 times scalar: the second is not a matrix" },
        { TL_SHAPE(3, 4), TL_SHAPE(4, 1, 5), TL_NO_TRANSPOSE,
          "matmul: 3x4 times 4x1x5: the second is not a matrix" },
        { TL_SHAPE(3, 4), TL_SHAPE(1, 4, 5), TL_TRANSPOSE_B,
          "matmul: 3x4 times 1x4x5 transposed: the second is not a matrix" },
        { TL_SHAPE(), TL_SHAPE(1, 4), TL_NO_TRANSPOSE, "matmul: scalar times 1x4: the first is a scalar" },
        /* a transposed A is a matrix: neither a row nor folded */
        { TL_SHAPE(3), TL_SHAPE(1, 5), TL_TRANSPOSE_A,
          "matmul: [3] transposed times 1x5: the first is not a matrix, and cannot be transposed" },
        { TL_SHAPE(2, 3, 4), TL_SHAPE(6, 5), TL_TRANSPOSE_A,
          "matmul: 2x3x4 transposed times 6x5: the first is not a matrix, and cannot be transposed" },
        /* empty operands, and a result that is anything but */
        { TL_SHAPE(1LL << 40, 0), TL_SHAPE(0, 1LL << 40), TL_NO_TRANSPOSE,
          "matmul: 1099511627776x1099511627776 has more elements than memory can hold" },
    };
    const tl_real x[30] = { 0 };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g,
                          tl_matmul_transposed(tl_input(g, bad[k].a, x), tl_input(g, bad[k].b, x), bad[k].t),
                          TL_ERR_SHAPE, bad[k].text);
    tl_graph_free(g);
}
END_TEST

START_TEST(other_refusals)
{
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 3, 0.5, 1), 1);
    const tl_real x[9] = { 0 };
    const tl_shape shape = TL_SHAPE(3, 3);
    ck_assert_ptr_null(tl_matmul(NULL, NULL));
    ck_assert_refused(g, tl_matmul(NULL, tl_input(g, shape, x)), TL_ERR_ARGUMENT, "matmul: input 0 is NULL");
    ck_assert_refused(g, tl_matmul(tl_input(g, shape, x), NULL), TL_ERR_ARGUMENT, "matmul: input 1 is NULL");
    ck_assert_refused(g, tl_matmul(tl_use(g, s), tl_input(g, shape, x)), TL_ERR_KIND,
                      "matmul: input 0 (s, 3x3) is sparse, and must be dense");
    ck_assert_refused(g, tl_matmul(tl_input(g, shape, x), tl_use(g, s)), TL_ERR_KIND,
                      "matmul: input 1 (s, 3x3) is sparse, and must be dense");
    ck_assert_refused(g, tl_matmul(tl_input(g, shape, x), tl_input(other, shape, x)), TL_ERR_ARGUMENT,
                      "matmul: input 1 (3x3) belongs to another graph");
    tl_variable *w = tl_test_dense("w1", TL_SHAPE(3, 4), 1);
    ck_assert_refused(g, tl_matmul_transposed(tl_use(g, w), tl_input(g, TL_SHAPE(4, 2), x), TL_TRANSPOSE_A),
                      TL_ERR_SHAPE, "matmul: w1 (3x4) transposed times 4x2: 3 is not 4");
    tl_variable_free(w);
    ck_assert_int_eq(tl_graph_status(other), TL_OK);
    for (int t = -1; t <= 4; t += 5)
        ck_assert_refused(g, tl_matmul_transposed(tl_input(g, shape, x), tl_input(g, shape, x), (tl_trans)t),
                          TL_ERR_ARGUMENT,
                          t < 0 ? "matmul: -1 is not a tl_trans" : "matmul: 4 is not a tl_trans");
    tl_graph_free(g);
    tl_graph_free(other);
    tl_variable_free(s);
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

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("matmul");
    TCase *c = tl_test_case(s, "matmul");
    tcase_add_test(c, values);
    tcase_add_test(c, oracle);
    tcase_add_test(c, folded);
    tcase_add_test(c, wherever_it_sits);
    tcase_add_test(c, not_finite);
    tcase_add_test(c, gradient);
    tcase_add_test(c, with_itself);
    tcase_add_test(c, shape_refusals);
    tcase_add_test(c, other_refusals);
    tcase_add_test(c, long_sum);
    return s;
}
