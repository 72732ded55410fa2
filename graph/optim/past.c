/* A table remembers the constants of as many steps as it has values, 4096 at least and 131072 at most (4 MB
 * in float); beyond that the older half is dropped. Rows that are further behind have theirs computed
 * again. */
#include "graph/optim/past.h"
#include "lib/memory.h"

#include <string.h>

enum { LEAST = 1 << 12, MOST = 1 << 17, START = 1 << 6 };

/* Provides capacity for one more step, by more memory or by dropping the older half. Returns false without
 * memory. */
static bool provide_step(tl_slots *s)
{
    tl_past *p = &s->past;
    const int64_t size = s->companion.variable->size, most = size < LEAST ? LEAST : size < MOST ? size : MOST;
    const size_t step = TL_STEP_CONSTANTS * sizeof *p->constant;
    if (p->n < p->capacity)
        return true;
    const int64_t capacity = p->capacity == 0 ? START : 2 * p->capacity < most ? 2 * p->capacity : most;
    tl_real *more = capacity > p->capacity ? tl_alloc(capacity, step) : NULL;
    if (more) {
        if (p->n > 0)
            memcpy(more, p->constant, (size_t)p->n * step);
        tl_free(p->constant);
        p->constant = more;
        p->capacity = capacity;
        return true;
    }
    const int64_t drop = p->n - p->n / 2;
    if (p->n > 0)
        memmove(p->constant, p->constant + drop * TL_STEP_CONSTANTS, (size_t)(p->n - drop) * step);
    p->first += drop;
    p->n -= drop;
    return p->n < p->capacity;
}

void tl_past_keep(tl_slots *s, const tl_step *step)
{
    tl_past *p = &s->past;
    if (!tl_step_has_kernel(s))
        return;
    if (p->first + p->n != step->t || s->all_step >= step->t - 1) {
        p->first = step->t;
        p->n = 0;
    }
    if (provide_step(s))
        memcpy(p->constant + p->n++ * TL_STEP_CONSTANTS, step->constant,
               TL_STEP_CONSTANTS * sizeof *p->constant);
}

int64_t tl_past_constants(const tl_slots *s, int64_t t, int64_t last, tl_real *scratch,
                          const tl_real **constant)
{
    const tl_past *p = &s->past;
    if (t >= p->first && t < p->first + p->n) {
        const int64_t kept = p->first + p->n - t, wanted = last - t + 1;
        *constant = p->constant + (t - p->first) * TL_STEP_CONSTANTS;
        return kept < wanted ? kept : wanted;
    }
    int64_t n = 0;
    for (; n < TL_PAST_ANEW && t + n <= last && (n == 0 || t + n != p->first); n++) {
        const tl_step step = tl_step_of(s, t + n, tl_slots_rate(s, t + n + s->offset));
        memcpy(scratch + n * TL_STEP_CONSTANTS, step.constant, TL_STEP_CONSTANTS * sizeof *scratch);
    }
    *constant = scratch;
    return n;
}

int64_t tl_past_bytes(const tl_slots *s)
{
    return s->past.capacity * TL_STEP_CONSTANTS * (int64_t)sizeof *s->past.constant;
}
