/* Pruning at initialisation: scores of connections before any training, and the choice of the best. */
#ifndef SCORES_H
#define SCORES_H

#include "digits.h"
#include "network.h"

/* What connections are scored on. */
typedef struct scoring {
    network *net; /* its weights are sparse */
    tl_graph *graph;
    tl_random *rng;
    int64_t n; /* images in the batch */
    const tl_real *image;
    const int32_t *label;
    tl_real *work; /* prune's: one per connection and input */
} scoring;

typedef struct pruner {
    const char *name, *what;
    /* Sets score[] of all connections, by layer and in the order of the pattern: the larger, the better. */
    bool (*score)(scoring *s, tl_real *score);
    int rounds;    /* of scoring and removal, on the way from all connections to those that are kept */
    bool informed; /* the score is one of those that should beat chance */
} pruner;

enum { N_PRUNERS = 6 };
extern const pruner pruners[N_PRUNERS]; /* the first is by chance */

/* Removes connections until round(density * all) are left, ranked over all layers together. The others keep
 * their values. */
bool prune(const pruner *p, double density, scoring *s);

#endif
