/* The driver of elementwise ops: broadcasting on both sides, and operands of a sparse matrix, against plain
 * loops. Values are integers, and all sums are exact, so that results are compared to the bit. */
#include "tests/testing.h"

#include "elementwise.h"

#include <math.h>
#include <string.h>

/* ---- An op of a user's own, whose operands differ: Y = A B^2 ---- */

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] * s->b[k] * s->b[k];
}

static void gradient_a(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] * s->b[k] * s->b[k];
}

static void gradient_b(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = 2 * s->dy[k] * s->a[k] * s->b[k];
}

static const tl_binary own_op = {
    .op = TL_BINARY("own"),
    .value = value,
    .gradient = { gradient_a, gradient_b },
    .sparse = true,
};

static tl_node *own(tl_node *a, tl_node *b)
{
    return tl_apply(&own_op.op, (tl_node *[]){ a, b }, NULL, 0);
}

/* ---- The specification ---- */

typedef struct formula {
    tl_node *(*op)(tl_node *a, tl_node *b);
    double (*value)(double a, double b), (*da)(double a, double b), (*db)(double a, double b);
} formula;

static double own_value(double a, double b)
{
    return a * b * b;
}

static double own_da(double a, double b)
{
    (void)a;
    return b * b;
}

static double own_db(double a, double b)
{
    return 2 * a * b;
}

static double difference(double a, double b)
{
    return a - b;
}

static double product(double a, double b)
{
    return a * b;
}

static double first(double a, double b)
{
    (void)b;
    return a;
}

static double second(double a, double b)
{
    (void)a;
    return b;
}

static double plus_one(double a, double b)
{
    (void)a;
    (void)b;
    return 1;
}

static double minus_one(double a, double b)
{
    return -plus_one(a, b);
}

static const formula formulas[] = {
    { own, own_value, own_da, own_db },
    { tl_sub, difference, plus_one, minus_one },
    { tl_mul, product, second, first },
};

/* Returns the element that the element of `y` at `at` meets, by NumPy's rule. */
static int64_t met_by(tl_shape y, tl_shape in, int64_t at)
{
    int64_t met = 0, stride = 1;
    for (int32_t k = 1; k <= y.rank; k++) {
        const int64_t place = at % y.dim[y.rank - k];
        at /= y.dim[y.rank - k];
        if (k > in.rank)
            continue;
        if (in.dim[in.rank - k] != 1)
            met += place * stride;
        stride *= in.dim[in.rank - k];
    }
    return met;
}

static tl_shape broadcast(tl_shape a, tl_shape b)
{
    tl_shape y = { .rank = a.rank > b.rank ? a.rank : b.rank };
    for (int32_t k = 1; k <= y.rank; k++) {
        const int64_t m = k <= a.rank ? a.dim[a.rank - k] : 1, n = k <= b.rank ? b.dim[b.rank - k] : 1;
        y.dim[y.rank - k] = m == 1 ? n : m;
    }
    return y;
}

/* Integers of -2 to 2. */
static void fill(tl_real *x, int64_t n, int64_t stride)
{
    for (int64_t k = 0; k < n; k++)
        x[k] = (tl_real)(k * stride % 5 - 2);
}

typedef struct results {
    tl_real *y, *da, *db;
} results;

static results results_new(int64_t y, int64_t a, int64_t b)
{
    return (results){ calloc((size_t)y + 1, sizeof(tl_real)), calloc((size_t)a + 1, sizeof(tl_real)),
                      calloc((size_t)b + 1, sizeof(tl_real)) };
}

static void results_free(results *r)
{
    free(r->y);
    free(r->da);
    free(r->db);
}

/* ---- Dense ---- */

