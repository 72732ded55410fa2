/* The tools for tangents. */
#include "tangent.h"
#include "derivative.h"
#include "tests/testing.h"

#include <math.h>

static const tl_real numbers[6] = { 1, -2, 3, 4, 5, -6 };

/* ---- gate ---- */

static tl_node *gated(tl_graph *g, void *context)
{
    tl_variable *const *v = context;
    return tl_gate(tl_use(g, v[0]), tl_input(g, TL_SHAPE(6), numbers));
}

START_TEST(gate_values)
{
    const tl_real by[6] = { 1, 0, -(tl_real)0.0, (tl_real)NAN, (tl_real)INFINITY, -1 };
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_gate(tl_input(g, TL_SHAPE(6), numbers), tl_input(g, TL_SHAPE(6), by));
    ck_assert_values(tl_value(y), 6, 0, 1, 0, 0, 0, 5, 0);
    tl_graph_free(g);
}
END_TEST

START_TEST(gate_gradient)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(6), 1);
    ck_assert_gradient(gated, &v, v);
    tl_variable_free(v);
}
END_TEST

/* On the values of a sparse node, and linear in them. */
START_TEST(gate_sparse)
{
    tl_pattern *p = tl_pattern_random(1, 5, 1, 1);
    tl_graph *g = tl_graph_new();
    tl_node *s = tl_input_sparse(g, p, numbers), *ds = tl_input_sparse(g, p, numbers + 1), *y;
    y = tl_gate(s, s);
    ck_assert_ptr_eq(tl_pattern_of(y), p);
    ck_assert_values(tl_value(y), 5, 0, 1, 0, 3, 4, 5);
    ck_assert_values(tl_value(tl_derivative(y, 1, &s, &ds)), 5, 0, -2, 0, 4, 5, -6);
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

START_TEST(gate_arguments)
{
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(6), numbers), *y = tl_input(g, TL_SHAPE(2, 3), numbers);
    ck_assert_ptr_null(tl_gate(NULL, x));
    ck_assert_ok(tl_graph_status(g));
    ck_assert_refused(g, tl_gate(x, y), TL_ERR_SHAPE, "gate: [6] by 2x3, which must be like it");
    x = tl_input(g, TL_SHAPE(6), numbers);
    ck_assert_refused(g, tl_gate(x, NULL), TL_ERR_ARGUMENT, "gate: the node to gate by is NULL");
    tl_graph *other = tl_graph_new();
    x = tl_input(g, TL_SHAPE(6), numbers);
    ck_assert_refused(g, tl_gate(x, tl_input(other, TL_SHAPE(6), numbers)), TL_ERR_ARGUMENT,
                      "gate: the node to gate by, [6], belongs to another graph");
    tl_graph_free(other);
    tl_graph_free(g);
}
END_TEST

/* On a graph for inference, what is gated by stays until the gate has run. */
START_TEST(gate_on_inference)
{
    tl_graph *g = tl_graph_new_inference();
    tl_node *a = tl_input(g, TL_SHAPE(6), numbers), *by = tl_scale(tl_scale(a, 2), -1);
    tl_node *other = tl_scale(by, 3), *y = tl_gate(a, by);
    ck_assert_values(tl_value(other), 6, 0, -6, 12, -18, -24, -30, 36);
    ck_assert_values(tl_value(y), 6, 0, 0, -2, 0, 0, 0, -6);
    ck_assert_ptr_null(tl_gate(a, by));
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_ARGUMENT);
    tl_graph_free(g);
}
END_TEST

/* ---- sum_of ---- */

static tl_node *summed(tl_graph *g, void *context)
{
    tl_variable *const *v = context;
    tl_node *a = tl_use(g, v[0]), *b = tl_use(g, v[1]);
    return tl_sum_of(5, (tl_node *[]){ tl_tanh(a), NULL, b, a, b });
}

