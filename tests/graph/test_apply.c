/* What tl_apply checks of an op and its inputs, and how an op is refused. */
#include "tests/graph/probe.h"

static void backward(tl_node *y)
{
    (void)y;
}

/* ---- What is checked ---- */

START_TEST(kinds)
{
    static const tl_op probe = { .name = "probe",
                                 .n_in = 3,
                                 .in_kind = { TL_DENSE, TL_SPARSE, TL_ROWS },
                                 .shape = shape,
                                 .forward = forward };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    seen.shapes = 0;
    for (int wrong = 0; wrong < 4; wrong++) { /* which input has the other kind; 3: none */
        tl_node *d = tl_input(g, TL_SHAPE(3, 2), numbers), *s = tl_input_sparse(g, p, numbers);
        tl_node *in[] = { wrong == 0 ? s : d, wrong == 1 ? d : s, wrong == 2 ? s : d };
        static const char *const text[] = { "probe: input 0 (3x4) is sparse, and must be dense",
                                            "probe: input 1 (3x2) is dense, and must be sparse",
                                            "probe: input 2 (3x4) is sparse, and must be dense" };
        if (wrong < 3)
            ck_assert_refused(g, tl_apply(&probe, in, NULL, 0), TL_ERR_KIND, text[wrong]);
        else
            ck_assert_ptr_nonnull(tl_apply(&probe, in, NULL, 0));
        ck_assert_int_eq(seen.shapes, wrong == 3);
    }
    tl_pattern_release(p);
    tl_graph_free(g);
}
END_TEST

/* A sum of vectors: an op with a list of inputs. Input i's gradient is i + 1 times dY, so that a mixed-up
 * list shows. */
static tl_status list_shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE(2));
}

static void list_forward(tl_node *y)
{
    y->out[0] = y->out[1] = 0;
    for (int32_t i = 0; i < y->n_in; i++)
        for (int64_t k = 0; k < 2; k++)
            y->out[k] += (tl_real)(i + 1) * y->in[i]->val[k];
}

static void list_backward(tl_node *y)
{
    for (int32_t i = 0; i < y->n_in; i++)
        for (int64_t k = 0; y->in[i]->grad && k < 2; k++)
            y->in[i]->grad[k] = (y->in[i]->overwrite ? 0 : y->in[i]->grad[k]) + (tl_real)(i + 1) * y->grad[k];
}

static const tl_op list_op = { .name = "list",
                               .min_in = 2,
                               .max_in = 40,
                               .shape = list_shape,
                               .forward = list_forward,
                               .backward = list_backward,
                               .can_overwrite = 1 << 1 };

static tl_node *list_of_40(tl_graph *g, void *context)
{
    tl_node *in[40];
    for (int i = 0; i < 40; i++)
        in[i] = i == 7 ? tl_input(g, TL_SHAPE(2), numbers) : tl_use(g, ((tl_variable **)context)[i % 3]);
    return tl_apply_list(&list_op, 40, in, NULL, 0);
}

START_TEST(lists)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(2), 1), tl_test_dense("b", TL_SHAPE(2), 2),
                         tl_test_dense("c", TL_SHAPE(2), 3) };
    ck_assert_ok(tl_gradcheck(list_of_40, v, v, 3, NULL));
    tl_node *in[41];
    for (int i = 0; i < 41; i++)
        in[i] = tl_use(g, v[0]);
    ck_assert_ptr_nonnull(tl_apply(&list_op, in, NULL, 0)); /* of the least number */
    ck_assert_refused(g, tl_apply_list(&list_op, 1, in, NULL, 0), TL_ERR_ARGUMENT,
                      "list: 1 inputs, of 2 or more");
    for (int i = 0; i < 41; i++)
        in[i] = tl_use(g, v[0]);
    ck_assert_refused(g, tl_apply_list(&list_op, 41, in, NULL, 0), TL_ERR_ARGUMENT,
                      "list: 41 inputs, of at most 40");
    ck_assert_null(tl_apply_list(&list_op, 0, in, NULL, 0), "list: 0 inputs");
    static const tl_op two = { .name = "two", .n_in = 2, .shape = list_shape, .forward = list_forward };
    for (int i = 0; i < 40; i++)
        in[i] = tl_input(g, TL_SHAPE(2), numbers);
    ck_assert_refused(g, tl_apply_list(&two, 3, in, NULL, 0), TL_ERR_ARGUMENT, "two: 3 inputs, not 2");
    for (int i = 0; i < 40; i++)
        in[i] = i == 39 ? NULL : tl_input(g, TL_SHAPE(2), numbers);
    ck_assert_refused(g, tl_apply_list(&list_op, 40, in, NULL, 0), TL_ERR_ARGUMENT, "list: input 39 is NULL");
    tl_graph_free(g);
    for (int i = 0; i < 3; i++)
        tl_variable_free(v[i]);
}
END_TEST

