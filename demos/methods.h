/* The ways to remove connections of a network that is being trained. */
#ifndef METHODS_H
#define METHODS_H

#include "network.h"
#include "optimizers.h"

/* A network, the optimizer that trains it, and the connections to keep. */
typedef struct trainee {
    network net;
    const optimizer_kind *kind;
    double learning_rate;
    course course;
    tl_optimizer *optimizer;
    tl_pattern *keep[MAX_HIDDEN]; /* of each hidden weight matrix; NULL before the choice */
    tl_gradient_mask mask[MAX_HIDDEN];
    tl_gradient_masks masks;
} trainee;

typedef struct method {
    const char *name, *what;
    bool (*remove)(trainee *t); /* removes the connections off t->keep; NULL: removes nothing */
    bool for_ever;              /* what it removes never comes back */
} method;

enum { N_METHODS = 4 };
extern const method methods[N_METHODS + 1]; /* ends with one without a name */

/* Sets t->keep: of each weight matrix that feeds a hidden layer, exactly the round(density * size)
 * connections of largest magnitude; among equals, the first. */
bool choose_connections(trainee *t, double density);

/* Counts the weights off t->keep: those that are not zero, and all. */
bool count_revived(const trainee *t, int64_t *revived, int64_t *removed);

void trainee_free(trainee *t);

#endif
