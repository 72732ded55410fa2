/* MNIST's IDX files. The sizes in a header are not trusted: memory is taken as the elements arrive. */
#include "idx.h"
#include "lib/io/byte_order.h"
#include "lib/io/sink.h"
#include "lib/io/source.h"
#include "lib/memory.h"
#include "lib/status_private.h"
#include "shape.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* Returns the bytes of an element, 0 for a type that the format does not know. */
static int64_t width_of(unsigned type)
{
    static const unsigned char width[] = { [TL_IDX_UINT8] = 1, [TL_IDX_INT8] = 1,  [TL_IDX_INT16] = 2,
                                           [TL_IDX_INT32] = 4, [TL_IDX_FLOAT] = 4, [TL_IDX_DOUBLE] = 8 };
    return type < sizeof width ? width[type] : 0;
}

static tl_status read_magic(tl_source *s, tl_idx *out)
{
    unsigned char b[4];
    const tl_status status = tl_source_read(s, b, 4, "magic");
    if (status != TL_OK)
        return status;
    if (b[0] || b[1])
        return tl_source_unexpected(s, 0, "found %02x %02x, expected 00 00", b[0], b[1]);
    if (width_of(b[2]) == 0)
        return tl_source_unexpected(s, 2, "found type 0x%02x, expected 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e",
                                    b[2]);
    if (b[3] == 0 || b[3] > TL_IDX_MAX_RANK)
        return tl_source_unexpected(s, 3, "found rank %d, expected 1..%d", b[3], TL_IDX_MAX_RANK);
    out->type = (tl_idx_type)b[2];
    out->rank = b[3];
    return TL_OK;
}

