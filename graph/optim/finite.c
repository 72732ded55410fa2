/* The search for values that are not finite, in gradients and in what an update would store. */
#include "graph/optim/finite.h"
#include "graph/backward/backward.h"
#include "graph/optim/update.h"
#include "lib/search.h"
#include "parallel.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

typedef struct search {
    const tl_real *x;
    const int32_t *rows; /* NULL: x is contiguous; otherwise the rows of x that are searched */
    int64_t width;       /* of a row */
    atomic_llong first;  /* index of the first value found so far that is not finite; n: none */
    _Atomic(tl_real) largest;
} search;

static void raise_largest(search *s, tl_real max)
{
    tl_real largest = atomic_load(&s->largest);
    while (max > largest && !atomic_compare_exchange_weak(&s->largest, &largest, max)) {
    }
}

/* Tests whole chunks first: a loop with an early exit does not vectorise. */
static void search_chunk(void *context, int64_t begin, int64_t end)
{
    search *s = context;
    bool minus_zero;
    const tl_real max = tl_kernel_table()->max_abs(end - begin, s->x + begin, &minus_zero);
    if (isfinite(max)) {
        raise_largest(s, max);
        return;
    }
    while (isfinite(s->x[begin]))
        begin++;
    long long first = atomic_load(&s->first);
    while (begin < first && !atomic_compare_exchange_weak(&s->first, &first, begin)) {
    }
}

/* Returns which weight of the pair's variable is the one at `at`, as in "w[row 5, 2]". */
static const char *weight_text(const tl_gradient *pair, int64_t at, char text[64])
{
    const int64_t width = pair->rows ? tl_row_width(pair->variable) : 1;
    if (pair->rows)
        snprintf(text, 64, "[row %lld, %lld]", (long long)(at / width), (long long)(at % width));
    else
        snprintf(text, 64, "[%lld]", (long long)at);
    return text;
}

/* Checks that a gradient is finite and stores its largest magnitude. TL_ERR_NUMERIC names the element. */
static tl_status check_gradient(const tl_gradient *pair, double *largest)
{
    const int64_t n = tl_gradient_size(pair);
    bool minus_zero;
    if (n <= TL_STEP_GRAIN) { /* without a search, whose parts cost more than they find in a small gradient */
        *largest = (double)tl_kernel_table()->max_abs(n, pair->values, &minus_zero);
        if (isfinite(*largest))
            return TL_OK;
    }
    search s = { .x = pair->values, .first = n };
    tl_parallel_for(n, TL_STEP_GRAIN, search_chunk, &s);
    const int64_t k = s.first;
    *largest = (double)s.largest;
    if (k == n)
        return TL_OK;
    const int64_t width = pair->rows ? tl_row_width(pair->variable) : 1,
                  at = pair->rows ? pair->rows[k / width] * width + k % width : k;
    char text[64];
    const double value = isnan(pair->values[k]) ? (double)NAN : (double)pair->values[k]; /* without a sign */
    return tl_fail(TL_ERR_NUMERIC, "the gradient of %s%s is %g", pair->variable->name,
                   weight_text(pair, at, text), value);
}

/* Rows that may be references are packed only if their bound does not prove them finite. */
tl_status tl_check_gradients(const tl_optimizer *o, const tl_gradients *g, bool *skip)
{
    *skip = false;
    for (int32_t i = 0; i < g->n; i++) {
        tl_gradient *pair = &g->pair[i];
        tl_slots *s = pair->values ? tl_slots_find(o, pair->variable) : NULL;
        if (!s || tl_slots_options(s)->non_finite == TL_NON_FINITE_PROPAGATE)
            continue;
        s->largest = tl_row_refs_bound(g->graph, pair);
        if (isfinite(s->largest))
            continue;
        tl_gradient_pack(g->graph, pair);
        if (check_gradient(pair, &s->largest) == TL_OK)
            continue;
        if (tl_slots_options(s)->non_finite == TL_NON_FINITE_ERROR)
            return TL_ERR_NUMERIC; /* takes precedence over skipping the step */
        *skip = true;
    }
    return TL_OK;
}

/* ---- Updates ---- */

