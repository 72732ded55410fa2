/* The constants of past steps, computed once a step and kept for rows that have yet to take it. */
#ifndef TL_PAST_H
#define TL_PAST_H

#include "graph/optim/step.h"

/* Steps that are computed anew at once, in values. */
enum { TL_PAST_ANEW = 64, TL_PAST_SCRATCH = TL_PAST_ANEW * TL_STEP_CONSTANTS };

/* Keeps the constants of a step that skips rows; it may fail to, as they can be computed again. */
void tl_past_keep(tl_slots *s, const tl_step *step);

/* Returns for how many steps, 1 at least, of `t` .. `last` constants are at *constant, TL_STEP_CONSTANTS for
 * each: those that are kept or, in scratch[TL_PAST_SCRATCH], computed anew. */
int64_t tl_past_constants(const tl_slots *s, int64_t t, int64_t last, tl_real *scratch,
                          const tl_real **constant);

/* Returns the bytes of what is kept. */
int64_t tl_past_bytes(const tl_slots *s);

#endif
