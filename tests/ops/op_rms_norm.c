/* rms_norm: rows whose mean of squares is 1, times a gain */
#include "tests/ops/norm.h"

static const double tenth = 0.1, small = 1e-5, none = 0, infinite = INFINITY;

static tl_node *op(tl_node *const *in, const void *epsilon)
{
    return tl_rms_norm(in[0], in[1], *(const double *)epsilon);
}

static tl_shape reference(tl_reference *r)
{
    return normalise_rows(r, *(const double *)r->attr, false);
}

#define VECTOR(n) TL_DENSE_OPERAND(n)
#define ROWS(its_epsilon, gain, ...)                                                                         \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), gain }, .attr = &its_epsilon                                  \
    }
#define REFUSED(a, gain, its_epsilon, its_status, text)                                                      \
    {                                                                                                        \
        .in = { a, gain }, .attr = &its_epsilon, .status = its_status, .error = text                         \
    }

static const tl_sample samples[] = {
    ROWS(tenth, VECTOR(5), 3, 5),
    ROWS(tenth, TL_ABSENT_OPERAND, 3, 5),
    ROWS(tenth, VECTOR(4), 2, 3, 4),
    ROWS(tenth, VECTOR(5), 2, 1, 3, 5),
    ROWS(tenth, VECTOR(1), 3, 1),
    ROWS(tenth, VECTOR(65), 1, 65),
    ROWS(tenth, VECTOR(3), 0, 3),
    ROWS(tenth, VECTOR(0), 3, 0),
    ROWS(small, VECTOR(130), 300, 130),
    ROWS(small, VECTOR(1030), 20, 1030),
    REFUSED(TL_SCALAR_OPERAND, TL_ABSENT_OPERAND, tenth, TL_ERR_SHAPE, "a (scalar) has no rows"),
    REFUSED(TL_DENSE_OPERAND(3, 4), VECTOR(3), tenth, TL_ERR_SHAPE, "the gain is b [3], and must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, infinite, TL_ERR_ARGUMENT,
            "epsilon is inf, and must be 0 or a positive number"),
    /* by hand; a row of zeros stays one, without an epsilon, too */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1, 7, 0, 0) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(2, 3) } },
      .attr = &none,
      .y = TL_VALUES(0.4, 4.2, 0, 0),
      .upstream = TL_VALUES(1, 0, 1, 1),
      .gradient = { NULL, TL_VALUES(0.2, 0) },
      .tolerance = TL_NEAR },
};

static const tl_op_case rms_norm = {
    .name = "rms_norm",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 16,
    .skip = TL_SKIP(TL_STAGE_SHARED), /* the operands have different shapes but in the next case */
};

/* A vector is one row, and may be its own gain. */
static const tl_sample of_vector[] = {
    ROWS(tenth, VECTOR(7), 7),
};

static const tl_op_case rms_norm_of_vector = {
    .name = "rms_norm",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = of_vector,
    .n_samples = 1,
    .ulps = 16,
    .skip = ~(TL_SKIP(TL_STAGE_VALUE) | TL_SKIP(TL_STAGE_GRADIENT) | TL_SKIP(TL_STAGE_SHARED)),
};

START_TEST(nothing_to_normalise)
{
    const tl_real gain[3] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3), gain);
    ck_assert_refused(g, tl_rms_norm(NULL, a, 0), TL_ERR_ARGUMENT, "rms_norm: input 0 is NULL");
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&rms_norm);
    tl_suite_add_op(s, &rms_norm_of_vector);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, nothing_to_normalise);
    return s;
}
