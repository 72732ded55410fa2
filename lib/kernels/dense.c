/* The dense product for small and thin shapes. A tile of C stays in registers along k; the panel of B that it
 * needs is packed on the stack, unless it consists of whole vectors already. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

enum { TILE_VECS = 3, DEPTH = TL_GEMM_DEPTH };
#if defined(__AVX512F__)
enum { TILE_ROWS = 8 }; /* 24 sums in 32 registers */
#else
enum { TILE_ROWS = 4 }; /* 12 sums in 16 registers */
#endif

typedef struct factors {
    tl_matrix a; /* from the first row of the tile */
    tl_dense b;  /* whole vectors */
    int64_t depth;
} factors;

/* What becomes of the old C: it is overwritten, the sum starts from it, or the sum is added to it. */
typedef enum old_c { OVERWRITE, CONTINUE, ADD } old_c;

/* Computes a tile of C. rows and vecs are compile-time constants; the last vector has `last` values. */
INLINE void multiply_tile(const factors f, const int rows, const int vecs, int64_t last, tl_dense_out c,
                          old_c old)
{
    vec sum[TILE_ROWS][TILE_VECS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++)
            sum[r][v] = (vec){ 0 };
    if (old == CONTINUE)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vecs; v++)
                sum[r][v] = load_up_to(c.data + r * c.ld + v * LANES, v + 1 < vecs ? LANES : last);
    for (int64_t l = 0; l < f.depth; l++)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vecs; v++)
                sum[r][v] = load(f.b.data + l * f.b.ld + v * LANES) * f.a.data[r * f.a.row + l * f.a.col] +
                            sum[r][v];
    if (old == ADD)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vecs; v++)
                sum[r][v] += load_up_to(c.data + r * c.ld + v * LANES, v + 1 < vecs ? LANES : last);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++)
            store_up_to(c.data + r * c.ld + v * LANES, sum[r][v], v + 1 < vecs ? LANES : last);
}

INLINE void multiply_rows(int64_t m, factors f, const int vecs, int64_t last, tl_dense_out c, old_c old)
{
    int64_t i = 0;
    for (; i + TILE_ROWS <= m; i += TILE_ROWS) {
        multiply_tile(f, TILE_ROWS, vecs, last, c, old);
        f.a.data += TILE_ROWS * f.a.row;
        c.data += TILE_ROWS * c.ld;
    }
    for (; i < m; i++) {
        multiply_tile(f, 1, vecs, last, c, old);
        f.a.data += f.a.row;
        c.data += c.ld;
    }
}

/* Copies depth x width of B into rows of whole vectors, padded with zeros. A transposed B is read along its
 * columns: the elements of a row, whose stride may be a power of two, share a set of the cache. */
static void pack_b(int64_t depth, int64_t width, tl_matrix b, tl_dense_out packed)
{
    if (b.col == 1) {
        for (int64_t l = 0; l < depth; l++)
            for (int64_t j = 0; j < packed.ld; j += LANES)
                store(packed.data + l * packed.ld + j, load_up_to(b.data + l * b.row + j, width - j));
        return;
    }
    for (int64_t j = 0; j < packed.ld; j++)
        for (int64_t l = 0; l < depth; l++)
            packed.data[l * packed.ld + j] = j < width ? b.data[l * b.row + j * b.col] : 0;
}

void TL_ISA(gemm_small)(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_dense_out c, bool add)
{
    tl_real panel[DEPTH * TILE_VECS * LANES];
    for (int64_t j = 0; j < n; j += TILE_VECS * LANES)
        for (int64_t l = 0; l == 0 || l < k; l += DEPTH) { /* once if k is 0: C may have to be cleared */
            const int64_t width = n - j < TILE_VECS * LANES ? n - j : TILE_VECS * LANES,
                          vecs = (width + LANES - 1) / LANES, last = width - (vecs - 1) * LANES;
            const tl_matrix from = { b.data + l * b.row + j * b.col, b.row, b.col };
            const tl_dense_out to = { c.data + j, c.ld };
            const old_c old = l > 0 ? ADD : add ? CONTINUE : OVERWRITE;
            factors f = { .a = { a.data + l * a.col, a.row, a.col },
                          .b = { from.data, b.row },
                          .depth = k - l < DEPTH ? k - l : DEPTH };
            if (b.col != 1 || width < vecs * LANES) {
                pack_b(f.depth, width, from, (tl_dense_out){ panel, vecs * LANES });
                f.b = (tl_dense){ panel, vecs * LANES };
            }
            if (vecs == 1)
                multiply_rows(m, f, 1, last, to, old);
            else if (vecs == 2)
                multiply_rows(m, f, 2, last, to, old);
            else
                multiply_rows(m, f, 3, last, to, old);
        }
}
