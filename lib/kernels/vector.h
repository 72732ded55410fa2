/* Vectors of tl_real, as wide as the instruction set of the translation unit, in the vector extensions of gcc
 * and clang. */
#ifndef TL_VECTOR_H
#define TL_VECTOR_H

#include "base.h"

#include <string.h>
#if defined(__AVX2__) && !defined(__SANITIZE_ADDRESS__)
#include <immintrin.h>
#define HAS_MASKS
#endif

#if defined(__AVX512F__)
#define VEC_BYTES 64
#elif defined(__AVX__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif

#ifdef TULLE_DOUBLE
#define LANES (VEC_BYTES / 8)
#else
#define LANES (VEC_BYTES / 4)
#endif

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define HAS_FMA
#endif

#define INLINE   static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

typedef tl_real vec __attribute__((vector_size(VEC_BYTES), aligned(sizeof(tl_real)), may_alias));
typedef tl_real quad __attribute__((vector_size(4 * sizeof(tl_real)), aligned(sizeof(tl_real)), may_alias));

/* Optimisation barrier: the value stays in a register, and the product that made it is not contracted. (x86
 * without AVX has neither the registers nor fused products.) */
#if defined(__AVX512F__)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#elif defined(__AVX__)
#define IN_REGISTER(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define IN_REGISTER(v) __asm__("" : "+w"(v))
#else
#define IN_REGISTER(v) ((void)(v))
#endif

/* Returns a b + c, rounded as in the vector loops: fused if the instruction set has fused multiply-add. In a
 * scalar expression the compiler would be free to fuse or not. */
INLINE tl_real fused(tl_real a, tl_real b, tl_real c)
{
#if !defined(HAS_FMA)
    return a * b + c;
#elif defined(TULLE_DOUBLE)
    return __builtin_fma(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}

INLINE double fused_wide(double a, double b, double c)
{
#if defined(HAS_FMA)
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

INLINE vec load(const tl_real *p)
{
    return *(const vec *)p;
}

INLINE void store(tl_real *p, vec v)
{
    *(vec *)p = v;
}

/* Masked access to the first n lanes, which is as fast as a whole vector. (Not under the address sanitizer:
 * it checks copies, but not masked loads and stores.) */
#if !defined(HAS_MASKS)
#elif defined(__AVX512F__) && defined(TULLE_DOUBLE)
#define FIRST(n)             ((__mmask8)((1u << (n)) - 1))
#define LOAD_FIRST(n, p)     _mm512_maskz_loadu_pd(FIRST(n), p)
#define STORE_FIRST(n, p, v) _mm512_mask_storeu_pd(p, FIRST(n), (__m512d)(v))
#elif defined(__AVX512F__)
#define FIRST(n)             ((__mmask16)((1u << (n)) - 1))
#define LOAD_FIRST(n, p)     _mm512_maskz_loadu_ps(FIRST(n), p)
#define STORE_FIRST(n, p, v) _mm512_mask_storeu_ps(p, FIRST(n), (__m512)(v))
#elif defined(TULLE_DOUBLE)
#define FIRST(n)             _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3))
#define LOAD_FIRST(n, p)     _mm256_maskload_pd(p, FIRST(n))
#define STORE_FIRST(n, p, v) _mm256_maskstore_pd(p, FIRST(n), (__m256d)(v))
#else
#define FIRST(n)                                                                                             \
    _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define LOAD_FIRST(n, p)     _mm256_maskload_ps(p, FIRST(n))
#define STORE_FIRST(n, p, v) _mm256_maskstore_ps(p, FIRST(n), (__m256)(v))
#endif

/* Load and store the first n lanes, n <= LANES. The other lanes are loaded as 0; memory past the n values is
 * not touched. */
INLINE vec load_first(const tl_real *p, int64_t n)
{
#ifdef HAS_MASKS
    return (vec)LOAD_FIRST(n, p);
#else
    vec v = { 0 };
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
#endif
}

INLINE void store_first(tl_real *p, vec v, int64_t n)
{
#ifdef HAS_MASKS
    STORE_FIRST(n, p, v);
#else
    memcpy(p, &v, (size_t)n * sizeof *p);
#endif
}

/* Load and store the first min(n, LANES) lanes. */
INLINE vec load_up_to(const tl_real *p, int64_t n)
{
    return n < LANES ? load_first(p, n) : load(p);
}

INLINE void store_up_to(tl_real *p, vec v, int64_t n)
{
    if (n < LANES)
        store_first(p, v, n);
    else
        store(p, v);
}

typedef __typeof__((vec){ 0 } < (vec){ 0 }) mask; /* all bits of a lane, or none */

INLINE vec choose(mask where, vec yes, vec no)
{
    return (vec)(((mask)yes & where) | ((mask)no & ~where));
}

#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

/* Sums the lanes of each of four vectors, by halves: lane l + lane l + LANES/2, and so on until one is left.
 * The result is stored through a pointer, because a quad may be wider than the vectors that the ABI returns
 * by value. */
INLINE void sum_four(const vec v[4], quad *out)
{
#if LANES == 16
    const vec ab = PICK(v[0], v[1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                   PICK(v[0], v[1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31),
              cd = PICK(v[2], v[3], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                   PICK(v[2], v[3], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31),
              quads = PICK(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                      PICK(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31),
              pairs = quads + PICK(quads, quads, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13),
              sums = pairs + PICK(pairs, pairs, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    *out = PICK(sums, sums, 0, 4, 8, 12);
#elif LANES == 8
    const vec ab = PICK(v[0], v[1], 0, 1, 2, 3, 8, 9, 10, 11) + PICK(v[0], v[1], 4, 5, 6, 7, 12, 13, 14, 15),
              cd = PICK(v[2], v[3], 0, 1, 2, 3, 8, 9, 10, 11) + PICK(v[2], v[3], 4, 5, 6, 7, 12, 13, 14, 15),
              pairs = PICK(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) + PICK(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    *out = PICK(pairs, pairs, 0, 4, 2, 6) + PICK(pairs, pairs, 1, 5, 3, 7);
#elif LANES == 4
    const vec ab = PICK(v[0], v[1], 0, 1, 4, 5) + PICK(v[0], v[1], 2, 3, 6, 7),
              cd = PICK(v[2], v[3], 0, 1, 4, 5) + PICK(v[2], v[3], 2, 3, 6, 7);
    *out = PICK(ab, cd, 0, 2, 4, 6) + PICK(ab, cd, 1, 3, 5, 7);
#else
    *out = (quad){ v[0][0], v[1][0], v[2][0], v[3][0] } + (quad){ v[0][1], v[1][1], v[2][1], v[3][1] };
#endif
}

/* Interleaves the lower (or upper) halves of two vectors: a0 b0 a1 b1 .. */
#if LANES == 16
#define ZIP_LOW  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define ZIP_LOW  0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif LANES == 4
#define ZIP_LOW  0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#else
#define ZIP_LOW  0, 2
#define ZIP_HIGH 1, 3
#endif

/* Transposes a LANES x LANES square by log2(LANES) perfect shuffles of its rows. */
INLINE void transpose_lanes(vec r[LANES])
{
    for (int halved = LANES; halved > 1; halved /= 2) {
        vec zipped[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            zipped[2 * i] = PICK(r[i], r[i + LANES / 2], ZIP_LOW);
            zipped[2 * i + 1] = PICK(r[i], r[i + LANES / 2], ZIP_HIGH);
        }
        for (int i = 0; i < LANES; i++)
            r[i] = zipped[i];
    }
}

#endif
