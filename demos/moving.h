/* Networks that are sparse from the first step to the last, and whose connections may move. Functions that
 * return bool leave the reason of a failure in tl_error(). */
#ifndef MOVING_H
#define MOVING_H

#include "network.h"

typedef struct moving_options {
    integer_list hidden;
    int64_t rule; /* a tl_density_rule */
    int64_t epochs, batch, every;
    double fraction, until, learning_rate;
} moving_options;

typedef struct moving moving;

typedef struct method {
    const char *name, *what;
    /* Returns the pattern of w after k of its connections have moved. NULL: none ever do. */
    tl_pattern *(*move)(moving *n, tl_variable *w, int64_t k);
} method;

enum { STATIC, SET, RIGL, N_METHODS };
extern const method methods[N_METHODS + 1]; /* ends with one without a name */

/* What became of one network. */
typedef struct result {
    /* What it is. */
    const char *method;
    double density;
    uint64_t seed;

    int64_t done;        /* 1 if there is the rest */
    double accuracy;     /* on the test images, 0 to 1 */
    double loss;         /* mean of the last epoch */
    double ms;           /* of a step, mean */
    int64_t connections; /* at the end */
    int64_t moved;       /* in all moves together */
    int64_t bytes;       /* of weights and biases, their gradients, Adam's state, and patterns */
} result;

/* Trains the network of a density and a seed. m = NULL: a dense one. */
bool train_network(const moving_options *o, const digits *d, const method *m, result *out);

#endif
