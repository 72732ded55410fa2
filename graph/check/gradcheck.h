/* Comparison of gradients with finite differences, for built-in ops and the user's own. */
#ifndef TL_GRADCHECK_H
#define TL_GRADCHECK_H

#include "graph.h"

/* A zeroed field means the default. */
typedef struct tl_gradcheck_options {
    uint64_t seed; /* of the random upstream gradient */
    double step;   /* of the central difference, times max(1, |w|); default 1e-5 in double, 1e-2 in float */
    /* Bound of |analytic - numeric| / max(|analytic|, |numeric|, 1); default 1e-6 in double, 2e-2 in
     * float. */
    double tolerance;
    double reserved1, reserved2, reserved3, reserved4; /* must be 0; see optimizer.h */
} tl_gradcheck_options;

/* The function under test: builds a node of any shape and kind from the leaves of variables. It must give the
 * same result at every call. */
typedef tl_node *(*tl_build)(tl_graph *g, void *context);

/* Compares every element of the gradient of <U, build(g)>, U random, with its central difference, for each
 * of the n variables, off a mask excepted, in three kinds of pass: a plain one; one with gradients already
 * present in the leaves, where a backward that writes = for += fails; and one per variable that computes
 * only its gradient, where a backward that ignores grad == NULL crashes. A gradient that an op may
 * overwrite is NaN before, so an op that does not assign to all of it fails. Then, where every op on the
 * way has a tangent, compares tl_derivative along a random direction with the gradients. Values are
 * restored. TL_ERR_NUMERIC gives the variable, the element and both values: "gradcheck: w[3]: analytic
 * 0.5, numeric -0.5". TL_ERR_ARGUMENT for an option out of range, a list that tl_backward_for refuses, or
 * a function that returns no node or one of another size; the error of an op that fails; TL_ERR_MEMORY. */
TL_API tl_status tl_gradcheck(tl_build build, void *context, tl_variable *const *vars, int32_t n,
                              const tl_gradcheck_options *options);

#endif
