/* Tiles of samples. The sparse kernels want features as rows and as many samples side by side as their
 * registers hold: a tile. A matrix that lies otherwise is packed tile after tile, the rows of each one after
 * the other and padded to whole vectors by zeros. */
#ifndef TL_PACKING_H
#define TL_PACKING_H

#include "base.h"

/* A matrix of features x samples, features as rows; or, `by_sample`, samples as rows. */
typedef struct tl_samples {
    int64_t features, n; /* n samples */
    bool by_sample;
} tl_samples;

/* One tile for the kernels: feature k is at at + k ld. */
typedef struct tl_tile {
    tl_real *at;
    int64_t ld, width; /* samples in it */
} tl_tile;

int64_t tl_tile_count(int64_t n);

/* Whether the kernels can read any row of the matrix where it lies, again and again: if it is one tile of
 * whole vectors. (What they go through row by row, they read and write wherever features are rows.) */
bool tl_tile_readable(tl_samples m);

/* Values in all packed tiles, in the largest, and in those before tile t. */
int64_t tl_packed_size(tl_samples m);
int64_t tl_packed_tile_size(tl_samples m);
int64_t tl_packed_before(tl_samples m, int64_t t);

/* Tile t of the matrix at `data` where it lies; and packed at `room`. */
tl_tile tl_tile_in_place(tl_samples m, int64_t t, tl_real *data);
tl_tile tl_tile_packed(tl_samples m, int64_t t, tl_real *room);

/* Fills the packed tile from the matrix at `data`; or the matrix, which lies by sample, from the tile (add:
 * += ). On all threads. */
void tl_pack_tile(tl_samples m, int64_t t, const tl_real *data, tl_tile packed);
void tl_unpack_tile(tl_samples m, int64_t t, tl_tile packed, tl_real *data, bool add);

#endif
