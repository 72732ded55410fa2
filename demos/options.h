/* The command line of pruned_mlp. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "methods.h"

typedef struct options {
    const char *data, *json, *csv, *dot; /* NULL: not given */
    double density;
    int n_hidden;
    int64_t hidden[MAX_HIDDEN];
    int64_t epochs, batch;
    double learning_rate; /* unless given, the optimizer's own */
    const optimizer_kind *optimizer;
    const schedule_kind *schedule;
    uint64_t seed;
    int threads;            /* -1: as the library starts with */
    bool method[N_METHODS]; /* which of them to run */
} options;

/* Reads the command line over the defaults. False where there is nothing to do but exit with *status: 0
 * after --help, 2 after a line on stderr that says what is wrong. */
bool options_read(options *o, int argc, char **argv, int *status);

#endif
