/* A sparse matrix by blocks of columns, in the order in which the kernels walk it: range after range of rows,
 * within that block after block, and within that row after row, but of each TL_SORTED_ROWS those first that
 * have the most entries there: the loops then end where they did for the row before; a chip foresees that. */
#ifndef TL_BLOCKS_H
#define TL_BLOCKS_H

#include "base.h"

/* What a row has in a block: n entries of the matrix from number `first` on. In the first block of its range
 * every row has a piece, in the others those that have entries there. */
typedef struct tl_segment {
    int32_t row, first, n;
} tl_segment;

/* Where a range's part of a block begins, in the order of the walk. */
typedef struct tl_block_part {
    int64_t piece, entry, line;
} tl_block_part;

enum {
    TL_SORTED_ROWS = 256,
    TL_COLUMNS_AHEAD = 4,           /* of one load */
    TL_LINE = 64 / sizeof(tl_real), /* values in a cache line */
};

/* Block b of range r: from part[r n_blocks + b] to the part that follows. After the last come two more, both
 * at the end, as a walk looks a block ahead. */
typedef struct tl_blocks {
    int64_t block, n_blocks, n_ranges; /* block: columns in one; the last may have fewer */
    const tl_block_part *part;
    const tl_segment *piece; /* and one more, of row 0, as a walk looks a piece ahead */
    const uint16_t *column;  /* of each entry, less the first of its block, and TL_COLUMNS_AHEAD more */
    const int32_t *perm;     /* of each entry, if the matrix has one; or NULL */
    const int32_t *line;     /* a value in each cache line that a block needs and the one before it did not */
} tl_blocks;

#endif
