/* nll: mean over rows of -X(i, labels[i]), with the options of a cross entropy or without */
#include "check_tulle.h"
#include "tests/ops/labelled.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    const labelled *of = attr;
    return tl_nll_with(in[0], of->labels, &of->with);
}

static tl_node *plain(tl_node *const *in, const void *attr)
{
    return tl_nll(in[0], ((const labelled *)attr)->labels);
}

static tl_shape reference(tl_reference *r)
{
    return tl_test_labelled(r, false);
}

static const int32_t zeros[9000] = { 0 };

#define FOUR_ROWS TL_VALUES(1, 2, 3, 0.5, -1, 0, 0, 0, 0, -2, 4, 1)

static const tl_sample samples[] = {
    LABELLED_SAMPLES,
    LABELLED(zeros, WITH(0), 9000, 1),
    LABELLED_REFUSED(LABELS(0, 3), WITH(0), TL_ERR_INDEX, "labels[1] = 3, a row has 3 log-probabilities", 2,
                     3),
    LABELLED_REFUSED(LABELS(-2, 3), WITH(.ignore = -1, .has_ignore = true), TL_ERR_INDEX,
                     "labels[0] = -2, a row has 3 log-probabilities", 2, 3),
    LABELLED_REFUSED(NULL, WITH(0), TL_ERR_ARGUMENT, "labels is NULL", 2, 3),
    LABELLED_REFUSED(LABELS(0, 1), WITH(.smoothing = 2), TL_ERR_ARGUMENT, "the smoothing, 2, is not in 0..1",
                     2, 3),
    { .in = { TL_SCALAR_OPERAND },
      .attr = &(const labelled){ labels3, WITH(0) },
      .status = TL_ERR_SHAPE,
      .error = "the log-probabilities are a (scalar), and must have rank 1 or more" },
    /* by hand, with the weights of the labels 1.25, 0.5, 2, 0.5 */
    LABELLED_EXAMPLE(4, 3, FOUR_ROWS, LABELS(2, 0, 1, 0), WITH(0), TL_VALUES(-0.375), TL_VALUES(4),
                     TL_VALUES(0, 0, -1, -1, 0, 0, 0, -1, 0, -1, 0, 0)),
    LABELLED_EXAMPLE(4, 3, FOUR_ROWS, LABELS(2, 0, 1, 0), WITH(.class_weights = class_weights3),
                     TL_VALUES(-3 / 4.25), TL_VALUES(4.25),
                     TL_VALUES(0, 0, -1.25, -0.5, 0, 0, 0, -2, 0, -0.5, 0, 0)),
    LABELLED_EXAMPLE(4, 3, FOUR_ROWS, LABELS(2, 0, 1, 0), WITH(.per_row = true), TL_VALUES(-3, -0.5, 0, 2),
                     TL_VALUES(1, 2, 3, -1), TL_VALUES(0, 0, -1, -2, 0, 0, 0, -3, 0, 1, 0, 0)),
    LABELLED_EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.5), LABELS(0, 1), WITH(.smoothing = 0.5),
                     TL_VALUES((-1.25 - 1.125) / 2), TL_VALUES(2), TL_VALUES(-0.75, -0.25, -0.25, -0.75)),
    /* rows that are ignored or of weight 0 are not looked at, nor are classes of weight 0 */
    LABELLED_EXAMPLE(3, 2, TL_VALUES(NAN, 1, -1, -2, -INFINITY, NAN), LABELS(7, 1, -100),
                     WITH(.row_weights = WEIGHTS(0, 1, 1), .ignore = -100, .has_ignore = true), TL_VALUES(2),
                     TL_VALUES(1), TL_VALUES(0, 0, 0, -1, 0, 0)),
    LABELLED_EXAMPLE(1, 3, TL_VALUES(-INFINITY, -1, NAN), LABELS(1),
                     WITH(.smoothing = 0.75, .class_weights = WEIGHTS(0, 2, 0)), TL_VALUES(0.5), TL_VALUES(4),
                     TL_VALUES(0, -2, 0)),
    LABELLED_EXAMPLE(1, 2, TL_VALUES(-INFINITY, 0), LABELS(0), WITH(0), TL_VALUES(INFINITY), TL_VALUES(1),
                     TL_VALUES(-1, 0)),
    LABELLED_EXAMPLE(1, 2, TL_VALUES(-INFINITY, -1), LABELS(1), WITH(0), TL_VALUES(1), TL_VALUES(1),
                     TL_VALUES(0, -1)),
    /* all ignored, and weights that sum to 0 */
    LABELLED_EXAMPLE(2, 2, TL_VALUES(1, 2, 3, NAN), LABELS(1, 1), WITH(.ignore = 1, .has_ignore = true),
                     TL_VALUES(0), TL_VALUES(1), TL_VALUES(0, 0, 0, 0)),
    LABELLED_EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 4), LABELS(1, 1), WITH(.row_weights = WEIGHTS(1, -1)),
                     TL_VALUES(0), TL_VALUES(1), TL_VALUES(0, 0, 0, 0))
};