/* Computes <op(A, B), U>, plus the sums of A and B, whose gradients are then there before, if `present`. */
static void run(const formula *f, tl_variable *a, tl_variable *b, tl_shape shape, const tl_real *u,
                bool present, results *r)
{
    tl_graph *g = tl_graph_new();
    tl_node *left = tl_use(g, a), *right = tl_use(g, b), *y = f->op(left, right);
    ck_assert_msg(y, "%s", tl_graph_error(g));
    ck_assert(tl_shape_equal(tl_shape_of(y), shape));
    tl_node *loss = tl_reduce_sum(tl_mul(y, tl_input(g, shape, u)), TL_ALL_AXES);
    if (present)
        loss = tl_add(loss, tl_add(tl_reduce_sum(left, TL_ALL_AXES), tl_reduce_sum(right, TL_ALL_AXES)));
    tl_gradients out;
    ck_assert_ok(tl_backward(loss, &out));
    memcpy(r->y, tl_value(y), (size_t)tl_shape_size(shape) * sizeof(tl_real));
    memcpy(r->da, out.pair[0].values, (size_t)tl_variable_size(a) * sizeof(tl_real));
    memcpy(r->db, out.pair[1].values, (size_t)tl_variable_size(b) * sizeof(tl_real));
    tl_graph_free(g);
}

static void check_dense(const formula *f, tl_shape a_shape, tl_shape b_shape)
{
    const tl_shape shape = broadcast(a_shape, b_shape);
    const int64_t n = tl_shape_size(shape), m[2] = { tl_shape_size(a_shape), tl_shape_size(b_shape) };
    tl_variable *a = tl_test_dense("a", a_shape, 1), *b = tl_test_dense("b", b_shape, 2);
    fill(tl_variable_data(a), m[0], 2);
    fill(tl_variable_data(b), m[1], 3);
    tl_real *u = malloc((size_t)(n + 1) * sizeof *u);
    fill(u, n, 7);
    results expected = results_new(n, m[0], m[1]), got = results_new(n, m[0], m[1]);
    for (int present = 0; present < 2; present++) {
        for (int64_t k = 0; k < m[0]; k++)
            expected.da[k] = (tl_real)present;
        for (int64_t k = 0; k < m[1]; k++)
            expected.db[k] = (tl_real)present;
        for (int64_t k = 0; k < n; k++) {
            const int64_t i = met_by(shape, a_shape, k), j = met_by(shape, b_shape, k);
            const double x = (double)tl_variable_data(a)[i], z = (double)tl_variable_data(b)[j];
            expected.y[k] = (tl_real)f->value(x, z);
            expected.da[i] += (tl_real)((double)u[k] * f->da(x, z));
            expected.db[j] += (tl_real)((double)u[k] * f->db(x, z));
        }
        for (int threads = 1; threads <= 7; threads = threads == 1 ? 2 : threads + 5) {
            ck_assert_ok(tl_set_num_threads(threads));
            run(f, a, b, shape, u, present, &got);
            ck_assert_close(got.y, expected.y, n, 0);
            ck_assert_close(got.da, expected.da, m[0], 0);
            ck_assert_close(got.db, expected.db, m[1], 0);
        }
        tl_set_num_threads(1);
    }
    results_free(&expected);
    results_free(&got);
    free(u);
    tl_variable_free(a);
    tl_variable_free(b);
}

/* One dimension that is repeated, several, on either side; more elements than a strip in each place, and than
 * a task; few outputs of many terms. */
