/* Zip archives, read with zlib. The format, zip64 included, is that of PKWARE's APPNOTE.TXT, 6.3. */
#include "lib/io/zip.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Bytes of the records, without what varies in length. */
enum { LOCAL = 30, CENTRAL = 46, END = 22, END_64 = 56, LOCATOR_64 = 20 };

struct tl_unzip {
    int fd;
    int error;         /* errno of the last read, 0 if it did not fail */
    int64_t size;      /* of the file */
    int64_t start;     /* of the archive, which offsets are relative to: something may precede it */
    int64_t directory; /* where it begins, and the data of entries end */
    int64_t end;       /* of the directory */
    /* The entry that is open: */
    bool deflated, ended; /* all of it was read */
    int64_t at, left;     /* its next byte in the file, and how many there are */
    uint32_t crc, expected;
    z_stream z;
    unsigned char buffer[END + UINT16_MAX]; /* packed data, an extra field, or the end of the file */
};

/* ---- Bytes ---- */

/* Returns a little-endian integer of n bytes. */
static uint64_t integer(const unsigned char *bytes, int n)
{
    uint64_t value = 0;
    while (n-- > 0)
        value = value << 8 | bytes[n];
    return value;
}

/* Reads n bytes at `at`. False if the file ends before or the system fails. */
static bool read_at(struct tl_unzip *f, void *to, int64_t n, int64_t at)
{
    f->error = 0;
    for (int64_t got = 0; got < n;) {
        const ssize_t part = pread(f->fd, (char *)to + got, (size_t)(n - got), (off_t)(at + got));
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            f->error = errno;
        if (part <= 0)
            return false;
        got += part;
    }
    return true;
}

/* Records why reading failed: an error of the system, or that the archive is what `found` says. */
static tl_status failed(const tl_zip *z, const char *found)
{
    return z->file->error ? tl_fail(TL_ERR_IO, "%s: %.300s: %s", z->who, z->path, strerror(z->file->error))
                          : tl_fail(TL_ERR_FORMAT, "%s: %.300s: found %s, expected a zip archive", z->who,
                                    z->path, found);
}

/* ---- What the directory and the headers before the data have in common ---- */

/* Takes the fields from the flags to the length of the extra field. */
static tl_zip_entry take_fields(const unsigned char *h)
{
    return (tl_zip_entry){ .flags = (uint16_t)integer(h, 2),
                           .method = (uint16_t)integer(h + 2, 2),
                           .crc = (uint32_t)integer(h + 8, 4),
                           .packed = (int64_t)integer(h + 12, 4),
                           .size = (int64_t)integer(h + 16, 4),
                           .name_length = (uint16_t)integer(h + 20, 2),
                           .extra_length = (uint16_t)integer(h + 22, 2) };
}

/* Sets *x, which points to n bytes of parts that are (type, length, bytes), to the bytes of zip64's, and
 * returns their number; 0: it is not there. */
static int find_zip64(const unsigned char **x, int n)
{
    enum { ZIP64 = 1 };
    while (n >= 4) {
        const int type = (int)integer(*x, 2), length = (int)integer(*x + 2, 2);
        *x += 4;
        n -= 4;
        if (length > n)
            break;
        if (type == ZIP64)
            return length;
        *x += length;
        n -= length;
    }
    return 0;
}

/* Reads the extra field at `at` for the numbers that 32 bits do not hold. False if they are not there. */
static bool read_extra(struct tl_unzip *f, tl_zip_entry *e, int64_t at)
{
    int64_t *const numbers[] = { &e->size, &e->packed, &e->at }; /* there, too, except those not marked */
    const unsigned char *x = f->buffer;
    if (!read_at(f, f->buffer, e->extra_length, at))
        return false;
    int n = find_zip64(&x, e->extra_length);
    for (int k = 0; k < 3; k++) {
        if (*numbers[k] != UINT32_MAX)
            continue;
        if (n < 8 || x[7] > 0x7f)
            return false;
        *numbers[k] = (int64_t)integer(x, 8);
        x += 8;
        n -= 8;
    }
    return true;
}

/* ---- Directories ---- */

/* Returns where the record that ends the archive begins in the last n bytes of the file; -1: nowhere. A
 * comment may follow it. */
