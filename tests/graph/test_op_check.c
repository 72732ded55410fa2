/* The test kit for ops, on ops with a fault each: the stage that is to find it is the first that does. */
#include "tests/graph/faulty_pairs.h"

/* ---- The faults ---- */

static const struct {
    int fault;
    const tl_unary_case *unary;
    const tl_binary_case *binary;
    const tl_op_case *op;
    tl_stage stage;
    const char *text; /* a part of the report */
} faults[] = {
    { TAKES_NULL, NULL, NULL, &product_case, TL_STAGE_NULL,
      "product: null: input 1 that is NULL is accepted" },
    { TAKES_SHAPES, NULL, NULL, &product_case, TL_STAGE_ERRORS,
      "product: errors of sample 3 (3x2, 2x3): accepted, and not refused with TL_ERR_SHAPE" },
    { FLAT, &soft_case, NULL, NULL, TL_STAGE_SHAPE, "soft: shape of scalar: the result is [1], not scalar" },
    { NAIVE, &soft_case, NULL, NULL, TL_STAGE_VALUE, "soft: value of " },
    { UNWRITTEN, &soft_case, NULL, NULL, TL_STAGE_VALUE, "nan, not " },
    { CHANGES_INPUT, &soft_case, NULL, NULL, TL_STAGE_VALUE,
      "soft: value of [63]: the op changes its input 0" },
    { OVERFLOWS, &soft_case, NULL, NULL, TL_STAGE_SPECIAL, "soft: special of [20]: y[2] is inf, not 10000" },
    { MINUS_ZERO, &soft_case, NULL, NULL, TL_STAGE_SPECIAL, "soft: special of [20]: y[0] is -0, not 0" },
    { WRONG_KINK, &soft_case, NULL, NULL, TL_STAGE_SPECIAL,
      "soft: special of [5]: the gradient of a[0] is 0, not 0.5" },
    { BOTH_AT_TIES, NULL, &maximum_case, NULL, TL_STAGE_SPECIAL,
      "maximum: special of [10], [10]: the gradient of a[0] is 1, not 0.5" },
    { WRONG_SIGN, &soft_case, NULL, NULL, TL_STAGE_GRADIENT, ": gradcheck: a[0]: analytic" },
    { NO_UPSTREAM, &soft_case, NULL, NULL, TL_STAGE_GRADIENT, ": gradcheck: a[0]: analytic" },
    { LAST_GRADIENT, &soft_case, NULL, NULL, TL_STAGE_GRADIENT, ": gradcheck: a[62]: analytic 0," },
    { ASSIGNS, &soft_case, NULL, NULL, TL_STAGE_GRADIENT, "with gradients already present" },
    { NEEDS_FIRST, NULL, NULL, &product_case, TL_STAGE_GRADIENT, "gradcheck: b[0]: analytic 0, numeric" },
    { ROUNDS, NULL, NULL, &product_case, TL_STAGE_GRADIENT,
      "product: gradient of sample 0 (3x2, 3x2): the gradient of a[0] is " },
    { BY_COLUMN, NULL, &maximum_case, NULL, TL_STAGE_GRADIENT, "maximum: gradient of 3x5, " },
    { HALF_TANGENT, &soft_case, NULL, NULL, TL_STAGE_GRADIENT, "gradcheck: " },
    { CONSTANT_TANGENT, &soft_case, NULL, NULL, TL_STAGE_SECOND_ORDER,
      "the gradient of the derivative: gradcheck: " },
    { NO_TANGENT, &soft_case, NULL, NULL, TL_STAGE_SECOND_ORDER,
      "no derivative: soft: the op has no tangent" },
    { ONLY_VARIABLES, NULL, NULL, &product_case, TL_STAGE_CONSTANTS,
      "with constants: gradcheck: a[0]: analytic 0," },
    { LOSES_SHARED, NULL, NULL, &product_case, TL_STAGE_SHARED, "one variable twice: gradcheck: a[0]" },
    { ASSIGNS_TO_RESULTS, &soft_case, NULL, NULL, TL_STAGE_REUSED,
      "soft: reused of scalar: inputs read after it: gradcheck: a[0]" },
    { REFUSES_EMPTY, &soft_case, NULL, NULL, TL_STAGE_SHAPE,
      "soft: shape of [0]: refused: soft: no elements" },
    { DIVIDES_BY_ZERO, NULL, NULL, &mean_case, TL_STAGE_EMPTY, "mean: empty of 3x0: y[" },
    { BY_THREADS, &soft_case, NULL, NULL, TL_STAGE_THREADS,
      "soft: threads of scalar: y[0] differs on 7 threads" },
    { BY_PLACE, &soft_case, NULL, NULL, TL_STAGE_PLACE, "differs without the first 1 rows" },
    { WRONG_STATUS, &soft_case, NULL, NULL, TL_STAGE_MEMORY, "fails, and the status is TL_ERR_ARGUMENT" },
    { LEAKS, &soft_case, NULL, NULL, TL_STAGE_MEMORY, "blocks are left" },
    { FORGETS_MEMORY, &soft_case, NULL, NULL, TL_STAGE_MEMORY, "y[0] differs after a failed allocation" },
    { ALLOCATES, &soft_case, NULL, NULL, TL_STAGE_STEADY, "soft: steady of scalar: step 2 allocates" },
    { READS_RECYCLED, &same_case, NULL, NULL, TL_STAGE_MINIMIZE,
      "same: minimize of [1500]: tl_minimize steps a[0] to" },
    { READS_EARLY, &soft_case, NULL, NULL, TL_STAGE_INFERENCE,
      "soft: inference of scalar: y[0] differs on a graph for inference" },
    { READS_RESULT, &soft_case, NULL, NULL, TL_STAGE_BETWEEN,
      "differs where the operands change before backward" },
    { FORGETS_ABSENT, NULL, NULL, &sparse_product_case, TL_STAGE_ABSENT,
      "sparse_dense_matmul: absent of sample 0 (sparse 4x3, 3x2): gradient_rows adds " },
    { ASSIGNS_ABSENT, NULL, NULL, &sparse_product_case, TL_STAGE_ABSENT, " to a[0], whose gradient is " },
};

