/* Gradients against finite differences, for built-in ops and the user's own. */
#ifndef TL_GRADCHECK_H
#define TL_GRADCHECK_H

#include "graph.h"

/* A zeroed field means the default. */
typedef struct tl_gradcheck_options {
    uint64_t seed; /* of the random upstream gradient */
    double step;   /* of the central difference, times max(1, |w|): 1e-5 in double, 1e-2 in float */
    /* |analytic - numeric| / max(|analytic|, |numeric|, 1): 1e-6 in double, 2e-2 in float */
    double tolerance;
    double reserved1, reserved2, reserved3, reserved4; /* must be 0; see optimizer.h */
} tl_gradcheck_options;

/* The function under test: builds a node of any shape and kind from the leaves of variables. It must compute
 * the same at every call. */
typedef tl_node *(*tl_build)(tl_graph *g, void *context);

/* Compares every element of the gradient of <U, build(g)>, U random, with its central difference, for each of
 * the n variables. Three kinds of pass are compared: a plain one; one with gradients already present in the
 * leaves, where a backward that writes = for += fails; and one per variable with only its gradient needed,
 * where a backward that ignores grad == NULL crashes. A gradient that an op can overwrite holds NaN before,
 * so that an op that does not assign all of it fails. Values are restored. TL_ERR_NUMERIC names the variable,
 * the element and both values: "gradcheck: w[3]: analytic 0.5, numeric -0.5". */
TL_API tl_status tl_gradcheck(tl_build build, void *context, tl_variable *const *vars, int32_t n,
                              const tl_gradcheck_options *options);

#endif
