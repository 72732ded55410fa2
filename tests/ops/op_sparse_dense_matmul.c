/* sparse_dense_matmul: Y = op(S) op(D) */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

/* op(S) is m x k, op(D) k x n; `fixed` is the one of s and d that enters as a constant, or NULL. */
typedef struct product {
    int64_t m, k, n;
    tl_trans t; /* a set of two bits */
    tl_variable *s, *d, *fixed;
} product;

/* Nothing, one full row, one full column, everything, or about 3 in 10 with an empty row and column. */
enum { N_PATTERNS = 5 };
static tl_pattern *pattern_of_kind(int kind, int64_t rows, int64_t cols)
{
    if (kind == 4)
        return tl_test_pattern(rows, cols, 0.3, (uint64_t)(rows + 100 * cols));
    uint8_t *keep = calloc((size_t)(rows * cols + 1), 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            keep[i * cols + j] = kind == 3 || (kind == 1 && i == rows / 2) || (kind == 2 && j == cols / 2);
    tl_pattern *p = tl_pattern_from_mask(rows, cols, keep);
    free(keep);
    return p;
}

/* Multiples of 1/8, at most 1.25: sums of 65 products of two are exact in float, and need no tolerance. */
static void fill_eighths(tl_real *values, int64_t n, uint64_t seed)
{
    tl_test_fill(values, n, seed);
    for (int64_t k = 0; k < n; k++)
        values[k] = (tl_real)(rint(8 * (double)values[k]) / 8);
}

static product make(int64_t m, int64_t k, int64_t n, tl_trans t, int kind)
{
    tl_pattern *p = t & TL_TRANSPOSE_A ? pattern_of_kind(kind, k, m) : pattern_of_kind(kind, m, k);
    product c = { .m = m, .k = k, .n = n, .t = t, .s = tl_test_sparse("s", p, 1) };
    c.d = tl_test_dense("d", t & TL_TRANSPOSE_B ? TL_SHAPE(n, k) : TL_SHAPE(k, n), 2);
    fill_eighths(tl_variable_data(c.s), tl_variable_size(c.s), 3);
    fill_eighths(tl_variable_data(c.d), tl_variable_size(c.d), 4);
    return c;
}

static void drop(product *c)
{
    tl_variable_free(c->s);
    tl_variable_free(c->d);
}

static tl_node *leaf(tl_graph *g, tl_variable *v, const tl_variable *fixed)
{
    if (v != fixed)
        return tl_use(g, v);
    if (tl_variable_is_sparse(v))
        return tl_input_sparse(g, tl_variable_pattern(v), tl_variable_data(v));
    return tl_input(g, tl_variable_shape(v), tl_variable_data(v));
}

static tl_node *build(tl_graph *g, void *context)
{
    const product *c = context;
    tl_node *s = leaf(g, c->s, c->fixed), *d = leaf(g, c->d, c->fixed);
    return tl_sparse_dense_matmul(s, d, c->t);
}

/* The sum of U Y: its gradient with respect to Y is U. */
static tl_node *against(tl_node *y, const tl_real *u)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    return tl_reduce_sum(tl_mul(y, tl_input(y->graph, y->shape, u)), TL_ALL_AXES);
}

START_TEST(by_hand)
{
    /* S = [1 . 2; . 3 .] */
    tl_pattern *p = tl_pattern_from_csr(2, 3, (int64_t[]){ 0, 2, 3 }, (int32_t[]){ 0, 2, 1 });
    product c = { .s = tl_test_sparse("s", p, 1), .d = tl_test_dense("d", TL_SHAPE(3, 2), 1) };
    memcpy(tl_variable_data(c.s), (tl_real[]){ 1, 2, 3 }, 3 * sizeof(tl_real));
    memcpy(tl_variable_data(c.d), (tl_real[]){ 1, 2, 3, 4, 5, 6 }, 6 * sizeof(tl_real));
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, &c);
    ck_assert_values(tl_value(y), 4, 0, 11, 14, 9, 12);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x2");
    ck_assert_ok(tl_backward(against(y, (tl_real[]){ 1, 2, 3, 4 }), &out));
    ck_assert_int_eq(out.n, 2);
    ck_assert_ptr_eq(out.pair[0].variable, c.s);
    ck_assert_values(out.pair[0].values, 3, 0, 1 * 1 + 2 * 2, 1 * 5 + 2 * 6, 3 * 3 + 4 * 4);
    ck_assert_values(out.pair[1].values, 6, 0, 1, 2, 9, 12, 2, 4);
    tl_graph_free(g);
    drop(&c);
}
END_TEST

