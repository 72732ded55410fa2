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
    double learning_rate; /* default: the optimizer's own */
    const optimizer_kind *optimizer;
    const schedule_kind *schedule;
    uint64_t seed;
    int64_t threads;        /* -1: the library's default */
    bool method[N_METHODS]; /* which of them to run */
} options;

/* Sets the defaults, then reads the command line. Returns false if the program must exit with *status: 0
 * after --help, 2 after an error message on stderr. */
bool options_read(options *o, int argc, char **argv, int *status);

#endif
