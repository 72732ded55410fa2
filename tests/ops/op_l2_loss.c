/* l2_loss: half the sum of squares */
#include "check_tulle.h"
#include "tests/ops/twice.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_l2_loss(in[0]);
}

/* Cells that are no entries are 0. */
static tl_shape reference(tl_reference *r)
{
    const int64_t n = tl_shape_size(r->shape[0]);
    for (int64_t k = 0; k < n; k++)
        *r->y += r->in[0][k] * r->in[0][k] / 2;
    return TL_SHAPE();
}

#define DENSE(...)                                                                                           \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }                                                              \
    }
#define SPARSE(rows, cols, density)                                                                          \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(rows, cols, density) }                                                     \
    }

static const tl_sample samples[] = {
    DENSE(3, 5),
    { .in = { TL_SCALAR_OPERAND } },
    DENSE(17),
    DENSE(2, 3, 4),
    DENSE(2, 1, 3, 2),
    DENSE(300, 130),
    SPARSE(7, 5, 0.5),
    SPARSE(4, 1, 0.75),
    SPARSE(300, 260, 0.5),
    /* by hand: 1 + 4 + 9 + 0.25, halved */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1, -2, 3, 0.5) } },
      .y = TL_VALUES(7.125),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(2, -4, 6, 1) } },
    { .in = { { TL_STATIC_SHAPE(3, 2), .keep = (const uint8_t[]){ 1, 0, 0, 1, 0, 0 },
                .values = TL_VALUES(3, 0, 0, -4, 0, 0) } },
      .y = TL_VALUES(12.5),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(6, -8) } },
    /* squares and their sum are in double */
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(0x1p-64, 0x1p-64) } },
      .y = TL_VALUES(0x1p-128),
      .gradient = { TL_VALUES(0x1p-64, 0x1p-64) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(-INFINITY, 1) } },
      .y = TL_VALUES(INFINITY),
      .gradient = { TL_VALUES(-INFINITY, 1) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(NAN, 1) } },
      .y = TL_VALUES(NAN),
      .gradient = { TL_VALUES(NAN, 1) } }
};

static const tl_op_case l2_loss = {
    .name = "l2_loss",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 64,                                                 /* of sums in double, the reference's too */
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input, and one value */
};

/* Several tasks. */
START_TEST(gradient_is_added)
{
    tl_test_twice(tl_l2_loss, TL_SHAPE(200, 300));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&l2_loss);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, gradient_is_added);
    return s;
}
