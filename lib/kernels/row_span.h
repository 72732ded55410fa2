/* Where the sparse kernels find entries: those of a row, or of its part of a block. */
#ifndef TL_RUNS_H
#define TL_RUNS_H

#include "lib/kernels/kernels.h"
#include "lib/kernels/vector.h"

#include <string.h>

/* Entries of a row that follow each other, numbers `first` and up in the matrix: of its whole row, or of its
 * part of a block. `blocked` is a constant wherever a run is made, and so is `ordered` where that pays: then
 * the loops do not ask. */
typedef struct run {
    int64_t n, first;
    bool blocked, ordered;
    const int32_t *col;   /* their columns; */
    const uint16_t *near; /* if blocked, these, counted from the first of the block, */
    uint64_t four;        /* and the first four of them */
    const int32_t *perm;  /* if ordered, where their values are; else at first and up */
} run;

INLINE run run_of_row(const tl_sparse *s, int64_t i, const bool ordered)
{
    const int64_t first = s->row_begin ? s->row_begin[i] : s->row_ptr[i],
                  end = s->row_end ? s->row_end[i] : s->row_ptr[i + 1];
    return (run){ .n = end - first,
                  .first = first,
                  .ordered = ordered,
                  .col = s->col + first,
                  .perm = ordered ? s->perm + first : NULL };
}

INLINE int64_t place(const run r, int64_t k)
{
    return r.ordered ? r.perm[k] : r.first + k;
}

/* Four columns of a block by one load: more than products, it is loads that these loops have to wait for,
 * above all where one brings the address of another. Columns are therefore loaded four entries ahead, over
 * the end of a piece as well. */
INLINE uint64_t four_near(const uint16_t *near)
{
    uint64_t four;
    memcpy(&four, near, sizeof four);
    return four;
}

INLINE int64_t one_near(uint64_t four, int64_t q)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    q = 3 - q;
#endif
    return (int64_t)(four >> 16 * q & 0xffff);
}

/* Where a walk by blocks is: at a piece; from its first entry on, the columns and, if there is an order,
 * where the values are; and the first four columns. */
typedef struct spot {
    const tl_segment *piece;
    const uint16_t *near;
    const int32_t *perm;
    uint64_t four;
} spot;

INLINE spot first_spot(const tl_blocks *k, int64_t part)
{
    const tl_block_part *p = k->part + part;
    const uint16_t *near = k->column + p->entry;
    return (spot){ k->piece + p->piece, near, k->perm ? k->perm + p->entry : NULL, four_near(near) };
}

INLINE spot spot_after(const spot at, const bool ordered)
{
    const uint16_t *near = at.near + at.piece->n;
    return (spot){ at.piece + 1, near, ordered ? at.perm + at.piece->n : NULL, four_near(near) };
}

INLINE run run_of_piece(const spot at, const bool ordered)
{
    return (run){ .n = at.piece->n,
                  .first = at.piece->first,
                  .blocked = true,
                  .ordered = ordered,
                  .near = at.near,
                  .four = at.four,
                  .perm = at.perm };
}

#endif
