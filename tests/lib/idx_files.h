/* Files in the making: written byte by byte, plain or gzipped, and read. */
#ifndef TL_IDX_FILES_H
#define TL_IDX_FILES_H

#include "tests/testing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef TL_HAVE_ZLIB
#include <zlib.h>
enum { PLAIN, GZIPPED, PACKINGS };
#else
enum { PLAIN, PACKINGS };
#endif

/* An array literal and its length: load(BYTES(0, 0, 8, 1), &a) */
#define BYTES(...) (const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ })

/* The sizes 2^32 - 1 and 2^31 - 1, as a file holds them. */
#define HUGE_SIZE 0xff, 0xff, 0xff, 0xff
#define HALF_SIZE 0x7f, 0xff, 0xff, 0xff

static char path[512], labels_path[512];

static inline void make_path(char *to, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(to, size, "%s/tulle-idx-XXXXXX", folder ? folder : "/tmp");
    int file = mkstemp(to);
    ck_assert_int_ge(file, 0);
    close(file);
}

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

static inline void put(const char *to, const unsigned char *bytes, size_t n)
{
    FILE *f = fopen(to, "wb");
    ck_assert_ptr_nonnull(f);
    size_t written = fwrite(bytes, 1, n, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_uint_eq(written, n);
}

static inline tl_status load(const unsigned char *bytes, size_t n, tl_idx *out)
{
    put(path, bytes, n);
    return tl_idx_read(path, out);
}

/* The bytes as gzip packs them, in to[room]. */
static inline size_t pack(const unsigned char *bytes, size_t n, unsigned char *to, size_t room)
{
#ifdef TL_HAVE_ZLIB
    gzFile zip = gzopen(path, "wb");
    ck_assert_ptr_nonnull(zip);
    int written = gzwrite(zip, bytes, (unsigned)n);
    ck_assert_int_eq(gzclose(zip), Z_OK);
    ck_assert_uint_eq((size_t)written, n);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t packed = fread(to, 1, room, f);
    fclose(f);
    ck_assert_uint_lt(packed, room);
    return packed;
#else
    (void)room;
    memcpy(to, bytes, n);
    return n;
#endif
}

static inline tl_status load_packed(int packing, const unsigned char *bytes, size_t n, tl_idx *out)
{
    if (packing == PLAIN)
        return load(bytes, n, out);
    size_t room = n + n / 100 + 100;
    unsigned char *packed = malloc(room);
    ck_assert_ptr_nonnull(packed);
    tl_status status = load(packed, pack(bytes, n, packed, room), out);
    free(packed);
    return status;
}

/* The whole text of an error in the file at `path`. */
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

/* load() fails with this text, and leaves nothing behind. */
#define ASSERT_BAD(bytes, ...)                                                                               \
    do {                                                                                                     \
        tl_idx bad_ = { .type = TL_IDX_INT8, .rank = 7, .size = 7 };                                         \
        ck_assert_status(load(bytes, &bad_), TL_ERR_FORMAT, error(__VA_ARGS__));                             \
        assert_zeroed(&bad_);                                                                                \
    } while (0)

#endif
