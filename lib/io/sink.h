/* A file that is written whole or not at all: into a temporary beside it, which takes the file's place once
 * it is on the disk. Until then the old file is untouched, and after an error no temporary is left. One that
 * a killed process left is removed by the next writer of the same path.
 *
 * A link is followed: the file it names is made or replaced, with the permissions of the old one. A path
 * that names a FIFO or a device is written to directly. An error text names the writer, the file and the
 * reason, and distinguishes two failures: "not saved", and "saved, but it may not survive a power cut". */
#ifndef TL_SINK_H
#define TL_SINK_H

#include "status.h"

struct tl_sink_file; /* the temporary, its buffer and the first error */

typedef struct tl_sink {
    const char *who;           /* the writer, in error texts: "idx_write" */
    const char *path;          /* borrowed */
    int64_t at;                /* bytes written so far */
    struct tl_sink_file *file; /* NULL: not open */
} tl_sink;

/* Opens a file for the writer `who`. TL_ERR_IO or TL_ERR_MEMORY; the sink is then not open. */
tl_status tl_sink_open(tl_sink *s, const char *who, const char *path);

/* Write n bytes, and text. The first error stays: later calls write nothing and return it again. Text must
 * not hold floating-point numbers, which would follow the locale. */
tl_status tl_sink_write(tl_sink *s, const void *from, int64_t n);
tl_status tl_sink_printf(tl_sink *s, const char *format, ...) TL_PRINTF(2, 3);

/* Overwrites n bytes at `at`, all of which have been written. TL_ERR_IO on a FIFO. */
tl_status tl_sink_patch(tl_sink *s, int64_t at, const void *from, int64_t n);

/* Closes the sink. If `status` and everything before is TL_OK, the file takes its place; otherwise the
 * temporary is removed. Returns `status` if that is an error, otherwise the first error. */
tl_status tl_sink_close(tl_sink *s, tl_status status);

#endif