static tl_status read_sizes(tl_source *s, tl_idx *out)
{
    unsigned char sizes[4 * TL_IDX_MAX_RANK];
    const tl_status status = tl_source_read(s, sizes, 4 * out->rank, "sizes");
    if (status != TL_OK)
        return status;
    out->dim = tl_alloc(out->rank, sizeof *out->dim);
    if (!out->dim)
        return tl_fail_memory();
    const int64_t max_size = PTRDIFF_MAX / width_of(out->type);
    int64_t limit = max_size;
    for (int32_t k = 0; k < out->rank; k++) {
        const unsigned char *b = sizes + 4 * k;
        const int64_t n = (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
        limit /= n > 0 ? n : 1; /* the product of the non-zero sizes, as in tl_shape_check */
        out->dim[k] = n;
    }
    const tl_shape shape = tl_shape_from(out->rank, out->dim);
    if (limit == 0)
        return tl_source_unexpected(s, 4, "found sizes %s, expected at most %" PRId64 " elements",
                                    tl_shape_text(shape).text, max_size);
    out->size = tl_shape_size(shape);
    return TL_OK;
}

static tl_status read_elements(tl_source *s, tl_idx *out)
{
    out->data = tl_source_read_block(s, out->size * width_of(out->type), "elements");
    return out->data ? TL_OK : tl_last_status();
}

/* Converts n elements between big-endian and the machine's byte order, in place. */
static void swap_bytes(void *elements, int64_t n, int64_t width)
{
    unsigned char *e = elements;
    if (!tl_is_little_endian() || width == 1)
        return;
    for (int64_t k = 0; k < n; k++, e += width)
        for (int64_t lo = 0, hi = width - 1; lo < hi; lo++, hi--) {
            const unsigned char byte = e[lo];
            e[lo] = e[hi];
            e[hi] = byte;
        }
}

static bool is_missing(const char *path)
{
    return access(path, F_OK) != 0 && errno == ENOENT;
}

/* Returns the other name that a missing file has: with .gz, or with the last "-idx" as ".idx", or both. The
 * caller frees it by tl_free. NULL: it has none, or memory is short. */
static char *other_name(const char *path)
{
    const size_t n = strlen(path);
    char *name = tl_alloc((int64_t)n + 4, 1);
    if (!name)
        return NULL;
    memcpy(name, path, n + 1);
    char *file = strrchr(name, '/'), *mark = NULL;
    for (char *at = file ? file : name; (at = strstr(at, "-idx")) != NULL; at++)
        mark = at;
    for (int k = 1; k < (mark ? 4 : 2); k++) {
        memcpy(name + n, k & 1 ? ".gz" : "", k & 1 ? 4 : 1);
        if (k & 2)
            *mark = '.';
        if (!is_missing(name))
            return name;
    }
    tl_free(name);
    return NULL;
}

static tl_status read_file(const char *path, tl_idx *out)
{
    tl_source s;
    tl_status status = tl_source_open(&s, "idx_read", path);
    if (status != TL_OK)
        return status;
    status = read_magic(&s, out);
    if (status == TL_OK)
        status = read_sizes(&s, out);
    if (status == TL_OK)
        status = read_elements(&s, out);
    if (status == TL_OK)
        status = tl_source_end(&s);
    status = tl_source_close(&s, status);
    if (status == TL_OK)
        swap_bytes(out->data, out->size, width_of(out->type));
    else
        tl_idx_free(out);
    return status;
}

tl_status tl_idx_read(const char *path, tl_idx *out)
{
    if (out)
        *out = (tl_idx){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "idx_read: %s is NULL", path ? "out" : "path");
    char *other = is_missing(path) ? other_name(path) : NULL;
    const tl_status status = read_file(other ? other : path, out);
    tl_free(other);
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

/* ---- Writing ---- */

static tl_status check_array(const tl_idx *a)
{
    if (width_of((unsigned)a->type) == 0)
        return tl_fail(TL_ERR_ARGUMENT, "idx_write: type 0x%02x is not 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e",
                       (unsigned)a->type);
    if (a->rank < 1 || a->rank > TL_IDX_MAX_RANK)
        return tl_fail(TL_ERR_ARGUMENT, "idx_write: rank %" PRId32 " is not in [1, %d]", a->rank,
                       TL_IDX_MAX_RANK);
    if (!a->dim || (a->size > 0 && !a->data))
        return tl_fail(TL_ERR_ARGUMENT, "idx_write: %s is NULL", a->dim ? "data" : "dim");
    for (int32_t k = 0; k < a->rank; k++)
        if (a->dim[k] < 0 || a->dim[k] > UINT32_MAX)
            return tl_fail(TL_ERR_ARGUMENT,
                           "idx_write: dimension %" PRId32 " is %" PRId64 ", not in [0, %" PRIu32 "]", k,
                           a->dim[k], UINT32_MAX);
    const tl_shape shape = tl_shape_from(a->rank, a->dim);
    if (tl_shape_check(shape) != TL_OK || tl_shape_size(shape) != a->size)
        return tl_fail(TL_ERR_ARGUMENT, "idx_write: size %" PRId64 " is not the product of %s", a->size,
                       tl_shape_text(shape).text);
    return TL_OK;
}

static void write_header(tl_sink *s, const tl_idx *a)
{
    unsigned char head[4 + 4 * TL_IDX_MAX_RANK] = { 0, 0, (unsigned char)a->type, (unsigned char)a->rank };
    for (int32_t k = 0; k < a->rank; k++)
        for (int b = 0; b < 4; b++)
            head[4 + 4 * k + b] = (unsigned char)(a->dim[k] >> (24 - 8 * b));
    tl_sink_write(s, head, 4 + 4 * a->rank);
}

static void write_elements(tl_sink *s, const tl_idx *a)
{
    enum { MOST = 1024 };
    uint64_t chunk[MOST];
    const int64_t width = width_of((unsigned)a->type);
    const unsigned char *from = a->data;
    for (int64_t k = 0; k < a->size; k += MOST) {
        const int64_t n = a->size - k < MOST ? a->size - k : MOST;
        memcpy(chunk, from + k * width, (size_t)(n * width));
        swap_bytes(chunk, n, width);
        if (tl_sink_write(s, chunk, n * width) != TL_OK)
            return;
    }
}

tl_status tl_idx_write(const char *path, const tl_idx *a)
{
    if (!path || !a)
        return tl_fail(TL_ERR_ARGUMENT, "idx_write: %s is NULL", path ? "a" : "path");
    tl_status status = check_array(a);
    tl_sink s;
    if (status == TL_OK)
        status = tl_sink_open(&s, "idx_write", path);
    if (status != TL_OK)
        return status;
    write_header(&s, a);
    write_elements(&s, a);
    return tl_sink_close(&s, TL_OK); /* errors of the writes above stick */
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
    if (!a || !a->data || k < 0 || k >= a->size)
        return NAN;
    switch (a->type) {
    case TL_IDX_UINT8: return ((const uint8_t *)a->data)[k];
    case TL_IDX_INT8: return ((const int8_t *)a->data)[k];
    case TL_IDX_INT16: return ((const int16_t *)a->data)[k];
    case TL_IDX_INT32: return ((const int32_t *)a->data)[k];
    case TL_IDX_FLOAT: return (double)((const float *)a->data)[k];
    case TL_IDX_DOUBLE: return ((const double *)a->data)[k];
    default: return NAN;
    }
}
