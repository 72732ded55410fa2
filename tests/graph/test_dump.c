/* The graph as text and as DOT, to the letter. */
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>

/* What print writes, to be freed. */
static char *text_of(tl_status (*print)(const tl_graph *g, FILE *out), const tl_graph *g)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ok(print(g, out));
    fclose(out);
    return text;
}

static void check_text(tl_status (*print)(const tl_graph *g, FILE *out), const tl_graph *g,
                       const char *expected)
{
    char *text = text_of(print, g);
    ck_assert_str_eq(text, expected);
    free(text);
}

/* ---- A small model ---- */

static const tl_real numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

typedef struct model {
    tl_graph *g;
    tl_variable *sparse, *dense, *scalar;
} model;

/* relu(X W1) W2 + c, with W1 made dense first: every look of a node, and an input that is absent. */
static model begin(void)
{
    const uint8_t keep[] = { 1, 0, 0, 1, 1, 0 };
    tl_pattern *p = tl_pattern_from_mask(3, 2, keep);
    model m = { .g = tl_graph_new() };
    m.sparse = tl_test_sparse("layer \"1\"\\w", p, 1);
    m.dense = tl_test_dense("w2", TL_SHAPE(2, 1), 2);
    m.scalar = tl_test_dense("two\nlines", TL_SHAPE(), 3);
    tl_node *x = tl_input(m.g, TL_SHAPE(4, 3), numbers);
    tl_node *h = tl_relu(tl_matmul(x, tl_sparse_to_dense(tl_use(m.g, m.sparse), NULL)));
    h = tl_matmul(h, tl_use(m.g, m.dense));
    tl_add(h, tl_use(m.g, m.scalar));
    return m;
}

static void end(model *m)
{
    tl_graph_free(m->g);
    tl_variable_free(m->sparse);
    tl_variable_free(m->dense);
    tl_variable_free(m->scalar);
}

static const char *const printed = "%0 = input : 4x3\n"
                                   "%1 = variable layer \"1\"\\w : 3x2, 3 entries (50 %)\n"
                                   "%2 = sparse_to_dense(%1, -) : 3x2\n"
                                   "%3 = matmul(%0, %2) : 4x2\n"
                                   "%4 = relu(%3) : 4x2\n"
                                   "%5 = variable w2 : 2x1\n"
                                   "%6 = matmul(%4, %5) : 4x1\n"
                                   "%7 = variable two lines : scalar\n"
                                   "%8 = add(%6, %7) : 4x1\n";

#define DOT_HEAD                                                                                             \
    "digraph tulle {\n"                                                                                      \
    "  node [fontname=\"sans-serif\", fontsize=11, shape=box, style=rounded];\n"                             \
    "  edge [color=gray40];\n"

#define DOT_MODEL                                                                                            \
    "  n0 [label=\"input\\n4x3\", shape=ellipse, style=dashed];\n"                                           \
    "  n1 [label=\"layer \\\"1\\\"\\\\w\\n3x2, 3 entries (50 %)\", style=filled, fillcolor=gold];\n"         \
    "  n2 [label=\"sparse_to_dense\\n3x2\"];\n"                                                              \
    "  n1 -> n2;\n"                                                                                          \
    "  n3 [label=\"matmul\\n4x2\"];\n"                                                                       \
    "  n0 -> n3;\n"                                                                                          \
    "  n2 -> n3;\n"                                                                                          \
    "  n4 [label=\"relu\\n4x2\"];\n"                                                                         \
    "  n3 -> n4;\n"                                                                                          \
    "  n5 [label=\"w2\\n2x1\", style=filled, fillcolor=khaki];\n"                                            \
    "  n6 [label=\"matmul\\n4x1\"];\n"                                                                       \
    "  n4 -> n6;\n"                                                                                          \
    "  n5 -> n6;\n"                                                                                          \
    "  n7 [label=\"two lines\\nscalar\", style=filled, fillcolor=khaki];\n"                                  \
    "  n8 [label=\"add\\n4x1\"];\n"                                                                          \
    "  n6 -> n8;\n"                                                                                          \
    "  n7 -> n8;\n"

START_TEST(text)
{
    model m = begin();
    check_text(tl_graph_print, m.g, printed);
    end(&m);
}
END_TEST

START_TEST(dot)
{
    model m = begin();
    check_text(tl_graph_dot, m.g, DOT_HEAD DOT_MODEL "}\n");
    end(&m);
}
END_TEST

/* Up to where it went wrong, and what went wrong. The error may contain quotes: an op's name, a
 * variable's. */
START_TEST(after_a_failure)
{
    model m = begin();
    tl_matmul(tl_use(m.g, m.dense), tl_input(m.g, TL_SHAPE(2, 6), numbers));
    char *expected = malloc(strlen(printed) + 200);
    strcpy(expected, printed);
    strcat(
        expected,
        "%9 = input : 2x6\n%10 = matmul(%5, %9) : failed\nfailed: matmul: w2 (2x1) times 2x6: 1 is not 2\n");
    check_text(tl_graph_print, m.g, expected);
    check_text(tl_graph_dot, m.g,
               DOT_HEAD DOT_MODEL
               "  n9 [label=\"input\\n2x6\", shape=ellipse, style=dashed];\n"
               "  failed [label=\"matmul: w2 (2x1) times 2x6: 1 is not 2\", shape=note, color=red];\n"
               "  n5 -> failed;\n  n9 -> failed;\n"
               "}\n");
    free(expected);
    tl_graph *other = tl_graph_new();
    tl_graph_reset(m.g);
    tl_embedding_lookup_sparse(tl_input(m.g, TL_SHAPE(2, 6), numbers), NULL, NULL, TL_SUM);
    check_text(tl_graph_print, m.g,
               "%0 = input : 2x6\n%1 = embedding_lookup_sparse(%0, -), combiner = sum, bags = 0 : failed\n"
               "failed: embedding_lookup_sparse: bags: row_ptr is NULL\n");
    tl_graph_reset(m.g);
    tl_add(tl_input(m.g, TL_SHAPE(), numbers), tl_input(other, TL_SHAPE(), numbers));
    tl_graph_free(other);
    check_text(tl_graph_print, m.g,
               "%0 = input : scalar\n%1 = add(%0, ?) : failed\n"
               "failed: add: input 1 (scalar) belongs to another graph\n");
    end(&m);
}
END_TEST

