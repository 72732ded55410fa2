/* A multilayer perceptron with ReLU between its layers. Functions that return bool or NULL leave the reason
 * of a failure in tl_error(). */
#ifndef NETWORK_H
#define NETWORK_H

#include <tulle/tulle.h>

enum { MAX_HIDDEN = 8 };

/* Layer l computes relu(X weight[l] + bias[l]); layer n_hidden is the output and has no relu. Weights may
 * be dense, masked or sparse. */
typedef struct network {
    int n_hidden;
    tl_variable *weight[MAX_HIDDEN + 1], *bias[MAX_HIDDEN + 1];
} network;

/* From the units of each layer, pixels first, classes last: size[n_hidden + 2]. Weights are dense, drawn
 * after He. */
bool network_make(network *net, int n_hidden, const int64_t *size, tl_random *rng);
void network_free(network *net);

/* The scores of n images, n x classes. */
tl_node *network_scores(tl_graph *g, const network *net, const tl_real *images, int64_t n);

/* Bytes of all weights and biases. */
int64_t network_bytes(const network *net);

#endif
