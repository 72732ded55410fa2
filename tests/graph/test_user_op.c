/* An op and an optimizer as users write them: with the installed headers and the shared library, nothing
 * else. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tulle/describe.h>
#include <tulle/op.h>
#include <tulle/tangent.h>
#include <tulle/tulle.h>

/* ---- cube: Y = A^3.  dA += 3 A^2 dY ---- */

static tl_status cube_shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void cube_forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = a[k] * a[k] * a[k];
}

static void cube_backward(tl_node *y)
{
    const tl_real *a = y->in[0]->val;
    tl_real *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += 3 * a[k] * a[k] * y->grad[k];
}

static const tl_op cube_op = {
    .name = "cube", .n_in = 1, .shape = cube_shape, .forward = cube_forward, .backward = cube_backward
};

static tl_node *cube(tl_node *a)
{
    return tl_apply(&cube_op, (tl_node *[]){ a }, NULL, 0);
}

/* ---- scale_rows: Y = S with row i times d[i], sparse.  dS += dY d[i];  dd[i] += sum over the row of dY S
 * ---- */

static tl_status rows_shape(tl_node *y)
{
    const tl_node *s = y->in[0], *d = y->in[1];
    if (d->shape.rank != 1 || d->shape.dim[0] != s->shape.dim[0])
        return tl_fail(TL_ERR_SHAPE, "rows of %s by %s", tl_node_text(s).text, tl_node_text(d).text);
    return tl_shape_like(y, s);
}

static void rows_forward(tl_node *y)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(y->pattern);
    for (int64_t i = 0; i < y->shape.dim[0]; i++)
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
            y->out[e] = y->in[0]->val[e] * y->in[1]->val[i];
}

static void rows_backward(tl_node *y)
{
    const tl_node *s = y->in[0], *d = y->in[1];
    const int64_t *row_ptr = tl_pattern_row_ptr(y->pattern);
    for (int64_t i = 0; i < y->shape.dim[0]; i++)
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++) {
            if (s->grad)
                s->grad[e] += y->grad[e] * d->val[i];
            if (d->grad)
                d->grad[i] += y->grad[e] * s->val[e];
        }
}

static const tl_op rows_op = { .name = "scale_rows",
                               .n_in = 2,
                               .in_kind = { TL_SPARSE, TL_DENSE },
                               .shape = rows_shape,
                               .forward = rows_forward,
                               .backward = rows_backward };

static tl_node *scale_rows(tl_node *s, tl_node *d)
{
    return tl_apply(&rows_op, (tl_node *[]){ s, d }, NULL, 0);
}

/* ---- even_rows: Y(i, :) = T(2 i, :), with a row-sparse gradient ---- */

static tl_status even_shape(tl_node *y)
{
    const tl_shape t = y->in[0]->shape;
    if (t.rank != 2)
        return tl_fail(TL_ERR_SHAPE, "the table is %s, and must be a matrix", tl_node_text(y->in[0]).text);
    int64_t n = (t.dim[0] + 1) / 2;
    int32_t *row = y->scratch = tl_scratch(y, n, sizeof *row);
    if (!row)
        return TL_ERR_MEMORY;
    for (int32_t i = 0; i < n; i++)
        row[i] = 2 * i;
    return tl_shape_dense(y, TL_SHAPE(n, t.dim[1]));
}

static void even_forward(tl_node *y)
{
    int64_t width = y->shape.dim[1];
    for (int64_t i = 0; i < y->shape.dim[0]; i++)
        for (int64_t j = 0; j < width; j++)
            y->out[i * width + j] = y->in[0]->val[2 * i * width + j];
}

static void even_backward(tl_node *y)
{
    tl_add_rows(y, 0, y->shape.dim[0], y->scratch, NULL, NULL, y->grad);
}

static const tl_op even_op = { .name = "even_rows",
                               .n_in = 1,
                               .in_kind = { TL_ROWS },
                               .shape = even_shape,
                               .forward = even_forward,
                               .backward = even_backward };

/* ---- The tests ---- */

typedef struct operands {
    tl_variable *s, *d, *t;
} operands;

static tl_node *build_cube(tl_graph *g, void *context)
{
    return cube(tl_use(g, ((operands *)context)->t));
}

