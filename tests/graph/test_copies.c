/* What an op copies when it is recorded: ids, labels, bags and weights may change or go after the call.
 * What is checked is the copy; rows that are not a copy are checked whenever they are handed over. */
#include "tests/testing.h"

#include <string.h>

enum { ROWS = 5, WIDTH = 3, IDS = 4 };

static const tl_real numbers[ROWS * WIDTH] = { 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 13, -14, 15 };

/* ---- Arrays of the built-in ops ---- */

typedef struct arrays {
    int32_t ids[IDS], labels[IDS], bag_ids[IDS];
    int64_t row_ptr[3];
    tl_real weights[IDS], x[IDS];
    tl_pattern_bag bags;
} arrays;

static arrays make(void)
{
    return (arrays){ .ids = { 4, 0, 4, 1 },
                     .labels = { 2, 0, 1, 1 },
                     .bag_ids = { 3, 3, 0, 2 },
                     .row_ptr = { 0, 1, IDS },
                     .weights = { 1, 2, (tl_real)0.5, 0 },
                     .x = { 1, -1, 2, 3 } };
}

/* All that a careless caller may do once an op has returned. */
static void spoil(arrays *a, bool spoiled)
{
    if (spoiled)
        memset(a, 0x7f, sizeof *a);
}

/* A loss that uses each array; before the next op that takes one is recorded, the arrays of the last are
 * spoilt. */
static tl_node *loss_of(tl_graph *g, tl_variable *table, bool spoiled)
{
    arrays a = make(), b = make(), c = make(), d = make();
    tl_node *t = tl_use(g, table);
    tl_node *looked_up = tl_embedding_lookup(t, a.ids, TL_SHAPE(IDS));
    spoil(&a, spoiled);
    a = make();
    tl_node *rows = tl_embedding_lookup_padded(t, a.ids, TL_SHAPE(IDS), 4);
    spoil(&a, spoiled);
    a = make();
    looked_up = tl_add(looked_up, rows);
    rows = tl_embedding_lookup_partitioned(&t, 1, a.ids, TL_SHAPE(IDS), TL_MOD, 2);
    spoil(&a, spoiled);
    looked_up = tl_add(looked_up, rows);
    tl_node *loss = tl_softmax_cross_entropy_weighted(looked_up, b.labels, b.weights);
    spoil(&b, spoiled);
    loss = tl_add(loss, tl_softmax_cross_entropy(tl_tanh(looked_up), c.labels));
    spoil(&c, spoiled);
    d.bags = (tl_pattern_bag){ .n = 2, .row_ptr = d.row_ptr, .ids = d.bag_ids };
    tl_node *w = tl_mul(tl_constant(g, TL_SHAPE(IDS), d.x), tl_reduce_sum(looked_up, 1));
    tl_node *bag = tl_embedding_lookup_sparse(t, &d.bags, w, TL_MEAN);
    spoil(&d, spoiled);
    return tl_add(loss, tl_reduce_sum(tl_mul(bag, bag), TL_ALL_AXES));
}

START_TEST(arrays_may_go)
{
    tl_variable *table = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    tl_graph *g = tl_graph_new(), *h = tl_graph_new();
    for (int dense = 0; dense < 2; dense++) { /* by rows, and as one dense gradient */
        tl_gradients out, expected;
        tl_node *y = loss_of(g, table, true), *z = loss_of(h, table, false);
        if (dense) {
            y = tl_add(y, tl_reduce_sum(tl_use(g, table), TL_ALL_AXES));
            z = tl_add(z, tl_reduce_sum(tl_use(h, table), TL_ALL_AXES));
        }
        ck_assert_ok(tl_backward(y, &out));
        ck_assert_ok(tl_backward(z, &expected));
        ck_assert_same(tl_value(y), tl_value(z), 1);
        ck_assert_int_eq(out.pair[0].rows != NULL, !dense);
        ck_assert_int_eq(out.pair[0].n_rows, expected.pair[0].n_rows);
        ck_assert_same(out.pair[0].values, expected.pair[0].values, tl_gradient_size(&expected.pair[0]));
        tl_graph_reset(g);
        tl_graph_reset(h);
    }
    tl_graph_free(g);
    tl_graph_free(h);
    tl_variable_free(table);
}
END_TEST

