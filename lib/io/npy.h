/* NumPy's arrays in files: .npy, plain or gzipped. Format: "numpy.lib.format", versions 1.0, 2.0 and 3.0. */
#ifndef TL_NPY_H
#define TL_NPY_H

#include "status.h"

typedef enum tl_npy_type {
    TL_NPY_BOOL = 1, /* a byte: 0, or anything else for true */
    TL_NPY_INT8,
    TL_NPY_INT16,
    TL_NPY_INT32,
    TL_NPY_INT64,
    TL_NPY_UINT8,
    TL_NPY_UINT16,
    TL_NPY_UINT32,
    TL_NPY_UINT64,
    TL_NPY_FLOAT16, /* IEEE 754 binary16, in a uint16_t */
    TL_NPY_FLOAT32,
    TL_NPY_FLOAT64
} tl_npy_type;

/* The type of tl_real. */
#ifdef TULLE_DOUBLE
#define TL_NPY_REAL TL_NPY_FLOAT64
#else
#define TL_NPY_REAL TL_NPY_FLOAT32
#endif

typedef struct tl_npy {
    tl_npy_type type;
    int32_t rank;             /* 0 to TL_MAX_RANK */
    int64_t dim[TL_MAX_RANK]; /* dim[rank..] are 0 */
    int64_t size;             /* number of elements: the product of dim, 1 for rank 0 */
    void *data;               /* [size] elements, row-major, in the machine's byte order */
} tl_npy;

/* Reads a whole file. Whatever byte order and order of elements (C or Fortran) it has, *out has the
 * machine's and C's. On success *out owns memory, which tl_npy_free frees. On failure *out is zeroed and
 * tl_error() names the file, the byte, what was found there and what was expected. TL_ERR_IO,
 * TL_ERR_MEMORY, TL_ERR_ARGUMENT (NULL), or TL_ERR_FORMAT: not a .npy file, a header that NumPy does not
 * write, elements that are not numbers (objects, structures, text, times) or are complex or of more than 8
 * bytes, a rank above TL_MAX_RANK, a file shorter or longer than its shape says. The sizes in the header
 * are not trusted: the call takes at most about three times the memory of what the file really holds. */
TL_API tl_status tl_npy_read(const char *path, tl_npy *out);

/* Writes an array as version 1.0, row-major, in the machine's byte order; *a's size is not read. The file is
 * written whole or not at all: the old one, if there is one, stands until the new one is on the disk.
 * TL_ERR_ARGUMENT (NULL, no such type), TL_ERR_SHAPE, TL_ERR_IO or TL_ERR_MEMORY. */
TL_API tl_status tl_npy_write(const char *path, const tl_npy *a);

/* Frees the elements and zeroes *a. Does nothing if a is NULL or *a is zeroed. */
TL_API void tl_npy_free(tl_npy *a);

/* Returns element k as a double, for k in 0 .. size-1; NaN for any other, and for a NULL or zeroed array.
 * Integers of more than 53 bits are rounded. */
TL_API double tl_npy_get(const tl_npy *a, int64_t k);

/* Converts all elements to to[size], each rounded to the nearest tl_real. TL_ERR_ARGUMENT if a pointer is
 * NULL or *a is zeroed, TL_ERR_NUMERIC if a finite number is out of the range of tl_real. */
TL_API tl_status tl_npy_to_real(const tl_npy *a, tl_real *to) TL_REAL_SYMBOL(tl_npy_to_real);

/* Returns the bytes of an element: 1, 2, 4 or 8; 0 if there is no such type. */
TL_API int64_t tl_npy_width(tl_npy_type type);

/* Returns NumPy's name of a type, "float32" for example; "unknown" if there is no such type. */
TL_API const char *tl_npy_type_name(tl_npy_type type);

#endif
