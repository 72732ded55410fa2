/* Zip archives made byte by byte, so that any field of them may be wrong. */
#ifndef TL_NPZ_FILES_H
#define TL_NPZ_FILES_H

#include "tests/lib/files.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

enum { STORED = 0, DEFLATED = 8, MOST_BYTES = 400000, MOST_ENTRIES = 64 };

/* An entry as the headers describe it; `data` is as it is in the file. */
typedef struct entry {
    const char *name;
    unsigned name_length, method, flags, crc, packed, size;
    const void *data;
    unsigned data_length;
    unsigned at; /* of its header */
} entry;

/* Describes data that is stored. */
static inline entry stored(const char *name, const void *data, size_t n)
{
    return (entry){ .name = name,
                    .name_length = (unsigned)strlen(name),
                    .crc = (unsigned)crc32(0, data, (unsigned)n),
                    .packed = (unsigned)n,
                    .size = (unsigned)n,
                    .data = data,
                    .data_length = (unsigned)n };
}

/* Describes the data deflated, in to[capacity]. */
static inline entry deflated(const char *name, const void *data, size_t n, unsigned char *to, size_t capacity)
{
    z_stream z = {
        .next_in = (void *)data, .avail_in = (unsigned)n, .next_out = to, .avail_out = (unsigned)capacity
    };
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    entry e = stored(name, data, n);
    e.method = DEFLATED;
    e.data = to;
    e.packed = e.data_length = (unsigned)(capacity - z.avail_out);
    return e;
}

static unsigned char archive[MOST_BYTES];
static unsigned archive_length;

static inline void append(unsigned value, int bytes)
{
    for (int k = 0; k < bytes; k++)
        archive[archive_length++] = (unsigned char)(value >> 8 * k);
}

static inline void append_bytes(const void *bytes, unsigned n)
{
    ck_assert_uint_lt(archive_length + n, MOST_BYTES - 100);
    if (n > 0)
        memcpy(archive + archive_length, bytes, n);
    archive_length += n;
}

/* What the local header and the directory have in common. */
static inline void append_fields(const entry *e)
{
    append(20, 2);
    append(e->flags, 2);
    append(e->method, 2);
    append(0x210000, 4); /* 1980-01-01 */
    append(e->crc, 4);
    append(e->packed, 4);
    append(e->size, 4);
    append(e->name_length, 2);
    append(0, 2);
}

static inline void append_local(entry *e)
{
    e->at = archive_length;
    append(0x04034b50, 4);
    append_fields(e);
    append_bytes(e->name, e->name_length);
    append_bytes(e->data, e->data_length);
}

/* Appends the directory, which says that it has `stated` entries. */
static inline void append_directory(const entry *e, int n, int stated)
{
    const unsigned at = archive_length;
    for (int k = 0; k < n; k++) {
        append(0x02014b50, 4);
        append(20, 2);
        append_fields(&e[k]);
        append(0, 2);
        append(0, 4);
        append(0, 4);
        append(e[k].at, 4);
        append_bytes(e[k].name, e[k].name_length);
    }
    const unsigned size = archive_length - at;
    append(0x06054b50, 4);
    append(0, 4);
    append((unsigned)stated, 2);
    append((unsigned)stated, 2);
    append(size, 4);
    append(at, 4);
    append(0, 2);
}

/* Writes the archive of these entries to the file at `path`. */
static inline void put_archive(entry *e, int n)
{
    archive_length = 0;
    for (int k = 0; k < n; k++)
        append_local(&e[k]);
    append_directory(e, n, n);
    put(path, archive, archive_length);
}

static inline void setup(void)
{
    make_path(path, sizeof path);
}

static inline void teardown(void)
{
    unlink(path);
}

/* Returns the whole text of an error of the reader `who` in the file at `path`. */
static inline const char *error(const char *who, const char *format, ...) TL_PRINTF(2, 3);

static inline const char *error(const char *who, const char *format, ...)
{
    static char text[1024];
    int at = snprintf(text, sizeof text, "%s: %s: ", who, path);
    va_list args;
    va_start(args, format);
    vsnprintf(text + at, sizeof text - (size_t)at, format, args);
    va_end(args);
    return text;
}

#endif