static int64_t find_end(const unsigned char *tail, int64_t n)
{
    int64_t k = n - END;
    while (k >= 0 &&
           !(memcmp(tail + k, "PK\5\6", 4) == 0 && (int64_t)integer(tail + k + 20, 2) <= n - END - k))
        k--;
    return k;
}

/* Finds the directory by the records that follow it, and sets *n to the number of entries that they state. */
static tl_status find_directory(tl_zip *z, uint64_t *n)
{
    enum { BOTH_64 = END_64 + LOCATOR_64 };
    struct tl_unzip *f = z->file;
    unsigned char wide[BOTH_64];
    const int64_t most = (int64_t)sizeof f->buffer, tail = f->size < most ? f->size : most;
    const int64_t k = read_at(f, f->buffer, tail, f->size - tail) ? find_end(f->buffer, tail) : -1;
    if (k < 0)
        return failed(z, "no directory");
    const unsigned char *const e = f->buffer + k;
    f->end = f->size - tail + k;
    bool whole = integer(e + 4, 4) == 0 && integer(e + 8, 2) == integer(e + 10, 2); /* in one file */
    uint64_t size = integer(e + 12, 4), offset = integer(e + 16, 4);
    *n = integer(e + 10, 2);
    if (f->end >= BOTH_64) {
        if (!read_at(f, wide, BOTH_64, f->end - BOTH_64))
            return failed(z, "no directory");
        if (memcmp(wide, "PK\6\6", 4) == 0 && memcmp(wide + END_64, "PK\6\7", 4) == 0) {
            f->end -= BOTH_64;
            whole = integer(wide + 16, 8) == 0 && integer(wide + 24, 8) == integer(wide + 32, 8);
            *n = integer(wide + 32, 8);
            size = integer(wide + 40, 8);
            offset = integer(wide + 48, 8);
        }
    }
    if (!whole || size > (uint64_t)f->end || offset > (uint64_t)f->end - size)
        return failed(z, "a damaged directory");
    f->directory = f->end - (int64_t)size;
    f->start = f->directory - (int64_t)offset;
    return TL_OK;
}

#define NO_ZIP64 "found the mark of a number of more than 32 bits, expected a zip64 field that has it"
#define BAD(...) tl_fail(TL_ERR_FORMAT, "%s: %.260s: entry '%.60s': " __VA_ARGS__)

/* Reads the entry at *at of the directory, and sets *at to the next one. */
static tl_status read_entry(tl_zip *z, int64_t *at)
{
    struct tl_unzip *f = z->file;
    tl_zip_entry *e = &z->entry[z->n];
    unsigned char h[CENTRAL];
    if (!read_at(f, h, CENTRAL, *at) || memcmp(h, "PK\1\2", 4) != 0)
        return failed(z, "a damaged directory");
    *e = take_fields(h + 8);
    e->at = (int64_t)integer(h + 42, 4);
    const int64_t name_at = *at + CENTRAL, extra_at = name_at + e->name_length;
    *at = extra_at + e->extra_length + (int64_t)integer(h + 32, 2); /* after a comment */
    if (*at > f->end)
        return failed(z, "a damaged directory");
    e->name = tl_alloc(e->name_length + 1, 1);
    if (!e->name)
        return tl_fail_memory();
    z->n++;
    if (!read_at(f, e->name, e->name_length, name_at))
        return failed(z, "a damaged directory");
    e->name[e->name_length] = '\0';
    if (strlen(e->name) != e->name_length)
        return BAD("found a zero in its name", z->who, z->path, e->name);
    if (!read_extra(f, e, extra_at))
        return f->error ? failed(z, "an unreadable directory") : BAD(NO_ZIP64, z->who, z->path, e->name);
    if (e->flags & 1)
        return BAD("found encrypted data, expected plain", z->who, z->path, e->name);
    if (e->method != 0 && e->method != Z_DEFLATED)
        return BAD("found method %d, expected 0 (stored) or 8 (deflated)", z->who, z->path, e->name,
                   e->method);
    const int64_t space = f->directory - f->start - LOCAL - e->name_length;
    if (e->at > space || e->packed > space - e->at)
        return BAD("found more data than the archive has", z->who, z->path, e->name);
    e->at += f->start;
    return TL_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const tl_zip_entry *const *)a)->name, (*(const tl_zip_entry *const *)b)->name);
}

