/* A step with a whole gradient of any kind. */
#include "graph/optim/update.h"
#include "graph/optim/replay.h"

#include "parallel.h"

typedef struct job {
    tl_step step;
    tl_slots *s;
    const tl_gradient *pair;
    const tl_real *const *row_refs; /* the rows of the gradient, or NULL: the pair's values */
    int64_t width;
    bool exact; /* row-sparse, and the rows that are left out will be brought up to date */
} job;

static void update_values(void *context, int64_t begin, int64_t end)
{
    const job *w = context;
    tl_step_range(&w->step, begin, end - begin, w->pair->values + begin);
}

static void update_rows(void *context, int64_t begin, int64_t end)
{
    const job *w = context;
    for (int64_t k = begin; k < end; k += TL_MAX_STEP_ROWS) {
        const int64_t n = end - k < TL_MAX_STEP_ROWS ? end - k : TL_MAX_STEP_ROWS;
        const int32_t *rows = w->pair->rows + k;
        const tl_real *g[TL_MAX_STEP_ROWS];
        for (int64_t i = 0; i < n; i++)
            g[i] = w->row_refs ? w->row_refs[k + i] : w->pair->values + (k + i) * w->width;
        if (w->exact)
            tl_slots_replay_rows(w->s, n, rows);
        tl_step_rows(&w->step, 0, n, rows, g);
        for (int64_t i = 0; w->exact && i < n; i++)
            tl_slots_row_step(w->s)[rows[i]] = w->step.t;
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

void tl_update_variable(tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs)
{
    tl_variable *v = s->companion.variable;
    const int64_t step = s->optimizer->step + 1, offset = step - (s->t + 1);
    job w = { .step = tl_step_of(s, s->t + 1, tl_slots_rate(s, step)),
              .s = s,
              .pair = pair,
              .row_refs = row_refs,
              .width = tl_row_width(v) };
    w.exact = pair->rows && tl_slots_row_step(s) && tl_slots_options(s)->rows == TL_ROWS_EXACT;
    replay_pending(s, pair->rows != NULL, offset);
    if (pair->rows)
        tl_parallel_for(pair->n_rows, 1 + TL_STEP_GRAIN / (w.width + 1), update_rows, &w);
    else
        tl_parallel_for(v->size, TL_STEP_GRAIN, update_values, &w);
    s->t++;
    s->offset = offset;
    if (!w.exact) {
        s->all_step = s->t; /* those that a lazy or idle step left out are current, too */
        s->dense_step_seen = true;
    }
}
