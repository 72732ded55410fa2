/* Steps that must not happen because a gradient, or what the update would store, is not finite. */
#ifndef TL_FINITE_H
#define TL_FINITE_H

#include "graph/optim/slots.h"

#include <float.h>

/* A number below TL_TERM_LIMIT, a quarter of the last place of the largest finite number, can be added to any
 * finite number: the sum is rounded to a finite one. So an update whose terms are below it cannot overflow,
 * however large its slots have grown. Above TL_SLOT_LIMIT, a slot may make large terms by itself. */
#ifdef TULLE_DOUBLE
#define TL_TERM_LIMIT (DBL_MAX * DBL_EPSILON / 8)
#else
#define TL_TERM_LIMIT ((double)FLT_MAX * (double)FLT_EPSILON / 8)
#endif
/* A later step may multiply a slot by a larger rate: terms are bounded for rates up to TL_RATE_LIMIT, and
 * steps of a rate above it are always tried. */
#define TL_RATE_LIMIT 0x1p19
#define TL_SLOT_LIMIT (TL_TERM_LIMIT / TL_RATE_LIMIT)

/* Applies the policies for gradients that are not finite: sets *skip, or returns TL_ERR_NUMERIC with a text
 * that names the element. The slots are allocated; their `largest` receives a bound on the gradient, unless
 * that may propagate. */
tl_status tl_check_gradients(const tl_optimizer *o, const tl_gradients *g, bool *skip);

/* The same for what the updates would store, where `largest` and the options do not prove it finite: these
 * updates are tried on copies. Weights and slots do not change. */
tl_status tl_check_updates(const tl_optimizer *o, const tl_gradients *g, bool *skip);

/* Notes how large the pair's weights are after the step, for the checks of later ones. */
void tl_note_weights(tl_slots *s, const tl_gradient *pair);

#endif
