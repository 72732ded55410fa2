/* How the sparse kernels read entries: by spans of a row, and by the cursor of a walk by blocks. */
#ifndef TL_ROW_SPAN_H
#define TL_ROW_SPAN_H

#include "lib/kernels/kernels.h"
#include "lib/kernels/vector.h"

#include <string.h>

/* Consecutive entries of one row, from entry `first` of the matrix: the whole row, or its segment in a block.
 * `blocked` is a compile-time constant wherever a span is made, and so is `permuted` where that pays: the
 * loops then do not test them. */
typedef struct row_span {
    int64_t n, first;
    bool blocked, permuted;
    const int32_t *col;    /* unless blocked: the columns */
    const uint16_t *col16; /* if blocked: the columns, relative to the block's first, */
    uint64_t cols4;        /* and the first four of them */
    const int32_t *perm;   /* if permuted: the indices of the values; otherwise these are `first` and up */
} row_span;

INLINE row_span span_of_row(const tl_sparse *s, int64_t i, const bool permuted)
{
    const int64_t first = s->row_begin ? s->row_begin[i] : s->row_ptr[i],
                  end = s->row_end ? s->row_end[i] : s->row_ptr[i + 1];
    return (row_span){ .n = end - first,
                       .first = first,
                       .permuted = permuted,
                       .col = s->col + first,
                       .perm = permuted ? s->perm + first : NULL };
}

/* Returns the index of the value of entry k of the span. */
INLINE int64_t value_index(const row_span r, int64_t k)
{
    return r.permuted ? r.perm[k] : r.first + k;
}

/* Returns four block-relative columns by one load. The loops wait for loads more than for arithmetic, above
 * all for loads whose address is itself loaded; columns are therefore loaded four entries ahead, even past
 * the end of a segment. */
INLINE uint64_t load_4_cols(const uint16_t *col16)
{
    uint64_t cols4;
    memcpy(&cols4, col16, sizeof cols4);
    return cols4;
}

INLINE int64_t col_of_4(uint64_t cols4, int64_t q)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    q = 3 - q;
#endif
    return (int64_t)(cols4 >> 16 * q & 0xffff);
}

/* The position of a walk by blocks: a segment, its columns, and its part of the permutation. */
typedef struct cursor {
    const tl_segment *segment;
    const uint16_t *col16;
    const int32_t *perm; /* NULL: not permuted */
    uint64_t cols4;      /* the segment's first four columns, already loaded */
} cursor;

INLINE cursor cursor_first(const tl_blocks *k, int64_t part)
{
    const tl_block_part *p = k->part + part;
    const uint16_t *col16 = k->col16 + p->entry;
    return (cursor){ k->segment + p->segment, col16, k->perm ? k->perm + p->entry : NULL,
                     load_4_cols(col16) };
}

INLINE cursor cursor_next(const cursor at, const bool permuted)
{
    const uint16_t *col16 = at.col16 + at.segment->n;
    return (cursor){ at.segment + 1, col16, permuted ? at.perm + at.segment->n : NULL, load_4_cols(col16) };
}

INLINE row_span span_of_segment(const cursor at, const bool permuted)
{
    return (row_span){ .n = at.segment->n,
                       .first = at.segment->first,
                       .blocked = true,
                       .permuted = permuted,
                       .col16 = at.col16,
                       .cols4 = at.cols4,
                       .perm = at.perm };
}

#endif
