/* Numbers as text: exact against the C library's strtod in the "C" locale, in both directions, in any
 * locale. */
#include "tests/testing.h"

#include "lib/io/number.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define R53 9007199254740992.0 /* 2^53 */

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Checks that the text is parsed as strtod parses it. Asserts failures only: Check notes the place of each
 * assertion in a file, which for millions of texts takes longer than all else. */
static void assert_as_strtod(const char *text)
{
    const char *s = text;
    char *end;
    double x = 7;
    const double expected = strtod(text, &end);
    const tl_parsed parsed = tl_parse_double(&s, &x);
    const bool right = isinf(expected) ? parsed == TL_PARSED_TOO_LARGE && s == text && x == 7
                                       : parsed == TL_PARSED && s == end && same_bits(x, expected);
    if (!right)
        ck_abort_msg("%s: %a, expected %a; stops at %s", text, x, expected, s);
}

static const char *const double_texts[] = {
    "0",
    "-0",
    "+0",
    "00",
    "0.0",
    ".5",
    "5.",
    "-.5e1",
    "1e5",
    "1E+5",
    "1e-5",
    "1e",
    "1e+",
    "1.5ex",
    "1.2.3",
    "1:2",
    "12,5",
    "1e0005",
    "1e-0005",
    "000000000000000000000000000001.5",
    "0.00000000000000000000000000000015",
    /* halfway between doubles, and next to it */
    "9007199254740993",
    "9007199254740995",
    "9007199254740993.0000000001",
    "9007199254740992.99999999999",
    "18014398509481986",
    "18014398509481990",
    "9007199254740991.5",
    "4503599627370496.5",
    "4503599627370497.5",
    "9223372036854774784.5",
    "9223372036854775296",
    "9223372036854775295.99999",
    /* 19 and 20 digits, powers at the limits of the table and beyond */
    "9999999999999999999",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "1234567890123456789e27",
    "9999999999999999999e27",
    "9999999999999999999e28",
    "1e-27",
    "1e-28",
    "1e27",
    "1e28",
    "9999999999999999999e-27",
    "9999999999999999999e-28",
    "1.8446744073709551615",
    "0.1234567890123456789",
    /* the ends of the range */
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "1.7976931348623159e308",
    "1e308",
    "1e309",
    "-1e309",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "0e99999999999999999999",
    "2.2250738585072014e-308",
    "2.2250738585072011e-308",
    "4.9406564584124654e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324",
};

START_TEST(doubles)
{
    for (size_t k = 0; k < sizeof double_texts / sizeof *double_texts; k++)
        assert_as_strtod(double_texts[k]);
    char longest[3000] = "0.";
    memset(longest + 2, '1', sizeof longest - 3);
    assert_as_strtod(longest);
    memset(longest, '7', 301);
    assert_as_strtod(longest);
    memset(longest, '0', sizeof longest - 1);
    assert_as_strtod(longest);
}
END_TEST

/* An exponent that a very long fraction makes up for: exactly, nearly, or not at all. */
START_TEST(long_exponents)
{
    static const char *const exponents[] = { "e300001", "e300002", "e3000010", "e-3000010",
                                             "e9999999999999999999" };
    enum { ZEROS = 300000 };
    char *text = malloc(ZEROS + 40);
    ck_assert_ptr_nonnull(text);
    memset(text, '0', ZEROS + 2);
    text[1] = '.';
    for (int k = 0; k < 5; k++) {
        sprintf(text + 2 + ZEROS, "3%s", exponents[k]);
        assert_as_strtod(text);
    }
    free(text);
}
END_TEST

/* A million texts of four kinds: as printed with 17 digits, any integer of 64 bits by a power of ten, exactly
 * halfway between two doubles, and with fewer digits. */
