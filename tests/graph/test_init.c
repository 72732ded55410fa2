/* Initialisers: how many numbers are drawn, from which laws, and the fans as they are wired. */
#include "tests/testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Draws ---- */

/* The same two-by-three values that exist of 3 x 4 as a sparse and as a masked variable, and all twelve. */
static tl_variable *make(int kind, tl_pattern *p)
{
    tl_variable *v = kind == 0 ? tl_variable_sparse("v", p)
                               : tl_variable_dense("v", TL_SHAPE(tl_pattern_rows(p), tl_pattern_cols(p)));
    if (kind == 1)
        ck_assert_ok(tl_variable_set_mask(v, p));
    return v;
}

enum { LAWS = 6 };

static tl_status draw(int law, tl_variable *v, tl_random *r)
{
    switch (law) {
    case 0: return tl_init_uniform(v, -1, 2, r);
    case 1: return tl_init_normal(v, 1, 2, r);
    case 2: return tl_init_glorot(v, r);
    case 3: return tl_init_he(v, r);
    case 4: return tl_init_glorot_rows(v, r);
    default: return tl_init_he_rows(v, r);
    }
}

START_TEST(one_draw_a_value)
{
    tl_pattern *p = tl_test_pattern(7, 9, 0.4, 3);
    for (int kind = 0; kind < 3; kind++) {
        tl_variable *v = make(kind, p);
        tl_random r = { .seed = 5, .position = 100 };
        ck_assert_ok(draw(_i, v, &r));
        ck_assert_uint_eq(r.position, 100 + (uint64_t)(kind == 2 ? 63 : tl_pattern_nnz(p)));
        ck_assert_uint_eq(r.seed, 5);
        tl_variable_free(v);
    }
    tl_pattern_release(p);
}
END_TEST

/* To the bit; off the mask +0. Row 1 and column 1 are empty: nothing is divided by their 0 connections. */
START_TEST(sparse_and_masked_agree)
{
    tl_pattern *p = tl_test_pattern(7, 9, 0.4, 3);
    tl_variable *s = make(0, p), *m = make(1, p);
    ck_assert_ok(draw(_i, s, &(tl_random){ .seed = 5 }));
    ck_assert_ok(draw(_i, m, &(tl_random){ .seed = 5 }));
    tl_real *expanded = tl_test_expand(p, tl_variable_data(s));
    ck_assert_same(tl_variable_data(m), expanded, 63);
    for (int64_t k = 0; k < tl_pattern_nnz(p); k++)
        ck_assert(isfinite(tl_variable_data(s)[k]) && tl_variable_data(s)[k] != 0);
    free(expanded);
    tl_pattern_release(p);
    tl_variable_free(s);
    tl_variable_free(m);
}
END_TEST

START_TEST(constant)
{
    const uint8_t keep[] = { 1, 0, 0, 1, 1, 0 };
    tl_pattern *p = tl_pattern_from_mask(2, 3, keep);
    tl_variable *s = make(0, p), *m = make(1, p), *d = make(2, p);
    ck_assert_ok(tl_init_constant(s, 0.5f));
    ck_assert_ok(tl_init_constant(m, 0.5f));
    ck_assert_ok(tl_init_constant(d, -3));
    ck_assert_values(tl_variable_data(s), 3, 0, 0.5, 0.5, 0.5);
    ck_assert_values(tl_variable_data(m), 6, 0, 0.5, 0, 0, 0.5, 0.5, 0);
    ck_assert_values(tl_variable_data(d), 6, 0, -3, -3, -3, -3, -3, -3);
    tl_pattern_release(p);
    tl_variable_free(s);
    tl_variable_free(m);
    tl_variable_free(d);
}
END_TEST

/* ---- Laws ---- */

/* n draws of a law with mean m, deviation s and fourth central moment q s^4: the mean lies within 5 s /
 * sqrt(n) of m, the variance within 5 s^2 sqrt((q - 1) / n) of s^2, but for one seed in a million. */
static void check_moments(const tl_real *x, int64_t n, double m, double s, double q)
{
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; k++)
        sum += (double)x[k];
    for (int64_t k = 0; k < n; k++)
        squares += ((double)x[k] - m) * ((double)x[k] - m);
    ck_assert_double_eq_tol(sum / (double)n, m, 5 * s / sqrt((double)n));
    ck_assert_double_eq_tol(squares / (double)n, s * s, 5 * s * s * sqrt((q - 1) / (double)n));
}

