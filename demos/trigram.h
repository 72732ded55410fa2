/* A trigram model of characters: what a model that looks two characters back can know. */
#ifndef TRIGRAM_H
#define TRIGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum { ORDERS = 3 };

/* The sequences of some characters that occur, as numbers, ascending. */
typedef struct ngrams {
    int64_t n;
    uint64_t *key;
    int64_t *before; /* [n + 1]: occurrences of those before it, and of all */
} ngrams;

typedef struct trigrams {
    int32_t n_codes;
    ngrams of[ORDERS]; /* sequences of 1, 2 and 3 characters */
} trigrams;

/* Counts the sequences in n characters, each of 0 .. n_codes-1. On failure the reason is in tl_error(), and
 * trigram_free must still be called. */
bool trigram_make(trigrams *m, const int32_t *text, int64_t n, int32_t n_codes);

/* Returns the probability of at[0] after at[-2] and at[-1], interpolated by the method of Witten and Bell
 * (Bell, Cleary and Witten, "Text compression", 1990; Chen and Goodman 1998): with n(s) the number of
 * occurrences of s before another character, and t(s) of different ones after it,
 *     p(c | a b) = (n(a b c) + t(a b) p(c | b)) / (n(a b) + t(a b)),
 * in which p(c | b) and p(c) are of the same form, and the last resort is 1 / n_codes. */
double trigram_probability(const trigrams *m, const int32_t *at);

/* Returns the mean bits, -log2 p, of text[first] .. text[end - 1]; first >= 2. */
double trigram_bits(const trigrams *m, const int32_t *text, int64_t first, int64_t end);

void trigram_free(trigrams *m);

#endif
