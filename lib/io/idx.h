/* MNIST's IDX files: an array of any element type and of rank 1 to TL_MAX_RANK, big-endian, plain or
 * gzipped. Format: Yann LeCun, "The MNIST database of handwritten digits". */
#ifndef TL_IDX_H
#define TL_IDX_H

#include "status.h"

/* The element types of the format, by their codes in it. */
typedef enum tl_idx_type {
    TL_IDX_UINT8 = 0x08,
    TL_IDX_INT8 = 0x09,
    TL_IDX_INT16 = 0x0B,
    TL_IDX_INT32 = 0x0C,
    TL_IDX_FLOAT = 0x0D,
    TL_IDX_DOUBLE = 0x0E
} tl_idx_type;

#define TL_IDX_MAX_RANK TL_MAX_RANK /* the format itself could name 255 */

typedef struct tl_idx {
    tl_idx_type type;
    int32_t rank; /* 1 to TL_IDX_MAX_RANK */
    int64_t *dim; /* rank sizes */
    int64_t size; /* elements: the product of the sizes */
    void *data;   /* size elements of the type, row-major, in the machine's byte order */
} tl_idx;

/* Reads the whole file; it may be gzipped, whatever its name, where the library was built with zlib. On
 * success *out owns memory that tl_idx_free returns; on failure *out is zeroed and tl_error() names the file,
 * the offset (in the unzipped stream; where gzip data is damaged, up to 64 KB before it), what was found
 * there and what was expected: TL_ERR_IO, TL_ERR_FORMAT (wrong magic, type or rank, sizes that no memory
 * holds, truncated, longer than its sizes say, damaged gzip data), TL_ERR_MEMORY, TL_ERR_ARGUMENT (NULL). The
 * sizes are not trusted: the memory taken is at most some three times what the file really holds. */
TL_API tl_status tl_idx_read(const char *path, tl_idx *out);

/* Images and their labels: two files with the same first size and integer labels of rank 1; anything else is
 * TL_ERR_FORMAT and names both. Fails as tl_idx_read does, and then zeroes both. */
TL_API tl_status tl_idx_read_labelled(const char *images_path, const char *labels_path, tl_idx *images,
                                      tl_idx *labels);

/* Frees the arrays and zeroes *a. A zeroed or NULL one is left alone. */
TL_API void tl_idx_free(tl_idx *a);

/* Element k, 0 to size-1, as a number. */
TL_API double tl_idx_get(const tl_idx *a, int64_t k);

#endif
