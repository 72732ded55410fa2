/* pad: constants around a tensor */
#include "tests/ops/moves.h"

typedef struct margins {
    const int64_t *before, *after;
    tl_real value;
} margins;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const margins *m = attr;
    return tl_pad(in[0], m->before, m->after, m->value);
}

static tl_shape reference(tl_reference *r)
{
    const margins *m = r->attr;
    const tl_shape a = r->shape[0];
    tl_shape y = a;
    for (int32_t d = 0; d < a.rank; d++)
        y.dim[d] += m->before[d] + m->after[d];
    for (int64_t k = 0; k < tl_shape_size(y); k++)
        r->y[k] = (double)m->value;
    for (int64_t k = 0; k < tl_shape_size(a); k++) {
        at to = indices_of(a, k);
        for (int32_t d = 0; d < a.rank; d++)
            to.index[d] += m->before[d];
        r->y[element_at(y, to)] = r->in[0][k];
    }
    return y;
}

#define SIZES(...)                   ((const int64_t[]){ __VA_ARGS__ })
#define AROUND(before, after, value) (&(const margins){ before, after, value })
#define PAD(before, after, value, ...)                                                                       \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = AROUND(before, after, value)                        \
    }
#define REFUSED(operand, before, after, its_status, text)                                                    \
    {                                                                                                        \
        .in = { operand }, .attr = AROUND(before, after, 0), .status = its_status, .error = text             \
    }

static const tl_sample samples[] = {
    PAD(SIZES(1, 2), SIZES(3, 0), 0, 3, 5),
    PAD(SIZES(0, 0), SIZES(0, 0), 7, 3, 5),
    PAD(SIZES(2), SIZES(1), -3, 4),
    { .in = { TL_SCALAR_OPERAND }, .attr = AROUND(NULL, NULL, 5) },
    PAD(SIZES(0, 1, 0), SIZES(1, 1, 2), 2, 2, 3, 4),
    PAD(SIZES(0, 0, 1, 1), SIZES(0, 0, 1, 1), 0, 2, 3, 4, 5),
    PAD(SIZES(1, 0), SIZES(0, 1), 4, 0, 3),
    PAD(SIZES(2), SIZES(1), 4, 0),
    PAD(SIZES(0, 0, 2, 2), SIZES(0, 0, 2, 2), 0, 3, 5, 40, 40),
    REFUSED(TL_DENSE_OPERAND(3, 4), NULL, SIZES(0, 0), TL_ERR_ARGUMENT, "`before` is NULL"),
    REFUSED(TL_DENSE_OPERAND(3), NULL, SIZES(0), TL_ERR_ARGUMENT, "`before` is NULL"),
    REFUSED(TL_DENSE_OPERAND(3, 4), SIZES(0, 0), NULL, TL_ERR_ARGUMENT, "`after` is NULL"),
    REFUSED(TL_DENSE_OPERAND(3, 4), SIZES(0, -1), SIZES(0, 0), TL_ERR_ARGUMENT, "before[1] = -1 is negative"),
    REFUSED(TL_DENSE_OPERAND(3, 4), SIZES(0, 0), SIZES(-2, 0), TL_ERR_ARGUMENT, "after[0] = -2 is negative"),
    REFUSED(TL_DENSE_OPERAND(3), SIZES(INT64_MAX), SIZES(0), TL_ERR_SHAPE,
            "9223372036854775807 and 0 around a [3] have more elements than memory can hold"),
    REFUSED(TL_DENSE_OPERAND(3), SIZES(INT64_MAX - 3), SIZES(0), TL_ERR_SHAPE,
            "[9223372036854775807] has more elements than memory can hold"),
    /* every bit stays; the constant may be anything */
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(NAN, -0.0) } },
      .attr = AROUND(SIZES(1), SIZES(1), -INFINITY),
      .y = TL_VALUES(-INFINITY, NAN, -0.0, -INFINITY),
      .upstream = TL_VALUES(NAN, 1, INFINITY, NAN),
      .gradient = { TL_VALUES(1, INFINITY) } },
};

static const tl_op_case pad = { MOVE("pad", samples) };

/* The sizes are the caller's, and may change after the call. */
START_TEST(sizes_are_copied)
{
    tl_variable *v = tl_test_dense("a", TL_SHAPE(2), 1);
    tl_graph *g = tl_graph_new();
    int64_t before[] = { 1 }, after[] = { 2 };
    tl_node *y = tl_pad(tl_use(g, v), before, after, 0);
    before[0] = after[0] = 1000;
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 2, 0, 1, 1);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&pad);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, sizes_are_copied);
    return s;
}
