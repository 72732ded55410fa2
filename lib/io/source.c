/* Plain and gzipped files through one interface. */
#include "lib/io/source.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef TL_HAVE_ZLIB
#include <zlib.h>
#endif

enum {
    CHUNK = 1 << 16, /* bytes of the buffer, and in the first block */
    LARGE = 1 << 24  /* bytes in one read past the buffer */
};

typedef enum read_error {
    END_OF_FILE,
    GZIP_TRUNCATED,
    GZIP_DAMAGED,
    GZIP_FOLLOWED, /* by bytes that are not gzip data */
    ENTRY_ERROR,   /* see `found` of the source */
    SYSTEM_ERROR   /* see errno */
} read_error;

/* ---- Streams: a file descriptor with a buffer, and zlib behind it if the file begins as gzip data does
 * ---- */

struct tl_stream {
    int fd;
    bool begun;
    read_error why; /* of the last read that gave less than was asked for */
    int at, end;    /* unread bytes of the buffer */
#ifdef TL_HAVE_ZLIB
    bool gzip, in_member; /* a gzipped file is one member or several */
    z_stream z;
#endif
    unsigned char buffer[CHUNK];
};

static struct tl_stream *stream_open(const char *path)
{
    struct tl_stream *s = calloc(1, sizeof *s); /* as stdio does */
    if (!s)
        return NULL;
    do /* a signal interrupts the wait for the writer of a FIFO */
        s->fd = open(path, O_RDONLY | O_CLOEXEC);
    while (s->fd < 0 && errno == EINTR);
    if (s->fd >= 0)
        return s;
    const int why = errno;
    free(s);
    errno = why;
    return NULL;
}

/* Reads on until the buffer has `wanted` unread bytes or the file ends. False: see errno. */
static bool fill(struct tl_stream *s, int wanted)
{
    if (s->end - s->at >= wanted)
        return true;
    memmove(s->buffer, s->buffer + s->at, (size_t)(s->end - s->at));
    s->end -= s->at;
    s->at = 0;
    while (s->end < wanted) {
        const ssize_t got = read(s->fd, s->buffer + s->end, (size_t)(CHUNK - s->end));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        s->end += (int)got;
    }
    return true;
}

/* Reads up to n bytes past the buffer, which is empty. Returns their number, 0 at the end of the file; -1:
 * see errno. */
static int read_direct(struct tl_stream *s, unsigned char *to, int n)
{
    ssize_t got;
    do
        got = read(s->fd, to, (size_t)n);
    while (got < 0 && errno == EINTR);
    return (int)got;
}

/* Returns the bytes it got; if they are fewer than n, *why is the reason. */
static int read_plain(struct tl_stream *s, unsigned char *to, int n, read_error *why)
{
    int got = 0;
    *why = END_OF_FILE;
    while (got < n) {
        if (s->at == s->end && n - got >= CHUNK) {
            const int part = read_direct(s, to + got, n - got);
            if (part < 0)
                *why = SYSTEM_ERROR;
            if (part <= 0)
                break;
            got += part;
            continue;
        }
        if (!fill(s, 1)) {
            *why = SYSTEM_ERROR;
            break;
        }
        const int have = s->end - s->at, part = n - got < have ? n - got : have;
        if (part == 0)
            break;
        memcpy(to + got, s->buffer + s->at, (size_t)part);
        s->at += part;
        got += part;
    }
    return got;
}

#ifdef TL_HAVE_ZLIB
static const bool have_zlib = true;

/* Returns whether gzip data begins here, of which two bytes are in the buffer if the file has them. */
static bool at_gzip(const struct tl_stream *s)
{
    return s->end - s->at >= 2 && s->buffer[s->at] == 0x1f && s->buffer[s->at + 1] == 0x8b;
}

/* Begins the next member, if there is one. */
static bool begin_member(struct tl_stream *s, read_error *why)
{
    if (!fill(s, 2))
        *why = SYSTEM_ERROR;
    else if (!at_gzip(s))
        *why = s->at == s->end ? END_OF_FILE : GZIP_FOLLOWED;
    else
        s->in_member = inflateReset(&s->z) == Z_OK;
    return s->in_member;
}

/* Unzips some of the buffer. False: *why is the reason. */
static bool inflate_some(struct tl_stream *s, read_error *why)
{
    if (!fill(s, 1)) {
        *why = SYSTEM_ERROR;
        return false;
    }
    s->z.next_in = s->buffer + s->at;
    s->z.avail_in = (unsigned)(s->end - s->at);
    const int code = inflate(&s->z, Z_NO_FLUSH);
    s->at = s->end - (int)s->z.avail_in;
    s->in_member = code != Z_STREAM_END;
    if (code == Z_MEM_ERROR)
        errno = ENOMEM;
    /* there is space, so without progress there is no data; a wrong length, the last word, was told before */
    *why = code == Z_MEM_ERROR ? SYSTEM_ERROR : code == Z_BUF_ERROR ? GZIP_TRUNCATED : GZIP_DAMAGED;
    return code == Z_OK || code == Z_STREAM_END;
}

static int read_gzip(struct tl_stream *s, unsigned char *to, int n, read_error *why)
{
    s->z.next_out = to;
    s->z.avail_out = (unsigned)n;
    while (s->z.avail_out > 0)
        if (!(s->in_member || begin_member(s, why)) || !inflate_some(s, why))
            break;
    return n - (int)s->z.avail_out;
}

