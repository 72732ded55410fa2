/* Replay of the steps that rows of a table have skipped (TL_ROWS_EXACT). */
#ifndef TL_REPLAY_H
#define TL_REPLAY_H

#include "graph/optim/slots.h"

/* Replay the steps of these slots that n rows (any order, repeats allowed), or all rows, have skipped. The
 * caller holds the variable's lock, or nobody else may use the variable. The first returns the sum, over the
 * rows that it replayed, of the steps since a gradient last named them. */
int64_t tl_slots_replay_rows(tl_slots *s, int64_t n, const int32_t *rows);
void tl_slots_replay(tl_slots *s);

#endif
