/* Radix sort, least significant digit first, with digits of at most 11 bits. */
#include "lib/sort.h"

#include <string.h>

enum { DIGIT = 11, BINS = 1 << DIGIT };

int tl_bits(uint64_t n)
{
    int bits = 0;
    while (bits < 64 && n > (uint64_t)1 << bits)
        bits++;
    return bits;
}

/* Copies each key to the next free place of its bin: start[bin], with bin = key >> at & mask. */
static void distribute(int64_t n, const uint64_t *restrict from, int at, uint64_t mask,
                       int64_t *restrict start, uint64_t *restrict to)
{
    for (int64_t k = 0; k < n; k++)
        to[start[from[k] >> at & mask]++] = from[k];
}

void tl_radix_sort(int64_t n, uint64_t *key, uint64_t *spare, int low, int high)
{
    uint64_t *from = key, *to = spare;
    const int passes = (high - low + DIGIT - 1) / DIGIT,
              digit = passes > 0 ? (high - low + passes - 1) / passes : 0;
    for (int at = low; at < high; at += digit) {
        const int bits = high - at < digit ? high - at : digit, bins = 1 << bits;
        const uint64_t mask = (uint64_t)bins - 1;
        int64_t start[BINS + 1];
        memset(start, 0, (size_t)(bins + 1) * sizeof *start);
        for (int64_t k = 0; k < n; k++)
            start[(from[k] >> at & mask) + 1]++;
        for (int bin = 0; bin < bins; bin++)
            start[bin + 1] += start[bin];
        distribute(n, from, at, mask, start, to);
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != key)
        memcpy(key, from, (size_t)n * sizeof *key);
}
