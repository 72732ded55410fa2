/* What the tests of ops that normalise share: the formula, in long double. */
#ifndef TL_NORM_H
#define TL_NORM_H

#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

typedef struct moments {
    long double mean, variance;
} moments;

/* Returns the moments of n elements with a stride; those about 0 unless centred. */
static inline moments moments_of(const double *x, int64_t n, int64_t stride, bool centred)
{
    moments m = { 0, 0 };
    for (int64_t k = 0; k < n && centred; k++)
        m.mean += (long double)x[k * stride] / (long double)n;
    for (int64_t k = 0; k < n; k++) {
        const long double d = (long double)x[k * stride] - m.mean;
        m.variance += d * d / (long double)n;
    }
    return m;
}

/* The reference of an op that normalises rows, with a gain and perhaps a bias. */
static inline tl_shape normalise_rows(tl_reference *r, double epsilon, bool centred)
{
    const tl_shape a = r->shape[0];
    const int64_t n = tl_shape_cols(a);
    const double *gain = r->in[1], *bias = r->n_in > 2 ? r->in[2] : NULL;
    for (int64_t i = 0; i < tl_shape_rows(a); i++) {
        const moments m = moments_of(r->in[0] + i * n, n, 1, centred);
        for (int64_t k = 0; k < n; k++) {
            const long double x = ((long double)r->in[0][i * n + k] - m.mean) /
                                  sqrtl(m.variance + (long double)epsilon);
            const double g = gain ? gain[k] : 1, b = bias ? bias[k] : 0;
            r->y[i * n + k] = (double)(x * (long double)g + (long double)b);
            r->terms[i * n + k] = (fabs((double)x) + 1) * fabs(g) + fabs(b);
        }
    }
    return a;
}

#endif
