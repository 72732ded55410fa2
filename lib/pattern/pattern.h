/* The pattern of a sparse matrix: which entries exist. It is immutable, shared by reference counting, and
 * stored as compressed sparse rows (CSR): columns ascend within a row and do not repeat. */
#ifndef TL_PATTERN_H
#define TL_PATTERN_H

#include <stdio.h>

#include "status.h"

/* At most INT32_MAX rows, columns and entries. A function that makes a pattern copies what it reads and
 * returns a reference, which the caller must release, or NULL with the reason in tl_error(): TL_ERR_SHAPE for
 * impossible sizes, TL_ERR_ARGUMENT, TL_ERR_INDEX or TL_ERR_MEMORY. Any number of threads may use, retain and
 * release the same pattern. */
typedef struct tl_pattern tl_pattern;

/* Makes a pattern from row pointers row_ptr[rows + 1], which start at 0 and never decrease, and the columns
 * of all rows, col[row_ptr[rows]]. The error text names the row and the entry that is wrong. */
TL_API tl_pattern *tl_pattern_from_csr(int64_t rows, int64_t cols, const int64_t *row_ptr,
                                       const int32_t *col);

/* Makes a pattern from coordinates in any order: entry k is at (row[k], col[k]). A repeated coordinate is
 * TL_ERR_ARGUMENT. */
TL_API tl_pattern *tl_pattern_from_coo(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                                       const int32_t *col);

/* The policy of tl_coo_to_csr for a coordinate that appears more than once. */
typedef enum tl_repeats {
    TL_REPEATS_ERROR, /* TL_ERR_ARGUMENT */
    TL_REPEATS_LAST,  /* the last one is kept, the others are dropped */
    TL_REPEATS_SUM    /* all have the same position, where their values add up */
} tl_repeats;

/* As tl_pattern_from_coo, with a policy for repeats. position[nnz], if not NULL, receives for each k the
 * index of entry k's value among the values of the pattern, or -1 if LAST drops the entry. Under every
 * policy, `if (position[k] >= 0) csr[position[k]] += coo[k]`, starting from zeros, converts the values. */
TL_API tl_pattern *tl_coo_to_csr(int64_t rows, int64_t cols, int64_t nnz, const int32_t *row,
                                 const int32_t *col, tl_repeats policy, int64_t *position);

/* Makes the pattern of the entries where the row-major keep[rows * cols] is not 0. */
TL_API tl_pattern *tl_pattern_from_mask(int64_t rows, int64_t cols, const uint8_t *keep);

/* Makes a pattern of exactly round(density * rows * cols) entries, every such set equally likely.
 * TL_ERR_ARGUMENT if the density is not in [0, 1]. Time and memory are proportional to rows plus entries. */
TL_API tl_pattern *tl_pattern_random(int64_t rows, int64_t cols, double density, uint64_t seed);

/* Makes the pattern of the cells of a row-major values[rows * cols] whose magnitude is above the threshold. A
 * NaN is kept, as an entry that is dropped unseen would hide it. TL_ERR_ARGUMENT if the threshold is NaN. */
TL_API tl_pattern *tl_pattern_from_dense(int64_t rows, int64_t cols, const tl_real *values, tl_real threshold)
    TL_REAL_SYMBOL(tl_pattern_from_dense);

/* Makes a random pattern with exactly k entries in every column: units of equal fan-in, as in X W (Lasby et
 * al. 2024, "Dynamic sparse training with structured sparsity"). Every set of k rows is equally likely in
 * each column. TL_ERR_ARGUMENT if k is not in 0..rows. Time is proportional to rows plus columns plus
 * entries. */
TL_API tl_pattern *tl_pattern_fixed_fan_in(int64_t rows, int64_t cols, int64_t k, uint64_t seed);

/* Makes the pattern of the cells (i, j) with i - below <= j <= i + above, LAPACK's kl and ku: 0 and 0 make
 * the diagonal, 1 and 1 a tridiagonal matrix, rows and 0 the lower triangle. TL_ERR_ARGUMENT if one is
 * negative. */
TL_API tl_pattern *tl_pattern_banded(int64_t rows, int64_t cols, int64_t below, int64_t above);

