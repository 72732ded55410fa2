/* The constants of past steps, computed once a step and kept for rows that have yet to take it. */
#ifndef TL_PAST_H
#define TL_PAST_H

#include "graph/optim/step.h"

/* The most steps that are computed anew at a time, and the number of their constants. */
enum { TL_PAST_ANEW = 64, TL_PAST_SCRATCH = TL_PAST_ANEW * TL_STEP_CONSTANTS };

/* Keeps the constants of a step that skips rows, unless memory is short: they can be computed again. */
void tl_past_keep(tl_slots *s, const tl_step *step);

/* Sets *constant to the constants of step t and of those after it, up to `last` at most, TL_STEP_CONSTANTS
 * for each: kept ones or, in scratch[TL_PAST_SCRATCH], ones computed anew. Returns the number of steps, at
 * least 1. */
int64_t tl_past_constants(const tl_slots *s, int64_t t, int64_t last, tl_real *scratch,
                          const tl_real **constant);

/* Returns the bytes of what is kept. */
int64_t tl_past_bytes(const tl_slots *s);

#endif
