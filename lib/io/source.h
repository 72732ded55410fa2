/* A file, or an entry of an archive, that is read once, from start to end. A file may be gzipped, whatever
 * its name, if the library was built with zlib. Sizes that a file states are not trusted. An error text
 * names the reader, the file, the byte (in the unzipped stream; where gzip data is damaged, up to 64 KB
 * before the damage), what was found there and what was expected. A signal does not end a read. */
#ifndef TL_SOURCE_H
#define TL_SOURCE_H

#include "status.h"

struct tl_stream; /* the file and what zlib keeps for it */

/* Reads the next n bytes of an entry, or as many as there are, and returns their number. If it is less
 * than n, *found is what ended the read, "the end of the entry" for example; NULL: see errno. */
typedef int tl_source_get(void *context, void *to, int n, const char **found);

typedef struct tl_source {
    const char *who;        /* the reader, in error texts: "idx_read" */
    const char *path;       /* borrowed */
    struct tl_stream *file; /* NULL: not open */
    int64_t at;             /* bytes read so far, unzipped */
    int64_t size;           /* bytes that the file really has, packed as they are; 0: not known */
    /* An entry is made with these, `who`, `path` and `size`, and nothing else; it is not opened, ended or
     * closed. */
    const char *entry; /* its name in error texts; NULL: the file itself */
    tl_source_get *get;
    void *context;
    const char *found; /* by `get` */
} tl_source;

/* Opens a file for the reader `who`. TL_ERR_IO or TL_ERR_MEMORY; the source is then not open. */
tl_status tl_source_open(tl_source *s, const char *who, const char *path);

/* Reads the next n bytes; `part` names them in the error text: "sizes". TL_ERR_FORMAT if the file has fewer
 * or is damaged, TL_ERR_IO if the system fails. */
tl_status tl_source_read(tl_source *s, void *to, int64_t n, const char *part);

/* Reads the next n bytes, or as many as the file has left, and sets *got to their number. The errors are
 * those of tl_source_read, except that a file may end. */
tl_status tl_source_read_some(tl_source *s, void *to, int64_t n, int64_t *got);

/* Reads the next n bytes into a new block, which the caller frees by tl_free. The block begins with the
 * size of the file and grows as the bytes arrive, so that it takes at most about three times the memory of
 * what the file really holds. NULL on failure: as tl_source_read, or TL_ERR_MEMORY. */
void *tl_source_read_block(tl_source *s, int64_t n, const char *part);

/* Checks that nothing follows except, in a gzipped file, a valid checksum. */
tl_status tl_source_end(tl_source *s);

/* Closes the file. Returns `status` if that is an error, otherwise the error of the last read, if there was
 * one. */
tl_status tl_source_close(tl_source *s, tl_status status);

/* Records and returns TL_ERR_FORMAT: "WHO: PATH: byte AT: " and then the text, "found this, expected
 * that". */
tl_status tl_source_unexpected(const tl_source *s, int64_t at, const char *format, ...) TL_PRINTF(3, 4);

#endif
