/* From gradients of every kind to runs of weights: the one place that knows both. A class's `update` sees
 * runs and nothing else, so that dense, sparse, masked and row-sparse variables are updated by the same
 * function. */
#include "graph/optim/update.h"

#include "parallel.h"

enum { RUN = 256 }; /* weights, with gradient and slots well within L1 */

static void prepare(const tl_slots *s, double learning_rate, int64_t t, tl_real *constant)
{
    if (s->optimizer->class->prepare)
        s->optimizer->class->prepare(s->optimizer->options, learning_rate, t, constant);
}

tl_step tl_step_of(const tl_slots *s, int64_t t, double learning_rate)
{
    const tl_optimizer *o = s->optimizer;
    tl_step c = { .s = s,
                  .t = t,
                  .learning_rate = learning_rate,
                  .kernel = o->class->kernel ? o->class->kernel(o->options) : NULL };
    prepare(s, learning_rate, t, c.constant);
    return c;
}

/* One run, by the kernel or by the class. */
static void update_once(const tl_step *c, const tl_update *u)
{
    if (!c->kernel) {
        c->s->optimizer->class->update(u);
        return;
    }
    tl_update_args run = { .n = 1, .width = u->n, .g = &u->g, .w = u->w, .constant = u->constant };
    for (int32_t i = 0; i < c->s->n; i++)
        run.slot[i] = u->slot[i];
    c->kernel(&run);
}

/* n weights at w with their slots at slot[] and their ages, or NULL; g is left as it is. */
static void update_run(const tl_step *c, int64_t n, tl_real *w, const tl_real *g, tl_real *const *slot,
                       int32_t *age)
{
    const tl_optimizer_options *o = tl_slots_options(c->s);
    tl_real decayed[RUN];
    if (o->weight_decay > 0 && o->decoupled) {
        const tl_real keep = (tl_real)(1 - c->learning_rate * o->weight_decay);
        for (int64_t k = 0; k < n; k++)
            w[k] *= keep;
    } else if (o->weight_decay > 0) {
        const tl_real decay = (tl_real)o->weight_decay;
        for (int64_t k = 0; k < n; k++)
            decayed[k] = g[k] + decay * w[k];
        g = decayed;
    }
    tl_real constant[TL_MAX_CONSTANTS] = { 0 };
    tl_update u = { .n = n,
                    .learning_rate = c->learning_rate,
                    .t = c->t,
                    .options = c->s->optimizer->options,
                    .constant = c->constant };
    for (int64_t k = 0; k < n; k += u.n) { /* one turn, or one for each stretch of weights of the same age */
        for (u.n = age ? 1 : n; k + u.n < n && age[k + u.n] == age[k];)
            u.n++;
        if (age && o->per_weight_age && u.t != (int64_t)age[k] + 1) {
            u.t = (int64_t)age[k] + 1;
            prepare(c->s, c->learning_rate, u.t, constant);
            u.constant = constant;
        }
        for (int64_t i = 0; age && i < u.n; i++)
            age[k + i]++;
        u.w = w + k, u.g = g + k;
        for (int32_t i = 0; i < c->s->n; i++)
            u.slot[i] = slot[i] + k;
        update_once(c, &u);
    }
}

static const tl_real zeros[RUN];

/* Whether the class alone makes the step: without decay and ages. */
static bool is_plain(const tl_slots *s)
{
    return !(tl_slots_options(s)->weight_decay > 0) && !s->age;
}

