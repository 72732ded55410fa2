/* Packing of tiles of samples. */
#include "lib/matrix/packing.h"
#include "lib/kernels/kernels.h"
#include "parallel.h"

#include <string.h>

static int64_t full_width(void)
{
    return TL_TILE_VECS * tl_kernel_table()->lanes;
}

static int64_t padded(int64_t width)
{
    const int64_t lanes = tl_kernel_table()->lanes;
    return (width + lanes - 1) / lanes * lanes;
}

int64_t tl_tile_count(int64_t n)
{
    return (n + full_width() - 1) / full_width();
}

bool tl_tile_readable(tl_samples m)
{
    return !m.by_sample && m.n <= full_width() && m.n == padded(m.n);
}

int64_t tl_packed_size(tl_samples m)
{
    return m.features * padded(m.n);
}

int64_t tl_packed_tile_size(tl_samples m)
{
    return m.features * padded(m.n < full_width() ? m.n : full_width());
}

int64_t tl_packed_before(tl_samples m, int64_t t)
{
    return t * full_width() * m.features;
}

static int64_t width_of(tl_samples m, int64_t t)
{
    const int64_t left = m.n - t * full_width();
    return left < full_width() ? left : full_width();
}

tl_tile tl_tile_in_place(tl_samples m, int64_t t, tl_real *data)
{
    return (tl_tile){ data + t * full_width(), m.n, width_of(m, t) };
}

tl_tile tl_tile_packed(tl_samples m, int64_t t, tl_real *buffer)
{
    const int64_t width = width_of(m, t);
    return (tl_tile){ buffer, padded(width), width };
}

typedef struct packing {
    const tl_real *from; /* pack: where the tile begins in the matrix */
    tl_real *to;         /* unpack: the same */
    tl_samples m;
    tl_tile tile;
    bool add;
} packing;

/* Pack and unpack features begin .. end-1. */
static void pack(void *context, int64_t begin, int64_t end)
{
    const packing *c = context;
    const tl_tile t = c->tile;
    if (c->m.by_sample)
        tl_kernel_table()->transpose(t.width, end - begin, c->from + begin, c->m.features,
                                     t.data + begin * t.ld, t.ld, false);
    for (int64_t k = begin; k < end; k++) {
        if (!c->m.by_sample)
            memcpy(t.data + k * t.ld, c->from + k * c->m.n, (size_t)t.width * sizeof *t.data);
        for (int64_t j = t.width; j < t.ld; j++)
            t.data[k * t.ld + j] = 0;
    }
}

static void unpack(void *context, int64_t begin, int64_t end)
{
    const packing *c = context;
    tl_kernel_table()->transpose(end - begin, c->tile.width, c->tile.data + begin * c->tile.ld, c->tile.ld,
                                 c->to + begin, c->m.features, c->add);
}

/* Returns where tile t begins in the matrix. */
static int64_t start_of(tl_samples m, int64_t t)
{
    return t * full_width() * (m.by_sample ? m.features : 1);
}

void tl_pack_tile(tl_samples m, int64_t t, const tl_real *data, tl_tile packed)
{
    if (m.features == 0) /* there may be no data to point to */
        return;
    packing c = { .from = data + start_of(m, t), .m = m, .tile = packed };
    tl_parallel_rows(m.features, packed.width, pack, &c);
}

void tl_unpack_tile(tl_samples m, int64_t t, tl_tile packed, tl_real *data, bool add)
{
    packing c = { .to = data + start_of(m, t), .m = m, .tile = packed, .add = add };
    tl_parallel_rows(m.features, packed.width, unpack, &c);
}
