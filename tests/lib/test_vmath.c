/* vmath.h on every instruction set that this CPU supports: errors against a wider type, special values, and
 * the same bits wherever a number is stored. */
#include "tests/lib/tables.h"
#include "vmath.h"

#include <tgmath.h>

#ifdef TULLE_DOUBLE
typedef long double wide;
#define MANTISSA     DBL_MANT_DIG
#define MIN_EXPONENT DBL_MIN_EXP
#define MAX_EXPONENT DBL_MAX_EXP
#else
typedef double wide;
#define MANTISSA     FLT_MANT_DIG
#define MIN_EXPONENT FLT_MIN_EXP
#define MAX_EXPONENT FLT_MAX_EXP
#endif

#define EXACT(name)                                                                                          \
    static wide exact_##name(wide x)                                                                         \
    {                                                                                                        \
        return name(x);                                                                                      \
    }
EXACT(exp)
EXACT(expm1)
EXACT(log)
EXACT(log1p)
EXACT(tanh)
EXACT(erf)
EXACT(erfc)
EXACT(sin)
EXACT(cos)
EXACT(sqrt)

static wide exact_sigmoid(wide x)
{
    return 1 / (1 + exp(-x));
}

#include "tests/lib/activations.h"

typedef struct function {
    const char *name;
    void (*of_array)(int64_t n, const tl_real *x, tl_real *y);
    void (*reference)(int64_t n, const tl_real *x, tl_real *y);
    wide (*exact)(wide x);
    double max_units[2];  /* the error that vmath.h states, in float and in double */
    double low, high;     /* where to look closely */
    double centre;        /* and more closely: around its multiples */
    double at_special[4]; /* 0, -0, infinity, -infinity */
    wide (*size)(wide x); /* the errors are in units of its last place; NULL: of exact */
} function;

