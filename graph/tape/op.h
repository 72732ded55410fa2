/* The interface for authors of ops. A built-in op has no privilege that a user's op lacks: both fill in one
 * const tl_op and call tl_apply.
 *
 *     relu: Y = max(A, 0).  dA += dY where A > 0.
 *
 *     static tl_status shape(tl_node *y) { return tl_shape_like(y, y->in[0]); }
 *     static void forward(tl_node *y) { ... y->out[k] = f(y->in[0]->val[k]) ... }
 *     static void backward(tl_node *y) { ... y->in[0]->grad[k] += y->grad[k] * ... }
 *     static const tl_op relu = {
 *         .name = "relu", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
 *     };
 *     tl_node *my_relu(tl_node *a) { return tl_apply(&relu, (tl_node *[]){ a }, NULL, 0); }
 */
#ifndef TL_OP_H
#define TL_OP_H

#include "graph.h"
#include "ids.h" /* tl_check_ids, for `shape` */
#include "parallel.h"

typedef enum tl_kind {
    TL_DENSE,  /* dense values and gradient */
    TL_SPARSE, /* values and gradient at a pattern only */
    /* For inputs only: a dense node whose gradient is row-sparse, delivered by tl_add_rows. */
    TL_ROWS,
    TL_ANY /* for inputs only: TL_DENSE or TL_SPARSE; an op on values serves both */
} tl_kind;

/* What an op states of itself: its standard name and its attributes. */
typedef struct tl_description tl_description;

typedef struct tl_op {
    const char *name; /* precedes every message of the op */

    /* The number of inputs, at least 1. For an op that takes a list of any length: the least number, and the
     * greatest, INT32_MAX for no limit; max_in = 0: exactly n_in inputs. */
    union {
        int32_t n_in, min_in;
    };
    int32_t max_in;
    int32_t n_optional; /* each of the last n_optional inputs may be NULL; 0 for a list */

    /* The kinds of the inputs, checked before `shape` is called. The inputs of a list after the first min_in
     * are like input min_in - 1, here and in the bits below; those after the eighth have the eighth's kind,
     * and those after the 32nd share its bit. */
    tl_kind in_kind[8];

    /* Checks the inputs, declares the result (tl_shape_dense, tl_shape_sparse or tl_shape_like) and allocates
     * scratch memory. The only function of an op that can fail: `return tl_fail(TL_ERR_SHAPE, "%s times %s",
     * ...)`, without the op's name; tl_node_text prints an input. */
    tl_status (*shape)(tl_node *y);

    /* Fills y->out[y->size], which is uninitialised. Values of inputs are up to date here and in backward.
     * `shape` reads them through tl_value (NULL: they cannot be computed) and stores no pointers to them: on
     * a graph for inference, forward runs later, and inputs have values from just before it. */
    void (*forward)(tl_node *y);

    /* Adds the gradient of input i, computed from y->grad, to in[i]->grad wherever that is not NULL (or
     * assigns it: can_overwrite). y->grad is valid until backward returns or, if the op has a TL_ROWS input,
     * until the reset. It is called only if the gradient of some input is needed: that of an op's only input
     * is therefore not NULL, unless its kind is TL_ROWS. An op without this function has no gradient, and
     * rejects inputs that require one. */
    void (*backward)(tl_node *y);
    uint32_t no_gradient; /* bit i: input i has no gradient, and may not require one */

    /* Bit i: backward can overwrite the gradient of input i instead of accumulating (BLAS's beta = 0). If
     * in[i]->overwrite is set, it must assign to all of in[i]->grad, which is uninitialised. This saves
     * clearing it, a pass over memory. `overwrite` is never set for a node that is two inputs of the op, nor
     * for a TL_ROWS input. */
    uint32_t can_overwrite;

    /* Set if forward does more than fill y->out: draws random numbers, updates a variable. On a graph for
     * inference it then runs when it is recorded; other ops run later, or never if nobody reads Y. */
    bool has_effects;

    /* Set if Y may have -Inf by design, which a softmax takes for an excluded element. The checking mode does
     * not report it, nor that of ops that read it. */
    bool excludes;

    /* For tl_derivative (derivative.h): returns the derivative of Y along the directions dx[i] of its inputs
     * (the Jacobian-vector product), a node like Y. dx[i] is a node like in[i], or NULL if that input does
     * not move; at least one does. It calls ops, also of y itself; tangent.h has what serves most. It refuses
     * as `shape` does, but returns NULL after tl_fail. Left out: tl_derivative through the op is an error
     * that names it. */
    tl_node *(*tangent)(tl_node *y, tl_node *const *dx);

    /* States the op's standard name and its attributes (describe.h), for tl_graph_print and exporters. Left
     * out: it has its name only. */
    void (*describe)(const tl_node *y, tl_description *to);

    /* For tl_topology_grow_by_gradient (topology.h): adds rows first .. first + n - 1 of the gradient of the
     * sparse input i, as it would be if all cells of the input existed, to the row-major rows[n x columns].
     * Computed from y->grad, between backward and the reset. Left out: where the op reads a variable,
     * connections cannot be grown by their gradient, and the error names the op. */
    void (*gradient_rows)(const tl_node *y, int32_t i, int64_t first, int64_t n, tl_real *rows);
} tl_op;

