/* The dense product for thin and tiny shapes. A tile of C stays in registers along k; what it needs of B is
 * packed, on the stack, where it does not lie as whole vectors. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

enum { TILE_VECS = 3, DEPTH = 128 };
#if defined(__AVX512F__)
enum { TILE_ROWS = 8 }; /* 24 sums in 32 registers */
#else
enum { TILE_ROWS = 4 }; /* 12 in 16 */
#endif

typedef struct factors {
    const tl_real *a, *b; /* the part of A that a tile's rows begin with; whole vectors of B, row after row */
    int64_t ars, acs, ldb, depth;
} factors;

/* rows and vecs are constants; the last vector of C has `last` values. */
INLINE void multiply_tile(const factors f, const int rows, const int vecs, int64_t last, tl_real *c,
                          int64_t ldc, bool add)
{
    vec sum[TILE_ROWS][TILE_VECS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++)
            sum[r][v] = (vec){ 0 };
    if (add)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vecs; v++)
                sum[r][v] = load_up_to(c + r * ldc + v * LANES, v + 1 < vecs ? LANES : last);
    for (int64_t l = 0; l < f.depth; l++)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vecs; v++)
                sum[r][v] = load(f.b + l * f.ldb + v * LANES) * f.a[r * f.ars + l * f.acs] + sum[r][v];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++)
            store_up_to(c + r * ldc + v * LANES, sum[r][v], v + 1 < vecs ? LANES : last);
}

INLINE void multiply_rows(int64_t m, factors f, const int vecs, int64_t last, tl_real *c, int64_t ldc,
                          bool add)
{
    int64_t i = 0;
    for (; i + TILE_ROWS <= m; i += TILE_ROWS, f.a += TILE_ROWS * f.ars)
        multiply_tile(f, TILE_ROWS, vecs, last, c + i * ldc, ldc, add);
    for (; i < m; i++, f.a += f.ars)
        multiply_tile(f, 1, vecs, last, c + i * ldc, ldc, add);
}

static void pack_b(int64_t depth, int64_t width, int64_t ld, const tl_real *b, int64_t brs, int64_t bcs,
                   tl_real *packed)
{
    for (int64_t l = 0; l < depth; l++, b += brs, packed += ld)
        if (bcs == 1)
            for (int64_t j = 0; j < ld; j += LANES)
                store(packed + j, load_up_to(b + j, width - j));
        else
            for (int64_t j = 0; j < ld; j++)
                packed[j] = j < width ? b[j * bcs] : 0;
}

void TL_ISA(gemm_small)(int64_t m, int64_t n, int64_t k, const tl_real *a, int64_t ars, int64_t acs,
                        const tl_real *b, int64_t brs, int64_t bcs, tl_real *c, int64_t ldc, bool add)
{
    tl_real packed[DEPTH * TILE_VECS * LANES];
    for (int64_t j = 0; j < n; j += TILE_VECS * LANES)
        for (int64_t l = 0; l == 0 || l < k; l += DEPTH) {
            const int64_t width = n - j < TILE_VECS * LANES ? n - j : TILE_VECS * LANES,
                          vecs = (width + LANES - 1) / LANES, last = width - (vecs - 1) * LANES;
            factors f = { .a = a + l * acs,
                          .b = b + l * brs + j * bcs,
                          .ars = ars,
                          .acs = acs,
                          .ldb = brs,
                          .depth = k - l < DEPTH ? k - l : DEPTH };
            if (bcs != 1 || width < vecs * LANES) {
                pack_b(f.depth, width, vecs * LANES, f.b, brs, bcs, packed);
                f.b = packed, f.ldb = vecs * LANES;
            }
            if (vecs == 1)
                multiply_rows(m, f, 1, last, c + j, ldc, add || l > 0);
            else if (vecs == 2)
                multiply_rows(m, f, 2, last, c + j, ldc, add || l > 0);
            else
                multiply_rows(m, f, 3, last, c + j, ldc, add || l > 0);
        }
}