START_TEST(many_doubles)
{
    tl_random r = { .seed = 1 };
    char text[64];
    for (int k = 0; k < 250000; k++) {
        const uint64_t bits = (uint64_t)tl_random_integer(&r, INT64_MAX);
        const double x = ((double)(bits >> 10) / R53 - 0.5) * 8;
        snprintf(text, sizeof text, "%.17g", x);
        assert_as_strtod(text);
        snprintf(text, sizeof text, "%" PRIu64 "e%d", 2 * bits % 10000000000000000000u,
                 (int)(bits % 61) - 30);
        assert_as_strtod(text);
        snprintf(text, sizeof text, "%" PRIu64 ".5", (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52);
        assert_as_strtod(text);
        snprintf(text, sizeof text, "%.*g", (int)(bits % 17) + 1, x * 1e10);
        assert_as_strtod(text);
    }
}
END_TEST

START_TEST(infinite_and_nan)
{
    static const struct {
        const char *text;
        double value;
        int length;
    } words[] = { { "inf", INFINITY, 3 },   { "-Inf", -INFINITY, 4 },     { "+INFINITY", INFINITY, 9 },
                  { "infin", INFINITY, 3 }, { "infinitys", INFINITY, 8 }, { "nan", NAN, 3 },
                  { "-NaN", NAN, 4 },       { "nan(1)", NAN, 3 } };
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        const char *s = words[k].text;
        double x = 7;
        tl_real y = 7;
        ck_assert_int_eq(tl_parse_double(&s, &x), TL_PARSED);
        ck_assert(x == words[k].value || (isnan(x) && isnan(words[k].value)));
        ck_assert_int_eq(s - words[k].text, words[k].length);
        s = words[k].text;
        ck_assert_int_eq(tl_parse_real(&s, &y), TL_PARSED);
        ck_assert((double)y == words[k].value || (isnan(y) && isnan(words[k].value)));
    }
    const char *s = "0x10";
    double x = 7;
    ck_assert_int_eq(tl_parse_double(&s, &x), TL_PARSED);
    ck_assert(x == 0);
    ck_assert_str_eq(s, "x10");
}
END_TEST

START_TEST(no_numbers)
{
    static const char *const texts[] = { "",   ".",   "-",  "+",  "-.", "e5", ".e5", "+-1", "--1",
                                         " 1", "\n1", "in", "na", "x",  "i",  ",5",  "\xff" };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const char *s = texts[k];
        double x = 7;
        tl_real y = 7;
        int64_t n = 7;
        ck_assert_int_eq(tl_parse_double(&s, &x), TL_PARSED_NOTHING);
        ck_assert_int_eq(tl_parse_real(&s, &y), TL_PARSED_NOTHING);
        ck_assert_int_eq(tl_parse_integer(&s, &n), TL_PARSED_NOTHING);
        ck_assert(s == texts[k] && x == 7 && y == 7 && n == 7);
    }
}
END_TEST

START_TEST(whole_numbers)
{
    static const struct {
        const char *text;
        tl_parsed parsed;
        int64_t value;
        int length;
    } integers[] = { { "0", TL_PARSED, 0, 1 },
                     { "-0", TL_PARSED, 0, 2 },
                     { "+12x", TL_PARSED, 12, 3 },
                     { "-12.5", TL_PARSED, -12, 3 },
                     { "9223372036854775807", TL_PARSED, INT64_MAX, 19 },
                     { "-9223372036854775808", TL_PARSED, INT64_MIN, 20 },
                     { "9223372036854775808", TL_PARSED_TOO_LARGE, 7, 0 },
                     { "-9223372036854775809", TL_PARSED_TOO_LARGE, 7, 0 },
                     { "18446744073709551617", TL_PARSED_TOO_LARGE, 7, 0 },
                     { "99999999999999999999999999999999999999", TL_PARSED_TOO_LARGE, 7, 0 },
                     { "-00000000000000000000000000000000005", TL_PARSED, -5, 36 },
                     { "1e3", TL_PARSED, 1, 1 } };
    for (size_t k = 0; k < sizeof integers / sizeof *integers; k++) {
        const char *s = integers[k].text;
        int64_t x = 7;
        ck_assert_msg(tl_parse_integer(&s, &x) == integers[k].parsed, "%s", integers[k].text);
        ck_assert_int_eq(x, integers[k].value);
        ck_assert_int_eq(s - integers[k].text, integers[k].length);
    }
}
END_TEST

/* A real number is the double, rounded once more: 16777217 is halfway between two floats, the text is not. */
START_TEST(reals)
{
    const char *s = "16777217.000000001", *too_large = TL_IS_DOUBLE ? "1e309" : "3.4028236e38",
               *small = "-1e-46";
    tl_real x;
    ck_assert_int_eq(tl_parse_real(&s, &x), TL_PARSED);
    ck_assert(x == (TL_IS_DOUBLE ? (tl_real)16777217.000000001 : (tl_real)16777216));
    s = too_large;
    ck_assert_int_eq(tl_parse_real(&s, &x), TL_PARSED_TOO_LARGE);
    ck_assert_ptr_eq(s, too_large);
    ck_assert_int_eq(tl_parse_real(&small, &x), TL_PARSED);
    ck_assert(x == (tl_real)-1e-46 && signbit(x));
}
END_TEST

static void assert_printed(double x, const char *expected)
{
    char text[TL_NUMBER_SIZE];
    ck_assert_int_eq(tl_print_double(text, x), (int)strlen(expected));
    ck_assert_str_eq(text, expected);
}

