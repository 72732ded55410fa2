/* An op of two operands, which broadcast, and its test. */
#include <math.h>
#include <stdio.h>
#include <tulle/elementwise.h>
#include <tulle/op_check.h>
#include <tulle/tangent.h>
#include <tulle/tulle.h>

/* quotient: Y = A / B, broadcast.  dA += dY / B;  dB -= dY Y / B. */

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] / s->b[k];
}

static void gradient_a(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] / s->b[k];
}

static void gradient_b(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = -s->dy[k] * s->y[k] / s->b[k];
}

static tl_node *quotient(tl_node *a, tl_node *b);

/* dA / B - Y dB / B, of the operands that move. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *part[2] = { NULL, NULL };
    if (dx[0])
        part[0] = quotient(dx[0], y->in[1]);
    if (dx[1])
        part[1] = tl_scale(quotient(tl_mul(y, dx[1]), y->in[1]), -1);
    return tl_sum_of(2, part);
}

static const tl_binary op = {
    .op = TL_BINARY("quotient"),
    .op.tangent = tangent,
    .value = value,
    .gradient = { gradient_a, gradient_b },
    .standard = "Div",
};

static tl_node *quotient(tl_node *a, tl_node *b)
{
    return tl_apply(&op.op, (tl_node *[]){ a, b }, NULL, 0);
}

/* ---- The test ---- */

static double expected(double a, double b)
{
    return a / b;
}

int main(void)
{
    const tl_binary_case c = {
        .name = "quotient",
        .op = quotient,
        .value = expected,
        .b_low = 0.5,
        .b_high = 2,
        .special = { { 1, 0, INFINITY }, { -1, INFINITY, -0.0 }, { 0, 0, NAN } },
        .n_special = 3,
    };
    if (tl_check_binary(&c) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    puts("quotient: every stage holds");
    return 0;
}
