/* The fields of a pattern, and what is derived from them once and cached. */
#ifndef TL_PATTERN_PRIVATE_H
#define TL_PATTERN_PRIVATE_H

#include <stdatomic.h>

#include "lib/kernels/blocks.h"
#include "pattern.h"

typedef struct tl_transposed {
    tl_pattern *pattern;
    int32_t *perm;
} tl_transposed;

typedef struct tl_cached_blocks {
    struct tl_cached_blocks *next; /* another block width, or with a permutation where these have none */
    int64_t bytes;
    tl_blocks of;
} tl_cached_blocks;

struct tl_pattern {
    atomic_llong users; /* references */
    int64_t rows, cols, nnz;
    int64_t *row_ptr;
    int32_t *col;
    /* The only fields that change, by atomic exchange: `transposed` once from NULL, `blocks` by insertion at
     * the head of the list. */
    _Atomic(tl_transposed *) transposed;
    _Atomic(tl_cached_blocks *) blocks;
};

/* Checks sizes: TL_ERR_SHAPE or TL_ERR_ARGUMENT, with `who` in the text, if no pattern can have them. */
tl_status tl_pattern_check_size(const char *who, int64_t rows, int64_t cols, int64_t nnz);

/* Allocates a pattern with one reference: row_ptr is zeroed, col uninitialised. The caller has checked the
 * sizes. NULL if memory is short. */
tl_pattern *tl_pattern_alloc(int64_t rows, int64_t cols, int64_t nnz);

/* Split the rows into ranges of about equal work, counted as entries plus a constant per row:
 * tl_pattern_ranges returns the number of ranges for `work` products in all, tl_pattern_range the first row
 * of range r of n_ranges. A range has about 256 rows, so that its part of Y stays in the L2 cache while the
 * blocks go by. It has fewer rows if there are fewer than eight such ranges but work for eight, and more if
 * there would be over 256 ranges. */
int64_t tl_pattern_ranges(int64_t rows, double work);
int64_t tl_pattern_range(const int64_t *row_ptr, int64_t rows, int64_t n_ranges, int64_t r);

/* Returns the entries by blocks of `block` columns, 65536 at most. `perm` is the permutation of the values if
 * p is the transpose of another pattern, otherwise NULL. Built at the first call with this `block`, with and
 * without a permutation; then cached by p. NULL if memory is short. */
const tl_blocks *tl_pattern_blocks(const tl_pattern *p, int64_t block, const int32_t *perm);

void tl_pattern_free_blocks(tl_pattern *p);
int64_t tl_pattern_bytes_of_blocks(const tl_pattern *p);

void tl_pattern_free_views(tl_pattern *p);
int64_t tl_pattern_bytes_of_views(const tl_pattern *p);

#endif