START_TEST(dense)
{
    const tl_shape shapes[][2] = {
        { TL_SHAPE(), TL_SHAPE() },
        { TL_SHAPE(1), TL_SHAPE() },
        { TL_SHAPE(1, 1), TL_SHAPE(1) },
        { TL_SHAPE(3), TL_SHAPE(1) },
        { TL_SHAPE(3), TL_SHAPE(1, 1) },
        { TL_SHAPE(5, 1), TL_SHAPE(1, 7) },
        { TL_SHAPE(5, 1), TL_SHAPE(7) },
        { TL_SHAPE(4, 3), TL_SHAPE(4, 1) },
        { TL_SHAPE(4, 3), TL_SHAPE(1, 1, 3) },
        { TL_SHAPE(2, 3, 4), TL_SHAPE(3, 1) },
        { TL_SHAPE(2, 1, 4), TL_SHAPE(1, 3, 1) },
        { TL_SHAPE(2, 3, 4, 5), TL_SHAPE(3, 1, 5) },
        { TL_SHAPE(2, 3, 4, 5), TL_SHAPE(2, 1, 4, 1) },
        { TL_SHAPE(2, 1, 4, 1), TL_SHAPE(3, 1, 5) },
        { TL_SHAPE(1, 3, 1, 5), TL_SHAPE(2, 1, 4, 1) },
        { TL_SHAPE(600, 3), TL_SHAPE(600, 1) },
        { TL_SHAPE(300, 17), TL_SHAPE(300, 1) },
        { TL_SHAPE(3, 600), TL_SHAPE(3, 1) },
        { TL_SHAPE(3, 2500), TL_SHAPE(3, 1) },
        { TL_SHAPE(2, 1, 600), TL_SHAPE(3, 1) },
        { TL_SHAPE(100, 300), TL_SHAPE(300) },
        { TL_SHAPE(50, 700), TL_SHAPE(700) },
        { TL_SHAPE(9, 5000), TL_SHAPE(5000) },
        { TL_SHAPE(30, 1500), TL_SHAPE(1500) },
        { TL_SHAPE(7, 2, 700), TL_SHAPE(7, 1, 700) },
        { TL_SHAPE(7, 900, 3), TL_SHAPE(7, 1, 3) },
        { TL_SHAPE(2, 7, 900, 3), TL_SHAPE(7, 1, 3) },
        { TL_SHAPE(5, 3, 7, 130), TL_SHAPE(5, 1, 7, 1) },
        { TL_SHAPE(3, 300, 300), TL_SHAPE(300, 1) },
        { TL_SHAPE(300, 1), TL_SHAPE(1, 200) },
        { TL_SHAPE(40000, 3), TL_SHAPE(3) },
        { TL_SHAPE(70000, 2), TL_SHAPE(1, 2) },
        { TL_SHAPE(150000), TL_SHAPE() },
        { TL_SHAPE(2, 70000), TL_SHAPE(2, 1) },
    };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_dense(&formulas[_i], shapes[k][0], shapes[k][1]);
        check_dense(&formulas[_i], shapes[k][1], shapes[k][0]);
        check_dense(&formulas[_i], shapes[k][0], shapes[k][0]);
    }
}
END_TEST

/* Nothing is repeated along a dimension of 0: the gradient of what meets nothing is 0. */
START_TEST(empty)
{
    const tl_shape shapes[][2] = { { TL_SHAPE(0), TL_SHAPE() },
                                   { TL_SHAPE(0), TL_SHAPE(1) },
                                   { TL_SHAPE(0, 3), TL_SHAPE(3) },
                                   { TL_SHAPE(0, 3), TL_SHAPE(1, 3) },
                                   { TL_SHAPE(3, 0), TL_SHAPE(3, 1) },
                                   { TL_SHAPE(3, 1), TL_SHAPE(1, 0) },
                                   { TL_SHAPE(2, 0, 3), TL_SHAPE(2, 1, 3) } };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_dense(&formulas[_i], shapes[k][0], shapes[k][1]);
        check_dense(&formulas[_i], shapes[k][1], shapes[k][0]);
    }
}
END_TEST

typedef struct operands {
    const formula *f;
    tl_variable *a, *b;
} operands;

static tl_node *build(tl_graph *g, void *context)
{
    const operands *o = context;
    return o->f->op(tl_use(g, o->a), tl_use(g, o->b));
}

/* With poison where a gradient is to be overwritten, gradients already present, and each side alone; the same
 * variable on both sides. */
