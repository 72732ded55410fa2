/* Stable radix sort of 64-bit keys. */
#ifndef TL_SORT_H
#define TL_SORT_H

#include "base.h"

/* Sorts key[n] ascending by bits low .. high-1; keys that are equal there keep their order. spare[n] is
 * scratch. */
void tl_radix_sort(int64_t n, uint64_t *key, uint64_t *spare, int low, int high);

/* Returns the number of bits that the numbers 0 .. n-1 need. */
int tl_bits(uint64_t n);

#endif
