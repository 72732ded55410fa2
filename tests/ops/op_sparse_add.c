/* sparse_add: Y = A + B for A sparse and B sparse or dense */
#include "check_tulle.h"
#include "tests/testing.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_sparse_add(in[0], in[1]);
}

static tl_shape reference(tl_reference *r)
{
    r->sparse = r->keep[1] != NULL;
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++) {
        r->y[k] = r->in[0][k] + r->in[1][k];
        r->y_keep[k] = r->sparse && (r->keep[0][k] || r->keep[1][k]);
    }
    return r->shape[0];
}

static const uint8_t row[5 * 17] = { [2 * 17] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
                             col[5 * 17] = { [8] = 1, [25] = 1, [42] = 1, [59] = 1, [76] = 1 };
static uint8_t whole[5 * 17]; /* all 1; filled by tl_test_suite */

#define ADD(rows, cols, a, b)                                                                                \
    { .in = { TL_SPARSE_OPERAND(rows, cols, a), TL_SPARSE_OPERAND(rows, cols, b) } },                        \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(rows, cols, a), TL_DENSE_OPERAND(rows, cols) }                             \
    }
#define OF_PATTERNS(a, b)                                                                                    \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(5, 17), .keep = a }, { TL_STATIC_SHAPE(5, 17), .keep = b } }               \
    }
#define OF_PATTERN(a)                                                                                        \
    OF_PATTERNS(a, row), OF_PATTERNS(a, col), OF_PATTERNS(a, whole),                                         \
        { .in = { { TL_STATIC_SHAPE(5, 17), .keep = a }, TL_SPARSE_OPERAND(5, 17, 1e-9) } },                 \
        { .in = { TL_SPARSE_OPERAND(5, 17, 0.3), { TL_STATIC_SHAPE(5, 17), .keep = a } } },                  \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(5, 17), .keep = a }, TL_DENSE_OPERAND(5, 17) }                             \
    }
#define REFUSED(b, text)                                                                                     \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(3, 4, 0.5), b }, .status = TL_ERR_SHAPE, .error = text                     \
    }

static const tl_sample samples[] = {
    ADD(4, 5, 0.6, 0.5),
    ADD(3, 3, 0.7, 0.7),
    ADD(1, 1, 1, 1),
    ADD(17, 3, 0.3, 0.3),
    ADD(1, 63, 0.3, 0.3),
    ADD(65, 1, 0.3, 0.3),
    ADD(4, 5, 1e-9, 0.5),
    ADD(4, 5, 0.5, 1e-9),
    ADD(0, 5, 0.5, 0.5),
    ADD(4, 0, 0.5, 0.5),
    ADD(0, 0, 0.5, 0.5),
    OF_PATTERN(row),
    OF_PATTERN(col),
    OF_PATTERN(whole),
    ADD(17, 65, 0.3, 0.3),
    ADD(65, 63, 0.3, 0.3),
    ADD(300, 300, 0.5, 0.4),
    REFUSED(TL_SPARSE_OPERAND(4, 3, 0.5), "a (3x4) and b (4x3) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(4, 3), "a (3x4) and b (4x3) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(4), "a (3x4) and b [4] differ in shape"),
    REFUSED(TL_SCALAR_OPERAND, "a (3x4) and b (scalar) differ in shape"),
    /* A = [1 . 2] and B = [. 3 -2]: a zero that is there stays */
    { .in = { { TL_STATIC_SHAPE(1, 3), .keep = (const uint8_t[]){ 1, 0, 1 }, .values = TL_VALUES(1, 0, 2) },
              { TL_STATIC_SHAPE(1, 3), .keep = (const uint8_t[]){ 0, 1, 1 },
                .values = TL_VALUES(0, 3, -2) } },
      .y = TL_VALUES(1, 3, 0),
      .upstream = TL_VALUES(5, 6, 7),
      .gradient = { TL_VALUES(5, 7), TL_VALUES(6, 7) } },
    { .in = { { TL_STATIC_SHAPE(1, 3), .keep = (const uint8_t[]){ 1, 0, 1 }, .values = TL_VALUES(1, 0, 2) },
              { TL_STATIC_SHAPE(1, 3), .values = TL_VALUES(10, 20, -2) } },
      .y = TL_VALUES(11, 20, 0),
      .upstream = TL_VALUES(5, 6, 7),
      .gradient = { TL_VALUES(5, 7), TL_VALUES(5, 6, 7) } }
};

static const tl_op_case sparse_add = {
    .name = "sparse_add",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* patterns do not lose rows */
};

typedef struct sum {
    tl_variable *a, *b;
} sum;

static tl_node *build(tl_graph *g, const sum *c)
{
    return tl_sparse_add(tl_use(g, c->a), tl_use(g, c->b));
}

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

Suite *tl_test_suite(void)
{
    for (int k = 0; k < 5 * 17; k++)
        whole[k] = 1;
    Suite *s = tl_op_suite(&sparse_add);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, same_pattern);
    tcase_add_test(c, memo);
    tcase_add_test(c, memo_is_released);
    tcase_add_test(c, short_lived_patterns);
    return s;
}