/* [low, high) in float, too: a draw in double just below the end rounds to it. Draw 19351156 of seed 1
 * does. */
START_TEST(uniform_excludes_its_end)
{
    const tl_real ends[][2] = { { 0, 1 }, { 1, 0 }, { 1, 1 + 0x1p-20f }, { -3, -2 }, { 2, 2 } };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2000));
    for (int k = 0; k < 5; k++) {
        const tl_real low = ends[k][0], high = ends[k][1];
        ck_assert_ok(tl_init_uniform(v, low, high, &(tl_random){ .seed = 1, .position = 19351000 }));
        for (int64_t i = 0; i < tl_variable_size(v); i++) {
            const tl_real x = tl_variable_data(v)[i];
            ck_assert(low < high ? low <= x && x < high : low > high ? low >= x && x > high : x == low);
        }
    }
    tl_variable_free(v);
}
END_TEST

START_TEST(uniform_over_all_numbers)
{
    const tl_real most = TL_IS_DOUBLE ? (tl_real)0x1.8p1023 : (tl_real)0x1.8p127;
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(1000));
    ck_assert_ok(tl_init_uniform(v, -most, most, &(tl_random){ .seed = 1 }));
    double sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += (double)(tl_variable_data(v)[i] / most);
    ck_assert(fabs(sum) < 60);
    tl_variable_free(v);
}
END_TEST

/* Rows without values: none is visited. */
START_TEST(zero_beside_huge)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE((int64_t)1 << 50, 0));
    tl_random r = { .seed = 5 };
    ck_assert_ok(draw(_i, v, &r));
    ck_assert_uint_eq(r.position, 0);
    tl_variable_free(v);
}
END_TEST

START_TEST(uniform)
{
    enum { N = 40000 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(200, 200));
    const tl_real *x = tl_variable_data(v);
    ck_assert_ok(tl_init_uniform(v, -1, 2, &(tl_random){ .seed = 1 }));
    check_moments(x, N, 0.5, 3 / sqrt(12), 9.0 / 5);
    tl_real low = 2, high = -1;
    for (int k = 0; k < N; k++) {
        low = x[k] < low ? x[k] : low;
        high = x[k] > high ? x[k] : high;
    }
    /* the ends are met to 3 * 12 / N, but for one seed in e^12 */
    ck_assert(low >= -1 && (double)low < -1 + 36.0 / N);
    ck_assert(high <= 2 && (double)high > 2 - 36.0 / N);
    tl_variable_free(v);
}
END_TEST

START_TEST(normal)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(200, 200));
    ck_assert_ok(tl_init_normal(v, 3, 2, &(tl_random){ .seed = 1 }));
    check_moments(tl_variable_data(v), 40000, 3, 2, 3);
    tl_variable_free(v);
}
END_TEST

/* ---- Fans ---- */

/* As the header says it, over the values that exist: a value's fan-in are those of its filter, its fan-out
 * those of its input, which are its first two indices. */
static void count_filter_fans(tl_shape shape, const uint8_t *keep, int64_t at, double *in, double *out)
{
    int64_t places = shape.dim[2] * (shape.rank > 3 ? shape.dim[3] : 1), inputs = shape.dim[1];
    *in = *out = 0;
    for (int64_t k = 0; k < tl_shape_size(shape); k++) {
        *in += keep[k] && k / places / inputs == at / places / inputs;
        *out += keep[k] && k / places % inputs == at / places % inputs;
    }
}

/* Likewise: a value's fan-in are those in its column, its fan-out those that share its last index but one. */
static void count_fans(tl_shape shape, const uint8_t *keep, int64_t at, double *in, double *out)
{
    int64_t cols = shape.rank > 0 ? shape.dim[shape.rank - 1] : 1;
    int64_t inputs = shape.rank > 1 ? shape.dim[shape.rank - 2] : 1;
    *in = *out = 0;
    for (int64_t k = 0; k < tl_shape_size(shape); k++) {
        *in += keep[k] && k % cols == at % cols;
        *out += keep[k] && k / cols % inputs == at / cols % inputs;
    }
}

