/* The reference kernels. To be compiled without contraction: every fused product is an explicit fma. */
#include "lib/kernels/reference.h"

#include <tgmath.h>

/* a b + c: rounded once if fused, otherwise twice. */
static tl_real multiply_add(bool fused, tl_real a, tl_real b, tl_real c)
{
    return fused ? fma(a, b, c) : a * b + c;
}

/* ---- Sparse matrices ---- */

/* Returns the index of entry e's value. */
static int64_t value_index(const tl_sparse *s, int64_t e)
{
    return s->perm ? s->perm[e] : e;
}

void tl_ref_spmm(bool fused, const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense x,
                 tl_dense_out y, bool add)
{
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = 0; k < width; k++) {
            tl_real sum = add ? y.data[i * y.ld + k] : 0;
            for (int64_t e = s->row_ptr[i]; e < s->row_ptr[i + 1]; e++)
                sum = multiply_add(fused, s->values[value_index(s, e)], x.data[s->col[e] * x.ld + k], sum);
            y.data[i * y.ld + k] = sum;
        }
}

/* Returns the sum of x[k] y[k]: `parts` partial sums, sum k mod parts taking term k, then by halves. */
static tl_real dot_by_parts(bool fused, int64_t parts, int64_t n, const tl_real *x, const tl_real *y)
{
    tl_real sum[64] = { 0 };
    for (int64_t k = 0; k < n; k++)
        sum[k % parts] = multiply_add(fused, x[k], y[k], sum[k % parts]);
    for (int64_t half = parts / 2; half >= 1; half /= 2)
        for (int64_t l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

void tl_ref_sddmm(bool fused, int64_t lanes, const tl_sparse *s, int64_t begin, int64_t end, int64_t width,
                  tl_dense a, tl_dense b, tl_real *dvalues, bool add_values)
{
    for (int64_t i = begin; i < end; i++)
        for (int64_t e = s->row_ptr[i]; e < s->row_ptr[i + 1]; e++)
            dvalues[value_index(s, e)] = (add_values ? dvalues[value_index(s, e)] : 0) +
                                         dot_by_parts(fused, lanes, width, a.data + i * a.ld,
                                                      b.data + s->col[e] * b.ld);
}

void tl_ref_spmm_sddmm(bool fused, int64_t lanes, const tl_sparse *s, int64_t begin, int64_t end,
                       int64_t width, tl_dense a, tl_dense b, tl_dense_out da, bool add, tl_real *dvalues,
                       bool add_values)
{
    tl_ref_spmm(fused, s, begin, end, width, b, da, add);
    tl_ref_sddmm(fused, lanes, s, begin, end, width, a, b, dvalues, add_values);
}

void tl_ref_table_rows(bool fused, const tl_sparse *s, int64_t begin, int64_t end, int64_t width,
                       const tl_real *x, tl_real *y, bool add)
{
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = 0; k < width; k++) {
            double sum = add ? (double)y[i * width + k] : 0;
            const int64_t last = s->row_end ? s->row_end[i] : s->row_ptr[i + 1];
            for (int64_t e = s->row_begin ? s->row_begin[i] : s->row_ptr[i]; e < last; e++) {
                const double value = s->values ? (double)s->values[e] : 1,
                             term = (double)x[s->col[e] * width + k];
                sum = fused ? fma(term, value, sum) : term * value + sum;
            }
            y[i * width + k] = (tl_real)sum;
        }
}

/* ---- Dense vectors and matrices ---- */

void tl_ref_transpose(int64_t rows, int64_t cols, const tl_real *x, int64_t ldx, tl_real *y, int64_t ldy,
                      bool add)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            y[j * ldy + i] = add ? y[j * ldy + i] + x[i * ldx + j] : x[i * ldx + j];
}

tl_real tl_ref_max_abs(int64_t n, const tl_real *x, bool *minus_zero)
{
    tl_real max = 0;
    *minus_zero = false;
    for (int64_t k = 0; k < n; k++) {
        if (isnan(x[k]) || fabs(x[k]) > max)
            max = fabs(x[k]);
        *minus_zero |= x[k] == 0 && signbit(x[k]);
    }
    return max;
}

void tl_ref_add(int64_t n, const tl_real *x, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] += x[k];
}

void tl_ref_axpy(bool fused, int64_t n, tl_real a, const tl_real *x, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = multiply_add(fused, a, x[k], y[k]);
}

