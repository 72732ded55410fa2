/* The backward pass and its result: (gradient, variable) pairs. */
#ifndef TL_GRADIENT_H
#define TL_GRADIENT_H

#include "graph.h"

typedef struct tl_gradient {
    tl_variable *variable;
    /* dense: as the variable; of a sparse variable: nnz; row-sparse: n_rows whole rows. NULL: absent */
    tl_real *values;
    const int32_t *rows; /* row-sparse only: ascending, distinct; else NULL */
    int64_t n_rows;      /* row-sparse only; may be 0 */
} tl_gradient;

/* Owned by the graph; lives until its reset. */
typedef struct tl_gradients {
    tl_gradient *pair;
    int32_t n;
    tl_graph *graph;
} tl_gradients;

/* The gradient of a scalar loss with respect to every variable that it depends on, each once, in the order
 * of first tl_use (which C leaves open between two arguments of one call). A variable that is read only by
 * lookups gets a row-sparse gradient, coalesced: repeated rows are summed in order of appearance within an
 * op, the last op first. Each pass computes gradients of its own. Errors stick to the graph: a loss that
 * is not a scalar (TL_ERR_SHAPE), or reaches no variable (TL_ERR_ARGUMENT). A loss that is NULL has no
 * graph: tl_error() then quotes the thread's last failure. */
TL_API tl_status tl_backward(tl_node *loss, tl_gradients *out);

/* The same for the n variables of `vars`, in their order, and no others: what leads only elsewhere is not
 * computed. One that the loss does not reach is there with values == NULL. */
TL_API tl_status tl_backward_for(tl_node *loss, tl_variable *const *vars, int32_t n, tl_gradients *out);

/* Sums of gradients over several backward passes (micro-batches), in a graph that holds nothing else: for
 * each pair of g, total += weight * gradient, whatever its kind; absent ones add nothing. What the graph
 * of g holds is not needed any more afterwards. Errors stick to `total`, and the sum is lost. Resetting it
 * starts the next sum. */
TL_API tl_status tl_gradients_add(tl_graph *total, const tl_gradients *g, double weight);

/* The sums as pairs, for tl_apply_gradients: each variable once, in order of first appearance, row-sparse
 * ones coalesced. They live until the reset of `total`. */
TL_API tl_status tl_gradients_total(tl_graph *total, tl_gradients *out);

/* The number of values behind a pair: 0 if absent. */
TL_API int64_t tl_gradient_size(const tl_gradient *pair);

#endif
