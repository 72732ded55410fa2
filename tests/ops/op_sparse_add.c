/* sparse_add: Y = A + B for A sparse and B sparse or dense */
#include "tests/testing.h"

#include <string.h>

/* `fixed` is the one that enters as a constant, or NULL. */
typedef struct sum {
    tl_variable *a, *b, *fixed;
} sum;

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
    const sum *c = context;
    tl_node *a = leaf(g, c->a, c->fixed), *b = leaf(g, c->b, c->fixed);
    return tl_sparse_add(a, b);
}

/* A + A, on one pattern */
static tl_node *build_self(tl_graph *g, void *context)
{
    tl_node *a = tl_use(g, ((const sum *)context)->a);
    return tl_sparse_add(a, a);
}

/* A + ((A + B) + A): unions with a part of themselves */
static tl_node *build_nested(tl_graph *g, void *context)
{
    const sum *c = context;
    tl_node *a = tl_use(g, c->a), *b = tl_use(g, c->b);
    return tl_sparse_add(a, tl_sparse_add(tl_sparse_add(a, b), a));
}

/* A + (A + D) + dense A: A on both sides, D through the second sum */
static tl_node *build_dense(tl_graph *g, void *context)
{
    const sum *c = context;
    tl_node *a = tl_use(g, c->a), *d = tl_use(g, c->b);
    return tl_add(tl_sparse_add(a, tl_sparse_add(a, d)), tl_sparse_add(a, tl_sparse_to_dense(a, NULL)));
}

/* The sum of U Y: its gradient with respect to Y is U, off a sparse Y's pattern too. */
static tl_node *against(tl_node *y, const tl_real *u)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    tl_node *dense = tl_pattern_of(y) ? tl_sparse_to_dense(y, NULL) : y;
    return tl_reduce_sum(tl_mul(dense, tl_input(y->graph, y->shape, u)), TL_ALL_AXES);
}

/* A = [1 . 2], B = [. 3 -2]: a zero that is there stays. */
START_TEST(by_hand)
{
    tl_pattern *pa = tl_pattern_from_csr(1, 3, (int64_t[]){ 0, 2 }, (int32_t[]){ 0, 2 });
    tl_pattern *pb = tl_pattern_from_csr(1, 3, (int64_t[]){ 0, 2 }, (int32_t[]){ 1, 2 });
    sum c = { .a = tl_test_sparse("a", pa, 1), .b = tl_test_sparse("b", pb, 1) };
    memcpy(tl_variable_data(c.a), (tl_real[]){ 1, 2 }, 2 * sizeof(tl_real));
    memcpy(tl_variable_data(c.b), (tl_real[]){ 3, -2 }, 2 * sizeof(tl_real));
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, &c);
    ck_assert_int_eq(tl_pattern_nnz(tl_pattern_of(y)), 3);
    ck_assert_values(tl_value(y), 3, 0, 1, 3, 0);
    ck_assert_ok(tl_backward(against(y, (tl_real[]){ 5, 6, 7 }), &out));
    ck_assert_values(out.pair[0].values, 2, 0, 5, 7);
    ck_assert_values(out.pair[1].values, 2, 0, 6, 7);
    y = tl_sparse_add(tl_use(g, c.a), tl_input(g, TL_SHAPE(1, 3), (tl_real[]){ 10, 20, -2 }));
    ck_assert_ptr_null(tl_pattern_of(y));
    ck_assert_values(tl_value(y), 3, 0, 11, 20, 0);
    tl_graph_free(g);
    tl_variable_free(c.a);
    tl_variable_free(c.b);
}
END_TEST