static tl_node *build_rows(tl_graph *g, void *context)
{
    operands *o = context;
    return scale_rows(tl_use(g, o->s), tl_use(g, o->d));
}

static tl_node *build_even(tl_graph *g, void *context)
{
    return tl_apply(&even_op, (tl_node *[]){ tl_use(g, ((operands *)context)->t) }, NULL, 0);
}

START_TEST(gradients)
{
    tl_random r = { .seed = 1 };
    tl_pattern *p = tl_pattern_random(4, 6, 0.4, 1);
    operands o = { tl_variable_sparse("s", p), tl_variable_dense("d", TL_SHAPE(4)),
                   tl_variable_dense("t", TL_SHAPE(5, 3)) };
    tl_init_normal(o.s, 0, 1, &r);
    tl_init_normal(o.d, 0, 1, &r);
    tl_init_normal(o.t, 0, 1, &r);
    tl_variable *all[] = { o.s, o.d, o.t };
    ck_assert_msg(tl_gradcheck(build_cube, &o, &all[2], 1, NULL) == TL_OK, "%s", tl_error());
    ck_assert_msg(tl_gradcheck(build_rows, &o, all, 2, NULL) == TL_OK, "%s", tl_error());
    ck_assert_msg(tl_gradcheck(build_even, &o, &all[2], 1, NULL) == TL_OK, "%s", tl_error());
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    ck_assert_int_eq(tl_backward(tl_reduce_sum(build_even(g, &o), TL_ALL_AXES), &out), TL_OK);
    ck_assert_int_eq(out.pair[0].n_rows, 3);
    ck_assert_int_eq(out.pair[0].rows[2], 4);
    tl_graph_free(g);
    tl_pattern_release(p);
    for (int k = 0; k < 3; k++)
        tl_variable_free(all[k]);
}
END_TEST

/* ---- Tangents, of copies of the ops above ---- */

/* 3 A^2 dA */
static tl_node *cube_tangent(tl_node *y, tl_node *const *dx)
{
    return tl_scale(tl_mul(tl_mul(y->in[0], y->in[0]), dx[0]), 3);
}

static tl_node *build_with_tangents(tl_graph *g, void *context)
{
    static tl_op cube_moves, rows_move, even_moves;
    operands *o = context;
    cube_moves = cube_op;
    cube_moves.tangent = cube_tangent;
    rows_move = rows_op;
    rows_move.tangent = tl_multilinear_tangent;
    even_moves = even_op;
    even_moves.tangent = tl_linear_tangent;
    tl_node *even = tl_apply(&even_moves, (tl_node *[]){ tl_use(g, o->t) }, NULL, 0);
    tl_node *s = tl_apply(&rows_move, (tl_node *[]){ tl_use(g, o->s), tl_use(g, o->d) }, NULL, 0);
    tl_node *y = tl_dense_sparse_matmul(tl_apply(&cube_moves, &even, NULL, 0), s, TL_TRANSPOSE_B);
    return tl_reduce_sum(tl_mul(y, y), TL_ALL_AXES);
}

/* The derivative of the above along (s, d, t), which moves the variables by themselves. */
static tl_node *build_derivative(tl_graph *g, void *context)
{
    operands *o = context;
    tl_node *y = build_with_tangents(g, o);
    tl_node *x[] = { tl_use(g, o->s), tl_use(g, o->d), tl_use(g, o->t) };
    return tl_derivative(y, 3, x, x);
}

/* Y is homogeneous: of degree 2 in s and in d, and 6 in t. So is its Hessian times (s, d, t), which is 9
 * times the gradient. */
