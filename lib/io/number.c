/* Decimal text to binary numbers and back. Most numbers have so few digits that integer arithmetic of 128
 * bits rounds them exactly; the C library converts the others. */
#include "lib/io/number.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The C library's conversions in the "C" locale ---- */

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Gives the thread the "C" locale, and returns its own. */
static locale_t enter_c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);
    return uselocale(c_locale);
}

static double slow_parse(const char *s)
{
    const locale_t own = enter_c_locale();
    const double x = strtod(s, NULL);
    uselocale(own);
    return x;
}

/* ---- Parsing ---- */

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static inline bool is_sign(char c)
{
    return c == '-' || c == '+';
}

enum { MAX_DIGITS = 19 }; /* 10^19 < 2^64 */

/* Adds the digits at *s to m, modulo 2^64, and moves *s past them. */
static uint64_t add_digits(const char **s, uint64_t m)
{
    const char *p = *s;
    for (; is_digit(*p); p++)
        m = 10 * m + (unsigned)(*p - '0');
    *s = p;
    return m;
}

/* Returns whether at most MAX_DIGITS of the digits from s to end are after leading zeros. */
static bool are_few(const char *s, const char *end)
{
    int64_t n = 0;
    if (end - s <= MAX_DIGITS)
        return true;
    for (; s < end; s++)
        n += *s != '.' && (n > 0 || *s != '0');
    return n <= MAX_DIGITS;
}

tl_parsed tl_parse_integer(const char **s, int64_t *x)
{
    const bool negative = **s == '-';
    const char *const first = *s + is_sign(**s), *p = first;
    const uint64_t m = add_digits(&p, 0);
    if (p == first)
        return TL_PARSED_NOTHING;
    if (!are_few(first, p) || m > (uint64_t)INT64_MAX + negative)
        return TL_PARSED_TOO_LARGE;
    *x = (int64_t)(negative ? 0 - m : m);
    *s = p;
    return TL_PARSED;
}

#ifdef __SIZEOF_INT128__
enum { MAX_POWER = 27 }; /* 5^27 < 2^63 */

__extension__ typedef unsigned __int128 uint128;

/* Returns q 2^exponent, rounded. If `sticky`, the number is larger than that by less than 2^exponent, and q
 * has more than 54 bits. */
static double round_to_double(uint128 q, bool sticky, int exponent)
{
    enum { DROPPED = 128 - DBL_MANT_DIG };
    const uint64_t high = (uint64_t)(q >> 64);
    const int shift = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)q);
    q <<= shift;
    const bool half = q >> (DROPPED - 1) & 1, rest = sticky || q << (DBL_MANT_DIG + 1);
    uint64_t mantissa = (uint64_t)(q >> DROPPED);
    mantissa += half && (rest || (mantissa & 1));
    /* its first bit adds 1 to the exponent's field, and so does a carry out of it */
    const uint64_t field = (uint64_t)(exponent - shift + DROPPED + DBL_MANT_DIG + DBL_MAX_EXP - 3);
    const uint64_t bits = (field << (DBL_MANT_DIG - 1)) + mantissa;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Computes m 10^power, rounded. False if that is left to the C library. */
static bool scale(uint64_t m, int64_t power, double *x)
{
    static const uint64_t five[MAX_POWER + 1] = {
        1,
        5,
        25,
        125,
        625,
        3125,
        15625,
        78125,
        390625,
        1953125,
        9765625,
        48828125,
        244140625,
        1220703125,
        6103515625,
        30517578125,
        152587890625,
        762939453125,
        3814697265625,
        19073486328125,
        95367431640625,
        476837158203125,
        2384185791015625,
        11920928955078125,
        59604644775390625,
        298023223876953125,
        1490116119384765625,
        7450580596923828125,
    };
    if (power < -MAX_POWER || power > MAX_POWER)
        return false;
    if (m == 0) {
        *x = 0;
    } else if (power >= 0) {
        *x = round_to_double((uint128)m * five[power], false, (int)power);
    } else {
        const int shift = 64 + __builtin_clzll(m);
        const uint64_t divisor = five[-power];
        const uint128 dividend = (uint128)m << shift, q = dividend / divisor;
        *x = round_to_double(q, q * divisor != dividend, (int)power - shift);
    }
    return true;
}
#else
static bool scale(uint64_t m, int64_t power, double *x)
{
    (void)m;
    (void)power;
    (void)x;
    return false;
}
#endif

/* Returns the exponent at *s, which is 0 if there is none, and moves *s past it. Beyond what the digits of
 * any text could make up for, the value is no longer exact. */
