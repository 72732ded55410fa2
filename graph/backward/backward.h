/* The backward pass for the folders above it, and row-sparse gradients by reference. */
#ifndef TL_BACKWARD_H
#define TL_BACKWARD_H

#include "gradient.h"
#include "graph/tape/tape.h"

typedef struct tl_backward_plan {
    const tl_real *upstream;      /* the gradient of y, as many values as y */
    tl_real prefill;              /* initial value of leaf gradients; if it is not 0, all of them are dense */
    tl_variable *const *variable; /* [n] those whose gradients are computed; NULL: all */
    int32_t n;
    bool for_step; /* recycles the gradients of intermediate nodes after their op has run */
    bool row_refs; /* allows rows of gradients to be referenced, not copied; see tl_gradient_row_refs */
    bool poison;   /* sets a gradient to NaN before an op overwrites it: shows what it does not assign */
} tl_backward_plan;

/* Runs the pass from any node. Records no error on the graph. TL_ERR_MEMORY; TL_ERR_ARGUMENT if y depends on
 * no variable and none is listed. */
tl_status tl_backward_from(tl_node *y, const tl_backward_plan *plan, tl_gradients *out);

/* Checks that the loss is dense and a scalar. TL_ERR_KIND, TL_ERR_SHAPE. */
tl_status tl_check_loss(const tl_node *loss);

/* Reports a NULL loss, with the thread's last message: it is usually that of the op that failed. */
tl_status tl_fail_null_loss(const char *who);

/* Runs tl_backward for an optimizer step that follows before anything else is recorded: keeps the gradients
 * of variables only. `row_refs`: as in the plan. */
tl_status tl_backward_for_step(tl_node *loss, bool row_refs, tl_gradients *out);

/* Collects the pairs: of the plan's variables in their order, or of all leaves that need a gradient in order
 * of first use. TL_ERR_MEMORY. */
tl_status tl_collect_pairs(tl_graph *g, const tl_backward_plan *plan, tl_gradients *out);

/* ---- Buffers of gradients ---- */

/* The header of a free gradient buffer, stored in the buffer itself. */
typedef struct tl_free_grad {
    struct tl_free_grad *next;
    int64_t size;
} tl_free_grad;

/* Gives the node a gradient buffer, from the list or new, not cleared. TL_ERR_MEMORY. */
tl_status tl_alloc_grad(tl_node *a, tl_free_grad **list);

/* Removes the gradient of a node whose backward has run, and adds its buffer to the list. */
void tl_recycle_grad(tl_node *a, tl_free_grad **list);

/* ---- Pairs ---- */

/* Checks that a list of variables is not empty, without NULLs and repeats. The graph has space for the
 * search. TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
tl_status tl_check_variables(tl_graph *g, tl_variable *const *vars, int32_t n);

/* Finds the first of n variables that was in the list before: *second, and where it was, *first; *second = -1
 * if there is none. list: of pointers to variables, not NULL, one per `stride` bytes. TL_ERR_MEMORY. */
tl_status tl_find_repeat(tl_graph *g, int32_t n, const void *list, size_t stride, int32_t *first,
                         int32_t *second);

/* Checks that a list, which may be the user's own, is there with its pairs, their variables and, of
 * row-sparse ones, a number of rows from 0 to that of the table. TL_ERR_ARGUMENT. */
tl_status tl_check_pairs(const tl_gradients *g);

/* Checks that a pair, which may be the user's own, fits its variable as it is now: its rows and, if the
 * variable is on the tape of g, its pattern. TL_ERR_ARGUMENT, TL_ERR_KIND, TL_ERR_INDEX. */
tl_status tl_check_gradient(const tl_graph *g, const tl_gradient *pair);

/* Sets the gradient to +0 off `keep`, which has the shape of the variable seen as a matrix. Notes it at the
 * variable's leaf in g if that has the same array. */
void tl_restrict_gradient(const tl_graph *g, const tl_gradient *pair, const tl_pattern *keep);

/* ---- Row-sparse gradients ---- */

/* Sums the slices that a leaf has collected into distinct rows. `row_refs`: a row with a single slice may be
 * a reference to that slice. TL_ERR_MEMORY. */
tl_status tl_coalesce(tl_node *leaf, bool row_refs, tl_gradient *out);

/* Returns a pointer per row of the pair if its rows are references, or NULL if they are its values. */
const tl_real *const *tl_gradient_row_refs(const tl_graph *g, const tl_gradient *pair);

/* Returns a bound on the magnitudes in the pair if its rows are references, otherwise infinity; that if they
 * may not all be finite, too. */
double tl_row_refs_bound(const tl_graph *g, const tl_gradient *pair);

/* Copies rows that are references into the pair's values. */
void tl_gradient_pack(const tl_graph *g, const tl_gradient *pair);

#endif
