/* A step of one variable, with a dense or a row-sparse gradient. */
#ifndef TL_UPDATE_H
#define TL_UPDATE_H

#include "graph/optim/step.h"

/* Applies weight decay and the update to the pair's variable, after tl_slots_alloc. `row_refs`:
 * pointers to the rows of a row-sparse gradient, or NULL if they are the pair's values. Cannot fail. */
void tl_update_variable(tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs);

#endif
