/* MNIST's IDX files. The sizes in a header are not trusted: memory is taken as the elements arrive. */
#include "idx.h"
#include "lib/io/source.h"
#include "lib/memory.h"
#include "lib/status_private.h"
#include "shape.h"

#include <inttypes.h>
#include <math.h>

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

/* Converts big-endian elements to the machine's byte order, in place. */
static void to_native(tl_idx *a)
{
    const uint16_t one = 1;
    const bool little_endian = *(const unsigned char *)&one == 1;
    const int64_t width = width_of(a->type);
    unsigned char *e = a->data;
    if (!little_endian || width == 1)
        return;
    for (int64_t k = 0; k < a->size; k++, e += width)
        for (int64_t lo = 0, hi = width - 1; lo < hi; lo++, hi--) {
            const unsigned char byte = e[lo];
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
