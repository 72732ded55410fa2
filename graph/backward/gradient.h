/* The backward pass and its result: (gradient, variable) pairs. */
#ifndef TL_GRADIENT_H
#define TL_GRADIENT_H

#include "graph.h"

/* The gradient of one variable. */
typedef struct tl_gradient {
    tl_variable *variable;
    /* One per value of the variable; if row-sparse, n_rows rows of the table. NULL: absent. */
    tl_real *values;
    const int32_t *rows; /* row-sparse: ascending, distinct; dense: NULL */
    int64_t n_rows;      /* row-sparse only; may be 0 */
} tl_gradient;

/* A list of pairs. The pairs and their arrays are owned by the graph and valid until its reset. */
typedef struct tl_gradients {
    tl_gradient *pair;
    int32_t n;
    tl_graph *graph;
} tl_gradients;

/* Computes the gradient of a scalar loss (of any rank: a 1x1 counts as one) with respect to every variable
 * that it depends on: one pair per variable, in the order of first tl_use (which C does not define among the
 * arguments of one call). A variable that is read only by lookups gets a row-sparse gradient with distinct
 * rows: repeats are summed in double, in order of appearance within an op, the last op first. Each pass
 * computes gradients anew. Errors stick to the graph: a loss that is not a scalar (TL_ERR_SHAPE), is sparse
 * (TL_ERR_KIND) or does not depend on any variable (TL_ERR_ARGUMENT); TL_ERR_MEMORY. If the loss is NULL,
 * there is no graph, and tl_error() quotes the thread's last failure. */
TL_API tl_status tl_backward(tl_node *loss, tl_gradients *out);

/* The same for the n variables of `vars` only, in their order; gradients that only other variables need are
 * not computed. A variable that the loss does not depend on gets a pair with values == NULL. TL_ERR_ARGUMENT
 * also if the list is empty or has a NULL or a repeat. */
TL_API tl_status tl_backward_for(tl_node *loss, tl_variable *const *vars, int32_t n, tl_gradients *out);

/* Adds up gradients of several backward passes (micro-batches, or parts of a batch) in `total`, a graph that
 * is used for nothing else. Call k, from 0, is part k: weight * gradient for each pair of g, dense or
 * row-sparse. A part may lack a pair or rows of one, or all (g = NULL). The sum is that of a balanced binary
 * tree over the numbers of the parts: a block of 2^i parts that begins at a multiple of 2^i is the sum of
 * its halves, and a half that is absent is skipped. The bits thus depend on the parts and their numbers
 * alone, and not on who computed which; the error grows with log P for P parts, not with P.
 * Products and sums are rounded to tl_real, one after the other, and the values are copied, so g's graph may
 * be reset. `total` holds at most 1 + log2 P sums per variable, each of all values or of the rows that its
 * parts have. Errors stick to
 * `total`, and the sum is lost: a pair that does not fit its variable (TL_ERR_ARGUMENT, TL_ERR_KIND,
 * TL_ERR_INDEX), TL_ERR_MEMORY. Resetting `total` starts the next sum. */
TL_API tl_status tl_gradients_add(tl_graph *total, const tl_gradients *g, double weight);

/* Sets *out to the sums of the parts so far, as pairs for tl_apply_gradients: one per variable, in order of
 * first appearance, row-sparse ones with distinct rows. They are valid until the reset of `total`; more parts
 * may follow, for the next total. TL_ERR_MEMORY, or the error that stuck to `total`. */
TL_API tl_status tl_gradients_total(tl_graph *total, tl_gradients *out);

/* Returns the number of values of a pair: 0 if they, their variable or the pair are absent. */
TL_API int64_t tl_gradient_size(const tl_gradient *pair);

#endif
