/* Temporary files that a test writes byte by byte, plain or gzipped. */
#ifndef TL_FILES_H
#define TL_FILES_H

#include "tests/testing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef TL_HAVE_ZLIB
#include <zlib.h>
enum { PLAIN, GZIPPED, PACKINGS };
#else
enum { PLAIN, PACKINGS };
#endif

/* An array literal and its length: put(path, BYTES(0, 0, 8, 1)) */
#define BYTES(...) (const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ })

static char path[512];

/* Writes a name for mkstemp or mkdtemp, which replace its end. */
static inline void write_template(char *to, size_t size)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(to, size, "%s/tulle-test-XXXXXX", temporary ? temporary : "/tmp");
}

static inline void make_folder(char *to, size_t size)
{
    write_template(to, size);
    ck_assert_ptr_nonnull(mkdtemp(to));
}

static inline void make_path(char *to, size_t size)
{
    write_template(to, size);
    int file = mkstemp(to);
    ck_assert_int_ge(file, 0);
    close(file);
}

static inline void put(const char *to, const unsigned char *bytes, size_t n)
{
    FILE *f = fopen(to, "wb");
    ck_assert_ptr_nonnull(f);
    size_t written = fwrite(bytes, 1, n, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_uint_eq(written, n);
}

/* Reads a file of less than `capacity` bytes, and returns their number. */
static inline size_t get_file(const char *from, unsigned char *to, size_t capacity)
{
    FILE *f = fopen(from, "rb");
    ck_assert_ptr_nonnull(f);
    const size_t n = fread(to, 1, capacity, f);
    fclose(f);
    ck_assert_uint_lt(n, capacity);
    return n;
}

/* Checks what the file at `path` holds. */
static inline void assert_written(const char *expected)
{
    char got[1000];
    got[get_file(path, (unsigned char *)got, sizeof got)] = '\0';
    ck_assert_str_eq(got, expected);
}

/* Gzips the bytes into to[capacity] and returns their number then. Uses the file at `path`. */
static inline size_t pack(const unsigned char *bytes, size_t n, unsigned char *to, size_t capacity)
{
#ifdef TL_HAVE_ZLIB
    gzFile zip = gzopen(path, "wb");
    ck_assert_ptr_nonnull(zip);
    int written = gzwrite(zip, bytes, (unsigned)n);
    ck_assert_int_eq(gzclose(zip), Z_OK);
    ck_assert_uint_eq((size_t)written, n);
    return get_file(path, to, capacity);
#else
    (void)capacity;
    memcpy(to, bytes, n);
    return n;
#endif
}

/* Writes the bytes to the file at `path`, packed as asked. */
static inline void put_packed(int packing, const unsigned char *bytes, size_t n)
{
    if (packing == PLAIN) {
        put(path, bytes, n);
        return;
    }
    const size_t capacity = n + n / 100 + 100;
    unsigned char *packed = malloc(capacity);
    ck_assert_ptr_nonnull(packed);
    const size_t size = pack(bytes, n, packed, capacity);
    put(path, packed, size);
    free(packed);
}

#endif
