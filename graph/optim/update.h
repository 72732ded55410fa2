/* A step of one variable, with a dense or a row-sparse gradient. */
#ifndef TL_UPDATE_H
#define TL_UPDATE_H

#include "graph/optim/step.h"

/* Applies weight decay and the update to the pair's variable, after tl_slots_alloc. `row_refs`:
 * pointers to the rows of a row-sparse gradient, or NULL if they are the pair's values. Cannot fail. */
void tl_update_variable(tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs);

/* Makes the same update on copies. Returns the index of the first gradient whose weight or slots would not be
 * finite, tl_gradient_size(pair) if there is none. *largest: the largest magnitude of a slot then. The
 * gradient has no row references. Applies pending row updates, otherwise changes nothing. */
int64_t tl_try_update(tl_slots *s, const tl_gradient *pair, double *largest);

#endif
