/* Slots: what an optimizer stores for a variable. They are a companion of the variable and in a list of the
 * optimizer. */
#ifndef TL_SLOTS_H
#define TL_SLOTS_H

#include "graph/variable/variable_private.h"
#include "optimizer.h"

struct tl_optimizer {
    const tl_optimizer_class *class;
    tl_optimizer_options o;
    void *options; /* the class's own */
    tl_schedule schedule;
    const void *schedule_context;
    int64_t step; /* steps applied */
    struct tl_registered {
        tl_transform fn;
        void *context;
    } * transform;
    int32_t n_transforms, capacity;
    struct tl_slots *slots;
};

/* Indices of the companion's arrays: the slots come first, then these. */
enum {
    TL_SLOTS_AGE = TL_MAX_SLOTS, /* steps of each weight, for per_weight_age */
    TL_SLOTS_ROW_STEP,           /* TL_ROWS_EXACT: the last step that reached a row, 0 before the first */
    TL_SLOTS_ARRAYS
};

/* Constants of consecutive steps from `first` on (past.h). */
typedef struct tl_past {
    int64_t first, n, capacity; /* steps */
    tl_real *constant;
} tl_past;

typedef struct tl_slots {
    tl_companion companion; /* first: the variable's list leads here */
    tl_optimizer *optimizer;
    struct tl_slots *next; /* in the optimizer's list */
    bool has_options;
    tl_optimizer_options options; /* in place of the optimizer's, if has_options */

    bool allocated; /* whether the arrays of the n slots exist */
    int32_t n;
    int64_t t;      /* steps applied */
    int64_t offset; /* of the last step: its number in the optimizer, less t */

    /* TL_ROWS_EXACT: a row is up to date with step row_step[row] or all_step, whichever is later. row_step is
     * NULL until a step first skips rows. */
    int64_t all_step;
    /* A step was not recorded in row_step: it reached all rows, or was lazy. Until then, rows of row_step 0
     * have their initial slots. */
    bool dense_step_seen;
    tl_past past;
    /* Since the last step, over replayed rows: steps since a gradient last named them, sum and largest. */
    int64_t gaps, longest;
    int64_t cost;          /* of replay per step, averaged over recent steps (sweep.c) */
    int64_t replayed_rows; /* so many rows, the first of the table, have taken step replayed_to; 0: none */
    int64_t replayed_to;
    bool large;         /* a slot may exceed TL_SLOT_LIMIT, or not be finite */
    bool weights_known; /* `weights` bounds the magnitudes of all weights: nobody else has written */
    double weights;
    int64_t tried;  /* rows that were tried since all slots were last searched for such a one */
    double largest; /* of a step that is being checked: a bound on its gradient, then on its slots */
} tl_slots;

static inline tl_real *tl_slots_array(const tl_slots *s, int32_t k)
{
    return (tl_real *)s->companion.array[k].data;
}

static inline int32_t *tl_slots_age(const tl_slots *s)
{
    return (int32_t *)s->companion.array[TL_SLOTS_AGE].data;
}

static inline int64_t *tl_slots_row_step(const tl_slots *s)
{
    return (int64_t *)s->companion.array[TL_SLOTS_ROW_STEP].data;
}

/* Returns the slots that o holds for v, or NULL. */
tl_slots *tl_slots_find(const tl_optimizer *o, const tl_variable *v);

/* Allocates the arrays that a step with a row-sparse or a dense gradient needs, with their initial values.
 * TL_ERR_MEMORY. */
tl_status tl_slots_alloc(tl_slots *s, bool row_sparse);

/* Frees the arrays. */
void tl_slots_release(tl_slots *s);

/* What makes up slots between two steps, pending steps aside. */
typedef struct tl_slots_state {
    int64_t t, offset;
    bool large, has_options;
    tl_optimizer_options options;
    void *array[TL_SLOTS_ROW_STEP]; /* as the companion's; NULL: none */
} tl_slots_state;

/* Replaces the arrays and everything else by a state, whose arrays it takes over. Nothing is pending then. */
void tl_slots_restore(tl_slots *s, const tl_slots_state *state);

/* Returns the options in force for these slots. */
const tl_optimizer_options *tl_slots_options(const tl_slots *s);

/* Returns the learning rate of step `step` of the optimizer. */
double tl_slots_rate(const tl_slots *s, int64_t step);

/* Returns the effect of a step with a gradient of 0, with the options in force. */
tl_zero_grad tl_slots_zero_grad(const tl_slots *s);

/* The class of slots as companions. (This and the next two are in optimizer.c.) */
extern const tl_companion_class tl_slots_class;

/* Returns the slots that o holds for v, created if missing; NULL if memory is short. */
tl_slots *tl_slots_get(tl_optimizer *o, tl_variable *v);

/* Removes the slots from both lists and frees them. */
void tl_slots_free(tl_slots *s);

#endif