/* The specification as one triple loop over a dense S: Y = op(S) op(D), dS = dY op(D)^T, dD = op(S)^T dY. */
static void oracle(const product *c, const tl_real *dy, double *y, double *ds, double *dd)
{
    tl_real *s = tl_test_expand(tl_variable_pattern(c->s), tl_variable_data(c->s));
    const tl_real *d = tl_variable_data(c->d);
    for (int64_t i = 0; i < c->m; i++)
        for (int64_t l = 0; l < c->k; l++)
            for (int64_t j = 0; j < c->n; j++) {
                int64_t at_y = i * c->n + j;
                int64_t at_s = c->t & TL_TRANSPOSE_A ? l * c->m + i : i * c->k + l;
                int64_t at_d = c->t & TL_TRANSPOSE_B ? j * c->k + l : l * c->n + j;
                y[at_y] += (double)s[at_s] * (double)d[at_d];
                ds[at_s] += (double)dy[at_y] * (double)d[at_d];
                dd[at_d] += (double)s[at_s] * (double)dy[at_y];
            }
    free(s);
}

static void compare(product *c)
{
    const tl_pattern *p = tl_variable_pattern(c->s);
    const int64_t *row_ptr = tl_pattern_row_ptr(p), cols = tl_pattern_cols(p);
    int64_t size = c->m * c->n, d_size = tl_variable_size(c->d);
    tl_real u[65 * 65];
    double *y = calloc((size_t)(size + c->m * c->k + d_size), sizeof *y), *ds = y + size,
           *dd = ds + c->m * c->k;
    fill_eighths(u, size, 5);
    oracle(c, u, y, ds, dd);
    for (int64_t i = 0; i < tl_pattern_rows(p); i++) /* dS at the pattern, moved to the front */
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
            ds[e] = ds[i * cols + tl_pattern_col(p)[e]];
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *result = build(g, c);
    ck_assert_ok(tl_backward(against(result, u), &out));
    ck_assert(tl_shape_equal(tl_shape_of(result), TL_SHAPE(c->m, c->n)));
    tl_test_values(__FILE__, __LINE__, "y", tl_value(result), size, 0, y);
    tl_test_values(__FILE__, __LINE__, "ds", out.pair[0].values, tl_pattern_nnz(p), 0, ds);
    tl_test_values(__FILE__, __LINE__, "dd", out.pair[1].values, d_size, 0, dd);
    tl_graph_free(g);
    free(y);
}

/* Every pair of sizes of S and every pattern; the batch runs through the sizes beside them. */
START_TEST(against_dense)
{
    const int64_t size[] = { 1, 3, 17, 63, 65 };
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            for (int kind = 0; kind < N_PATTERNS; kind++) {
                product c = make(size[i], size[j], size[(i + 2 * j + kind + _i) % 5], (tl_trans)_i, kind);
                compare(&c);
                drop(&c);
            }
}
END_TEST

START_TEST(gradient)
{
    const struct {
        int64_t m, k, n;
        int kind;
    } size[] = { { 3, 4, 2, 4 }, { 4, 3, 3, 3 }, { 3, 2, 1, 1 }, { 1, 5, 2, 2 }, { 3, 4, 2, 0 },
                 { 0, 4, 2, 4 }, { 3, 0, 2, 4 }, { 3, 4, 0, 4 }, { 0, 0, 0, 4 } };
    for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
        product c = make(size[k].m, size[k].k, size[k].n, (tl_trans)_i, size[k].kind);
        ck_assert_gradient(build, &c, c.s, c.d);
        c.fixed = c.d;
        ck_assert_gradient(build, &c, c.s);
        c.fixed = c.s;
        ck_assert_gradient(build, &c, c.d);
        drop(&c);
    }
}
END_TEST

