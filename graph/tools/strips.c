/* Gradients that many ops share. */
#include "elementwise.h"

#include <string.h>

void tl_strip_dy(const tl_strip *s, tl_real *restrict g)
{
    memcpy(g, s->dy, (size_t)s->n * sizeof *g);
}

void tl_strip_minus_dy(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = -s->dy[k];
}

void tl_strip_dy_b(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] * s->b[k];
}

void tl_strip_dy_a(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] * s->a[k];
}
