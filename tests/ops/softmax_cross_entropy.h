/* What the tests of softmax_cross_entropy without and with options share. */
#ifndef TL_TEST_SOFTMAX_CROSS_ENTROPY_H
#define TL_TEST_SOFTMAX_CROSS_ENTROPY_H

#include "tests/ops/labelled.h"

#define LOG_2       0.6931471805599453
#define SIGMOID_2_6 0.9308615796566533

/* Adds the tests of options, which are in op_softmax_cross_entropy_with.c. */
void tl_test_add_options(Suite *s);

#endif
