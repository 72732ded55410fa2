/* The kernels on dense vectors and matrices, and the table of one build. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"
#include "lib/prefetch.h"

#ifdef TULLE_DOUBLE
typedef int64_t bits;
#define MAGNITUDE INT64_MAX /* all bits but the sign */
#else
typedef int32_t bits;
#define MAGNITUDE INT32_MAX
#endif

/* Bits of non-negative floats sort like their values, with NaN after Inf. */
static tl_real max_abs(int64_t n, const tl_real *x, bool *minus_zero)
{
    bits max = 0, least = 0;
    for (int64_t k = 0; k < n; k++) {
        bits b;
        memcpy(&b, x + k, sizeof b);
        least = b < least ? b : least; /* the bits of -0 are the least signed integer */
        b &= MAGNITUDE;
        max = b > max ? b : max;
    }
    *minus_zero = least == -MAGNITUDE - 1;
    tl_real magnitude;
    memcpy(&magnitude, &max, sizeof magnitude);
    return magnitude;
}

static void add(int64_t n, const tl_real *restrict x, tl_real *restrict y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] += x[k];
}

static void axpy(int64_t n, tl_real a, const tl_real *restrict x, tl_real *restrict y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = fused(a, x[k], y[k]);
}

/* The product of two floats is exact in double: it is rounded once in either loop. */
static void scale(int64_t n, double a, const tl_real *restrict x, tl_real *restrict y)
{
    const tl_real narrow = (tl_real)a;
    if ((double)narrow == a) {
        for (int64_t k = 0; k < n; k++)
            y[k] = narrow * x[k];
        return;
    }
    for (int64_t k = 0; k < n; k++)
        y[k] = (tl_real)(a * (double)x[k]);
}

static tl_real dot(int64_t n, const tl_real *x, const tl_real *y)
{
    enum { PARTS = 64, VECS = PARTS / LANES };
    tl_real partial[PARTS];
    vec sum[VECS];
    for (int v = 0; v < VECS; v++)
        sum[v] = (vec){ 0 };
    int64_t k = 0;
    for (; k + PARTS <= n; k += PARTS)
        for (int v = 0; v < VECS; v++)
            sum[v] = load(x + k + v * LANES) * load(y + k + v * LANES) + sum[v];
    for (int v = 0; v < VECS; v++)
        store(partial + v * LANES, sum[v]);
    for (int l = 0; k + l < n; l++)
        partial[l] = fused(x[k + l], y[k + l], partial[l]);
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            partial[l] += partial[l + half];
    return partial[0];
}

/* Sums a single column by independent partial sums, which break the chain of dependent additions. */
static double sum_column(int64_t n, const tl_real *x, const tl_real *z)
{
    enum { PARTS = 16 };
    double partial[PARTS] = { 0 };
    int64_t k = 0;
    if (z)
        for (; k + PARTS <= n; k += PARTS)
            for (int l = 0; l < PARTS; l++)
                partial[l] = fused_wide((double)x[k + l], (double)z[k + l], partial[l]);
    else
        for (; k + PARTS <= n; k += PARTS)
            for (int l = 0; l < PARTS; l++)
                partial[l] += (double)x[k + l];
    for (int l = 0; k + l < n; l++)
        partial[l] = fused_wide((double)x[k + l], z ? (double)z[k + l] : 1, partial[l]);
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            partial[l] += partial[l + half];
    return partial[0];
}

INLINE void add_to_sums(const int64_t n, const tl_real *restrict x, const tl_real *restrict z,
                        double *restrict sum)
{
    if (z)
        for (int64_t j = 0; j < n; j++)
            sum[j] = fused_wide((double)x[j], (double)z[j], sum[j]);
    else
        for (int64_t j = 0; j < n; j++)
            sum[j] += (double)x[j];
}

enum { STRIP = 256 }; /* columns whose sums stay in L1 */

static void sum_rows(int64_t rows, int64_t cols, int64_t ld, const tl_real *x, const tl_real *z, double *sum)
{
    for (int64_t i = 0; i < rows; i++) {
        const tl_real *xi = x + i * ld, *zi = z ? z + i * ld : NULL;
        int64_t j = 0;
        for (; j + STRIP <= cols; j += STRIP) /* a constant number, for which the compiler unrolls */
            add_to_sums(STRIP, xi + j, zi ? zi + j : NULL, sum + j);
        add_to_sums(cols - j, xi + j, zi ? zi + j : NULL, sum + j);
    }
}