static int compare_places(const void *a, const void *b)
{
    const int64_t i = (*(const tl_zip_entry *const *)a)->at, j = (*(const tl_zip_entry *const *)b)->at;
    return i != j ? (i > j) - (i < j) : compare_names(a, b);
}

/* Checks that no two entries share a name, or bytes of the file. */
static tl_status check_entries(const tl_zip *z)
{
    const tl_zip_entry **e = tl_alloc(z->n, sizeof *e);
    if (!e)
        return tl_fail_memory();
    for (int32_t k = 0; k < z->n; k++)
        e[k] = &z->entry[k];
    tl_status status = TL_OK;
    qsort(e, (size_t)z->n, sizeof *e, compare_names);
    for (int32_t k = 1; k < z->n && status == TL_OK; k++)
        if (strcmp(e[k - 1]->name, e[k]->name) == 0)
            status = BAD("found twice, expected each name once", z->who, z->path, e[k]->name);
    qsort(e, (size_t)z->n, sizeof *e, compare_places);
    for (int32_t k = 1; k < z->n && status == TL_OK; k++)
        if (e[k]->at - e[k - 1]->at < LOCAL + e[k - 1]->name_length + e[k - 1]->packed)
            status = BAD("found data that overlap with those of '%.60s'", z->who, z->path, e[k]->name,
                         e[k - 1]->name);
    tl_free(e);
    return status;
}

/* Makes space for another entry. */
static tl_status grow(tl_zip *z, int32_t *capacity)
{
    if (z->n < *capacity)
        return TL_OK;
    if (z->n > INT32_MAX / 2)
        return tl_fail_memory();
    const int32_t more = z->n > 0 ? 2 * z->n : 8;
    tl_zip_entry *larger = tl_alloc(more, sizeof *larger);
    if (!larger)
        return tl_fail_memory();
    if (z->n > 0)
        memcpy(larger, z->entry, (size_t)z->n * sizeof *larger);
    tl_free(z->entry);
    z->entry = larger;
    *capacity = more;
    return TL_OK;
}

/* The stated number of entries is not trusted: they are taken as they come. */
static tl_status read_directory(tl_zip *z)
{
    uint64_t stated = 0;
    int32_t capacity = 0;
    tl_status status = find_directory(z, &stated);
    int64_t at = z->file->directory;
    while (status == TL_OK && at < z->file->end) {
        status = grow(z, &capacity);
        if (status == TL_OK)
            status = read_entry(z, &at);
    }
    if (status != TL_OK)
        return status;
    return (uint64_t)z->n == stated ? check_entries(z) : failed(z, "a damaged directory");
}

/* ---- Archives ---- */

static tl_status open_archive(tl_zip *z)
{
    struct tl_unzip *f = z->file;
    struct stat about;
    do
        f->fd = open(z->path, O_RDONLY | O_CLOEXEC);
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0 || fstat(f->fd, &about) != 0)
        return tl_fail(TL_ERR_IO, "%s: %.300s: %s", z->who, z->path, strerror(errno));
    f->size = (int64_t)about.st_size;
    return read_directory(z);
}

tl_status tl_zip_open(tl_zip *z, const char *who, const char *path)
{
    *z = (tl_zip){ .who = who, .path = path, .file = tl_alloc_zero(1, sizeof *z->file) };
    if (!z->file)
        return tl_fail_memory();
    const tl_status status = open_archive(z);
    if (status != TL_OK)
        tl_zip_close(z);
    return status;
}

void tl_zip_close(tl_zip *z)
{
    for (int32_t k = 0; k < z->n; k++)
        tl_free(z->entry[k].name);
    tl_free(z->entry);
    if (z->file && z->file->fd >= 0)
        close(z->file->fd);
    tl_free(z->file);
    *z = (tl_zip){ 0 };
}

int32_t tl_zip_find(const tl_zip *z, const char *name)
{
    for (int32_t k = 0; k < z->n; k++)
        if (strcmp(z->entry[k].name, name) == 0)
            return k;
    return -1;
}

/* ---- Entries ---- */

static int copy_some(struct tl_unzip *f, void *to, int n, const char **found)
{
    const int part = n < f->left ? n : (int)f->left;
    f->ended = part < n;
    *found = f->ended ? "the end of the entry" : "the end of the file";
    if (!read_at(f, to, part, f->at))
        return 0;
    f->at += part;
    f->left -= part;
    return part;
}

