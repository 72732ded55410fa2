/* What a load is going to do: everything that can fail is done while the plan is made. */
#ifndef TL_LOAD_PLAN_H
#define TL_LOAD_PLAN_H

#include "graph/save/checkpoint_private.h"
#include "graph/save/stored.h"

/* Values, and a pattern, that a variable is going to have. */
typedef struct tl_planned_values {
    tl_variable *v;
    tl_stored stored;
    int64_t size;
    tl_real *values;
    bool changes_pattern; /* to `pattern`, a reference; NULL: no mask */
    tl_pattern *pattern;
    tl_remap remap; /* of a sparse variable */
} tl_planned_values;

typedef struct tl_planned_average {
    struct tl_planned_average *next;
    tl_average *a;
    int32_t tensor;
    int64_t t, step;
    tl_real *values;
} tl_planned_average;

typedef struct tl_planned_slots {
    struct tl_planned_slots *next;
    tl_slots *s;
    bool present;                      /* in the file; otherwise they are freed */
    bool created;                      /* by the plan */
    int32_t tensor[TL_SLOTS_ROW_STEP]; /* -1: none */
    tl_slots_state state;
} tl_planned_slots;

/* One per entry of the list, of which the entry's kind says what is used. */
typedef struct tl_planned {
    const tl_entry *entry;
    tl_planned_values values;
    tl_planned_average *averages;
    int64_t step; /* of an optimizer */
    double learning_rate;
    tl_planned_slots *slots;
    tl_random random;
    int64_t integer;
    double number;
} tl_planned;

/* Compare a variable or an optimizer with the file: list differences, and find what is to be read. The n
 * entries of `all` have their variables planned already; `warnings` gets lines for tl_checkpoint_warnings.
 * TL_ERR_FORMAT, TL_ERR_MEMORY. */
tl_status tl_plan_variable(tl_load *l, tl_planned *p);
tl_status tl_plan_optimizer(tl_load *l, tl_planned *p, int32_t n, const tl_planned *all, char *warnings);

/* Read the data into memory of the plan. */
tl_status tl_plan_read_variable(tl_load *l, tl_planned *p);
tl_status tl_plan_read_optimizer(tl_load *l, tl_planned *p);

/* Make the change; cannot fail. Variables come first. */
void tl_apply_variable(tl_planned *p);
void tl_apply_optimizer(tl_planned *p);

/* Free what was not applied. */
void tl_free_variable(tl_planned *p);
void tl_free_optimizer(tl_planned *p);

/* Adds a line to warnings of TL_WARNINGS_SIZE bytes, unless it does not fit. */
void tl_add_warning(char *warnings, const char *format, ...) TL_PRINTF(2, 3);

/* The parts that loading weights shares. The first plans that the variable gets a pattern (a sparse one) or a
 * mask (NULL: none), whose reference it takes over; it keeps its own if that is the same. */
tl_status tl_plan_pattern(tl_planned_values *p, tl_pattern *pattern);
void tl_apply_values(tl_planned_values *p);
void tl_free_values(tl_planned_values *p);

#endif