static int stream_read(struct tl_stream *s, void *to, int n, read_error *why)
{
    enum { WINDOW = 15, GZIP_ONLY = 16 };
    *why = SYSTEM_ERROR;
    if (!s->begun) {
        if (!fill(s, 2))
            return 0;
        s->begun = true;
        s->gzip = at_gzip(s);
        if (s->gzip && inflateInit2(&s->z, WINDOW + GZIP_ONLY) != Z_OK) {
            s->gzip = false;
            errno = ENOMEM;
            return 0;
        }
        s->in_member = s->gzip;
    }
    return s->gzip ? read_gzip(s, to, n, why) : read_plain(s, to, n, why);
}

/* Returns the most bytes in one read: of gzip data few, so that an error is told where it is. */
static int stream_most(const struct tl_stream *s)
{
    return s->begun && !s->gzip ? LARGE : CHUNK;
}

static void stream_close(struct tl_stream *s)
{
    if (s->gzip)
        inflateEnd(&s->z);
    close(s->fd);
    free(s);
}
#else
static const bool have_zlib = false;

static int stream_read(struct tl_stream *s, void *to, int n, read_error *why)
{
    return read_plain(s, to, n, why);
}

static int stream_most(const struct tl_stream *s)
{
    (void)s;
    return LARGE;
}

static void stream_close(struct tl_stream *s)
{
    close(s->fd);
    free(s);
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
    return s->entry ? tl_fail(TL_ERR_FORMAT, "%s: %.260s: entry '%.60s': byte %" PRId64 ": %s", s->who,
                              s->path, s->entry, at, text)
                    : tl_fail(TL_ERR_FORMAT, "%s: %.300s: byte %" PRId64 ": %s", s->who, s->path, at, text);
}

static tl_status read_failed(const tl_source *s, read_error why, const char *expected)
{
    static const char *const found[] = { "the end of the file", "truncated gzip data", "damaged gzip data",
                                         "other data after the gzip data" };
    if (why != SYSTEM_ERROR)
        return tl_source_unexpected(s, s->at, "found %s, expected %s",
                                    why == ENTRY_ERROR ? s->found : found[why], expected);
    if (errno == ENOMEM)
        return tl_fail_memory();
    return tl_fail(TL_ERR_IO, "%s: %.300s: %s", s->who, s->path, strerror(errno));
}

tl_status tl_source_open(tl_source *s, const char *who, const char *path)
{
    struct stat about;
    *s = (tl_source){ .who = who, .path = path, .file = stream_open(path) };
    if (!s->file)
        return read_failed(s, SYSTEM_ERROR, NULL);
    s->size = fstat(s->file->fd, &about) == 0 && S_ISREG(about.st_mode) ? (int64_t)about.st_size : 0;
    return TL_OK;
}

/* Returns the bytes it got, at most n, from the file or the entry; if they are fewer, *why is the reason. */
static int get(tl_source *s, void *to, int n, read_error *why)
{
    if (s->file)
        return stream_read(s->file, to, n, why);
    s->found = NULL;
    const int got = s->get(s->context, to, n, &s->found);
    *why = s->found ? ENTRY_ERROR : SYSTEM_ERROR;
    return got;
}

static int most_at_once(const tl_source *s)
{
    return s->file ? stream_most(s->file) : CHUNK;
}

/* Reads up to most_at_once bytes. If *got is less than n at the end, *why is the reason. */
static tl_status read_chunk(tl_source *s, unsigned char *to, int n, int *got, read_error *why)
{
    *got = get(s, to, n, why);
    if (*got < n && s->file)
        s->file->why = *why;
    if (!have_zlib && s->file && s->at == 0 && *got >= 2 && to[0] == 0x1f && to[1] == 0x8b)
        return tl_source_unexpected(s, 0,
                                    "found gzip data, expected a plain file: tulle was built without zlib");
    s->at += *got;
    return TL_OK;
}

/* Reads the next n bytes of a part, of which `left` bytes (n or more) are still unread. */
static tl_status read_bytes(tl_source *s, unsigned char *to, int64_t n, int64_t left, const char *part)
{
    while (n > 0) {
        read_error why;
        int got;
        const int most = most_at_once(s), wanted = n < most ? (int)n : most;
        const tl_status status = read_chunk(s, to, wanted, &got, &why);
        if (status != TL_OK)
            return status;
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

tl_status tl_source_read_some(tl_source *s, void *to, int64_t n, int64_t *got)
{
    *got = 0;
    while (*got < n) {
        read_error why;
        int now;
        const int most = most_at_once(s), wanted = n - *got < most ? (int)(n - *got) : most;
        const tl_status status = read_chunk(s, (unsigned char *)to + *got, wanted, &now, &why);
        if (status != TL_OK)
            return status;
        *got += now;
        if (now < wanted && why == END_OF_FILE)
            break;
        if (now < wanted)
            return read_failed(s, why, why == GZIP_FOLLOWED ? "the end of the file" : "the rest of the file");
    }
    return TL_OK;
}

void *tl_source_read_block(tl_source *s, int64_t n, const char *part)
{
    const int64_t first = s->size - s->at > CHUNK ? s->size - s->at : CHUNK;
    int64_t have = 0, capacity = n < first ? n : first;
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
    return why == END_OF_FILE
               ? TL_OK
               : read_failed(s, why, why == GZIP_FOLLOWED ? "the end of the file" : "a valid checksum");
}

tl_status tl_source_close(tl_source *s, tl_status status)
{
    const read_error why = s->file->why;
    stream_close(s->file);
    s->file = NULL;
    return status == TL_OK && why != END_OF_FILE ? read_failed(s, why, "a valid checksum") : status;
}
