/* A step of one variable, with a dense or a row-sparse gradient. */
#ifndef TL_UPDATE_H
#define TL_UPDATE_H

#include "graph/optim/step.h"

/* Applies weight decay and the update to the pair's variable, after tl_slots_alloc. `row_refs`:
 * pointers to the rows of a row-sparse gradient, or NULL if they are the pair's values. Cannot fail. */
void tl_update_variable(tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs);

/* Checks whether a row-sparse step changes the other rows, too, at once or in replay. */
bool tl_update_reaches_others(const tl_slots *s, const tl_gradient *pair);

/* Makes the same update on copies; of an exact step, with `others`, also in the rows that the pair does not
 * name. Returns the first weight found that would not be finite, or whose slots would not be; -1 if there is
 * none. *largest: the largest magnitude of a slot then. The gradient has no row references. Applies pending
 * row updates, otherwise changes nothing. */
int64_t tl_try_update(tl_slots *s, const tl_gradient *pair, bool others, double *largest);

#endif
