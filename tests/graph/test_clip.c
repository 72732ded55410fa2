/* Clipping by the norm of all gradients, which is computed where its squares overflow or vanish, too. */
#include "tests/graph/transformed.h"

#include <math.h>

/* The squares of 1 .. 6 sum to 91, in each of three kinds. */
START_TEST(clip)
{
    const double max_norm[] = { 2, 16, 17, INFINITY }, norm = sqrt(3 * 91.0); /* 16.5 */
    for (int i = 0; i < 4; i++) {
        tl_clip by = { .max_norm = max_norm[i] };
        double factor = by.max_norm < norm ? by.max_norm / norm : 1;
        world *w = begin();
        ck_assert_double_eq_tol(tl_global_norm(&w->list), norm, 1e-14);
        ck_assert_ok(tl_clip_by_global_norm(&w->list, &by));
        ck_assert_double_eq_tol(by.norm, norm, 1e-14);
        for (int k = 0; k < PAIRS; k++)
            ck_assert_values(w->values[k], SIZE, factor == 1 ? 0 : TL_NEAR, factor, 2 * factor, 3 * factor,
                             4 * factor, 5 * factor, 6 * factor);
        end(w);
    }
}
END_TEST

/* 100 repeats of a row of four ones are one row of four hundreds: norm 200. (Of the slices it would be
 * 20.) */
START_TEST(norm_of_coalesced_rows)
{
    tl_graph *g = tl_graph_new();
    tl_variable *t = tl_variable_dense("t", TL_SHAPE(5, 4));
    int32_t ids[100];
    tl_gradients out;
    for (int k = 0; k < 100; k++)
        ids[k] = 3;
    ck_assert_ok(
        tl_backward(tl_reduce_sum(tl_embedding_lookup(tl_use(g, t), ids, TL_SHAPE(100)), TL_ALL_AXES), &out));
    ck_assert(tl_global_norm(&out) == 200);
    tl_graph_free(g);
    tl_variable_free(t);
}
END_TEST

/* Summed in double: squares that overflow or vanish in float. */
START_TEST(norm_is_in_double)
{
    world *w = begin();
    w->list.n = 1;
    for (int k = 0; k < SIZE; k++)
        w->values[0][k] = (tl_real)1e30;
    ck_assert_double_eq_tol(tl_global_norm(&w->list) / 1e30, sqrt(6), 1e-6);
    for (int k = 0; k < SIZE; k++)
        w->values[0][k] = (tl_real)1e-30;
    ck_assert_double_eq_tol(tl_global_norm(&w->list) / 1e-30, sqrt(6), 1e-6);
    w->pair[0].values = NULL; /* absent */
    ck_assert(tl_global_norm(&w->list) == 0);
    end(w);
}
END_TEST

/* Squares of these neither overflow nor vanish. Values k x, k = 1 .. 6, in three pairs: norm sqrt(3 * 91) x,
 * which, for the first, is infinite in double, too. */
static const double extremes[] = {
    TL_IS_DOUBLE ? 2.9e307 : 5.6e37, TL_IS_DOUBLE ? 1e200 : 1e30,   TL_IS_DOUBLE ? 1e160 : 1e20,
    TL_IS_DOUBLE ? 1e-160 : 1e-20,   TL_IS_DOUBLE ? 1e-200 : 1e-30, TL_IS_DOUBLE ? 1e-300 : 1e-36,
    TL_IS_DOUBLE ? 1e30 : 1e10, /* divided by the smaller limit: subnormal or 0 */
};

START_TEST(norm_of_extremes)
{
    const double x = extremes[_i], norm = sqrt(3 * 91.0), to[] = { x, TL_IS_DOUBLE ? 1e-290 : 1e-30 };
    for (int k = 0; k < 2; k++)
        for (int each = 0; each < 2; each++) {
            world *w = begin();
            tl_clip by = { .max_norm = to[k] };
            const double of = each ? sqrt(91.0) : norm, factor = x * of > to[k] ? to[k] / of : x;
            for (int i = 0; i < PAIRS; i++)
                for (int j = 0; j < SIZE; j++)
                    w->values[i][j] = (tl_real)(x * (j + 1));
            if (isfinite(x * norm))
                ck_assert_double_eq_tol(tl_global_norm(&w->list) / x, norm, 1e-5);
            else
                ck_assert(isinf(tl_global_norm(&w->list)));
            ck_assert_ok(each ? tl_clip_by_norm(&w->list, &by) : tl_clip_by_global_norm(&w->list, &by));
            ck_assert(isfinite(x * of) ? fabs(by.norm / x - of) < 1e-5 : isinf(by.norm));
            for (int i = 0; i < PAIRS; i++)
                for (int j = 0; j < SIZE; j++)
                    ck_assert_double_eq_tol((double)w->values[i][j] / factor / (j + 1), 1, 1e-5);
            end(w);
        }
}
END_TEST

/* Clipping to nothing would hide a NaN, and scaling by 0 or NaN spread it. */
START_TEST(norm_not_finite)
{
    const tl_real bad[] = { (tl_real)NAN, (tl_real)INFINITY, (tl_real)-INFINITY };
    for (int i = 0; i < 3; i++) {
        tl_clip by = { .max_norm = 1 };
        world *w = begin();
        w->values[1][2] = bad[i];
        ck_assert_ok(tl_clip_by_global_norm(&w->list, &by));
        ck_assert(!isfinite(by.norm));
        ck_assert_values(w->values[0], SIZE, 0, 1, 2, 3, 4, 5, 6);
        ck_assert_values(w->values[1], SIZE, 0, 1, 2, (double)bad[i], 4, 5, 6);
        ck_assert_ok(tl_optimizer_add_transform(w->o, tl_clip_by_global_norm, &by));
        ck_assert_int_eq(tl_apply_gradients(w->o, &w->list), TL_ERR_NUMERIC);
        check_unmoved(w);
        end(w);
    }
}
END_TEST

START_TEST(refused_clips)
{
    world *w = begin();
    const double wrong[] = { 0, -1, NAN };
    static const char *const text[] = { "clip_by_global_norm: max_norm 0 must be > 0",
                                        "clip_by_global_norm: max_norm -1 must be > 0",
                                        "clip_by_global_norm: max_norm nan must be > 0" };
    for (int k = 0; k < 3; k++) {
        tl_clip by = { .max_norm = wrong[k] };
        ck_assert_status(tl_clip_by_global_norm(&w->list, &by), TL_ERR_ARGUMENT, text[k]);
    }
    ck_assert_status(tl_clip_by_global_norm(&w->list, NULL), TL_ERR_ARGUMENT,
                     "clip_by_global_norm: the context is not a tl_clip");
    ck_assert_values(w->values[0], SIZE, 0, 1, 2, 3, 4, 5, 6);
    end(w);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("clip");
    TCase *c = tl_test_case(s, "clip");
    tcase_add_test(c, clip);
    tcase_add_test(c, norm_of_coalesced_rows);
    tcase_add_test(c, norm_is_in_double);
    tcase_add_loop_test(c, norm_of_extremes, 0, (int)(sizeof extremes / sizeof *extremes));
    tcase_add_test(c, norm_not_finite);
    tcase_add_test(c, refused_clips);
    return s;
}
