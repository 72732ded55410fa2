/* The fields of a graph, and the functions of the tape for the folders above it. */
#ifndef TL_TAPE_H
#define TL_TAPE_H

#include "graph/variable/variable_private.h"
#include "lib/arena.h"
#include "lib/pointer_map.h"
#include "lib/pool.h"
#include "lib/status_private.h"
#include "op.h"
#include "random.h"

/* Rows of a table that tl_copy_rows has checked and copied. Nothing writes to a copy: they stay checked. */
typedef struct tl_row_copy {
    const struct tl_row_copy *next;
    int64_t n;
    const int32_t *rows;
} tl_row_copy;

/* The part of a row-sparse gradient that one call of tl_add_rows adds. */
typedef struct tl_row_slices {
    struct tl_row_slices *next;
    int64_t n;
    const int32_t *rows, *source;
    const tl_real *coef, *values;
    bool stable;               /* the values are in the arena, where no optimizer step overwrites them */
    bool declared;             /* tl_declare_rows was called for the input */
    const tl_row_copy *copies; /* for the input */
} tl_row_slices;

/* The rows of a constant table that are not 0, ascending, in `packed` and after them a row of zeros. The
 * table's values are NULL until tl_spread_rows, which an op that reads all of them needs. */
typedef struct tl_some_rows {
    int64_t n;
    const int32_t *rows;
    tl_node *table, *packed;
} tl_some_rows;

/* A pattern that the graph retains until the reset. */
typedef struct tl_held_pattern {
    struct tl_held_pattern *next;
    tl_pattern *pattern;
} tl_held_pattern;

/* A pattern that an op derived from two others. A reset releases it unless it was used since the last one. */
typedef struct tl_memo {
    struct tl_memo *next;
    const tl_op *op;
    tl_pattern *a, *b, *result;
    bool used; /* since the last reset */
} tl_memo;

/* A generator that a transform draws from, and where it was: a step that is not applied puts it back. */
typedef struct tl_drawn {
    struct tl_drawn *next;
    tl_random *r;
    uint64_t position;
} tl_drawn;

enum { TL_ABSENT = -1, TL_ELSEWHERE = -2 };

struct tl_graph {
    tl_arena arena;
    tl_node *first, *last;           /* the tape */
    tl_node *first_leaf, *last_leaf; /* the variables on it */
    int32_t n_nodes, n_leaves;
    tl_pointer_map leaves; /* variable to leaf; empty while there are few */
    tl_held_pattern *held;
    tl_memo *memo;
    void *workspace;        /* NULL: not yet allocated in this step */
    int64_t workspace_size; /* in bytes: the largest that any step needed */
    int64_t workspace_held; /* in bytes, on a graph for inference: of what is allocated */
    tl_real *zeros;         /* [n_zeros] shared by all constants of zeros, which nobody writes to */
    int64_t n_zeros;
    tl_pointer_map seen;        /* for searches, one after the other */
    tl_drawn *drawn;            /* by transforms, in the step that is being applied */
    const tl_op *failed;        /* the op whose failure is the error, if it is one's in shape or forward */
    const tl_node *failed_node; /* its node, with inputs and attributes; NULL: it did not get that far */
    int32_t n_failed_in;
    int32_t *failed_in;       /* the numbers of its inputs: TL_ABSENT, TL_ELSEWHERE, or on the tape */
    struct tl_totals *totals; /* of tl_gradients_add; NULL: no call so far */
    bool check_finite;        /* tl_graph_check_finite; kept by a reset */
    const tl_node *recording; /* the node whose `shape` runs */

    /* Of a graph for inference, which runs ops when values are asked for: evaluate.c. */
    bool inference;
    tl_pool pool;     /* values, scratch memory and the workspace */
    tl_node *waiting; /* the first node that has not run; NULL: all have */
    tl_node *unswept; /* the first node that ran while more were to be recorded; NULL: none */

    tl_status status;
    char error[TL_ERROR_SIZE];
};

/* Puts "who: " before the thread's message and copies it to the graph, unless that has failed before. Returns
 * `status`. */
tl_status tl_graph_fail(tl_graph *g, const char *who, tl_status status);

/* Remembers the op that failed and its n inputs, for tl_graph_print, until the reset; y: its node with
 * attributes, or NULL. */
void tl_graph_note_failed(tl_graph *g, const tl_op *op, int32_t n, tl_node *const *in, const tl_node *y);

/* Returns what the text of a failed step ends in: that tl_graph_print shows the op, if an op of g failed, and
 * "" if none did. g = NULL: the graph of the thread's last error. */
const char *tl_failed_op_hint(const tl_graph *g);

