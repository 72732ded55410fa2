/* IDX files that a test writes and reads back. */
#ifndef TL_IDX_FILES_H
#define TL_IDX_FILES_H

#include "tests/lib/files.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

/* The sizes 2^32 - 1 and 2^31 - 1, as the format stores them. */
#define HUGE_SIZE 0xff, 0xff, 0xff, 0xff
#define HALF_SIZE 0x7f, 0xff, 0xff, 0xff

static char labels_path[512];

static inline void setup(void)
{
    make_path(path, sizeof path);
    make_path(labels_path, sizeof labels_path);
}

static inline void teardown(void)
{
    unlink(path);
    unlink(labels_path);
}

static inline tl_status load(const unsigned char *bytes, size_t n, tl_idx *out)
{
    put(path, bytes, n);
    return tl_idx_read(path, out);
}

static inline tl_status load_packed(int packing, const unsigned char *bytes, size_t n, tl_idx *out)
{
    put_packed(packing, bytes, n);
    return tl_idx_read(path, out);
}

/* Returns the whole text of an error in the file at `path`. */
static inline const char *error(const char *format, ...)
{
    static char text[1024];
    int at = snprintf(text, sizeof text, "idx_read: %s: ", path);
    va_list args;
    va_start(args, format);
    vsnprintf(text + at, sizeof text - (size_t)at, format, args);
    va_end(args);
    return text;
}

static inline void assert_zeroed(const tl_idx *a)
{
    ck_assert_int_eq((int)a->type, 0);
    ck_assert_int_eq(a->rank, 0);
    ck_assert_int_eq(a->size, 0);
    ck_assert_ptr_null(a->dim);
    ck_assert_ptr_null(a->data);
}

/* Checks that load() fails with this text and zeroes its output. */
#define ASSERT_BAD(bytes, ...)                                                                               \
    do {                                                                                                     \
        tl_idx bad_ = { .type = TL_IDX_INT8, .rank = 7, .size = 7 };                                         \
        ck_assert_status(load(bytes, &bad_), TL_ERR_FORMAT, error(__VA_ARGS__));                             \
        assert_zeroed(&bad_);                                                                                \
    } while (0)

#endif
