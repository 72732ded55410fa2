/* transpose: the last two dimensions exchanged, of dense and sparse nodes */
#include "tests/ops/moves.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_transpose(in[0]);
}

static tl_shape reference(tl_reference *r)
{
    const tl_shape a = r->shape[0];
    tl_shape y = a;
    y.dim[a.rank - 1] = a.dim[a.rank - 2];
    y.dim[a.rank - 2] = a.dim[a.rank - 1];
    r->sparse = r->keep[0] != NULL;
    for (int64_t k = 0; k < tl_shape_size(a); k++) {
        at to = indices_of(a, k);
        const int64_t row = to.index[a.rank - 2];
        to.index[a.rank - 2] = to.index[a.rank - 1];
        to.index[a.rank - 1] = row;
        r->y[element_at(y, to)] = r->in[0][k];
        r->y_keep[element_at(y, to)] = r->sparse && r->keep[0][k];
    }
    return y;
}

#define OF(...)                                                                                              \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }                                                              \
    }
#define OF_SPARSE(rows, cols, density)                                                                       \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(rows, cols, density) }                                                     \
    }
#define REFUSED(operand, text)                                                                               \
    {                                                                                                        \
        .in = { operand }, .status = TL_ERR_SHAPE, .error = text                                             \
    }

static const tl_sample samples[] = {
    OF(3, 5),
    OF(1, 7),
    OF(7, 1),
    OF(1, 1),
    OF(2, 3, 5),
    OF(2, 1, 3, 5),
    OF(0, 3),
    OF(3, 17, 33),
    OF(300, 131),
    OF(2, 3, 65, 63),
    OF(1, 20001),
    OF_SPARSE(5, 7, 0.5),
    OF_SPARSE(1, 1, 1),
    OF_SPARSE(3, 17, 0.3),
    OF_SPARSE(4, 0, 0.5),
    OF_SPARSE(200, 300, 0.4),
    REFUSED(TL_SCALAR_OPERAND, "a (scalar) has no two dimensions"),
    REFUSED(TL_DENSE_OPERAND(3), "a [3] has no two dimensions"),
    /* every bit stays */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(NAN, -0.0, 0, INFINITY) } },
      .y = TL_VALUES(NAN, 0, -0.0, INFINITY),
      .upstream = TL_VALUES(1, INFINITY, NAN, 4),
      .gradient = { TL_VALUES(1, NAN, INFINITY, 4) } },
};

static const tl_op_case transpose = { MOVE("transpose", samples) };

/* The pattern is built once, and every step has the same object. */
START_TEST(pattern_is_cached)
{
    tl_pattern *p = tl_test_pattern(5, 7, 0.5, 1);
    tl_variable *v = tl_test_sparse("s", tl_pattern_retain(p), 1);
    tl_graph *g = tl_graph_new();
    const tl_pattern *expected = tl_pattern_transpose(p, NULL);
    for (int step = 0; step < 2; step++, tl_graph_reset(g))
        ck_assert_ptr_eq(tl_pattern_of(tl_transpose(tl_use(g, v))), expected);
    tl_graph_free(g);
    tl_variable_free(v);
    tl_pattern_release(p);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&transpose);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, pattern_is_cached);
    return s;
}