/* S D + S (S D): S in two products, D read once and through the first. S is square. */
static tl_node *build_chain(tl_graph *g, void *context)
{
    const product *c = context;
    tl_node *s = tl_use(g, c->s), *once = tl_sparse_dense_matmul(s, tl_use(g, c->d), TL_NO_TRANSPOSE);
    return tl_add(once, tl_sparse_dense_matmul(s, once, c->t));
}

/* S op(S): one variable on both sides. */
static tl_node *build_square(tl_graph *g, void *context)
{
    const product *c = context;
    tl_node *s = tl_use(g, c->s);
    return tl_sparse_dense_matmul(s, tl_sparse_to_dense(s, NULL), c->t);
}

/* S D + op(S) D with op(D) = D, on one square pattern: one dense variable in two products. */
static tl_node *build_both(tl_graph *g, void *context)
{
    const product *c = context;
    tl_node *s = tl_use(g, c->s), *d = tl_use(g, c->d);
    return tl_add(tl_sparse_dense_matmul(s, d, TL_NO_TRANSPOSE),
                  tl_sparse_dense_matmul(s, d, TL_TRANSPOSE_A));
}

START_TEST(used_twice)
{
    product c = make(4, 4, 3, TL_NO_TRANSPOSE, 4);
    ck_assert_gradient(build_both, &c, c.s, c.d);
    ck_assert_gradient(build_chain, &c, c.s, c.d);
    c.t = TL_TRANSPOSE_A;
    ck_assert_gradient(build_chain, &c, c.s, c.d);
    for (c.t = TL_NO_TRANSPOSE; c.t <= TL_TRANSPOSE_BOTH; c.t++)
        ck_assert_gradient(build_square, &c, c.s);
    drop(&c);
}
END_TEST

/* What is not at the pattern takes no part: no 0 times NaN. */
START_TEST(absent_entries)
{
    tl_pattern *p = tl_pattern_from_csr(2, 2, (int64_t[]){ 0, 1, 2 }, (int32_t[]){ 0, 0 });
    product c = { .s = tl_test_sparse("s", p, 1), .d = tl_test_dense("d", TL_SHAPE(2, 1), 1) };
    tl_variable_data(c.s)[0] = 2, tl_variable_data(c.s)[1] = 3;
    tl_variable_data(c.d)[0] = 5, tl_variable_data(c.d)[1] = NAN;
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, &c);
    ck_assert_ok(tl_backward(against(y, (tl_real[]){ 1, 1 }), &out));
    ck_assert_values(tl_value(y), 2, 0, 10, 15);
    ck_assert_values(out.pair[0].values, 2, 0, 5, 5);
    ck_assert_values(out.pair[1].values, 2, 0, 5, 0);
    tl_graph_free(g);
    drop(&c);
}
END_TEST

START_TEST(threads)
{
    product c = make(201, 190, 67, (tl_trans)_i, 4);
    static tl_real u[201 * 67];
    tl_graph *g[2];
    tl_gradients out[2];
    tl_node *y[2];
    tl_test_fill(tl_variable_data(c.s), tl_variable_size(c.s), 1); /* sums whose order shows */
    tl_test_fill(u, 201 * 67, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(tl_set_num_threads(i == 0 ? 1 : 3));
        y[i] = build(g[i] = tl_graph_new(), &c);
        ck_assert_ok(tl_backward(against(y[i], u), &out[i]));
    }
    ck_assert_ok(tl_set_num_threads(1));
    ck_assert_same(tl_value(y[1]), tl_value(y[0]), 201 * 67);
    for (int i = 0; i < 2; i++)
        ck_assert_same(out[1].pair[i].values, out[0].pair[i].values, tl_gradient_size(&out[0].pair[i]));
    tl_graph_free(g[0]);
    tl_graph_free(g[1]);
    drop(&c);
}
END_TEST

/* Returns the bytes that a step allocates beyond its results: all memory of the graph, used or not, and of
 * the caches of the pattern, less Y, dS, dD and dY. `bare`: the pattern's bytes before its first use. */
