/* The command line of tulle-convert. */
#ifndef CONVERT_OPTIONS_H
#define CONVERT_OPTIONS_H

#include "convert_formats.h"
#include "convert_picture.h"

enum { MOST_NAMES = 64 };

typedef enum command { COMMAND_CONVERT, COMMAND_INFO, COMMAND_PLOT } command;

typedef struct options {
    command command;
    int n_paths;
    char **path;
    const format *from, *to; /* NULL: by the names of the files */
    settings settings;
    int n_names;
    const char *name[MOST_NAMES]; /* the arrays to take; none: all */
    const char *pattern, *svg, *x, *y;
    bool sparse, dense, drop, weights, plain, log, linear;
    int element; /* -1: as it is */
    order order;
} options;

/* Reads the command line. False if the program must exit with *status: 0 after --help, 2 after a message on
 * stderr. */
bool options_read(options *o, int argc, char **argv, int *status);

#endif
