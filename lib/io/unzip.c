/* Zip archives, read by minizip from a file descriptor. */
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
#include <unzip.h>

enum { BUFFER = 1 << 14 };

struct tl_unzip {
    int fd;
    int error; /* errno of the last read that failed, 0: none did */
    bool cut;  /* a read went past the end of the file, which minizip would take for zeros */
    int64_t at, size;
    int64_t begin, end; /* what is in the buffer */
    unzFile unz;
    unsigned char buffer[BUFFER];
};

/* ---- What minizip reads by ---- */

static voidpf open_file(voidpf file, const void *path, int mode)
{
    (void)path;
    (void)mode;
    return file;
}

/* Reads up to n bytes at `at`. Returns their number, 0 at the end of the file or after an error. */
static int64_t read_at(struct tl_unzip *f, void *to, int64_t n)
{
    int64_t got = 0;
    while (got < n) {
        const ssize_t part = pread(f->fd, (char *)to + got, (size_t)(n - got), (off_t)(f->at + got));
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            f->error = errno;
        if (part <= 0)
            break;
        got += part;
    }
    return got;
}

static uLong read_file(voidpf file, voidpf stream, void *to, uLong n)
{
    struct tl_unzip *f = file;
    uLong got = 0;
    (void)stream;
    while (got < n && f->at < f->size) {
        const uLong left = n - got;
        if (f->at < f->begin || f->at >= f->end) {
            if (left >= BUFFER) {
                const int64_t part = read_at(f, (char *)to + got, (int64_t)left);
                f->at += part;
                f->cut = f->cut || (uLong)part < left;
                return got + (uLong)part;
            }
            f->begin = f->at;
            f->end = f->at + read_at(f, f->buffer, BUFFER);
            if (f->end == f->begin)
                break;
        }
        const uLong have = (uLong)(f->end - f->at), part = left < have ? left : have;
        memcpy((char *)to + got, f->buffer + (f->at - f->begin), part);
        f->at += (int64_t)part;
        got += part;
    }
    f->cut = f->cut || got < n;
    return got;
}

static ZPOS64_T tell(voidpf file, voidpf stream)
{
    (void)stream;
    return (ZPOS64_T)((struct tl_unzip *)file)->at;
}

static long seek(voidpf file, voidpf stream, ZPOS64_T offset, int origin)
{
    struct tl_unzip *f = file;
    const int64_t from = origin == ZLIB_FILEFUNC_SEEK_CUR   ? f->at
                         : origin == ZLIB_FILEFUNC_SEEK_END ? f->size
                                                            : 0;
    (void)stream;
    if (offset > (ZPOS64_T)(INT64_MAX - from))
        return -1;
    f->at = from + (int64_t)offset;
    return 0;
}

static int close_file(voidpf file, voidpf stream)
{
    (void)file;
    (void)stream;
    return 0;
}

static int has_error(voidpf file, voidpf stream)
{
    const struct tl_unzip *f = file;
    (void)stream;
    return f->error || f->cut;
}

/* ---- Errors ---- */

/* Records why minizip failed: an error of the system, memory, or else that the archive is what `found`
 * says. */
static tl_status failed(const tl_zip *z, int code, const char *found)
{
    const int error = z->file->error;
    z->file->error = 0;
    if (code == Z_MEM_ERROR || code == UNZ_INTERNALERROR || error == ENOMEM)
        return tl_fail_memory();
    return error ? tl_fail(TL_ERR_IO, "%s: %.300s: %s", z->who, z->path, strerror(error))
                 : tl_fail(TL_ERR_FORMAT, "%s: %.300s: %s", z->who, z->path, found);
}

/* ---- Directories ---- */

