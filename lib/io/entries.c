/* Coordinates to compressed rows by radix sort, unless they are in that order already. */
#include "lib/io/entries.h"
#include "lib/memory.h"
#include "lib/pattern/pattern_private.h"
#include "lib/sort.h"
#include "lib/status_private.h"

#include <string.h>

void *tl_resized(void *block, int64_t n, int64_t capacity, size_t size)
{
    void *to = tl_alloc(capacity, size);
    if (!to)
        return NULL;
    if (n > 0)
        memcpy(to, block, (size_t)n * size);
    tl_free(block);
    return to;
}

bool tl_entries_grow(tl_entries *e)
{
    enum { FIRST_CAPACITY = 1024 };
    const int64_t capacity = e->n > 0 ? 2 * e->n : FIRST_CAPACITY;
    tl_entry *larger = tl_resized(e->entry, e->n, capacity, sizeof *larger);
    if (!larger)
        return false;
    e->entry = larger;
    e->capacity = capacity;
    return true;
}

void tl_entries_free(tl_entries *e)
{
    tl_free(e->entry);
    *e = (tl_entries){ 0 };
}

/* ---- Sorting ---- */

enum {
    DIGIT_BITS = 12,
    DIGITS = 1 << DIGIT_BITS
}; /* a digit's counts, and a cache line per digit, stay cached */

static int32_t key_of(const tl_entry *e, bool by_row)
{
    return by_row ? e->row : e->col;
}

/* Sorts from[n] into to[n] by the bits low .. low+bits-1 of the row or column, stably. */
static void sort_digit(int64_t n, const tl_entry *from, tl_entry *to, bool by_row, int low, int bits)
{
    int64_t start[DIGITS] = { 0 }, sum = 0;
    const int32_t mask = (1 << bits) - 1;
    for (int64_t k = 0; k < n; k++)
        start[key_of(from + k, by_row) >> low & mask]++;
    for (int d = 0; d <= mask; d++) {
        const int64_t count = start[d];
        start[d] = sum;
        sum += count;
    }
    for (int64_t k = 0; k < n; k++)
        to[start[key_of(from + k, by_row) >> low & mask]++] = from[k];
}

/* Sorts by rows or columns, of which `largest` is the last, with *spare as scratch; the two may be
 * swapped. */
static void sort_by(tl_entries *e, tl_entry **spare, bool by_row, int32_t largest)
{
    const int bits = tl_bits((uint64_t)largest + 1), passes = (bits + DIGIT_BITS - 1) / DIGIT_BITS;
    for (int p = 0; p < passes; p++) {
        const int low = bits * p / passes, high = bits * (p + 1) / passes;
        sort_digit(e->n, e->entry, *spare, by_row, low, high - low);
        tl_entry *const sorted = *spare;
        *spare = e->entry;
        e->entry = sorted;
    }
}

/* Returns the coordinates as one number, which ascends in the order of a pattern. */
static uint64_t cell_of(const tl_entry *e)
{
    return (uint64_t)e->row << 32 | (uint64_t)e->col;
}

static int64_t count_repeats(const tl_entries *e)
{
    int64_t n = 0;
    for (int64_t k = 1; k < e->n; k++)
        n += cell_of(e->entry + k - 1) == cell_of(e->entry + k);
    return n;
}

bool tl_entries_sort(tl_entries *e)
{
    bool sorted = true, by_column = true;
    int32_t last_row = 0, last_col = 0;
    e->repeats = 0;
    for (int64_t k = 0; k < e->n; k++) {
        const tl_entry *const a = e->entry + k, *const before = k > 0 ? a - 1 : a;
        last_row = a->row > last_row ? a->row : last_row;
        last_col = a->col > last_col ? a->col : last_col;
        sorted &= cell_of(before) <= cell_of(a);
        by_column &= before->col <= a->col;
        e->repeats += k > 0 && cell_of(before) == cell_of(a);
    }
    if (sorted)
        return true;
    tl_entry *spare = tl_alloc(e->n, sizeof *spare);
    if (!spare)
        return false;
    if (!by_column)
        sort_by(e, &spare, false, last_col);
    sort_by(e, &spare, true, last_row);
    e->capacity = e->n;
    e->repeats = count_repeats(e);
    tl_free(spare);
    return true;
}

/* ---- Compressed rows ---- */

tl_pattern *tl_entries_to_pattern(const tl_entries *e, int64_t rows, int64_t cols, tl_real **values)
{
    const int64_t distinct = e->n - e->repeats;
    tl_pattern *p = tl_pattern_alloc(rows, cols, distinct);
    tl_real *out = *values = p ? tl_alloc(distinct, sizeof *out) : NULL;
    if (!out) {
        tl_pattern_release(p);
        tl_fail_memory();
        return NULL;
    }
    int64_t at = 0;
    for (int64_t k = 0; k < e->n; k++) {
        const tl_entry *const a = e->entry + k;
        if (e->repeats > 0 && k > 0 && cell_of(a) == cell_of(a - 1)) {
            out[at - 1] += a->value;
            continue;
        }
        p->row_ptr[a->row + 1]++;
        p->col[at] = a->col;
        out[at++] = a->value;
    }
    for (int64_t i = 0; i < rows; i++)
        p->row_ptr[i + 1] += p->row_ptr[i];
    return p;
}
