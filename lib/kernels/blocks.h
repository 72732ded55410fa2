/* The block schedule: the entries of a sparse matrix, in the order in which the kernels walk blocks of
 * columns.
 *
 * The walk goes through ranges of rows; within a range through the blocks; within a block through the rows.
 * Within each group of TL_SORTED_ROWS rows, longer segments come first: neighbouring loops then have equal
 * trip counts, which branch prediction rewards. */
#ifndef TL_BLOCKS_H
#define TL_BLOCKS_H

#include "base.h"

/* The n entries of a row in one block, from entry `first` of the matrix. In the first block of its range
 * every row has a segment, in the others only rows with entries there. */
typedef struct tl_segment {
    int32_t row, first, n;
} tl_segment;

/* The part of a block that is in one range: where it starts in the arrays of tl_blocks. */
typedef struct tl_block_part {
    int64_t segment, entry, prefetch;
} tl_block_part;

enum {
    TL_SORTED_ROWS = 256,
    TL_COLUMNS_AHEAD = 4, /* columns in one load */
};

/* Block b of range r is part r n_blocks + b; it ends where the next part begins. Two sentinel parts follow,
 * because the walk prefetches one block ahead. */
typedef struct tl_blocks {
    int64_t block, n_blocks, n_ranges; /* block: columns per block; the last block may have fewer */
    const tl_block_part *part;
    const tl_segment *segment;    /* and a sentinel of row 0, because the walk looks one segment ahead */
    const uint16_t *col16;        /* per entry: column - the block's first; and TL_COLUMNS_AHEAD zeros */
    const int32_t *perm;          /* per entry: the index of its value; NULL: the matrix is not permuted */
    const int32_t *prefetch_list; /* per cache line of values that a part touches and the part before it did
                                     not: the index of one value in it */
} tl_blocks;

#endif
