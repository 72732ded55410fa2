/* slice: a range of an axis */
#include "tests/ops/moves.h"

typedef struct range {
    int32_t axis;
    int64_t begin, end;
} range;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const range *r = attr;
    return tl_slice(in[0], r->axis, r->begin, r->end);
}

static tl_shape reference(tl_reference *r)
{
    const range *of = r->attr;
    const tl_shape a = r->shape[0];
    tl_shape y = a;
    y.dim[of->axis] = of->end - of->begin;
    for (int64_t k = 0; k < tl_shape_size(a); k++) {
        at to = indices_of(a, k);
        to.index[of->axis] -= of->begin;
        if (to.index[of->axis] >= 0 && to.index[of->axis] < y.dim[of->axis])
            r->y[element_at(y, to)] = r->in[0][k];
    }
    return y;
}

#define RANGE(axis, begin, end) (&(const range){ axis, begin, end })
#define CUT(axis, begin, end, ...)                                                                           \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = RANGE(axis, begin, end)                             \
    }
#define REFUSED(operand, axis, begin, end, text)                                                             \
    {                                                                                                        \
        .in = { operand }, .attr = RANGE(axis, begin, end), .status = TL_ERR_ARGUMENT, .error = text         \
    }

static const tl_sample samples[] = {
    CUT(0, 1, 3, 5),
    CUT(0, 0, 5, 5),
    CUT(0, 1, 2, 3, 5),
    CUT(1, 2, 4, 3, 5),
    CUT(1, 0, 1, 3, 5),
    CUT(0, 2, 2, 3, 5),
    CUT(0, 3, 3, 3, 5),
    CUT(0, 0, 1, 2, 3, 5),
    CUT(1, 1, 3, 2, 3, 5),
    CUT(2, 1, 5, 2, 3, 5),
    CUT(2, 1, 3, 3, 2, 4, 1),
    CUT(3, 0, 1, 3, 2, 1, 5),
    CUT(1, 1, 2, 0, 3),
    CUT(1, 100, 131, 150, 131),
    CUT(0, 1, 149, 150, 131),
    CUT(0, 1, 2, 3),
    CUT(0, 0, 1, 1),
    REFUSED(TL_DENSE_OPERAND(3, 4), 2, 0, 1, "2 is not an axis of a (3x4)"),
    REFUSED(TL_DENSE_OPERAND(3, 4), -1, 0, 1, "-1 is not an axis of a (3x4)"),
    REFUSED(TL_SCALAR_OPERAND, 0, 0, 1, "0 is not an axis of a (scalar)"),
    REFUSED(TL_DENSE_OPERAND(3, 4), 0, -1, 2, "-1 to 2 of axis 0 of a (3x4), which has 0 to 3"),
    REFUSED(TL_DENSE_OPERAND(3, 4), 0, 2, 1, "2 to 1 of axis 0 of a (3x4), which has 0 to 3"),
    REFUSED(TL_DENSE_OPERAND(3, 4), 1, 4, 5, "4 to 5 of axis 1 of a (3x4), which has 0 to 4"),
    /* every bit stays */
    { .in = { { TL_STATIC_SHAPE(4), .values = TL_VALUES(1, NAN, -0.0, 2) } },
      .attr = RANGE(0, 1, 3),
      .y = TL_VALUES(NAN, -0.0),
      .upstream = TL_VALUES(INFINITY, NAN),
      .gradient = { TL_VALUES(0, INFINITY, NAN, 0) } },
};

static const tl_op_case slice = { MOVE("slice", samples) };

Suite *tl_test_suite(void)
{
    return tl_op_suite(&slice);
}
