/* The numbers of a log: what tl_log_file wrote, field by field. */
#ifndef CONVERT_LOG_H
#define CONVERT_LOG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct curve {
    char *field;
    int64_t n, capacity;
    double *x, *y; /* [n]; x ascends */
} curve;

typedef struct run {
    char *x_name; /* the field along the x axis; "line" where there is none */
    int n;
    curve *curve; /* [n] in the order in which the fields appear */
} run;

/* Reads a log. `x` names the field along the x axis; NULL: step or epoch, whichever the first line has, or
 * the line's number. Where x does not ascend, as after a resume, the later lines replace those before. A
 * last line without an end is left out. False with the reason in tl_error(). */
bool run_read(run *r, const char *path, const char *x);

void run_free(run *r);

#endif