static int64_t bytes_beyond(tl_pattern *p, int64_t bare, int64_t batch, tl_trans t)
{
    const int64_t size = tl_pattern_rows(p), nnz = tl_pattern_nnz(p);
    product c = { .t = t, .s = tl_variable_sparse("s", p) };
    c.d = tl_variable_dense("d", t & TL_TRANSPOSE_B ? TL_SHAPE(batch, size) : TL_SHAPE(size, batch));
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    for (int step = 0; step < 2; step++) {
        int64_t asked = tl_test_allocations();
        tl_graph_reset(g);
        ck_assert_ok(tl_backward(tl_reduce_sum(build(g, &c), TL_ALL_AXES), &out));
        asked = tl_test_allocations() - asked;
#ifdef TL_HEAP_ARENA
        asked = 0; /* every allocation of the graph is a heap block of its own */
#endif
        ck_assert(step == 0 || asked == 0); /* nothing is taken and given back unseen */
    }
    int64_t returned = (nnz + 3 * size * batch) * (int64_t)sizeof(tl_real);
    int64_t bytes = tl_graph_bytes(g) - returned + tl_pattern_bytes(p) - bare;
    tl_graph_free(g);
    drop(&c);
    return bytes;
}

/* Dense, S would take 1 GiB; nnz n values of the other would take 32 MiB. In double, where values are twice
 * as long, twice the memory. */
START_TEST(memory)
{
    const int64_t size[] = { 16384, 512 }, nnz[] = { 100000, 131072 }, batch[] = { 16, 64 }, mib[] = { 8, 4 };
    for (int k = 0; k < 2; k++) {
        const double cells = (double)size[k] * (double)size[k];
        tl_pattern *p = tl_pattern_random(size[k], size[k], (double)nnz[k] / cells, 1);
        ck_assert_int_eq(tl_pattern_nnz(p), nnz[k]);
        const int64_t bare = tl_pattern_bytes(p), most = (mib[k] << 20) * (int64_t)sizeof(tl_real) / 4;
        for (int t = TL_NO_TRANSPOSE; t <= TL_TRANSPOSE_BOTH; t++)
            ck_assert_int_lt(bytes_beyond(p, bare, batch[k], (tl_trans)t), most);
        tl_pattern_release(p);
    }
}
END_TEST