struct tl_node {
    /* For the op's functions. */
    const tl_op *op; /* NULL for a leaf */
    int32_t n_in;    /* the number of inputs, those that are absent included; 0 for a leaf */
    tl_kind kind;    /* TL_DENSE or TL_SPARSE */
    tl_node **in;    /* NULL for an optional input that is absent */
    tl_shape shape;
    tl_pattern *pattern; /* of the values, if sparse */
    int64_t size;        /* number of values: elements of the shape, or nnz of the pattern */
    const tl_real *val;  /* values */
    tl_real *out;        /* the same, for forward to fill; NULL for a leaf */
    tl_real *grad;       /* gradient; NULL: not needed, and not computed */
    void *attr;          /* the graph's copy of the attributes; `shape` may change it */
    size_t attr_size;    /* in bytes */
    void *scratch;       /* what `shape` stores here for forward and backward */
    bool overwrite;      /* set while backward runs: grad is uninitialised and must be assigned */

    /* The graph's own. */
    bool restricted; /* of a leaf: its gradient of this backward pass was set to 0 off a mask */
    tl_graph *graph;
    tl_variable *variable;                            /* of a leaf; NULL: not a variable */
    tl_node *before, *after;                          /* on the tape */
    tl_node *next_leaf;                               /* among the leaves that are variables */
    struct tl_row_slices *slices;                     /* one per input, if one of them is TL_ROWS */
    struct tl_row_slices *first_slices, *last_slices; /* of a leaf: its row-sparse gradient so far */
    struct tl_row_refs *row_refs;   /* of a leaf: where that gradient's rows are; NULL: in its values */
    struct tl_some_rows *some_rows; /* of a constant table that is given by rows; NULL: any other node */
    /* Depends on a variable, and backward may run: known in `shape`, which may clear it: Y is a constant. */
    bool requires_grad;
    bool needs_grad; /* in this backward pass: the gradient is computed */
    bool reached;    /* in this backward pass: the loss depends on the node */
    bool row_sparse; /* in this backward pass: the gradient arrives as row slices */
    int32_t number;  /* on the tape, from 0 */
    /* Of a variable, when its leaf was recorded; for inference, when the first use that waits was. */
    uint64_t changes;

    /* The graph's own, if it is for inference. */
    int32_t n_waiting; /* uses of the node by ops that have not run */
    bool asked_for;    /* by tl_value: not given up before the reset */
    void *blocks;      /* values and scratch memory */
};

/* Records and runs an op. `in` holds op->n_in nodes of one graph; attr[attr_size] is copied, but not what it
 * points to: `shape` copies arrays and lets the attributes point to the copies (tl_scratch_copy,
 * tl_copy_rows), which forward, backward and a tangent that applies the op again then read. *op is not
 * copied: it must stay until the reset, even if it fails (tl_graph_print names it). Returns NULL if an input
 * is NULL and not optional, if the graph has failed before, or if the op fails; the error is then in the
 * graph. */
TL_API tl_node *tl_apply(const tl_op *op, tl_node *const *in, const void *attr, size_t attr_size)
    TL_REAL_SYMBOL(tl_apply);

/* The same with a list of n inputs, op->min_in to op->max_in of them. */
TL_API tl_node *tl_apply_list(const tl_op *op, int32_t n, tl_node *const *in, const void *attr,
                              size_t attr_size) TL_REAL_SYMBOL(tl_apply_list);

/* For `shape`: declare the result as dense of this shape, as sparse on this pattern (which the graph
 * retains), or as `a` is. TL_ERR_SHAPE, TL_ERR_MEMORY. */
TL_API tl_status tl_shape_dense(tl_node *y, tl_shape shape);
TL_API tl_status tl_shape_sparse(tl_node *y, tl_pattern *pattern);
TL_API tl_status tl_shape_like(tl_node *y, const tl_node *a);