START_TEST(second_order)
{
    tl_random r = { .seed = 1 };
    tl_pattern *p = tl_pattern_random(4, 3, 0.6, 1);
    operands o = { tl_variable_sparse("s", p), tl_variable_dense("d", TL_SHAPE(4)),
                   tl_variable_dense("t", TL_SHAPE(5, 3)) };
    tl_variable *all[] = { o.s, o.d, o.t };
    tl_gradient pair[3];
    for (int k = 0; k < 3; k++) {
        tl_init_uniform(all[k], (tl_real)0.5, 1, &r);
        pair[k] = (tl_gradient){ all[k], tl_variable_data(all[k]), NULL, 0 };
    }
    ck_assert_msg(tl_gradcheck(build_with_tangents, &o, all, 3, NULL) == TL_OK, "%s", tl_error());
    ck_assert_msg(tl_gradcheck(build_derivative, &o, all, 3, NULL) == TL_OK, "%s", tl_error());
    tl_graph *g = tl_graph_new();
    tl_node *loss = build_with_tangents(g, &o);
    tl_gradients gradient, hv;
    ck_assert_int_eq(tl_backward_for(loss, all, 3, &gradient), TL_OK);
    ck_assert_msg(tl_hessian_product(loss, &(tl_gradients){ pair, 3, NULL }, &hv) == TL_OK, "%s", tl_error());
    for (int k = 0; k < 3; k++) {
        ck_assert_int_eq(hv.pair[k].n_rows, k == 2 ? 3 : 0);
        for (int64_t j = 0; j < tl_gradient_size(&hv.pair[k]); j++) {
            const double expected = 9 * (double)gradient.pair[k].values[j];
            ck_assert_double_le(fabs((double)hv.pair[k].values[j] - expected), 1e-4 * (1 + fabs(expected)));
        }
    }
    tl_graph_free(g);
    tl_pattern_release(p);
    for (int k = 0; k < 3; k++)
        tl_variable_free(all[k]);
}
END_TEST

/* Without a tangent: an error with the op's name. */
START_TEST(no_tangent)
{
    const tl_real a[2] = { 1, 2 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2), a);
    ck_assert_ptr_null(tl_derivative(tl_tanh(cube(x)), 1, &x, &x));
    ck_assert_str_eq(tl_graph_error(g), "cube: the op has no tangent, which a derivative needs");
    tl_graph_free(g);
}
END_TEST

/* A user's op fails as a built-in one does. */
START_TEST(refusals)
{
    const tl_real a[12] = { 0 };
    tl_graph *g = tl_graph_new();
    ck_assert_ptr_null(cube(NULL));
    tl_pattern *p = tl_pattern_random(4, 6, 0.5, 1);
    ck_assert_ptr_null(scale_rows(tl_input_sparse(g, p, a), cube(tl_input(g, TL_SHAPE(2, 3), a))));
    ck_assert_str_eq(tl_graph_error(g), "scale_rows: rows of 4x6 by 2x3");
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_SHAPE);
    tl_graph_free(g);
    tl_pattern_release(p);
}
END_TEST

/* Sign descent (Bernstein et al. 2018): w -= lr sign g. */
static void sign_update(const tl_update *u)
{
    for (int64_t k = 0; k < u->n; k++)
        u->w[k] -= (tl_real)u->learning_rate * (tl_real)((u->g[k] > 0) - (u->g[k] < 0));
}

/* A sparse network learns XOR of the signs by the user's op and the user's optimizer. */
START_TEST(training)
{
    static const tl_optimizer_class sign_descent = { .name = "sign_descent", .update = sign_update };
    const tl_real x[] = { -1, -1, -1, 1, 1, -1, 1, 1 }, z[] = { 0, 1, 1, 0 };
    tl_random r = { .seed = 4 };
    tl_pattern *p = tl_pattern_random(2, 8, 0.8, 1);
    tl_variable *w1 = tl_variable_sparse("w1", p), *b1 = tl_variable_dense("b1", TL_SHAPE(8));
    tl_variable *w2 = tl_variable_dense("w2", TL_SHAPE(8, 1));
    tl_init_he(w1, &r);
    tl_init_he(w2, &r);
    tl_optimizer *o = tl_optimizer_new(&sign_descent, (tl_optimizer_options){ .learning_rate = 0.002 }, NULL,
                                       0);
    tl_graph *g = tl_graph_new();
    tl_real first = 0, last = 0;
    for (int step = 0; step < 2000; step++, tl_graph_reset(g)) {
        tl_node *in = tl_input(g, TL_SHAPE(4, 2), x);
        tl_node *h = cube(
            tl_tanh(tl_bias(tl_dense_sparse_matmul(in, tl_use(g, w1), TL_NO_TRANSPOSE), tl_use(g, b1))));
        tl_node *loss = tl_sigmoid_cross_entropy(tl_matmul(h, tl_use(g, w2)), tl_input(g, TL_SHAPE(4, 1), z));
        ck_assert_msg(tl_minimize(o, loss) == TL_OK, "%s", tl_graph_error(g));
        last = tl_value(loss)[0];
        first = step == 0 ? last : first;
    }
    ck_assert_msg(last < first / 10, "the loss went from %g to %g", (double)first, (double)last);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_pattern_release(p);
    tl_variable_free(w1);
    tl_variable_free(b1);
    tl_variable_free(w2);
}
END_TEST