void tl_ref_scale(int64_t n, double a, const tl_real *x, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = (tl_real)(a * (double)x[k]);
}

tl_real tl_ref_dot(bool fused, int64_t n, const tl_real *x, const tl_real *y)
{
    return dot_by_parts(fused, 64, n, x, y);
}

void tl_ref_sum_rows(bool fused, int64_t rows, int64_t cols, int64_t ld, const tl_real *x, const tl_real *z,
                     double *sum)
{
    for (int64_t j = 0; j < cols; j++)
        for (int64_t i = 0; i < rows; i++) {
            const double xij = (double)x[i * ld + j], zij = z ? (double)z[i * ld + j] : 1;
            sum[j] = fused ? fma(xij, zij, sum[j]) : xij * zij + sum[j];
        }
}

void tl_ref_col_sums(bool fused, int64_t rows, int64_t cols, int sign, const tl_real *x, const tl_real *z,
                     tl_real *y)
{
    const int64_t parts = cols == 1 ? 16 : 1;
    for (int64_t j = 0; j < cols; j++) {
        double sum[16] = { 0 };
        for (int64_t i = 0; i < rows; i++) {
            const double xij = (double)x[i * cols + j], zij = z ? (double)z[i * cols + j] : 1,
                         before = sum[i % parts];
            sum[i % parts] = fused ? fma(xij, zij, before) : xij * zij + before;
        }
        for (int64_t half = parts / 2; half >= 1; half /= 2)
            for (int64_t l = 0; l < half; l++)
                sum[l] += sum[l + half];
        y[j] += (tl_real)(sign * sum[0]);
    }
}

#define REFERENCE(name)                                                                                      \
    void tl_ref_##name(int64_t n, const tl_real *x, tl_real *y)                                              \
    {                                                                                                        \
        for (int64_t k = 0; k < n; k++)                                                                      \
            y[k] = name(x[k]);                                                                               \
    }

REFERENCE(exp)
REFERENCE(expm1)
REFERENCE(log)
REFERENCE(log1p)
REFERENCE(tanh)
REFERENCE(erf)
REFERENCE(erfc)
REFERENCE(sin)
REFERENCE(cos)
REFERENCE(sqrt)

void tl_ref_sigmoid(int64_t n, const tl_real *x, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = (x[k] < 0 ? exp(x[k]) : 1) / (1 + exp(-fabs(x[k])));
}

void tl_ref_softplus(int64_t n, const tl_real *x, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = (x[k] < 0 ? 0 : x[k]) + log1p(exp(-fabs(x[k])));
}

void tl_ref_silu(int64_t n, const tl_real *x, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = x[k] == -(tl_real)INFINITY ? 0 : x[k] / (1 + exp(-x[k]));
}

void tl_ref_gelu(int64_t n, const tl_real *x, tl_real *y)
{
    const tl_real root_2 = (tl_real)1.41421356237309504880;
    for (int64_t k = 0; k < n; k++)
        y[k] = x[k] == -(tl_real)INFINITY ? 0 : x[k] * erfc(-x[k] / root_2) / 2;
}

void tl_ref_softplus_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
{
    tl_ref_sigmoid(n, x, dx);
    for (int64_t k = 0; k < n; k++)
        dx[k] *= dy[k];
}

void tl_ref_silu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
{
    tl_ref_sigmoid(n, x, dx);
    for (int64_t k = 0; k < n; k++)
        dx[k] = dy[k] * dx[k] * (isinf(x[k]) ? 1 : 1 + x[k] * (1 - dx[k]));
}

void tl_ref_gelu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)
{
    const tl_real root_2 = (tl_real)1.41421356237309504880, root_2_pi = (tl_real)2.50662827463100050242;
    for (int64_t k = 0; k < n; k++) {
        const tl_real p = exp(-x[k] * x[k] / 2) / root_2_pi;
        dx[k] = dy[k] * (erfc(-x[k] / root_2) / 2 + (p == 0 ? 0 : x[k] * p));
    }
}

void tl_ref_pow(int64_t n, const tl_real *x, const tl_real *y, tl_real *z)
{
    for (int64_t k = 0; k < n; k++)
        z[k] = pow(x[k], y[k]);
}

void tl_ref_pow_scalar(int64_t n, const tl_real *x, tl_real exponent, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = pow(x[k], exponent);
}