START_TEST(gradients)
{
    const tl_shape shapes[][2] = { { TL_SHAPE(2, 3), TL_SHAPE(2, 3) },
                                   { TL_SHAPE(2, 3), TL_SHAPE(3) },
                                   { TL_SHAPE(2, 3), TL_SHAPE(2, 1) },
                                   { TL_SHAPE(2, 1), TL_SHAPE(3) },
                                   { TL_SHAPE(2, 1, 3, 1), TL_SHAPE(2, 1, 2) },
                                   { TL_SHAPE(), TL_SHAPE(3) },
                                   { TL_SHAPE(0, 3), TL_SHAPE(3) } };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        operands o = { &formulas[_i], tl_test_dense("a", shapes[k][0], 1),
                       tl_test_dense("b", shapes[k][1], 2) };
        ck_assert_gradient(build, &o, o.a, o.b);
        operands same = { &formulas[_i], o.a, o.a };
        ck_assert_gradient(build, &same, o.a);
        tl_variable_free(o.a);
        tl_variable_free(o.b);
    }
}
END_TEST

/* 2^24 + 1 is no float. */
START_TEST(sums_in_double)
{
    enum { N = 257 };
    static tl_real u[4 * N], ones[4 * N];
    const tl_shape shapes[][2] = { { TL_SHAPE(N, 4), TL_SHAPE(4) },
                                   { TL_SHAPE(4, N), TL_SHAPE(4, 1) },
                                   { TL_SHAPE(2, N, 2), TL_SHAPE(2, 1, 2) } };
    for (int k = 0; k < 4 * N; k++)
        u[k] = ones[k] = 1;
    for (int s = 0; s < 3; s++) {
        u[0] = 0x1p24f;
        tl_variable *b = tl_test_dense("b", shapes[s][1], 1);
        memcpy(tl_variable_data(b), ones, 4 * sizeof *ones);
        tl_graph *g = tl_graph_new();
        tl_node *y = formulas[_i].op(tl_input(g, shapes[s][0], ones), tl_use(g, b));
        const double each = _i == 0 ? 2 : _i == 1 ? -1 : 1;
        tl_gradients out;
        ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, shapes[s][0], u)), TL_ALL_AXES), &out));
        ck_assert_values(out.pair[0].values, 1, 0, each * (0x1p24 + 256));
        tl_graph_free(g);
        tl_variable_free(b);
    }
}
END_TEST

/* ---- Sparse ---- */

/* With B dense if it has a shape of rank >= 0, otherwise sparse as S is. */
static void check_sparse(const formula *f, int64_t rows, int64_t cols, tl_shape b_shape, int threads)
{
    tl_pattern *p = tl_test_pattern(rows, cols, 0.3, 1);
    const bool both = b_shape.rank < 0;
    tl_variable *s = tl_test_sparse("s", tl_pattern_retain(p), 1),
                *b = both ? tl_test_sparse("b", tl_pattern_retain(p), 2) : tl_test_dense("b", b_shape, 2);
    const int64_t nnz = tl_pattern_nnz(p), m = tl_variable_size(b);
    fill(tl_variable_data(s), nnz, 2);
    fill(tl_variable_data(b), m, 3);
    tl_real *u = malloc((size_t)nnz * sizeof *u);
    fill(u, nnz, 7);
    results expected = results_new(nnz, nnz, m), got = results_new(nnz, nnz, m);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t e = tl_pattern_row_ptr(p)[i]; e < tl_pattern_row_ptr(p)[i + 1]; e++) {
            const int64_t cell = i * cols + tl_pattern_col(p)[e];
            const int64_t j = both ? e : met_by(TL_SHAPE(rows, cols), b_shape, cell);
            const double x = (double)tl_variable_data(s)[e], z = (double)tl_variable_data(b)[j];
            expected.y[e] = (tl_real)f->value(x, z);
            expected.da[e] = (tl_real)((double)u[e] * f->da(x, z));
            expected.db[j] += (tl_real)((double)u[e] * f->db(x, z));
        }
    tl_graph *g = tl_graph_new();
    ck_assert_ok(tl_set_num_threads(threads));
    tl_node *left = tl_use(g, s), *y = f->op(left, tl_use(g, b));
    tl_node *weighted = tl_mul(y, tl_input_sparse(g, p, u));
    ck_assert_msg(weighted, "%s", tl_graph_error(g));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_sparse_to_dense(weighted, NULL), TL_ALL_AXES), &out));
    ck_assert_close(tl_value(y), expected.y, nnz, 0);
    ck_assert_close(out.pair[0].values, expected.da, nnz, 0);
    ck_assert_close(out.pair[1].values, expected.db, m, 0);
    tl_set_num_threads(1);
    tl_graph_free(g);
    if (nnz < 40) {
        operands o = { f, s, b };
        ck_assert_gradient(build, &o, s, b);
    }
    results_free(&expected);
    results_free(&got);
    free(u);
    tl_variable_free(s);
    tl_variable_free(b);
    tl_pattern_release(p);
}

