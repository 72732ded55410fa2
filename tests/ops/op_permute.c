/* permute: the dimensions in another order */
#include "tests/ops/moves.h"

static tl_node *op(tl_node *const *in, const void *axes)
{
    return tl_permute(in[0], axes);
}

static tl_shape reference(tl_reference *r)
{
    const int32_t *axes = r->attr;
    tl_shape a = r->shape[0], y = a;
    for (int32_t d = 0; d < a.rank; d++)
        y.dim[d] = a.dim[axes[d]];
    for (int64_t k = 0; k < tl_shape_size(a); k++) {
        const at from = indices_of(a, k);
        at to;
        for (int32_t d = 0; d < a.rank; d++)
            to.index[d] = from.index[axes[d]];
        r->y[element_at(y, to)] = r->in[0][k];
    }
    return y;
}

#define AXES(...) ((const int32_t[]){ __VA_ARGS__ })
#define TURN(axes, ...)                                                                                      \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = axes                                                \
    }
#define REFUSED(operand, axes, text)                                                                         \
    {                                                                                                        \
        .in = { operand }, .attr = axes, .status = TL_ERR_ARGUMENT, .error = text                            \
    }

static const tl_sample samples[] = {
    TURN(AXES(1, 0), 3, 5),
    TURN(AXES(0, 1), 3, 5),
    TURN(AXES(0), 7),
    { .in = { TL_SCALAR_OPERAND }, .attr = NULL },
    TURN(AXES(0, 2, 1), 2, 3, 5),
    TURN(AXES(1, 0, 2), 2, 3, 5),
    TURN(AXES(1, 2, 0), 2, 3, 5),
    TURN(AXES(2, 0, 1), 2, 3, 5),
    TURN(AXES(2, 1, 0), 2, 3, 5),
    TURN(AXES(0, 2, 1, 3), 2, 3, 5, 4),
    TURN(AXES(3, 1, 2, 0), 2, 3, 5, 4),
    TURN(AXES(3, 2, 1, 0), 2, 3, 5, 4),
    TURN(AXES(2, 3, 0, 1), 2, 3, 5, 4),
    TURN(AXES(1, 3, 0, 2), 2, 3, 5, 4),
    TURN(AXES(0, 3, 1, 2), 2, 3, 5, 4),
    TURN(AXES(0, 2, 3, 1), 2, 3, 5, 4),
    TURN(AXES(3, 0, 2, 1), 3, 1, 5, 1),
    TURN(AXES(2, 0, 1), 0, 3, 5),
    TURN(AXES(1, 0), 300, 131),
    TURN(AXES(1, 0), 3, 20001),
    TURN(AXES(1, 0), 20001, 3),
    TURN(AXES(0, 2, 1, 3), 5, 17, 9, 33),
    TURN(AXES(0, 3, 1, 2), 5, 17, 9, 33),
    TURN(AXES(3, 2, 1, 0), 5, 17, 9, 33),
    REFUSED(TL_DENSE_OPERAND(3, 4), NULL, "the axes are NULL"),
    REFUSED(TL_DENSE_OPERAND(3), NULL, "the axes are NULL"),
    REFUSED(TL_DENSE_OPERAND(3, 4), AXES(0, 2), "axes[1] = 2 is not an axis of a (3x4)"),
    REFUSED(TL_DENSE_OPERAND(3, 4), AXES(-1, 0), "axes[0] = -1 is not an axis of a (3x4)"),
    REFUSED(TL_DENSE_OPERAND(3, 4, 2), AXES(1, 0, 1), "axes[2] = 1 is there twice"),
    /* every bit stays */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(NAN, -0.0, 0, INFINITY) } },
      .attr = AXES(1, 0),
      .y = TL_VALUES(NAN, 0, -0.0, INFINITY),
      .upstream = TL_VALUES(1, INFINITY, NAN, 4),
      .gradient = { TL_VALUES(1, NAN, INFINITY, 4) } },
};

static const tl_op_case permute = { MOVE("permute", samples) };

/* The axes are the caller's, and may change after the call. */
START_TEST(axes_are_copied)
{
    tl_variable *v = tl_test_dense("a", TL_SHAPE(2, 3), 1);
    tl_graph *g = tl_graph_new();
    int32_t axes[] = { 1, 0 };
    tl_node *y = tl_permute(tl_use(g, v), axes);
    axes[0] = axes[1] = 77;
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 6, 0, 1, 1, 1, 1, 1, 1);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&permute);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, axes_are_copied);
    return s;
}
