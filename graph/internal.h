/* What the files of graph/ share. */
#ifndef TL_INTERNAL_H
#define TL_INTERNAL_H

#include "arena.h"
#include "gradient.h"
#include "memory.h"
#include "op.h"
#include "optimizer.h"
#include "status_private.h"

/* ---- Variables and slots ---- */

/* What one optimizer remembers of one variable; in a list of each of the two. */
typedef struct tl_slots {
    tl_optimizer *optimizer;
    tl_variable *variable;
    struct tl_slots *next_of_optimizer, *next_of_variable;
    int32_t n;
    tl_real *slot[TL_MAX_SLOTS]; /* as many values as the variable */
    int64_t t;                   /* steps applied */
} tl_slots;

struct tl_variable {
    char *name;
    tl_shape shape;
    bool sparse;
    tl_pattern *pattern; /* of a sparse variable, or the mask of a dense one, or NULL */
    int64_t size;
    tl_real *data;
    tl_slots *slots;
};

/* The slots that o holds for v, or NULL; tl_slots_make makes them, all 0, where there are none (NULL: no memory). */
tl_slots *tl_slots_find(const tl_optimizer *o, const tl_variable *v);
tl_slots *tl_slots_make(tl_optimizer *o, tl_variable *v, int32_t n);

/* Takes the slots out of both lists and frees them. */
void tl_slots_free(tl_slots *s);

/* Sets data, laid out as a dense variable of keep's shape, to +0 off keep. */
void tl_zero_off_pattern(tl_real *data, const tl_pattern *keep);

/* Sets the gradient to +0 off keep, which has the shape of the variable seen as a matrix. */
void tl_restrict_gradient(const tl_gradient *pair, const tl_pattern *keep);

/* Whether the pattern has the shape of the variable seen as a matrix: TL_OK or TL_ERR_SHAPE. */
tl_status tl_check_mask(const char *who, const tl_variable *v, const tl_pattern *keep);

struct tl_optimizer {
    const tl_optimizer_class *class;
    tl_optimizer_options o;
    void *options; /* the class's own */
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
} tl_row_slices;

/* A pattern that the graph retains until the reset. */
typedef struct tl_kept {
    struct tl_kept *next;
    tl_pattern *pattern;
} tl_kept;

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
    tl_kept *kept;
    tl_memo *memo;
    tl_status status;
    char error[TL_ERROR_SIZE];
};

/* Puts "who: " before the thread's message and makes it the graph's, unless that has one already. Returns status. */
tl_status tl_graph_fail(tl_graph *g, const char *who, tl_status status);

/* Retains p until the reset. */
tl_status tl_graph_keep(tl_graph *g, tl_pattern *p);

void tl_graph_append(tl_graph *g, tl_node *y);

/* Releases the memos that were not used since the last call; all of them if `all`. */
void tl_memo_sweep(tl_graph *g, bool all);

/* ---- The backward pass ---- */

typedef struct tl_backward_plan {
    const tl_real *seed;          /* gradient of y to begin with, as many values as y */
    tl_real prefill;              /* what leaves' gradients hold before the pass; not 0: all of them dense */
    tl_variable *const *variable; /* the wanted ones; NULL: all */
    int32_t n;
} tl_backward_plan;

/* The pass from any node. Without a graph error; TL_ERR_MEMORY, or TL_ERR_ARGUMENT where no variable is reached. */
tl_status tl_backward_from(tl_node *y, const tl_backward_plan *plan, tl_gradients *out);

/* That a list of variables has some, none NULL and none twice: TL_OK or TL_ERR_ARGUMENT. */
tl_status tl_check_variables(tl_variable *const *vars, int32_t n);

/* The row-sparse gradient of a leaf from the slices it has collected. */
tl_status tl_coalesce(tl_node *leaf, tl_gradient *out);

/* table(rows[k], :) += coef[k] values(source[k], :), in order, for rows of `width`. */
void tl_scatter_rows(const tl_row_slices *s, int64_t width, tl_real *table);

#endif
