/* Arrays for the seeds of .npy and .npz files. */
#ifndef TL_FUZZ_ARRAYS_H
#define TL_FUZZ_ARRAYS_H

#include "tests/fuzz/fuzz.h"

#include <string.h>

static const unsigned char tl_fuzz_elements[48] = "these are elements of several types and shapes";

enum { TL_FUZZ_ARRAYS = 4 };

static const struct {
    tl_npy_type type;
    int32_t rank;
    int64_t dim[TL_MAX_RANK];
} tl_fuzz_shapes[TL_FUZZ_ARRAYS] = { { TL_NPY_FLOAT32, 2, { 2, 3 } },
                                     { TL_NPY_INT16, 1, { 5 } },
                                     { TL_NPY_FLOAT16, 4, { 2, 1, 3, 2 } },
                                     { TL_NPY_BOOL, 0, { 0 } } };

static inline tl_npy tl_fuzz_array(int k)
{
    tl_npy a = { .type = tl_fuzz_shapes[k].type,
                 .rank = tl_fuzz_shapes[k].rank,
                 .data = (void *)tl_fuzz_elements };
    memcpy(a.dim, tl_fuzz_shapes[k].dim, sizeof a.dim);
    return a;
}

/* Checks that both have the same type, shape and bytes. */
static inline void tl_fuzz_check_equal(const tl_npy *a, const tl_npy *b)
{
    FUZZ_CHECK(a->type == b->type && a->rank == b->rank && a->size == b->size);
    FUZZ_CHECK(memcmp(a->dim, b->dim, sizeof a->dim) == 0);
    FUZZ_CHECK(memcmp(a->data, b->data, (size_t)(a->size * tl_npy_width(a->type))) == 0);
}

#endif
