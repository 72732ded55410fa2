/* What the files of graph/ share. */
#ifndef TL_INTERNAL_H
#define TL_INTERNAL_H

#include <pthread.h>

#include "lib/arena.h"
#include "gradient.h"
#include "lib/memory.h"
#include "op.h"
#include "optimizer.h"
#include "lib/status_private.h"

/* ---- Variables and slots ---- */

/* What one optimizer remembers of one variable; in a list of each of the two. */
typedef struct tl_slots {
    tl_optimizer *optimizer;
    tl_variable *variable;
    struct tl_slots *next_of_optimizer, *next_of_variable;
    bool has_options;
    tl_optimizer_options options; /* in place of the optimizer's, if has_options */

    bool made; /* what follows is there */
    int32_t n;
    tl_real start[TL_MAX_SLOTS];
    tl_real *slot[TL_MAX_SLOTS]; /* as many values as the variable */
    int32_t *age;                /* steps of each weight, or NULL */
    int64_t t;                   /* steps applied */
    int64_t offset;              /* the optimizer's number of the last step, less t */

    /* TL_ROWS_EXACT: a row is current for step row_t[row] or current_t, whichever is later. */
    int64_t *row_t; /* NULL: no row was ever left behind */
    int64_t current_t;
    bool swept; /* a step reached every row; else a row of row_t 0 has slots at their start */
} tl_slots;

struct tl_variable {
    char *name;
    tl_shape shape;
    bool sparse;
    tl_pattern *pattern; /* of a sparse variable, or the mask of a dense one, or NULL */
    int64_t size;
    tl_real *data;
    tl_slots *slots;
    pthread_mutex_t lock; /* of rows that are brought up to date while they are read */
};

/* What o holds for v, or NULL; tl_slots_get adds it to both lists where it is missing (NULL: no memory). */
tl_slots *tl_slots_find(const tl_optimizer *o, const tl_variable *v);
tl_slots *tl_slots_get(tl_optimizer *o, tl_variable *v);

/* The arrays that a step with this gradient needs, at their start where they are new. TL_ERR_MEMORY. */
tl_status tl_slots_alloc(tl_slots *s, const tl_gradient *pair);

/* Frees the arrays again. */
void tl_slots_release(tl_slots *s);

/* The options that count for these slots. */
const tl_optimizer_options *tl_slots_options(const tl_slots *s);

/* The learning rate of step `step` of the optimizer. */
double tl_slots_rate(const tl_slots *s, int64_t step);

/* Takes the slots out of both lists and frees them. */
void tl_slots_free(tl_slots *s);

/* For every run of cells that a pattern leaves out, in a matrix of its shape: where it begins, how long it
 * is. */
void tl_each_gap(const tl_pattern *keep, void (*body)(void *context, int64_t at, int64_t n), void *context);

/* Sets what lies off keep, in data laid out as a matrix of its shape. */
void tl_fill_off_pattern(tl_real *data, const tl_pattern *keep, tl_real value);

/* Sets the gradient to +0 off keep, which has the shape of the variable seen as a matrix. */
void tl_restrict_gradient(const tl_gradient *pair, const tl_pattern *keep);

/* Whether the pattern has the shape of the variable seen as a matrix: TL_OK or TL_ERR_SHAPE. */
tl_status tl_check_mask(const char *who, const tl_variable *v, const tl_pattern *keep);

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
    int32_t n_transforms, room;
    tl_slots *slots;
};

/* ---- The tape ---- */

typedef struct tl_row_slices {
    struct tl_row_slices *next;
    int64_t n;
    const int32_t *rows, *source;
    const tl_real *coef, *values;
    bool stable; /* no step of an optimizer changes the values */
} tl_row_slices;

/* A pattern that the graph retains until the reset. */
typedef struct tl_held_pattern {
    struct tl_held_pattern *next;
    tl_pattern *pattern;
} tl_held_pattern;

