/* softmax_cross_entropy with options: labels to ignore, weights of rows and classes, smoothing, a loss per
 * row. */
#include "check_tulle.h"
#include "tests/ops/softmax_cross_entropy.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    const labelled *of = attr;
    return tl_softmax_cross_entropy_with(in[0], of->labels, &of->with);
}

static tl_shape reference(tl_reference *r)
{
    return tl_test_labelled(r, true);
}

#define IGNORE(label) .ignore = label, .has_ignore = true
#define FOUR_ROWS     TL_VALUES(1, 2, 3, 0.5, -1, 0, 0, 0, 0, -2, 4, 1)

static const tl_sample samples[] = {
    LABELLED_SAMPLES,
    LABELLED_REFUSED(LABELS(0, 3), WITH(IGNORE(4)), TL_ERR_INDEX, "labels[1] = 3, a row has 3 logits", 2, 3),
    LABELLED_REFUSED(LABELS(4, 0, 3), WITH(IGNORE(4), .row_weights = WEIGHTS(1, 0, 1)), TL_ERR_INDEX,
                     "labels[2] = 3, a row has 3 logits", 3, 3),
    LABELLED_REFUSED(NULL, WITH(.per_row = true), TL_ERR_ARGUMENT, "labels is NULL", 2, 3),
    LABELLED_REFUSED(labels3, WITH(.smoothing = -0.5), TL_ERR_ARGUMENT, "the smoothing, -0.5, is not in 0..1",
                     2, 3),
    LABELLED_REFUSED(labels3, WITH(.smoothing = 1.5), TL_ERR_ARGUMENT, "the smoothing, 1.5, is not in 0..1",
                     2, 3),
    LABELLED_REFUSED(labels3, WITH(.smoothing = NAN), TL_ERR_ARGUMENT, NULL, 2, 3),
    /* a class beyond a strip, of another weight */
    LABELLED(labels3, WITH(.smoothing = 0.25, .class_weights = row_weights300), 1, 257),
    /* PyTorch's cross_entropy, here and where a source is not given: the mean is over what counts */
    LABELLED_EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(-100, 1), WITH(IGNORE(-100)),
                     TL_VALUES(2.67164469196767), TL_VALUES(1), TL_VALUES(0, 0, SIGMOID_2_6, -SIGMOID_2_6)),
    LABELLED_EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(-100, 1), WITH(IGNORE(-100), .smoothing = 0.1),
                     TL_VALUES(2.54164469196767), TL_VALUES(1),
                     TL_VALUES(0, 0, 0.8808615796566532, -0.8808615796566532)),
    LABELLED_EXAMPLE(
        2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(-100, 1),
        WITH(IGNORE(-100), .smoothing = 0.1, .class_weights = WEIGHTS((tl_real)0.2, (tl_real)0.3)),
        TL_VALUES(2.540450613768209), TL_VALUES(1), TL_VALUES(0, 0, 0.8820138866623757, -0.8820138866623757)),
    LABELLED_EXAMPLE(4, 3, FOUR_ROWS, LABELS(2, 0, 1, 0),
                     WITH(.smoothing = 0.25, .class_weights = class_weights3, IGNORE(1)),
                     TL_VALUES(1.9219803522132755), TL_VALUES(2.25), /* the sum of the weights */
                     TL_VALUES(0.07087154979630889, 0.1392439221518304, -0.2101154719481395,
                               -0.04091396292116819, -0.08282490570372808, 0.12373886862489625, 0, 0, 0,
                               -0.415047168923619, 0.48668535387528167, -0.07163818495166262)),
    LABELLED_EXAMPLE(4, 3, FOUR_ROWS, LABELS(2, 0, 1, 0),
                     WITH(.smoothing = 0.25, .class_weights = class_weights3, IGNORE(1), .per_row = true),
                     TL_VALUES(0.7595074555554755, 0.7174231245023341, 0, 2.8475252124220614),
                     TL_VALUES(1, 2, 3, -1),
                     TL_VALUES(0.07087154979630889, 0.1392439221518304, -0.2101154719481395,
                               -0.08182792584233638, -0.16564981140745616, 0.2474777372497925, 0, 0, 0,
                               0.415047168923619, -0.48668535387528167, 0.07163818495166262)),
    /* a label whose class has weight 0 leaves the row its share of smoothing */
    LABELLED_EXAMPLE(
        4, 3, FOUR_ROWS, LABELS(2, 0, 1, 0), WITH(.smoothing = 0.25, .class_weights = WEIGHTS(0, 2, 1.25f)),
        TL_VALUES(1.0451229696778195), TL_VALUES(1),
        TL_VALUES(0.03347290540950042, 0.03970673923832221, -0.07317964464782269, 0.04554578227218163,
                  -0.041119413589573876, -0.0044263686826077585, 0.18162393162393164, -0.33119658119658124,
                  0.1495726495726496, 0.00019630275673305673, 0.027912133026063667, -0.02810843578279671)),
    /* not looked at: a row that is ignored, one of weight 0, without smoothing one whose label's class has
     * weight 0, and an excluded class of weight 0 */
    LABELLED_EXAMPLE(2, 2, TL_VALUES(NAN, INFINITY, 3, 0.4), LABELS(7, 1), WITH(IGNORE(7), .smoothing = 0.1),
                     TL_VALUES(2.54164469196767), TL_VALUES(1),
                     TL_VALUES(0, 0, 0.8808615796566532, -0.8808615796566532)),
    LABELLED_EXAMPLE(2, 2, TL_VALUES(NAN, INFINITY, 3, 0.4), LABELS(INT32_MAX, 1),
                     WITH(.row_weights = WEIGHTS(0, 3), .smoothing = 0.1), TL_VALUES(2.54164469196767),
                     TL_VALUES(1), TL_VALUES(0, 0, 0.8808615796566532, -0.8808615796566532)),
    LABELLED_EXAMPLE(2, 2, TL_VALUES(NAN, INFINITY, 3, 0.4), LABELS(0, 1),
                     WITH(.class_weights = WEIGHTS(0, 3)), TL_VALUES(2.67164469196767), TL_VALUES(1),
                     TL_VALUES(0, 0, SIGMOID_2_6, -SIGMOID_2_6)),
    LABELLED_EXAMPLE(1, 3, TL_VALUES(0, -INFINITY, 0), LABELS(0),
                     WITH(.class_weights = WEIGHTS(1, 0, 1), .smoothing = 0.75), TL_VALUES(0.75 * LOG_2),
                     TL_VALUES(4), TL_VALUES(-0.5, 0, 0.5)),
    LABELLED_EXAMPLE(1, 2, TL_VALUES(0, -INFINITY), LABELS(0), WITH(.smoothing = 0.5), TL_VALUES(INFINITY),
                     TL_VALUES(4), TL_VALUES(1, -1)),
    /* where dY is 0, so is the gradient */
    LABELLED_EXAMPLE(2, 2, TL_VALUES(NAN, 2, 3, 0.4), LABELS(0, 1), WITH(.per_row = true),
                     TL_VALUES(NAN, 2.67164469196767), TL_VALUES(0, 1),
                     TL_VALUES(0, 0, SIGMOID_2_6, -SIGMOID_2_6)),
    /* all ignored: 0 */
    LABELLED_EXAMPLE(2, 2, TL_VALUES(1, NAN, 3, 0.4), LABELS(9, 9), WITH(IGNORE(9)), TL_VALUES(0),
                     TL_VALUES(1), TL_VALUES(0, 0, 0, 0)),
    LABELLED_EXAMPLE(2, 2, TL_VALUES(1, NAN, 3, 0.4), LABELS(9, 9), WITH(IGNORE(9), .per_row = true),
                     TL_VALUES(0, 0), TL_VALUES(1, 1), TL_VALUES(0, 0, 0, 0))
};

