/* Vector mathematics for authors of ops: the kernels on plain arrays, exported. */
#include "vmath.h"
#include "lib/kernels/kernels.h"

void tl_vexp(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->exp(n, x, y);
}

void tl_vexpm1(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->expm1(n, x, y);
}

void tl_vlog(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->log(n, x, y);
}

void tl_vlog1p(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->log1p(n, x, y);
}

void tl_vtanh(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->tanh(n, x, y);
}

void tl_vsigmoid(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->sigmoid(n, x, y);
}

void tl_verf(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->erf(n, x, y);
}

void tl_verfc(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->erfc(n, x, y);
}

void tl_vsin(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->sin(n, x, y);
}

void tl_vcos(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->cos(n, x, y);
}

void tl_vsqrt(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->sqrt(n, x, y);
}

void tl_vpow(int64_t n, const tl_real *x, const tl_real *y, tl_real *z)
{
    tl_kernel_table()->pow(n, x, y, z);
}

void tl_vpow_scalar(int64_t n, const tl_real *x, tl_real exponent, tl_real *y)
{
    tl_kernel_table()->pow_scalar(n, x, exponent, y);
}

void tl_vsoftplus(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->softplus(n, x, y);
}

void tl_vsoftplus_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
{
    tl_kernel_table()->softplus_gradient(n, x, dy, dx);
}

void tl_vsilu(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->silu(n, x, y);
}

void tl_vsilu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
{
    tl_kernel_table()->silu_gradient(n, x, dy, dx);
}

void tl_vgelu(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->gelu(n, x, y);
}

void tl_vgelu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
{
    tl_kernel_table()->gelu_gradient(n, x, dy, dx);
}

void tl_vadd(int64_t n, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->add(n, x, y);
}

void tl_vaxpy(int64_t n, tl_real a, const tl_real *x, tl_real *y)
{
    tl_kernel_table()->axpy(n, a, x, y);
}

tl_real tl_vdot(int64_t n, const tl_real *x, const tl_real *y)
{
    return tl_kernel_table()->dot(n, x, y);
}

void tl_vphilox(uint64_t key, uint64_t counter, int64_t n, uint32_t *out)
{
    tl_kernel_table()->philox(key, counter, n, out);
}