/* Reads the directory's next entry, and adds its packed size to *packed. */
static tl_status read_entry(tl_zip *z, int64_t *packed)
{
    unz_file_info64 info;
    unz64_file_pos at;
    unzFile unz = z->file->unz;
    tl_zip_entry *e = &z->entry[z->n];
    int code = unzGetCurrentFileInfo64(unz, &info, NULL, 0, NULL, 0, NULL, 0);
    if (code == UNZ_OK)
        code = unzGetFilePos64(unz, &at);
    if (code != UNZ_OK)
        return failed(z, code, "found a damaged directory, expected a zip archive");
    *e = (tl_zip_entry){ .name = tl_alloc((int64_t)info.size_filename + 1, 1) };
    if (!e->name)
        return tl_fail_memory();
    z->n++;
    code = unzGetCurrentFileInfo64(unz, &info, e->name, info.size_filename + 1, NULL, 0, NULL, 0);
    if (code != UNZ_OK)
        return failed(z, code, "found a damaged directory, expected a zip archive");
    e->name[info.size_filename] = '\0';
    e->at[0] = (int64_t)at.pos_in_zip_directory;
    e->at[1] = (int64_t)at.num_of_file;
    e->size = (int64_t)info.uncompressed_size;
#define BAD(...) tl_fail(TL_ERR_FORMAT, "%s: %.260s: entry '%.60s': " __VA_ARGS__)
    if (strlen(e->name) != info.size_filename)
        return BAD("found a zero in its name", z->who, z->path, e->name);
    if (info.flag & 1)
        return BAD("found encrypted data, expected plain", z->who, z->path, e->name);
    if (info.compression_method != 0 && info.compression_method != Z_DEFLATED)
        return BAD("found method %lu, expected 0 (stored) or 8 (deflated)", z->who, z->path, e->name,
                   info.compression_method);
    if (info.uncompressed_size == UINT32_MAX || info.compressed_size == UINT32_MAX) /* see the extra field */
        return BAD("found 4 GiB or more, expected less, as minizip 1.1 does not read that", z->who, z->path,
                   e->name);
    if (info.compressed_size > (ZPOS64_T)(z->file->size - *packed) || e->size < 0)
        return BAD("found more data than the file has, or entries that overlap", z->who, z->path, e->name);
#undef BAD
    e->packed = (int64_t)info.compressed_size;
    *packed += e->packed;
    return TL_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static tl_status check_names(const tl_zip *z)
{
    const char **name = tl_alloc(z->n, sizeof *name);
    if (!name)
        return tl_fail_memory();
    for (int32_t k = 0; k < z->n; k++)
        name[k] = z->entry[k].name;
    qsort(name, (size_t)z->n, sizeof *name, compare_names);
    tl_status status = TL_OK;
    for (int32_t k = 1; k < z->n && status == TL_OK; k++)
        if (strcmp(name[k - 1], name[k]) == 0)
            status = tl_fail(TL_ERR_FORMAT, "%s: %.260s: entry '%.60s': found twice, expected each name once",
                             z->who, z->path, name[k]);
    tl_free(name);
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

/* The number of entries is stated, too: they are taken as they come. */
static tl_status read_directory(tl_zip *z)
{
    unz_global_info64 global;
    int32_t capacity = 0;
    int64_t packed = 0;
    int code = unzGetGlobalInfo64(z->file->unz, &global);
    if (code == UNZ_OK && global.number_entry == 0)
        return TL_OK;
    if (code == UNZ_OK)
        code = unzGoToFirstFile(z->file->unz);
    while (code == UNZ_OK) {
        tl_status status = grow(z, &capacity);
        if (status == TL_OK)
            status = read_entry(z, &packed);
        if (status != TL_OK)
            return status;
        code = unzGoToNextFile(z->file->unz);
    }
    return code == UNZ_END_OF_LIST_OF_FILE
               ? check_names(z)
               : failed(z, code, "found a damaged directory, expected a zip archive");
}

/* ---- Archives ---- */

/* Returns whether the file is an archive without entries, which minizip does not open: the end of a directory
 * and nothing else. */
static bool is_empty(struct tl_unzip *f)
{
    static const unsigned char end[22] = "PK\5\6";
    unsigned char found[22];
    f->at = 0;
    return f->size == 22 && read_at(f, found, 22) == 22 && memcmp(found, end, 22) == 0;
}

static tl_status open_archive(tl_zip *z)
{
    struct tl_unzip *f = z->file;
    struct stat about;
    zlib_filefunc64_def by = { .zopen64_file = open_file,
                               .zread_file = read_file,
                               .ztell64_file = tell,
                               .zseek64_file = seek,
                               .zclose_file = close_file,
                               .zerror_file = has_error,
                               .opaque = f };
    do
        f->fd = open(z->path, O_RDONLY | O_CLOEXEC);
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0 || fstat(f->fd, &about) != 0)
        return tl_fail(TL_ERR_IO, "%s: %.300s: %s", z->who, z->path, strerror(errno));
    f->size = (int64_t)about.st_size;
    f->unz = unzOpen2_64(z->path, &by);
    if (f->unz)
        return read_directory(z);
    return is_empty(f) ? TL_OK : failed(z, UNZ_BADZIPFILE, "found no directory, expected a zip archive");
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
    if (z->file && z->file->unz)
        unzClose(z->file->unz);
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

static int read_some(void *archive, void *to, int n, const char **found)
{
    tl_zip *z = archive;
    int got = 0, code = 1;
    while (got < n && code > 0) {
        code = unzReadCurrentFile(z->file->unz, (char *)to + got, (unsigned)(n - got));
        got += code > 0 ? code : 0;
    }
    if (code > 0)
        return got;
    *found = code == 0 ? "the end of the entry" : "damaged data";
    if (z->file->error || code == Z_MEM_ERROR) {
        *found = NULL;
        errno = z->file->error ? z->file->error : ENOMEM;
        z->file->error = 0;
    }
    return got;
}

tl_status tl_zip_open_entry(tl_zip *z, int32_t k, tl_source *s)
{
    const tl_zip_entry *e = &z->entry[k];
    const unz64_file_pos at = { .pos_in_zip_directory = (ZPOS64_T)e->at[0],
                                .num_of_file = (ZPOS64_T)e->at[1] };
    *s = (tl_source){
        .who = z->who, .path = z->path, .size = e->packed, .entry = e->name, .get = read_some, .context = z
    };
    int code = unzGoToFilePos64(z->file->unz, &at);
    if (code == UNZ_OK)
        code = unzOpenCurrentFile(z->file->unz);
    if (code == UNZ_BADZIPFILE && !z->file->error)
        return tl_source_unexpected(s, 0, "found another header than the archive's directory says");
    return code == UNZ_OK ? TL_OK : failed(z, code, "found a damaged entry, expected a zip archive");
}

tl_status tl_zip_close_entry(tl_zip *z, const tl_source *s, tl_status status)
{
    const int code = unzCloseCurrentFile(z->file->unz);
    return status == TL_OK && code != UNZ_OK
               ? tl_source_unexpected(s, s->at,
                                      "found damaged data, expected the checksum of the archive's directory")
               : status;
}
