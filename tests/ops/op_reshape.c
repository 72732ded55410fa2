/* reshape: the same values in another shape */
#include "check_tulle.h"
#include "tests/ops/twice.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *to)
{
    return tl_reshape(in[0], *(const tl_shape *)to);
}

static tl_shape reference(tl_reference *r)
{
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++)
        r->y[k] = r->in[0][k];
    return *(const tl_shape *)r->attr;
}

#define TO(...)   (&(const tl_shape)TL_STATIC_SHAPE(__VA_ARGS__))
#define TO_SCALAR (&(const tl_shape){ 0, { 0 } })
#define TURN(to, ...)                                                                                        \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = to                                                  \
    }
#define REFUSED(operand, to, text)                                                                           \
    {                                                                                                        \
        .in = { operand }, .attr = to, .status = TL_ERR_SHAPE, .error = text                                 \
    }

static const tl_sample samples[] = {
    TURN(TO(3, 2), 2, 3),
    TURN(TO(6), 6),
    TURN(TO(6), 2, 3),
    TURN(TO(7, 1, 9), 63),
    TURN(TO(65), 13, 5),
    TURN(TO(17, 6), 2, 3, 17),
    TURN(TO(3, 2, 1, 17), 2, 3, 17),
    TURN(TO(1, 30), 3, 2, 1, 5),
    TURN(TO_SCALAR, 1, 1),
    { .in = { TL_SCALAR_OPERAND }, .attr = TO_SCALAR },
    { .in = { TL_SCALAR_OPERAND }, .attr = TO(1) },
    { .in = { TL_SCALAR_OPERAND }, .attr = TO(1, 1, 1, 1) },
    TURN(TO(0, 7), 0),
    TURN(TO(5, 0), 0, 3),
    TURN(TO(0), 3, 0),
    TURN(TO(0, 0, 0, 0), 2, 0, 3),
    TURN(TO(130, 300), 300, 130),
    REFUSED(TL_DENSE_OPERAND(2, 3), TO(4, 2), "a (2x3) to 4x2 changes the number of elements from 6 to 8"),
    REFUSED(TL_DENSE_OPERAND(2, 3), TO(5), "a (2x3) to [5] changes the number of elements from 6 to 5"),
    REFUSED(TL_DENSE_OPERAND(2, 3), TO_SCALAR,
            "a (2x3) to scalar changes the number of elements from 6 to 1"),
    REFUSED(TL_DENSE_OPERAND(2, 3), TO(0, 6), "a (2x3) to 0x6 changes the number of elements from 6 to 0"),
    REFUSED(TL_SCALAR_OPERAND, TO(2), "a (scalar) to [2] changes the number of elements from 1 to 2"),
    REFUSED(TL_DENSE_OPERAND(0, 3), TO_SCALAR,
            "a (0x3) to scalar changes the number of elements from 0 to 1"),
    REFUSED(TL_DENSE_OPERAND(0, 3), TO(3), "a (0x3) to [3] changes the number of elements from 0 to 3"),
    REFUSED(TL_DENSE_OPERAND(2, 3), TO(-1, 6), "-1x6 has a negative size"), /* no size is guessed */
    REFUSED(TL_DENSE_OPERAND(2, 3), TO(-2, -3), "-2x-3 has a negative size"),
    REFUSED(TL_DENSE_OPERAND(2, 3), (&(const tl_shape){ .rank = 5 }), "rank 5 is not in 0..4"),
    REFUSED(TL_DENSE_OPERAND(2, 3), (&(const tl_shape){ .rank = -1 }), "rank -1 is not in 0..4"),
    /* 2^64 + 6 elements, which are 6 in 64 bits */
    REFUSED(TL_DENSE_OPERAND(2, 3), TO(2617318, 7047956753329),
            "2617318x7047956753329 has more elements than memory can hold"),
    /* every bit stays */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(NAN, -0.0, 0, INFINITY) } },
      .attr = TO(4),
      .y = TL_VALUES(NAN, -0.0, 0, INFINITY),
      .upstream = TL_VALUES(1, NAN, INFINITY, 4),
      .gradient = { TL_VALUES(1, NAN, INFINITY, 4) } }
};

static const tl_op_case reshape = {
    .name = "reshape",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; the shape tells its rows */
};

/* The mean of squares, whose gradient differs by element. */
static tl_node *loss_of(tl_node *x)
{
    return tl_reduce_mean(tl_square(tl_reshape(x, TL_SHAPE(300, 200))), TL_ALL_AXES);
}

/* Several tasks. */
START_TEST(gradient_is_added)
{
    tl_test_twice(loss_of, TL_SHAPE(200, 300));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&reshape);
    tcase_add_test(tl_test_case(s, "beyond"), gradient_is_added);
    return s;
}