void tl_ref_gemm_small(bool fused, int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_dense_out c,
                       bool add)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            tl_real total = 0, sum = add ? c.data[i * c.ld + j] : 0;
            for (int64_t l = 0; l < k; l++) {
                if (l % TL_GEMM_DEPTH == 0 && l > 0) {
                    total = l == TL_GEMM_DEPTH ? sum : total + sum;
                    sum = 0;
                }
                sum = multiply_add(fused, a.data[i * a.row + l * a.col], b.data[l * b.row + j * b.col], sum);
            }
            c.data[i * c.ld + j] = k > TL_GEMM_DEPTH ? total + sum : sum;
        }
}

/* ---- Steps of optimizers ---- */

/* Returns the average, 0 if it is subnormal. */
static tl_real flush_subnormal(tl_real average)
{
    return fabs(average) < TL_SMALLEST ? 0 : average;
}

/* The same, if epsilon is not so small that the average counts beside it. */
static tl_real flush_beside(tl_real epsilon, tl_real average)
{
    return epsilon >= TL_FLUSHING_EPSILON ? flush_subnormal(average) : average;
}

void tl_ref_sgd(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w, tl_real *const *s)
{
    (void)s;
    for (int64_t k = 0; k < n; k++)
        w[k] = multiply_add(fused, -c[0], g[k], w[k]);
}

void tl_ref_momentum(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w, tl_real *const *s)
{
    for (int64_t k = 0; k < n; k++) {
        s[0][k] = flush_subnormal(multiply_add(fused, c[1], s[0][k], g[k]));
        w[k] = multiply_add(fused, -c[0], s[0][k], w[k]);
    }
}

void tl_ref_nesterov(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w, tl_real *const *s)
{
    for (int64_t k = 0; k < n; k++) {
        s[0][k] = flush_subnormal(multiply_add(fused, c[1], s[0][k], g[k]));
        w[k] = multiply_add(fused, -c[0], multiply_add(fused, c[1], s[0][k], g[k]), w[k]);
    }
}

void tl_ref_adagrad(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w, tl_real *const *s)
{
    for (int64_t k = 0; k < n; k++) {
        s[0][k] = multiply_add(fused, g[k], g[k], s[0][k]);
        w[k] -= c[0] * g[k] / (sqrt(s[0][k]) + c[1]);
    }
}

void tl_ref_rmsprop(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w, tl_real *const *s)
{
    for (int64_t k = 0; k < n; k++) {
        if (s[1]) {
            const tl_real d = g[k] - s[1][k];
            s[0][k] = flush_beside(c[1], c[2] * multiply_add(fused, c[3] * d, d, s[0][k]));
            s[1][k] = flush_beside(c[1], multiply_add(fused, c[2], s[1][k], c[3] * g[k]));
        } else {
            s[0][k] = flush_beside(c[1], multiply_add(fused, c[2], s[0][k], c[3] * g[k] * g[k]));
        }
        tl_real q = g[k] / (sqrt(s[0][k]) + c[1]);
        if (s[2])
            q = s[2][k] = flush_subnormal(multiply_add(fused, c[4], s[2][k], q));
        w[k] = multiply_add(fused, -c[0], q, w[k]);
    }
}

void tl_ref_adam(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w, tl_real *const *s)
{
    for (int64_t k = 0; k < n; k++) {
        s[0][k] = flush_beside(c[2], multiply_add(fused, c[3], s[0][k], c[4] * g[k]));
        s[1][k] = flush_beside(c[2], multiply_add(fused, c[5], s[1][k], c[6] * g[k] * g[k]));
        tl_real square = s[1][k];
        if (s[2])
            square = s[2][k] = s[1][k] > s[2][k] ? s[1][k] : s[2][k];
        w[k] -= c[0] * s[0][k] / multiply_add(fused, c[1], sqrt(square), c[2]);
    }
}

void tl_ref_ftrl(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w, tl_real *const *s)
{
    if (c[0] == 0)
        return;
    for (int64_t k = 0; k < n; k++) {
        const tl_real before = sqrt(s[0][k]);
        s[0][k] = multiply_add(fused, g[k], g[k], s[0][k]);
        const tl_real after = sqrt(s[0][k]);
        s[1][k] += multiply_add(fused, -((after - before) / c[0]), w[k], g[k]);
        const tl_real pull = s[1][k] > 0 ? c[1] - s[1][k] : -c[1] - s[1][k];
        w[k] = fabs(s[1][k]) <= c[1] ? 0 : pull / (after / c[0] + c[2]);
    }
}