static const tl_sample plain_samples[] = { LABELLED(labels3, WITH(0), 4, 3),
                                           LABELLED(labels300, WITH(0), 300, 63) };

#define CASE(its_op, its_samples)                                                                            \
    {                                                                                                        \
        .name = "nll", .n_in = 1, .op = its_op, .reference = reference, .sample = its_samples,               \
        .n_samples = sizeof its_samples / sizeof *its_samples, .ulps = 8,                                    \
        .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE) /* one input; rows have labels */         \
    }
static const tl_op_case nll_with = CASE(op, samples), nll = CASE(plain, plain_samples);

/* The loss of a row that is not looked at, or whose label has the probability 1, is not -0. */
START_TEST(zero_per_row)
{
    const tl_real x[] = { 3, 1, 0, 2 };
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_nll_with(tl_input(g, TL_SHAPE(2, 2), x), LABELS(9, 0),
                             &(tl_cross_entropy_options){ .ignore = 9, .has_ignore = true, .per_row = true });
    for (int k = 0; k < 2; k++)
        ck_assert(tl_value(y)[k] == 0 && !signbit(tl_value(y)[k]));
    tl_graph_free(g);
}
END_TEST

/* Ten tenths are less than 1 in double. */
START_TEST(mean_of_equal_losses)
{
    const tl_real x[] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    tl_graph *g = tl_graph_new();
    ck_assert_values(tl_value(tl_nll(tl_input(g, TL_SHAPE(10, 1), x), zeros)), 1, 0, 1);
    tl_graph_free(g);
}
END_TEST

/* A mean that is a number although the sum is none. By hand, with smoothing: the rows weigh 4, 2, 0 and 2,
 * their classes (0.25, 0.5, 2), (1, 1, 2), nothing and (0.25, 1, 1), and their losses are 1, 3, 0 and 1.5
 * huge. */
START_TEST(sum_overflows)
{
    const tl_real huge = TL_IS_DOUBLE ? (tl_real)1.7e308 : (tl_real)3.3e38, half = huge / 2,
                  quarter = huge / 4;
    const tl_real x[] = { -huge, -half, -quarter, -half, -huge, -half - quarter,
                          NAN,   NAN,   NAN,      -huge, -huge, -quarter };
    const tl_real same[] = { -huge, -huge, -huge, -huge };
    const tl_cross_entropy_options o = { .row_weights = WEIGHTS(1, 2, 5, 1),
                                         .class_weights = WEIGHTS(1, 2, 4),
                                         .smoothing = 0.75,
                                         .ignore = 9,
                                         .has_ignore = true };
    tl_graph *g = tl_graph_new();
    ck_assert_values(tl_value(tl_nll(tl_input(g, TL_SHAPE(2, 2), same), LABELS(0, 1))), 1, TL_NEAR,
                     (double)huge);
    ck_assert_values(tl_value(tl_nll_with(tl_input(g, TL_SHAPE(4, 3), x), LABELS(2, 0, 9, 1), &o)), 1,
                     TL_NEAR, 5.5 / 8 * (double)huge);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    tl_test_fill_labelled();
    Suite *s = tl_op_suite(&nll_with);
    tl_suite_add_op(s, &nll);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, zero_per_row);
    tcase_add_test(c, mean_of_equal_losses);
    tcase_add_test(c, sum_overflows);
    return s;
}
