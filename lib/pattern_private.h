/* The pattern's fields, and what is derived from them once and kept. */
#ifndef TL_PATTERN_PRIVATE_H
#define TL_PATTERN_PRIVATE_H

#include <stdatomic.h>

#include "pattern.h"

typedef struct tl_transposed {
    tl_pattern *pattern;
    int32_t *order;
} tl_transposed;

typedef struct tl_blocks {
    struct tl_blocks *next; /* of another width */
    int64_t block, bytes;
    int32_t start[];
} tl_blocks;

struct tl_pattern {
    atomic_llong users;
    int64_t rows, cols, nnz;
    int64_t *row_ptr;
    int32_t *col;
    /* The only parts that change, by atomic exchange: once from NULL, and at the head of the list. */
    _Atomic(tl_transposed *) transposed;
    _Atomic(tl_blocks *) blocks;
};

/* An unfilled pattern with one user, or NULL; sizes were checked. */
tl_pattern *tl_pattern_unfilled(int64_t rows, int64_t cols, int64_t nnz);

/* The entries by blocks of `block` columns: those of row i in block b are start[b rows + i] ..
 * start[(b + 1) rows + i] - 1. Built at the first call with this `block`, then kept by p. NULL if memory is
 * short. */
const int32_t *tl_pattern_blocks(const tl_pattern *p, int64_t block);

void tl_pattern_free_views(tl_pattern *p);
int64_t tl_pattern_bytes_of_views(const tl_pattern *p);

#endif
