/* Tools for ops that normalise: layer_norm, rms_norm and batch_norm are made of them.
 *
 * A tensor is divided as by an axis (reduce.h) into outer x n x inner, and each of the n along the axis is
 * normalised by itself, over outer x inner elements: the rows of a matrix are { 1, rows, cols }, the channels
 * of images { images, channels, h w }. */
#ifndef TL_NORMALISE_H
#define TL_NORMALISE_H

#include "reduce.h"

/* How to normalise: X^ = (X - mean) / sqrt(variance + epsilon) if `centred`, otherwise
 * X / sqrt(mean of X^2 + epsilon). */
typedef struct tl_norm {
    double epsilon;
    bool centred;
} tl_norm;

/* What normalises: X^ = (X - mean - rest) scale. The mean has a rest because rounding it would lose what is
 * small beside it. */
typedef struct tl_moments {
    tl_real mean, rest, scale;
    tl_real variance; /* or the mean of X^2; of all elements, not of all but one */
} tl_moments;

/* Returns the moments of number i along the axis, computed in double from the differences from its first
 * element. Without elements, or where the variance and epsilon are 0, the scale is 0. */
TL_API tl_moments tl_moments_of(tl_axis of, int64_t i, const tl_real *x, tl_norm norm)
    TL_REAL_SYMBOL(tl_moments_of);

/* y[k] = X^ of x[k], for n elements that follow one another. */
TL_API void tl_normalise(int64_t n, const tl_real *x, tl_moments m, tl_real *y) TL_REAL_SYMBOL(tl_normalise);

/* Returns the sums of the gradient g of X^ and of g X^, along number i, in double. */
typedef struct tl_norm_sums {
    double g, gx;
} tl_norm_sums;
TL_API tl_norm_sums tl_norm_sums_of(tl_axis of, int64_t i, const tl_real *x, tl_moments m, const tl_real *g)
    TL_REAL_SYMBOL(tl_norm_sums_of);

/* dx[k] = (add: +=) scale (g[k] - mean - X^ slope): the gradient of X, with the means of g and of g X^. */
TL_API void tl_norm_gradient(int64_t n, const tl_real *x, tl_moments m, const tl_real *g, tl_real mean,
                             tl_real slope, tl_real *dx, bool add) TL_REAL_SYMBOL(tl_norm_gradient);

/* ---- Ops that normalise rows: Y = X^ gain + bias ----
 *
 * Their inputs are X, a gain and perhaps a bias, of which all but X may be absent; the attributes are a
 * tl_norm. */
TL_API tl_status tl_norm_shape(tl_node *y);
TL_API void tl_norm_forward(tl_node *y);
TL_API void tl_norm_backward(tl_node *y);

/* Returns how X^, normalised by rows, moves where X moves by dX. Its gradients go to X and dX; it has no
 * tangent. */
TL_API tl_node *tl_norm_direction(tl_node *x, tl_node *dx, tl_norm norm);

#endif