/* Makes a pattern in which each entry of p has become a full block of height x width cells: (i, j) becomes
 * rows i * height .. i * height + height-1 and columns likewise (Gray et al. 2017, "GPU kernels for
 * block-sparse weights"). TL_ERR_ARGUMENT for sizes below 1 or too many entries, TL_ERR_SHAPE for too many
 * rows or columns. */
TL_API tl_pattern *tl_pattern_block(const tl_pattern *p, int64_t height, int64_t width);

/* Make the pattern of the entries that are in a or in b, in both, or in a and not in b, in linear time. Where
 * the result equals a or b, it may be that pattern itself with one more reference. TL_ERR_SHAPE if the shapes
 * differ. */
TL_API tl_pattern *tl_pattern_union(tl_pattern *a, tl_pattern *b);
TL_API tl_pattern *tl_pattern_intersection(tl_pattern *a, tl_pattern *b);
TL_API tl_pattern *tl_pattern_difference(tl_pattern *a, tl_pattern *b);

/* Makes the pattern of p's entries and the k absent cells of highest score, the first (by row, then column)
 * among equals. score(context, row, col) is called once per absent cell, in order: RigL takes the gradient's
 * magnitude (Evci et al. 2020). With score = NULL, `context` points to a seed, a uint64_t, and every set of k
 * absent cells is equally likely, as in SET (Mocanu et al. 2018); time is then proportional to rows plus
 * entries plus k. Memory is so in either case. TL_ERR_ARGUMENT if there are fewer than k absent cells,
 * TL_ERR_NUMERIC for a score that is NaN. With k = 0 the result is p itself with one more reference. */
TL_API tl_pattern *tl_pattern_add(tl_pattern *p, int64_t k,
                                  tl_real (*score)(void *context, int64_t row, int64_t col), void *context);

/* Adds a reference and returns p (NULL for NULL). */
TL_API tl_pattern *tl_pattern_retain(tl_pattern *p);

/* Drops a reference; dropping the last one frees the pattern. NULL is ignored. */
TL_API void tl_pattern_release(tl_pattern *p);

/* Return the sizes and arrays of a pattern; 0 and NULL for NULL. The pattern owns the arrays. */
TL_API int64_t tl_pattern_rows(const tl_pattern *p);
TL_API int64_t tl_pattern_cols(const tl_pattern *p);
TL_API int64_t tl_pattern_nnz(const tl_pattern *p);
TL_API const int64_t *tl_pattern_row_ptr(const tl_pattern *p);
TL_API const int32_t *tl_pattern_col(const tl_pattern *p);

/* All five at once, for loops over the entries. */
typedef struct tl_csr {
    int64_t rows, cols, nnz;
    const int64_t *row_ptr; /* [rows + 1]; the entries of row i are row_ptr[i] .. row_ptr[i + 1] - 1 */
    const int32_t *col;     /* [nnz] */
} tl_csr;
TL_API tl_csr tl_pattern_csr(const tl_pattern *p);

/* Returns whether both have the same shape and the same entries. */
TL_API bool tl_pattern_equal(const tl_pattern *a, const tl_pattern *b);

/* Returns the heap bytes of the pattern, its cached transpose and block schedules included. */
TL_API int64_t tl_pattern_bytes(const tl_pattern *p);

/* Prints the shape and up to max_entries entries (0: the shape only) to `out`, and checks every rule that a
 * pattern must obey, as the constructors do; if out is NULL it only checks. TL_ERR_IO if writing fails. */
TL_API tl_status tl_pattern_print(const tl_pattern *p, FILE *out, int64_t max_entries);

/* Returns the transpose, a pattern of cols x rows, and sets *perm (if perm is not NULL) to the permutation of
 * the values: entry e of the transpose is entry (*perm)[e] of p. Both are built at the first call and cached
 * by p, which owns them. Returns NULL and leaves *perm alone if memory is short or p is NULL. */
TL_API const tl_pattern *tl_pattern_transpose(const tl_pattern *p, const int32_t **perm);

/* Returns the index of (row, col) among the entries, -1 if it is not one. */
TL_API int64_t tl_pattern_find(const tl_pattern *p, int64_t row, int32_t col);

#endif
