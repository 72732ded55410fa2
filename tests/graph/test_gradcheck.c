/* The gradient check, itself checked: it accepts what is right, and finds every way of being wrong that it
 * names. */
#include "tests/testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 3 };

/* ---- A product of square matrices, with a flaw of choice ---- */

typedef enum flaw {
    NONE,
    WRONG_SIGN,
    MISSING_TERM, /* of a sum */
    TRANSPOSED,   /* a matrix gradient of the right shape */
    ASSIGNED,     /* = for += */
    FORGOTTEN,    /* the second operand gets nothing */
    DOUBLED,
    LAST_ELEMENT,  /* is wrong, alone */
    ONLY_TOGETHER, /* nothing is done unless both gradients are wanted */
    NOT_A_NUMBER
} flaw;

static tl_status like_first(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void product_forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            y->out[i * N + j] = 0;
            for (int k = 0; k < N; k++)
                y->out[i * N + j] += a[i * N + k] * b[k * N + j];
        }
}

/* Adds the gradient of one operand, spoilt. */
static void add_spoilt(tl_node *to, const tl_real *d, flaw f)
{
    for (int i = 0; to->grad && i < N; i++)
        for (int j = 0; j < N; j++) {
            const int at = i * N + j;
            tl_real g = f == TRANSPOSED ? d[j * N + i] : d[at];
            g = f == WRONG_SIGN ? -g : f == DOUBLED ? 2 * g : f == NOT_A_NUMBER && at == 0 ? (tl_real)NAN : g;
            if (f == LAST_ELEMENT && at == N * N - 1)
                g += (tl_real)0.5;
            to->grad[at] = f == ASSIGNED ? g : to->grad[at] + g;
        }
}

static void product_backward(tl_node *y)
{
    const flaw f = *(const flaw *)y->attr;
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    tl_real da[N * N] = { 0 }, db[N * N] = { 0 };
    if (f == ONLY_TOGETHER && !(y->in[0]->grad && y->in[1]->grad))
        return;
    for (int i = 0; i < N; i++)
        for (int j = f == MISSING_TERM; j < N; j++)
            for (int k = 0; k < N; k++) {
                da[i * N + k] += y->grad[i * N + j] * b[k * N + j];
                db[k * N + j] += y->grad[i * N + j] * a[i * N + k];
            }
    add_spoilt(y->in[0], da, f);
    if (f != FORGOTTEN)
        add_spoilt(y->in[1], db, f);
}

typedef struct model {
    tl_variable *a, *b;
    flaw f;
} model;

static tl_node *product(tl_graph *g, void *context)
{
    static const tl_op op = { .name = "product",
                              .n_in = 2,
                              .shape = like_first,
                              .forward = product_forward,
                              .backward = product_backward };
    model *m = context;
    return tl_apply(&op, (tl_node *[]){ tl_use(g, m->a), tl_use(g, m->b) }, &m->f, sizeof m->f);
}

/* What is wrong is found, in the variable named here; and the variables keep their bits. */
START_TEST(flaws)
{
    static const struct {
        flaw f;
        const char *where, *suffix;
    } table[] = { { WRONG_SIGN, "gradcheck: a[0]: ", "" },
                  { MISSING_TERM, "gradcheck: a[0]: ", "" },
                  { TRANSPOSED, "gradcheck: a[1]: ", "" },
                  { ASSIGNED, "gradcheck: a[0]: ", ", with gradients already present" },
                  { FORGOTTEN, "gradcheck: b[0]: analytic 0, ", "" },
                  { DOUBLED, "gradcheck: a[0]: ", "" },
                  { LAST_ELEMENT, "gradcheck: a[8]: ", "" },
                  { ONLY_TOGETHER, "gradcheck: a[0]: analytic 0, ", "" },
                  { NOT_A_NUMBER, "gradcheck: a[0]: analytic nan, ", "" } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(N, N), 1), tl_test_dense("b", TL_SHAPE(N, N), 2) };
        model m = { v[0], v[1], table[i].f };
        tl_real before[2][N * N];
        for (int k = 0; k < 2; k++)
            memcpy(before[k], tl_variable_data(v[k]), sizeof before[k]);
        tl_status status = tl_gradcheck(product, &m, v, 2, NULL);
        ck_assert_msg(status == TL_ERR_NUMERIC, "flaw %d is not found", (int)m.f);
        size_t length = strlen(tl_error()), tail = strlen(table[i].suffix);
        ck_assert_msg(strncmp(tl_error(), table[i].where, strlen(table[i].where)) == 0, "%s", tl_error());
        ck_assert_str_eq(tl_error() + length - tail, table[i].suffix);
        ck_assert_int_eq(strstr(tl_error(), "already present") != NULL, tail > 0);
        for (int k = 0; k < 2; k++)
            ck_assert_same(tl_variable_data(v[k]), before[k], N * N);
        tl_variable_free(v[0]);
        tl_variable_free(v[1]);
    }
}
END_TEST

