/* Tools for reductions against plain loops: sums, means, repeats and walks over an axis, sums of terms in
 * their order. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

#include "reduce.h"

static void one_thread(void)
{
    tl_set_num_threads(1);
}

/* Nothing, one element, rows, columns, blocks; enough for several tasks by columns, by blocks, by lines. */
static const tl_axis axes[] = {
    { 0, 3, 2 },  { 2, 0, 3 },  { 2, 3, 0 },   { 1, 1, 1 },     { 1, 40, 1 },    { 7, 5, 1 },
    { 1, 5, 70 }, { 3, 4, 13 }, { 2, 900, 1 }, { 1, 60, 1500 }, { 300, 120, 1 }, { 90, 40, 30 },
};
enum { AXES = sizeof axes / sizeof *axes };

static int64_t left_of(tl_axis of)
{
    return of.outer * of.inner;
}

static int64_t size_of(tl_axis of)
{
    return of.outer * of.n * of.inner;
}

/* Returns where element k of line l is stored. */
static int64_t at(tl_axis of, int64_t l, int64_t k)
{
    return (l / of.inner * of.n + k) * of.inner + l % of.inner;
}

/* ---- sums ---- */

static void check_sums(const tl_axis_sum *s, bool add, const tl_real *y)
{
    tl_real *before = tl_test_filled(left_of(s->of), 3);
    for (int64_t l = 0; l < left_of(s->of); l++) {
        double sum = 0, size = 1;
        for (int64_t k = 0; k < s->of.n; k++) {
            const int64_t e = at(s->of, l, k);
            const double term = (double)s->a[e] * (s->b ? (double)s->b[e] : 1);
            sum += term;
            size += fabs(term);
        }
        const double expected = (add ? (double)before[l] : 0) + (s->negate ? -sum : sum);
        const double error = fabs((double)y[l] - expected);
        ck_assert_msg(error <= (TL_IS_DOUBLE ? 1e-15 * (double)(s->of.n + 2) : 2.4e-7) * size,
                      "%lld x %lld x %lld: sum %lld is %.17g, not %.17g", (long long)s->of.outer,
                      (long long)s->of.n, (long long)s->of.inner, (long long)l, (double)y[l], expected);
    }
    free(before);
}

/* Bits of the index: products, negated, added. */
START_TEST(sums)
{
    for (int a = 0; a < AXES; a++) {
        const tl_axis of = axes[a];
        const int64_t left = left_of(of);
        tl_real *x = tl_test_filled(size_of(of), 1), *z = tl_test_filled(size_of(of), 2), *first = NULL;
        const tl_axis_sum s = { .of = of, .a = x, .b = _i & 1 ? z : NULL, .negate = _i & 2 };
        for (int threads = 1; threads <= 7; threads += 3) {
            ck_assert_ok(tl_set_num_threads(threads));
            tl_real *y = _i & 4 ? tl_test_filled(left, 3) : tl_test_unset(left);
            const tl_real end = y[left];
            tl_sum_axis(&s, y, _i & 4);
            check_sums(&s, _i & 4, y);
            ck_assert(memcmp(&end, &y[left], sizeof end) == 0);
            ck_assert(!first || memcmp(first, y, (size_t)left * sizeof *y) == 0);
            if (first)
                free(y);
            else
                first = y;
        }
        free(first);
        free(x);
        free(z);
    }
    tl_sum_axis(&(tl_axis_sum){ .of = { 0, 5, 3 } }, NULL, false);
    tl_real zero[] = { NAN, NAN };
    tl_sum_axis(&(tl_axis_sum){ .of = { 2, 0, 1 } }, zero, false);
    ck_assert_values(zero, 2, 0, 0, 0);
}
END_TEST

/* Sums are in double: beside 2^24 a float loses single ones. */
START_TEST(sums_are_in_double)
{
    tl_real x[101] = { 16777216 }, y[1];
    for (int k = 1; k < 101; k++)
        x[k] = 1;
    tl_sum_axis(&(tl_axis_sum){ .of = { 1, 101, 1 }, .a = x }, y, false);
    ck_assert_values(y, 1, 0, 16777316.0);
}
END_TEST

START_TEST(means)
{
    for (int a = 0; a < AXES; a++) {
        const tl_axis of = axes[a];
        tl_real *x = tl_test_filled(size_of(of), 1), *y = tl_test_unset(left_of(of)),
                *sum = tl_test_unset(left_of(of));
        tl_mean_axis(of, x, y);
        tl_sum_axis(&(tl_axis_sum){ .of = of, .a = x }, sum, false);
        for (int64_t l = 0; l < left_of(of); l++)
            ck_assert(y[l] == (of.n > 0 ? sum[l] / (tl_real)of.n : 0));
        ck_assert(isnan(y[left_of(of)]));
        free(x);
        free(y);
        free(sum);
    }
    /* the sums of the first and the last column overflow */
    const tl_real huge = TL_IS_DOUBLE ? (tl_real)1.5e308 : (tl_real)3e38;
    const tl_real x[] = { huge, 1, -huge, huge, 3, -huge, huge, 5, -huge };
    tl_real y[3];
    tl_mean_axis((tl_axis){ 1, 3, 3 }, x, y);
    ck_assert_values(y, 3, 0, (double)huge, 3, -(double)huge);
}
END_TEST

