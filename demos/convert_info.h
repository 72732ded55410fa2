/* What `tulle-convert info` prints of arrays. */
#ifndef CONVERT_INFO_H
#define CONVERT_INFO_H

#include "convert_arrays.h"

#include <stdio.h>

/* Prints shape, entries and statistics of each array and, if asked for, a picture of those that are
 * sparse. */
void info_print(const arrays *list, bool pictures, FILE *out);

/* Returns the entries of an array that are not 0, for a picture; NULL with the reason in tl_error(). */
tl_pattern *info_pattern(const array *a);

#endif
