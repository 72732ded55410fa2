/* Splits variables of every kind into chunks of weights. A class's `update` sees only chunks, so that dense,
 * sparse, masked and row-sparse updates are computed by the same function. */
#include "graph/optim/step.h"
#include "lib/prefetch.h"
#include "lib/search.h"

#include <math.h>

enum { CHUNK = 256 }; /* weights; with their gradient and slots they fit in L1 */

static void prepare(const tl_slots *s, double learning_rate, int64_t t, tl_real *constant)
{
    if (s->optimizer->class->prepare)
        s->optimizer->class->prepare(s->optimizer->options, learning_rate, t, constant);
}

static tl_real decay_constant(const tl_optimizer_options *o, double learning_rate)
{
    return (tl_real)(o->decoupled ? 1 - learning_rate * o->weight_decay : o->weight_decay);
}

tl_step tl_step_of(const tl_slots *s, int64_t t, double learning_rate)
{
    const tl_optimizer *o = s->optimizer;
    tl_step c = {
        .s = s,
        .t = t,
        .learning_rate = learning_rate,
        .kernel = o->class->kernel ? o->class->kernel(o->options) : NULL,
    };
    prepare(s, learning_rate, t, c.constant);
    if (c.kernel)
        c.constant[TL_DECAY_CONSTANT] = decay_constant(tl_slots_options(s), learning_rate);
    return c;
}

bool tl_step_has_kernel(const tl_slots *s)
{
    const tl_optimizer_class *class = s->optimizer->class;
    return class->kernel && class->kernel(s->optimizer->options) && !s->companion.variable->pattern &&
           !tl_slots_age(s);
}

tl_decay tl_step_decay_of(const tl_slots *s)
{
    const tl_optimizer_options *o = tl_slots_options(s);
    return !(o->weight_decay > 0) ? TL_DECAY_NONE : o->decoupled ? TL_DECAY_DECOUPLED : TL_DECAY_COUPLED;
}

/* Updates one chunk, by the kernel or by the class. */
static void update_chunk(const tl_step *c, const tl_update *u)
{
    if (!c->kernel) {
        c->s->optimizer->class->update(u);
        return;
    }
    tl_update_args args = { .n = 1, .width = u->n, .g = &u->g, .w = u->w, .constant = u->constant };
    for (int32_t i = 0; i < c->s->n; i++)
        args.slot[i] = u->slot[i];
    c->kernel(&args);
}

/* Returns the length of the run of equal ages that starts at age[0], at most n. */
static int64_t same_age(const int32_t *age, int64_t n)
{
    int64_t k = 1;
    while (k < n && age[k] == age[0])
        k++;
    return k;
}

/* Updates n <= CHUNK weights at w with their slots and ages (or NULL), weight decay included. g is not
 * changed. */
static void update_with_options(const tl_step *c, int64_t n, tl_real *w, const tl_real *g,
                                tl_real *const *slot, int32_t *age)
{
    const tl_optimizer_options *o = tl_slots_options(c->s);
    tl_real decayed[CHUNK];
    if (o->weight_decay > 0 && o->decoupled) {
        const tl_real keep = decay_constant(o, c->learning_rate);
        for (int64_t k = 0; k < n; k++)
            w[k] *= keep;
    } else if (o->weight_decay > 0) {
        const tl_real decay = decay_constant(o, c->learning_rate);
        for (int64_t k = 0; k < n; k++)
            decayed[k] = g[k] + decay * w[k];
        g = decayed;
    }
    tl_real constant[TL_MAX_CONSTANTS] = { 0 };
    tl_update u = {
        .learning_rate = c->learning_rate,
        .t = c->t,
        .options = c->s->optimizer->options,
        .constant = c->constant,
    };
    for (int64_t k = 0; k < n; k += u.n) { /* once, or once per group of adjacent weights of equal age */
        u.n = age ? same_age(age + k, n - k) : n;
        if (age && o->per_weight_age && u.t != (int64_t)age[k] + 1) {
            u.t = (int64_t)age[k] + 1;
            prepare(c->s, c->learning_rate, u.t, constant);
            u.constant = constant;
        }
        if (age)
            for (int64_t i = 0; i < u.n; i++)
                age[k + i]++;
        u.w = w + k;
        u.g = g + k;
        for (int32_t i = 0; i < c->s->n; i++)
            u.slot[i] = slot[i] + k;
        update_chunk(c, &u);
    }
}

