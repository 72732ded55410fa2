/* sparse_sparse_matmul: Y = A B, all sparse */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>
#include <string.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_sparse_sparse_matmul(in[0], in[1]);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t m = r->shape[0].dim[0], n = r->shape[1].dim[1], depth = r->shape[0].dim[1];
    r->sparse = true;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t k = 0; k < depth; k++)
                if (r->keep[0][i * depth + k] && r->keep[1][k * n + j]) {
                    r->y_keep[i * n + j] = 1;
                    r->y[i * n + j] += r->in[0][i * depth + k] * r->in[1][k * n + j];
                }
    return TL_SHAPE(m, n);
}

static const uint8_t row[5 * 5] = { [2 * 5] = 1, 1, 1, 1, 1 },
                             col[5 * 5] = { [3] = 1, [8] = 1, [13] = 1, [18] = 1, [23] = 1 };
static const uint8_t nine[3 * 4] = { 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1 },
                              identity[3 * 3] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
static uint8_t whole[5 * 5]; /* all 1; filled by tl_test_suite */

#define OF(m, n, k, a, b)                                                                                    \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(m, k, a), TL_SPARSE_OPERAND(k, n, b) }                                     \
    }
#define OF_PATTERNS(a, b)                                                                                    \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(5, 5), .keep = a }, { TL_STATIC_SHAPE(5, 5), .keep = b } }                 \
    }

static const tl_sample samples[] = {
    OF(4, 5, 3, 0.6, 0.6),
    OF(1, 1, 1, 1, 1),
    OF(17, 3, 9, 0.3, 0.3),
    OF(3, 17, 9, 0.3, 0.5),
    OF(3, 4, 5, 1e-9, 0.5),
    OF(3, 4, 5, 0.5, 1e-9),
    OF(0, 4, 5, 0.5, 0.5),
    OF(3, 0, 5, 0.5, 0.5),
    OF(3, 4, 0, 0.5, 0.5),
    OF(0, 0, 0, 0.5, 0.5),
    OF_PATTERNS(row, row),
    OF_PATTERNS(row, col),
    OF_PATTERNS(col, row),
    OF_PATTERNS(col, whole),
    OF_PATTERNS(whole, col),
    OF_PATTERNS(whole, whole),
    /* of more tasks than rows, and fewer */
    OF(2, 65, 65, 0.5, 0.5),
    OF(300, 70, 400, 0.2, 0.2),
    OF(70, 1000, 300, 0.9, 0.1),
    /* of nine entries: three tasks of a row of Y, or of a column, are the most */
    { .in = { { TL_STATIC_SHAPE(4, 3), .keep = nine }, { TL_STATIC_SHAPE(3, 3), .keep = identity } } },
    { .in = { { TL_STATIC_SHAPE(3, 3), .keep = identity }, { TL_STATIC_SHAPE(3, 4), .keep = nine } } },
    { .in = { TL_SPARSE_OPERAND(3, 4, 0.5), TL_SPARSE_OPERAND(5, 6, 0.5) },
      .status = TL_ERR_SHAPE,
      .error = "a (3x4) times b (5x6): 4 is not 5" },
    /* A = [1 2; . 3] and B = [. 4; 5 -2]: an entry that sums to 0 stays */
    { .in = { { TL_STATIC_SHAPE(2, 2), .keep = (const uint8_t[]){ 1, 1, 0, 1 },
                .values = TL_VALUES(1, 2, 0, 3) },
              { TL_STATIC_SHAPE(2, 2), .keep = (const uint8_t[]){ 0, 1, 1, 1 },
                .values = TL_VALUES(0, 4, 5, -2) } },
      .y = TL_VALUES(10, 0, 15, -6),
      .upstream = TL_VALUES(1, 10, 100, 1000),
      .gradient = { TL_VALUES(40, -15, -1500), TL_VALUES(10, 302, 3020) } },
    /* a cell to which nothing contributes is no entry: no 0 times infinity */
    { .in = { { TL_STATIC_SHAPE(2, 2), .keep = (const uint8_t[]){ 1, 0, 0, 1 },
                .values = TL_VALUES(2, 0, 0, 3) },
              { TL_STATIC_SHAPE(2, 2), .keep = (const uint8_t[]){ 1, 0, 0, 1 },
                .values = TL_VALUES(INFINITY, 0, 0, 7) } },
      .y = TL_VALUES(INFINITY, 21),
      .gradient = { TL_VALUES(INFINITY, 7), TL_VALUES(2, 3) } },
};

static const tl_op_case sparse_sparse_matmul = {
    .name = "sparse_sparse_matmul",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* patterns do not lose rows */
};

