/* MNIST's IDX files: a big-endian array of rank 1 to TL_IDX_MAX_RANK and one of six element types, plain or
 * gzipped. Format: Yann LeCun, "The MNIST database of handwritten digits". */
#ifndef TL_IDX_H
#define TL_IDX_H

#include "status.h"

/* The element types, with the format's codes. */
typedef enum tl_idx_type {
    TL_IDX_UINT8 = 0x08,
    TL_IDX_INT8 = 0x09,
    TL_IDX_INT16 = 0x0B,
    TL_IDX_INT32 = 0x0C,
    TL_IDX_FLOAT = 0x0D,
    TL_IDX_DOUBLE = 0x0E
} tl_idx_type;

#define TL_IDX_MAX_RANK TL_MAX_RANK /* the format allows 255 */

typedef struct tl_idx {
    tl_idx_type type;
    int32_t rank; /* 1 to TL_IDX_MAX_RANK */
    int64_t *dim; /* [rank] */
    int64_t size; /* number of elements: the product of dim */
    void *data;   /* [size] elements of the type, row-major, in the machine's byte order */
} tl_idx;

/* Reads a whole file. It may be gzipped, whatever its name, if the library was built with zlib. A file that
 * does not exist is looked for under its other names: with .gz, and as 7-Zip names what it unpacks,
 * train-images.idx3-ubyte for train-images-idx3-ubyte. On success *out owns memory, which tl_idx_free frees.
 * On failure *out is zeroed and tl_error() names the file, the byte (in the unzipped stream; where gzip data
 * is damaged, up to 64 KB before the damage), what was found there and what was expected. TL_ERR_IO,
 * TL_ERR_MEMORY, TL_ERR_ARGUMENT (NULL), or TL_ERR_FORMAT: wrong magic, type or rank, sizes that no memory
 * can hold, a file shorter or longer than its sizes say, damaged gzip data. The sizes in the header are not
 * trusted: the call takes at most about three times the memory of what the file really holds. */
TL_API tl_status tl_idx_read(const char *path, tl_idx *out);

/* Reads images and their labels, two files. The labels must be integers of rank 1 and as many as there are
 * images; otherwise TL_ERR_FORMAT names both files. The other errors are those of tl_idx_read. On failure
 * both are zeroed. */
TL_API tl_status tl_idx_read_labelled(const char *images_path, const char *labels_path, tl_idx *images,
                                      tl_idx *labels);

/* Writes an array, not gzipped: the whole file or, on failure, nothing, and a former file of that name
 * stays as it was. TL_ERR_IO, TL_ERR_MEMORY, or TL_ERR_ARGUMENT: NULL, a type or rank that the format does
 * not have, a dimension above 2^32 - 1, a size that is not the product of dim. */
TL_API tl_status tl_idx_write(const char *path, const tl_idx *a);

/* Frees the arrays and zeroes *a. Does nothing if a is NULL or *a is zeroed. */
TL_API void tl_idx_free(tl_idx *a);

/* Returns element k as a double, for k in 0 .. size-1; NaN for any other, and for a NULL or zeroed array. */
TL_API double tl_idx_get(const tl_idx *a, int64_t k);

#endif
