/* A perceptron in training, from whose hidden layers connections are removed.
 *
 * Functions that return bool leave the reason of a failure in tl_error(). */
#ifndef TRAINEE_H
#define TRAINEE_H

#include "network.h"
#include "optimizers.h"
#include "pruning.h"
#include "ranks.h"

typedef struct trainee_options {
    integer_list hidden;
    double density;
    int64_t epochs, batch; /* epochs of the first half, and of the second */
    double learning_rate;  /* 0: the optimizer's own */
    int64_t optimizer, schedule;
    int64_t gradual; /* 1: removes connections in the middle half of the run, not at once in its middle */
} trainee_options;

typedef struct trainee trainee;

/* A way to remove connections. */
typedef struct method {
    const char *name, *what;
    bool (*prepare)(trainee *t); /* before the first step; NULL: does nothing */
    /* Removes all but this part of the connections of each hidden layer: the largest stay. NULL: removes
     * nothing. */
    bool (*remove)(trainee *t, double density);
    bool for_ever; /* what it removes never comes back */
} method;

struct trainee {
    const method *method;
    const trainee_options *o;
    const digits *d;
    network net;
    course course;
    tl_optimizer *optimizer;
    pruning plan;
    tl_random rng; /* of the order of the images */
    int64_t epoch, step;
    double loss, ms;       /* of the last epoch: the mean; the median over the steps */
    int64_t pattern_bytes; /* after it, with what the products have cached in the patterns */
    double accuracy;       /* on the test images, 0 to 1 */
    /* Of the method that masks gradients: sparse variables, of which the pattern is what is kept. */
    tl_variable *kept[MAX_HIDDEN];
};

/* Makes a trainee, which must stay where it is. With one seed, all methods begin with the same weights and
 * get the images in the same order. trainee_free must be called even on failure. What is passed is
 * borrowed. */
bool trainee_make(trainee *t, const method *m, const trainee_options *o, const digits *d, uint64_t seed);
void trainee_free(trainee *t);

/* Adds all that makes up the trainee's run to a checkpoint. */
bool trainee_keep(trainee *t, tl_checkpoint *c);

/* Makes a pass over the training images, removes connections when it is due, and sets t->accuracy. */
bool trainee_train_epoch(trainee *t, ranks *by);

/* Gives all ranks what rank 0 has. */
bool trainee_broadcast(trainee *t, ranks *by);

/* Counts the removed connections: all, and those whose weights are not zero. */
typedef struct removal {
    int64_t removed, revived;
} removal;
removal count_removed(const trainee *t);

/* Return the rate that the optimizer begins with, and the number of epochs. */
double learning_rate_of(const trainee_options *o);
int64_t epochs_of(const trainee_options *o);

#endif
