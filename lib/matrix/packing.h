/* Tiles of samples. The sparse kernels want features as rows, and no more samples side by side than registers
 * hold: a tile. A matrix in another layout is packed tile by tile: the rows of a tile are contiguous, each
 * padded with zeros to whole vectors. */
#ifndef TL_PACKING_H
#define TL_PACKING_H

#include "base.h"

/* A matrix of n samples, row-major: features as rows, or, `by_sample`, samples as rows. */
typedef struct tl_samples {
    int64_t features, n;
    bool by_sample;
} tl_samples;

/* One tile for the kernels: feature k is at data + k * ld. */
typedef struct tl_tile {
    tl_real *data;
    int64_t ld, width; /* width: samples */
} tl_tile;

/* Returns the number of tiles of n samples. */
int64_t tl_tile_count(int64_t n);

/* Returns whether the matrix can be the randomly accessed operand without packing: features as rows, one
 * tile, whole vectors. (Operands that are walked row by row only need features as rows.) */
bool tl_tile_readable(tl_samples m);

/* Return the number of values in all packed tiles, in the largest one, and in those before tile t. */
int64_t tl_packed_size(tl_samples m);
int64_t tl_packed_tile_size(tl_samples m);
int64_t tl_packed_before(tl_samples m, int64_t t);

/* Return a view of tile t: in a matrix at `data` with features as rows, or packed in `buffer`. Nothing is
 * copied. */
tl_tile tl_tile_in_place(tl_samples m, int64_t t, tl_real *data);
tl_tile tl_tile_packed(tl_samples m, int64_t t, tl_real *buffer);

/* Copy tile t of the matrix at `data` into `packed`, with padding, and back (add: +=), to a matrix with
 * samples as rows. On all threads. */
void tl_pack_tile(tl_samples m, int64_t t, const tl_real *data, tl_tile packed);
void tl_unpack_tile(tl_samples m, int64_t t, tl_tile packed, tl_real *data, bool add);

#endif
