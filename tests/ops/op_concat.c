/* concat: tensors one after the other along an axis */
#include "tests/ops/moves.h"

#include <stdio.h>

/* The number of inputs of the sample whose attributes these are. */
typedef struct along {
    int32_t axis, n;
} along;

static tl_node *op(tl_node *const *in, const void *attr)
{
    const along *a = attr;
    return tl_concat(in, a->n, a->axis);
}

static tl_shape reference(tl_reference *r)
{
    const int32_t axis = ((const along *)r->attr)->axis;
    tl_shape y = r->shape[0];
    y.dim[axis] = 0;
    for (int32_t i = 0; i < r->n_in; i++)
        y.dim[axis] += r->shape[i].dim[axis];
    int64_t first = 0;
    for (int32_t i = 0; i < r->n_in; first += r->shape[i++].dim[axis])
        for (int64_t k = 0; k < tl_shape_size(r->shape[i]); k++) {
            at to = indices_of(r->shape[i], k);
            to.index[axis] += first;
            r->y[element_at(y, to)] = r->in[i][k];
        }
    return y;
}

#define LIST(its_axis, its_n, ...)                                                                           \
    {                                                                                                        \
        .in = { __VA_ARGS__ }, .n_in = its_n, .attr = &(const along)                                         \
        {                                                                                                    \
            its_axis, its_n                                                                                  \
        }                                                                                                    \
    }
#define REFUSED(its_axis, its_n, its_status, text, ...)                                                      \
    {                                                                                                        \
        .in = { __VA_ARGS__ }, .n_in = its_n, .attr = &(const along){ its_axis, its_n },                     \
        .status = its_status, .error = text                                                                  \
    }

static const tl_sample samples[] = {
    LIST(0, 2, TL_DENSE_OPERAND(3, 5), TL_DENSE_OPERAND(3, 5)),
    LIST(1, 2, TL_DENSE_OPERAND(3, 5), TL_DENSE_OPERAND(3, 2)),
    LIST(0, 1, TL_DENSE_OPERAND(4)),
    LIST(0, 3, TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(1), TL_DENSE_OPERAND(2)),
    LIST(1, 5, TL_DENSE_OPERAND(2, 1, 3), TL_DENSE_OPERAND(2, 4, 3), TL_DENSE_OPERAND(2, 0, 3),
         TL_DENSE_OPERAND(2, 1, 3), TL_DENSE_OPERAND(2, 2, 3)),
    LIST(2, 2, TL_DENSE_OPERAND(2, 3, 1), TL_DENSE_OPERAND(2, 3, 1)),
    LIST(3, 2, TL_DENSE_OPERAND(2, 3, 1, 2), TL_DENSE_OPERAND(2, 3, 1, 3)),
    LIST(0, 2, TL_DENSE_OPERAND(0, 3), TL_DENSE_OPERAND(0, 3)),
    LIST(0, 8, TL_DENSE_OPERAND(1), TL_DENSE_OPERAND(2), TL_DENSE_OPERAND(3), TL_DENSE_OPERAND(4),
         TL_DENSE_OPERAND(1), TL_DENSE_OPERAND(2), TL_DENSE_OPERAND(3), TL_DENSE_OPERAND(1)),
    LIST(0, 2, TL_DENSE_OPERAND(150, 131), TL_DENSE_OPERAND(150, 131)),
    LIST(1, 2, TL_DENSE_OPERAND(150, 131), TL_DENSE_OPERAND(150, 65)),
    REFUSED(2, 2, TL_ERR_ARGUMENT, "2 is not an axis of a (3x4)", TL_DENSE_OPERAND(3, 4),
            TL_DENSE_OPERAND(3, 4)),
    REFUSED(-1, 1, TL_ERR_ARGUMENT, "-1 is not an axis of a (3x4)", TL_DENSE_OPERAND(3, 4)),
    REFUSED(0, 1, TL_ERR_ARGUMENT, "0 is not an axis of a (scalar)", TL_SCALAR_OPERAND),
    REFUSED(0, 2, TL_ERR_SHAPE, "input 1, b (3x5), does not fit input 0, a (3x4), along axis 0",
            TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3, 5)),
    REFUSED(0, 3, TL_ERR_SHAPE, "input 2, c [4], does not fit input 0, a (3x4), along axis 0",
            TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4)),
    /* every bit stays */
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(NAN, -0.0) },
              { TL_STATIC_SHAPE(1), .values = TL_VALUES(INFINITY) } },
      .attr = &(const along){ 0, 2 },
      .y = TL_VALUES(NAN, -0.0, INFINITY),
      .upstream = TL_VALUES(1, NAN, 3),
      .gradient = { TL_VALUES(1, NAN), TL_VALUES(3) } },
};

static const tl_op_case concat = {
    .name = "concat",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* an axis of 0 mixes the rows */
};

/* 100 inputs, one of which is there twice. */
START_TEST(many_inputs)
{
    enum { N = 100 };
    const tl_real zero = 0;
    tl_variable *v = tl_test_dense("a", TL_SHAPE(2), 1);
    tl_graph *g = tl_graph_new();
    tl_node *list[N];
    tl_gradients out;
    for (int k = 0; k < N; k++)
        list[k] = k == 3 || k == 77 ? tl_use(g, v) : tl_input(g, TL_SHAPE(1), &zero);
    tl_node *y = tl_concat(list, N, 0);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "[102]");
    ck_assert_same(tl_value(y) + 78, tl_variable_values(v), 2);
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 2, 0, 2, 2);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* Sizes whose sum would overflow are refused before it does. */
START_TEST(more_than_memory_can_hold)
{
    tl_graph *g = tl_graph_new();
    tl_node *list[16];
    for (int k = 0; k < 16; k++)
        list[k] = tl_input(g, TL_SHAPE((int64_t)1 << 59, 0), NULL);
    const int64_t most = ((int64_t)1 << 62) / (int64_t)sizeof(tl_real);
    char text[100];
    snprintf(text, sizeof text, "concat: %lldx0 has more elements than memory can hold", 2LL * most);
    ck_assert_refused(g, tl_concat(list, 16, 0), TL_ERR_SHAPE, text);
    tl_graph_free(g);
}
END_TEST

START_TEST(no_inputs)
{
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(1), &(const tl_real){ 0 });
    ck_assert_null(tl_concat(&a, 0, 0), "concat: 0 inputs");
    ck_assert_ptr_null(tl_concat(NULL, 1, 0));
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&concat);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, many_inputs);
    tcase_add_test(c, more_than_memory_can_hold);
    tcase_add_test(c, no_inputs);
    return s;
}
