/* What the library's own files need of the thread's last failure. */
#ifndef TL_STATUS_PRIVATE_H
#define TL_STATUS_PRIVATE_H

#include "status.h"

#define TL_ERROR_SIZE 512

/* The status of the last failure on this thread, TL_OK if there was none. */
tl_status tl_last_status(void);

tl_status tl_fail_memory(void);

/* How many failures there were on this thread: whether a function that returned a status said why. */
uint64_t tl_error_count(void);

/* Gives a failure that came without a text, since `before` failures, its status as one. Returns status. */
tl_status tl_fail_default(tl_status status, uint64_t before);

#endif