static int inflate_some(struct tl_unzip *f, void *to, int n, const char **found)
{
    f->z.next_out = to;
    f->z.avail_out = (unsigned)n;
    while (f->z.avail_out > 0 && !f->ended) {
        if (f->z.avail_in == 0) {
            const int64_t most = (int64_t)sizeof f->buffer, part = f->left < most ? f->left : most;
            *found = "the end of the file";
            if (!read_at(f, f->buffer, part, f->at))
                break;
            f->at += part;
            f->left -= part;
            f->z.next_in = f->buffer;
            f->z.avail_in = (unsigned)part;
        }
        const int code = inflate(&f->z, Z_NO_FLUSH);
        f->ended = code == Z_STREAM_END;
        f->error = code == Z_MEM_ERROR ? ENOMEM : 0;
        *found = code == Z_BUF_ERROR ? "truncated data" : "damaged data"; /* there is space, but no data */
        if (code != Z_OK && !f->ended)
            break;
    }
    *found = f->ended ? "the end of the entry" : *found;
    return n - (int)f->z.avail_out;
}

static int read_some(void *archive, void *to, int n, const char **found)
{
    struct tl_unzip *f = ((tl_zip *)archive)->file;
    const int got = (f->deflated ? inflate_some : copy_some)(f, to, n, found);
    f->crc = (uint32_t)crc32(f->crc, to, (unsigned)got);
    errno = f->error;
    *found = f->error ? NULL : *found;
    return got;
}

/* Reads the header before the data, which begin at f->at then. False if it is not what the directory says. */
static bool read_header(struct tl_unzip *f, const tl_zip_entry *e)
{
    enum { SIZES_FOLLOW = 8 };
    unsigned char h[LOCAL];
    f->at = e->at + LOCAL + e->name_length;
    if (!read_at(f, h, LOCAL, e->at) || memcmp(h, "PK\3\4", 4) != 0)
        return false;
    tl_zip_entry found = take_fields(h + 6);
    if (found.method != e->method || found.name_length != e->name_length ||
        !read_at(f, f->buffer, e->name_length, e->at + LOCAL) ||
        memcmp(f->buffer, e->name, e->name_length) != 0)
        return false;
    if (!(found.flags & SIZES_FOLLOW) && !(read_extra(f, &found, f->at) && found.crc == e->crc &&
                                           found.size == e->size && found.packed == e->packed))
        return false;
    f->at += found.extra_length;
    return e->packed <= f->directory - f->at;
}

tl_status tl_zip_open_entry(tl_zip *z, int32_t k, tl_source *s)
{
    const tl_zip_entry *e = &z->entry[k];
    struct tl_unzip *f = z->file;
    *s = (tl_source){
        .who = z->who, .path = z->path, .size = e->packed, .entry = e->name, .get = read_some, .context = z
    };
    if (!read_header(f, e))
        return f->error
                   ? failed(z, "an unreadable entry")
                   : tl_source_unexpected(s, 0, "found another header than the archive's directory says");
    f->left = e->packed;
    f->deflated = e->method == Z_DEFLATED;
    f->ended = false;
    f->crc = 0;
    f->expected = e->crc;
    f->z = (z_stream){ 0 };
    return f->deflated && inflateInit2(&f->z, -MAX_WBITS) != Z_OK ? tl_fail_memory() : TL_OK;
}

/* Checks that all of an entry was read, and its checksum. */
static tl_status check_end(tl_zip *z, const tl_source *s)
{
    struct tl_unzip *f = z->file;
    unsigned char byte;
    const char *found;
    const int more = read_some(z, &byte, 1, &found);
    if (f->error)
        return f->error == ENOMEM ? tl_fail_memory() : failed(z, "an unreadable entry");
    if (more > 0 || !f->ended)
        return tl_source_unexpected(s, s->at, "found %s, expected the end of the entry",
                                    more > 0 ? "more data" : found);
    return f->crc == f->expected
               ? TL_OK
               : tl_source_unexpected(s, s->at,
                                      "found damaged data, expected the checksum of the archive's directory");
}

tl_status tl_zip_close_entry(tl_zip *z, const tl_source *s, tl_status status)
{
    if (status == TL_OK)
        status = check_end(z, s);
    if (z->file->deflated)
        inflateEnd(&z->file->z);
    return status;
}
