/* Pictures of patterns: which entries of a matrix exist, in a grid of cells, for the terminal and as SVG. */
#ifndef CONVERT_PICTURE_H
#define CONVERT_PICTURE_H

#include "convert_arrays.h"

#include <stdio.h>

typedef struct picture {
    int rows, cols;
    double
        *shade; /* [rows * cols], 0 to 1: how much of a cell is filled, on a scale that shows the structure */
} picture;

typedef enum order {
    ORDER_AUTO, /* by degree where a cell holds several entries */
    ORDER_FILE,
    ORDER_DEGREE /* rows and columns with most entries first */
} order;

/* Makes a picture of at most so many cells in the proportions of the matrix, or at most 4 : 1. */
picture picture_make(const tl_pattern *p, int most_rows, int most_cols, order o);
void picture_free(picture *p);

/* Prints it for a terminal: in braille, 2 x 4 cells a character, or in ASCII where the locale is not
 * UTF-8. */
void picture_print(const tl_pattern *p, FILE *out);

/* Writes it as SVG, with a title and the indices of rows and columns. False with the reason in tl_error(). */
bool picture_svg(const char *path, const tl_pattern *p, const char *title, order o);

#endif
