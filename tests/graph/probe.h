/* What an op under test was asked to do. */
#ifndef TL_TEST_PROBE_H
#define TL_TEST_PROBE_H

#include "tests/testing.h"

#include <string.h>

static const tl_real numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static struct seen {
    int shapes, forwards;
    tl_node *in[4];
    const void *attr;
} seen;

static inline tl_status shape(tl_node *y)
{
    seen.shapes++;
    memcpy(seen.in, y->in, (size_t)y->n_in * sizeof *seen.in);
    seen.attr = y->attr;
    return tl_shape_dense(y, TL_SHAPE(2));
}

static inline void forward(tl_node *y)
{
    seen.forwards++;
    y->out[0] = y->out[1] = 7;
}

#endif
