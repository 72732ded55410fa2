/* Sums of rows of a table, in double. The sums of a strip of up to STRIP_VECS vectors of floats stay in
 * registers, as two vectors of doubles each, along the entries of a row. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"
#ifdef __AVX2__
#include <immintrin.h>
#endif

enum { STRIP_VECS = 4 };

typedef double wide __attribute__((vector_size(VEC_BYTES)));

/* The fused product of a vector and a number, plus a vector: clang leaves some of them to two roundings. */
#if defined(__AVX512F__)
#define multiply_add(x, value, y) ((wide)_mm512_fmadd_pd((__m512d)(x), _mm512_set1_pd(value), (__m512d)(y)))
#elif defined(__AVX2__)
#define multiply_add(x, value, y) ((wide)_mm256_fmadd_pd((__m256d)(x), _mm256_set1_pd(value), (__m256d)(y)))
#else
#define multiply_add(x, value, y) ((x) * (value) + (y))
#endif

/* The part of a vector of values that fits in a vector of doubles; widen and narrow convert. (gcc's vector
 * conversion takes two instructions and a shuffle where there is one instruction.) */
#ifdef TULLE_DOUBLE
enum { PARTS = 1 };
typedef vec part;
#define widen(p)  ((wide)(p))
#define narrow(w) ((part)(w))
#else
enum { PARTS = 2 };
typedef float part __attribute__((vector_size(VEC_BYTES / 2), aligned(sizeof(float)), may_alias));
#if defined(__AVX512F__)
#define widen(p)  ((wide)_mm512_cvtps_pd((__m256)(p)))
#define narrow(w) ((part)_mm512_cvtpd_ps((__m512d)(w)))
#elif defined(__AVX2__)
#define widen(p)  ((wide)_mm256_cvtps_pd((__m128)(p)))
#define narrow(w) ((part)_mm256_cvtpd_ps((__m256d)(w)))
#else
#define widen(p)  __builtin_convertvector(p, wide)
#define narrow(w) __builtin_convertvector(w, part)
#endif
#endif

/* A strip of `width` columns from the pointers on. `vecs` and `tail` are compile-time constants wherever a
 * strip is made. */
typedef struct strip {
    int vecs;  /* vectors in a row */
    bool tail; /* the last one may be partial */
    int64_t width;
    const tl_real *x;
    tl_real *y;
} strip;

/* Loads vector v of a row in double. Memory past the strip is not touched. */
INLINE void load_wide(const tl_real *p, int v, const strip t, wide to[PARTS])
{
    part halves[PARTS];
    if (t.tail && v + 1 == t.vecs) {
        const vec last = load_up_to(p + v * LANES, t.width - v * LANES);
        memcpy(halves, &last, sizeof last);
    } else {
        memcpy(halves, p + v * LANES, sizeof halves);
    }
    for (int h = 0; h < PARTS; h++)
        to[h] = widen(halves[h]);
}

INLINE void store_rounded(tl_real *p, int v, const strip t, const wide from[PARTS])
{
    part halves[PARTS];
    vec rounded;
    for (int h = 0; h < PARTS; h++)
        halves[h] = narrow(from[h]);
    memcpy(&rounded, halves, sizeof rounded);
    store_up_to(p + v * LANES, rounded, t.tail && v + 1 == t.vecs ? t.width - v * LANES : LANES);
}

/* y = (add: +=) value times the row `first` plus, unless that is NULL, `second`; if `ones`, the value is 1.
 * In floats, as callers ask for no more than one product or one sum of two numbers: rounded to double first,
 * those have the same bits. */
INLINE void sum_two(tl_real value, const tl_real *first, const tl_real *second, const strip t, bool add,
                    const bool ones)
{
    for (int v = 0; v < t.vecs; v++) {
        const int64_t n = t.tail && v + 1 == t.vecs ? t.width - v * LANES : LANES;
        vec sum = load_up_to(first + v * LANES, n);
        if (!ones)
            sum *= value;
        sum += add ? load_up_to(t.y + v * LANES, n) : (vec){ 0 }; /* -0 becomes 0 */
        if (second)
            sum += load_up_to(second + v * LANES, n);
        store_up_to(t.y + v * LANES, sum, n);
    }
}

/* y = (add: +=) the sum over entries first .. last-1 of S, whose values are 1 if there are none. */
INLINE void sum_strip(const tl_sparse *s, int64_t first, int64_t last, const strip t, int64_t ldx, bool add,
                      const bool ones)
{
    const int64_t n = last - first;
    if ((n == 1 && (ones || !add)) || (n == 2 && ones && !add)) {
        sum_two(ones ? 1 : s->values[first], t.x + s->col[first] * ldx,
                n == 2 ? t.x + s->col[first + 1] * ldx : NULL, t, add, ones);
        return;
    }
    wide sum[STRIP_VECS][PARTS];
    for (int v = 0; v < t.vecs; v++) {
        if (add)
            load_wide(t.y, v, t, sum[v]);
        else
            for (int h = 0; h < PARTS; h++)
                sum[v][h] = (wide){ 0 };
    }
    for (int64_t e = first; e < last; e++) {
        const tl_real *x = t.x + s->col[e] * ldx;
        const double value = ones ? 1 : (double)s->values[e];
        for (int v = 0; v < t.vecs; v++) {
            wide term[PARTS];
            load_wide(x, v, t, term);
            for (int h = 0; h < PARTS; h++)
                sum[v][h] = ones ? term[h] + sum[v][h] : multiply_add(term[h], value, sum[v][h]);
        }
    }
    for (int v = 0; v < t.vecs; v++)
        store_rounded(t.y, v, t, sum[v]);
}

/* Sums a row of S, strip by strip. */
INLINE void sum_row(const tl_sparse *s, int64_t first, int64_t last, int64_t width, const tl_real *x,
                    tl_real *y, bool add, const bool ones)
{
    for (int64_t j = 0; j < width; j += STRIP_VECS * LANES) {
        const int64_t n = width - j;
        if (n >= STRIP_VECS * LANES)
            sum_strip(s, first, last, (strip){ STRIP_VECS, false, n, x + j, y + j }, width, add, ones);
        else if (n > 3 * LANES)
            sum_strip(s, first, last, (strip){ 4, true, n, x + j, y + j }, width, add, ones);
        else if (n > 2 * LANES)
            sum_strip(s, first, last, (strip){ 3, true, n, x + j, y + j }, width, add, ones);
        else if (n > LANES)
            sum_strip(s, first, last, (strip){ 2, true, n, x + j, y + j }, width, add, ones);
        else
            sum_strip(s, first, last, (strip){ 1, true, n, x + j, y + j }, width, add, ones);
    }
}

void TL_ISA(table_rows)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                        tl_real *y, bool add)
{
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = s->row_begin ? s->row_begin[i] : s->row_ptr[i],
                      last = s->row_end ? s->row_end[i] : s->row_ptr[i + 1];
        if (first == last && add)
            continue;
        if (s->values)
            sum_row(s, first, last, width, x, y + i * width, add, false);
        else
            sum_row(s, first, last, width, x, y + i * width, add, true);
    }
}
