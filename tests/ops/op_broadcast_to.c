/* broadcast_to: a tensor repeated to a shape, by NumPy's rule */
#include "tests/ops/moves.h"

static tl_node *op(tl_node *const *in, const void *to)
{
    return tl_broadcast_to(in[0], *(const tl_shape *)to);
}

static tl_shape reference(tl_reference *r)
{
    const tl_shape a = r->shape[0], y = *(const tl_shape *)r->attr;
    for (int64_t k = 0; k < tl_shape_size(y); k++) {
        const at to = indices_of(y, k);
        at from = { { 0 } };
        for (int32_t d = 0; d < a.rank; d++)
            from.index[d] = a.dim[d] == 1 ? 0 : to.index[y.rank - a.rank + d];
        r->y[k] = r->in[0][element_at(a, from)];
    }
    return y;
}

#define TO(...) (&(const tl_shape)TL_STATIC_SHAPE(__VA_ARGS__))
#define REPEAT(to, ...)                                                                                      \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = to                                                  \
    }
#define REFUSED(operand, to, text)                                                                           \
    {                                                                                                        \
        .in = { operand }, .attr = to, .status = TL_ERR_SHAPE, .error = text                                 \
    }

static const tl_sample samples[] = {
    REPEAT(TO(3, 5), 5),
    REPEAT(TO(3, 5), 3, 1),
    REPEAT(TO(3, 5), 1, 1),
    REPEAT(TO(3, 5), 3, 5),
    { .in = { TL_SCALAR_OPERAND }, .attr = TO(3, 5) },
    { .in = { TL_SCALAR_OPERAND }, .attr = &(const tl_shape){ 0, { 0 } } },
    REPEAT(TO(1, 1, 5), 5),
    REPEAT(TO(2, 3, 5), 1, 3, 1),
    REPEAT(TO(2, 3, 5), 2, 1, 5),
    REPEAT(TO(2, 3, 5), 3, 1),
    REPEAT(TO(2, 3, 4, 5), 2, 1, 4, 1),
    REPEAT(TO(2, 3, 4, 5), 1, 3, 1, 5),
    REPEAT(TO(2, 3, 4, 5), 3, 1, 1),
    REPEAT(TO(2, 3, 4, 5), 2, 1, 1, 5),
    REPEAT(TO(0, 5), 5),
    REPEAT(TO(0), 1),
    REPEAT(TO(3, 0), 0),
    REPEAT(TO(300, 131), 131),
    REPEAT(TO(300, 131), 300, 1),
    REPEAT(TO(300, 131), 1),
    REPEAT(TO(3, 8, 30, 20), 8, 1, 20),
    REPEAT(TO(200, 131), 200, 131),
    REFUSED(TL_DENSE_OPERAND(3, 4), TO(4), "a (3x4) cannot be repeated to [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TO(4, 4), "a (3x4) cannot be repeated to 4x4"),
    REFUSED(TL_DENSE_OPERAND(3), TO(3, 1), "a [3] cannot be repeated to 3x1"),
    REFUSED(TL_DENSE_OPERAND(0), TO(3), "a [0] cannot be repeated to [3]"),
    REFUSED(TL_DENSE_OPERAND(1), TO(-1), "[-1] has a negative size"),
    REFUSED(TL_DENSE_OPERAND(3), TO(-1), "[-1] has a negative size"),
    REFUSED(TL_DENSE_OPERAND(1), (&(const tl_shape){ .rank = 5 }), "rank 5 is not in 0..4"),
    /* every bit stays */
    { .in = { { TL_STATIC_SHAPE(2, 1), .values = TL_VALUES(NAN, -0.0) } },
      .attr = TO(2, 2),
      .y = TL_VALUES(NAN, NAN, -0.0, -0.0),
      .upstream = TL_VALUES(1, 2, INFINITY, 3),
      .gradient = { TL_VALUES(3, INFINITY) } },
};

static const tl_op_case broadcast_to = { MOVE("broadcast_to", samples) };

/* Sums are in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    enum { N = 257 };
    tl_real u[N];
    for (int k = 0; k < N; k++)
        u[k] = k == 0 ? 0x1p24f : 1;
    tl_variable *v = tl_test_dense("a", TL_SHAPE(), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = tl_broadcast_to(tl_use(g, v), TL_SHAPE(N));
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(N), u)), TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 1, 0, 0x1p24 + 256);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&broadcast_to);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, long_sums);
    return s;
}
