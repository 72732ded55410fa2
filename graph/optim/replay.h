/* Replay of the steps that rows of a table have skipped (TL_ROWS_EXACT). */
#ifndef TL_REPLAY_H
#define TL_REPLAY_H

#include "graph/optim/slots.h"

/* Replay the steps of these slots that n rows (any order, repeats allowed), or all rows, have skipped. The
 * caller holds the variable's lock, or no other thread uses the variable. With `count`, the first adds to
 * s->gaps and s->longest: for each row that it replays, the steps since a gradient last named it. */
void tl_slots_replay_rows(tl_slots *s, int64_t n, const int32_t *rows, bool count);
void tl_slots_replay(tl_slots *s);

/* Replays all rows if that takes at most `steps` steps, counted for each row; otherwise about that many, and
 * the next call continues from there. Returns true if nothing is pending any more. */
bool tl_slots_replay_some(tl_slots *s, int64_t steps);

#endif