static tl_status run_stage(int k, int32_t stage)
{
    if (faults[k].unary)
        return tl_check_unary_stage(faults[k].unary, stage);
    return faults[k].binary ? tl_check_binary_stage(faults[k].binary, stage)
                            : tl_check_op_stage(faults[k].op, stage);
}

/* Each fault is found, by its stage first, and the report says where. */
START_TEST(is_found)
{
    int32_t stage = 0;
#ifdef TL_HEAP_ARENA /* each step allocates, and the stage checks nothing */
    if (faults[_i].stage == TL_STAGE_STEADY)
        return;
#endif
    const int threads = tl_num_threads();
    fault = faults[_i].fault;
    while (stage < tl_stage_count() && run_stage(_i, stage) == TL_OK)
        stage++;
    ck_assert_msg(stage == (int32_t)faults[_i].stage, "fault %d is found by '%s', not '%s': %s", fault,
                  tl_stage_name(stage), tl_stage_name((int32_t)faults[_i].stage), tl_error());
    ck_assert_msg(strstr(tl_error(), faults[_i].text) != NULL, "fault %d: %s", fault, tl_error());
    ck_assert_int_eq(tl_num_threads(), threads);
    tl_pattern_release(leaked);
    leaked = NULL;
    short_before = false;
    fault = 0;
}
END_TEST

/* Each stage is the first to find one of them. */
START_TEST(every_stage_finds)
{
    for (int32_t stage = 0; stage < tl_stage_count(); stage++) {
        bool finds = false;
        for (size_t k = 0; k < sizeof faults / sizeof *faults; k++)
            finds = finds || (int32_t)faults[k].stage == stage;
        ck_assert_msg(finds, "no fault is for '%s'", tl_stage_name(stage));
    }
}
END_TEST

START_TEST(sound_ops_pass)
{
    ck_assert_ok(tl_check_unary(&soft_case));
    ck_assert_ok(tl_check_unary(&same_case));
    ck_assert_ok(tl_check_binary(&maximum_case));
    ck_assert_ok(tl_check_op(&product_case));
    ck_assert_ok(tl_check_op(&mean_case));
    ck_assert_ok(tl_check_op(&sparse_product_case));
}
END_TEST

/* A case that says what is not so, or not enough, is told. */
START_TEST(wrong_cases)
{
    tl_op_case c = product_case;
    c.name = "times";
    ck_assert_status(tl_check_op(&c), TL_ERR_NUMERIC,
                     "times: null: the result is one of product: say .composed if there are several ops");
    c.composed = true;
    ck_assert_ok(tl_check_op_stage(&c, TL_STAGE_NULL));
    c = product_case;
    c.n_samples = 2;
    ck_assert_status(
        tl_check_op(&c), TL_ERR_NUMERIC,
        "product: threads: no sample has an operand of more than 16384 values, so one thread does it "
        "all: add one, or skip the stage");
    c.skip = TL_SKIP(TL_STAGE_THREADS);
    ck_assert_ok(tl_check_op(&c));
    c = mean_case; /* of one operand: nothing to share */
    ck_assert_ok(tl_check_op_stage(&c, TL_STAGE_SHARED));
    const tl_sample unlike = { .in = { TL_DENSE_OPERAND(3, 2), TL_SCALAR_OPERAND } };
    c = product_case;
    c.sample = &unlike;
    c.n_samples = 1;
    ck_assert_status(
        tl_check_op_stage(&c, TL_STAGE_SHARED), TL_ERR_NUMERIC,
        "product: shared: no sample has two operands of one shape and kind: add one, or skip the stage");
    c = product_case;
    c.sample += 2;
    c.n_samples = 1;
    ck_assert_status(tl_check_op_stage(&c, TL_STAGE_NULL), TL_ERR_NUMERIC,
                     "product: null: there is no sample that works and has at most 512 values");
    c = product_case;
    c.n_in = 9;
    ck_assert_status(tl_check_op(&c), TL_ERR_ARGUMENT, "product: sample 0 has 9 operands, not 1 to 8");
    tl_unary_case u = soft_case;
    u.no_tangent = "it has one";
    ck_assert_status(
        tl_check_unary_stage(&u, TL_STAGE_SECOND_ORDER), TL_ERR_NUMERIC,
        "soft: second order of scalar: the case says that there is no tangent, and there is one");
}
END_TEST

