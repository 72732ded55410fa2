/* NumPy's archives, .npz: named arrays, stored or deflated, also beyond 4 GiB; and the sparse matrices that
 * scipy.sparse.save_npz puts there. They need minizip: in a library that was built without it, every
 * function that opens a file fails with TL_ERR_ARGUMENT. */
#ifndef TL_NPZ_H
#define TL_NPZ_H

#include "mtx.h"
#include "npy.h"

typedef struct tl_npz {
    int32_t n;
    char **name;   /* [n], without the .npy that they have in the archive; each is different */
    tl_npy *array; /* [n] */
} tl_npz;

/* Reads all arrays of an archive, in its order. On success *out owns memory, which tl_npz_free frees. On
 * failure *out is zeroed and tl_error() names the file, the entry, the byte of it, what was found there
 * and what was expected. TL_ERR_IO, TL_ERR_MEMORY, TL_ERR_ARGUMENT (NULL), or TL_ERR_FORMAT: not a zip
 * archive, entries that are encrypted, packed by other methods, damaged (by their checksums), of one name,
 * overlapping, or not an array that tl_npy_read reads. Sizes are not trusted: an array takes at most about
 * three times the memory of what its entry really holds, which is at most 1032 times the file. */
TL_API tl_status tl_npz_read(const char *path, tl_npz *out);

/* Reads one array, whatever else is in the archive; tl_npy_free frees it. Errors as above; TL_ERR_FORMAT
 * if no array has the name. */
TL_API tl_status tl_npz_read_array(const char *path, const char *name, tl_npy *out);

/* Write all arrays, stored as numpy.savez does or deflated as numpy.savez_compressed does. Sizes are not
 * read from tl_npy, as in tl_npy_write. Names are UTF-8, not empty, and of at most 60000 bytes. The same
 * arrays give the same bytes. The file is written whole or not at all. TL_ERR_ARGUMENT (NULL, a name that
 * is empty, too long or there twice), TL_ERR_SHAPE, TL_ERR_IO or TL_ERR_MEMORY. */
TL_API tl_status tl_npz_write(const char *path, const tl_npz *a);
TL_API tl_status tl_npz_write_compressed(const char *path, const tl_npz *a);

/* Returns the array of this name, NULL if there is none. */
TL_API const tl_npy *tl_npz_find(const tl_npz *a, const char *name);

/* Frees names and arrays and zeroes *a. Does nothing if a is NULL or *a is zeroed. */
TL_API void tl_npz_free(tl_npz *a);

/* Reads a matrix that scipy.sparse.save_npz wrote in the formats csr, csc or coo, of any real type, which
 * is rounded to tl_real. Values of a repeated coordinate are added, as toarray() does. On success *out
 * owns memory, which tl_mtx_free frees; its pattern is not NULL. Errors as tl_npz_read; TL_ERR_FORMAT also
 * for other formats, complex values, values out of the range of tl_real, indices that contradict the
 * shape, and sizes beyond those of a pattern. Row pointers are for at most 2^24 rows, or 64 per entry if
 * that is more, unless the file has them. */
TL_API tl_status tl_npz_read_sparse(const char *path, tl_mtx *out) TL_REAL_SYMBOL(tl_npz_read_sparse);

/* Writes a matrix with a pattern for scipy.sparse.load_npz: csr, stored, of the type of tl_real, with 32-bit
 * indices. TL_ERR_KIND for a dense one, TL_ERR_SHAPE if its sizes are not the pattern's; otherwise as
 * tl_npz_write. */
TL_API tl_status tl_npz_write_sparse(const char *path, const tl_mtx *m) TL_REAL_SYMBOL(tl_npz_write_sparse);

#endif
