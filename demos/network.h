/* A multilayer perceptron with ReLU between its layers. Functions that return bool or NULL leave the reason
 * of a failure in tl_error(). */
#ifndef NETWORK_H
#define NETWORK_H

#include "digits.h"

enum { MAX_HIDDEN = 8 };

/* Layer l computes relu(X weight[l] + bias[l]); layer n_hidden is the output and has no relu. Weights may
 * be dense, masked or sparse. */
typedef struct network {
    int n_hidden;
    tl_variable *weight[MAX_HIDDEN + 1], *bias[MAX_HIDDEN + 1];
} network;

/* Creates a network with dense weights, initialised after He. size[n_hidden + 2]: the units of each layer,
 * from the pixels to the classes. network_free must be called even on failure. */
bool network_make(network *net, int n_hidden, const int64_t *size, tl_random *rng);
void network_free(network *net);

/* Returns the scores of n images, n x classes. */
tl_node *network_scores(tl_graph *g, const network *net, const tl_real *images, int64_t n);

/* Sets *accuracy to the part of the test images whose largest score is that of their label, 0 to 1. Resets
 * the graph. */
bool network_accuracy(tl_graph *g, const network *net, const digits *d, double *accuracy);

/* Makes the first failure of the graph tl_error(). Returns false. */
bool graph_failed(const tl_graph *g);

/* Returns the bytes of all weights and biases. */
int64_t network_bytes(const network *net);

#endif
