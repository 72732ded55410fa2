/* A step of one variable, with a dense or a row-sparse gradient. */
#include "graph/optim/update.h"
#include "graph/optim/past.h"
#include "graph/optim/replay.h"
#include "graph/optim/sweep.h"

#include "parallel.h"

typedef struct job {
    tl_step step;
    tl_slots *s;
    const tl_gradient *pair;
    const tl_real *const *row_refs; /* the rows of the gradient, or NULL: the pair's values */
    int64_t width, offset;          /* offset: as in tl_slots, after the step */
    bool exact;                     /* row-sparse, and the step will be replayed for the rows that it skips */
} job;

static void update_values(void *context, int64_t begin, int64_t end)
{
    const job *j = context;
    tl_step_range(&j->step, begin, end - begin, j->pair->values + begin);
}

static void update_rows(void *context, int64_t begin, int64_t end)
{
    const job *j = context;
    for (int64_t k = begin; k < end; k += TL_MAX_STEP_ROWS) {
        const int64_t n = end - k < TL_MAX_STEP_ROWS ? end - k : TL_MAX_STEP_ROWS;
        const int32_t *rows = j->pair->rows + k;
        const tl_real *g[TL_MAX_STEP_ROWS];
        for (int64_t i = 0; i < n; i++)
            g[i] = j->row_refs ? j->row_refs[k + i] : j->pair->values + (k + i) * j->width;
        if (j->exact)
            tl_slots_replay_rows(j->s, n, rows, false); /* by several threads */
        tl_step_rows(&j->step, 0, n, rows, g);
        if (j->exact)
            for (int64_t i = 0; i < n; i++)
                tl_slots_row_step(j->s)[rows[i]] = j->step.t;
    }
}

/* Replays pending steps first: those of other optimizers, and this one's if it now touches every row or the
 * step number that the schedule sees has jumped. */
static void replay_pending(tl_slots *s, bool row_sparse, int64_t offset)
{
    tl_before_write(s->companion.variable, &s->companion);
    if (!row_sparse || (s->optimizer->schedule && s->offset != offset))
        tl_slots_replay(s);
}

/* Prepares the step that follows the last one, and makes everything that is pending before it. Fills *j, as
 * a copy of a returned value would stall: its wide loads follow the narrow stores of the parts. */
static void prepare_step(job *j, tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs)
{
    const int64_t step = s->optimizer->step + 1;
    j->step = tl_step_of(s, s->t + 1, tl_slots_rate(s, step));
    j->s = s;
    j->pair = pair;
    j->row_refs = row_refs;
    j->width = tl_row_width(s->companion.variable);
    j->offset = step - (s->t + 1);
    j->exact = tl_update_reaches_others(s, pair);
    replay_pending(s, pair->rows != NULL, j->offset);
}

bool tl_update_reaches_others(const tl_slots *s, const tl_gradient *pair)
{
    return pair->rows && tl_slots_row_step(s) && tl_slots_options(s)->rows == TL_ROWS_EXACT &&
           tl_slots_zero_grad(s) != TL_ZERO_GRAD_NOOP;
}

/* Tries rows begin .. end-1 with gradients of 0. */
static void try_zeros(const job *j, int64_t begin, int64_t end, tl_trial *trial)
{
    if (j->exact && trial->first < 0)
        tl_step_try(&j->step, begin * j->width, (end - begin) * j->width, NULL, trial);
}

int64_t tl_try_update(tl_slots *s, const tl_gradient *pair, bool others, double *largest)
{
    job j;
    prepare_step(&j, s, pair, NULL);
    tl_trial trial = { .first = -1 };
    int64_t next = 0; /* row that has not been tried */
    if (!pair->rows)
        tl_step_try(&j.step, 0, pair->variable->size, pair->values, &trial);
    if (others)
        tl_slots_replay(s);
    for (int64_t k = 0; pair->rows && k < pair->n_rows && trial.first < 0; k++) {
        const int64_t row = pair->rows[k];
        if (j.exact)
            tl_slots_replay_rows(s, 1, pair->rows + k, true);
        if (others)
            try_zeros(&j, next, row, &trial);
        if (trial.first < 0)
            tl_step_try(&j.step, row * j.width, j.width, pair->values + k * j.width, &trial);
        next = row + 1;
    }
    if (others)
        try_zeros(&j, next, pair->variable->shape.dim[0], &trial);
    *largest = (double)trial.largest;
    return trial.first;
}

/* Nothing is pending before the sweep or after it. The steps of the named rows are still recorded, for the
 * next choice between a sweep and replay. */
static void sweep_table(job *j)
{
    tl_sweep(&j->step, j->pair, j->row_refs);
    for (int64_t k = 0; k < j->pair->n_rows; k++)
        tl_slots_row_step(j->s)[j->pair->rows[k]] = j->step.t;
}

void tl_update_variable(tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs)
{
    job j;
    prepare_step(&j, s, pair, row_refs);
    const bool sweep = j.exact && tl_sweep_pays(s, pair) && tl_sweep_prepare(s);
    if (sweep)
        sweep_table(&j);
    else if (pair->rows)
        tl_parallel_for(pair->n_rows, 1 + TL_STEP_GRAIN / (j.width + 1), update_rows, &j);
    else
        tl_parallel_for(pair->variable->size, TL_STEP_GRAIN, update_values, &j);
    s->t++;
    s->offset = j.offset;
    s->gaps = s->longest = 0;
    if (j.exact && !sweep) {
        tl_past_keep(s, &j.step);
        return;
    }
    s->all_step = s->t; /* rows that were skipped need no replay: the step was lazy or a no-op for them */
    s->dense_step_seen |= !j.exact || tl_slots_zero_grad(s) == TL_ZERO_GRAD_CHANGES;
}
