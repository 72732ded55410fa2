/* The test of squared_distance: its facts, from which the kit derives the checks. */
#include "distance.h"

#include <math.h>
#include <stdio.h>
#include <tulle/op_check.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    return squared_distance(in[0], in[1], *(const tl_real *)attr);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t n = r->shape[0].dim[0], m = r->shape[1].dim[0], d = r->shape[0].dim[1];
    const double factor = (double)*(const tl_real *)r->attr;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < m; k++)
            for (int64_t j = 0; j < d; j++)
                r->y[i * m + k] += factor * pow(r->in[0][i * d + j] - r->in[1][k * d + j], 2);
    return TL_SHAPE(n, m);
}

static const tl_real minus_1 = -1, half = (tl_real)0.5, infinite = INFINITY;

static const tl_sample samples[] = {
    { .in = { TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(5, 3) }, .attr = &minus_1 },
    { .in = { TL_DENSE_OPERAND(3, 3), TL_DENSE_OPERAND(3, 3) }, .attr = &half },
    { .in = { TL_DENSE_OPERAND(1, 7), TL_DENSE_OPERAND(6, 7) }, .attr = &half },
    { .in = { TL_DENSE_OPERAND(700, 33), TL_DENSE_OPERAND(3, 33) }, .attr = &minus_1 }, /* many tasks */
    {
        .in = { TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(5, 2) },
        .attr = &half,
        .status = TL_ERR_SHAPE,
        .error = "samples a (4x3) and prototypes b (5x2) are not matrices with as many columns",
    },
    {
        .in = { TL_DENSE_OPERAND(3), TL_DENSE_OPERAND(5, 3) },
        .attr = &half,
        .status = TL_ERR_SHAPE,
        .error = "samples a [3] and prototypes b (5x3) are not matrices with as many columns",
    },
    {
        .in = { TL_DENSE_OPERAND(4, 3), TL_DENSE_OPERAND(5, 3) },
        .attr = &infinite,
        .status = TL_ERR_ARGUMENT,
        .error = "the factor is inf, and must be finite",
    },
};

int main(void)
{
    const tl_op_case c = {
        .name = "squared_distance",
        .n_in = 2,
        .op = op,
        .reference = reference,
        .sample = samples,
        .n_samples = sizeof samples / sizeof *samples,
        .ulps = 1,
    };
    if (tl_check_op(&c) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    printf("squared_distance in %s: every stage holds\n",
           sizeof(tl_real) == sizeof(float) ? "float" : "double");
    return 0;
}
