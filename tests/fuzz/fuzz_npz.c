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

bool tl_fuzz_seed(int k, const char *path)
{
    char *names[] = { "a", "b", "folder/c", "d" };
    tl_npy arrays[TL_FUZZ_ARRAYS];
    for (int i = 0; i < TL_FUZZ_ARRAYS; i++)
        arrays[i] = tl_fuzz_array(i);
    const tl_npz a = { .n = 1 + k / 2 * 3, .name = names, .array = arrays };
    if (k >= 4)
        return false;
    FUZZ_OK(k % 2 ? tl_npz_write(path, &a) : tl_npz_write_compressed(path, &a));
    return true;
}
