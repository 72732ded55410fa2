/* Sums of one variable's gradients over numbered parts, along a balanced tree over the part numbers: a
 * block of 2^k parts that begins at a multiple of 2^k is the sum of its halves, and what is absent is
 * skipped. The sum is thus a function of the parts and their numbers, however they are distributed, and as
 * accurate as a pairwise sum. Each product and each sum is rounded to tl_real. */
#ifndef TL_PART_SUMS_H
#define TL_PART_SUMS_H

#include "graph/backward/backward.h"

/* A buffer that no sum uses, for the next. */
typedef struct tl_free_sum {
    struct tl_free_sum *next;
    int64_t capacity; /* in bytes */
} tl_free_sum;

/* What all variables of a graph that sums have in common. */
typedef struct tl_totals {
    int64_t n_parts; /* so far */
    tl_free_sum *free;
} tl_totals;

/* The sum over some parts: of all values, or of some rows. */
typedef struct tl_part_sum {
    int64_t part; /* the first that it holds */
    tl_real *values;
    int32_t *rows; /* ascending, distinct; NULL: dense */
    int64_t n_rows;
    double weight; /* of a part that is yet to be added; 1: the values are the sum */
    bool borrowed; /* the buffers belong to a pair or another sum: they are neither written to nor freed */
} tl_part_sum;

/* The sums that wait for later parts, in the order of their parts: at most one per level of the tree. */
typedef struct tl_part_sums {
    int n;
    tl_part_sum sum[64];
} tl_part_sums;

/* Adds weight * pair, rounded, as the part totals->n_parts. `leaf` is the variable's in the graph that sums.
 * TL_ERR_MEMORY. */
tl_status tl_part_sums_add(tl_node *leaf, tl_totals *totals, const tl_gradient *pair, double weight);

/* Sets *out to the sum over all parts so far; later parts may follow. TL_ERR_MEMORY. */
tl_status tl_part_sums_total(tl_node *leaf, tl_totals *totals, tl_gradient *out);

#endif