/* A range of a variable without a mask: its weights lie together. */
static void update_together(const tl_step *c, int64_t at, int64_t n, const tl_real *g)
{
    const tl_slots *s = c->s;
    if (is_plain(s) && (g || n <= RUN)) {
        tl_update u = { .n = n,
                        .w = s->variable->data + at,
                        .g = g ? g : zeros,
                        .learning_rate = c->learning_rate,
                        .t = c->t,
                        .options = s->optimizer->options,
                        .constant = c->constant };
        for (int32_t i = 0; i < s->n; i++)
            u.slot[i] = s->slot[i] + at;
        update_once(c, &u);
        return;
    }
    for (int64_t k = 0; k < n; k += RUN) {
        tl_real *slot[TL_MAX_SLOTS];
        for (int32_t i = 0; i < s->n; i++)
            slot[i] = s->slot[i] + at + k;
        update_run(c, n - k < RUN ? n - k : RUN, s->variable->data + at + k, g ? g + k : zeros, slot,
                   s->age ? s->age + at + k : NULL);
    }
}

/* Weights that lie row_refs, brought together. */
typedef struct gathered {
    int64_t n, at[RUN];
    tl_real g[RUN];
} gathered;

static void flush(const tl_step *c, gathered *run)
{
    const tl_slots *s = c->s;
    tl_real w[RUN], slots[TL_MAX_SLOTS][RUN], *slot[TL_MAX_SLOTS], *data = s->variable->data;
    int32_t age[RUN];
    for (int64_t k = 0; k < run->n; k++)
        w[k] = data[run->at[k]];
    for (int64_t k = 0; s->age && k < run->n; k++)
        age[k] = s->age[run->at[k]];
    for (int32_t i = 0; i < s->n; i++) {
        slot[i] = slots[i];
        for (int64_t k = 0; k < run->n; k++)
            slot[i][k] = s->slot[i][run->at[k]];
    }
    update_run(c, run->n, w, run->g, slot, s->age ? age : NULL);
    for (int64_t k = 0; k < run->n; k++)
        data[run->at[k]] = w[k];
    for (int64_t k = 0; s->age && k < run->n; k++)
        s->age[run->at[k]] = age[k];
    for (int32_t i = 0; i < s->n; i++)
        for (int64_t k = 0; k < run->n; k++)
            s->slot[i][run->at[k]] = slot[i][k];
    run->n = 0;
}

