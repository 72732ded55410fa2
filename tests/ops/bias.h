/* Samples of ops that add a row to each row. */
#ifndef TL_TEST_BIAS_H
#define TL_TEST_BIAS_H

#include "tests/ops/long_sum.h"

#include <math.h>

#define ROWS(n, ...)                                                                                         \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_DENSE_OPERAND(n) }                                         \
    }
#define REFUSED(a, b, text)                                                                                  \
    {                                                                                                        \
        .in = { a, b }, .status = TL_ERR_SHAPE, .error = text                                                \
    }

static const tl_sample samples[] = {
    ROWS(5, 3, 5), ROWS(1, 1), ROWS(5, 5), ROWS(17, 17), ROWS(1, 65, 1), ROWS(65, 1, 65), ROWS(3, 17, 3),
    ROWS(4, 2, 3, 4), ROWS(63, 3, 1, 63), ROWS(2, 2, 1, 3, 2), ROWS(0, 0), ROWS(3, 0, 3), ROWS(0, 3, 0),
    ROWS(3, 2, 0, 3), ROWS(1, 0, 2, 0, 1), ROWS(63, 65, 63), ROWS(130, 63, 130), ROWS(65, 1, 17, 3, 65),
    ROWS(65, 5, 3, 65), ROWS(130, 300, 130), ROWS(600, 30, 600),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3), "a (3x4) and b [3]: the second must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(5), "a (3x4) and b [5]: the second must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(0), "a (3x4) and b [0]: the second must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(1), "a (3x4) and b [1]: the second must be [4]"),
    /* unlike add, b is a row */
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_SCALAR_OPERAND, "a (3x4) and b (scalar): the second must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3, 4), "a (3x4) and b (3x4): the second must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 1), "a (3x4) and b (4x1): the second must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(1, 4), "a (3x4) and b (1x4): the second must be [4]"),
    REFUSED(TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(3, 4),
            "a (2x3x4) and b (3x4): the second must be [4]"),
    REFUSED(TL_SCALAR_OPERAND, TL_DENSE_OPERAND(1), "a (scalar) and b [1]: the first is a scalar"),
    REFUSED(TL_SCALAR_OPERAND, TL_SCALAR_OPERAND, "a (scalar) and b (scalar): the first is a scalar")
};

#endif
