/* Series of points: the curves of --svg. A checkpoint keeps them. */
#ifndef SERIES_H
#define SERIES_H

#include <stdbool.h>
#include <tulle/tulle.h>

enum { MOST_SERIES = 32, MOST_POINTS = 1000 };

typedef struct series {
    const char *panel, *label; /* borrowed */
    int64_t n;
    tl_variable *points; /* MOST_POINTS x 2: x and y */
} series;

typedef struct series_list {
    int n;
    series item[MOST_SERIES];
} series_list;

/* Adds an empty series to the list, and to a checkpoint. Those of one panel share axes, those of one label a
 * colour. NULL with the reason in tl_error(). */
series *series_new(series_list *list, tl_checkpoint *c, const char *panel, const char *label);

/* Adds a point, in order of x. Those beyond MOST_POINTS are left out; NULL is ignored. */
void series_add(series *s, double x, double y);

/* Draws the series into an SVG file. False with the reason in tl_error(). */
bool series_draw(const series_list *list, const char *x_name, const char *path);

void series_free(series_list *list);

#endif
