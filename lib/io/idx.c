/* MNIST's IDX files. A header is believed only as far as the bytes behind it bear it out: the block of
 * elements grows as they arrive. */
#include "idx.h"
#include "lib/memory.h"
#include "shape.h"
#include "lib/status_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 16 };                           /* bytes in one read, and in the first block */
enum fault { AT_END, CUT_SHORT, DAMAGED, REFUSED }; /* why a read came short; REFUSED: errno says more */

#ifdef TL_HAVE_ZLIB
#include <zlib.h>
typedef struct gzFile_s stream;
static const bool have_zlib = true;

static enum fault fault_of(int code)
{
    if (code == Z_MEM_ERROR)
        errno = ENOMEM;
    if (code == Z_ERRNO || code == Z_MEM_ERROR)
        return REFUSED;
    return code == Z_OK || code == Z_STREAM_END ? AT_END : code == Z_BUF_ERROR ? CUT_SHORT : DAMAGED;
}

static stream *stream_open(const char *path)
{
    return gzopen(path, "rb");
}

static int stream_read(stream *f, void *to, int n, enum fault *why)
{
    int code = Z_OK, got = gzread(f, to, (unsigned)n);
    if (got < n)
        gzerror(f, &code);
    *why = fault_of(code);
    return got > 0 ? got : 0;
}

static enum fault stream_close(stream *f)
{
    return fault_of(gzclose(f));
}
#else
typedef FILE stream;
static const bool have_zlib = false;

static stream *stream_open(const char *path)
{
    return fopen(path, "rb");
}

static int stream_read(stream *f, void *to, int n, enum fault *why)
{
    size_t got = fread(to, 1, (size_t)n, f);
    *why = ferror(f) ? REFUSED : AT_END;
    return (int)got;
}

static enum fault stream_close(stream *f)
{
    return fclose(f) == 0 ? AT_END : REFUSED;
}
#endif

typedef struct source {
    const char *path;
    stream *file;
    int64_t at; /* bytes read, unzipped */
} source;

/* UNEXPECTED(s, offset, "found this, expected that", ...): TL_ERR_FORMAT */
#define UNEXPECTED(s, offset, text, ...)                                                                     \
    tl_fail(TL_ERR_FORMAT, "idx_read: %.300s: byte %" PRId64 ": " text, (s)->path, (int64_t)(offset),        \
            __VA_ARGS__)

static tl_status came_short(const source *s, enum fault why, const char *expected)
{
    static const char *const found[] = { "the end of the file", "gzip data cut short", "damaged gzip data" };
    if (why != REFUSED)
        return UNEXPECTED(s, s->at, "found %s, expected %s", found[why], expected);
    if (errno == ENOMEM)
        return tl_fail_memory();
    return tl_fail(TL_ERR_IO, "idx_read: %.300s: %s", s->path, strerror(errno));
}

/* The next n bytes; `left` is what `part` of the file still lacks, at least n. */
static tl_status read_bytes(source *s, unsigned char *to, int64_t n, int64_t left, const char *part)
{
    while (n > 0) {
        enum fault why;
        int wanted = n < CHUNK ? (int)n : CHUNK, got = stream_read(s->file, to, wanted, &why);
        s->at += got;
        to += got;
        n -= got;
        left -= got;
        if (got < wanted) {
            char expected[64];
            snprintf(expected, sizeof expected, "%" PRId64 " more byte%s of %s", left, left == 1 ? "" : "s",
                     part);
            return came_short(s, why, expected);
        }
    }
    return TL_OK;
}

/* Nothing follows the elements but, in a gzipped file, its checksum. */
static tl_status read_end(source *s)
{
    unsigned char byte;
    enum fault why;
    if (stream_read(s->file, &byte, 1, &why) > 0)
        return UNEXPECTED(s, s->at, "found 0x%02x, expected the end of the file", byte);
    return why == AT_END ? TL_OK : came_short(s, why, "a sound checksum");
}

/* Bytes in an element; 0 for a type that the format does not know. */
static int64_t width_of(unsigned type)
{
    static const unsigned char width[] = { [TL_IDX_UINT8] = 1, [TL_IDX_INT8] = 1,  [TL_IDX_INT16] = 2,
                                           [TL_IDX_INT32] = 4, [TL_IDX_FLOAT] = 4, [TL_IDX_DOUBLE] = 8 };
    return type < sizeof width ? width[type] : 0;
}

static tl_status read_magic(source *s, tl_idx *out)
{
    unsigned char b[4];
    tl_status status = read_bytes(s, b, 4, 4, "magic");
    if (status != TL_OK)
        return status;
    if (!have_zlib && b[0] == 0x1f && b[1] == 0x8b)
        return UNEXPECTED(s, 0, "found gzip data, expected a plain file: %s", "tulle was built without zlib");
    if (b[0] || b[1])
        return UNEXPECTED(s, 0, "found %02x %02x, expected 00 00", b[0], b[1]);
    if (width_of(b[2]) == 0)
        return UNEXPECTED(s, 2, "found type 0x%02x, expected 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e", b[2]);
    if (b[3] == 0 || b[3] > TL_IDX_MAX_RANK)
        return UNEXPECTED(s, 3, "found rank %d, expected 1 to %d", b[3], TL_IDX_MAX_RANK);
    out->type = (tl_idx_type)b[2];
    out->rank = b[3];
    return TL_OK;
}

