/* Errors: a status, and the text of the last error on this thread. */
#ifndef TL_STATUS_H
#define TL_STATUS_H

#include "base.h"

typedef enum tl_status {
    TL_OK,
    TL_ERR_MEMORY,   /* an allocation failed */
    TL_ERR_SHAPE,    /* an impossible shape, or shapes that do not fit together */
    TL_ERR_KIND,     /* dense where sparse is needed, or the reverse */
    TL_ERR_INDEX,    /* an id, label or coordinate out of range */
    TL_ERR_ARGUMENT, /* a null pointer, an impossible option, a call out of order */
    TL_ERR_NUMERIC,  /* a value that is not finite, or a gradient that fails its check */
    TL_ERR_IO,       /* an error of the system: no such file, no permission */
    TL_ERR_FORMAT,   /* a file that violates its format */
    TL_ERR_PEER      /* another process failed, or differs: of the libraries on top of this one */
} tl_status;

/* Returns the text of the last error on the calling thread, "" if there was none. The library owns it; it is
 * valid until the next error on this thread. */
TL_API const char *tl_error(void);

/* Returns the status of the last error on the calling thread, TL_OK if there was none: why a call failed that
 * returned NULL. */
TL_API tl_status tl_last_status(void);

/* Records an error on the calling thread and returns `status`. For an op's `shape`, a transform, or any
 * function that follows the library's convention: `return tl_fail(TL_ERR_SHAPE, "%s times %s", a, b);` The
 * arguments may include tl_error(). The text is cut at 511 bytes; a NULL format gives "". */
TL_API tl_status tl_fail(tl_status status, const char *format, ...) TL_PRINTF(2, 3);

/* Returns the name of a status, such as "TL_ERR_SHAPE". Never NULL. */
TL_API const char *tl_status_name(tl_status status);

#endif