/* Without a flaw it passes: with two operands, one of them, and one that is both. */
START_TEST(right)
{
    tl_variable *a = tl_test_dense("a", TL_SHAPE(N, N), 1), *b = tl_test_dense("b", TL_SHAPE(N, N), 2);
    tl_variable *c = tl_test_dense("c", TL_SHAPE(4), 3);
    model two = { a, b, NONE }, square = { a, a, NONE };
    ck_assert_gradient(product, &two, a, b);
    ck_assert_gradient(product, &two, b);
    ck_assert_gradient(product, &square, a);
    ck_assert_gradient(product, &two, c, a); /* of c, which is not in it, it is 0 */
    tl_variable_free(a);
    tl_variable_free(b);
    tl_variable_free(c);
}
END_TEST

/* ---- Rows ---- */

/* Rows ids[k] of a table; backward is told to hit another row. */
static const int32_t ids[] = { 2, 0, 2 }, other_ids[] = { 2, 1, 2 };

static tl_status rows_shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE(3, y->in[0]->shape.dim[1]));
}

static void rows_forward(tl_node *y)
{
    int64_t width = y->shape.dim[1];
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = y->in[0]->val[ids[k / width] * width + k % width];
}

static void rows_backward(tl_node *y)
{
    const bool wrong = *(const bool *)y->attr;
    tl_add_rows(y, 0, 3, wrong ? other_ids : ids, NULL, NULL, y->grad);
}

typedef struct table {
    tl_variable *t;
    bool wrong, dense_too;
} table;

static tl_node *take_rows(tl_graph *g, void *context)
{
    static const tl_op op = { .name = "take_rows",
                              .n_in = 1,
                              .in_kind = { TL_ROWS },
                              .shape = rows_shape,
                              .forward = rows_forward,
                              .backward = rows_backward };
    table *c = context;
    tl_node *t = tl_use(g, c->t), *y = tl_apply(&op, &t, &c->wrong, sizeof c->wrong);
    return c->dense_too ? tl_matmul_transposed(y, t, TL_TRANSPOSE_B) : y;
}

START_TEST(row_slices)
{
    tl_variable *t = tl_test_dense("t", TL_SHAPE(4, 2), 1);
    for (int k = 0; k < 4; k++) {
        table c = { t, k & 1, k & 2 };
        if (c.wrong) {
            ck_assert_int_eq(tl_gradcheck(take_rows, &c, &t, 1, NULL), TL_ERR_NUMERIC);
            ck_assert_msg(strncmp(tl_error(), "gradcheck: t[0]: ", 17) == 0, "%s", tl_error());
        } else {
            ck_assert_gradient(take_rows, &c, t);
        }
    }
    tl_variable_free(t);
}
END_TEST

/* ---- Results of other kinds ---- */

static tl_node *twice_sparse(tl_graph *g, void *context)
{
    tl_node *s = tl_use(g, context);
    return tl_sparse_add(s, s);
}

static tl_node *sum_of(tl_graph *g, void *context)
{
    return tl_reduce_sum(tl_use(g, context), TL_ALL_AXES);
}

static tl_node *itself(tl_graph *g, void *context)
{
    return tl_use(g, context);
}

