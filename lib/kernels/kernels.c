/* The kernels as plain loops. Compiled once per instruction set; TL_KERNELS_TABLE names the table.
 *
 * Contraction is off; where a product may be fused with a sum, the code says fma, so that a vector's tail
 * rounds as its body does. */
#include "kernels.h"

extern const tl_kernels TL_KERNELS_TABLE;

static inline tl_real fma_real(tl_real a, tl_real b, tl_real c)
{
#if !defined(__FMA__)
    return a * b + c;
#elif defined(TULLE_DOUBLE)
    return __builtin_fma(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}

static void add(int64_t n, const tl_real *restrict x, tl_real *restrict y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] += x[k];
}

static void axpy(int64_t n, tl_real a, const tl_real *restrict x, tl_real *restrict y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = fma_real(a, x[k], y[k]);
}

static tl_real dot(int64_t n, const tl_real *x, const tl_real *y)
{
    enum { LANES = 16 };
    tl_real sum[LANES] = { 0 };
    int64_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] = fma_real(x[k + l], y[k + l], sum[l]);
    for (int l = 0; k + l < n; l++)
        sum[l] = fma_real(x[k + l], y[k + l], sum[l]);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

static void sum_rows(int64_t rows, int64_t cols, const tl_real *restrict x, tl_real *restrict y)
{
    enum { STRIP = 64 }; /* columns whose sums stay in L1 */
    for (int64_t j0 = 0; j0 < cols; j0 += STRIP) {
        double sum[STRIP] = { 0 };
        int64_t n = cols - j0 < STRIP ? cols - j0 : STRIP;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < n; j++)
                sum[j] += (double)x[i * cols + j0 + j];
        for (int64_t j = 0; j < n; j++)
            y[j0 + j] += (tl_real)sum[j];
    }
}

static void transpose(int64_t rows, int64_t cols, const tl_real *restrict x, tl_real *restrict y, bool sum)
{
    enum { TILE = 16 }; /* a tile of x and one of y fit in L1 */
    for (int64_t i0 = 0; i0 < rows; i0 += TILE)
        for (int64_t j0 = 0; j0 < cols; j0 += TILE)
            for (int64_t j = j0; j < cols && j < j0 + TILE; j++)
                for (int64_t i = i0; i < rows && i < i0 + TILE; i++)
                    y[j * rows + i] = sum ? y[j * rows + i] + x[i * cols + j] : x[i * cols + j];
}

static void spmm(int64_t begin, int64_t end, int64_t n, const int64_t *row_ptr, const int32_t *col,
                 const int32_t *order, const tl_real *values, const tl_real *x, tl_real *y, bool sum)
{
    for (int64_t i = begin; i < end; i++) {
        tl_real *yi = y + i * n;
        for (int64_t k = 0; k < n && !sum; k++)
            yi[k] = 0;
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
            axpy(n, values[order ? order[e] : e], x + col[e] * n, yi);
    }
}

static void sddmm(int64_t begin, int64_t end, int64_t n, const int64_t *row_ptr, const int32_t *col,
                  const tl_real *a, const tl_real *b, tl_real *values)
{
    for (int64_t i = begin; i < end; i++)
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
            values[e] += dot(n, a + i * n, b + col[e] * n);
}

static void gemm_small(int64_t m, int64_t n, int64_t k, const tl_real *a, int64_t ars, int64_t acs,
                       const tl_real *b, int64_t brs, int64_t bcs, tl_real *c, bool sum)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            tl_real cij = 0;
            for (int64_t l = 0; l < k; l++)
                cij = fma_real(a[i * ars + l * acs], b[l * brs + j * bcs], cij);
            c[i * n + j] = sum ? c[i * n + j] + cij : cij;
        }
}

#define NAME_OF(table) #table
#define NAME(table)    NAME_OF(table)

const tl_kernels TL_KERNELS_TABLE = {
    .name = &NAME(TL_KERNELS_TABLE)[sizeof "tl_kernels_" - 1],
    .add = add,
    .axpy = axpy,
    .dot = dot,
    .sum_rows = sum_rows,
    .transpose = transpose,
    .spmm = spmm,
    .sddmm = sddmm,
    .gemm_small = gemm_small,
};