/* Nothing, one full row, one full column, everything, or about 3 in 10 with an empty row and column. */
enum { N_PATTERNS = 5 };
static tl_pattern *pattern_of_kind(int kind, int64_t rows, int64_t cols, uint64_t seed)
{
    if (kind == 4)
        return tl_test_pattern(rows, cols, 0.3, seed);
    uint8_t *keep = calloc((size_t)(rows * cols + 1), 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            keep[i * cols + j] = kind == 3 || (kind == 1 && i == rows / 2) || (kind == 2 && j == cols / 2);
    tl_pattern *p = tl_pattern_from_mask(rows, cols, keep);
    free(keep);
    return p;
}

/* Cell by cell: where either has an entry the result has one, of this value; gradients are U there. */
static void compare(sum *c, const tl_real *u)
{
    const tl_pattern *pa = tl_variable_pattern(c->a), *pb = tl_variable_pattern(c->b);
    tl_real *in_a = tl_test_expand(pa, NULL), *in_b = pb ? tl_test_expand(pb, NULL) : NULL;
    tl_real *b = tl_variable_data(c->b);
    int64_t cols = tl_pattern_cols(pa), cells = tl_pattern_rows(pa) * cols, ea = 0, eb = 0, ey = 0;
    int64_t wrong = 0;
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = build(g, c);
    ck_assert_ok(tl_backward(against(y, u), &out));
    const tl_pattern *p = tl_pattern_of(y);
    ck_assert_int_eq(p == NULL, pb == NULL);
    for (int64_t k = 0; k < cells; k++) {
        const bool here_a = in_a[k] != 0, here_b = pb ? in_b[k] != 0 : true;
        wrong += p && tl_pattern_find(p, k / cols, (int32_t)(k % cols)) != (here_a || here_b ? ey : -1);
        wrong += here_a && out.pair[0].values[ea] != u[k];
        wrong += here_b && out.pair[1].values[eb] != u[k];
        if (here_a || here_b) {
            tl_real expected = here_a && here_b ? tl_variable_data(c->a)[ea] + b[eb]
                               : here_a         ? tl_variable_data(c->a)[ea]
                                                : b[eb];
            wrong += tl_value(y)[ey++] != expected;
        }
        ea += here_a, eb += here_b;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(tl_variable_size(c->a), ea);
    ck_assert_int_eq(p ? tl_pattern_nnz(p) : cells, ey);
    tl_graph_free(g);
    free(in_a);
    free(in_b);
}

/* Every pair of patterns, and each pattern with a dense matrix. */
START_TEST(against_dense)
{
    const int64_t size[] = { 1, 3, 17, 63, 65 }, rows = size[_i];
    tl_real u[65 * 65];
    tl_test_fill(u, 65 * 65, 9);
    for (int j = 0; j < 5; j++)
        for (int kind = 0; kind < N_PATTERNS; kind++)
            for (int other = 0; other <= N_PATTERNS; other++) {
                sum c = { .a = tl_test_sparse("a", pattern_of_kind(kind, rows, size[j], 1), 1) };
                c.b = other == N_PATTERNS ? tl_test_dense("b", TL_SHAPE(rows, size[j]), 2)
                                          : tl_test_sparse("b", pattern_of_kind(other, rows, size[j], 2), 2);
                compare(&c, u);
                tl_variable_free(c.a);
                tl_variable_free(c.b);
            }
}
END_TEST

START_TEST(gradient)
{
    const int64_t rows[] = { 4, 0, 4, 0, 4, 3 }, cols[] = { 5, 5, 0, 0, 5, 3 };
    const int kind_a[] = { 4, 4, 4, 4, 0, 1 }, kind_b[] = { 4, 4, 4, 4, 4, 2 };
    for (int k = 0; k < 6; k++) {
        tl_variable *s = tl_test_sparse("s", pattern_of_kind(kind_b[k], rows[k], cols[k], 2), 2);
        tl_variable *d = tl_test_dense("d", TL_SHAPE(rows[k], cols[k]), 3);
        sum c = { .a = tl_test_sparse("a", pattern_of_kind(kind_a[k], rows[k], cols[k], 1), 1) };
        for (int with_dense = 0; with_dense < 2; with_dense++) {
            c.b = with_dense ? d : s;
            c.fixed = NULL;
            ck_assert_gradient(build, &c, c.a, c.b);
            ck_assert_gradient(with_dense ? build_dense : build_nested, &c, c.a, c.b);
            c.fixed = c.a;
            ck_assert_gradient(build, &c, c.b);
            c.fixed = c.b;
            ck_assert_gradient(build, &c, c.a);
        }
        ck_assert_gradient(build_self, &c, c.a);
        tl_variable_free(c.a);
        tl_variable_free(s);
        tl_variable_free(d);
    }
}
END_TEST

/* On one pattern nothing is merged: the result is on that very object, and takes memory for values only. */
START_TEST(same_pattern)
{
#ifdef TL_HEAP_ARENA
    const int64_t blocks = 3; /* the node, the reference to the pattern, Y */
#else
    const int64_t blocks = 1; /* all three are in one */
#endif
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(300, 300, 0.5, 1), *twin = tl_test_pattern(300, 300, 0.5, 1);
    tl_variable *a = tl_test_sparse("a", p, 1), *b = tl_test_sparse("b", tl_pattern_retain(p), 2);
    tl_variable *c = tl_test_sparse("c", twin, 3);
    tl_use(g, a), tl_use(g, b); /* the graph's first block */
    int64_t asked = tl_test_allocations();
    tl_node *y = tl_sparse_add(tl_use(g, a), tl_use(g, b));
    ck_assert_ptr_eq(tl_pattern_of(y), p);
    int64_t wrong = 0;
    for (int64_t k = 0; k < tl_pattern_nnz(p); k++)
        wrong += tl_value(y)[k] != tl_variable_data(a)[k] + tl_variable_data(b)[k];
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(tl_test_allocations() - asked, blocks);
    /* another object with the same entries gives the same entries */
    ck_assert(tl_pattern_equal(tl_pattern_of(tl_sparse_add(tl_use(g, a), tl_use(g, c))), p));
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
    tl_variable_free(c);
}
END_TEST

/* The union is one object for equal inputs, in one step and in the next; a step without it drops it. */
START_TEST(memo)
{
    tl_graph *g = tl_graph_new();
    sum c = { .a = tl_test_sparse("a", tl_test_pattern(5, 4, 0.5, 1), 1),
              .b = tl_test_sparse("b", tl_test_pattern(5, 4, 0.5, 2), 2) };
    tl_pattern *first = tl_pattern_retain(tl_pattern_of(build(g, &c)));
    ck_assert_ptr_eq(tl_pattern_of(build(g, &c)), first);
    for (int step = 0; step < 3; step++) {
        tl_graph_reset(g);
        ck_assert_ptr_eq(tl_pattern_of(build(g, &c)), first);
    }
    tl_graph_reset(g);
    tl_use(g, c.a);
    tl_graph_reset(g);
    ck_assert_ptr_ne(tl_pattern_of(build(g, &c)), first);
    tl_graph_free(g);
    ck_assert_int_eq(tl_pattern_rows(first), 5); /* retained, it outlives its graph */
    tl_pattern_release(first);
    tl_variable_free(c.a);
    tl_variable_free(c.b);
}
END_TEST

START_TEST(memo_is_released)
{
    tl_graph *g = tl_graph_new();
    sum c = { .a = tl_test_sparse("a", tl_test_pattern(5, 4, 0.5, 1), 1),
              .b = tl_test_sparse("b", tl_test_pattern(5, 4, 0.5, 2), 2) };
    ck_assert_ptr_nonnull(build(g, &c));
    tl_graph_reset(g);
    int64_t before = tl_test_live_blocks();
    tl_graph_reset(g);
    ck_assert_int_eq(before - tl_test_live_blocks(), 4); /* the record, and the three blocks of a pattern */
    tl_graph_free(g);
    tl_variable_free(c.a);
    tl_variable_free(c.b);
}
END_TEST

/* Patterns that come and go with the step: one that lies where another lay must not be taken for it. */
START_TEST(short_lived_patterns)
{
    tl_graph *g = tl_graph_new();
    const tl_real one[] = { 1 };
    for (int32_t step = 0; step < 4; step++) {
        tl_pattern *a = tl_pattern_from_csr(2, 4, (int64_t[]){ 0, 1, 1 }, &step);
        tl_pattern *b = tl_pattern_from_csr(2, 4, (int64_t[]){ 0, 0, 1 }, &step);
        tl_node *y = tl_sparse_add(tl_input_sparse(g, a, one), tl_input_sparse(g, b, one));
        tl_pattern_release(a);
        tl_pattern_release(b);
        ck_assert_int_eq(tl_pattern_find(tl_pattern_of(y), 0, step), 0);
        ck_assert_int_eq(tl_pattern_find(tl_pattern_of(y), 1, step), 1);
        tl_graph_reset(g);
    }
    tl_graph_free(g);
}
END_TEST

/* Each allocation of a union fails once. */
START_TEST(out_of_memory)
{
    int64_t k = 0;
    sum c = { .a = tl_test_sparse("a", tl_test_pattern(5, 4, 0.5, 1), 1),
              .b = tl_test_sparse("b", tl_test_pattern(5, 4, 0.5, 2), 2) };
    for (bool done = false; !done;) {
        tl_graph *g = tl_graph_new();
        tl_node *a = tl_use(g, c.a), *b = tl_use(g, c.b);
        tl_test_fail_allocation(++k);
        done = tl_sparse_add(a, b) != NULL;
        tl_test_fail_allocation(0);
        ck_assert_str_eq(tl_graph_error(g), done ? "" : "sparse_add: out of memory");
        ck_assert_int_eq(tl_graph_status(g), done ? TL_OK : TL_ERR_MEMORY);
        tl_graph_free(g);
    }
    ck_assert_int_gt(k, 4); /* a pattern of three blocks and its record */
    tl_variable_free(c.a);
    tl_variable_free(c.b);
}
END_TEST

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    const tl_real zero[12] = { 0 };
    tl_variable *a = tl_test_sparse("a", tl_test_pattern(3, 4, 0.5, 1), 1);
    tl_variable *b = tl_test_sparse("b", tl_test_pattern(4, 3, 0.5, 1), 1);
    ck_assert_refused(g, tl_sparse_add(tl_use(g, a), tl_use(g, b)), TL_ERR_SHAPE,
                      "sparse_add: a (3x4) and b (4x3) differ in shape");
    ck_assert_refused(g, tl_sparse_add(tl_use(g, a), tl_input(g, TL_SHAPE(4, 3), zero)), TL_ERR_SHAPE,
                      "sparse_add: a (3x4) and 4x3 differ in shape");
    ck_assert_refused(g, tl_sparse_add(tl_use(g, a), tl_input(g, TL_SHAPE(4), zero)), TL_ERR_SHAPE,
                      "sparse_add: a (3x4) and [4] differ in shape");
    ck_assert_refused(g, tl_sparse_add(tl_use(g, a), tl_input(g, TL_SHAPE(), zero)), TL_ERR_SHAPE,
                      "sparse_add: a (3x4) and scalar differ in shape");
    ck_assert_refused(g, tl_sparse_add(tl_input(g, TL_SHAPE(3, 4), zero), tl_use(g, a)), TL_ERR_KIND,
                      "sparse_add: input 0 (3x4) is dense, and must be sparse");
    ck_assert_refused(g, tl_sparse_add(tl_input(g, TL_SHAPE(3, 4), zero), tl_input(g, TL_SHAPE(3, 4), zero)),
                      TL_ERR_KIND, "sparse_add: input 0 (3x4) is dense, and must be sparse");
    ck_assert_refused(g, tl_sparse_add(NULL, tl_use(g, a)), TL_ERR_ARGUMENT, "sparse_add: input 0 is NULL");
    ck_assert_refused(g, tl_sparse_add(NULL, tl_input(g, TL_SHAPE(3, 4), zero)), TL_ERR_ARGUMENT,
                      "sparse_add: input 0 is NULL");
    ck_assert_refused(g, tl_sparse_add(tl_use(g, a), NULL), TL_ERR_ARGUMENT, "sparse_add: input 1 is NULL");
    ck_assert_ptr_null(tl_sparse_add(NULL, NULL));
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sparse_add");
    TCase *c = tl_test_case(s, "sparse_add");
    tcase_add_test(c, by_hand);
    tcase_add_loop_test(c, against_dense, 0, 5);
    tcase_add_test(c, gradient);
    tcase_add_test(c, same_pattern);
    tcase_add_test(c, memo);
    tcase_add_test(c, memo_is_released);
    tcase_add_test(c, short_lived_patterns);
    tcase_add_test(c, out_of_memory);
    tcase_add_test(c, refusals);
    return s;
}
