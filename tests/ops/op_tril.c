/* tril: the elements on a diagonal and below it */
#include "tests/ops/moves.h"

typedef struct attr {
    int64_t diagonal;
    double value;
} attr;

static tl_node *op(tl_node *const *in, const void *its_attr)
{
    const attr *a = its_attr;
    return tl_tril(in[0], a->diagonal, (tl_real)a->value);
}

static tl_shape reference(tl_reference *r)
{
    const attr *a = r->attr;
    const tl_shape s = r->shape[0];
    for (int64_t k = 0; k < tl_shape_size(s); k++) {
        const at e = indices_of(s, k);
        r->y[k] = e.index[s.rank - 1] - e.index[s.rank - 2] <= a->diagonal ? r->in[0][k] : a->value;
    }
    return s;
}

#define ATTR(diagonal, value) (&(const attr){ diagonal, value })
#define TRIL(diagonal, value, ...)                                                                           \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = ATTR(diagonal, value)                               \
    }

static const tl_sample samples[] = {
    TRIL(0, 0, 3, 3),
    TRIL(0, 7, 3, 5),
    TRIL(0, 0, 5, 3),
    TRIL(1, 0, 4, 4),
    TRIL(-1, 2, 4, 4),
    TRIL(2, 0, 2, 3, 5),
    TRIL(-2, 0, 2, 2, 5, 4),
    /* beyond the matrix all or none is kept */
    TRIL(5, 3, 4, 5),
    TRIL(-5, 3, 4, 5),
    TRIL(INT64_MAX, 3, 4, 5),
    TRIL(INT64_MIN, 3, 4, 5),
    TRIL(0, 1, 0, 3),
    TRIL(0, 1, 3, 0),
    TRIL(0, 1, 2, 0, 0),
    TRIL(0, 0, 3, 130, 70),
    { .in = { TL_DENSE_OPERAND(3) },
      .attr = ATTR(0, 0),
      .status = TL_ERR_SHAPE,
      .error = "a [3] has no two dimensions" },
    { .in = { TL_SCALAR_OPERAND },
      .attr = ATTR(0, 0),
      .status = TL_ERR_SHAPE,
      .error = "a (scalar) has no two dimensions" },
    /* what is not kept has no influence and receives nothing, even where it is not finite */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1, NAN, INFINITY, 4) } },
      .attr = ATTR(0, -INFINITY),
      .y = TL_VALUES(1, -INFINITY, INFINITY, 4),
      .upstream = TL_VALUES(5, NAN, 6, 7),
      .gradient = { TL_VALUES(5, 0, 6, 7) } },
};

static const tl_op_case tril = { MOVE("tril", samples) };

Suite *tl_test_suite(void)
{
    return tl_op_suite(&tril);
}
