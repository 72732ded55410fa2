/* What the tests of moves share: indices of row-major tensors. */
#ifndef TL_MOVES_H
#define TL_MOVES_H

#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

typedef struct at {
    int64_t index[TL_MAX_RANK];
} at;

/* Returns the indices of element k, and the element at these indices. */
static inline at indices_of(tl_shape s, int64_t k)
{
    at a = { { 0 } };
    for (int32_t d = s.rank - 1; d >= 0; k /= s.dim[d--])
        a.index[d] = k % s.dim[d];
    return a;
}

static inline int64_t element_at(tl_shape s, at a)
{
    int64_t k = 0;
    for (int32_t d = 0; d < s.rank; d++)
        k = k * s.dim[d] + a.index[d];
    return k;
}

/* The fields of a case that the moves share: one input, no rounding; an axis of 0 mixes the rows. */
#define MOVE(its_name, its_samples)                                                                          \
    .name = its_name, .n_in = 1, .op = op, .reference = reference, .sample = its_samples,                    \
    .n_samples = sizeof its_samples / sizeof *its_samples,                                                   \
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE)

#endif
