/* The output of pruned_mlp: the table and the files. */
#ifndef REPORT_H
#define REPORT_H

#include "digits.h"
#include "options.h"
#include "output.h"

typedef struct result {
    double accuracy;          /* on the test images, 0 to 1 */
    int64_t revived, removed; /* weights off the pattern that are not zero, and all that are off it */
    double ms_per_step;       /* median over the steps after the removal */
    int64_t bytes;            /* of weights, biases and optimizer state */
    int64_t pattern_bytes;    /* of the patterns, their cached transposes included */
} result;

/* Print the lines of the table on stdout. */
void print_head(const options *o, const digits *d);
void print_row(const method *m, const result *r);

/* Write the results: result[k] is that of methods[k], for every k with o->method[k]. */
void write_json(FILE *out, const options *o, const digits *d, const result *r);
void write_csv(FILE *out, const options *o, const result *r);

#endif
