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
    tl_trans layout;    /* of weights: inputs x outputs, or, with TL_TRANSPOSE_B, outputs x inputs */
    bool dense_if_full; /* see product() */
    tl_variable *weight[MAX_HIDDEN + 1], *bias[MAX_HIDDEN + 1];
} network;

/* Sets shape[hidden->n + 1] to those of the weights of a network for the images. */
void network_shapes(const integer_list *hidden, const digits *d, tl_shape *shape);

/* Creates such a network, with weights that are initialised after He: dense, or, with density[] of each
 * layer, sparse with that part of the connections, drawn at random. The names of variables begin with
 * `prefix`. network_free must be called even on failure. */
bool network_make(network *net, const char *prefix, const integer_list *hidden, const digits *d,
                  const double *density, tl_random *rng);
void network_free(network *net);

/* Lists the weight and the bias of each layer, and returns their number. */
int network_variables(const network *net, tl_variable *list[2 * (MAX_HIDDEN + 1)]);

/* Returns a sparse variable of zeros in which all connections exist as yet. */
tl_variable *sparse_full(const char *name, int64_t rows, int64_t cols);

/* Replaces the first n weights, which are dense, by sparse variables with the same values, in which all
 * connections exist as yet. Sets net->dense_if_full. */
bool network_make_sparse(network *net, int n);

/* Removes all but the part `density` of the connections of each hidden layer: the largest stay. */
bool network_prune(network *net, double density);

/* Returns X W of a dense or a sparse variable, in this layout. With dense_if_full, the product is a dense one
 * as long as all connections of a sparse variable exist: it is faster, and has the bits of a dense
 * variable. */
tl_node *product(tl_graph *g, tl_node *x, tl_variable *w, tl_trans layout, bool dense_if_full);

/* Returns the scores of n images, n x classes. */
tl_node *network_scores(tl_graph *g, const network *net, const tl_real *images, int64_t n);

/* Sets *accuracy to the part of the test images whose largest score is that of their label, 0 to 1. */
bool network_accuracy(const network *net, const digits *d, double *accuracy);

/* Saves the weights and biases as w1, b1, w2 and so on, whatever the variables' prefix; and loads those of a
 * file into a network whose variables have none. */
bool network_save(const network *net, const char *path);
bool network_load(network *net, const char *path);

/* Prints the numbers of images and of the units of all layers. */
void network_print(const integer_list *hidden, const digits *d);

/* Return the number of connections, and the bytes of all weights and biases. */
int64_t count_connections(const network *net);
int64_t network_bytes(const network *net);

#endif
