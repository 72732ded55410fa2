/* .npz archives. */
#include "tests/fuzz/arrays.h"

const char *const tl_fuzz_words[] = { "PK\3\4", "PK\1\2", "PK\5\6", "PK\6\6", "PK\6\7",
                                      ".npy",   "(2, 3)", "'<f8'",  NULL };

tl_status tl_fuzz_read(const char *path, const char *copy)
{
    tl_npz a;
    tl_npy one;
    (void)copy;
    if (tl_npz_read_array(path, "a", &one) == TL_OK)
        tl_npy_free(&one);
    const tl_status status = tl_npz_read(path, &a);
    tl_npz_free(&a);
    return status;
}

/* An archive whose numbers are all in zip64 fields. */
static const char wide[] =
    "PK\3\4\x2d\0\0\0\0\0\0\0\x21\0\265\034\020\372\xff\xff\xff\xff\xff\xff\xff\xff\5\0\x14\0"
    "a.npy"
    "\1\0\x10\0\x45\0\0\0\0\0\0\0\x45\0\0\0\0\0\0\0"
    "\x93NUMPY\1\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}\n\1\2\3"
    "PK\1\2\x2d\0\x2d\0\0\0\0\0\0\0\x21\0\265\034\020\372\xff\xff\xff\xff\xff\xff\xff\xff\5\0\x1c\0\0\0\0\0\0"
    "\0\0\0\0\0"
    "\xff\xff\xff\xff"
    "a.npy\1\0\x18\0\x45\0\0\0\0\0\0\0\x45\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "PK\6\6\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
    "\x4f\0\0\0\0\0\0\0\x7c\0\0\0\0\0\0\0"
    "PK\6\7\0\0\0\0\xcb\0\0\0\0\0\0\0\1\0\0\0"
    "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"; /* and the zero after it */

bool tl_fuzz_seed(int k, const char *path)
{
    char *names[] = { "a", "b", "folder/c", "d" };
    tl_npy arrays[TL_FUZZ_ARRAYS];
    for (int i = 0; i < TL_FUZZ_ARRAYS; i++)
        arrays[i] = tl_fuzz_array(i);
    const tl_npz a = { .n = 1 + k / 2 * 3, .name = names, .array = arrays };
    if (k >= 4)
        return k == 4 && tl_fuzz_put(path, wide, sizeof wide);
    FUZZ_OK(k % 2 ? tl_npz_write(path, &a) : tl_npz_write_compressed(path, &a));
    return true;
}
