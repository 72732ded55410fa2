/* The entries of a sparse matrix as a file lists them: any number, in any order. */
#ifndef TL_ENTRIES_H
#define TL_ENTRIES_H

#include "pattern.h"

typedef struct tl_entry {
    int32_t row, col;
    tl_real value;
} tl_entry;

typedef struct tl_entries {
    int64_t n, capacity;
    tl_entry *entry;
    int64_t repeats; /* after sorting: of an entry, by those that follow it */
} tl_entries;

/* Appends an entry. False if memory is short; no error is recorded. */
static inline bool tl_entries_add(tl_entries *e, int32_t row, int32_t col, tl_real value);

/* Sorts the entries by row, then by column, then in the order in which they were added, and counts repeats.
 * False if memory is short; no error is recorded. */
bool tl_entries_sort(tl_entries *e);

/* Makes a pattern of sorted entries, and *values in its order; those of repeated entries are added. The
 * caller owns both. NULL with *values = NULL on failure: TL_ERR_MEMORY. */
tl_pattern *tl_entries_to_pattern(const tl_entries *e, int64_t rows, int64_t cols, tl_real **values);

/* Frees the entries and zeroes *e. */
void tl_entries_free(tl_entries *e);

/* Returns a block with space for `capacity` elements that begins with the n of `block`, which it frees; block
 * may be NULL if n is 0. NULL if memory is short: no error is recorded, and the old block is as it was. */
void *tl_resized(void *block, int64_t n, int64_t capacity, size_t size);

/* Makes space for more entries. */
bool tl_entries_grow(tl_entries *e);

static inline bool tl_entries_add(tl_entries *e, int32_t row, int32_t col, tl_real value)
{
    if (e->n == e->capacity && !tl_entries_grow(e))
        return false;
    e->entry[e->n++] = (tl_entry){ row, col, value };
    return true;
}

#endif
