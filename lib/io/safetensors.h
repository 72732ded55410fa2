/* Safetensors: named tensors in one file, a JSON header before their bytes. Python's reader and PyTorch open
 * what is written here. Format: https://github.com/huggingface/safetensors. Needs a build with jansson and
 * zlib (otherwise every call fails with TL_ERR_ARGUMENT) and a little-endian machine. */
#ifndef TL_SAFETENSORS_H
#define TL_SAFETENSORS_H

#include "status.h"

/* The element types, widest first. */
typedef enum tl_safetensors_type {
    TL_SAFETENSORS_F64,
    TL_SAFETENSORS_I64,
    TL_SAFETENSORS_U64,
    TL_SAFETENSORS_F32,
    TL_SAFETENSORS_I32,
    TL_SAFETENSORS_U32,
    TL_SAFETENSORS_F16,
    TL_SAFETENSORS_BF16,
    TL_SAFETENSORS_I16,
    TL_SAFETENSORS_U16,
    TL_SAFETENSORS_I8,
    TL_SAFETENSORS_U8,
    TL_SAFETENSORS_BOOL
} tl_safetensors_type;

typedef struct tl_safetensor {
    const char *name; /* UTF-8 */
    tl_safetensors_type type;
    int32_t rank;       /* 0 or more */
    const int64_t *dim; /* [rank] */
    int64_t size;       /* number of elements: the product of dim */
    void *data;         /* [size] elements, row-major; NULL: not read yet */
    int64_t at;         /* byte of the file; of no meaning when written */
    bool has_checksum;  /* the file has a CRC-32 of the data; of no meaning when written */
    uint32_t checksum;
} tl_safetensor;

/* A string of the header, such as "format": "pt". */
typedef struct tl_safetensors_note {
    const char *key, *value; /* UTF-8 */
} tl_safetensors_note;

typedef struct tl_safetensors {
    int32_t n, n_notes;
    tl_safetensor *tensor;            /* [n] in the order of the file */
    tl_safetensors_note *note;        /* [n_notes] __metadata__, keys ascending, checksums left out */
    struct tl_safetensors_file *file; /* what tl_safetensors_free frees; NULL in what a program writes */
} tl_safetensors;

/* Reads the header: names, types, shapes and notes, of which `out` owns the memory. The data stay in the
 * file, which stays open until tl_safetensors_free. On failure *out is zeroed and tl_error() names the file,
 * what was found and what was expected: TL_ERR_IO, TL_ERR_MEMORY, TL_ERR_ARGUMENT, or TL_ERR_FORMAT for
 * whatever the reference implementation refuses: a header that is not JSON, repeated names, tensors that
 * overlap, leave holes or do not fill the file; for a header that would take more than 256 MB of memory; and
 * for a wrong checksum of the header, if it has one. */
TL_API tl_status tl_safetensors_open(const char *path, tl_safetensors *out);

/* Reads tensor k of an open file into `to`, or, if `to` is NULL, into new memory at tensor[k].data (unless it
 * has been read). TL_ERR_FORMAT if its checksum is wrong or the file has become shorter. */
TL_API tl_status tl_safetensors_load(tl_safetensors *s, int32_t k, void *to);

/* Opens a file and reads all tensors. */
TL_API tl_status tl_safetensors_read(const char *path, tl_safetensors *out);

/* Writes tensors and notes, with a checksum of each tensor and of the header in further notes ("checksum",
 * "checksum/NAME"). The widest types come first, so that every tensor is aligned in the file, the data from a
 * multiple of 64 bytes on. The file is whole or, on failure, the old one stands. TL_ERR_ARGUMENT for a name
 * that is repeated, empty or not UTF-8; TL_ERR_IO, TL_ERR_MEMORY. */
TL_API tl_status tl_safetensors_write(const char *path, const tl_safetensors *s);

/* Returns the index of a tensor, -1 if there is none; and the value of a note, NULL if there is none. */
TL_API int32_t tl_safetensors_find(const tl_safetensors *s, const char *name);
TL_API const char *tl_safetensors_note_of(const tl_safetensors *s, const char *key);

/* Frees and closes what open and read made, and zeroes *s. Does nothing if s is NULL or *s is zeroed. */
TL_API void tl_safetensors_free(tl_safetensors *s);

/* Returns element k of a tensor that was read, as a double, for k in 0 .. size-1; NaN for any other. */
TL_API double tl_safetensors_get(const tl_safetensor *t, int64_t k);

/* Return the bytes of an element, and the name of a type in the format, such as "F32". */
TL_API int32_t tl_safetensors_type_size(tl_safetensors_type type);
TL_API const char *tl_safetensors_type_name(tl_safetensors_type type);

#endif