static tl_status row_shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE(y->in[0]->shape.dim[1]));
}

static void no_row(tl_node *y)
{
    static const int32_t row = 7;
    tl_declare_rows(y, 0, 1, &row);
}

/* An op may also fail by what it calls in forward. */
START_TEST(after_a_failure_in_forward)
{
    static const tl_op op = {
        .name = "row", .n_in = 1, .in_kind = { TL_ROWS }, .shape = row_shape, .forward = no_row
    };
    tl_graph *g = tl_graph_new();
    tl_node *in = tl_input(g, TL_SHAPE(4, 3), numbers);
    ck_assert_ptr_null(tl_apply(&op, &in, NULL, 0));
    check_text(tl_graph_print, g,
               "%0 = input : 4x3\n%1 = row(%0) : failed\nfailed: row: rows[0] = 7, 4x3 has 4 rows\n");
    tl_graph_free(g);
}
END_TEST

START_TEST(quotes_in_an_error)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("a \"b\"", TL_SHAPE(1), 1);
    tl_gradients out;
    tl_node *loss = tl_use(g, v);
    tl_backward_for(loss, (tl_variable *[]){ v, v }, 2, &out);
    check_text(tl_graph_dot, g,
               DOT_HEAD "  n0 [label=\"a \\\"b\\\"\\n[1]\", style=filled, fillcolor=khaki];\n"
                        "  failed [label=\"backward: variable a \\\"b\\\" is listed twice, at 0 and 1\", "
                        "shape=note, color=red];\n"
                        "}\n");
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

START_TEST(empty_graph_and_nameless_variable)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense(NULL, TL_SHAPE(2));
    check_text(tl_graph_print, g, "");
    check_text(tl_graph_dot, g, DOT_HEAD "}\n");
    tl_use(g, v);
    check_text(tl_graph_print, g, "%0 = variable  : [2]\n");
    check_text(tl_graph_dot, g, DOT_HEAD "  n0 [label=\"\\n[2]\", style=filled, fillcolor=khaki];\n}\n");
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* Densities of three digits; of nothing, 0 %. */
START_TEST(densities)
{
    static const struct {
        int64_t rows, cols, nnz;
        const char *text;
    } table[] = { { 784, 300, 23520, "%0 = input : 784x300, 23520 entries (10 %)\n" },
                  { 1000, 1000, 1, "%0 = input : 1000x1000, 1 entries (0.0001 %)\n" },
                  { 3, 1, 1, "%0 = input : 3x1, 1 entries (33.3 %)\n" },
                  { 0, 5, 0, "%0 = input : 0x5, 0 entries (0 %)\n" } };
    tl_graph *g = tl_graph_new();
    tl_real *values = calloc(23520, sizeof *values);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++, tl_graph_reset(g)) {
        double cells = (double)(table[i].rows * table[i].cols);
        tl_pattern *p = tl_pattern_random(table[i].rows, table[i].cols,
                                          cells > 0 ? (double)table[i].nnz / cells : 0, 1);
        tl_input_sparse(g, p, values);
        tl_pattern_release(p);
        check_text(tl_graph_print, g, table[i].text);
    }
    free(values);
    tl_graph_free(g);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(null_arguments)
{
    tl_graph *g = tl_graph_new();
    ck_assert_status(tl_graph_print(NULL, stdout), TL_ERR_ARGUMENT, "graph_print: the graph is NULL");
    ck_assert_status(tl_graph_print(g, NULL), TL_ERR_ARGUMENT, "graph_print: the file is NULL");
    ck_assert_status(tl_graph_dot(NULL, stdout), TL_ERR_ARGUMENT, "graph_dot: the graph is NULL");
    ck_assert_status(tl_graph_dot(g, NULL), TL_ERR_ARGUMENT, "graph_dot: the file is NULL");
    tl_graph_free(g);
}
END_TEST

/* A disk that is full: found when the buffer is written, or with every write where there is none. */
START_TEST(write_errors)
{
    model m = begin();
    for (int unbuffered = 0; unbuffered < 2; unbuffered++) {
        FILE *full = fopen("/dev/full", "w");
        ck_assert_ptr_nonnull(full);
        if (unbuffered)
            setvbuf(full, NULL, _IONBF, 0);
        ck_assert_status(tl_graph_print(m.g, full), TL_ERR_IO, "graph_print: No space left on device");
        ck_assert_status(tl_graph_dot(m.g, full), TL_ERR_IO, "graph_dot: No space left on device");
        fclose(full);
    }
    ck_assert_int_eq(tl_graph_status(m.g), TL_OK); /* the graph has not failed */
    end(&m);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("dump");
    TCase *c = tl_test_case(s, "dump");
    tcase_add_test(c, text);
    tcase_add_test(c, dot);
    tcase_add_test(c, after_a_failure);
    tcase_add_test(c, after_a_failure_in_forward);
    tcase_add_test(c, quotes_in_an_error);
    tcase_add_test(c, empty_graph_and_nameless_variable);
    tcase_add_test(c, densities);
    tcase_add_test(c, null_arguments);
    tcase_add_test(c, write_errors);
    return s;
}
