/* .npy files that a test writes and reads back. */
#ifndef TL_NPY_FILES_H
#define TL_NPY_FILES_H

#include "tests/lib/files.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>

static inline void setup(void)
{
    make_path(path, sizeof path);
}

static inline void teardown(void)
{
    unlink(path);
}

/* Makes a file of this version from the header's text as it is, and elements. Returns its bytes. */
static inline size_t make_npy(unsigned char *to, int version, const char *header, const void *elements,
                              size_t n)
{
    const size_t length = strlen(header), prefix = version == 1 ? 10 : 12;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (unsigned char)version;
    to[7] = 0;
    for (size_t k = 0; k < prefix - 8; k++)
        to[8 + k] = (unsigned char)(length >> 8 * k);
    memcpy(to + prefix, header, length);
    if (n > 0)
        memcpy(to + prefix + length, elements, n);
    return prefix + length + n;
}

static inline tl_status load(int packing, int version, const char *header, const void *elements, size_t n,
                             tl_npy *out)
{
    unsigned char file[1000];
    put_packed(packing, file, make_npy(file, version, header, elements, n));
    return tl_npy_read(path, out);
}

static inline void assert_zeroed(const tl_npy *a)
{
    ck_assert_int_eq((int)a->type, 0);
    ck_assert_int_eq(a->rank, 0);
    ck_assert_int_eq(a->dim[0], 0);
    ck_assert_int_eq(a->size, 0);
    ck_assert_ptr_null(a->data);
}

/* Returns the whole text of an error in the file at `path`. */
static inline const char *error(const char *format, ...)
{
    static char text[1024];
    int at = snprintf(text, sizeof text, "npy_read: %s: ", path);
    va_list args;
    va_start(args, format);
    vsnprintf(text + at, sizeof text - (size_t)at, format, args);
    va_end(args);
    return text;
}

/* Checks that a file with this header and no elements is refused with this text. */
#define ASSERT_BAD(header, ...)                                                                              \
    do {                                                                                                     \
        tl_npy bad_ = { .type = TL_NPY_INT8, .rank = 3, .size = 7 };                                         \
        ck_assert_status(load(PLAIN, 1, header, NULL, 0, &bad_), TL_ERR_FORMAT, error(__VA_ARGS__));         \
        assert_zeroed(&bad_);                                                                                \
    } while (0)

#endif
