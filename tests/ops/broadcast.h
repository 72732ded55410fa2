/* Shapes that no elementwise op of two operands takes. */
#ifndef TL_TEST_BROADCAST_H
#define TL_TEST_BROADCAST_H

#include "check_tulle.h"

#define REFUSED(a, b, its_status, text)                                                                      \
    {                                                                                                        \
        .in = { a, b }, .status = its_status, .error = text                                                  \
    }

/* Samples; what an op says of sparse operands follows. */
#define REFUSED_SHAPES                                                                                       \
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(5, 6), TL_ERR_SHAPE,                                    \
            "a (3x4) and b (5x6) do not broadcast: 3 and 5 differ, and neither is 1"),                       \
        REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3), TL_ERR_SHAPE,                                   \
                "a (3x4) and b [3] do not broadcast: 4 and 3 differ, and neither is 1"),                     \
        REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(0), TL_ERR_SHAPE,                                   \
                "a (3x4) and b [0] do not broadcast: 4 and 0 differ, and neither is 1"),                     \
        REFUSED(TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 4), TL_ERR_SHAPE,                             \
                "a (2x3x4) and b (2x4) do not broadcast: 3 and 2 differ, and neither is 1"),                 \
        REFUSED(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(2, 3, 3), TL_ERR_SHAPE,                                \
                "a [4] and b (2x3x3) do not broadcast: 4 and 3 differ, and neither is 1")

#endif