START_TEST(constants)
{
    tl_graph *g = tl_graph_new();
    tl_real x[6] = { 1, 2, 3, 4, 5, 6 };
    tl_node *a = tl_constant(g, TL_SHAPE(2, 3), x);
    memset(x, 0, sizeof x);
    ck_assert_values(tl_value(a), 6, 0, 1, 2, 3, 4, 5, 6);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(a)).text, "2x3");
    ck_assert(!tl_node_is_mutable(a) && !a->requires_grad);
    ck_assert_ptr_nonnull(tl_constant(g, TL_SHAPE(0, 3), NULL));
    ck_assert_refused(g, tl_constant(g, TL_SHAPE(2), NULL), TL_ERR_ARGUMENT, "constant: no data for [2]");
    ck_assert_refused(g, tl_constant(g, TL_SHAPE(-1), x), TL_ERR_SHAPE, "constant: [-1] has a negative size");
    ck_assert_null(tl_constant(NULL, TL_SHAPE(2), x), "constant: the graph is NULL");
    tl_graph_free(g);
    for (int k = 1; k <= 2; k++) { /* the arena's block for the copy, or for the node */
        static const tl_real large[1 << 17];
        g = tl_graph_new();
        tl_test_fail_allocation(k);
        a = tl_constant(g, TL_SHAPE(1 << 17), large);
        tl_test_fail_allocation(0);
        if (!a)
            ck_assert_str_eq(tl_graph_error(g), "constant: out of memory");
        ck_assert(a || k == 1 || tl_graph_status(g) == TL_ERR_MEMORY);
        tl_graph_free(g);
    }
}
END_TEST

/* ---- An author's op: Y = the sum of rows of a table, by tl_copy_rows or not ---- */

typedef enum way {
    BY_COPY,
    BY_PARTS,        /* of the copy */
    BY_BAD_ROWS,     /* that nobody has checked */
    BY_BAD_DECLARED, /* the same, after good ones were declared at that address */
    BY_OTHER_TABLE   /* rows copied for the other table, which is longer */
} way;

typedef struct pick {
    way way;
    const int32_t *rows;
} pick;

static int32_t declared[2]; /* an array of an author's, which he changes */

static tl_status pick_shape(tl_node *y)
{
    const pick *p = y->attr;
    const int32_t *copy, *other;
    tl_status status = tl_copy_rows(y, 0, "ids", 2, p->rows, &copy);
    if (status == TL_OK)
        status = tl_copy_rows(y, 1, "ids", 2, (const int32_t[]){ 0, 6 }, &other);
    if (status != TL_OK)
        return status;
    memcpy(declared, (const int32_t[]){ 0, 1 }, sizeof declared);
    tl_declare_rows(y, 0, 2, declared);
    const int32_t **kept = y->scratch = tl_scratch(y, 2, sizeof *kept);
    if (!kept)
        return TL_ERR_MEMORY;
    kept[0] = copy;
    kept[1] = other;
    return tl_shape_dense(y, TL_SHAPE(2, WIDTH));
}

static void pick_forward(tl_node *y)
{
    const int32_t *const *kept = y->scratch;
    for (int k = 0; k < 2; k++)
        memcpy(y->out + k * WIDTH, y->in[0]->val + kept[0][k] * WIDTH, WIDTH * sizeof *y->out);
}

static void pick_backward(tl_node *y)
{
    static const int32_t bad[] = { 0, ROWS };
    const pick *p = y->attr;
    const int32_t *const *kept = y->scratch;
    memcpy(declared, bad, sizeof bad);
    switch (p->way) {
    case BY_COPY: tl_add_rows(y, 0, 2, kept[0], NULL, NULL, y->grad); break;
    case BY_PARTS:
        tl_add_rows(y, 0, 1, kept[0], NULL, NULL, y->grad);
        tl_add_rows(y, 0, 1, kept[0] + 1, NULL, NULL, y->grad + WIDTH);
        tl_add_rows(y, 0, 0, kept[0] + 2, NULL, NULL, y->grad);
        break;
    case BY_BAD_ROWS: tl_add_rows(y, 0, 2, bad, NULL, NULL, y->grad); break;
    case BY_BAD_DECLARED: tl_add_rows(y, 0, 2, declared, NULL, NULL, y->grad); break;
    case BY_OTHER_TABLE: tl_add_rows(y, 0, 2, kept[1], NULL, NULL, y->grad); break;
    }
}

static const tl_op pick_op = {
    .name = "pick",
    .n_in = 2,
    .in_kind = { TL_ROWS, TL_ROWS },
    .shape = pick_shape,
    .forward = pick_forward,
    .backward = pick_backward,
};

/* The sum of the picked rows, of which only those of a variable that is read densely, too, are added at
 * once. */
static tl_node *pick_loss(tl_graph *g, tl_variable *table, way by, const int32_t *rows, bool dense)
{
    static const tl_real other[2 * ROWS * WIDTH];
    tl_node *in[] = { tl_use(g, table), tl_input(g, TL_SHAPE(2 * ROWS, WIDTH), other) };
    tl_node *y = tl_apply(&pick_op, in, &(pick){ by, rows }, sizeof(pick));
    tl_node *loss = tl_reduce_sum(tl_mul(y, tl_constant(g, TL_SHAPE(2, WIDTH), numbers)), TL_ALL_AXES);
    return dense ? tl_add(loss, tl_reduce_sum(tl_scale(in[0], 0), TL_ALL_AXES)) : loss;
}

