/* Values of a stored variable, converted to what a variable is. */
#ifndef TL_CONVERT_H
#define TL_CONVERT_H

#include "graph/save/plan.h"

/* What a conversion did. */
typedef struct tl_conversion {
    int64_t dropped, filled; /* as in tl_load_report */
    double squares;          /* of what was dropped */
    int64_t overflown;       /* values that are finite in the file only */
} tl_conversion;

/* Reads the values of a tensor as tl_real, into new memory. */
tl_status tl_read_reals(tl_load *l, int32_t tensor, tl_real **values, tl_conversion *c);

/* Sets p->values to values for the pattern or mask that p's variable is going to have (NULL: none), from what
 * is stored on the pattern `from` (NULL: dense), and adds to *c. */
tl_status tl_convert_values(tl_planned_values *p, const tl_pattern *to, const tl_pattern *from,
                            tl_real *stored, tl_conversion *c);

#endif