START_TEST(sparse)
{
    const formula *f = &formulas[_i == 0 ? 0 : 2];
    const int64_t sizes[][2] = { { 5, 7 }, { 1, 9 }, { 9, 1 }, { 300, 400 }, { 4, 3000 } };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int threads = 1; threads <= 7; threads += 3) {
            const int64_t rows = sizes[k][0], cols = sizes[k][1];
            check_sparse(f, rows, cols, TL_SHAPE(), threads);
            check_sparse(f, rows, cols, TL_SHAPE(1, 1), threads);
            check_sparse(f, rows, cols, TL_SHAPE(cols), threads);
            check_sparse(f, rows, cols, TL_SHAPE(1, cols), threads);
            check_sparse(f, rows, cols, TL_SHAPE(rows, 1), threads);
            check_sparse(f, rows, cols, TL_SHAPE(rows, cols), threads);
            check_sparse(f, rows, cols, (tl_shape){ .rank = -1 }, threads);
        }
}
END_TEST

START_TEST(refusals)
{
    const tl_real x[24] = { 0 };
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1), *q = tl_test_pattern(3, 4, 0.5, 1);
    tl_graph *g = tl_graph_new();
    ck_assert_refused(g, own(tl_input(g, TL_SHAPE(2, 3), x), tl_input(g, TL_SHAPE(3, 2), x)), TL_ERR_SHAPE,
                      "own: 2x3 and 3x2 do not broadcast: 2 and 3 differ, and neither is 1");
    ck_assert_refused(g, own(tl_input(g, TL_SHAPE(3), x), tl_input(g, TL_SHAPE(2, 2, 4), x)), TL_ERR_SHAPE,
                      "own: [3] and 2x2x4 do not broadcast: 3 and 4 differ, and neither is 1");
    ck_assert_refused(g, own(tl_input(g, TL_SHAPE(3, 4), x), tl_input_sparse(g, p, x)), TL_ERR_KIND,
                      "own: 3x4 is dense and 3x4 is sparse: the sparse one comes first");
    ck_assert_refused(g, own(tl_input_sparse(g, p, x), tl_input_sparse(g, q, x)), TL_ERR_ARGUMENT,
                      "own: 3x4 and 3x4 are sparse on different patterns");
    ck_assert_refused(g, own(tl_input_sparse(g, p, x), tl_input(g, TL_SHAPE(2, 3, 4), x)), TL_ERR_SHAPE,
                      "own: 2x3x4 does not broadcast to the shape of 3x4");
    ck_assert_refused(
        g, tl_sub(tl_input(g, TL_SHAPE(3, 4), x), tl_input_sparse(g, p, x)), TL_ERR_KIND,
        "sub: input 1, 3x4, is sparse, and must be dense: use tl_sparse_add, and tl_scale by -1");
    tl_graph_free(g);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("elementwise");
    TCase *c = tl_test_case(s, "elementwise");
    tcase_add_loop_test(c, dense, 0, 3);
    tcase_add_loop_test(c, empty, 0, 3);
    tcase_add_loop_test(c, gradients, 0, 3);
    tcase_add_loop_test(c, sums_in_double, 0, 3);
    tcase_add_loop_test(c, sparse, 0, 2);
    tcase_add_test(c, refusals);
    return s;
}
