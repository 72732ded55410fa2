/* reshape: the same values in another shape */
#include "tests/testing.h"

#include <math.h>

typedef struct turn {
    tl_variable *w;
    tl_shape to;
} turn;

static tl_node *build(tl_graph *g, void *context)
{
    const turn *t = context;
    return tl_reshape(tl_use(g, t->w), t->to);
}

/* The same variable twice, once by way of a vector. */
static tl_node *build_twice(tl_graph *g, void *context)
{
    const turn *t = context;
    tl_node *w = tl_use(g, t->w), *flat = tl_reshape(w, TL_SHAPE(tl_variable_size(t->w)));
    return tl_sub(tl_reshape(w, t->to), tl_reshape(tl_scale(flat, 3), t->to));
}

/* Every bit stays, in order; the gradient is the upstream one, to the bit. */
static void check(tl_shape from, tl_shape to, const char *text)
{
    tl_real u[200];
    turn t = { tl_test_dense("w", from, 1), to };
    int64_t n = tl_variable_size(t.w);
    ck_assert_gradient(build, &t, t.w);
    ck_assert_gradient(build_twice, &t, t.w);
    tl_test_fill(u, n, 2);
    if (n > 2) {
        tl_variable_data(t.w)[0] = NAN;
        tl_variable_data(t.w)[1] = -0.0f;
        tl_variable_data(t.w)[2] = INFINITY;
    }
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_reshape(tl_use(g, t.w), to);
    tl_gradients out;
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, text);
    ck_assert_same(tl_value(y), tl_variable_data(t.w), n);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, to, u)), TL_ALL_AXES), &out));
    ck_assert_same(out.pair[0].values, u, n);
    tl_graph_free(g);
    tl_variable_free(t.w);
}

START_TEST(scalars)
{
    check(TL_SHAPE(), TL_SHAPE(), "scalar");
    check(TL_SHAPE(), TL_SHAPE(1), "[1]");
    check(TL_SHAPE(), TL_SHAPE(1, 1, 1, 1), "1x1x1x1");
    check(TL_SHAPE(1, 1), TL_SHAPE(), "scalar");
}
END_TEST

START_TEST(tensors)
{
    check(TL_SHAPE(6), TL_SHAPE(6), "[6]");
    check(TL_SHAPE(2, 3), TL_SHAPE(3, 2), "3x2");
    check(TL_SHAPE(2, 3), TL_SHAPE(6), "[6]");
    check(TL_SHAPE(63), TL_SHAPE(7, 1, 9), "7x1x9");
    check(TL_SHAPE(13, 5), TL_SHAPE(65), "[65]");
    check(TL_SHAPE(2, 3, 17), TL_SHAPE(17, 6), "17x6");
    check(TL_SHAPE(2, 3, 17), TL_SHAPE(3, 2, 1, 17), "3x2x1x17");
    check(TL_SHAPE(3, 2, 1, 5), TL_SHAPE(1, 30), "1x30");
}
END_TEST

START_TEST(empty)
{
    check(TL_SHAPE(0), TL_SHAPE(0, 7), "0x7");
    check(TL_SHAPE(0, 3), TL_SHAPE(5, 0), "5x0");
    check(TL_SHAPE(3, 0), TL_SHAPE(0), "[0]");
    check(TL_SHAPE(2, 0, 3), TL_SHAPE(0, 0, 0, 0), "0x0x0x0");
}
END_TEST

START_TEST(empty_without_data)
{
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_reshape(tl_input(g, TL_SHAPE(3, 0), NULL), TL_SHAPE(0, 2));
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "0x2");
    tl_graph_free(g);
}
END_TEST

START_TEST(refusals)
{
    const struct {
        tl_shape from, to;
        const char *text;
    } bad[] = {
        { TL_SHAPE(2, 3), TL_SHAPE(4, 2), "reshape: 2x3 to 4x2 changes the number of elements from 6 to 8" },
        { TL_SHAPE(2, 3), TL_SHAPE(5), "reshape: 2x3 to [5] changes the number of elements from 6 to 5" },
        { TL_SHAPE(2, 3), TL_SHAPE(), "reshape: 2x3 to scalar changes the number of elements from 6 to 1" },
        { TL_SHAPE(2, 3), TL_SHAPE(0, 6), "reshape: 2x3 to 0x6 changes the number of elements from 6 to 0" },
        { TL_SHAPE(), TL_SHAPE(2), "reshape: scalar to [2] changes the number of elements from 1 to 2" },
        { TL_SHAPE(0, 3), TL_SHAPE(), "reshape: 0x3 to scalar changes the number of elements from 0 to 1" },
        { TL_SHAPE(0, 3), TL_SHAPE(3), "reshape: 0x3 to [3] changes the number of elements from 0 to 3" },
        { TL_SHAPE(2, 3), TL_SHAPE(-1, 6), "reshape: -1x6 has a negative size" }, /* no size is guessed */
        { TL_SHAPE(2, 3), TL_SHAPE(-2, -3), "reshape: -2x-3 has a negative size" },
        { TL_SHAPE(2, 3), TL_SHAPE(1, 1, 1, 2, 3), "reshape: rank 5 is not in 0..4" },
        { TL_SHAPE(2, 3), { .rank = -1 }, "reshape: rank -1 is not in 0..4" },
        /* 2^64 + 6 elements, which are 6 in 64 bits */
        { TL_SHAPE(2, 3), TL_SHAPE(2617318, 7047956753329),
          "reshape: 2617318x7047956753329 has more elements than memory can hold" },
    };
    const tl_real x[6] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_reshape(tl_input(g, bad[k].from, x), bad[k].to), TL_ERR_SHAPE, bad[k].text);
    ck_assert_ptr_null(tl_reshape(NULL, TL_SHAPE(3)));
    ck_assert_refused(g, tl_reshape(tl_use(g, s), TL_SHAPE(12)), TL_ERR_KIND,
                      "reshape: input 0 (s, 3x4) is sparse, and must be dense");
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 3), 1);
    ck_assert_refused(g, tl_reshape(tl_use(g, w), TL_SHAPE(7)), TL_ERR_SHAPE,
                      "reshape: w (2x3) to [7] changes the number of elements from 6 to 7");
    tl_variable_free(w);
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("reshape");
    TCase *c = tl_test_case(s, "reshape");
    tcase_add_test(c, scalars);
    tcase_add_test(c, tensors);
    tcase_add_test(c, empty);
    tcase_add_test(c, empty_without_data);
    tcase_add_test(c, refusals);
    return s;
}