static void col_sums(int64_t rows, int64_t cols, int64_t begin, int64_t end, int sign,
                     const tl_real *restrict x, const tl_real *restrict z, tl_real *restrict y)
{
    if (cols == 1) {
        if (begin < end)
            y[0] += (tl_real)(sign * sum_column(rows, x, z));
        return;
    }
    for (int64_t j0 = begin; j0 < end; j0 += STRIP) {
        double sum[STRIP];
        const int64_t n = end - j0 < STRIP ? end - j0 : STRIP;
        for (int64_t j = 0; j < n; j++)
            sum[j] = 0;
        sum_rows(rows, n, cols, x + j0, z ? z + j0 : NULL, sum);
        for (int64_t j = 0; j < n; j++)
            y[j0 + j] += (tl_real)(sign * sum[j]);
    }
}

enum { SQUARE = TL_CACHE_LINE };

static void assign_or_add(tl_real *to, tl_real x, bool add_to)
{
    *to = add_to ? *to + x : x;
}

/* Transposes a square of whole cache lines, so that each line of x and of y is touched once. */
INLINE void transpose_square(const tl_real *x, int64_t ldx, tl_real *y, int64_t ldy, const bool add_to)
{
    for (int i = 0; i < SQUARE; i += LANES)
        for (int j = 0; j < SQUARE; j += LANES) {
            vec r[LANES];
            for (int k = 0; k < LANES; k++)
                r[k] = load(x + (i + k) * ldx + j);
            transpose_lanes(r);
            for (int k = 0; k < LANES; k++) {
                tl_real *to = y + (j + k) * ldy + i;
                if (add_to)
                    r[k] += load(to);
                store(to, r[k]);
            }
        }
}

/* Goes along the rows of whichever matrix has the larger stride: squares that follow one another are then
 * neighbours in it. */
static void transpose(int64_t rows, int64_t cols, const tl_real *restrict x, int64_t ldx, tl_real *restrict y,
                      int64_t ldy, bool add_to)
{
    const int64_t whole_rows = rows - rows % SQUARE, whole_cols = cols - cols % SQUARE;
    if (ldx >= ldy)
        for (int64_t i = 0; i < whole_rows; i += SQUARE)
            for (int64_t j = 0; j < whole_cols; j += SQUARE)
                transpose_square(x + i * ldx + j, ldx, y + j * ldy + i, ldy, add_to);
    else
        for (int64_t j = 0; j < whole_cols; j += SQUARE)
            for (int64_t i = 0; i < whole_rows; i += SQUARE)
                transpose_square(x + i * ldx + j, ldx, y + j * ldy + i, ldy, add_to);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < whole_rows ? whole_cols : 0; j < cols; j++)
            assign_or_add(y + j * ldy + i, x[i * ldx + j], add_to);
}

#define TEXT_OF(name) #name
#define TEXT(name)    TEXT_OF(name)

enum { BLOCK = (32 << 10) / (TL_TILE_VECS * VEC_BYTES) };
_Static_assert(TL_WIDEST_BLOCK *BLOCK <= 1 << 16, "columns of a block fit in 16 bits");

extern const tl_kernels TL_ISA(kernels);

const tl_kernels TL_ISA(kernels) = {
    .name = TEXT(TL_ISA_NAME),
    .lanes = LANES,
    .block = BLOCK,
    .spmm = TL_ISA(spmm),
    .sddmm = TL_ISA(sddmm),
    .spmm_sddmm = TL_ISA(spmm_sddmm),
    .table_rows = TL_ISA(table_rows),
    .transpose = transpose,
    .max_abs = max_abs,
    .add = add,
    .axpy = axpy,
    .scale = scale,
    .dot = dot,
    .sum_rows = sum_rows,
    .col_sums = col_sums,
    .largest = TL_ISA(largest),
    .sum_run = TL_ISA(sum_run),
    .deviations = TL_ISA(deviations),
    .normalise = TL_ISA(normalise),
    .norm_sums = TL_ISA(norm_sums),
    .norm_gradient = TL_ISA(norm_gradient),
    .norm_terms = TL_ISA(norm_terms),
    .exp = TL_ISA(exp),
    .expm1 = TL_ISA(expm1),
    .log = TL_ISA(log),
    .log1p = TL_ISA(log1p),
    .tanh = TL_ISA(tanh),
    .sigmoid = TL_ISA(sigmoid),
    .erf = TL_ISA(erf),
    .erfc = TL_ISA(erfc),
    .sin = TL_ISA(sin),
    .cos = TL_ISA(cos),
    .sqrt = TL_ISA(sqrt),
    .pow = TL_ISA(pow),
    .pow_scalar = TL_ISA(pow_scalar),
    .softplus = TL_ISA(softplus),
    .softplus_gradient = TL_ISA(softplus_gradient),
    .silu = TL_ISA(silu),
    .silu_gradient = TL_ISA(silu_gradient),
    .gelu = TL_ISA(gelu),
    .gelu_gradient = TL_ISA(gelu_gradient),
    .philox = TL_ISA(philox),
    .gemm_small = TL_ISA(gemm_small),
    .updates = &TL_ISA(updates),
};
