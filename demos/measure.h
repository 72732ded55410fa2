/* Time, memory and bits. */
#ifndef MEASURE_H
#define MEASURE_H

#include <tulle/tulle.h>

/* Returns seconds since some time in the past. */
double seconds(void);

/* Returns the median of n >= 1 numbers, and sorts them. */
double median(double *x, int64_t n);

/* Returns the largest resident memory of the process so far, in MB; 0 if the system does not tell. */
double peak_megabytes(void);

/* Returns a hash of the values of variables: another one if any bit differs, but for one case in 2^32. */
uint32_t hash_of(tl_variable *const *vars, int n);

#endif
