/* An op of one operand, and its test: with no framework. */
#include <math.h>
#include <stdio.h>
#include <tulle/elementwise.h>
#include <tulle/op_check.h>
#include <tulle/tulle.h>
#include <tulle/vmath.h>

/* softplus: Y = log(1 + exp(A)).  dA += dY / (1 + exp(-A)). */

/* max(a, 0) + log1p(exp(-|a|)), which does not overflow. */
static void value(const tl_strip *s, tl_real *y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] > 0 ? -s->a[k] : s->a[k];
    tl_vexp(s->n, y, y);
    tl_vlog1p(s->n, y, y);
    for (int64_t k = 0; k < s->n; k++)
        y[k] += s->a[k] > 0 ? s->a[k] : 0;
}

static void gradient(const tl_strip *s, tl_real *g)
{
    tl_vsigmoid(s->n, s->a, g);
    for (int64_t k = 0; k < s->n; k++)
        g[k] *= s->dy[k];
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_mul(tl_sigmoid(y->in[0]), dx[0]);
}

static const tl_unary op = {
    .op = TL_UNARY("softplus"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
};

static tl_node *softplus(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}

/* The facts that the kit checks. */

static double reference(double a)
{
    return fmax(a, 0) + log1p(exp(-fabs(a)));
}

static const tl_unary_case softplus_case = {
    .name = "softplus",
    .op = softplus,
    .value = reference,
    .low = -40,
    .high = 40,
    .ulps = 8,
    .gradient_low = -4,
    .gradient_high = 4,
    .special = { { -INFINITY, 0 }, { INFINITY, INFINITY }, { -1e4, 0 }, { 1e4, 1e4 }, { NAN, NAN } },
    .n_special = 5,
};

int main(void)
{
    const tl_status status = tl_check_unary(&softplus_case);
    printf("softplus: %s\n", status == TL_OK ? "passes" : tl_error());
    return status != TL_OK;
}
