/* Vector mathematics for authors of ops: functions of whole arrays on one thread, in the instruction set of
 * tl_kernel_level().
 *
 * An element of a result depends on the elements of the arguments at its place and on nothing else: neither
 * on n nor on the place. So a loop may be split in any way, over any number of threads, and the bits stay the
 * same. y may be x; otherwise the arrays do not overlap. n may be 0. */
#ifndef TL_VMATH_H
#define TL_VMATH_H

#include "base.h"

/* y[k] = exp(x[k]), log(1 + x[k]) and tanh(x[k]), within 4 units in the last place, and the sigmoid
 * 1 / (1 + exp(-x[k])), within 6. */
TL_API void tl_vexp(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vexp);
TL_API void tl_vlog1p(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vlog1p);
TL_API void tl_vtanh(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vtanh);
TL_API void tl_vsigmoid(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vsigmoid);

/* y[k] += x[k], and y[k] += a x[k] (the BLAS's axpy): fused, that is rounded once, if the instruction set has
 * fused multiply-add, otherwise the product is rounded first. */
TL_API void tl_vadd(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vadd);
TL_API void tl_vaxpy(int64_t n, tl_real a, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vaxpy);

/* Returns the sum of x[k] y[k]: 64 partial sums, sum k mod 64 taking term k (fused as in tl_vaxpy), which are
 * then added by halves: sum l + sum l + 32 for l < 32, and so on until one is left. */
TL_API tl_real tl_vdot(int64_t n, const tl_real *x, const tl_real *y) TL_REAL_SYMBOL(tl_vdot);

#endif
