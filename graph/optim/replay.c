/* TL_ROWS_EXACT: before a row is read, the steps that it skipped are replayed with a gradient of 0, by the
 * function that applies a dense gradient, so that the bits are the same. */
#include "graph/optim/replay.h"
#include "graph/optim/step.h"

#include "parallel.h"

/* Returns the step that a row is up to date with. */
static int64_t step_of_row(const tl_slots *s, int64_t row)
{
    const int64_t t = tl_slots_row_step(s)[row];
    return t > s->all_step ? t : s->all_step;
}

enum { BATCH = 16 }; /* rows whose weights and slots stay in L1 while all steps are replayed on them */

/* Replays rows rows[0 .. n-1] (or first .. first+n-1), n <= BATCH, step by step, so that the constants of a
 * step are computed once. */
static void replay_batch(tl_slots *s, int64_t n, const int32_t *rows, int64_t first)
{
    int64_t *row_step = tl_slots_row_step(s);
    const bool skip_unused = !s->dense_step_seen && tl_slots_zero_grad(s) == TL_ZERO_GRAD_NOOP_AT_START;
    int64_t from = s->t;
    for (int64_t k = 0; k < n; k++) {
        const int64_t row = rows ? rows[k] : first + k;
        if (!(skip_unused && row_step[row] == 0) && step_of_row(s, row) < from)
            from = step_of_row(s, row);
    }
    for (int64_t t = from + 1; t <= s->t; t++) {
        const tl_step step = tl_step_of(s, t, tl_slots_rate(s, t + s->offset));
        int32_t stale[BATCH];
        int64_t n_stale = 0;
        for (int64_t k = 0; k < n; k++) {
            const int64_t row = rows ? rows[k] : first + k;
            if ((skip_unused && row_step[row] == 0) || step_of_row(s, row) >= t)
                continue;
            stale[n_stale++] = rows ? rows[k] : (int32_t)k; /* counted from `first` */
            row_step[row] = t;
        }
        tl_step_rows(&step, rows ? 0 : first, n_stale, stale, NULL);
    }
}

void tl_slots_replay_rows(tl_slots *s, int64_t n, const int32_t *rows)
{
    if (!tl_slots_row_step(s) || s->all_step == s->t)
        return;
    for (int64_t k = 0; k < n; k += BATCH)
        replay_batch(s, n - k < BATCH ? n - k : BATCH, rows + k, 0);
}

static void replay_range(void *context, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row += BATCH)
        replay_batch(context, end - row < BATCH ? end - row : BATCH, NULL, row);
}

void tl_slots_replay(tl_slots *s)
{
    if (!tl_slots_row_step(s) || s->all_step == s->t)
        return;
    tl_parallel_for(s->companion.variable->shape.dim[0], BATCH, replay_range, s);
    s->all_step = s->t;
}
