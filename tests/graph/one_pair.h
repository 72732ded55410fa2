/* A step of one gradient. */
#ifndef TL_TEST_ONE_PAIR_H
#define TL_TEST_ONE_PAIR_H

#include "tests/testing.h"

#include <string.h>

/* Makes a step of one pair, and copies the error of its graph, unless that is NULL. */
static inline tl_status feed(tl_optimizer *o, tl_gradient pair, char *error)
{
    tl_graph *g = tl_graph_new();
    tl_status status = tl_apply_gradients(o, &(tl_gradients){ .pair = &pair, .n = 1, .graph = g });
    ck_assert_int_eq(tl_graph_status(g), status);
    if (error)
        strcpy(error, tl_graph_error(g));
    tl_graph_free(g);
    return status;
}

#endif
