/* IDX files. */
#include "tests/fuzz/fuzz.h"

const char *const tl_fuzz_words[] = { NULL };

tl_status tl_fuzz_read(const char *path, const char *copy)
{
    tl_idx a;
    (void)copy;
    const tl_status status = tl_idx_read(path, &a);
    for (int64_t k = 0; k < a.size; k++)
        (void)tl_idx_get(&a, k);
    tl_idx_free(&a);
    return status;
}

bool tl_fuzz_seed(int k, const char *path)
{
    static const unsigned char
        bytes[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 9, 8, 7, 6 },
        shorts[] = { 0, 0, 11, 1, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5 },
        doubles[] = { 0, 0, 14, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0 },
        zipped[] = { 0x1f, 0x8b, 8,    0,    0, 0, 0,    0,    2,    3,    0x63, 0x60, 0xe0, 0x60, 0x64,
                     0x60, 0x60, 0x60, 0x64, 7, 0, 0x8e, 0x2d, 0xc5, 0x99, 9,    0,    0,    0 };
    switch (k) {
    case 0: return tl_fuzz_put(path, bytes, sizeof bytes);
    case 1: return tl_fuzz_put(path, shorts, sizeof shorts);
    case 2: return tl_fuzz_put(path, doubles, sizeof doubles);
#ifdef TL_HAVE_ZLIB
    case 3: return tl_fuzz_put(path, zipped, sizeof zipped);
#endif
    default: (void)zipped; return false;
    }
}
