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

/* Numbers that a header has in its zip64 field, in this order, and 0xffffffff in their place. */
enum { SIZE = 1, PACKED = 2, PLACE = 4, ALL_WIDE = 8 };

/* An entry as the headers describe it; `data` is as it is in the file. */
typedef struct entry {
    const char *name;
    unsigned name_length, method, flags, crc;
    uint64_t packed, size;
    const void *data;
    unsigned data_length;
    uint64_t at;         /* of its header */
    unsigned wide;       /* SIZE | PACKED | PLACE in the directory */
    unsigned wide_local; /* SIZE | PACKED before the data */
    unsigned missing;    /* bytes at the end of the zip64 field of the directory */
} entry;

/* Describes data that is stored. */
static inline entry stored(const char *name, const void *data, size_t n)
{
    return (entry){ .name = name,
                    .name_length = (unsigned)strlen(name),
                    .crc = (unsigned)crc32(0, data, (unsigned)n),
                    .packed = n,
                    .size = n,
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
static bool wide_end; /* whether the directory ends in zip64 records */

static inline void append(uint64_t value, int bytes)
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
static inline void append_fields(const entry *e, unsigned wide, unsigned extra_length)
{
    append(20, 2);
    append(e->flags, 2);
    append(e->method, 2);
    append(0x210000, 4); /* 1980-01-01 */
    append(e->crc, 4);
    append(wide & PACKED ? UINT32_MAX : e->packed, 4);
    append(wide & SIZE ? UINT32_MAX : e->size, 4);
    append(e->name_length, 2);
    append(extra_length, 2);
}

/* An extra field with zip64's numbers, after a time stamp. */
enum { TIME_STAMP = 0x5455, TIME_STAMP_BYTES = 5, ZIP64 = 1 };

static inline unsigned wide_bytes(unsigned wide, unsigned missing)
{
    const unsigned n = (wide & 1) + (wide >> 1 & 1) + (wide >> 2 & 1);
    return n > 0 ? 4 + TIME_STAMP_BYTES + 4 + 8 * n - missing : 0;
}

static inline void append_wide(const entry *e, unsigned wide, unsigned missing)
{
    const uint64_t numbers[] = { e->size, e->packed, e->at };
    if (!wide)
        return;
    append(TIME_STAMP, 2);
    append(TIME_STAMP_BYTES, 2);
    append(0, TIME_STAMP_BYTES);
    append(ZIP64, 2);
    append(wide_bytes(wide, missing) - 8 - TIME_STAMP_BYTES, 2);
    for (int k = 0; k < 3; k++)
        if (wide >> k & 1)
            append(numbers[k], 8);
    archive_length -= missing;
}

static inline void append_local(entry *e)
{
    e->at = archive_length;
    append(0x04034b50, 4);
    append_fields(e, e->wide_local, wide_bytes(e->wide_local, 0));
    append_bytes(e->name, e->name_length);
    append_wide(e, e->wide_local, 0);
    append_bytes(e->data, e->data_length);
}

/* The records of zip64 that end an archive. */
static inline void append_wide_end(uint64_t n, uint64_t size, uint64_t at)
{
    const unsigned here = archive_length;
    append(0x06064b50, 4);
    append(44, 8);
    append(45, 2);
    append(45, 2);
    append(0, 8);
    append(n, 8);
    append(n, 8);
    append(size, 8);
    append(at, 8);
    append(0x07064b50, 4);
    append(0, 4);
    append(here, 8);
    append(1, 4);
}

/* Appends the directory, which says that it has `stated` entries. */
static inline void append_directory(const entry *e, int n, int stated)
{
    const unsigned at = archive_length;
    for (int k = 0; k < n; k++) {
        append(0x02014b50, 4);
        append(20, 2);
        append_fields(&e[k], e[k].wide, wide_bytes(e[k].wide, e[k].missing));
        append(0, 2);
        append(0, 4);
        append(0, 4);
        append(e[k].wide & PLACE ? UINT32_MAX : e[k].at, 4);
        append_bytes(e[k].name, e[k].name_length);
        append_wide(&e[k], e[k].wide, e[k].missing);
    }
    const unsigned size = archive_length - at;
    if (wide_end)
        append_wide_end((unsigned)stated, size, at);
    append(0x06054b50, 4);
    append(0, 4);
    append(wide_end ? UINT16_MAX : (unsigned)stated, 2);
    append(wide_end ? UINT16_MAX : (unsigned)stated, 2);
    append(wide_end ? UINT32_MAX : size, 4);
    append(wide_end ? UINT32_MAX : at, 4);
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

/* Three uint8 after a header of 56 + 10 bytes. */
#define THREE_BYTES "\x93NUMPY\1\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}\n\1\2\3"

static inline void assert_zeroed(const tl_npz *a)
{
    ck_assert_int_eq(a->n, 0);
    ck_assert_ptr_null(a->name);
    ck_assert_ptr_null(a->array);
}

#endif