START_TEST(sums)
{
    tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(3), 1), tl_test_dense("b", TL_SHAPE(3), 2) };
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(2), numbers), *b = tl_input(g, TL_SHAPE(2), numbers + 2);
    ck_assert_values(tl_value(tl_sum_of(4, (tl_node *[]){ a, b, a, a })), 2, 0, 6, -2);
    ck_assert_ptr_eq(tl_sum_of(3, (tl_node *[]){ NULL, a, NULL }), a);
    ck_assert_ptr_null(tl_sum_of(2, (tl_node *[]){ NULL, NULL }));
    ck_assert_ptr_null(tl_sum_of(0, NULL));
    ck_assert_ptr_null(tl_sum_of(2, NULL));
    ck_assert_ok(tl_graph_status(g));
    ck_assert_gradient(summed, v, v[0], v[1]);
    tl_graph_free(g);
    tl_variable_free(v[0]);
    tl_variable_free(v[1]);
}
END_TEST

/* Only what moves is added. */
START_TEST(sum_tangent)
{
    tl_graph *g = tl_graph_new();
    tl_node *x[3];
    for (int k = 0; k < 3; k++)
        x[k] = tl_input(g, TL_SHAPE(2), numbers + 2 * k);
    tl_node *y = tl_sum_of(3, x);
    ck_assert_ptr_eq(tl_derivative(y, 1, x, x + 1), x[1]);
    ck_assert_values(tl_value(tl_derivative(y, 2, x, x + 1)), 2, 0, 3 + 5, 4 - 6);
    tl_graph_free(g);
}
END_TEST

START_TEST(sparse_sums)
{
    tl_pattern *p = tl_pattern_random(2, 3, 1, 1), *q = tl_test_pattern(3, 2, 1, 1);
    tl_graph *g = tl_graph_new();
    tl_node *s = tl_input_sparse(g, p, numbers), *other = tl_input_sparse(g, q, numbers);
    tl_node *y = tl_sum_of(2, (tl_node *[]){ s, s });
    ck_assert_ptr_eq(tl_pattern_of(y), p);
    ck_assert_values(tl_value(y), 6, 0, 2, -4, 6, 8, 10, -12);
    ck_assert_refused(g, tl_sum_of(2, (tl_node *[]){ s, other }), TL_ERR_SHAPE,
                      "sum_of: input 1, 3x2, is unlike input 0, 2x3");
    s = tl_input_sparse(g, p, numbers);
    ck_assert_ptr_null(tl_reshape(tl_input(g, TL_SHAPE(6), numbers), TL_SHAPE(5)));
    ck_assert_ptr_null(tl_sum_of(1, &s)); /* the graph has failed */
    tl_graph_free(g);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

/* ---- zeros_like, and the tangents of whole classes of ops ---- */

START_TEST(zeros)
{
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 40, 0.5, 1), 2);
    tl_graph *g = tl_graph_new();
    const tl_real none[60] = { 0 };
    tl_node *leaf = tl_use(g, s), *a = tl_zeros_like(leaf), *b, *c;
    ck_assert_ptr_null(tl_zeros_like(NULL));
    ck_assert_ok(tl_graph_status(g));
    b = tl_zeros_like(tl_input(g, TL_SHAPE(2, 3), numbers));
    c = tl_zeros_like(tl_input(g, TL_SHAPE(0, 3), NULL));
    ck_assert_ptr_eq(tl_pattern_of(a), tl_pattern_of(leaf));
    ck_assert_same(tl_value(a), none, tl_pattern_nnz(tl_pattern_of(a)));
    ck_assert_same(tl_value(b), none, 6);
    ck_assert(tl_shape_equal(tl_shape_of(b), TL_SHAPE(2, 3)));
    ck_assert(tl_shape_equal(tl_shape_of(c), TL_SHAPE(0, 3)));
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

