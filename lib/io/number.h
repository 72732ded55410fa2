/* Numbers as text, in both directions, whatever the program's locale. */
#ifndef TL_NUMBER_H
#define TL_NUMBER_H

#include "base.h"

typedef enum tl_parsed {
    TL_PARSED,
    TL_PARSED_NOTHING,  /* there is no number here */
    TL_PARSED_TOO_LARGE /* there is one, but the type cannot hold it */
} tl_parsed;

/* Parse the longest number that begins at *s, without leading white space, and on success move *s past it; on
 * failure *s and *x are unchanged. The text must end in a byte that belongs to no number, such as '\n' or
 * '\0'.
 *
 * An integer is [+-]digits. A real number is as in C, but never hexadecimal: [+-]digits[.digits][e[+-]digits]
 * with digits on either side of the point, or [+-] and inf, infinity or nan in any case. A double is the
 * nearest one to the text (ties to even; unless the program has changed the rounding mode); a real number is
 * that double, rounded to tl_real. What rounds to infinity is too large; what rounds to 0 is 0. */
tl_parsed tl_parse_integer(const char **s, int64_t *x);
tl_parsed tl_parse_double(const char **s, double *x);
tl_parsed tl_parse_real(const char **s, tl_real *x);

/* Parses an integer of 1 to 18 digits without a sign, in line. False, and *s and *x are unchanged, if there
 * is none. */
static inline bool tl_parse_short(const char **s, int64_t *x)
{
    const char *p = *s;
    uint64_t m = 0;
    for (; (unsigned char)(*p - '0') < 10; p++)
        m = 10 * m + (unsigned char)(*p - '0');
    if (p == *s || p - *s > 18)
        return false;
    *x = (int64_t)m;
    *s = p;
    return true;
}

/* Print x with the fewest significant digits that are parsed as x again, in the manner of printf's %g: 0.1,
 * 3, 1e-07, -inf, nan. Return the length. Integers are as of PRId64. */
enum { TL_NUMBER_SIZE = 32 }; /* bytes that any number fits in, with the '\0' */
int tl_print_integer(char text[TL_NUMBER_SIZE], int64_t x);
int tl_print_double(char text[TL_NUMBER_SIZE], double x);
int tl_print_real(char text[TL_NUMBER_SIZE], tl_real x);

#endif
