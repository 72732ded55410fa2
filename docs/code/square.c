/* square: Y = A^2.  dA += 2 A dY.  The op and its test. */
#include <stdio.h>
#include <tulle/elementwise.h>
#include <tulle/op_check.h>
#include <tulle/tulle.h>

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] * s->a[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = 2 * s->a[k] * s->dy[k];
}

/* The derivative of Y along dx[0], a direction of A: 2 A dA. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_scale(tl_mul(y->in[0], dx[0]), 2);
}

static const tl_unary op = {
    .op = TL_UNARY("square"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
};

static tl_node *square(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}

/* The reference of the test. */
static double expected(double a)
{
    return a * a;
}

int main(void)
{
    const tl_unary_case c = { .name = "square", .op = square, .value = expected };
    if (tl_check_unary(&c) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    puts("square: every stage holds");
    return 0;
}