/* The tangent of a sum passes on the only direction, if that has the shape of the result. */
START_TEST(sums_pass_directions_on)
{
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(2, 3), numbers), *b = tl_input(g, TL_SHAPE(3), numbers);
    tl_node *y = tl_add(a, b);
    ck_assert_ptr_eq(tl_derivative(y, 1, &a, &a), a);
    ck_assert_values(tl_value(tl_derivative(y, 1, &b, &b)), 6, 0, 1, -2, 3, 1, -2, 3);
    ck_assert_values(tl_value(tl_derivative(y, 2, (tl_node *[]){ a, b }, (tl_node *[]){ a, b })), 6, 0, 2, -4,
                     6, 5, 3, -3);
    tl_graph_free(g);
}
END_TEST

/* Of a direction that is not given by rows. */
START_TEST(rows_of_a_direction)
{
    const int32_t ids[] = { 1, 0 }, *at = NULL;
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), numbers);
    ck_assert_ptr_eq(tl_moved_rows(x, 2, ids, NULL, &at), x);
    ck_assert_ptr_eq(at, ids);
    ck_assert_ptr_null(tl_moved_rows(NULL, 2, ids, NULL, &at));
    ck_assert_ptr_eq(at, ids);
    tl_graph_free(g);
}
END_TEST

/* ---- Ops of which one operand moves and the other is constant ---- */

typedef struct pair {
    tl_node *(*op)(tl_node *a, tl_node *b);
    tl_shape shape[2];
    int moves;
    tl_variable *v;
} pair;

static tl_node *one_moves(tl_graph *g, void *context)
{
    const pair *p = context;
    tl_node *in[2];
    in[p->moves] = tl_use(g, p->v);
    in[1 - p->moves] = tl_input(g, p->shape[1 - p->moves], numbers);
    return p->op(in[0], in[1]);
}

/* tl_gradcheck compares tangents with gradients, and gradients of a derivative with differences. */
static tl_node *derivative_of_one(tl_graph *g, void *context)
{
    tl_node *y = one_moves(g, context), *x = tl_use(g, ((const pair *)context)->v);
    return tl_derivative(y, 1, &x, &(tl_node *){ tl_tanh(x) });
}

static tl_node *scaled_rows(tl_node *a, tl_node *gain)
{
    return tl_layer_norm(a, gain, NULL, 0.1);
}

static tl_node *shifted_rows(tl_node *a, tl_node *bias)
{
    return tl_layer_norm(a, NULL, bias, 0.1);
}

static tl_node *uncentred_rows(tl_node *a, tl_node *gain)
{
    return tl_rms_norm(a, gain, 0.1);
}

