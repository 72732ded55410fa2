/* The backward pass and its result: (gradient, variable) pairs. */
#ifndef TL_GRADIENT_H
#define TL_GRADIENT_H

#include "graph.h"

typedef struct tl_gradient {
    tl_variable *variable;
    /* as many as the variable has values; row-sparse: n_rows whole rows. NULL: absent */
    tl_real *values;
    const int32_t *rows; /* row-sparse only: ascending, distinct; otherwise NULL */
    int64_t n_rows;      /* row-sparse only; may be 0 */
} tl_gradient;

/* Owned by the graph; lives until its reset. */
typedef struct tl_gradients {
    tl_gradient *pair;
    int32_t n;
    tl_graph *graph;
} tl_gradients;

/* Computes the gradient of a scalar loss with respect to every variable that it depends on: one pair per
 * variable, in the order of first tl_use (which C does not define among the arguments of one call). A
 * variable that is read only by lookups gets a row-sparse gradient with distinct rows: repeats are summed in
 * order of appearance within an op, the last op first. Each pass computes gradients anew. Errors stick to the
 * graph: a loss that is not a scalar (TL_ERR_SHAPE) or does not depend on any variable (TL_ERR_ARGUMENT). If
 * the loss is NULL, there is no graph, and tl_error() quotes the thread's last failure. */
TL_API tl_status tl_backward(tl_node *loss, tl_gradients *out);

/* The same for the n variables of `vars` only, in their order: gradients that lead only to others are not
 * computed. A variable that the loss does not depend on gets a pair with values == NULL. */
TL_API tl_status tl_backward_for(tl_node *loss, tl_variable *const *vars, int32_t n, tl_gradients *out);

/* Adds up gradients of several backward passes (micro-batches), in a graph that holds nothing else: for each
 * pair of g, total += weight * gradient, whatever its kind; absent ones add nothing. Copies what it needs of
 * g. Errors stick to `total`, and the sum is lost. Resetting `total` starts the next sum. */
TL_API tl_status tl_gradients_add(tl_graph *total, const tl_gradients *g, double weight);

/* Returns the sums as pairs for tl_apply_gradients: one per variable, in order of first appearance,
 * row-sparse ones with distinct rows. They live until the reset of `total`. */
TL_API tl_status tl_gradients_total(tl_graph *total, tl_gradients *out);

/* Returns the number of values of a pair, 0 if they are absent. */
TL_API int64_t tl_gradient_size(const tl_gradient *pair);

#endif
