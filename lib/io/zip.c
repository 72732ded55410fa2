/* Zip archives, written by minizip into a sink. */
#include "lib/io/zip.h"
#include "lib/status_private.h"

#include <string.h>
#include <zip.h>

/* ---- What minizip writes by ---- */

static voidpf open_sink(voidpf writer, const void *path, int mode)
{
    (void)path;
    (void)mode;
    return writer;
}

static uLong read_nothing(voidpf writer, voidpf stream, void *to, uLong n)
{
    (void)writer;
    (void)stream;
    (void)to;
    (void)n;
    return 0;
}

/* Once an entry's size and checksum are known, they are written over its header. */
static uLong write_sink(voidpf writer, voidpf stream, const void *from, uLong n)
{
    tl_zip_writer *w = writer;
    (void)stream;
    const tl_status status = w->at == w->sink.at ? tl_sink_write(&w->sink, from, (int64_t)n)
                                                 : tl_sink_patch(&w->sink, w->at, from, (int64_t)n);
    if (status != TL_OK) {
        w->status = status;
        return 0;
    }
    w->at += (int64_t)n;
    return n;
}

static ZPOS64_T tell(voidpf writer, voidpf stream)
{
    (void)stream;
    return (ZPOS64_T)((tl_zip_writer *)writer)->at;
}

static long seek(voidpf writer, voidpf stream, ZPOS64_T offset, int origin)
{
    tl_zip_writer *w = writer;
    (void)stream;
    w->at = (int64_t)offset + (origin == ZLIB_FILEFUNC_SEEK_CUR   ? w->at
                               : origin == ZLIB_FILEFUNC_SEEK_END ? w->sink.at
                                                                  : 0);
    return 0;
}

static int close_sink(voidpf writer, voidpf stream)
{
    (void)writer;
    (void)stream;
    return 0;
}

static int has_error(voidpf writer, voidpf stream)
{
    (void)stream;
    return ((tl_zip_writer *)writer)->status != TL_OK;
}

/* ---- Archives ---- */

/* Returns the first error: the sink's, or that of minizip's memory. */
static tl_status checked(tl_zip_writer *w, int code)
{
    if (code != ZIP_OK && w->status == TL_OK)
        w->status = tl_fail_memory();
    return w->status;
}

tl_status tl_zip_create(tl_zip_writer *w, const char *who, const char *path)
{
    zlib_filefunc64_def by = { .zopen64_file = open_sink,
                               .zread_file = read_nothing,
                               .zwrite_file = write_sink,
                               .ztell64_file = tell,
                               .zseek64_file = seek,
                               .zclose_file = close_sink,
                               .zerror_file = has_error,
                               .opaque = w };
    *w = (tl_zip_writer){ 0 };
    tl_status status = tl_sink_open(&w->sink, who, path);
    if (status != TL_OK)
        return status;
    w->zip = zipOpen2_64(path, APPEND_STATUS_CREATE, NULL, &by);
    return w->zip ? TL_OK : tl_sink_close(&w->sink, tl_fail_memory());
}

tl_status tl_zip_begin(tl_zip_writer *w, const char *name, int64_t size, bool deflated)
{
    /* made on Unix, for anybody to read; dated 1980-01-01, as NumPy does, so that equal arrays are equal
     * files */
    enum { MADE_BY_UNIX = 3 << 8 | 20, UTF_8 = 0x800, YEAR_1980 = 1 << 21 | 1 << 16 };
    const int64_t zip64_from = 0xf0000000; /* where deflated bytes might be more, too */
    const zip_fileinfo info = { .dosDate = YEAR_1980 >> 16 << 16, .external_fa = 0100644ul << 16 };
    bool ascii = true;
    for (const char *c = name; *c; c++)
        ascii = ascii && (unsigned char)*c < 0x80;
    if (w->status != TL_OK)
        return w->status;
    return checked(w, zipOpenNewFileInZip4_64(w->zip, name, &info, NULL, 0, NULL, 0, NULL,
                                              deflated ? Z_DEFLATED : 0, Z_DEFAULT_COMPRESSION, 0, -MAX_WBITS,
                                              DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY, NULL, 0, MADE_BY_UNIX,
                                              ascii ? 0 : UTF_8, size >= zip64_from));
}

tl_status tl_zip_write(tl_zip_writer *w, const void *from, int64_t n)
{
    enum { AT_ONCE = 1 << 30 };
    const char *at = from;
    while (n > 0 && w->status == TL_OK) {
        const unsigned part = n < AT_ONCE ? (unsigned)n : AT_ONCE;
        checked(w, zipWriteInFileInZip(w->zip, at, part));
        at += part;
        n -= part;
    }
    return w->status;
}

tl_status tl_zip_end(tl_zip_writer *w)
{
    return w->status == TL_OK ? checked(w, zipCloseFileInZip(w->zip)) : w->status;
}

tl_status tl_zip_commit(tl_zip_writer *w, tl_status status)
{
    const int code = zipClose(w->zip, NULL);
    if (status == TL_OK)
        status = checked(w, code);
    return tl_sink_close(&w->sink, status);
}
