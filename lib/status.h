/* How calls fail: a status, and the text of the last failure on this thread. */
#ifndef TL_STATUS_H
#define TL_STATUS_H

#include "base.h"

typedef enum tl_status {
    TL_OK,
    TL_ERR_MEMORY,   /* an allocation failed */
    TL_ERR_SHAPE,    /* shapes that do not fit together */
    TL_ERR_KIND,     /* dense where sparse is needed, or the reverse */
    TL_ERR_INDEX,    /* an id, label or coordinate out of range */
    TL_ERR_ARGUMENT, /* a null pointer, an impossible option, a call out of order */
    TL_ERR_NUMERIC,  /* not finite, or a gradient that does not check */
    TL_ERR_IO,       /* the system refused: no such file, no permission */
    TL_ERR_FORMAT    /* a file that is not what it should be */
} tl_status;

/* The text of the last failure on the calling thread, "" if there was none. It stays until the next
 * failure on this thread; the library owns it. */
TL_API const char *tl_error(void);

/* Records a failure on the calling thread and returns `status`: for an op's `shape`, a transform, or any
 * function that joins the library's convention: `return tl_fail(TL_ERR_SHAPE, "%s times %s", a, b);` */
TL_API tl_status tl_fail(tl_status status, const char *format, ...) TL_PRINTF(2, 3);

/* The name of a status, such as "TL_ERR_SHAPE". Never NULL. */
TL_API const char *tl_status_name(tl_status status);

#endif
