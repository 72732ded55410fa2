/* The last error of the thread: what only the library's own files need. */
#ifndef TL_STATUS_PRIVATE_H
#define TL_STATUS_PRIVATE_H

#include "status.h"

#define TL_ERROR_SIZE 512

/* Records and returns TL_ERR_MEMORY: "out of memory". */
tl_status tl_fail_memory(void);

/* Returns the number of errors recorded on this thread so far. If it is unchanged after a call that failed,
 * the call recorded no text. */
uint64_t tl_error_count(void);

/* Returns `status`. If that is an error and nothing was recorded since the count was `before`, records the
 * name of `status` as the text. */
tl_status tl_fail_default(tl_status status, uint64_t before);

#endif
