/* Block schedules of patterns (lib/kernels/blocks.h), and the ranges of rows that are tasks for threads. */
#ifndef TL_PATTERN_BLOCKS_H
#define TL_PATTERN_BLOCKS_H

#include "lib/kernels/blocks.h"
#include "pattern.h"

/* Returns the number of ranges that the rows are divided into, for `work` products in all. A range has about
 * 256 rows, so that its part of Y stays in L2 during a walk over the blocks. It has fewer if there would be
 * fewer than 8 ranges but there is work for more threads, and more if there would be more than 256 ranges. */
int64_t tl_pattern_ranges(int64_t rows, double work);

/* Returns the first row of range r of n_ranges, which have about equal work: that of a row is its entries and
 * a constant. */
int64_t tl_pattern_range(const int64_t *row_ptr, int64_t rows, int64_t n_ranges, int64_t r);

/* Returns the schedule of p in blocks of `block` columns (65536 at most), permuted by `perm` if p is a
 * transpose whose values are stored in the order of the original, otherwise NULL. Built at the first call
 * with this `block`, with or without perm, then cached by p, which owns it. NULL: out of memory. */
const tl_blocks *tl_pattern_blocks(const tl_pattern *p, int64_t block, const int32_t *perm);

#endif
