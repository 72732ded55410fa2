/* Plain and gzipped files through one interface. */
#include "lib/io/source.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#ifdef TL_HAVE_ZLIB
#include <zlib.h>
#endif

enum { CHUNK = 1 << 16 }; /* bytes in one read, and in the first block */

typedef enum read_error {
    END_OF_FILE,
    GZIP_TRUNCATED,
    GZIP_DAMAGED,
    SYSTEM_ERROR /* see errno */
} read_error;

/* ---- Streams: stream_read returns the bytes it got; if they are fewer than n, *why is the reason ---- */

#ifdef TL_HAVE_ZLIB
static const bool have_zlib = true;

static read_error error_of(int code)
{
    if (code == Z_MEM_ERROR)
        errno = ENOMEM;
    if (code == Z_ERRNO || code == Z_MEM_ERROR)
        return SYSTEM_ERROR;
    return code == Z_OK || code == Z_STREAM_END ? END_OF_FILE
           : code == Z_BUF_ERROR                ? GZIP_TRUNCATED
                                                : GZIP_DAMAGED;
}

static void *stream_open(const char *path)
{
    return gzopen(path, "rb");
}

static int stream_read(void *file, void *to, int n, read_error *why)
{
    int code = Z_OK, got = gzread(file, to, (unsigned)n);
    if (got < n)
        gzerror(file, &code);
    *why = error_of(code);
    return got > 0 ? got : 0;
}

static read_error stream_close(void *file)
{
    return error_of(gzclose(file));
}
#else
static const bool have_zlib = false;

static void *stream_open(const char *path)
{
    return fopen(path, "rb");
}

static int stream_read(void *file, void *to, int n, read_error *why)
{
    size_t got = fread(to, 1, (size_t)n, file);
    *why = ferror((FILE *)file) ? SYSTEM_ERROR : END_OF_FILE;
    return (int)got;
}

static read_error stream_close(void *file)
{
    return fclose(file) == 0 ? END_OF_FILE : SYSTEM_ERROR;
}
#endif

/* ---- Sources ---- */

tl_status tl_source_unexpected(const tl_source *s, int64_t at, const char *format, ...)
{
    char text[TL_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tl_fail(TL_ERR_FORMAT, "%s: %.300s: byte %" PRId64 ": %s", s->who, s->path, at, text);
}

static tl_status read_failed(const tl_source *s, read_error why, const char *expected)
{
    static const char *const found[] = { "the end of the file", "truncated gzip data", "damaged gzip data" };
    if (why != SYSTEM_ERROR)
        return tl_source_unexpected(s, s->at, "found %s, expected %s", found[why], expected);
    if (errno == ENOMEM)
        return tl_fail_memory();
    return tl_fail(TL_ERR_IO, "%s: %.300s: %s", s->who, s->path, strerror(errno));
}

tl_status tl_source_open(tl_source *s, const char *who, const char *path)
{
    *s = (tl_source){ .who = who, .path = path, .file = stream_open(path) };
    return s->file ? TL_OK : read_failed(s, SYSTEM_ERROR, NULL);
}

/* Reads the next n bytes of a part, of which `left` bytes (n or more) are still unread. */
static tl_status read_bytes(tl_source *s, unsigned char *to, int64_t n, int64_t left, const char *part)
{
    while (n > 0) {
        read_error why;
        const int wanted = n < CHUNK ? (int)n : CHUNK, got = stream_read(s->file, to, wanted, &why);
        if (!have_zlib && s->at == 0 && got >= 2 && to[0] == 0x1f && to[1] == 0x8b)
            return tl_source_unexpected(
                s, 0, "found gzip data, expected a plain file: tulle was built without zlib");
        s->at += got;
        to += got;
        n -= got;
        left -= got;
        if (got < wanted) {
            char expected[64];
            snprintf(expected, sizeof expected, "%" PRId64 " more byte%s of %s", left, left == 1 ? "" : "s",
                     part);
            return read_failed(s, why, expected);
        }
    }
    return TL_OK;
}

tl_status tl_source_read(tl_source *s, void *to, int64_t n, const char *part)
{
    return read_bytes(s, to, n, n, part);
}

void *tl_source_read_block(tl_source *s, int64_t n, const char *part)
{
    int64_t have = 0, capacity = n < CHUNK ? n : CHUNK;
    unsigned char *block = NULL;
    for (;;) {
        unsigned char *larger = tl_alloc(capacity, 1);
        if (!larger)
            tl_fail_memory();
        else if (have > 0)
            memcpy(larger, block, (size_t)have);
        tl_free(block);
        block = larger;
        if (!block || read_bytes(s, block + have, capacity - have, n - have, part) != TL_OK)
            break;
        have = capacity;
        if (have == n)
            return block;
        capacity = n - have > have ? 2 * have : n;
    }
    tl_free(block);
    return NULL;
}

tl_status tl_source_end(tl_source *s)
{
    unsigned char byte;
    read_error why;
    if (stream_read(s->file, &byte, 1, &why) > 0)
        return tl_source_unexpected(s, s->at, "found 0x%02x, expected the end of the file", byte);
    return why == END_OF_FILE ? TL_OK : read_failed(s, why, "a valid checksum");
}

tl_status tl_source_close(tl_source *s, tl_status status)
{
    const read_error why = stream_close(s->file);
    s->file = NULL;
    return status == TL_OK && why != END_OF_FILE ? read_failed(s, why, "a valid checksum") : status;
}