static void search_magnitudes(void *context, int64_t begin, int64_t end)
{
    search *s = context;
    bool minus_zero;
    tl_real largest = s->rows ? 0 : tl_kernel_table()->max_abs(end - begin, s->x + begin, &minus_zero);
    for (int64_t k = begin; s->rows && k < end; k++) {
        const tl_real max = tl_kernel_table()->max_abs(s->width, s->x + s->rows[k] * s->width, &minus_zero);
        largest = max > largest || isnan(max) ? max : largest;
    }
    raise_largest(s, isnan(largest) ? (tl_real)INFINITY : largest);
}

/* Returns the largest magnitude among n rows of v, or among all its weights if `rows` is NULL: infinity if
 * one is not finite. */
static double largest_weight(tl_variable *v, int64_t n, const int32_t *rows)
{
    search s = { .x = v->data, .rows = rows, .width = tl_row_width(v) };
    tl_before_read(v, n, rows);
    if (rows)
        tl_parallel_for(n, 1 + TL_STEP_GRAIN / (s.width + 1), search_magnitudes, &s);
    else
        tl_parallel_for(v->size, TL_STEP_GRAIN, search_magnitudes, &s);
    return (double)s.largest;
}

/* Returns a bound on the terms of a step at this learning rate. */
static double bound_of_terms(const tl_optimizer *o, double rate, double g, double w)
{
    return o->class->largest_term ? o->class->largest_term(o->options, rate, g, w)
                                  : fmax(fmax(1, rate) * g, g * g);
}

/* Checks whether slots of this size may make large terms by themselves. A gradient of that size makes terms
 * at least as large: those of a mean of gradients, which is squared or divided by epsilon, for example. */
static bool is_large(const tl_slots *s, double slot)
{
    return !(slot < TL_SLOT_LIMIT && bound_of_terms(s->optimizer, TL_RATE_LIMIT, slot, 0) < TL_TERM_LIMIT);
}

static bool has_small_terms(const tl_slots *s, double rate, double g, double w)
{
    return bound_of_terms(s->optimizer, rate, g, w) < TL_TERM_LIMIT &&
           (s->n == 0 || bound_of_terms(s->optimizer, TL_RATE_LIMIT, g, w) < TL_TERM_LIMIT);
}

/* What a step does to weights, whatever its class. */
typedef struct decay {
    double rate, coupled; /* coupled: this times a weight is added to its gradient */
    double keep;          /* the factor of decoupled decay */
} decay;

static decay decay_of(const tl_slots *s)
{
    const tl_optimizer_options *own = tl_slots_options(s);
    decay d = { .rate = tl_slots_rate(s, s->optimizer->step + 1), .keep = 1 };
    if (own->decoupled)
        d.keep = fabs(1 - d.rate * own->weight_decay);
    else if (own->weight_decay > 0)
        d.coupled = own->weight_decay;
    return d;
}

/* Checks whether the options and the largest gradient prove that the update of the pair's weights stores
 * finite numbers. Reads them only where they go into the terms: under coupled weight decay, for example. */
static bool is_bounded(tl_slots *s, const tl_gradient *pair, double g)
{
    const decay d = decay_of(s);
    if (s->large || d.rate > TL_RATE_LIMIT)
        return false;
    double w = 0;
    if (d.coupled > 0 || d.keep > 1 || s->optimizer->class->bound_needs_weights)
        w = largest_weight(pair->variable, pair->n_rows, pair->rows);
    s->weights = fmax(s->weights, w);
    if (d.coupled > 0) /* 0 times an infinite weight is NaN, which fmax ignores */
        g += d.coupled * w;
    return has_small_terms(s, d.rate, g, w) && (d.keep <= 1 || d.keep * fmax(1, w) < TL_TERM_LIMIT);
}

/* Checks the same for the rows that an exact step does not name, whose gradient is 0. All weights are
 * searched only after somebody else may have written them: own steps change them slowly, or in rows that they
 * name. */