/* Retains p until the reset. TL_ERR_MEMORY. */
tl_status tl_graph_hold(tl_graph *g, tl_pattern *p);

/* Runs forward of an op whose result is allocated. Returns the status of the graph. */
tl_status tl_run_forward(tl_node *y);

/* On a graph for inference, runs all ops up to y that have not run, in the order of the tape. Gives values up
 * after their last use unless `keep_all` is set: more ops that read them may be recorded. Returns the status
 * of the graph. */
tl_status tl_evaluate(tl_node *y, bool keep_all);

/* Returns whether y has run on a graph for inference and its values were given up since; and what messages
 * say of it. */
bool tl_is_given_up(const tl_node *y);
extern const char *const tl_given_up;

/* Returns memory that y holds until its values are given up. NULL if memory is short. */
void *tl_take_block(tl_node *y, int64_t n, size_t size);

/* Records and returns the error of a derivative on a graph for inference. */
tl_status tl_fail_inference(void);

/* Counts y as a use of its inputs, and as waiting. */
void tl_count_uses(tl_node *y);

/* Returns the values of the result of an op, after running what has not run. NULL, with the error in the
 * graph, if that fails or they were given up. */
const tl_real *tl_read(tl_node *y);

/* Appends y to the tape and, if it is a variable's leaf, to the leaves. */
void tl_graph_append(tl_graph *g, tl_node *y);

/* Returns the leaf of v, or NULL. */
tl_node *tl_leaf_of(const tl_graph *g, const tl_variable *v);

/* Returns an input's name and shape, to be put in brackets: "w1, 784x300". */
tl_text tl_input_text(const tl_node *a);

/* Returns whether TULLE_CHECK_FINITE, which is read at the first call, sets the checking mode. */
bool tl_check_finite_default(void);

/* For the checking mode: make a value of y that is not finite, a gradient of its inputs, or a slice that it
 * adds to the gradient of input i, the graph's failure. */
void tl_check_output(tl_node *y);
void tl_check_input_gradients(tl_node *y);
void tl_check_row_slices(tl_node *y, int32_t i, const tl_row_slices *s);

/* Applies the pending updates of variables among the inputs of y, except to those whose rows the op
 * declares. */
void tl_before_read_inputs(const tl_node *y);

/* Releases the memos that were not used since the last call, or all of them. */
void tl_memo_sweep(tl_graph *g, bool all);

/* Returns the kind that input i of an op must have. */
static inline tl_kind tl_input_kind(const tl_op *op, int32_t i)
{
    const int32_t last = (int32_t)(sizeof op->in_kind / sizeof *op->in_kind) - 1;
    if (i >= op->min_in)
        i = op->min_in - 1;
    return op->in_kind[i < last ? i : last];
}

/* Returns whether input i of an op's node is TL_ROWS. */
static inline bool tl_takes_rows(const tl_node *y, int32_t i)
{
    return y->slices && tl_input_kind(y->op, i) == TL_ROWS;
}

/* Returns input i's bit of no_gradient or can_overwrite. */
static inline bool tl_input_bit(const tl_op *op, uint32_t bits, int32_t i)
{
    if (bits == 0)
        return false;
    if (i >= op->min_in)
        i = op->min_in - 1;
    return bits >> (i < 31 ? i : 31) & 1;
}

/* Returns a constant table that is 0 but for n rows, which ascend; `rows` is borrowed, and values[n rows]
 * copied. NULL with the error in the graph. */
tl_node *tl_input_rows(tl_graph *g, tl_shape shape, int64_t n, const int32_t *rows, const tl_real *values);

/* Makes the values of a table that is given by rows, unless that is done. TL_ERR_MEMORY. */
tl_status tl_spread_rows(const tl_node *a);

/* Returns whether two nodes have one shape and kind and, if sparse, one pattern. */
static inline bool tl_is_like(const tl_node *a, const tl_node *b)
{
    return a->kind == b->kind && tl_shape_equal(a->shape, b->shape) &&
           (a->kind == TL_DENSE || tl_pattern_equal(a->pattern, b->pattern));
}

/* Returns the values of slice k, and sets *coef to its coefficient. */
static inline const tl_real *tl_row_slice(const tl_row_slices *s, int64_t k, int64_t width, tl_real *coef)
{
    *coef = s->coef ? s->coef[k] : 1;
    return s->values + (s->source ? s->source[k] : k) * width;
}

/* table(rows[k], :) += coef[k] values(source[k], :) in order, for rows of `width` values; the sum with what
 * is there is computed in double. TL_ERR_MEMORY. */
tl_status tl_scatter_rows(tl_arena *arena, const tl_row_slices *s, int64_t table_rows, int64_t width,
                          tl_real *table);

#endif
