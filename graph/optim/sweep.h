/* A step with a row-sparse gradient as a sweep over the whole table, with zeros in the other rows. */
#ifndef TL_SWEEP_H
#define TL_SWEEP_H

#include "graph/optim/step.h"

/* Checks whether a sweep costs less than the step on the named rows and the replay that the others will need:
 * then nothing is pending any more. Counts, so that it depends on nothing but the gradients. */
bool tl_sweep_pays(tl_slots *s, const tl_gradient *pair);

/* Replays what is pending. If that is too much for one step, replays some of it and returns false: the steps
 * in which a sweep pays then share the work. */
bool tl_sweep_prepare(tl_slots *s);

/* Makes the step. row_refs: the rows of the gradient, or NULL: the pair's values. */
void tl_sweep(const tl_step *step, const tl_gradient *pair, const tl_real *const *row_refs);

#endif