/* The first of entries low .. high-1 whose column is not below `col`. */
static int64_t first_entry(const int32_t *cols, int64_t low, int64_t high, int64_t col)
{
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (cols[middle] < col)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A range of a masked variable: no weight off the mask is read or written. */
static void update_kept(const tl_step *c, int64_t at, int64_t n, const tl_real *g)
{
    const tl_pattern *keep = c->s->variable->pattern;
    const int64_t *row_ptr = tl_pattern_row_ptr(keep), cols = tl_pattern_cols(keep);
    const int32_t *col = tl_pattern_col(keep);
    gathered run = { .n = 0 };
    for (int64_t i = n > 0 ? at / cols : 0; n > 0 && i * cols < at + n; i++)
        for (int64_t e = first_entry(col, row_ptr[i], row_ptr[i + 1], at - i * cols);
             e < row_ptr[i + 1] && i * cols + col[e] < at + n; e++) {
            int64_t place = i * cols + col[e];
            run.at[run.n] = place;
            run.g[run.n++] = g ? g[place - at] : 0;
            if (run.n == RUN)
                flush(c, &run);
        }
    flush(c, &run);
}

void tl_update_range(const tl_step *c, int64_t at, int64_t n, const tl_real *g)
{
    const tl_variable *v = c->s->variable;
    if (v->pattern && !v->sparse)
        update_kept(c, at, n, g);
    else
        update_together(c, at, n, g);
}

/* Rows of a table are where no prefetcher of a chip expects them. (Kernels see to theirs.) */
static void foresee_row(const tl_slots *s, int64_t row, int64_t width)
{
    enum { MOST = 512, LINE = 64 / sizeof(tl_real) };
    const int64_t at = row * width, end = at + (width < MOST ? width : MOST);
    for (int64_t k = at; k < end; k += LINE) {
        __builtin_prefetch(s->variable->data + k, 1);
        for (int32_t i = 0; i < s->n; i++)
            __builtin_prefetch(s->slot[i] + k, 1);
    }
}

void tl_update_rows(const tl_step *c, int64_t first, int64_t n, const int32_t *rows, const tl_real *const *g)
{
    enum { AHEAD = 6 };
    const tl_slots *s = c->s;
    const int64_t width = tl_row_width(s->variable);
    const tl_real *none[TL_MOST_ROWS];
    for (int64_t k = 0; !g && k < n; k++)
        none[k] = zeros;
    if (c->kernel && is_plain(s) && !s->variable->pattern && (g || width <= RUN)) {
        tl_update_args runs = { .n = n,
                                .width = width,
                                .row = rows,
                                .g = g ? g : none,
                                .w = s->variable->data + first * width,
                                .constant = c->constant };
        for (int32_t i = 0; i < s->n; i++)
            runs.slot[i] = s->slot[i] + first * width;
        c->kernel(&runs);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        if (k + AHEAD < n)
            foresee_row(s, first + rows[k + AHEAD], width);
        tl_update_range(c, (first + rows[k]) * width, width, g ? g[k] : NULL);
    }
}

/* ---- A whole gradient ---- */

typedef struct work {
    tl_step step;
    tl_slots *s;
    const tl_gradient *pair;
    const tl_real *const *row_refs; /* the rows of the gradient, or NULL: the pair's values */
    int64_t width;
    bool exact; /* row-sparse, and the rows that are left out will be brought up to date */
} work;

static void update_values(void *context, int64_t begin, int64_t end)
{
    const work *w = context;
    tl_update_range(&w->step, begin, end - begin, w->pair->values + begin);
}

static void update_rows(void *context, int64_t begin, int64_t end)
{
    const work *w = context;
    for (int64_t k = begin; k < end; k += TL_MOST_ROWS) {
        const int64_t n = end - k < TL_MOST_ROWS ? end - k : TL_MOST_ROWS;
        const int32_t *rows = w->pair->rows + k;
        const tl_real *g[TL_MOST_ROWS];
        for (int64_t i = 0; i < n; i++)
            g[i] = w->row_refs ? w->row_refs[k + i] : w->pair->values + (k + i) * w->width;
        if (w->exact)
            tl_slots_catch_up_rows(w->s, n, rows);
        tl_update_rows(&w->step, 0, n, rows, g);
        for (int64_t i = 0; w->exact && i < n; i++)
            w->s->row_t[rows[i]] = w->step.t;
    }
}

/* The steps that rows still lag behind by, where the coming step could not follow them: those of other
 * optimizers, and its own where the step reaches every row or the steps' numbering for the schedule has
 * jumped. */
static void settle(tl_slots *s, bool by_rows, int64_t offset)
{
    for (tl_slots *other = s->variable->slots; other; other = other->next_of_variable)
        if (other != s || !by_rows || (s->optimizer->schedule && s->offset != offset))
            tl_slots_catch_up(other);
}

void tl_update_variable(tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs)
{
    tl_variable *v = s->variable;
    const int64_t step = s->optimizer->step + 1, offset = step - (s->t + 1);
    work w = { .step = tl_step_of(s, s->t + 1, tl_slots_rate(s, step)),
               .s = s,
               .pair = pair,
               .row_refs = row_refs,
               .width = tl_row_width(v) };
    w.exact = pair->rows && s->row_t && tl_slots_options(s)->rows == TL_ROWS_EXACT;
    settle(s, pair->rows != NULL, offset);
    if (pair->rows)
        tl_parallel_for(pair->n_rows, 1 + TL_UPDATE_PIECE / (w.width + 1), update_rows, &w);
    else
        tl_parallel_for(v->size, TL_UPDATE_PIECE, update_values, &w);
    s->t++;
    s->offset = offset;
    if (!w.exact) {
        s->current_t = s->t; /* those that a lazy or idle step left out are current, too */
        s->swept = true;
    }
}