void tl_ref_replay(tl_ref_update *step, bool fused, int64_t begin, int64_t end, tl_decay decay, int64_t n,
                   const tl_real *c, tl_real *w, tl_real *const *s)
{
    for (int64_t t = begin; t < end; t++)
        for (int64_t k = 0; k < n; k++) {
            const tl_real *ct = c + t * TL_STEP_CONSTANTS, d = ct[TL_DECAY_CONSTANT];
            tl_real g = 0, *slot[3];
            if (decay == TL_DECAY_DECOUPLED)
                w[k] *= d;
            else if (decay == TL_DECAY_COUPLED)
                g += d * w[k];
            for (int i = 0; i < 3; i++)
                slot[i] = s[i] ? s[i] + k : NULL;
            step(fused, 1, ct, &g, w + k, slot);
        }
}

/* ---- Rows ---- */

tl_real tl_ref_largest(int64_t n, const tl_real *x)
{
    tl_real max = -INFINITY;
    for (int64_t k = 0; k < n; k++) {
        if (isnan(x[k]))
            return x[k];
        max = x[k] > max ? x[k] : max;
    }
    return max;
}

static double multiply_add_wide(bool fused, double a, double b, double c)
{
    return fused ? fma(a, b, c) : a * b + c;
}

/* Adds the partial sums by halves. */
static double sum_by_halves(double *sum, int parts)
{
    for (int half = parts / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

void tl_ref_deviations(bool fused, int64_t n, const tl_real *x, double from, double *sum)
{
    double first[32] = { 0 }, second[32] = { 0 };
    for (int64_t k = 0; k < n; k++) {
        const double d = (double)x[k] - from;
        first[k % 32] += d;
        second[k % 32] = multiply_add_wide(fused, d, d, second[k % 32]);
    }
    sum[0] += sum_by_halves(first, 32);
    sum[1] += sum_by_halves(second, 32);
}

static tl_real quotient(tl_real x, tl_row_norm m)
{
    return (x - m.mean - m.rest) * m.scale;
}

void tl_ref_normalise(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *gain,
                      const tl_real *bias, tl_real *y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = gain ? multiply_add(fused, quotient(x[k], m), gain[k], bias[k]) : quotient(x[k], m);
}

void tl_ref_norm_sums(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy,
                      const tl_real *gain, double *sum)
{
    double first[32] = { 0 }, second[32] = { 0 };
    for (int64_t k = 0; k < n; k++) {
        const double d = (double)dy[k], g = gain ? (double)gain[k] : 1;
        first[k % 32] = multiply_add_wide(fused, d, g, first[k % 32]);
        second[k % 32] = multiply_add_wide(fused, d * g, (double)quotient(x[k], m), second[k % 32]);
    }
    sum[0] += sum_by_halves(first, 32);
    sum[1] += sum_by_halves(second, 32);
}

void tl_ref_norm_gradient(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy,
                          const tl_real *gain, tl_real mean, tl_real slope, tl_real *dx, bool add)
{
    for (int64_t k = 0; k < n; k++) {
        const tl_real g = multiply_add(fused, dy[k], gain ? gain[k] : 1, -mean);
        const tl_real d = multiply_add(fused, -quotient(x[k], m), slope, g);
        dx[k] = add ? multiply_add(fused, m.scale, d, dx[k]) : m.scale * d;
    }
}

double tl_ref_sum_run(bool fused, int64_t n, const tl_real *x, const tl_real *z)
{
    double partial[64] = { 0 };
    for (int64_t k = 0; k < n; k++)
        partial[k % 64] = multiply_add_wide(fused, (double)x[k], z ? (double)z[k] : 1, partial[k % 64]);
    return sum_by_halves(partial, 64);
}

void tl_ref_norm_terms(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, double *sum,
                       double *dy_sum)
{
    for (int64_t k = 0; k < n; k++) {
        sum[k] = multiply_add_wide(fused, (double)dy[k], (double)quotient(x[k], m), sum[k]);
        if (dy_sum)
            dy_sum[k] += (double)dy[k];
    }
}
