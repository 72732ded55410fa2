/* The pattern of a sparse matrix: which entries exist. Immutable, shared by reference counting, in compressed
 * rows: columns ascend within a row and do not repeat. */
#ifndef TL_PATTERN_H
#define TL_PATTERN_H

#include <stdio.h>

#include "status.h"

/* At most INT32_MAX rows, columns and entries. Functions that make one copy what they read, return a
 * reference that the caller must release, or NULL with the reason in tl_error(). Any number of threads may
 * use, retain and release the same pattern. */
typedef struct tl_pattern tl_pattern;

/* From row pointers row_ptr[rows + 1] (from 0, ascending) and the columns of all rows, col[row_ptr[rows]].
 * TL_ERR_ARGUMENT or TL_ERR_INDEX names the row and the entry that is wrong. */
TL_API tl_pattern *tl_pattern_from_csr(int64_t rows, int64_t cols, const int64_t *row_ptr,
                                       const int32_t *col);

/* From coordinates in any order: entry k is at (row[k], col[k]). A repeated coordinate is TL_ERR_ARGUMENT. */
TL_API tl_pattern *tl_pattern_from_coo(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                                       const int32_t *col);

/* What tl_coo_to_csr makes of a coordinate that appears more than once. */
typedef enum tl_repeats {
    TL_REPEATS_ERROR, /* it is TL_ERR_ARGUMENT */
    TL_REPEATS_LAST,  /* the last one counts, the others are dropped */
    TL_REPEATS_SUM    /* all share one position */
} tl_repeats;

/* tl_pattern_from_coo with a choice. position[nnz] (NULL: not wanted) receives where the value of entry k
 * belongs among the values of the pattern, -1 for an entry that LAST drops; so that
 * `if (position[k] >= 0) csr[position[k]] += coo[k]` from zeros moves the values under every policy. */
TL_API tl_pattern *tl_coo_to_csr(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                                 const int32_t *col, tl_repeats policy, int64_t *position);

/* The entries where the row-major keep[rows * cols] is not 0. */
TL_API tl_pattern *tl_pattern_from_mask(int64_t rows, int64_t cols, const uint8_t *keep);

/* Exactly round(density * rows * cols) entries, every such set equally likely; density in 0 .. 1. Time and
 * memory follow the number of entries. */
TL_API tl_pattern *tl_pattern_random(int64_t rows, int64_t cols, double density, uint64_t seed);

/* Counts one more user, and returns p (NULL for NULL). */
TL_API tl_pattern *tl_pattern_retain(tl_pattern *p);

/* Counts one user less; the last one frees the pattern. NULL is ignored. */
TL_API void tl_pattern_release(tl_pattern *p);

/* What a pattern holds; 0 and NULL for NULL. */
TL_API int64_t tl_pattern_rows(const tl_pattern *p);
TL_API int64_t tl_pattern_cols(const tl_pattern *p);
TL_API int64_t tl_pattern_nnz(const tl_pattern *p);
TL_API const int64_t *tl_pattern_row_ptr(const tl_pattern *p);
TL_API const int32_t *tl_pattern_col(const tl_pattern *p);

/* The same at once, for loops over the entries. p owns the arrays; all is 0 and NULL for NULL. */
typedef struct tl_csr {
    int64_t rows, cols, nnz;
    const int64_t *row_ptr; /* [rows + 1]; the entries of row i are row_ptr[i] .. row_ptr[i + 1] - 1 */
    const int32_t *col;     /* [nnz] */
} tl_csr;
TL_API tl_csr tl_pattern_csr(const tl_pattern *p);

/* Whether both have the same shape and the same entries. */
TL_API bool tl_pattern_equal(const tl_pattern *a, const tl_pattern *b);

/* Heap bytes of the pattern and of what it keeps for products: its transpose and, where a walk by blocks of
 * columns pays, the entries of both in the order of that walk: 2 or, for the transpose, 6 bytes an entry, 12
 * for what a row has in a block, 24 for a range of rows in a block, and 4 for each cache line of values that
 * a block is the next to need. */
TL_API int64_t tl_pattern_bytes(const tl_pattern *p);

/* Prints the shape and up to `most` entries (0: the shape only) to `out`, and checks every rule that the
 * pattern must obey; out = NULL only checks. The constructors go through the same check. TL_ERR_IO if
 * writing fails. */
TL_API tl_status tl_pattern_print(const tl_pattern *p, FILE *out, int64_t most);

/* The transpose: a pattern of cols x rows whose entry e is entry order[e] of p. Built at the first call, then
 * cached by p, which owns both. NULL (and order untouched) if memory is short. */
TL_API const tl_pattern *tl_pattern_transpose(const tl_pattern *p, const int32_t **perm);

/* Where (row, col) is among the entries, or -1. */
TL_API int64_t tl_pattern_find(const tl_pattern *p, int64_t row, int32_t col);

#endif
