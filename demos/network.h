/* A multilayer perceptron with ReLU between its layers. Functions that return bool or NULL leave the reason
 * of a failure in tl_error(). */
#ifndef NETWORK_H
#define NETWORK_H

#include "digits.h"
#include "flags.h"

enum { MAX_HIDDEN = LIST_LIMIT };

/* Layer l computes relu(X weight[l] + bias[l]); layer n_hidden is the output and has no relu. Weights may
 * be dense, masked or sparse. */
typedef struct network {
    int n_hidden;
    tl_trans layout; /* of weights: inputs x outputs, or, with TL_TRANSPOSE_B, outputs x inputs */
    tl_variable *weight[MAX_HIDDEN + 1], *bias[MAX_HIDDEN + 1];
} network;

/* Sets shape[hidden->n + 1] to those of the weights of a network for the images. */
void network_shapes(const integer_list *hidden, const digits *d, tl_shape *shape);

/* Creates such a network, with weights that are initialised after He: dense, or, with density[] of each
 * layer, sparse with that part of the connections, drawn at random. network_free must be called even on
 * failure. */
bool network_make(network *net, const integer_list *hidden, const digits *d, const double *density,
                  tl_random *rng);
void network_free(network *net);

/* Lists the weight and the bias of each layer, and returns their number. */
int network_variables(const network *net, tl_variable *list[2 * (MAX_HIDDEN + 1)]);

/* Returns the scores of n images, n x classes. */
tl_node *network_scores(tl_graph *g, const network *net, const tl_real *images, int64_t n);

/* Sets *accuracy to the part of the test images whose largest score is that of their label, 0 to 1. Resets
 * the graph. */
bool network_accuracy(tl_graph *g, const network *net, const digits *d, double *accuracy);

/* Prints the numbers of images and of the units of all layers. */
void network_print(const integer_list *hidden, const digits *d);

/* Returns the bytes of all weights and biases. */
int64_t network_bytes(const network *net);

#endif
