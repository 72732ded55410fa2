/* Softmax of a row, and its limits where values are infinite. */
#include "softmax.h"
#include "reduce.h"
#include "vmath.h"

#include <math.h>

static tl_log_sum log_sum_of_limit(int64_t n, const tl_real *x, tl_real max)
{
    int64_t largest = 0;
    bool undefined = false;
    for (int64_t j = 0; j < n; j++) {
        largest += x[j] == max;
        undefined = undefined || isnan(x[j]);
    }
    return (tl_log_sum){ max, undefined ? (tl_real)NAN : (tl_real)log((double)largest) };
}

tl_log_sum tl_log_sum_exp(int64_t n, const tl_real *x)
{
    enum { STRIP = 256 }; /* values per call of tl_vexp: temporaries that stay in L1 */
    if (n == 0)
        return (tl_log_sum){ -INFINITY, 0 };
    tl_real max = x[0], e[STRIP];
    double sum = 0;
    for (int64_t j = 1; j < n; j++)
        max = x[j] > max ? x[j] : max;
    if (isinf(max))
        return log_sum_of_limit(n, x, max);
    for (int64_t j = 0; j < n; j += STRIP) {
        const int64_t m = n - j < STRIP ? n - j : STRIP;
        for (int64_t k = 0; k < m; k++)
            e[k] = x[j + k] - max;
        tl_vexp(m, e, e);
        for (int64_t k = 0; k < m; k++)
            sum += (double)e[k];
    }
    return (tl_log_sum){ max, (tl_real)log(sum) };
}

double tl_half_loss(tl_log_sum of, tl_real x)
{
    if (!isinf(of.max) || isnan(of.log_sum))
        return (double)of.log_sum / 2 + ((double)of.max / 2 - (double)x / 2);
    return of.max > 0 && x == of.max ? (double)of.log_sum / 2 : INFINITY;
}

/* Differences from an infinite maximum are not all defined. */
static tl_real limit(tl_real x, tl_log_sum of)
{
    return of.max > 0 && x == of.max ? (tl_real)exp((double)-of.log_sum) : x < INFINITY ? 0 : NAN;
}

void tl_softmax_row(int64_t n, const tl_real *x, tl_log_sum of, tl_real *restrict y)
{
    if (isinf(of.max)) {
        for (int64_t k = 0; k < n; k++)
            y[k] = limit(x[k], of);
        return;
    }
    for (int64_t k = 0; k < n; k++)
        y[k] = x[k] - of.max - of.log_sum;
    tl_vexp(n, y, y);
}

double tl_exp_row(int64_t n, const tl_real *x, tl_real *max, tl_real *restrict y)
{
    enum { STRIP = 1024 }; /* the differences stay in L1 until tl_vexp reads them */
    const tl_real largest = *max = tl_max_run(n, x);
    /* A causal mask makes ends of -Inf, at which tl_vexp is slow. */
    int64_t some = n;
    while (some > 0 && x[some - 1] == -INFINITY && !isnan(largest))
        y[--some] = 0;
    if (isinf(largest))
        for (int64_t k = 0; k < some; k++)
            y[k] = largest > 0 && x[k] == largest;
    else
        for (int64_t k = 0; k < some; k += STRIP) {
            const int64_t m = some - k < STRIP ? some - k : STRIP;
            for (int64_t j = k; j < k + m; j++)
                y[j] = x[j] - largest;
            tl_vexp(m, y + k, y + k);
        }
    return tl_sum_run(n, y, NULL);
}
