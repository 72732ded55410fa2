/* Replay of the steps that rows of a table have skipped (TL_ROWS_EXACT). */
#ifndef TL_REPLAY_H
#define TL_REPLAY_H

#include "graph/optim/slots.h"

/* Replay the steps of these slots that n rows (any order, repeats allowed), or all rows, have skipped. The
 * caller holds the variable's lock, or nobody else may use the variable. The first counts, over the
 * rows that it replays, the steps since a gradient last named them: in s->gaps and s->longest if `count`. */
void tl_slots_replay_rows(tl_slots *s, int64_t n, const int32_t *rows, bool count);
void tl_slots_replay(tl_slots *s);

/* Replays all rows if that is at most `steps` steps of rows, otherwise about so many: the next calls go on
 * from there. Returns whether nothing is pending. */
bool tl_slots_replay_some(tl_slots *s, int64_t steps);

#endif
