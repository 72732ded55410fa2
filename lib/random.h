/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). Draw k of a seed is a pure function of (seed, k): the same on every machine, thread and run. */
#ifndef TL_RANDOM_H
#define TL_RANDOM_H

#include "base.h"

/* A generator, owned by the user; there is no hidden one. `tl_random rng = { .seed = 1 };` starts a stream.
 * Its position is a plain field: copy it to replay, add to it to skip. */
typedef struct tl_random {
    uint64_t seed;
    uint64_t position; /* draws made so far */
} tl_random;

/* Computes the block of four 32-bit words of `key` at counter (`hi`, `lo`). */
TL_API void tl_philox(uint64_t key, uint64_t hi, uint64_t lo, uint32_t out[4]);

/* Make one draw each; an integer may make more, which is rare. Uniform is in [0, 1) with 53 bits; normal has
 * mean 0 and variance 1 (Box and Muller); integer is in 0 .. bound-1 without bias, for bound >= 1. Without a
 * generator, or for a smaller bound, they return 0 and leave a text in tl_error(). */
TL_API double tl_random_uniform(tl_random *r);
TL_API double tl_random_normal(tl_random *r);
TL_API int64_t tl_random_integer(tl_random *r, int64_t bound);

/* Fills out[n] with a uniform random permutation of 0 .. n-1 (Fisher and Yates). */
TL_API void tl_random_permutation(tl_random *r, int32_t n, int32_t *out);

#endif