static const tl_op_case options = {
    .name = "softmax_cross_entropy",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 8,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; rows have labels */
};

/* Losses beyond the range whose share of the loss of a row, or of all rows that are not ignored, is not:
 * -log softmax is 0 and 2 `huge`. */
START_TEST(shares_beyond_the_range)
{
    const tl_real huge = TL_IS_DOUBLE ? (tl_real)1.7e308 : (tl_real)3.3e38;
    const tl_real x[] = { NAN, NAN, NAN, NAN, huge, -huge, huge, -huge, huge, -huge, huge, -huge };
    const tl_cross_entropy_options smooth = { .smoothing = 0.5, IGNORE(2) },
                                   alone = { .row_weights = WEIGHTS(0, 0.5), .per_row = true };
    tl_graph *g = tl_graph_new();
    tl_node *all = tl_input(g, TL_SHAPE(6, 2), x), *two = tl_input(g, TL_SHAPE(2, 2), x + 2);
    const tl_real *y = tl_value(tl_softmax_cross_entropy_with(all, LABELS(2, 2, 0, 0, 0, 1), &smooth));
    ck_assert_values(y, 1, TL_NEAR, 0.75 * (double)huge);
    y = tl_value(tl_softmax_cross_entropy_with(two, LABELS(1, 1), &alone));
    ck_assert_values(y, 2, TL_NEAR, 0, (double)huge);
    tl_graph_free(g);
}
END_TEST

void tl_test_add_options(Suite *s)
{
    tl_test_fill_labelled();
    tl_suite_add_op(s, &options);
    TCase *c = tl_test_case(s, "options");
    tcase_add_test(c, shares_beyond_the_range);
}