/* Glorot and He by the formulas of the header, draw by draw. */
static void check_fans(tl_shape shape, const uint8_t *keep, bool masked, bool rows)
{
    int64_t n = tl_shape_size(shape);
    tl_variable *v = tl_variable_dense("v", shape);
    if (masked) {
        tl_pattern *p = tl_pattern_from_mask(tl_shape_rows(shape), tl_shape_cols(shape), keep);
        ck_assert_ok(tl_variable_set_mask(v, p));
        tl_pattern_release(p);
    }
    for (int he = 0; he < 2; he++) {
        tl_random r = { .seed = 7 }, again = r;
        ck_assert_ok(draw(2 + he + 2 * rows, v, &r));
        double *expected = calloc((size_t)n, sizeof *expected);
        for (int64_t k = 0; k < n; k++) {
            double in, out;
            if (rows && shape.rank > 2)
                count_filter_fans(shape, keep, k, &in, &out);
            else
                count_fans(shape, keep, k, rows ? &out : &in, rows ? &in : &out);
            if (keep[k] && he)
                expected[k] = sqrt(2 / in) * tl_random_normal(&again);
            else if (keep[k])
                expected[k] = sqrt(6 / (in + out)) * (2 * tl_random_uniform(&again) - 1);
        }
        tl_test_values(__FILE__, __LINE__, he ? "he" : "glorot", tl_variable_data(v), n, TL_NEAR, expected);
        free(expected);
    }
    tl_variable_free(v);
}

START_TEST(fans)
{
    static const struct {
        tl_shape shape;
        bool masked, rows;
    } table[] = {
        { { 2, { 6, 5 } }, false, false },      { { 2, { 6, 5 } }, false, true },
        { { 2, { 6, 5 } }, true, false },       { { 2, { 6, 5 } }, true, true },
        { { 1, { 8 } }, false, false },         { { 1, { 8 } }, true, false },
        { { 0, { 0 } }, false, false },         { { 3, { 3, 2, 4 } }, false, false },
        { { 3, { 3, 2, 4 } }, true, false },    { { 4, { 3, 3, 2, 4 } }, false, false },
        { { 4, { 3, 3, 2, 4 } }, true, false }, { { 2, { 1, 5 } }, true, false },
        { { 3, { 3, 2, 4 } }, false, true },    { { 3, { 3, 2, 4 } }, true, true },
        { { 4, { 4, 3, 2, 3 } }, false, true }, { { 4, { 4, 3, 2, 3 } }, true, true },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint8_t keep[72];
        tl_random r = { .seed = i };
        for (int k = 0; k < 72; k++)
            keep[k] = !table[i].masked || tl_random_uniform(&r) < 0.6;
        check_fans(table[i].shape, keep, table[i].masked, table[i].rows);
        memset(keep, 1, sizeof keep); /* a mask that keeps everything is none */
        check_fans(table[i].shape, keep, table[i].masked, table[i].rows);
    }
}
END_TEST

/* A worked example: 3 x 3 x 16 x 32 has a fan-in of 9 * 16 and a fan-out of 9 * 32 (PyTorch 1.13's
 * _calculate_fan_in_and_fan_out of the same kernel laid out 32 x 16 x 3 x 3: 144, 288). */
START_TEST(a_convolution_kernel)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(3, 3, 16, 32));
    ck_assert_ok(tl_init_he(v, &(tl_random){ .seed = 1 }));
    check_moments(tl_variable_data(v), 4608, 0, sqrt(2.0 / 144), 3);
    ck_assert_ok(tl_init_glorot(v, &(tl_random){ .seed = 1 }));
    check_moments(tl_variable_data(v), 4608, 0, sqrt(2.0 / (144 + 288)), 9.0 / 5);
    tl_variable_free(v);
}
END_TEST

/* The same kernel as tl_conv2d has it. */
START_TEST(filters)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(32, 16, 3, 3));
    ck_assert_ok(tl_init_he_rows(v, &(tl_random){ .seed = 1 }));
    check_moments(tl_variable_data(v), 4608, 0, sqrt(2.0 / 144), 3);
    ck_assert_ok(tl_init_glorot_rows(v, &(tl_random){ .seed = 1 }));
    check_moments(tl_variable_data(v), 4608, 0, sqrt(2.0 / (144 + 288)), 9.0 / 5);
    tl_variable_free(v);
}
END_TEST

/* ---- Edges ---- */

