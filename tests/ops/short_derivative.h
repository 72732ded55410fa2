/* Derivatives for which memory is short. */
#ifndef SHORT_DERIVATIVE_H
#define SHORT_DERIVATIVE_H

#include "derivative.h"
#include "tests/testing.h"

/* Checks that the derivative of Y along X itself fails whichever of its allocations does, and that nothing is
 * lost. `build` records Y and sets *x; what Y has many of should be some thousands, so that a graph needs new
 * memory for them. */
static inline void check_short_derivative(tl_node *(*build)(tl_graph *g, tl_node **x))
{
    int64_t failures = 0;
    for (bool fits = false; !fits; failures += !fits) {
        tl_graph *g = tl_graph_new();
        tl_node *x, *y = build(g, &x);
        ck_assert_ok(tl_graph_status(g));
        tl_test_fail_allocation(failures + 1);
        fits = tl_derivative(y, 1, &x, &x);
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_graph_status(g), fits ? TL_OK : TL_ERR_MEMORY);
        tl_graph_free(g);
    }
    ck_assert_int_ge(failures, 1);
}

#endif
