/* Figures of curves, as SVG. */
#ifndef PLOT_H
#define PLOT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct curve {
    char *field;
    int64_t n, capacity;
    double *x, *y; /* [n]; x ascends */
} curve;

typedef struct run {
    char *x_name; /* the field along the x axis; NULL: not told */
    int n;
    curve *curve; /* [n] in the order in which the fields appear */
} run;

typedef struct figure {
    int n_runs, n_fields;
    run *run;
    char **label;       /* of the runs */
    const char **field; /* of the panels, borrowed */
    bool log, linear;   /* y; neither: whichever suits the values */
    bool integer;       /* x: no ticks between integers */
} figure;

/* Returns the curve of a field, or NULL if the run has none. */
const curve *curve_in(const run *r, const char *field);

/* Draws a panel per field with a curve per run into an SVG file. False with the reason in tl_error(). */
bool figure_draw(const figure *f, const char *path);

#endif