/* All inputs of a list after the first min_in are of the last one's kind; an op on values takes both. */
START_TEST(kinds_of_lists)
{
    static const tl_op sparse = { .name = "sparse",
                                  .min_in = 2,
                                  .max_in = INT32_MAX,
                                  .in_kind = { TL_ANY, TL_SPARSE },
                                  .shape = shape,
                                  .forward = forward,
                                  .no_gradient = 1 << 1 };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    tl_node *s = tl_input_sparse(g, p, numbers), *d = tl_input(g, TL_SHAPE(2), numbers);
    ck_assert_ptr_nonnull(tl_apply_list(&sparse, 4, (tl_node *[]){ s, s, s, s }, NULL, 0));
    ck_assert_ptr_nonnull(tl_apply_list(&sparse, 4, (tl_node *[]){ d, s, s, s }, NULL, 0));
    ck_assert_refused(g, tl_apply_list(&sparse, 4, (tl_node *[]){ d, s, s, d }, NULL, 0), TL_ERR_KIND,
                      "sparse: input 3 ([2]) is dense, and must be sparse");
    tl_pattern_release(p);
    tl_graph_free(g);
}
END_TEST

START_TEST(optional_inputs)
{
    static const tl_op probe = {
        .name = "probe", .n_in = 4, .n_optional = 2, .shape = shape, .forward = forward
    };
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3), numbers), *b = tl_input(g, TL_SHAPE(4), numbers);
    seen.shapes = 0;
    ck_assert_ptr_nonnull(tl_apply(&probe, (tl_node *[]){ a, b, NULL, NULL }, NULL, 0));
    ck_assert_ptr_null(seen.in[2]);
    ck_assert_ptr_nonnull(tl_apply(&probe, (tl_node *[]){ a, b, NULL, a }, NULL, 0));
    ck_assert_ptr_null(seen.in[2]);
    ck_assert_ptr_eq(seen.in[3], a);
    ck_assert_refused(g, tl_apply(&probe, (tl_node *[]){ a, NULL, a, a }, NULL, 0), TL_ERR_ARGUMENT,
                      "probe: input 1 is NULL");
    a = tl_input(g, TL_SHAPE(3), numbers);
    ck_assert_refused(g, tl_apply(&probe, (tl_node *[]){ NULL, NULL, NULL, a }, NULL, 0), TL_ERR_ARGUMENT,
                      "probe: input 0 is NULL");
    ck_assert_int_eq(seen.shapes, 2);
    ck_assert_ptr_null(tl_apply(&probe, (tl_node *[]){ NULL, NULL, NULL, NULL }, NULL, 0));
    tl_graph_free(g);
}
END_TEST