static tl_status read_sizes(source *s, tl_idx *out)
{
    unsigned char sizes[4 * TL_IDX_MAX_RANK];
    tl_status status = read_bytes(s, sizes, 4 * out->rank, 4 * out->rank, "sizes");
    if (status != TL_OK)
        return status;
    out->dim = tl_alloc(out->rank, sizeof *out->dim);
    if (!out->dim)
        return tl_fail_memory();
    int64_t most = PTRDIFF_MAX / width_of(out->type), room = most;
    for (int32_t k = 0; k < out->rank; k++) {
        const unsigned char *b = sizes + 4 * k;
        int64_t n = (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
        room /= n > 0 ? n : 1; /* a 0 hides no overflow of the others, as in tl_shape_check */
        out->dim[k] = n;
    }
    tl_shape shape = tl_shape_from(out->rank, out->dim);
    if (room == 0)
        return UNEXPECTED(s, 4, "found sizes %s, expected at most %" PRId64 " elements",
                          tl_shape_text(shape).text, most);
    out->size = tl_shape_size(shape);
    return TL_OK;
}

static tl_status read_elements(source *s, tl_idx *out)
{
    int64_t bytes = out->size * width_of(out->type), have = 0;
    tl_status status;
    do {
        int64_t room = have > 0 ? 2 * have : CHUNK;
        if (room > bytes)
            room = bytes;
        unsigned char *larger = tl_alloc(room, 1);
        if (larger && have > 0)
            memcpy(larger, out->data, (size_t)have);
        tl_free(out->data);
        out->data = larger;
        status = !larger ? tl_fail_memory()
                         : read_bytes(s, larger + have, room - have, bytes - have, "elements");
        have = room;
    } while (status == TL_OK && have < bytes);
    return status;
}

/* Big-endian elements to the machine's byte order, in place. */
static void to_native(tl_idx *a)
{
    const uint16_t one = 1;
    bool little = *(const unsigned char *)&one == 1;
    int64_t width = width_of(a->type);
    unsigned char *e = a->data;
    for (int64_t k = 0; little && width > 1 && k < a->size; k++, e += width)
        for (int64_t lo = 0, hi = width - 1; lo < hi; lo++, hi--) {
            unsigned char byte = e[lo];
            e[lo] = e[hi];
            e[hi] = byte;
        }
}

tl_status tl_idx_read(const char *path, tl_idx *out)
{
    if (out)
        *out = (tl_idx){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "idx_read: %s is NULL", path ? "out" : "path");
    source s = { .path = path, .file = stream_open(path) };
    if (!s.file)
        return came_short(&s, REFUSED, "");
    tl_status status = read_magic(&s, out);
    if (status == TL_OK)
        status = read_sizes(&s, out);
    if (status == TL_OK)
        status = read_elements(&s, out);
    if (status == TL_OK)
        status = read_end(&s);
    enum fault why = stream_close(s.file);
    if (status == TL_OK && why != AT_END)
        status = came_short(&s, why, "a sound checksum");
    if (status == TL_OK)
        to_native(out);
    else
        tl_idx_free(out);
    return status;
}

static tl_status check_labels(const char *images_path, const char *labels_path, const tl_idx *images,
                              const tl_idx *labels)
{
#define MISMATCH(text, ...)                                                                                  \
    tl_fail(TL_ERR_FORMAT, "idx_read_labelled: %.180s: byte " text ", for the images of %.180s",             \
            labels_path, __VA_ARGS__, images_path)
    if (labels->type == TL_IDX_FLOAT || labels->type == TL_IDX_DOUBLE)
        return MISMATCH("2: found type 0x%02x, expected an integer type", (unsigned)labels->type);
    if (labels->rank != 1)
        return MISMATCH("3: found rank %" PRId32 ", expected 1", labels->rank);
    if (labels->dim[0] != images->dim[0])
        return MISMATCH("4: found %" PRId64 " labels, expected %" PRId64, labels->dim[0], images->dim[0]);
    return TL_OK;
#undef MISMATCH
}

tl_status tl_idx_read_labelled(const char *images_path, const char *labels_path, tl_idx *images,
                               tl_idx *labels)
{
    if (labels)
        *labels = (tl_idx){ 0 };
    tl_status status = tl_idx_read(images_path, images);
    if (status == TL_OK)
        status = tl_idx_read(labels_path, labels);
    if (status == TL_OK)
        status = check_labels(images_path, labels_path, images, labels);
    if (status != TL_OK) {
        tl_idx_free(images);
        tl_idx_free(labels);
    }
    return status;
}

void tl_idx_free(tl_idx *a)
{
    if (!a)
        return;
    tl_free(a->dim);
    tl_free(a->data);
    *a = (tl_idx){ 0 };
}

double tl_idx_get(const tl_idx *a, int64_t k)
{
    switch (a->type) {
    case TL_IDX_UINT8: return ((const uint8_t *)a->data)[k];
    case TL_IDX_INT8: return ((const int8_t *)a->data)[k];
    case TL_IDX_INT16: return ((const int16_t *)a->data)[k];
    case TL_IDX_INT32: return ((const int32_t *)a->data)[k];
    case TL_IDX_FLOAT: return (double)((const float *)a->data)[k];
    default: return ((const double *)a->data)[k];
    }
}
