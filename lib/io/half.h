/* IEEE 754 binary16 numbers, which C has no type for. */
#ifndef TL_HALF_H
#define TL_HALF_H

#include <math.h>
#include <stdint.h>

/* Returns the number of these 16 bits: sign, 5 bits of exponent, 10 of the fraction. */
static inline double tl_half_to_double(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double x = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31)
        x = fraction ? (double)NAN : (double)INFINITY;
    return bits >> 15 ? -x : x;
}

#endif