#define FUNCTION(name) #name, tl_v##name, tl_ref_##name, exact_##name
#define log_2          0.69314718055994530942
static const double pi = 3.14159265358979323846;
enum { LOWEST = TL_IS_DOUBLE ? -750 : -106, LOWEST_NORMAL = TL_IS_DOUBLE ? -39 : -15 }; /* 0 below */
static const function functions[] = {
    { FUNCTION(exp), { 3, 4 }, -105, 90, 1, { 1, 1, INFINITY, 0 }, NULL },
    { FUNCTION(expm1), { 3, 4 }, -20, 20, 0, { 0, -0.0, INFINITY, -1 }, NULL },
    { FUNCTION(log), { 4, 2 }, 0, 4, 1, { -INFINITY, -INFINITY, INFINITY, NAN }, NULL },
    { FUNCTION(log1p), { 3, 3 }, -1, 4, 0, { 0, -0.0, INFINITY, NAN }, NULL },
    { FUNCTION(tanh), { 3, 3 }, -20, 20, 0, { 0, -0.0, 1, -1 }, NULL },
    { FUNCTION(sigmoid), { 6, 6 }, -100, 40, 0, { 0.5, 0.5, 1, 0 }, NULL },
    { FUNCTION(erf), { 4, 3 }, -6, 6, 0, { 0, -0.0, 1, -1 }, NULL },
    { FUNCTION(erfc), { 4, 4 }, -6, 28, 0, { 1, 1, 0, 2 }, NULL },
    { FUNCTION(sin), { 4, 4 }, -100, 100, pi / 2, { 0, -0.0, NAN, NAN }, NULL },
    { FUNCTION(cos), { 4, 4 }, -100, 100, pi / 2, { 1, 1, NAN, NAN }, NULL },
    { FUNCTION(sqrt), { 0.5, 0.5 }, 0, 4, 1, { 0, -0.0, INFINITY, NAN }, NULL },
    { FUNCTION(softplus), { 5, 5 }, LOWEST, 40, 0, { log_2, log_2, INFINITY, 0 }, NULL },
    { FUNCTION(silu), { 5, 5 }, LOWEST, 40, 0, { 0, -0.0, INFINITY, 0 }, NULL },
    { FUNCTION(gelu), { 5, 7 }, LOWEST_NORMAL, 8, 0, { 0, -0.0, INFINITY, 0 }, NULL },
    { FUNCTION(softplus_slope), { 5, 5 }, LOWEST, 40, 0, { 0.5, 0.5, 1, 0 }, NULL },
    { FUNCTION(silu_slope), { 5, 5 }, LOWEST, 40, 0, { 0.5, 0.5, 1, 0 }, size_of_silu_slope },
    { FUNCTION(gelu_slope), { 5, 7 }, LOWEST_NORMAL, 8, 0, { 0.5, 0.5, 1, 0 }, size_of_gelu_slope },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static const double max_pow_units[2] = { 2, 2 }; /* with an array of exponents, and with a scalar */

/* ---- Every instruction set ---- */

/* Makes vmath.h use this table until the next call, if the CPU and TULLE_KERNELS allow it. */
static bool use_table(int number)
{
    int best = 0;
    while (table[best] != tl_find_kernels())
        best++;
    t = table[number];
    atomic_store(&tl_chosen_kernels, number >= best ? t : NULL);
    return number >= best;
}

static void use_default_table(void)
{
    atomic_store(&tl_chosen_kernels, NULL);
}

/* ---- Errors ---- */

/* Returns the error of `got` in units in the last place of `size`: of subnormal numbers, in units of
 * the smallest. Infinity counts as the power of two after the largest number. */
static double units_from(tl_real got, wide exact, wide size)
{
    const wide most = ldexp((wide)1, MAX_EXPONENT), value = fmax(-most, fmin(most, (wide)got));
    int exponent;
    if (isnan(got) || isnan(exact))
        return isnan(got) && isnan(exact) ? 0 : INFINITY;
    exact = fmax(-most, fmin(most, exact));
    size = fmax(-most, fmin(most, size));
    if (value == exact)
        return 0;
    frexp(size, &exponent);
    exponent = exponent < MIN_EXPONENT || size == 0 ? MIN_EXPONENT : exponent;
    return (double)ldexp(fabs(value - exact), MANTISSA - exponent);
}

static tl_real x[ARGUMENTS], y[ARGUMENTS], z[ARGUMENTS];
static wide exact[ARGUMENTS], size[ARGUMENTS];

/* Returns a number of random bits: all exponents are equally likely. */
static tl_real any_number(tl_random *r)
{
    const uint64_t bits = (uint64_t)(0x1p53 * tl_random_uniform(r)) << 11 |
                          (uint64_t)tl_random_integer(r, 1 << 11);
    tl_real number;
    memcpy(&number, (const char *)&bits + sizeof bits - sizeof number, sizeof number);
    return isnan(number) ? (tl_real)NAN : number; /* none that signals */
}

/* Fills x with n numbers: of all exponents, of a range, of magnitudes down from its ends, and near multiples
 * of the centre. */
static void fill_arguments(int n, double low, double high, double centre)
{
    tl_random r = { .seed = 1 };
    for (int k = 0; k < n; k++) {
        const double u = tl_random_uniform(&r), magnitude = high * exp2(-40 * u);
        const double multiple = low < 0 ? floor(exp2(24 * tl_random_uniform(&r))) : 1;
        if (k % 4 == 0)
            x[k] = any_number(&r);
        else if (k % 4 == 1)
            x[k] = (tl_real)(low + (high - low) * u);
        else if (k % 4 == 2)
            x[k] = (tl_real)(low < 0 && k % 8 == 2 ? magnitude / high * low : magnitude);
        else
            x[k] = (tl_real)((centre == 0 ? 1 : centre * multiple) *
                             (1 + (k % 8 == 3 ? -1 : 1) * exp2(-60 * u)));
    }
}

/* Returns the largest error among n values of y, and its place in *at. */
static double largest_error(int n, int *at)
{
    double worst = 0;
    *at = 0;
    for (int k = 0; k < n; k++) {
        const double units = units_from(y[k], exact[k], size[k]);
        if (units > worst) {
            worst = units;
            *at = k;
        }
    }
    return worst;
}

/* If the type is not wider, the exact value itself is up to one unit off. */
static const double slack = sizeof(wide) > sizeof(tl_real) ? 0x1p-9 : 1;

START_TEST(errors)
{
    const function *f = &functions[_i];
    if (!tl_test_long_double())
        return;
    fill_arguments(ARGUMENTS, f->low, f->high, f->centre);
    for (int k = 0; k < ARGUMENTS; k++)
        exact[k] = f->exact((wide)x[k]);
    for (int k = 0; k < ARGUMENTS; k++)
        size[k] = f->size ? f->size((wide)x[k]) : exact[k];
    printf("vmath: %-14s", f->name);
    for (int i = 0; i < TABLES; i++)
        if (use_table(i)) {
            int at;
            f->of_array(ARGUMENTS, x, y);
            const double worst = largest_error(ARGUMENTS, &at);
            printf(" %s %.3f", t->name, worst);
            ck_assert_msg(worst <= f->max_units[TL_IS_DOUBLE] + slack, "%s: %s(%.17g) is %.17g, %g units off",
                          t->name, f->name, (double)x[at], (double)y[at], worst);
        }
    printf("\n");
    use_default_table();
}
END_TEST

/* Exponents of random bits, exponents with which results are evenly distributed over the range, and small
 * multiples of a half. One base in five may be negative. */
START_TEST(errors_of_pow)
{
    tl_random r = { .seed = 2 };
    if (!tl_test_long_double())
        return;
    fill_arguments(ARGUMENTS, -4, 4, 1);
    for (int k = 0; k < ARGUMENTS; k++) {
        const double u = 2 * tl_random_uniform(&r) - 1, bits = log2(fabs((double)x[k]));
        z[k] = (tl_real)(k % 3 ? u * MAX_EXPONENT / bits : floor(u * 32) / 2);
        if (k % 16 == 0)
            z[k] = any_number(&r);
        x[k] = k % 5 ? fabs(x[k]) : x[k];
        size[k] = exact[k] = pow((wide)x[k], (wide)z[k]);
    }
    printf("vmath: pow     ");
    for (int i = 0; i < TABLES; i++)
        if (use_table(i)) {
            int at;
            tl_vpow(ARGUMENTS, x, z, y);
            const double worst = largest_error(ARGUMENTS, &at);
            printf(" %s %.3f", t->name, worst);
            ck_assert_msg(worst <= max_pow_units[TL_IS_DOUBLE] + slack,
                          "%s: pow(%.17g, %.17g) is %.17g, %g units off", t->name, (double)x[at],
                          (double)z[at], (double)y[at], worst);
        }
    printf("\n");
    use_default_table();
}
END_TEST

/* Exponents. tl_vpow_scalar has as many paths, and the first of these take one each. */
static const double scalar[] = {
    -1, 2, 3, 0.5, -0.5, 4, 5, 1.7, 0, 1, -2, -3, -0.3, INFINITY, -INFINITY, NAN
};
enum { SCALARS = sizeof scalar / sizeof *scalar, PATHS = 8 };

START_TEST(errors_of_pow_scalar)
{
    enum { N = ARGUMENTS / SCALARS };
    if (!tl_test_long_double())
        return;
    for (int e = 0; e < SCALARS; e++) {
        const tl_real exponent = (tl_real)scalar[e];
        fill_arguments(N, -4, 4, 1);
        for (int k = 0; k < N; k++)
            size[k] = exact[k] = pow((wide)x[k], (wide)exponent);
        for (int i = 0; i < TABLES; i++)
            if (use_table(i)) {
                int at;
                tl_vpow_scalar(N, x, exponent, y);
                const double worst = largest_error(N, &at);
                ck_assert_msg(worst <= max_pow_units[TL_IS_DOUBLE] + slack,
                              "%s: pow(%.17g, scalar %g) is %.17g, %g units off", t->name, (double)x[at],
                              (double)exponent, (double)y[at], worst);
            }
    }
    use_default_table();
}
END_TEST

/* ---- Special values ---- */

START_TEST(special_values)
{
    enum { N = 5 };
    const tl_real special[N] = { 0, (tl_real)-0.0, INFINITY, -INFINITY, NAN };
    for (int i = 0; i < TABLES; i++)
        if (use_table(i)) {
            tl_real got[N];
            for (int f = 0; f < FUNCTIONS; f++) {
                const double *e = functions[f].at_special;
                const tl_real expected[N] = { (tl_real)e[0], (tl_real)e[1], (tl_real)e[2], (tl_real)e[3],
                                              NAN };
                functions[f].of_array(N, special, got);
                check_reference(functions[f].name, got, expected, N);
                functions[f].reference(N, special, got);
                check_reference(functions[f].name, got, expected, N);
            }
            const tl_real edge[] = { 1, -1 };
            tl_vlog(2, edge, got);
            check_reference("log", got, (tl_real[]){ 0, NAN }, 2);
            tl_vsqrt(2, edge, got);
            check_reference("sqrt", got, (tl_real[]){ 1, NAN }, 2);
            tl_vlog1p(2, (tl_real[]){ -1, -2 }, got);
            check_reference("log1p", got, (tl_real[]){ -INFINITY, NAN }, 2);
        }
    use_default_table();
}
END_TEST

static bool is_special(tl_real a)
{
    return a == 0 || fabs(a) == 1 || isinf(a) || isnan(a);
}

/* Every pair of these numbers: pow of them is special where the C library says so, and nowhere else. */
START_TEST(special_values_of_pow)
{
    const double least = TL_IS_DOUBLE ? DBL_MIN : (double)FLT_MIN,
                 most = TL_IS_DOUBLE ? DBL_MAX : (double)FLT_MAX, odd = ldexp(1, MANTISSA) - 1;
    const double number[] = { 0,        1,   2,    3,         4,    5,     0.5,
                              1.5,      odd, most, odd * 0.5, 1e30, least, least / 1024,
                              INFINITY, NAN };
    enum { N = 2 * sizeof number / sizeof *number };
    tl_real base[N * N], exponent[N * N], expected[N * N], got[N * N];
    for (int k = 0; k < N * N; k++) {
        base[k] = (tl_real)((k % 2 ? -1 : 1) * number[k % N / 2]);
        exponent[k] = (tl_real)((k / N % 2 ? -1 : 1) * number[k / N / 2]);
    }
    tl_ref_pow(N * N, base, exponent, expected);
    for (int i = 0; i < TABLES; i++)
        if (use_table(i))
            for (int of_scalar = 0; of_scalar < 2; of_scalar++) {
                tl_vpow(N * N, base, exponent, got);
                if (of_scalar)
                    for (int k = 0; k < N * N; k += N)
                        tl_vpow_scalar(N, base + k, exponent[k], got + k);
                for (int k = 0; k < N * N; k++)
                    if (is_special(expected[k]) || is_special(got[k]))
                        check_reference("pow", got + k, expected + k, 1);
            }
    use_default_table();
}
END_TEST

/* ---- Places ---- */

enum { LONGEST = 70, PLACES = 2 * LONGEST + 1, CALLS = FUNCTIONS + 1 + PATHS };

/* Calls a function, pow with an array of exponents, or pow with each kind of scalar. */
static void call(int f, int64_t n, const tl_real *a, const tl_real *exponent, tl_real *to)
{
    if (f < FUNCTIONS)
        functions[f].of_array(n, a, to);
    else if (f == FUNCTIONS)
        tl_vpow(n, a, exponent, to);
    else
        tl_vpow_scalar(n, a, (tl_real)scalar[f - FUNCTIONS - 1], to);
}

/* Each number has the bits that it has alone, wherever it is in an array of any length, in place, too; and
 * nothing else is written. Some numbers make a function take another path for their vector. */
static void check_places(int f)
{
    tl_real alone[PLACES], got[PLACES], expected[PLACES];
    for (int k = 0; k < PLACES; k++)
        call(f, 1, x + k, z + k, alone + k);
    for (int shift = 0; shift <= LONGEST; shift++)
        for (int n = 0; n <= LONGEST; n++) {
            memcpy(expected, x, sizeof expected);
            memcpy(expected + shift, alone + shift, (size_t)n * sizeof *alone);
            memcpy(got, x, sizeof got);
            call(f, n, x + shift, z + shift, got + shift);
            ck_assert_all_same(got, expected, PLACES);
            memcpy(got, x, sizeof got);
            call(f, n, got + shift, z + shift, got + shift);
            ck_assert_all_same(got, expected, PLACES);
        }
}

START_TEST(places)
{
    tl_random r = { .seed = 3 };
    fill_arguments(PLACES, -50, 50, 1);
    for (int k = 0; k < PLACES; k++)
        z[k] = k % 7 ? (tl_real)(floor(8 * tl_random_uniform(&r)) / 2 - 2) : any_number(&r);
    for (int i = 0; i < TABLES; i++)
        if (use_table(i))
            check_places(_i);
    use_default_table();
}
END_TEST

/* ---- Sums ---- */

static void check_sums(int64_t n)
{
    operand a = odd_values(n, n % 5, 1), b = odd_values(n, n % 3, 2), c = odd_values(n, n % 3, 2);
    tl_vadd(n, a.at, b.at);
    tl_ref_add(n, a.at, c.at);
    check_reference("add", b.at, c.at, n);
    tl_vaxpy(n, (tl_real)0.3, a.at, b.at);
    tl_ref_axpy(fuses(), n, (tl_real)0.3, a.at, c.at);
    check_reference("axpy", b.at, c.at, n);
    const tl_real got = tl_vdot(n, a.at, b.at), expected = tl_ref_dot(fuses(), n, a.at, c.at);
    check_reference("dot", &got, &expected, 1);
    free(a.block);
    free(b.block);
    free(c.block);
}

START_TEST(sums)
{
    for (int i = 0; i < TABLES; i++)
        if (use_table(i))
            for (int64_t n = 0; n < 200; n++)
                check_sums(n);
    use_default_table();
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("vmath");
    TCase *c = tl_test_case(s, "vmath");
    tcase_add_loop_test(c, errors, 0, FUNCTIONS);
    tcase_add_test(c, errors_of_pow);
    tcase_add_test(c, errors_of_pow_scalar);
    tcase_add_test(c, special_values);
    tcase_add_test(c, special_values_of_pow);
    tcase_add_loop_test(c, places, 0, CALLS);
    tcase_add_test(c, sums);
    return s;
}
