/* Time, memory and bits. */
#include "measure.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

double peak_megabytes(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? (double)used.ru_maxrss / 1024 : 0;
}

/* FNV-1a of 64 bits, folded. */
uint32_t hash_of(tl_variable *const *vars, int n)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (int k = 0; k < n; k++) {
        const unsigned char *byte = (const void *)tl_variable_values(vars[k]);
        for (size_t i = 0; i < (size_t)tl_variable_size(vars[k]) * sizeof(tl_real); i++)
            hash = (hash ^ byte[i]) * 0x100000001b3;
    }
    return (uint32_t)(hash ^ hash >> 32);
}
