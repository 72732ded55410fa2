/* Sorted sequences: those that begin alike are neighbours, so a context is a range. */
#include "trigram.h"
#include "demo.h"

#include <math.h>
#include <stdlib.h>

enum { KEY_BITS = 21 }; /* of a character: three fit in a key */

/* Returns the key of n characters. */
static uint64_t key_of(const int32_t *from, int n)
{
    uint64_t key = 0;
    for (int k = 0; k < n; k++)
        key = key << KEY_BITS | (uint64_t)from[k];
    return key;
}

static int ascending(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Counts the sequences of `length` characters. */
static bool count(ngrams *g, const int32_t *text, int64_t n, int length)
{
    const int64_t all = n >= length ? n - length + 1 : 0;
    int64_t different = 0;
    if (!(g->key = allocate(all, sizeof *g->key)))
        return false;
    for (int64_t k = 0; k < all; k++)
        g->key[k] = key_of(text + k, length);
    qsort(g->key, (size_t)all, sizeof *g->key, ascending);
    for (int64_t k = 0; k < all; k++)
        different += k == 0 || g->key[k] != g->key[k - 1];
    if (!(g->before = allocate(different + 1, sizeof *g->before)))
        return false;
    for (int64_t k = 0; k < all; k++) {
        if (g->n == 0 || g->key[k] != g->key[g->n - 1])
            g->key[g->n++] = g->key[k];
        g->before[g->n] = k + 1;
    }
    uint64_t *fitting = larger(g->key, different + 1, sizeof *fitting); /* most sequences are repeated */
    g->key = fitting ? fitting : g->key;
    return fitting != NULL;
}

bool trigram_make(trigrams *m, const int32_t *text, int64_t n, int32_t n_codes)
{
    *m = (trigrams){ .n_codes = n_codes };
    for (int k = 0; k < ORDERS; k++)
        if (!count(&m->of[k], text, n, k + 1))
            return false;
    return true;
}

/* Returns the place of the first key that is not below this one. */
static int64_t find(const ngrams *g, uint64_t key)
{
    int64_t low = 0, high = g->n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (g->key[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double trigram_probability(const trigrams *m, const int32_t *at)
{
    double p = 1 / (double)m->n_codes;
    for (int k = 0; k < ORDERS; k++) {
        const ngrams *g = &m->of[k];
        const uint64_t context = key_of(at - k, k), key = key_of(at - k, k + 1);
        const int64_t first = find(g, context << KEY_BITS), end = find(g, (context + 1) << KEY_BITS);
        const int64_t this = find(g, key);
        const bool occurs = this < end && g->key[this] == key;
        const double n = occurs ? (double)(g->before[this + 1] - g->before[this]) : 0;
        const double all = (double)(g->before[end] - g->before[first]), different = (double)(end - first);
        if (end > first)
            p = (n + different * p) / (all + different);
    }
    return p;
}

double trigram_bits(const trigrams *m, const int32_t *text, int64_t first, int64_t end)
{
    double sum = 0;
    for (int64_t k = first; k < end; k++)
        sum -= log2(trigram_probability(m, text + k));
    return sum / (double)(end - first);
}

void trigram_free(trigrams *m)
{
    for (int k = 0; k < ORDERS; k++) {
        free(m->of[k].key);
        free(m->of[k].before);
    }
}