/* Tables of rank 3, whose rows were each counted for every other one. */
START_TEST(many_rows_of_a_kernel)
{
    enum { ROWS = 1 << 20 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(ROWS, 1, 1));
    tl_pattern *p = tl_test_pattern(ROWS, 1, 0.5, 1);
    tl_random r = { .seed = 1 };
    ck_assert_ok(draw(_i, v, &r));
    ck_assert_uint_eq(r.position, ROWS);
    ck_assert_ok(tl_variable_set_mask(v, p));
    ck_assert_ok(draw(_i, v, &r));
    ck_assert_uint_eq(r.position, ROWS + (uint64_t)tl_pattern_nnz(p));
    tl_pattern_release(p);
    tl_variable_free(v);
}
END_TEST

START_TEST(nothing_to_draw)
{
    tl_pattern *none = tl_pattern_random(3, 4, 0, 1);
    tl_variable *s = tl_variable_sparse("s", none), *e = tl_variable_dense("e", TL_SHAPE(0, 4)),
                *f = tl_variable_dense("f", TL_SHAPE(2, 0, 3, 4));
    tl_random r = { .seed = 1 };
    ck_assert_ok(draw(_i, s, &r));
    ck_assert_ok(draw(_i, e, &r));
    ck_assert_ok(draw(_i, f, &r));
    ck_assert_uint_eq(r.position, 0);
    tl_pattern_release(none);
    tl_variable_free(s);
    tl_variable_free(e);
    tl_variable_free(f);
}
END_TEST

START_TEST(refusals)
{
    static const char *const name[LAWS] = { "uniform", "normal", "glorot", "he", "glorot_rows", "he_rows" };
    tl_random r = { .seed = 1, .position = 3 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(3));
    for (int law = 0; law < LAWS; law++) {
        char text[80];
        snprintf(text, sizeof text, "init_%s: the variable is NULL", name[law]);
        ck_assert_status(draw(law, NULL, &r), TL_ERR_ARGUMENT, text);
        snprintf(text, sizeof text, "init_%s: the generator is NULL", name[law]);
        ck_assert_status(draw(law, v, NULL), TL_ERR_ARGUMENT, text);
    }
    ck_assert_status(tl_init_constant(NULL, 1), TL_ERR_ARGUMENT, "init_constant: the variable is NULL");
    ck_assert_uint_eq(r.position, 3);
    ck_assert_values(tl_variable_data(v), 3, 0, 0, 0, 0);
    tl_variable_free(v);
}
END_TEST

/* Counting the connections of a column may need memory: then nothing was drawn and nothing written. */
START_TEST(short_of_memory)
{
    tl_pattern *p = tl_test_pattern(3, 4, 1, 1);
    tl_variable *v = tl_variable_sparse("v", p);
    tl_random r = { .seed = 1 };
    const tl_real zeros[6] = { 0 };
    tl_test_fail_allocation(1);
    ck_assert_status(tl_init_he(v, &r), TL_ERR_MEMORY, "out of memory");
    ck_assert_uint_eq(r.position, 0);
    ck_assert_same(tl_variable_data(v), zeros, 6);
    ck_assert_ok(tl_init_he(v, &r));
    tl_variable_free(v);
    tl_pattern_release(p);
    v = tl_variable_dense("v", TL_SHAPE(1, 2, 3)); /* filters, whose values are counted */
    tl_test_fail_allocation(1);
    ck_assert_status(tl_init_he_rows(v, &(tl_random){ .seed = 1 }), TL_ERR_MEMORY, "out of memory");
    ck_assert_same(tl_variable_data(v), zeros, 6);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("init");
    TCase *c = tl_test_case(s, "draws");
    tcase_add_loop_test(c, one_draw_a_value, 0, LAWS);
    tcase_add_loop_test(c, sparse_and_masked_agree, 0, LAWS);
    tcase_add_test(c, constant);
    c = tl_test_case(s, "laws");
    tcase_add_test(c, uniform);
    tcase_add_test(c, uniform_excludes_its_end);
    tcase_add_test(c, uniform_over_all_numbers);
    tcase_add_loop_test(c, zero_beside_huge, 0, LAWS);
    tcase_add_test(c, normal);
    c = tl_test_case(s, "fans");
    tcase_add_test(c, fans);
    tcase_add_test(c, a_convolution_kernel);
    tcase_add_test(c, filters);
    tcase_add_loop_test(c, many_rows_of_a_kernel, 0, LAWS);
    c = tl_test_case(s, "edges");
    tcase_add_loop_test(c, nothing_to_draw, 0, LAWS);
    tcase_add_test(c, refusals);
    tcase_add_test(c, short_of_memory);
    return s;
}
