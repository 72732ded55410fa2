/* The pattern's fields, and the caches of what is derived from them. */
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
    struct tl_cached_blocks *next; /* of another block width, or the same with or without perm */
    int64_t bytes;
    tl_blocks blocks;
} tl_cached_blocks;

struct tl_pattern {
    atomic_llong users; /* references */
    int64_t rows, cols, nnz;
    int64_t *row_ptr;
    int32_t *col;
    /* The only fields that change, by compare and exchange: the first once, from NULL; the second at each new
     * head of the list. */
    _Atomic(tl_transposed *) transposed;
    _Atomic(tl_cached_blocks *) blocks;
};

/* Checks sizes: TL_ERR_SHAPE or TL_ERR_ARGUMENT, with `who` in the text, if no pattern can have them. */
tl_status tl_pattern_check_size(const char *who, int64_t rows, int64_t cols, int64_t nnz);

/* Allocates a pattern with one reference: row_ptr is zeroed, col uninitialised. The caller has checked the
 * sizes. NULL if memory is short. */
tl_pattern *tl_pattern_alloc(int64_t rows, int64_t cols, int64_t nnz);

/* Fills cell[count] with distinct cells of 0 .. cells-1, ascending, every set equally likely. Fast if count
 * is at most cells / 2. spare[count] is scratch. */
void tl_draw_cells(int64_t cells, int64_t count, uint64_t seed, uint64_t *cell, uint64_t *spare);

/* Returns the cached block schedule of this width, permuted or not; NULL: there is none. */
const tl_blocks *tl_pattern_cached_blocks(const tl_pattern *p, int64_t block, bool permuted);

/* Caches `fresh`, which p then owns, and returns its blocks. If another thread has cached the same schedule
 * meanwhile, frees `fresh` and returns that one. */
const tl_blocks *tl_pattern_cache_blocks(const tl_pattern *p, tl_cached_blocks *fresh);

/* Frees blocks that are not cached, with their arrays. Any array may be NULL. */
void tl_cached_blocks_free(tl_cached_blocks *b);

/* Free all that p caches, and return its heap bytes. */
void tl_pattern_free_caches(tl_pattern *p);
int64_t tl_pattern_cache_bytes(const tl_pattern *p);

#endif
