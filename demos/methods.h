/* The ways to remove connections of a network that is being trained. */
#ifndef METHODS_H
#define METHODS_H

#include "network.h"
#include "optimizers.h"

/* What a method works on: a network, the optimizer that trains it, and what is to stay. */
typedef struct trainee {
    network net;
    const optimizer_kind *kind;
    double learning_rate;
    course course;
    tl_optimizer *optimizer;
    tl_pattern *keep[MAX_HIDDEN]; /* of each hidden weight matrix; NULL while it is whole */
    tl_gradient_mask mask[MAX_HIDDEN];
    tl_gradient_masks masks;
} trainee;

typedef struct method {
    const char *name, *what;
    bool (*remove)(trainee *t); /* what is not in t->keep; NULL: nothing is removed */
} method;

enum { N_METHODS = 4 };
extern const method methods[N_METHODS];

/* Fills in t->keep: exactly round(density * size) connections of each weight matrix that feeds a hidden
 * layer, those of the largest magnitude; among equals the ones that come first. */
bool choose_connections(trainee *t, double density);

/* Weights off t->keep that are not zero, and of how many. */
bool count_revived(const trainee *t, int64_t *revived, int64_t *removed);

void trainee_free(trainee *t);

#endif
