/* TL_ROWS_EXACT: a row that a step leaves out is brought up to date when somebody is about to read it, by
 * running the steps that it missed, with a gradient of 0, through the very function that a dense gradient
 * goes through. */
#include "graph/optim/update.h"

#include "parallel.h"

int64_t tl_row_width(const tl_variable *v)
{
    return v->shape.rank > 0 && v->shape.dim[0] > 0 ? v->size / v->shape.dim[0] : 0;
}

tl_zero_grad tl_slots_zero_grad(const tl_slots *s)
{
    const tl_optimizer_options *o = tl_slots_options(s);
    return o->weight_decay > 0 || o->per_weight_age ? TL_ZERO_GRAD_CHANGES : s->optimizer->class->zero_grad;
}

static int64_t current_t(const tl_slots *s, int64_t row)
{
    return s->row_t[row] > s->current_t ? s->row_t[row] : s->current_t;
}

enum { BATCH = 16 }; /* rows whose weights and slots stay in L1 while the steps go by */

/* Rows rows[0 .. n-1], or first .. first+n-1, BATCH at most: step by step, so that what all rows of a step
 * share is computed once. */
static void catch_up(tl_slots *s, int64_t n, const int32_t *rows, int64_t first)
{
    const bool skip_fresh = !s->swept && tl_slots_zero_grad(s) == TL_ZERO_GRAD_NOOP_AT_START;
    int64_t from = s->t;
    for (int64_t k = 0; k < n; k++) {
        const int64_t row = rows ? rows[k] : first + k;
        if (!(skip_fresh && s->row_t[row] == 0) && current_t(s, row) < from)
            from = current_t(s, row);
    }
    for (int64_t t = from + 1; t <= s->t; t++) {
        const tl_step step = tl_step_of(s, t, tl_slots_rate(s, t + s->offset));
        int32_t behind[BATCH];
        int64_t n_behind = 0;
        for (int64_t k = 0; k < n; k++) {
            const int64_t row = rows ? rows[k] : first + k;
            if ((skip_fresh && s->row_t[row] == 0) || current_t(s, row) >= t)
                continue;
            behind[n_behind++] = rows ? rows[k] : (int32_t)k;
            s->row_t[row] = t;
        }
        tl_update_rows(&step, rows ? 0 : first, n_behind, behind, NULL);
    }
}

void tl_slots_catch_up_rows(tl_slots *s, int64_t n, const int32_t *rows)
{
    for (int64_t k = 0; s->row_t && s->current_t < s->t && k < n; k += BATCH)
        catch_up(s, n - k < BATCH ? n - k : BATCH, rows + k, 0);
}

static void catch_up_range(void *context, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row += BATCH)
        catch_up(context, end - row < BATCH ? end - row : BATCH, NULL, row);
}

void tl_slots_catch_up(tl_slots *s)
{
    if (!s->row_t || s->current_t == s->t)
        return;
    tl_parallel_for(s->variable->shape.dim[0], BATCH, catch_up_range, s);
    s->current_t = s->t;
}

/* Whether a lock is needed at all; what it reads changes only where nobody else may use the variable. */
static bool may_lag(const tl_variable *v)
{
    const tl_slots *s = v->slots;
    while (s && !s->row_t)
        s = s->next_of_variable;
    return s != NULL;
}

void tl_catch_up_rows(tl_variable *v, int64_t n, const int32_t *rows)
{
    if (!may_lag(v))
        return;
    pthread_mutex_lock(&v->lock);
    for (tl_slots *s = v->slots; s; s = s->next_of_variable)
        tl_slots_catch_up_rows(s, n, rows);
    pthread_mutex_unlock(&v->lock);
}

void tl_catch_up(tl_variable *v)
{
    if (!may_lag(v))
        return;
    pthread_mutex_lock(&v->lock);
    for (tl_slots *s = v->slots; s; s = s->next_of_variable)
        tl_slots_catch_up(s);
    pthread_mutex_unlock(&v->lock);
}