START_TEST(one_operand)
{
    pair tries[] = {
        { tl_mse, { TL_SHAPE(2, 3), TL_SHAPE(2, 3) }, 0, NULL },
        { tl_sigmoid_cross_entropy, { TL_SHAPE(2, 3), TL_SHAPE(2, 3) }, 0, NULL },
        { tl_bias_relu, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { tl_bias, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { tl_sub, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { tl_mul, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { tl_div, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { tl_maximum, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { tl_minimum, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { scaled_rows, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { shifted_rows, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { uncentred_rows, { TL_SHAPE(2, 3), TL_SHAPE(3) }, 0, NULL },
        { tl_matmul, { TL_SHAPE(2, 3), TL_SHAPE(3, 2) }, 0, NULL },
    };
    pair *p = &tries[_i];
    for (p->moves = 0; p->moves < 2; p->moves++) {
        p->v = tl_test_dense("v", p->shape[p->moves], 5);
        ck_assert_gradient(one_moves, p, p->v);
        ck_assert_gradient(derivative_of_one, p, p->v);
        tl_variable_free(p->v);
    }
}
END_TEST

/* Rows of many strips. The factor makes up for probabilities that are all small. */
static tl_node *long_rows(tl_graph *g, void *variable)
{
    static const int32_t labels[] = { 0, 599 };
    tl_node *x = tl_use(g, variable);
    return tl_scale(tl_softmax_cross_entropy(x, labels), TL_IS_DOUBLE ? 1000 : 1);
}

static tl_node *derivative_of_long_rows(tl_graph *g, void *variable)
{
    tl_node *y = long_rows(g, variable), *x = tl_use(g, variable);
    return tl_derivative(y, 1, &x, &(tl_node *){ tl_mul(x, x) });
}

START_TEST(softmax_of_long_rows)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 600), 5);
    ck_assert_gradient(long_rows, v, v);
    ck_assert_gradient(derivative_of_long_rows, v, v);
    tl_variable_free(v);
}
END_TEST

/* The weights of a mean, for which there is no tangent. */
START_TEST(weights_of_a_mean)
{
    static const char *const name[] = { "mean", "sqrtn" };
    const int64_t row_ptr[] = { 0, 2 };
    const int32_t ids[] = { 0, 1 };
    const tl_pattern_bag bags = { .n = 1, .row_ptr = row_ptr, .ids = ids };
    tl_graph *g = tl_graph_new();
    tl_node *table = tl_input(g, TL_SHAPE(2, 3), numbers), *w = tl_input(g, TL_SHAPE(2), numbers + 3);
    tl_node *y = tl_embedding_lookup_sparse(table, &bags, w, _i == 0 ? TL_MEAN : TL_SQRTN);
    char text[100];
    snprintf(text, sizeof text,
             "embedding_lookup_sparse: the op has no tangent where the weights of a %s move", name[_i]);
    ck_assert_ptr_nonnull(tl_derivative(y, 1, &table, &table));
    ck_assert_refused(g, tl_derivative(y, 1, &w, &w), TL_ERR_ARGUMENT, text);
    tl_graph_free(g);
}
END_TEST

/* The tangent of softmax_cross_entropy has none: a third order through it is refused. */
START_TEST(third_order_of_softmax)
{
    const int32_t labels[] = { 0, 2 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), numbers), *y = tl_softmax_cross_entropy(x, labels);
    tl_node *d = tl_derivative(y, 1, &x, &x);
    ck_assert_ptr_nonnull(d);
    ck_assert_refused(g, tl_derivative(d, 1, &x, &x), TL_ERR_ARGUMENT,
                      "tangent of softmax_cross_entropy: the op has no tangent, which a derivative needs");
    tl_graph_free(g);
}
END_TEST

/* The generator that dropout was given is not read again. */
START_TEST(dropout_keeps_its_mask)
{
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(6), numbers);
    tl_random r = { .seed = 3, .position = 17 };
    tl_node *y = tl_dropout(x, (tl_real)0.5, &r);
    r = (tl_random){ .seed = 9 };
    tl_node *d = tl_derivative(y, 1, &x, &x);
    ck_assert_same(tl_value(d), tl_value(y), 6);
    ck_assert_same(tl_value(tl_derivative(d, 1, &x, &x)), tl_value(y),
                   6); /* d depends on x by its direction */
    ck_assert_uint_eq(r.position, 0);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("tangent");
    TCase *c = tl_test_case(s, "gate");
    tcase_add_test(c, gate_values);
    tcase_add_test(c, gate_gradient);
    tcase_add_test(c, gate_sparse);
    tcase_add_test(c, gate_arguments);
    tcase_add_test(c, gate_on_inference);
    c = tl_test_case(s, "sum");
    tcase_add_test(c, sums);
    tcase_add_test(c, sum_tangent);
    tcase_add_test(c, sparse_sums);
    c = tl_test_case(s, "tools");
    tcase_add_test(c, zeros);
    tcase_add_test(c, sums_pass_directions_on);
    tcase_add_test(c, rows_of_a_direction);
    c = tl_test_case(s, "ops");
    tcase_add_loop_test(c, one_operand, 0, 13);
    tcase_add_test(c, softmax_of_long_rows);
    tcase_add_loop_test(c, weights_of_a_mean, 0, 2);
    tcase_add_test(c, third_order_of_softmax);
    tcase_add_test(c, dropout_keeps_its_mask);
    return s;
}