/* Means of `most`, its opposite and 0 are numbers, whatever their partial sums come to. */
START_TEST(means_of_extremes)
{
    const tl_real most = TL_IS_DOUBLE ? (tl_real)0x1.fffffffffffffp1023 : (tl_real)0x1.fffffep127;
    const double half = (double)most / 2;
    const tl_real x[] = { most, 1, most, most, 2, most, -most, 3, 0, -most, 6, 0 };
    tl_real y[6], far[25] = { [0] = most, [16] = most, [8] = -most, [24] = -most };
    tl_mean_axis((tl_axis){ 1, 4, 3 }, x, y);
    ck_assert_values(y, 3, 0, 0, 3, half);
    const tl_real rows[] = { most, most, -most, -most, 1, 2, 3, 6, most, most, 0, 0 };
    tl_mean_axis((tl_axis){ 3, 4, 1 }, rows, y);
    ck_assert_values(y, 3, 0, 0, 3, half);
    const tl_real blocks[] = { 1, 2, 3, 4, most, most, most, 0 };
    tl_mean_axis((tl_axis){ 2, 2, 2 }, blocks, y);
    ck_assert_values(y, 4, 0, 2, 3, (double)most, half);
    tl_mean_axis((tl_axis){ 1, 25, 1 }, far, y); /* partial sums of Inf and -Inf */
    ck_assert_values(y, 1, 0, 0);
    far[24] = INFINITY; /* an infinite value is no overflow */
    tl_mean_axis((tl_axis){ 1, 25, 1 }, far, y);
    ck_assert_values(y, 1, 0, INFINITY);
    far[8] = -INFINITY;
    tl_mean_axis((tl_axis){ 1, 25, 1 }, far, y);
    ck_assert_values(y, 1, 0, NAN);
}
END_TEST

START_TEST(repeats)
{
    for (int a = 0; a < AXES; a++) {
        const tl_axis of = axes[a];
        const int64_t n = size_of(of);
        tl_real *dy = tl_test_filled(left_of(of), 1), *before = tl_test_filled(n, 2);
        for (int add = 0; add < 2; add++) {
            ck_assert_ok(tl_set_num_threads(1 + 3 * add));
            tl_real *da = add ? tl_test_filled(n, 2) : tl_test_unset(n);
            const tl_real end = da[n];
            tl_repeat_axis(of, (tl_real)0.3, dy, da, add);
            for (int64_t l = 0; l < left_of(of); l++)
                for (int64_t k = 0; k < of.n; k++) {
                    const tl_real g = (tl_real)0.3 * dy[l];
                    ck_assert(da[at(of, l, k)] == (add ? before[at(of, l, k)] : 0) + g);
                }
            ck_assert(memcmp(&end, &da[n], sizeof end) == 0);
            free(da);
        }
        free(dy);
        free(before);
    }
    tl_repeat_axis((tl_axis){ 0, 4, 1 }, 1, NULL, NULL, false);
}
END_TEST

/* ---- axes ---- */

START_TEST(divisions)
{
    static const struct {
        int32_t axis;
        tl_axis of;
        int32_t rank;
        int64_t rest[2];
    } some[] = { { 0, { 1, 2, 12 }, 2, { 3, 4 } },
                 { 1, { 2, 3, 4 }, 2, { 2, 4 } },
                 { 2, { 6, 4, 1 }, 2, { 2, 3 } },
                 { TL_ALL_AXES, { 1, 24, 1 }, 0, { 0 } } };
    const tl_real x[24] = { 0 };
    tl_graph *g = tl_graph_new();
    const tl_node *a = tl_input(g, TL_SHAPE(2, 3, 4), x), *scalar = tl_input(g, TL_SHAPE(), x);
    tl_axis of;
    tl_shape rest;
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
        ck_assert_ok(tl_axis_of(a, some[k].axis, &of, &rest));
        ck_assert_int_eq(of.outer, some[k].of.outer);
        ck_assert_int_eq(of.n, some[k].of.n);
        ck_assert_int_eq(of.inner, some[k].of.inner);
        ck_assert(tl_shape_equal(rest, tl_shape_from(some[k].rank, some[k].rest)));
    }
    ck_assert_ok(tl_axis_of(scalar, TL_ALL_AXES, &of, &rest));
    ck_assert_int_eq(of.n, 1);
    ck_assert_status(tl_axis_of(a, 3, &of, &rest), TL_ERR_ARGUMENT,
                     "axis 3 of 2x3x4 is neither in 0..2 nor TL_ALL_AXES");
    ck_assert_status(tl_axis_of(a, -2, &of, &rest), TL_ERR_ARGUMENT,
                     "axis -2 of 2x3x4 is neither in 0..2 nor TL_ALL_AXES");
    ck_assert_status(tl_axis_of(scalar, 0, &of, &rest), TL_ERR_ARGUMENT,
                     "axis 0 of scalar is not TL_ALL_AXES");
    tl_graph_free(g);
}
END_TEST