/* Returns a node's name and shape for a message: "w1 (784x300)" for the leaf of a variable that has a name
 * ("b [10]" if it is a vector), otherwise its shape as tl_shape_text has it; "NULL" for NULL. A name too long
 * for tl_text is shortened, the shape never. */
TL_API tl_text tl_node_text(const tl_node *a);

/* For a composition: a function that calls ops, and has no tl_op. Fails as an op of this name does whose
 * `shape` calls tl_fail, in the graph of `a`, unless that has failed before: "attention: 8x12, .." Returns
 * NULL. */
TL_API tl_node *tl_refuse(const tl_node *a, const char *who, tl_status status, const char *format, ...)
    TL_PRINTF(4, 5);

/* Returns whether a's values may change between forward and backward: true for a variable's leaf, which an
 * optimizer step may update. */
TL_API bool tl_node_is_mutable(const tl_node *a);

/* For `backward`: returns whether a's values may have changed since forward, by a step or another call, or by
 * the program through tl_variable_data. What forward derived from them, Y included, is then derived again. */
TL_API bool tl_node_has_changed(const tl_node *a);

/* For `shape` and `tangent`: returns n elements of `size` bytes, 64-byte aligned, uninitialised, valid until
 * the reset or, on a graph for inference, for as long as y's values are. NULL if memory is short: `if
 * (!(y->scratch = tl_scratch(y, n, size))) return TL_ERR_MEMORY;` What only backward reads is taken if
 * y->requires_grad is set. */
TL_API void *tl_scratch(tl_node *y, int64_t n, size_t size);

/* The same, with a copy of `from`: `if (attr->w && !(attr->w = tl_scratch_copy(y, n, sizeof *attr->w,
 * attr->w))) return TL_ERR_MEMORY;` */
TL_API void *tl_scratch_copy(tl_node *y, int64_t n, size_t size, const void *from);

/* For `shape`: reserves n elements of `size` bytes of workspace; for forward and backward: returns it,
 * 64-byte aligned. All ops of a graph share one workspace: it may move when another op is recorded, and
 * nothing in it survives a call. TL_ERR_MEMORY. */
TL_API tl_status tl_reserve_workspace(tl_node *y, int64_t n, size_t size);
TL_API void *tl_workspace(const tl_node *y);

/* For `shape`, if the result's pattern is derived from two others (b may be NULL). tl_memo_pattern returns
 * the pattern that this op stored for them in this step or the one before, or NULL. tl_memo_store stores one
 * and takes over the caller's reference, even if it fails (TL_ERR_MEMORY). A pattern that is the same in
 * every step is thus built once. */
TL_API tl_pattern *tl_memo_pattern(tl_node *y, const tl_pattern *a, const tl_pattern *b);
TL_API tl_status tl_memo_store(tl_node *y, tl_pattern *a, tl_pattern *b, tl_pattern *result);

/* For `shape`: checks that each of n ids is a row of the table, or is *padding if that is not NULL.
 * TL_ERR_INDEX: "ids[7] = 12, table emb (10x4) has 10 rows". TL_ERR_ARGUMENT if the table is NULL or a
 * scalar, or as tl_check_ids. */
TL_API tl_status tl_check_rows(const tl_node *table, const int32_t *ids, int64_t n, const int32_t *padding);

/* For `shape`: declares the rows of a TL_ROWS input i that forward and backward will read, in any order.
 * Pending updates (TL_ROWS_EXACT) are then applied to these rows only; without this call, to the whole table.
 * A backward that reads the rows calls it again first, because a step may have come between. */
TL_API void tl_declare_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows);

/* For `shape`: copies n rows of a TL_ROWS input i, checks the copy and declares its rows; *copy is valid
 * until the reset, and must not be written to. tl_declare_rows and tl_add_rows do not check a copy, or a
 * part of one, again. *copy = NULL if the input is absent. TL_ERR_INDEX with name = "ids" reads "ids[7] =
 * 12, table emb (10x4) has 10 rows"; TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
TL_API tl_status tl_copy_rows(tl_node *y, int32_t i, const char *name, int64_t n, const int32_t *rows,
                              const int32_t **copy);

/* For `backward`: delivers the gradient of a TL_ROWS input i, in place of in[i]->grad. For k = 0 .. n-1 in
 * order, row rows[k] of the gradient += coef[k] * row source[k] of `values`; source = NULL means row k, coef
 * = NULL means 1. The arrays must stay valid and unchanged until the reset, as y->grad of such an op does. */
TL_API void tl_add_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows, const int32_t *source,
                        const tl_real *coef, const tl_real *values);

#endif
