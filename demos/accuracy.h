/* The test of a model that classifies digits. */
#ifndef ACCURACY_H
#define ACCURACY_H

#include "digits.h"

/* Returns the scores of n images by a model, n x classes. */
typedef tl_node *scores_function(tl_graph *g, const void *model, const tl_real *images, int64_t n);

/* Sets *accuracy to the part of the test images whose largest score is that of their label, 0 to 1. False
 * with the reason in tl_error(). */
bool test_accuracy(const digits *d, scores_function *scores, const void *model, double *accuracy);

#endif