static const tl_real zeros[CHUNK];

/* Returns whether the class's update is the whole step: no weight decay, no ages. */
static bool is_plain(const tl_slots *s)
{
    return !(tl_slots_options(s)->weight_decay > 0) && !tl_slots_age(s);
}

/* Updates a range of a variable without a mask. */
static void update_contiguous(const tl_step *c, int64_t at, int64_t n, const tl_real *g)
{
    const tl_slots *s = c->s;
    if (is_plain(s) && (g || n <= CHUNK)) {
        tl_update u = {
            .n = n,
            .w = s->companion.variable->data + at,
            .g = g ? g : zeros,
            .learning_rate = c->learning_rate,
            .t = c->t,
            .options = s->optimizer->options,
            .constant = c->constant,
        };
        for (int32_t i = 0; i < s->n; i++)
            u.slot[i] = tl_slots_array(s, i) + at;
        update_chunk(c, &u);
        return;
    }
    for (int64_t k = 0; k < n; k += CHUNK) {
        tl_real *slot[TL_MAX_SLOTS];
        for (int32_t i = 0; i < s->n; i++)
            slot[i] = tl_slots_array(s, i) + at + k;
        update_with_options(c, n - k < CHUNK ? n - k : CHUNK, s->companion.variable->data + at + k,
                            g ? g + k : zeros, slot, tl_slots_age(s) ? tl_slots_age(s) + at + k : NULL);
    }
}

/* Weights that are not adjacent, to be updated as one chunk. */
typedef struct gather {
    int64_t n, at[CHUNK];
    tl_real g[CHUNK];
} gather;

/* The weights, slots and ages at these places. */
typedef struct gathered {
    tl_real w[CHUNK], slot[TL_MAX_SLOTS][CHUNK];
    int32_t age[CHUNK];
} gathered;

/* Computes what the step stores there. */
static void step_gathered(const tl_step *c, const gather *from, gathered *to)
{
    const tl_slots *s = c->s;
    const tl_real *data = s->companion.variable->data;
    const int32_t *ages = tl_slots_age(s);
    tl_real *slot[TL_MAX_SLOTS];
    for (int64_t k = 0; k < from->n; k++)
        to->w[k] = data[from->at[k]];
    if (ages)
        for (int64_t k = 0; k < from->n; k++)
            to->age[k] = ages[from->at[k]];
    for (int32_t i = 0; i < s->n; i++) {
        slot[i] = to->slot[i];
        for (int64_t k = 0; k < from->n; k++)
            slot[i][k] = tl_slots_array(s, i)[from->at[k]];
    }
    update_with_options(c, from->n, to->w, from->g, slot, ages ? to->age : NULL);
}

static void update_gathered(const tl_step *c, const gather *from)
{
    const tl_slots *s = c->s;
    tl_real *data = s->companion.variable->data;
    int32_t *ages = tl_slots_age(s);
    gathered to;
    step_gathered(c, from, &to);
    for (int64_t k = 0; k < from->n; k++)
        data[from->at[k]] = to.w[k];
    if (ages)
        for (int64_t k = 0; k < from->n; k++)
            ages[from->at[k]] = to.age[k];
    for (int32_t i = 0; i < s->n; i++)
        for (int64_t k = 0; k < from->n; k++)
            tl_slots_array(s, i)[from->at[k]] = to.slot[i][k];
}