static int64_t parse_exponent(const char **s)
{
    if (**s != 'e' && **s != 'E')
        return 0;
    const char *p = *s + 1;
    const bool negative = *p == '-';
    p += is_sign(*p);
    if (!is_digit(*p))
        return 0;
    int64_t power = 0;
    for (; is_digit(*p); p++)
        power = power < INT64_MAX / 100 ? 10 * power + (*p - '0') : power;
    *s = p;
    return negative ? -power : power;
}

/* Returns whether the text begins with `word`, in small letters, in any case. */
static bool is_word(const char *s, const char *word)
{
    for (; *word; s++, word++)
        if ((*s | 0x20) != *word)
            return false;
    return true;
}

/* Parses what is no finite number, from *s on, where the sign ends. */
static tl_parsed parse_special(const char **s, double *x)
{
    if (is_word(*s, "nan")) {
        *x = NAN;
        *s += strlen("nan");
    } else if (is_word(*s, "inf")) {
        *x = INFINITY;
        *s += is_word(*s, "infinity") ? strlen("infinity") : strlen("inf");
    } else {
        return TL_PARSED_NOTHING;
    }
    return TL_PARSED;
}

/* Parses what is not a plain number of few digits, from s on, where the sign ends. */
static tl_parsed parse_long(const char **s, double *x)
{
    const char *const first = *s, *p = first;
    uint64_t m = add_digits(&p, 0);
    int64_t fraction = 0;
    if (*p == '.') {
        const char *const begin = ++p;
        m = add_digits(&p, m);
        fraction = p - begin;
    }
    const char *const end = p;
    if (end == first || (end == first + 1 && *first == '.'))
        return parse_special(s, x);
    const int64_t power = parse_exponent(&p) - fraction;
    if (!are_few(first, end) || !scale(m, power, x)) {
        const double got = slow_parse(first);
        if (isinf(got))
            return TL_PARSED_TOO_LARGE;
        *x = got;
    }
    *s = p;
    return TL_PARSED;
}

static inline tl_parsed parse(const char **s, double *x)
{
    const bool negative = **s == '-';
    const char *p = *s + is_sign(**s), *const first = p;
    const uint64_t m = add_digits(&p, 0);
    tl_parsed parsed = TL_PARSED;
    if (p > first && p - first <= DBL_DIG && *p != '.' && *p != 'e' && *p != 'E') {
        *x = (double)m;
    } else {
        p = first;
        parsed = parse_long(&p, x);
    }
    if (parsed != TL_PARSED)
        return parsed;
    if (negative)
        *x = -*x;
    *s = p;
    return TL_PARSED;
}

tl_parsed tl_parse_double(const char **s, double *x)
{
    return parse(s, x);
}

tl_parsed tl_parse_real(const char **s, tl_real *x)
{
    const char *p = *s;
    double exact;
    const tl_parsed parsed = parse(&p, &exact);
    if (parsed != TL_PARSED)
        return parsed;
    const tl_real rounded = (tl_real)exact;
    if (isinf(rounded) && !isinf(exact))
        return TL_PARSED_TOO_LARGE;
    *x = rounded;
    *s = p;
    return TL_PARSED;
}

/* ---- Printing ---- */

int tl_print_integer(char text[TL_NUMBER_SIZE], int64_t x)
{
    char digits[TL_NUMBER_SIZE];
    int n = 0, length = 0;
    uint64_t left = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    do {
        digits[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (x < 0)
        text[length++] = '-';
    while (n > 0)
        text[length++] = digits[--n];
    text[length] = '\0';
    return length;
}

/* Prints x, which is in the narrower type if `is_float`. Any number of `few` digits survives a normal number
 * of that type, so that x has few digits exactly if few suffice; subnormal ones are less precise. */
static int print(char text[TL_NUMBER_SIZE], double x, bool is_float)
{
    const double magnitude = fabs(x);
    const int few = is_float ? FLT_DIG : DBL_DIG;
    const bool normal = magnitude >= (is_float ? (double)FLT_MIN : DBL_MIN);
    if (magnitude < 1e6 && x == (double)(int32_t)x && !(x == 0 && signbit(x)))
        return tl_print_integer(text, (int32_t)x);
    if (isnan(x))
        return snprintf(text, TL_NUMBER_SIZE, "nan"); /* its sign means nothing */
    const locale_t own = enter_c_locale();
    int length;
    bool same;
    int digits = normal ? few : 1;
    do {
        length = snprintf(text, TL_NUMBER_SIZE, "%.*g", digits++, x);
        const char *end = text;
        double got = 0;
        tl_parse_double(&end, &got);
        same = is_float ? (float)got == (float)x : got == x;
    } while (!same);
    uselocale(own);
    return length;
}

int tl_print_double(char text[TL_NUMBER_SIZE], double x)
{
    return print(text, x, false);
}

int tl_print_real(char text[TL_NUMBER_SIZE], tl_real x)
{
    return print(text, (double)x, sizeof x == sizeof(float));
}
