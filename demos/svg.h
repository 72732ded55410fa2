/* SVG files: text, and axes with round ticks. */
#ifndef SVG_H
#define SVG_H

#include <stdbool.h>
#include <stdio.h>

typedef struct svg {
    FILE *file;
    const char *path; /* borrowed; "-" is stdout */
} svg;

/* Creates a file and writes its head. False with the reason in tl_error(). */
bool svg_open(svg *s, const char *path, double width, double height);

void svg_print(svg *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes a text at a point, escaped; `anchor` is "start", "middle" or "end". */
void svg_text(svg *s, double x, double y, const char *anchor, int size, const char *fill, const char *text);

/* Returns the colour of curve or class k, from 0: those that most people can tell apart, then again. */
const char *svg_colour(int k);

/* False with the reason in tl_error() if anything was not written; the file is then removed. */
bool svg_close(svg *s);

/* An axis maps low .. high to from .. to, pixels along it; `at` is where it is across. */
typedef struct axis {
    double low, high; /* low < high */
    double from, to, at;
    bool vertical;
    bool log;     /* low > 0 */
    bool integer; /* no ticks between integers */
    double grid;  /* lines across to this pixel; 0: none */
} axis;

/* Returns the pixel of a value. */
double axis_map(const axis *a, double x);

enum { MOST_TICKS = 32 };

/* Sets the ticks within the axis, in ascending order: multiples of 1, 2 or 5 times a power of ten or, on a
 * logarithmic axis of several decades, powers of ten. Returns their number. `wanted` is about how many. */
int axis_ticks(const axis *a, int wanted, double tick[MOST_TICKS]);

/* Writes a tick as a label, with as many digits as tell ticks at this distance apart: 0.25, 150, 20k,
 * 1e-5. */
void axis_label(char to[32], double tick, double distance);

/* Draws ticks, labels and grid lines. */
void axis_draw(svg *s, const axis *a, int wanted);

#endif
