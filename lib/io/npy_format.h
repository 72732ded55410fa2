/* The parts of a .npy file, for files of their own and for the entries of archives. */
#ifndef TL_NPY_FORMAT_H
#define TL_NPY_FORMAT_H

#include "lib/io/source.h"
#include "npy.h"

/* What the header says. */
typedef struct tl_npy_header {
    char order;               /* of bytes: '<', '>', or '|' where there is only one */
    char kind;                /* of elements: 'f', 'S' and so on; '[' for a structure */
    int64_t width;            /* the number after it: bytes of an element, characters of 'U' */
    bool fortran;             /* the first index varies fastest */
    int32_t rank;             /* 0 to TL_MAX_RANK */
    int64_t dim[TL_MAX_RANK]; /* dim[rank..] are 0 */
    int64_t type_at;          /* the byte of the source where the type begins */
    int64_t shape_at;
    char type_text[16]; /* as it is in the file, perhaps cut */
} tl_npy_header;

/* Reads all that precedes the elements. TL_ERR_FORMAT unless it is what NumPy writes; the type may be any
 * that it writes. Other errors as tl_source_read. */
tl_status tl_npy_read_header(tl_source *s, tl_npy_header *h);

/* Reads an array from a source that may go on after it. `stated` is what a directory says about the size
 * of the entry in bytes, -1 if there is none: the shape must agree before memory is taken. On failure *out
 * is zeroed; errors as tl_npy_read. */
tl_status tl_npy_read_from(tl_source *s, int64_t stated, tl_npy *out);

/* Reverses the bytes of each element. */
void tl_npy_reverse(tl_npy *a);

/* Replaces the elements, in which the first index varies fastest, by a copy in which the last one does.
 * TL_ERR_MEMORY: the array is as it was. */
tl_status tl_npy_to_c_order(tl_npy *a);

/* The bytes that precede the elements in a file that is written. */
typedef struct tl_npy_head {
    int64_t n;
    unsigned char bytes[256];
} tl_npy_head;

/* Sets the text of a type, "<f4", in the machine's byte order. */
void tl_npy_type_text(tl_npy_type type, char text[4]);

/* Sets the bytes for a type and a shape of rank 0 to TL_MAX_RANK. */
void tl_npy_format_head(tl_npy_head *head, const char *type, int32_t rank, const int64_t *dim);

/* Checks an array that is to be written, and sets its number of elements and the bytes that precede them.
 * TL_ERR_ARGUMENT or TL_ERR_SHAPE, with `who` in the text. */
tl_status tl_npy_make_head(const char *who, const tl_npy *a, int64_t *size, tl_npy_head *head);

#endif
