/* .npy files. */
#include "tests/fuzz/arrays.h"

const char *const tl_fuzz_words[] = { "'descr': ", "'fortran_order': ",
                                      "'shape': ", "True",
                                      "False",     "(2, 3)",
                                      "(3L,)",     "'<f8'",
                                      "'>i2'",     "'|O'",
                                      "'<U3'",     "[('a', '<f4')]",
                                      "\\",        "\n",
                                      NULL };

/* What was read is written, and read again the same. Elements that are missing are none: shapes of no
 * elements may have other sizes than can be written. */
tl_status tl_fuzz_read(const char *path, const char *copy)
{
    tl_npy a, b;
    const tl_status status = tl_npy_read(path, &a);
    if (status != TL_OK)
        return status;
    tl_status again = a.size == 0 ? TL_ERR_MEMORY : tl_npy_write(copy, &a);
    if (again == TL_OK)
        again = tl_npy_read(copy, &b);
    if (again == TL_OK) {
        tl_fuzz_check_equal(&a, &b);
        tl_npy_free(&b);
    }
    FUZZ_CHECK(again == TL_OK || again == TL_ERR_MEMORY);
    tl_npy_free(&a);
    return TL_OK;
}

bool tl_fuzz_seed(int k, const char *path)
{
    static const char
        old[] = "\x93NUMPY\1\0\x46\0{'descr': '>i4', 'fortran_order': True, 'shape': (2L, 3L), }         \n"
                "abcdefghijklmnopqrstuvwx",
        third[] = "\x93NUMPY\3\0\x37\0\0\0{'descr':'<u2','fortran_order':False,'shape':(1,3,)}   abcdef";
    if (k < TL_FUZZ_ARRAYS) {
        const tl_npy a = tl_fuzz_array(k);
        FUZZ_OK(tl_npy_write(path, &a));
        return true;
    }
    switch (k - TL_FUZZ_ARRAYS) {
    case 0: return tl_fuzz_put(path, old, sizeof old - 1);
    case 1: return tl_fuzz_put(path, third, sizeof third - 1);
    default: return false;
    }
}