/* A pattern that an op made from others; survives a reset once. */
typedef struct tl_memo {
    struct tl_memo *next;
    const tl_op *op;
    tl_pattern *a, *b, *result;
    bool used; /* since the last reset */
} tl_memo;

struct tl_graph {
    tl_arena arena;
    tl_node *first, *last;           /* the tape */
    tl_node *first_leaf, *last_leaf; /* the variables on it */
    int32_t n_nodes;
    tl_held_pattern *kept;
    tl_memo *memo;
    void *workspace;        /* NULL: not yet taken in this step */
    int64_t workspace_size; /* in bytes: the most that any step needed */
    tl_status status;
    char error[TL_ERROR_SIZE];
};

/* Puts "who: " before the thread's message and makes it the graph's, unless that has one already. Returns
 * status. */
tl_status tl_graph_fail(tl_graph *g, const char *who, tl_status status);

/* Retains p until the reset. */
tl_status tl_graph_keep(tl_graph *g, tl_pattern *p);

void tl_graph_append(tl_graph *g, tl_node *y);

/* Brings the variables among the inputs up to date, but for those whose rows the op has named. */
void tl_catch_up_inputs(const tl_node *y);

/* Releases the memos that were not used since the last call; all of them if `all`. */
void tl_memo_sweep(tl_graph *g, bool all);

/* ---- The backward pass ---- */

typedef struct tl_backward_plan {
    const tl_real *seed;          /* gradient of y to begin with, as many values as y */
    tl_real prefill;              /* what leaves' gradients hold before the pass; not 0: all of them dense */
    tl_variable *const *variable; /* the wanted ones; NULL: all */
    int32_t n;
    bool for_step; /* gradients of nodes in between make room for others when their op has run */
    bool row_refs; /* rows of gradients may be left where they lie, of which tl_gradient_row_refs tells */
    bool poison;   /* what is fresh is filled with NaN, so that it shows where an op does not assign */
} tl_backward_plan;

/* The pass from any node. Without a graph error; TL_ERR_MEMORY, or TL_ERR_ARGUMENT where no variable is
 * reached. */
tl_status tl_backward_from(tl_node *y, const tl_backward_plan *plan, tl_gradients *out);

/* The pairs: of the plan's variables in their order, or of all leaves that are wanted in order of first
 * use. */
tl_status tl_gather(tl_graph *g, const tl_backward_plan *plan, tl_gradients *out);

/* That a list of variables has some, none NULL and none twice: TL_OK or TL_ERR_ARGUMENT. */
tl_status tl_check_variables(tl_variable *const *vars, int32_t n);

/* That a pair, which may be the user's own, fits its variable as it is now: its rows, and where g has the
 * variable on its tape, its pattern. */
tl_status tl_check_gradient(const tl_graph *g, const tl_gradient *pair);

/* The leaf of v, or NULL. */
tl_node *tl_leaf_of(const tl_graph *g, const tl_variable *v);

/* tl_backward for a step that follows at once, before anything is recorded: keeps the gradients of variables
 * only. `row_refs`: as in the plan. */
tl_status tl_backward_for_step(tl_node *loss, bool row_refs, tl_gradients *out);

/* The row-sparse gradient of a leaf from the slices it has collected; `row_refs`: rows that are one slice may be
 * left where that is. */
tl_status tl_coalesce(tl_node *leaf, bool row_refs, tl_gradient *out);

/* Where each row of a pair lies, if not in its values; else NULL. */
const tl_real *const *tl_gradient_row_refs(const tl_graph *g, const tl_gradient *pair);

/* Whether rows lie row_refs and are so small that no sum among them has overflowed. False tells nothing. */
bool tl_row_refs_finite(const tl_graph *g, const tl_gradient *pair);

/* Puts rows that lie row_refs into the pair's values. */
void tl_gradient_pack(const tl_graph *g, const tl_gradient *pair);

/* table(rows[k], :) += coef[k] values(source[k], :), in order, for rows of `width`. */
void tl_scatter_rows(const tl_row_slices *s, int64_t width, tl_real *table);

#endif
