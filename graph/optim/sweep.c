/* Whether a step sweeps, and the sweep: threads share the table by rows. */
#include "graph/optim/sweep.h"
#include "graph/optim/replay.h"
#include "lib/search.h"

#include "parallel.h"

#include <string.h>

/* ---- What costs less ---- */

/* The unit is a step of one vector. A row that is named costs TOUCH more than its own steps: it is looked
 * for, copied and written twice. A table beyond the caches waits for memory in a sweep, but not in
 * replay. */
enum { LANES = 16, TOUCH = 4, NARROW = 64, CACHED = 1 << 21 };

/* The steps that replay would have made since these rows were last named, by rows that share vectors. */
static int64_t replay_cost(const tl_slots *s, const tl_gradient *pair, int64_t width)
{
    const int64_t *row_step = tl_slots_row_step(s);
    int64_t gaps = s->gaps, longest = s->longest;
    for (int64_t k = 0; k < pair->n_rows; k++) {
        const int64_t last = row_step[pair->rows[k]], gap = last > 0 ? s->t - last : 0;
        gaps += gap;
        longest = gap > longest ? gap : longest;
    }
    return gaps * width / LANES + (width < NARROW ? longest : 0);
}

/* A table with sweeps in some steps and none in others pays for both: the next sweep first replays all rows.
 * Where both ways cost about the same, the choice must therefore last: it is made by the average of recent
 * steps, and what counts as cheaper depends on the last choice. */
bool tl_sweep_pays(tl_slots *s, const tl_gradient *pair)
{
    enum { STEPS = 8 };
    const tl_variable *v = s->companion.variable;
    const int64_t width = tl_row_width(v), sweep = v->size / LANES + 1,
                  touched = pair->n_rows * (TOUCH + width / LANES / 2),
                  once = v->size > CACHED ? 2 * sweep : sweep,
                  allowed = s->all_step == s->t ? once - once / 4 : once + once / 8;
    if (width == 0)
        return false;
    s->cost += (replay_cost(s, pair, width) - s->cost) / STEPS;
    return touched > allowed || touched + s->cost > allowed;
}

bool tl_sweep_prepare(tl_slots *s)
{
    enum { MOST = 1 << 25 }; /* steps of vectors in one step */
    return tl_slots_replay_some(s, (int64_t)MOST * LANES / tl_row_width(s->companion.variable));
}

/* ---- The sweep ---- */

typedef struct job {
    const tl_step *step;
    const tl_gradient *pair;
    const tl_real *const *row_refs;
    int64_t width;
} job;

static const tl_real *gradient_of(const job *j, int64_t k)
{
    return j->row_refs ? j->row_refs[k] : j->pair->values + k * j->width;
}

enum { BLOCK = 1024 }; /* values whose gradient is gathered: with their slots they stay in L1 */

/* Updates rows begin .. end-1, of at most BLOCK values, of which named rows k .. last-1 are part. g: zeros,
 * which they are again afterwards. */
static void sweep_block(const job *j, int64_t begin, int64_t end, int64_t k, int64_t last, tl_real *g)
{
    const size_t bytes = (size_t)j->width * sizeof *g;
    for (int64_t i = k; i < last; i++)
        memcpy(g + (j->pair->rows[i] - begin) * j->width, gradient_of(j, i), bytes);
    tl_step_range(j->step, begin * j->width, (end - begin) * j->width, g);
    for (int64_t i = k; i < last; i++)
        memset(g + (j->pair->rows[i] - begin) * j->width, 0, bytes);
}

/* The same for rows of any length: named ones and those between them are runs of their own. */
static void sweep_runs(const job *j, int64_t begin, int64_t end, int64_t k, int64_t last)
{
    for (; k < last; begin = j->pair->rows[k++] + 1) {
        const int64_t row = j->pair->rows[k];
        tl_step_range(j->step, begin * j->width, (row - begin) * j->width, NULL);
        tl_step_range(j->step, row * j->width, j->width, gradient_of(j, k));
    }
    tl_step_range(j->step, begin * j->width, (end - begin) * j->width, NULL);
}

static void sweep_rows(void *context, int64_t begin, int64_t end)
{
    const job *j = context;
    int64_t k = tl_lower_bound(j->pair->rows, 0, j->pair->n_rows, begin);
    if (j->width > BLOCK / 4) {
        sweep_runs(j, begin, end, k, tl_lower_bound(j->pair->rows, k, j->pair->n_rows, end));
        return;
    }
    tl_real g[BLOCK] = { 0 };
    for (int64_t to; begin < end; begin = to) {
        to = end - begin < BLOCK / j->width ? end : begin + BLOCK / j->width;
        int64_t last = k;
        while (last < j->pair->n_rows && j->pair->rows[last] < to)
            last++;
        sweep_block(j, begin, to, k, last, g);
        k = last;
    }
}

void tl_sweep(const tl_step *step, const tl_gradient *pair, const tl_real *const *row_refs)
{
    const tl_variable *v = step->s->companion.variable;
    job j = { .step = step, .pair = pair, .row_refs = row_refs, .width = tl_row_width(v) };
    tl_parallel_for(v->shape.dim[0], 1 + TL_STEP_GRAIN / (j.width + 1), sweep_rows, &j);
}