/* The graph keeps the pattern from step to step, and drops it after one without the product. */
START_TEST(pattern_is_cached)
{
    tl_graph *g = tl_graph_new();
    tl_variable *a = tl_test_sparse("a", tl_test_pattern(5, 4, 0.5, 1), 1),
                *b = tl_test_sparse("b", tl_test_pattern(4, 6, 0.5, 2), 2);
    tl_pattern *first = tl_pattern_of(tl_sparse_sparse_matmul(tl_use(g, a), tl_use(g, b)));
    tl_pattern_retain(first);
    for (int step = 0; step < 3; step++) {
        tl_graph_reset(g);
        ck_assert_ptr_eq(tl_pattern_of(tl_sparse_sparse_matmul(tl_use(g, a), tl_use(g, b))), first);
    }
    tl_graph_reset(g);
    tl_graph_reset(g);
    ck_assert_ptr_ne(tl_pattern_of(tl_sparse_sparse_matmul(tl_use(g, a), tl_use(g, b))), first);
    tl_graph_free(g);
    tl_pattern_release(first);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* A column of 65536 entries times a row of half as many would be a full matrix of 2^31: one too many. */
START_TEST(too_many_entries)
{
    enum { N = 1 << 16 };
    static int32_t up[N], zero[N];
    static tl_real one[N];
    for (int32_t k = 0; k < N; k++)
        up[k] = k;
    tl_graph *g = tl_graph_new();
    tl_pattern *a = tl_pattern_from_coo(N, 1, N, up, zero),
               *b = tl_pattern_from_coo(1, N / 2, N / 2, zero, up);
    tl_node *y = tl_sparse_sparse_matmul(tl_input_sparse(g, a, one), tl_input_sparse(g, b, one));
    ck_assert_ptr_null(y);
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_ARGUMENT);
    ck_assert_str_eq(tl_graph_error(g),
                     "sparse_sparse_matmul: the product has 2147483648 entries, of at most 2147483647");
    tl_graph_free(g);
    tl_pattern_release(a);
    tl_pattern_release(b);
}
END_TEST

/* A task has a row of sums, or a column. There are as many as Y's entries would fill, at least one and at
 * most 64. Y is a column of m entries times a row of n. */
START_TEST(memory)
{
    static const struct {
        int64_t rows, cols, m, n, sums;
    } of[] = {
        { 1, 20000, 1, 100, 20000 },
        { 2, 20000, 2, 19999, 20000 }, /* two entries less than two rows */
        { 20000, 2, 19999, 2, 20000 },
        { 300, 300, 300, 300, 64 * 300 },
    };
    static int32_t zero[20000], up[20000];
    static tl_real one[20000];
    for (int32_t k = 0; k < 20000; k++)
        up[k] = k;
    tl_graph *g = tl_graph_new_inference();
    tl_pattern *a = tl_pattern_from_coo(of[_i].rows, 1, of[_i].m, up, zero),
               *b = tl_pattern_from_coo(1, of[_i].cols, of[_i].n, zero, up);
    tl_node *y = tl_sparse_sparse_matmul(tl_input_sparse(g, a, one), tl_input_sparse(g, b, one));
    const int64_t before = tl_graph_bytes(g), values = of[_i].m * of[_i].n * (int64_t)sizeof(tl_real);
    ck_assert_int_lt(before, 1 << 20);
    ck_assert_ptr_nonnull(tl_value(y));
    const int64_t bytes = tl_graph_bytes(g) - before - values;
    ck_assert_int_ge(bytes, of[_i].sums * (int64_t)sizeof(double));
    ck_assert_int_lt(bytes, of[_i].sums * (int64_t)sizeof(double) + 256);
    tl_graph_free(g);
    tl_pattern_release(a);
    tl_pattern_release(b);
}
END_TEST

/* The gradient of B needs transposes: memory for them is short before backward runs. */
START_TEST(memory_for_the_transposes)
{
    const tl_real ones[] = { 1, 1, 1, 1 };
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        tl_pattern *p = tl_pattern_random(2, 2, 1, 1);
        tl_variable *v = tl_test_sparse("b", tl_pattern_random(2, 2, 1, 1), 1);
        tl_graph *g = tl_graph_new();
        tl_node *a = tl_input_sparse(g, p, ones), *b = tl_use(g, v);
        tl_gradients out;
        const int64_t before = tl_test_allocations();
        tl_test_fail_allocation(k);
        const tl_status status = tl_backward(tl_reduce_sum(tl_sparse_sparse_matmul(a, b), TL_ALL_AXES), &out);
        tl_test_fail_allocation(0);
        failed = tl_test_allocations() >= before + k;
        ck_assert_int_eq(tl_graph_status(g), failed ? TL_ERR_MEMORY : TL_OK);
        ck_assert_int_eq(status == TL_OK, !failed);
        ck_assert(!failed || strstr(tl_graph_error(g), ": out of memory"));
        tl_graph_free(g);
        tl_variable_free(v);
        tl_pattern_release(p);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int k = 0; k < 5 * 5; k++)
        whole[k] = 1;
    Suite *s = tl_op_suite(&sparse_sparse_matmul);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, pattern_is_cached);
    tcase_add_loop_test(c, memory, 0, 4);
    tcase_add_test(c, memory_for_the_transposes);
    tcase_add_test(c, too_many_entries);
    return s;
}
