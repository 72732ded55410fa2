/* The pattern's fields, and what is derived from them once and kept. */
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
    struct tl_cached_blocks *next; /* of another width, or with an order where these have none */
    int64_t bytes;
    tl_blocks of;
} tl_cached_blocks;

struct tl_pattern {
    atomic_llong users;
    int64_t rows, cols, nnz;
    int64_t *row_ptr;
    int32_t *col;
    /* The only parts that change, by atomic exchange: once from NULL, and at the head of the list. */
    _Atomic(tl_transposed *) transposed;
    _Atomic(tl_cached_blocks *) blocks;
};

/* TL_ERR_SHAPE or TL_ERR_ARGUMENT, in the name of `who`, for sizes that a pattern cannot have. */
tl_status tl_pattern_check_size(const char *who, int64_t rows, int64_t cols, int64_t nnz);

/* An unfilled pattern with one user, or NULL; sizes were checked. */
tl_pattern *tl_pattern_alloc(int64_t rows, int64_t cols, int64_t nnz);

/* Rows in ranges of about the same work: how many ranges for `work` products in all, and where range r of
 * n_ranges begins. A row costs its entries and a little more. A range has some 256 rows, whose part of Y
 * stays in the second cache while the blocks go by; fewer where eight threads would not have one each and
 * there is work for them, more where there would be more than 256 ranges. */
int64_t tl_pattern_ranges(int64_t rows, double work);
int64_t tl_pattern_range(const int64_t *row_ptr, int64_t rows, int64_t n_ranges, int64_t r);

/* The entries by blocks of `block` columns, 65536 at most, with the order that p has as the transpose of
 * another (or NULL). Built at the first call with this `block`, and with or without an order; then kept by p.
 * NULL if memory is short. */
const tl_blocks *tl_pattern_blocks(const tl_pattern *p, int64_t block, const int32_t *perm);

void tl_pattern_free_blocks(tl_pattern *p);
int64_t tl_pattern_bytes_of_blocks(const tl_pattern *p);

void tl_pattern_free_views(tl_pattern *p);
int64_t tl_pattern_bytes_of_views(const tl_pattern *p);

#endif
