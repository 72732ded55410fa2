/* Sparse matrices in .npz archives. An input is not an archive, whose checksums no mutation gets right,
 * but the .npy files of one, one after the other: the name of the format, the shape, the values, and two
 * arrays of indices. */
#include "lib/io/zip.h"
#include "tests/fuzz/matrix.h"

#include <stdlib.h>

static const char magic[] = "\x93NUMPY";

const char *const tl_fuzz_words[] = { "csr",   "csc",   "coo",  "bsr",  "|S3", "<U3", "'<i8'", "'<i4'",
                                      "'|u1'", "'<f4'", "(2,)", "(1,)", "()",  magic, NULL };

/* Returns where the next .npy file begins, from `at` on. */
static size_t next_array(const char *bytes, size_t at, size_t n)
{
    const size_t length = sizeof magic - 1;
    while (at + length <= n && memcmp(bytes + at, magic, length) != 0)
        at++;
    return at + length <= n ? at : n;
}

/* Makes the archive. The last two arrays have two names each. */
static tl_status make_archive(const char *to, const char *bytes, size_t n)
{
    static const char *const names[][2] = { { "format.npy" },
                                            { "shape.npy" },
                                            { "data.npy" },
                                            { "indices.npy", "row.npy" },
                                            { "indptr.npy", "col.npy" } };
    tl_zip_writer w;
    tl_status status = tl_zip_create(&w, "fuzz", to);
    if (status != TL_OK)
        return status;
    for (size_t k = 0, at = next_array(bytes, 0, n); k < 5 && at < n; k++) {
        const size_t end = next_array(bytes, at + 1, n);
        for (int name = 0; name < 2 && names[k][name]; name++) {
            tl_zip_begin(&w, names[k][name], (int64_t)(end - at), false);
            tl_zip_write(&w, bytes + at, (int64_t)(end - at));
            status = tl_zip_end(&w);
        }
        at = end;
    }
    return tl_zip_commit(&w, status);
}

tl_status tl_fuzz_read(const char *path, const char *copy)
{
    enum { MOST = 1 << 20 };
    char *bytes = malloc(MOST);
    FILE *f = fopen(path, "rb");
    FUZZ_CHECK(f && bytes);
    const size_t n = fread(bytes, 1, MOST, f);
    fclose(f);
    const tl_status status = make_archive(copy, bytes, n);
    free(bytes);
    return status == TL_OK ? tl_fuzz_matrix(copy, copy, tl_npz_read_sparse, tl_npz_write_sparse) : status;
}

bool tl_fuzz_seed(int k, const char *path)
{
#define ARRAY(type, shape, elements)                                                                         \
    "\x93NUMPY\1\0\x3b\0{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }  " elements
    static const char csr[] = ARRAY("|S3", "( ) ", "csr") ARRAY("|u1", "(2,)", "\2\3")
        ARRAY("<f4", "(3,)", "aaaabbbbcccc") ARRAY("|u1", "(3,)", "\1\0\2") ARRAY("|i1", "(3,)", "\0\1\3"),
                      csc[] = ARRAY("|S3", "( ) ", "csc") ARRAY("<i2", "(2,)", "\2\0\3\0")
                          ARRAY("|b1", "(3,)", "\1\1\1") ARRAY("|u1", "(3,)", "\1\0\1")
                              ARRAY("<i4", "(4,)", "\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"),
                      coo[] = ARRAY("<U3", "( ) ", "c\0\0\0o\0\0\0o\0\0\0") ARRAY("|u1", "(2,)", "\2\3")
                          ARRAY(">f2", "(4,)", "aabbccdd") ARRAY("|u1", "(4,)", "\1\0\1\0")
                              ARRAY("|i1", "(4,)", "\0\1\2\1");
#undef ARRAY
    switch (k) {
    case 0: return tl_fuzz_put(path, csr, sizeof csr - 1);
    case 1: return tl_fuzz_put(path, csc, sizeof csc - 1);
    case 2: return tl_fuzz_put(path, coo, sizeof coo - 1);
    default: return false;
    }
}
