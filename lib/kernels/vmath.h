/* Vector mathematics for authors of ops: functions of whole arrays, on the caller's thread and in the
 * instruction set of tl_kernel_level().
 *
 * An element of an output depends on the elements of the inputs at its index and on nothing else: neither on
 * n, nor on the index, nor on the alignment. So a loop may be split in any way, over any number of threads,
 * and the bits stay the same. Between instruction sets the last bits may differ.
 *
 * "Error: 3, 4" means at most 3 units in the last place of the exact result in float, and 4 in double. That
 * holds on every instruction set in the default floating-point mode, with glibc's vector functions (libmvec)
 * and with its scalar ones, which are used where there is no libmvec. 0.5 is correct rounding; the unit of a
 * subnormal result is the smallest number. Zeros of both signs, infinities, NaN and arguments outside of the
 * domain give what Annex F of the C standard demands. errno and floating-point exceptions are not
 * meaningful.
 *
 * An output may be an input; otherwise it does not overlap one. If n is 0 or less, nothing is read or
 * written. */
#ifndef TL_VMATH_H
#define TL_VMATH_H

#include "base.h"

/* y[k] = e^x[k]. Error: 3, 4. */
TL_API void tl_vexp(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vexp);

/* y[k] = e^x[k] - 1, accurate for small x[k], too. Error: 3, 4. */
TL_API void tl_vexpm1(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vexpm1);

/* y[k] = log(x[k]), to base e. Error: 4, 2. */
TL_API void tl_vlog(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vlog);

/* y[k] = log(1 + x[k]), accurate for small x[k], too. Error: 3, 3. */
TL_API void tl_vlog1p(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vlog1p);

/* y[k] = tanh(x[k]). Error: 3, 3. */
TL_API void tl_vtanh(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vtanh);

/* y[k] = 1 / (1 + e^-x[k]), the logistic sigmoid, without overflow. Error: 6, 6. */
TL_API void tl_vsigmoid(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vsigmoid);

/* y[k] = erf(x[k]), the error function. Error: 4, 3. */
TL_API void tl_verf(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_verf);

/* y[k] = 1 - erf(x[k]), accurate where that is small, too. Error: 4, 4. */
TL_API void tl_verfc(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_verfc);

/* y[k] = sin(x[k]) and cos(x[k]), of radians of any magnitude. Error: 4, 4. */
TL_API void tl_vsin(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vsin);
TL_API void tl_vcos(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vcos);

/* y[k] = the square root of x[k]. Error: 0.5, 0.5. */
TL_API void tl_vsqrt(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vsqrt);

/* z[k] = x[k]^y[k]. Error: 2, 2. Of a negative number only integer powers are defined; others are NaN. */
TL_API void tl_vpow(int64_t n, const tl_real *x, const tl_real *y, tl_real *z) TL_REAL_SYMBOL(tl_vpow);

/* y[k] = x[k]^exponent. Error: 2, 2. The exponents -1, -0.5, 0.5, 1, 2 and 3 are computed by products,
 * quotients and square roots, and are as fast as these; 1 is exact. Other integers are as fast for negative
 * numbers as for positive ones, which they are not in tl_vpow. The bits may differ from those of tl_vpow. */
TL_API void tl_vpow_scalar(int64_t n, const tl_real *x, tl_real exponent, tl_real *y)
    TL_REAL_SYMBOL(tl_vpow_scalar);

/* Activation functions of neural networks: y[k] = log(1 + e^x[k]); x[k] / (1 + e^-x[k]); and x[k] P, with the
 * standard normal distribution P at x[k]. The limits at -infinity are 0. Error: 5, 5; of tl_vgelu: 5, 7. */
TL_API void tl_vsoftplus(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vsoftplus);
TL_API void tl_vsilu(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vsilu);
TL_API void tl_vgelu(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vgelu);

/* Their gradients: dx[k] = dy[k] times the derivative at x[k]. Where that has two terms, which may cancel,
 * the errors, as above, are in units of the sum of their magnitudes. */
TL_API void tl_vsoftplus_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
    TL_REAL_SYMBOL(tl_vsoftplus_gradient);
TL_API void tl_vsilu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
    TL_REAL_SYMBOL(tl_vsilu_gradient);
TL_API void tl_vgelu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
    TL_REAL_SYMBOL(tl_vgelu_gradient);

/* y[k] += x[k], and y[k] += a x[k] (the BLAS's axpy), whose product is rounded only if the instruction
 * set has no fused multiply-add (baseline). Here x and y do not overlap. */
TL_API void tl_vadd(int64_t n, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vadd);
TL_API void tl_vaxpy(int64_t n, tl_real a, const tl_real *x, tl_real *y) TL_REAL_SYMBOL(tl_vaxpy);

/* Returns the sum of x[k] y[k]: 64 partial sums, sum k mod 64 taking term k in the order of k, its
 * product rounded as by tl_vaxpy; then by halves: sum l += sum l + 32 for l < 32, the same with 16 in place
 * of 32, and so on until one is left. */
TL_API tl_real tl_vdot(int64_t n, const tl_real *x, const tl_real *y) TL_REAL_SYMBOL(tl_vdot);

/* Computes n blocks of four random words: those of tl_philox (random.h) at counters (0, counter + k). */
TL_API void tl_vphilox(uint64_t key, uint64_t counter, int64_t n, uint32_t *out);

#endif
