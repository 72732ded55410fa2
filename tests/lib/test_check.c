/* Checks of options: the edges of what passes, and the texts of what does not. */
#include "tests/testing.h"

#include "lib/check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

static const bool in_double = sizeof(tl_real) == sizeof(double);

START_TEST(positive)
{
    ck_assert_ok(tl_check_positive("f", "x", 1));
    ck_assert_ok(tl_check_positive("f", "x", (double)FLT_MIN));
    ck_assert_ok(tl_check_positive("f", "x", (double)FLT_MAX));
    ck_assert_status(tl_check_positive("f", "x", 0), TL_ERR_ARGUMENT, "f: x 0 must be > 0");
    ck_assert_status(tl_check_positive("f", "x", -1e-8), TL_ERR_ARGUMENT, "f: x -1e-08 must be > 0");
    ck_assert_status(tl_check_positive("f", "x", fabs(NAN)), TL_ERR_ARGUMENT, "f: x nan must be > 0");
    ck_assert_status(tl_check_positive("f", "x", INFINITY), TL_ERR_ARGUMENT,
                     "f: x inf is out of the range of tl_real");
}
END_TEST

START_TEST(at_least_zero)
{
    ck_assert_ok(tl_check_at_least_zero("f", "x", 0));
    ck_assert_ok(tl_check_at_least_zero("f", "x", -0.0));
    ck_assert_ok(tl_check_at_least_zero("f", "x", 1e-300)); /* as a float it is 0 */
    ck_assert_ok(tl_check_at_least_zero("f", "x", (double)FLT_MAX));
    ck_assert_status(tl_check_at_least_zero("f", "x", -0.5), TL_ERR_ARGUMENT, "f: x -0.5 must be >= 0");
    ck_assert_status(tl_check_at_least_zero("f", "x", fabs(NAN)), TL_ERR_ARGUMENT, "f: x nan must be >= 0");
    ck_assert_status(tl_check_at_least_zero("f", "x", INFINITY), TL_ERR_ARGUMENT,
                     "f: x inf is out of the range of tl_real");
}
END_TEST

/* Values that a double holds and a float does not. */
START_TEST(beyond_float)
{
    const tl_status expected = in_double ? TL_OK : TL_ERR_ARGUMENT;
    ck_assert_int_eq(tl_check_positive("f", "x", 1e-60), expected);
    ck_assert_int_eq(tl_check_positive("f", "x", 1e300), expected);
    ck_assert_int_eq(tl_check_at_least_zero("f", "x", 1e300), expected);
    ck_assert_int_eq(tl_check_range("f", "x", -1e300, '(', -INFINITY, 0, ')'), expected);
    if (!in_double)
        ck_assert_str_eq(tl_error(), "f: x -1e+300 is out of the range of tl_real");
}
END_TEST

/* Each end, included or not, and the neighbours of the ends. */
START_TEST(range)
{
    const double low = -0.5, high = 2;
    const struct {
        char open, close;
        const char *text;
    } as[] = { { '[', ']', "[-0.5, 2]" },
               { '[', ')', "[-0.5, 2)" },
               { '(', ']', "(-0.5, 2]" },
               { '(', ')', "(-0.5, 2)" } };
    for (size_t k = 0; k < sizeof as / sizeof *as; k++) {
        const char open = as[k].open, close = as[k].close;
        ck_assert_int_eq(tl_check_range("f", "x", low, open, low, high, close) == TL_OK, open == '[');
        ck_assert_int_eq(tl_check_range("f", "x", high, open, low, high, close) == TL_OK, close == ']');
        ck_assert_ok(tl_check_range("f", "x", nextafter(low, high), open, low, high, close));
        ck_assert_ok(tl_check_range("f", "x", nextafter(high, low), open, low, high, close));
        const double outside[] = { nextafter(low, -1), nextafter(high, 3), -INFINITY, INFINITY, NAN };
        for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
            ck_assert_int_eq(tl_check_range("f", "x", outside[i], open, low, high, close), TL_ERR_ARGUMENT);
        char expected[64];
        snprintf(expected, sizeof expected, "f: x 3 is not in %s", as[k].text);
        ck_assert_status(tl_check_range("f", "x", 3, open, low, high, close), TL_ERR_ARGUMENT, expected);
    }
    ck_assert_status(tl_check_range("f", "x", 1, '(', -INFINITY, 0, ')'), TL_ERR_ARGUMENT,
                     "f: x 1 is not in (-inf, 0)");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("check");
    TCase *c = tl_test_case(s, "check");
    tcase_add_test(c, positive);
    tcase_add_test(c, at_least_zero);
    tcase_add_test(c, beyond_float);
    tcase_add_test(c, range);
    return s;
}
