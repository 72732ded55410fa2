/* Checks of ids: row numbers, labels, coordinates. */
#ifndef TL_IDS_H
#define TL_IDS_H

#include "status.h"

/* Checks that every one of n ids is in 0 .. bound-1, or is *padding if that is not NULL. Otherwise
 * TL_ERR_INDEX names the first that is not: "ids[7] = 12, table has 10 rows" for name = "ids", of = "table",
 * unit = "rows". TL_ERR_ARGUMENT if ids is NULL and n > 0, if n is negative or a name is NULL. */
TL_API tl_status tl_check_ids(const char *name, const int32_t *ids, int64_t n, int64_t bound,
                              const int32_t *padding, const char *of, const char *unit);

#endif