START_TEST(printed)
{
    assert_printed(0, "0");
    assert_printed(-0.0, "-0");
    assert_printed(-3, "-3");
    assert_printed(999999, "999999");
    assert_printed(1e6, "1000000");
    assert_printed(1e15, "1e+15");
    assert_printed(0.1, "0.1");
    assert_printed(1e-7, "1e-07");
    assert_printed(0.1 + 0.2, "0.30000000000000004");
    assert_printed(1.0 / 3, "0.3333333333333333");
    assert_printed(5e-324, "5e-324");
    assert_printed(DBL_MIN, "2.2250738585072014e-308");
    assert_printed(-DBL_MAX, "-1.7976931348623157e+308");
    assert_printed(INFINITY, "inf");
    assert_printed(-INFINITY, "-inf");
    assert_printed(NAN, "nan");
    assert_printed(-NAN, "nan");
    char text[TL_NUMBER_SIZE];
    ck_assert_int_eq(tl_print_integer(text, INT64_MIN), 20);
    ck_assert_str_eq(text, "-9223372036854775808");
    tl_print_integer(text, 0);
    ck_assert_str_eq(text, "0");
    tl_print_real(text, (tl_real)0.1f);
    ck_assert_str_eq(text, TL_IS_DOUBLE ? "0.10000000149011612" : "0.1");
    tl_print_real(text, (tl_real)FLT_MAX);
    ck_assert_str_eq(text, TL_IS_DOUBLE ? "3.4028234663852886e+38" : "3.4028235e+38");
}
END_TEST

/* Any bits that are a number come back, and no text with fewer digits would do. */
START_TEST(round_trips)
{
    tl_random r = { .seed = 2 };
    char text[TL_NUMBER_SIZE], shorter[TL_NUMBER_SIZE + 20];
    for (int k = 0; k < 20000; k++) {
        const uint64_t bits = (uint64_t)tl_random_integer(&r, INT64_MAX);
        double x;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            continue;
        const tl_real y = TL_IS_DOUBLE ? (tl_real)x : (tl_real)ldexp(x / DBL_MAX, (int)(bits % 270) - 140);
        tl_real z = 0;
        double w = 0;
        const char *s = text;
        tl_print_real(text, y);
        ck_assert_int_eq(tl_parse_real(&s, &z), TL_PARSED);
        ck_assert_msg(*s == '\0' && z == y, "%a as %s", (double)y, text);
        s = text;
        tl_print_double(text, x);
        ck_assert_int_eq(tl_parse_double(&s, &w), TL_PARSED);
        ck_assert_msg(*s == '\0' && w == x, "%a as %s", x, text);
        int digits = 0;
        for (s = text; *s && *s != 'e'; s++)
            digits += *s >= (digits > 0 ? '0' : '1') && *s <= '9';
        snprintf(shorter, sizeof shorter, "%.*e", digits > 1 ? digits - 2 : 0, x);
        ck_assert_msg(digits == 1 || strtod(shorter, NULL) != x, "%a as %s, and as %s", x, text, shorter);
    }
}
END_TEST

/* The locale is the program's, with a decimal comma if the system has such a one. */
START_TEST(other_locale)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };
    char *found = NULL, text[TL_NUMBER_SIZE];
    for (size_t k = 0; k < sizeof names / sizeof *names && !found; k++)
        found = setlocale(LC_ALL, names[k]);
    const char *s = "0.10000000000000000000000000000000000001", *rest = s + strlen(s);
    double x;
    ck_assert_int_eq(tl_parse_double(&s, &x), TL_PARSED);
    ck_assert(x == 0.1 && s == rest);
    tl_print_double(text, 0.25);
    ck_assert_str_eq(text, "0.25");
    if (found) {
        snprintf(text, sizeof text, "%g", 0.25);
        ck_assert_str_eq(text, "0,25");
    } else {
        puts("number: other_locale: the system has no locale with a decimal comma, which leaves the test "
             "with \"C\"");
    }
    setlocale(LC_ALL, "C");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("number");
    TCase *c = tl_test_case(s, "number");
    tcase_add_test(c, doubles);
    tcase_add_test(c, long_exponents);
    tcase_add_test(c, many_doubles);
    tcase_add_test(c, infinite_and_nan);
    tcase_add_test(c, no_numbers);
    tcase_add_test(c, whole_numbers);
    tcase_add_test(c, reals);
    tcase_add_test(c, printed);
    tcase_add_test(c, round_trips);
    tcase_add_test(c, other_locale);
    return s;
}