/* Each allocation of the op, the cached transpose's among them, fails once. */
START_TEST(out_of_memory)
{
    int64_t k = 0;
    for (bool done = false; !done;) {
        product c = make(5, 4, 3, TL_TRANSPOSE_BOTH, 4);
        tl_graph *g = tl_graph_new();
        tl_node *s = tl_use(g, c.s), *d = tl_use(g, c.d);
        tl_test_fail_allocation(++k);
        done = tl_sparse_dense_matmul(s, d, c.t) != NULL;
        tl_test_fail_allocation(0);
        ck_assert_str_eq(tl_graph_error(g), done ? "" : "sparse_dense_matmul: out of memory");
        ck_assert_int_eq(tl_graph_status(g), done ? TL_OK : TL_ERR_MEMORY);
        tl_graph_free(g);
        drop(&c);
    }
    ck_assert_int_gt(k, 5); /* the transpose alone takes five blocks */
}
END_TEST

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    const tl_real data[30] = { 0 };
    const struct {
        tl_shape d;
        int t;
        tl_status status;
        const char *text;
    } bad[] = {
        { TL_SHAPE(5, 6), 0, TL_ERR_SHAPE, "sparse_dense_matmul: s (3x4) times 5x6: 4 is not 5" },
        { TL_SHAPE(4, 2), 1, TL_ERR_SHAPE, "sparse_dense_matmul: s (3x4) transposed times 4x2: 3 is not 4" },
        { TL_SHAPE(4, 2), 2, TL_ERR_SHAPE, "sparse_dense_matmul: s (3x4) times 4x2 transposed: 4 is not 2" },
        { TL_SHAPE(2, 4), 3, TL_ERR_SHAPE,
          "sparse_dense_matmul: s (3x4) transposed times 2x4 transposed: 3 is not 4" },
        { TL_SHAPE(), 0, TL_ERR_SHAPE,
          "sparse_dense_matmul: s (3x4) times scalar: the second is not a matrix" },
        { TL_SHAPE(4), 0, TL_ERR_SHAPE,
          "sparse_dense_matmul: s (3x4) times [4]: the second is not a matrix" },
        { TL_SHAPE(4, 2, 1), 0, TL_ERR_SHAPE,
          "sparse_dense_matmul: s (3x4) times 4x2x1: the second is not a matrix" },
        { TL_SHAPE(4, 2), 4, TL_ERR_ARGUMENT, "sparse_dense_matmul: 4 is not a tl_trans" },
        { TL_SHAPE(4, 2), -1, TL_ERR_ARGUMENT, "sparse_dense_matmul: -1 is not a tl_trans" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(
            g, tl_sparse_dense_matmul(tl_use(g, v), tl_input(g, bad[k].d, data), (tl_trans)bad[k].t),
            bad[k].status, bad[k].text);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

START_TEST(wrong_inputs)
{
    tl_graph *g = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    const tl_real data[12] = { 0 };
    ck_assert_refused(
        g, tl_sparse_dense_matmul(tl_input(g, TL_SHAPE(3, 4), data), tl_input(g, TL_SHAPE(4, 3), data), 0),
        TL_ERR_KIND, "sparse_dense_matmul: input 0 (3x4) is dense, and must be sparse");
    ck_assert_refused(g, tl_sparse_dense_matmul(tl_use(g, s), tl_use(g, s), TL_TRANSPOSE_B), TL_ERR_KIND,
                      "sparse_dense_matmul: input 1 (s, 3x4) is sparse, and must be dense");
    ck_assert_refused(g, tl_sparse_dense_matmul(NULL, tl_input(g, TL_SHAPE(4, 3), data), 0), TL_ERR_ARGUMENT,
                      "sparse_dense_matmul: input 0 is NULL");
    ck_assert_refused(g, tl_sparse_dense_matmul(tl_use(g, s), NULL, 0), TL_ERR_ARGUMENT,
                      "sparse_dense_matmul: input 1 is NULL");
    ck_assert_ptr_null(tl_sparse_dense_matmul(NULL, NULL, 0));
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

/* Samples without features: no tile of them is visited. */
START_TEST(zero_beside_huge)
{
    const int64_t row_ptr[1] = { 0 };
    tl_pattern *p = tl_pattern_from_csr(0, 0, row_ptr, NULL);
    tl_variable *s = tl_variable_sparse("s", p), *x = tl_variable_dense("x", TL_SHAPE(0, (int64_t)1 << 50));
    tl_pattern_release(p);
    tl_gradients out;
    for (int k = 0; k < 4; k++) {
        tl_graph *g = tl_graph_new();
        tl_node *d = k & 1 ? tl_use(g, x) : tl_input(g, TL_SHAPE(0, (int64_t)1 << 50), NULL);
        tl_node *y = tl_sparse_dense_matmul(tl_use(g, s), d, k & 2 ? TL_TRANSPOSE_A : TL_NO_TRANSPOSE);
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        tl_graph_free(g);
    }
    tl_variable_free(s);
    tl_variable_free(x);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sparse_dense_matmul");
    TCase *c = tl_test_case(s, "sparse_dense_matmul");
    tcase_add_test(c, by_hand);
    tcase_add_loop_test(c, against_dense, TL_NO_TRANSPOSE, TL_TRANSPOSE_BOTH + 1);
    tcase_add_loop_test(c, gradient, TL_NO_TRANSPOSE, TL_TRANSPOSE_BOTH + 1);
    tcase_add_test(c, used_twice);
    tcase_add_test(c, absent_entries);
    tcase_add_loop_test(c, threads, TL_NO_TRANSPOSE, TL_TRANSPOSE_BOTH + 1);
    tcase_add_test(c, memory);
    tcase_add_test(c, out_of_memory);
    tcase_add_test(c, refusals);
    tcase_add_test(c, wrong_inputs);
    tcase_add_test(c, zero_beside_huge);
    return s;
}