/* An op without a gradient takes constants, and refuses whatever depends on a variable, however far away. */
START_TEST(without_gradient)
{
    static const tl_op none = { .name = "none", .n_in = 2, .shape = shape, .forward = forward };
    static const tl_op second = { .name = "second",
                                  .n_in = 2,
                                  .shape = shape,
                                  .forward = forward,
                                  .backward = backward,
                                  .no_gradient = 1u << 1 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_node *x = tl_input(g, TL_SHAPE(3), numbers);
    ck_assert_ptr_nonnull(tl_apply(&none, (tl_node *[]){ x, x }, NULL, 0));
    ck_assert_refused(g, tl_apply(&none, (tl_node *[]){ tl_use(g, v), x }, NULL, 0), TL_ERR_ARGUMENT,
                      "none: input 0 (v, [3]) requires a gradient, and the op has none for it");
    x = tl_input(g, TL_SHAPE(3), numbers);
    tl_node *y = tl_apply(&second, (tl_node *[]){ tl_use(g, v), x }, NULL, 0);
    ck_assert_ptr_nonnull(y);
    ck_assert_refused(g, tl_apply(&second, (tl_node *[]){ x, tl_scale(tl_relu(y), 2) }, NULL, 0),
                      TL_ERR_ARGUMENT,
                      "second: input 1 ([2]) requires a gradient, and the op has none for it");
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* A name is shortened where it does not fit beside its shape: between characters, never the shape. */
START_TEST(node_text)
{
#define TEN      "0123456789"
#define BIG_TEXT "576460752303423488"
    const struct {
        const char *name;
        tl_shape shape;
        const char *text;
    } table[] = {
        { "w1", TL_SHAPE(3, 4), "w1 (3x4)" },
        { "b", TL_SHAPE(5), "b [5]" },
        { "c", TL_SHAPE(), "c (scalar)" },
        { NULL, TL_SHAPE(3, 4), "3x4" },
        { NULL, TL_SHAPE(5), "[5]" },
        /* with " (3x4)" a name of 89 bytes fits; a longer one is cut to 86, or less, and the dots */
        { TEN TEN TEN TEN TEN TEN TEN TEN "012345678", TL_SHAPE(3, 4),
          TEN TEN TEN TEN TEN TEN TEN TEN "012345678 (3x4)" },
        { TEN TEN TEN TEN TEN TEN TEN TEN TEN "01", TL_SHAPE(3, 4),
          TEN TEN TEN TEN TEN TEN TEN TEN "012345... (3x4)" },
        { TEN TEN TEN TEN TEN TEN TEN TEN "01234"
                                          "\xc3\xa9"
                                          "89012345",
          TL_SHAPE(3, 4), TEN TEN TEN TEN TEN TEN TEN TEN "01234... (3x4)" },
        { TEN TEN TEN TEN TEN TEN TEN, TL_SHAPE((int64_t)1 << 59, 0, 1, 1),
          TEN TEN TEN TEN TEN TEN "01234... (" BIG_TEXT "x0x1x1)" },
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        tl_graph *g = tl_graph_new();
        tl_variable *v = tl_variable_dense(table[k].name, table[k].shape);
        ck_assert_str_eq(tl_node_text(tl_use(g, v)).text, table[k].text);
        tl_variable_free(v);
        tl_graph_free(g);
    }
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_node *x = tl_use(g, v);
    ck_assert_str_eq(tl_node_text(tl_relu(x)).text, "[3]"); /* a result has no name */
    ck_assert_str_eq(tl_node_text(NULL).text, "NULL");
    tl_variable_free(v);
    tl_graph_free(g);
}
END_TEST

/* A composition fails in its graph, once; before a graph, or after a failure, it does nothing. */
START_TEST(refusal_of_a_composition)
{
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3), numbers);
    tl_fail(TL_ERR_IO, "before");
    ck_assert_ptr_null(tl_refuse(NULL, "pair", TL_ERR_SHAPE, "%s", "nothing"));
    ck_assert_str_eq(tl_error(), "before");
    ck_assert_ptr_null(tl_refuse(a, "pair", TL_ERR_KIND, "%s is %d%%", tl_node_text(a).text, 7));
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_KIND);
    ck_assert_str_eq(tl_graph_error(g), "pair: [3] is 7%");
    ck_assert_str_eq(tl_error(), "pair: [3] is 7%");
    ck_assert_ptr_null(tl_refuse(a, "other", TL_ERR_SHAPE, "later"));
    ck_assert_str_eq(tl_graph_error(g), "pair: [3] is 7%");
    ck_assert_ptr_null(tl_relu(a));
    tl_graph_reset(g);
    ck_assert_ptr_nonnull(tl_relu(tl_input(g, TL_SHAPE(3), numbers)));
    tl_graph_free(g);
}
END_TEST

static tl_status refuse(tl_node *y)
{
    seen.shapes++;
    return tl_fail(TL_ERR_INDEX, "%s is not to my taste", tl_shape_text(y->in[0]->shape).text);
}

/* A refused op is not run and not on the tape; nothing after it is even asked. */
START_TEST(refused_by_shape)
{
    static const tl_op picky = { .name = "picky", .n_in = 1, .shape = refuse, .forward = forward };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(3, 4), numbers);
    seen = (struct seen){ 0 };
    ck_assert_ptr_null(tl_apply(&picky, &x, NULL, 0));
    ck_assert_ptr_null(tl_apply(&picky, &x, NULL, 0));
    ck_assert_int_eq(seen.shapes, 1);
    ck_assert_int_eq(seen.forwards, 0);
    ck_assert_ptr_null(x->after);
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_INDEX);
    ck_assert_str_eq(tl_graph_error(g), "picky: 3x4 is not to my taste");
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("apply");
    TCase *c = tl_test_case(s, "apply");
    tcase_add_test(c, kinds);
    tcase_add_test(c, optional_inputs);
    tcase_add_test(c, lists);
    tcase_add_test(c, kinds_of_lists);
    tcase_add_test(c, without_gradient);
    tcase_add_test(c, refused_by_shape);
    tcase_add_test(c, node_text);
    tcase_add_test(c, refusal_of_a_composition);
    return s;
}