START_TEST(kinds_of_results)
{
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(4, 5, 0.5, 1), 1);
    tl_variable *d = tl_test_dense("d", TL_SHAPE(4), 2), *scalar = tl_test_dense("c", TL_SHAPE(), 3),
                *empty = tl_test_dense("e", TL_SHAPE(0, 3), 4);
    ck_assert_gradient(twice_sparse, s, s);
    ck_assert_gradient(sum_of, d, d);
    ck_assert_gradient(sum_of, scalar, scalar);
    ck_assert_gradient(sum_of, empty, empty);
    ck_assert_gradient(itself, s, s);
    ck_assert_gradient(itself, d, d);
    tl_variable_free(s);
    tl_variable_free(d);
    tl_variable_free(scalar);
    tl_variable_free(empty);
}
END_TEST

/* ---- The message, and the options ---- */

/* Does not move with w: every difference is exactly 0. Its gradient is said to be 3 dY for element 1; or
 * it is right, 0, and assigned. */
static void constant_forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = 1;
}

static void constant_backward(tl_node *y)
{
    if (*(const bool *)y->attr)
        y->in[0]->grad[0] = 0;
    else
        y->in[0]->grad[1] += 3 * y->grad[1];
}

typedef struct constant_model {
    tl_variable *w;
    bool assigned;
} constant_model;

static tl_node *constant(tl_graph *g, void *context)
{
    static const tl_op op = { .name = "constant",
                              .n_in = 1,
                              .shape = like_first,
                              .forward = constant_forward,
                              .backward = constant_backward };
    constant_model *m = context;
    tl_node *w = tl_use(g, m->w);
    return tl_apply(&op, &w, &m->assigned, sizeof m->assigned);
}

/* The upstream gradient is normal, drawn from the seed. */
START_TEST(message)
{
    constant_model m = { tl_test_dense("w", TL_SHAPE(2, 2), 1), false };
    for (uint64_t seed = 0; seed < 3; seed++) {
        tl_random r = { .seed = seed };
        tl_random_normal(&r);
        char text[80];
        snprintf(text, sizeof text, "gradcheck: w[1]: analytic %.9g, numeric 0",
                 (double)(3 * (tl_real)tl_random_normal(&r)));
        ck_assert_status(tl_gradcheck(constant, &m, &m.w, 1, &(tl_gradcheck_options){ .seed = seed }),
                         TL_ERR_NUMERIC, text);
    }
    m.assigned = true;
    ck_assert_status(tl_gradcheck(constant, &m, &m.w, 1, NULL), TL_ERR_NUMERIC,
                     "gradcheck: w[0]: analytic -0.5, numeric 0, with gradients already present");
    tl_variable_free(m.w);
}
END_TEST

static tl_node *cube(tl_graph *g, void *context)
{
    tl_node *w = tl_use(g, context);
    return tl_mul(tl_mul(w, w), w);
}

/* The central difference of w^3 is 3 w^2 + h^2: right by default, wrong by h^2 with a large step, and
 * right again for one who does not mind. */
START_TEST(options)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(3), 1);
    ck_assert_gradient(cube, w, w);
    ck_assert_int_eq(tl_gradcheck(cube, w, &w, 1, &(tl_gradcheck_options){ .step = 1 }), TL_ERR_NUMERIC);
    ck_assert_ok(tl_gradcheck(cube, w, &w, 1, &(tl_gradcheck_options){ .step = 1, .tolerance = 2 }));
    ck_assert_status(tl_gradcheck(cube, w, &w, 1, &(tl_gradcheck_options){ .reserved2 = 1 }), TL_ERR_ARGUMENT,
                     "gradcheck: a reserved field is not 0: an option that version " TL_VERSION_STRING
                     " does not have");
    tl_gradcheck_options wrong[] = { { .step = -1, .tolerance = 1 },
                                     { .step = 1, .tolerance = -1 },
                                     { .step = (double)NAN, .tolerance = 1 },
                                     { .step = 1, .tolerance = (double)NAN } };
    static const char *const text[] = { "gradcheck: step -1 must be > 0",
                                        "gradcheck: tolerance -1 must be > 0",
                                        "gradcheck: step nan must be > 0",
                                        "gradcheck: tolerance nan must be > 0" };
    for (int k = 0; k < 4; k++)
        ck_assert_status(tl_gradcheck(cube, w, &w, 1, &wrong[k]), TL_ERR_ARGUMENT, text[k]);
    tl_variable_free(w);
}
END_TEST

