/* Kernels of softmax and of normalisation. Terms go into PARTS partial sums by loops of a constant length,
 * whose sums the compiler keeps in registers. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

enum { PARTS = 32, MAX_PARTS = 64 };

tl_real TL_ISA(largest)(int64_t n, const tl_real *x)
{
    tl_real max[MAX_PARTS];
    tl_lane nan[MAX_PARTS];
    for (int l = 0; l < MAX_PARTS; l++) {
        max[l] = -(tl_real)__builtin_inf();
        nan[l] = 0;
    }
    int64_t k = 0;
    for (; k + MAX_PARTS <= n; k += MAX_PARTS)
        for (int l = 0; l < MAX_PARTS; l++) {
            max[l] = x[k + l] > max[l] ? x[k + l] : max[l];
            nan[l] |= x[k + l] != x[k + l];
        }
    for (int l = 0; k + l < n; l++) {
        max[l] = x[k + l] > max[l] ? x[k + l] : max[l];
        nan[l] |= x[k + l] != x[k + l];
    }
    for (int half = MAX_PARTS / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            max[l] = max[l + half] > max[l] ? max[l + half] : max[l];
            nan[l] |= nan[l + half];
        }
    return nan[0] ? (tl_real)__builtin_nan("") : max[0];
}

INLINE void add_half(double *partial, const int half)
{
    for (int l = 0; l < half; l++)
        partial[l] += partial[l + half];
}

/* With constants, so that the sums stay in registers. */
INLINE double by_halves(double *partial)
{
    _Static_assert(PARTS == 32, "as many halves");
    add_half(partial, 16);
    add_half(partial, 8);
    add_half(partial, 4);
    add_half(partial, 2);
    return partial[0] + partial[1];
}

INLINE void add_run(int64_t n, const tl_real *restrict x, const tl_real *restrict z, double *restrict partial)
{
    for (int64_t l = 0; l < n; l++)
        partial[l] = z ? fused_wide((double)x[l], (double)z[l], partial[l]) : partial[l] + (double)x[l];
}

double TL_ISA(sum_run)(int64_t n, const tl_real *x, const tl_real *z)
{
    double partial[MAX_PARTS] = { 0 };
    int64_t k = 0;
    if (z)
        for (; k + MAX_PARTS <= n; k += MAX_PARTS)
            add_run(MAX_PARTS, x + k, z + k, partial);
    else
        for (; k + MAX_PARTS <= n; k += MAX_PARTS)
            add_run(MAX_PARTS, x + k, NULL, partial);
    add_run(n - k, x + k, z ? z + k : NULL, partial);
    add_half(partial, PARTS);
    return by_halves(partial);
}

INLINE void add_deviations(int64_t n, const tl_real *restrict x, double from, double *restrict first,
                           double *restrict second)
{
    for (int64_t l = 0; l < n; l++) {
        const double d = (double)x[l] - from;
        first[l] += d;
        second[l] = fused_wide(d, d, second[l]);
    }
}

void TL_ISA(deviations)(int64_t n, const tl_real *x, double from, double *sum)
{
    double first[PARTS] = { 0 }, second[PARTS] = { 0 };
    int64_t k = 0;
    for (; k + PARTS <= n; k += PARTS)
        add_deviations(PARTS, x + k, from, first, second);
    add_deviations(n - k, x + k, from, first, second);
    sum[0] += by_halves(first);
    sum[1] += by_halves(second);
}

INLINE tl_real quotient(tl_real x, tl_row_norm m)
{
    return (x - m.mean - m.rest) * m.scale;
}

void TL_ISA(normalise)(int64_t n, const tl_real *restrict x, tl_row_norm m, const tl_real *restrict gain,
                       const tl_real *restrict bias, tl_real *restrict y)
{
    if (gain)
        for (int64_t k = 0; k < n; k++)
            y[k] = fused(quotient(x[k], m), gain[k], bias[k]);
    else
        for (int64_t k = 0; k < n; k++)
            y[k] = quotient(x[k], m);
}

INLINE void add_norm_sums(int64_t n, const tl_real *restrict x, tl_row_norm m, const tl_real *restrict dy,
                          const tl_real *restrict gain, double *restrict first, double *restrict second)
{
    for (int64_t l = 0; l < n; l++) {
        const double d = (double)dy[l], x_l = (double)quotient(x[l], m);
        if (gain) {
            const double g = (double)gain[l];
            first[l] = fused_wide(d, g, first[l]);
            second[l] = fused_wide(d * g, x_l, second[l]);
        } else {
            first[l] += d;
            second[l] = fused_wide(d, x_l, second[l]);
        }
    }
}

void TL_ISA(norm_sums)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, const tl_real *gain,
                       double *sum)
{
    double first[PARTS] = { 0 }, second[PARTS] = { 0 };
    int64_t k = 0;
    if (gain)
        for (; k + PARTS <= n; k += PARTS)
            add_norm_sums(PARTS, x + k, m, dy + k, gain + k, first, second);
    else
        for (; k + PARTS <= n; k += PARTS)
            add_norm_sums(PARTS, x + k, m, dy + k, NULL, first, second);
    add_norm_sums(n - k, x + k, m, dy + k, gain ? gain + k : NULL, first, second);
    sum[0] += by_halves(first);
    sum[1] += by_halves(second);
}

void TL_ISA(norm_gradient)(int64_t n, const tl_real *restrict x, tl_row_norm m, const tl_real *restrict dy,
                           const tl_real *restrict gain, tl_real mean, tl_real slope, tl_real *restrict dx,
                           bool add)
{
    for (int64_t k = 0; k < n; k++) {
        const tl_real g = gain ? fused(dy[k], gain[k], -mean) : dy[k] - mean;
        const tl_real d = fused(-quotient(x[k], m), slope, g);
        dx[k] = add ? fused(m.scale, d, dx[k]) : m.scale * d;
    }
}

void TL_ISA(norm_terms)(int64_t n, const tl_real *restrict x, tl_row_norm m, const tl_real *restrict dy,
                        double *restrict sum, double *restrict dy_sum)
{
    if (dy_sum)
        for (int64_t k = 0; k < n; k++) {
            sum[k] = fused_wide((double)dy[k], (double)quotient(x[k], m), sum[k]);
            dy_sum[k] += (double)dy[k];
        }
    else
        for (int64_t k = 0; k < n; k++)
            sum[k] = fused_wide((double)dy[k], (double)quotient(x[k], m), sum[k]);
}