/* ---- An exporter: a graph as JSON ---- */

static void json_name(void *out, const char *name)
{
    fprintf(out, ", \"onnx\": \"%s\"", name);
}

static void json_integer(void *out, const char *attribute, int64_t value)
{
    fprintf(out, ", \"%s\": %lld", attribute, (long long)value);
}

static void json_number(void *out, const char *attribute, double value)
{
    fprintf(out, ", \"%s\": %g", attribute, value);
}

static void json_text(void *out, const char *attribute, const char *value)
{
    fprintf(out, ", \"%s\": \"%s\"", attribute, value);
}

static void json_shape(void *out, const char *attribute, tl_shape value)
{
    fprintf(out, ", \"%s\": [", attribute);
    for (int32_t k = 0; k < value.rank; k++)
        fprintf(out, "%s%lld", k == 0 ? "" : ", ", (long long)value.dim[k]);
    fprintf(out, "]");
}

static void json_node(const tl_node *a, FILE *out)
{
    tl_description to = {
        .context = out,
        .name = json_name,
        .integer = json_integer,
        .number = json_number,
        .text = json_text,
        .shape = json_shape,
    };
    const tl_variable *v = tl_variable_of(a);
    fprintf(out, "{\"%s\": \"%s\"", a->op ? "op" : "leaf",
            a->op ? a->op->name
            : v   ? tl_variable_name(v)
                  : "");
    for (int32_t i = 0; i < a->n_in; i++)
        fprintf(out, "%s%d%s", i == 0 ? ", \"in\": [" : ", ", (int)tl_node_number(a->in[i]),
                i + 1 == a->n_in ? "]" : "");
    ck_assert_int_eq(tl_node_describe(a, &to), TL_OK);
    fprintf(out, "}\n");
}

START_TEST(exporter)
{
    static const tl_real x[12] = { 0 };
    static const int32_t ids[] = { 0, 3 };
    char text[1000] = "";
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(4, 3));
    tl_node *in = tl_input(g, TL_SHAPE(4, 3), x), *y = tl_matmul_transposed(in, tl_use(g, w), TL_TRANSPOSE_B);
    tl_reshape(tl_relu(tl_reduce_sum(tl_embedding_lookup(y, ids, TL_SHAPE(2)), 1)), TL_SHAPE(2, 1));
    cube(tl_scale(y, 2));
    FILE *out = fmemopen(text, sizeof text, "w");
    for (const tl_node *a = tl_graph_first(g); a; a = tl_node_next(a))
        json_node(a, out);
    fclose(out);
    ck_assert_str_eq(text, "{\"leaf\": \"\"}\n"
                           "{\"leaf\": \"w\"}\n"
                           "{\"op\": \"matmul\", \"in\": [0, 1], \"onnx\": \"Gemm\", \"transpose\": \"b\"}\n"
                           "{\"op\": \"embedding_lookup\", \"in\": [2], \"onnx\": \"Gather\", \"ids\": [2]}\n"
                           "{\"op\": \"reduce_sum\", \"in\": [3], \"onnx\": \"ReduceSum\", \"axis\": 1}\n"
                           "{\"op\": \"relu\", \"in\": [4], \"onnx\": \"Relu\"}\n"
                           "{\"op\": \"reshape\", \"in\": [5], \"onnx\": \"Reshape\", \"shape\": [2, 1]}\n"
                           "{\"op\": \"scale\", \"in\": [2], \"factor\": 2}\n"
                           "{\"op\": \"cube\", \"in\": [7]}\n");
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("user_op");
    TCase *c = tcase_create("user_op");
    tcase_add_test(c, gradients);
    tcase_add_test(c, second_order);
    tcase_add_test(c, no_tangent);
    tcase_add_test(c, refusals);
    tcase_add_test(c, training);
    tcase_add_test(c, exporter);
    suite_add_tcase(s, c);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