/* ---- Functions and lists that are refused ---- */

/* cube, but at call number `at` something else happens. */
typedef struct surprise {
    tl_variable *w;
    tl_graph *elsewhere;
    int what, at, calls;
} surprise;

static tl_node *surprising(tl_graph *g, void *context)
{
    surprise *s = context;
    if (++s->calls != s->at)
        return cube(g, s->w);
    switch (s->what) {
    case 0: return NULL;
    case 1: return tl_transpose(tl_use(g, s->w));
    case 2: return cube(s->elsewhere, s->w);
    case 3: return tl_reduce_sum(cube(g, s->w), TL_ALL_AXES);
    default: { /* what fails is not handed on */
        tl_node *y = cube(g, s->w);
        tl_transpose(y);
        return y;
    }
    }
}

/* At whichever call it goes wrong, the values are put back, bit for bit: -0 and what is next to nothing as
 * well. */
START_TEST(surprises)
{
    static const char *const text[] = { "gradcheck: the function returned NULL",
                                        "gradcheck: transpose: w [3] has no two dimensions",
                                        "gradcheck: the function's result is in another graph",
                                        "gradcheck: the function gave 3 values, and now gives 1",
                                        "gradcheck: transpose: [3] has no two dimensions" };
    tl_variable *w = tl_test_dense("w", TL_SHAPE(3), 1);
    tl_variable_data(w)[0] = (tl_real)-0.0, tl_variable_data(w)[1] = (tl_real)1e-40;
    tl_real before[3];
    memcpy(before, tl_variable_data(w), sizeof before);
    surprise count = { .w = w };
    ck_assert_ok(tl_gradcheck(surprising, &count, &w, 1, NULL));
    ck_assert_int_eq(count.calls, 1 + 2 * 3 + 3); /* size, differences, three backward passes */
    for (int what = 0; what < 5; what++)
        for (int at = 1 + (what == 3); at <= count.calls; at++) {
            surprise s = { w, tl_graph_new(), what, at, 0 };
            tl_status status = what == 1 || what == 4 ? TL_ERR_SHAPE : TL_ERR_ARGUMENT;
            ck_assert_status(tl_gradcheck(surprising, &s, &w, 1, NULL), status, text[what]);
            ck_assert_int_eq(s.calls, at);
            ck_assert_same(tl_variable_data(w), before, 3);
            tl_graph_free(s.elsewhere);
        }
    tl_variable_free(w);
}
END_TEST

START_TEST(refusals)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(3), 1);
    tl_variable *list[] = { w, NULL, w };
    ck_assert_status(tl_gradcheck(NULL, w, &w, 1, NULL), TL_ERR_ARGUMENT, "gradcheck: the function is NULL");
    ck_assert_status(tl_gradcheck(cube, w, NULL, 1, NULL), TL_ERR_ARGUMENT,
                     "gradcheck: the list of variables is empty");
    ck_assert_status(tl_gradcheck(cube, w, &w, 0, NULL), TL_ERR_ARGUMENT,
                     "gradcheck: the list of variables is empty");
    ck_assert_status(tl_gradcheck(cube, w, list, 3, NULL), TL_ERR_ARGUMENT,
                     "gradcheck: variable 1 of the list is NULL");
    list[1] = list[0];
    ck_assert_status(tl_gradcheck(cube, w, list, 2, NULL), TL_ERR_ARGUMENT,
                     "gradcheck: variable w is listed twice, at 0 and 1");
    tl_variable_free(w);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("gradcheck");
    TCase *c = tl_test_case(s, "gradients");
    tcase_add_test(c, flaws);
    tcase_add_test(c, right);
    tcase_add_test(c, row_slices);
    tcase_add_test(c, kinds_of_results);
    c = tl_test_case(s, "calls");
    tcase_add_test(c, message);
    tcase_add_test(c, options);
    tcase_add_test(c, surprises);
    tcase_add_test(c, refusals);
    return s;
}