START_TEST(rows_of_a_copy)
{
    tl_variable *table = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < 4; k++, tl_graph_reset(g)) {
        int32_t rows[] = { 3, 1 };
        tl_gradients out;
        tl_node *loss = pick_loss(g, table, k < 2 ? BY_COPY : BY_PARTS, rows, k % 2);
        memset(rows, 0x7f, sizeof rows);
        ck_assert_ok(tl_backward(loss, &out));
        const tl_real *first = out.pair[0].values + (k % 2 ? WIDTH : 0),
                      *second = first + (k % 2 ? 2 : 1) * WIDTH;
        ck_assert_same(first, numbers + WIDTH, WIDTH);
        ck_assert_same(second, numbers, WIDTH);
    }
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

START_TEST(rows_that_are_no_copy_are_checked)
{
    static const struct {
        way way;
        const char *text;
    } table_of_ways[] = {
        { BY_BAD_ROWS, "pick: rows[1] = 5, t (5x3) has 5 rows" },
        { BY_BAD_DECLARED, "pick: rows[1] = 5, t (5x3) has 5 rows" },
        { BY_OTHER_TABLE, "pick: rows[1] = 6, t (5x3) has 5 rows" },
    };
    tl_variable *table = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < 6; k++, tl_graph_reset(g)) {
        tl_gradients out;
        tl_node *loss = pick_loss(g, table, table_of_ways[k / 2].way, (const int32_t[]){ 3, 1 }, k % 2);
        ck_assert_status(tl_backward(loss, &out), TL_ERR_INDEX, table_of_ways[k / 2].text);
    }
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

START_TEST(copies_that_are_refused)
{
    tl_variable *table = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    tl_graph *g = tl_graph_new();
    const int32_t rows[] = { 3, -1 }, *copy = rows;
    ck_assert_refused(g, pick_loss(g, table, BY_COPY, rows, false), TL_ERR_INDEX,
                      "pick: ids[1] = -1, table t (5x3) has 5 rows");
    ck_assert_refused(g, pick_loss(g, table, BY_COPY, NULL, false), TL_ERR_ARGUMENT, "pick: ids is NULL");
    tl_node *y = pick_loss(g, table, BY_COPY, (const int32_t[]){ 3, 1 }, false)->in[0]->in[0];
    ck_assert_status(tl_copy_rows(y, 0, "ids", -1, rows, &copy), TL_ERR_ARGUMENT, "ids: their number is -1");
    ck_assert_ptr_null(copy);
    ck_assert_status(tl_copy_rows(y, 2, "ids", 1, rows, &copy), TL_ERR_ARGUMENT,
                     "copy_rows: input 2 is not TL_ROWS");
    ck_assert_status(tl_copy_rows(y, 0, "ids", 1, rows, NULL), TL_ERR_ARGUMENT,
                     "copy_rows: the output argument is NULL");
    ck_assert_status(tl_copy_rows(NULL, 0, "ids", 1, rows, &copy), TL_ERR_ARGUMENT,
                     "copy_rows: the node is NULL");
    ck_assert_status(tl_copy_rows(y->in[0], 0, "ids", 1, rows, &copy), TL_ERR_ARGUMENT,
                     "copy_rows: the node is a leaf");
    ck_assert_status(tl_copy_rows(y, 0, NULL, 1, rows, &copy), TL_ERR_ARGUMENT,
                     "check_ids: the name is NULL");
    ck_assert_ok(tl_copy_rows(y, 0, "ids", 0, NULL, &copy));
    ck_assert_ptr_nonnull(copy);
    tl_graph_free(g);
    tl_variable_free(table);
}
END_TEST

START_TEST(failed_allocations)
{
    tl_variable *table = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
    const int64_t blocks = tl_test_live_blocks();
    tl_status status = TL_ERR_MEMORY;
    int64_t k = 0;
    while (status != TL_OK) {
        tl_graph *g = tl_graph_new();
        tl_gradients out;
        tl_test_fail_allocation(++k);
        tl_node *loss = loss_of(g, table, true);
        status = tl_graph_status(g) == TL_OK ? tl_backward(loss, &out) : tl_graph_status(g);
        tl_test_fail_allocation(0);
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        tl_graph_free(g);
        ck_assert_int_eq(tl_test_live_blocks(), blocks);
    }
    ck_assert_int_gt(k, 1);
    tl_variable_free(table);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("copies");
    TCase *c = tl_test_case(s, "copies");
    tcase_add_test(c, arrays_may_go);
    tcase_add_test(c, constants);
    tcase_add_test(c, rows_of_a_copy);
    tcase_add_test(c, rows_that_are_no_copy_are_checked);
    tcase_add_test(c, copies_that_are_refused);
    tcase_add_test(c, failed_allocations);
    return s;
}