static bool others_are_bounded(tl_slots *s, const tl_gradient *pair)
{
    enum { GROWTH = 1 << 10 };
    if (!tl_update_reaches_others(s, pair))
        return true;
    const decay d = decay_of(s);
    if (s->large || d.rate > TL_RATE_LIMIT || d.keep > 1 || d.rate * d.coupled > 1)
        return false;
    if (d.coupled == 0 && !s->optimizer->class->bound_needs_weights)
        return true;
    if (!s->weights_known)
        s->weights = largest_weight(pair->variable, 0, NULL);
    s->weights_known = isfinite(s->weights) &&
                       (d.coupled == 0 ||
                        has_small_terms(s, d.rate, GROWTH * d.coupled * s->weights, s->weights));
    return s->weights_known;
}

/* Returns the gradient of weight `at` of the pair's variable. */
static double gradient_of(const tl_gradient *pair, int64_t at)
{
    if (!pair->rows)
        return (double)pair->values[at];
    const int64_t width = tl_row_width(pair->variable), row = at / width,
                  k = tl_lower_bound(pair->rows, 0, pair->n_rows, row);
    return k < pair->n_rows && pair->rows[k] == row ? (double)pair->values[k * width + at % width] : 0;
}

/* Tries an update that is not bounded. */
static tl_status try_update(const tl_graph *g, tl_gradient *pair, tl_slots *s, bool others, bool *skip)
{
    tl_gradient_pack(g, pair);
    const int64_t at = tl_try_update(s, pair, others, &s->largest);
    char text[64];
    if (at < 0)
        return TL_OK;
    if (tl_slots_options(s)->non_finite == TL_NON_FINITE_ERROR)
        return tl_fail(TL_ERR_NUMERIC, "the update of %s%s is not finite: its gradient is %g",
                       pair->variable->name, weight_text(pair, at, text), gradient_of(pair, at));
    *skip = true;
    return TL_OK;
}

/* Checks whether a slot of a row that the pair does not name may be large. The slots of all rows are searched
 * once in as many tried rows: so the search takes no longer than the trials. */
static bool others_are_large(tl_slots *s, const tl_gradient *pair)
{
    tl_variable *v = pair->variable;
    if (!s->large || !pair->rows)
        return false;
    s->tried += pair->n_rows;
    if (s->tried < v->shape.dim[0])
        return true;
    s->tried = 0;
    tl_before_read(v, 0, NULL);
    double largest = 0;
    for (int32_t i = 0; i < s->n; i++) {
        search all = { .x = tl_slots_array(s, i) };
        tl_parallel_for(v->size, TL_STEP_GRAIN, search_magnitudes, &all);
        largest = fmax(largest, (double)all.largest);
    }
    return is_large(s, largest);
}

tl_status tl_check_updates(const tl_optimizer *o, const tl_gradients *g, bool *skip)
{
    bool all_bounded = true;
    *skip = false;
    for (int32_t i = 0; i < g->n; i++) {
        tl_slots *s = g->pair[i].values ? tl_slots_find(o, g->pair[i].variable) : NULL;
        if (!s)
            continue;
        const bool propagates = tl_slots_options(s)->non_finite == TL_NON_FINITE_PROPAGATE;
        const bool bounded = !propagates && is_bounded(s, &g->pair[i], s->largest),
                   others = !propagates && !others_are_bounded(s, &g->pair[i]);
        if (bounded && !others) {
            s->largest = 0;
            continue;
        }
        all_bounded = false;
        if (propagates)
            s->largest = INFINITY; /* unknown */
        else if (try_update(g->graph, &g->pair[i], s, others, skip) != TL_OK)
            return TL_ERR_NUMERIC;
    }
    for (int32_t i = 0; i < g->n && !*skip && !all_bounded; i++)
        if (g->pair[i].values) {
            tl_slots *s = tl_slots_find(o, g->pair[i].variable);
            s->large = is_large(s, s->largest) || others_are_large(s, &g->pair[i]);
        }
    return TL_OK;
}

void tl_note_weights(tl_slots *s, const tl_gradient *pair)
{
    const tl_optimizer_options *own = tl_slots_options(s);
    if (s->weights_known && pair->rows && own->weight_decay > 0 && !own->decoupled)
        s->weights = fmax(s->weights, largest_weight(pair->variable, pair->n_rows, pair->rows));
}
