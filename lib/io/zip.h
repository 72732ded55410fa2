/* Zip archives, also beyond 4 GiB: entries that are stored or deflated. They are written by minizip and read
 * with zlib, because minizip 1.1 does not read sizes of 4 GiB or more. Without minizip nothing is opened:
 * TL_ERR_ARGUMENT. The directory of an archive is checked before an entry is read: names once, known
 * methods, entries that are in the file and do not overlap. An entry's size is only stated. */
#ifndef TL_ZIP_H
#define TL_ZIP_H

#include "lib/io/sink.h"
#include "lib/io/source.h"

/* ---- Reading ---- */

typedef struct tl_zip_entry {
    char *name;     /* without zeros, otherwise as it is in the archive */
    int64_t size;   /* in bytes, unpacked, as the directory states it */
    int64_t packed; /* bytes that it really has in the file */
    int64_t at;     /* of its header in the file */
    uint32_t crc;   /* as the directory states it */
    uint16_t flags, method, name_length, extra_length;
} tl_zip_entry;

struct tl_unzip; /* the file and what zlib keeps for it */

typedef struct tl_zip {
    const char *who, *path; /* in error texts; borrowed */
    int32_t n;
    tl_zip_entry *entry; /* [n] in the order of the directory */
    struct tl_unzip *file;
} tl_zip;

/* Opens an archive for the reader `who` and reads its directory. TL_ERR_IO, TL_ERR_MEMORY or
 * TL_ERR_FORMAT; the archive is then not open. */
tl_status tl_zip_open(tl_zip *z, const char *who, const char *path);

/* Returns the number of the entry with this name, -1 if there is none. */
int32_t tl_zip_find(const tl_zip *z, const char *name);

/* Opens entry k as a source. One at a time. TL_ERR_FORMAT, TL_ERR_IO or TL_ERR_MEMORY. */
tl_status tl_zip_open_entry(tl_zip *z, int32_t k, tl_source *s);

/* Closes the entry. If `status` is TL_OK, checks that all of it was read, and its checksum; otherwise returns
 * `status`. */
tl_status tl_zip_close_entry(tl_zip *z, const tl_source *s, tl_status status);

/* Closes the archive, if it is open, and frees the directory. */
void tl_zip_close(tl_zip *z);

/* ---- Writing ---- */

typedef struct tl_zip_writer {
    tl_sink sink;
    int64_t at; /* where minizip writes next */
    void *zip;  /* minizip's */
    tl_status status;
} tl_zip_writer;

/* Opens an archive for the writer `who`. Errors as tl_sink_open. */
tl_status tl_zip_create(tl_zip_writer *w, const char *who, const char *path);

/* Begins an entry of `size` bytes; writes the next of them; ends it. The name is UTF-8. The first error
 * stays, as in a sink. */
tl_status tl_zip_begin(tl_zip_writer *w, const char *name, int64_t size, bool deflated);
tl_status tl_zip_write(tl_zip_writer *w, const void *from, int64_t n);
tl_status tl_zip_end(tl_zip_writer *w);

/* Writes the directory and closes the sink: tl_sink_close. */
tl_status tl_zip_commit(tl_zip_writer *w, tl_status status);

#endif