static void try_gathered(const tl_step *c, const gather *from, tl_trial *trial)
{
    const tl_real *data = c->s->companion.variable->data;
    gathered to;
    step_gathered(c, from, &to);
    for (int64_t k = 0; k < from->n; k++) {
        bool finite = isfinite(to.w[k]) || !isfinite(data[from->at[k]]);
        for (int32_t i = 0; i < c->s->n; i++) {
            const tl_real size = to.slot[i][k] < 0 ? -to.slot[i][k] : to.slot[i][k];
            finite = finite && isfinite(size);
            trial->largest = size > trial->largest ? size : trial->largest;
        }
        if (!finite && trial->first < 0)
            trial->first = from->at[k];
    }
}

/* trial = NULL: updates the weights. */
static void step_full_gather(const tl_step *c, gather *from, tl_trial *trial)
{
    if (trial)
        try_gathered(c, from, trial);
    else
        update_gathered(c, from);
    from->n = 0;
}

/* Updates or tries a range of a masked variable: no weight, moment or age off the mask is read or written. */
static void step_masked(const tl_step *c, int64_t at, int64_t n, const tl_real *g, tl_trial *trial)
{
    const tl_csr keep = tl_pattern_csr(c->s->companion.variable->pattern);
    gather list = { .n = 0 };
    if (n == 0)
        return;
    for (int64_t i = at / keep.cols; i * keep.cols < at + n; i++)
        for (int64_t e = tl_lower_bound(keep.col, keep.row_ptr[i], keep.row_ptr[i + 1], at - i * keep.cols);
             e < keep.row_ptr[i + 1] && i * keep.cols + keep.col[e] < at + n; e++) {
            const int64_t cell = i * keep.cols + keep.col[e];
            list.at[list.n] = cell;
            list.g[list.n++] = g ? g[cell - at] : 0;
            if (list.n == CHUNK)
                step_full_gather(c, &list, trial);
        }
    step_full_gather(c, &list, trial);
}

static bool is_masked(const tl_variable *v)
{
    return v->pattern && !v->sparse;
}

void tl_step_try(const tl_step *c, int64_t at, int64_t n, const tl_real *g, tl_trial *trial)
{
    gather all = { .n = 0 };
    if (is_masked(c->s->companion.variable)) {
        step_masked(c, at, n, g, trial);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        all.at[all.n] = at + k;
        all.g[all.n++] = g ? g[k] : 0;
        if (all.n == CHUNK)
            step_full_gather(c, &all, trial);
    }
    step_full_gather(c, &all, trial);
}

void tl_step_range(const tl_step *c, int64_t at, int64_t n, const tl_real *g)
{
    if (is_masked(c->s->companion.variable))
        step_masked(c, at, n, g, NULL);
    else
        update_contiguous(c, at, n, g);
}

void tl_step_prefetch_row(const tl_slots *s, int64_t row, int64_t width)
{
    enum { LONGEST = 512 };
    tl_prefetch_row(s->companion.variable->data + row * width, width, LONGEST, true);
    for (int32_t i = 0; i < s->n; i++)
        tl_prefetch_row(tl_slots_array(s, i) + row * width, width, LONGEST, true);
}

void tl_step_rows(const tl_step *c, int64_t first, int64_t n, const int32_t *rows, const tl_real *const *g)
{
    enum { PREFETCH_DISTANCE = 6 };
    const tl_slots *s = c->s;
    const int64_t width = tl_row_width(s->companion.variable);
    const tl_real *zero_rows[TL_MAX_STEP_ROWS];
    if (!g)
        for (int64_t k = 0; k < n; k++)
            zero_rows[k] = zeros;
    if (c->kernel && is_plain(s) && !s->companion.variable->pattern && (g || width <= CHUNK)) {
        tl_update_args args = {
            .n = n,
            .width = width,
            .row = rows,
            .g = g ? g : zero_rows,
            .w = s->companion.variable->data + first * width,
            .constant = c->constant,
        };
        for (int32_t i = 0; i < s->n; i++)
            args.slot[i] = tl_slots_array(s, i) + first * width;
        c->kernel(&args);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        if (k + PREFETCH_DISTANCE < n)
            tl_step_prefetch_row(s, first + rows[k + PREFETCH_DISTANCE], width);
        tl_step_range(c, (first + rows[k]) * width, width, g ? g[k] : NULL);
    }
}
