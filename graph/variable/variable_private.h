/* A variable's fields, and what the rooms above variable/ ask of masks and rows. */
#ifndef TL_VARIABLE_PRIVATE_H
#define TL_VARIABLE_PRIVATE_H

#include <pthread.h>

#include "graph/variable/companion.h"

struct tl_variable {
    char *name;
    tl_shape shape;
    bool sparse;
    tl_pattern *pattern; /* of a sparse variable; the mask of a masked one; otherwise NULL */
    int64_t size;
    tl_real *data;
    tl_companion *companions;
    pthread_mutex_t lock; /* held while pending updates are applied on behalf of a reader */
};

/* The number of values in a row of a table: all dimensions but the first. */
int64_t tl_row_width(const tl_variable *v);

/* Checks that the pattern has the shape of the variable seen as a matrix. TL_ERR_SHAPE. */
tl_status tl_check_pattern_shape(const char *who, const tl_variable *v, const tl_pattern *p);

size_t tl_element_size(tl_element element);

/* Sets elements at .. at+n-1 of an array. */
void tl_fill(void *data, tl_element element, int64_t at, int64_t n, tl_real value);

/* Sets the elements off `keep` in an array laid out as a matrix of its shape. */
void tl_fill_off_pattern(void *data, tl_element element, const tl_pattern *keep, tl_real value);

#endif