/* A sample in which not all operands that have rows lose them is refused, and the report says why. */
START_TEST(rows_of_one_operand)
{
    tl_op_case c = product_case;
    c.row_operands = 1 << 0;
    ck_assert_status(tl_check_op_stage(&c, TL_STAGE_PLACE), TL_ERR_NUMERIC,
                     "product: place of 2x2, 3x2: refused without the first 1 rows of the operands in "
                     ".row_operands: product: a (2x2) and b (3x2)");
}
END_TEST

START_TEST(operands_in_another_order)
{
    const tl_sample sample = { .in = { TL_DENSE_OPERAND(3, 2), TL_SPARSE_OPERAND(4, 3, 0.5) } };
    tl_op_case c = sparse_product_case;
    c.op = product_with_sparse;
    c.sample = &sample;
    ck_assert_status(tl_check_op_stage(&c, TL_STAGE_ABSENT), TL_ERR_NUMERIC,
                     "sparse_dense_matmul: absent of sample 0 (3x2, sparse 4x3): operand 1 is not input 1 of "
                     "the op");
}
END_TEST

/* A bound that no error exceeds would pass any op. */
START_TEST(bounds)
{
    tl_unary_case u = soft_case;
    u.ulps = NAN;
    ck_assert_status(tl_check_unary(&u), TL_ERR_ARGUMENT,
                     "soft: ulps is nan, and must be 0 or a positive number");
    tl_binary_case b = maximum_case;
    b.tolerance = INFINITY;
    ck_assert_status(tl_check_binary(&b), TL_ERR_ARGUMENT,
                     "maximum: tolerance is inf, and must be 0 or a positive number");
    const tl_sample loose = { .in = { TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 2) },
                              .tolerance = INFINITY };
    tl_op_case c = product_case;
    c.sample = &loose;
    c.n_samples = 1;
    ck_assert_status(tl_check_op(&c), TL_ERR_ARGUMENT,
                     "product: a sample's tolerance is inf, and must be 0 or a positive number");
}
END_TEST

START_TEST(arguments)
{
    const char *const text = "op_check: a case needs a name, an op, a reference and samples";
    ck_assert_status(tl_check_op(NULL), TL_ERR_ARGUMENT, text);
    ck_assert_status(tl_check_op(&(tl_op_case){ .name = "none" }), TL_ERR_ARGUMENT, text);
    ck_assert_status(
        tl_check_unary(&(tl_unary_case){ .name = "none" }), TL_ERR_ARGUMENT,
        "op_check: a unary case needs a name, an op and a reference, and has at most 8 kinks and 16 "
        "special values");
    ck_assert_status(
        tl_check_binary(NULL), TL_ERR_ARGUMENT,
        "op_check: a binary case needs a name, an op and a reference, and has at most 8 kinks, 16 "
        "special values and 48 samples");
    ck_assert_status(tl_check_unary_stage(&soft_case, 19), TL_ERR_ARGUMENT,
                     "op_check: stage 19 is not in 0..18");
    ck_assert_status(tl_check_op_stage(&mean_case, -1), TL_ERR_ARGUMENT,
                     "op_check: stage -1 is not in 0..18");
    ck_assert_str_eq(tl_stage_name(-1), "");
    ck_assert_str_eq(tl_stage_name(TL_STAGE_SECOND_ORDER), "second order");
    ck_assert_str_eq(tl_stage_name(tl_stage_count()), "");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("op_check");
    TCase *c = tl_test_case(s, "op_check");
    tcase_add_loop_test(c, is_found, 0, (int)(sizeof faults / sizeof *faults));
    tcase_add_test(c, every_stage_finds);
    tcase_add_test(c, sound_ops_pass);
    tcase_add_test(c, wrong_cases);
    tcase_add_test(c, rows_of_one_operand);
    tcase_add_test(c, operands_in_another_order);
    tcase_add_test(c, bounds);
    tcase_add_test(c, arguments);
    return s;
}
