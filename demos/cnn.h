/* A convolutional network for digits, whose weights are removed in training. Functions that return bool leave
 * the reason of a failure in tl_error(). */
#ifndef CNN_H
#define CNN_H

#include "digits.h"
#include "flags.h"
#include "pruning.h"

enum { MAX_BLOCKS = LIST_LIMIT };

typedef struct cnn_options {
    integer_list filters; /* of each block */
    int64_t epochs, batch;
    int64_t shift; /* in training images are moved by up to this many pixels */
    double learning_rate, decay, dropout;
} cnn_options;

/* Filters of 3x3, batch normalisation, relu, and perhaps a maximum over windows of 2x2. */
typedef struct block {
    tl_variable *filters, *gain, *bias, *mean, *variance;
    int64_t channels; /* that it reads */
    bool halves;      /* the images */
} block;

/* The blocks, dropout, and a linear layer. */
typedef struct cnn {
    const cnn_options *o;
    const digits *d;
    bool sparse;
    int n_blocks;
    block block[MAX_BLOCKS];
    int64_t features; /* that the linear layer reads */
    tl_variable *weights, *bias;
    int64_t all_weights; /* the number of filters' and the linear layer's before the first removal */
    pruning plan;
    tl_optimizer *adam;
    tl_cosine_decay course;
    tl_random rng; /* of the order of the images, their shifts, and dropout */
    int64_t epoch, step;
    double loss, ms; /* of the last epoch: the mean; the median over the steps */
    int64_t bytes;   /* after it: of the variables, their patterns, and the optimizer's state */
    double accuracy; /* on the test images, 0 to 1 */
} cnn;

/* Makes a network of dense variables; or of sparse ones, of whose weights the part `density` is left in the
 * end. With one seed, all begin with the same weights. The names of variables begin with `name`. cnn_free
 * must be called even on failure. The options and the digits are borrowed. */
bool cnn_make_dense(cnn *m, const cnn_options *o, const digits *d, const char *name, uint64_t seed);
bool cnn_make_sparse(cnn *m, const cnn_options *o, const digits *d, const char *name, uint64_t seed,
                     double density);
void cnn_free(cnn *m);

/* Adds all that makes up a run of the network to a checkpoint. */
bool cnn_keep(cnn *m, const char *name, tl_checkpoint *c);

/* Makes a pass over the training images in random order, and removes weights when it is due. */
bool cnn_train_epoch(cnn *m);

/* Sets m->accuracy. */
bool cnn_test(cnn *m);

/* Returns the number of weights that exist, without biases and what belongs to the normalisation. */
int64_t cnn_weights(const cnn *m);

#endif