/* ---- lines ---- */

/* Counts what a walk visits: where it should be, and elsewhere. Check cannot fail on other threads. */
typedef struct visits {
    tl_axis of;
    int *of_line, *of_element;
} visits;

static void visit(void *context, tl_line l)
{
    visits *v = context;
    v->of_line[l.index] += l.n == v->of.n && l.stride == v->of.inner;
    for (int64_t k = 0; k < l.n; k++)
        v->of_element[l.first + k * l.stride] += l.first + k * l.stride == at(v->of, l.index, k);
}

START_TEST(lines)
{
    for (int a = 0; a < AXES; a++) {
        const tl_axis of = axes[a];
        visits v = { of, calloc((size_t)left_of(of) + 1, sizeof(int)),
                     calloc((size_t)size_of(of) + 1, sizeof(int)) };
        ck_assert_ok(tl_set_num_threads(1 + a % 3));
        tl_parallel_lines(of, visit, &v);
        for (int64_t l = 0; l < left_of(of); l++)
            ck_assert_int_eq(v.of_line[l], 1);
        for (int64_t k = 0; k < size_of(of); k++)
            ck_assert_int_eq(v.of_element[k], 1);
        free(v.of_line);
        free(v.of_element);
    }
}
END_TEST

/* ---- sums of terms ---- */

/* Term k is 1 / (k + 1): the sum depends on its order. */
static double harmonic(const void *context, int64_t begin, int64_t end)
{
    double sum = *(const double *)context;
    for (int64_t k = begin; k < end; k++)
        sum += 1 / (double)(k + 1);
    return sum;
}

/* One chunk, a part of one, more of them than are kept at a time; none. */
START_TEST(terms_in_their_order)
{
    static const int64_t numbers[] = {
        0, 1, TL_SUM_CHUNK - 1, TL_SUM_CHUNK, TL_SUM_CHUNK + 1, 300 * TL_SUM_CHUNK + 7
    };
    const double zero = 0;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        double expected = 0;
        for (int64_t begin = 0; begin < numbers[k]; begin += TL_SUM_CHUNK) {
            const int64_t left = numbers[k] - begin;
            expected += harmonic(&zero, begin, begin + (left < TL_SUM_CHUNK ? left : TL_SUM_CHUNK));
        }
        for (int threads = 1; threads <= 7; threads += 3) {
            ck_assert_ok(tl_set_num_threads(threads));
            const double sum = tl_sum_terms(numbers[k], harmonic, &zero);
            ck_assert_msg(memcmp(&sum, &expected, sizeof sum) == 0, "%lld terms: %.17g is not %.17g",
                          (long long)numbers[k], sum, expected);
        }
    }
}
END_TEST

START_TEST(mistakes)
{
    const tl_real x[1] = { 0 };
    tl_axis of;
    tl_shape rest;
    tl_graph *g = tl_graph_new();
    tl_node *leaf = tl_input(g, TL_SHAPE(1), x);
    ck_assert_status(tl_axis_of(NULL, 0, &of, &rest), TL_ERR_ARGUMENT, "axis_of: the node is NULL");
    ck_assert_status(tl_axis_of(leaf, 0, NULL, &rest), TL_ERR_ARGUMENT, "axis_of: an output is NULL");
    ck_assert_status(tl_axis_of(leaf, 0, &of, NULL), TL_ERR_ARGUMENT, "axis_of: an output is NULL");
    ck_assert_status(tl_shape_reduced(NULL, 0), TL_ERR_ARGUMENT, "shape_reduced: the node is NULL");
    ck_assert_status(tl_shape_reduced(leaf, 0), TL_ERR_ARGUMENT, "shape_reduced: the node is a leaf");
    tl_parallel_lines((tl_axis){ 1, 1, 1 }, NULL, NULL);
    ck_assert_str_eq(tl_error(), "parallel_lines: the body is NULL");
    ck_assert(tl_sum_terms(1, NULL, NULL) == 0);
    ck_assert_str_eq(tl_error(), "sum_terms: the function is NULL");
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("reduce");
    TCase *c = tl_test_case(s, "reduce");
    tcase_add_checked_fixture(c, NULL, one_thread);
    tcase_add_loop_test(c, sums, 0, 8);
    tcase_add_test(c, sums_are_in_double);
    tcase_add_test(c, means);
    tcase_add_test(c, means_of_extremes);
    tcase_add_test(c, repeats);
    tcase_add_test(c, divisions);
    tcase_add_test(c, lines);
    tcase_add_test(c, terms_in_their_order);
    tcase_add_test(c, mistakes);
    return s;
}
