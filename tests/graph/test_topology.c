/* Densities of layers and schedules of moves, against values by hand. */
#include "tests/testing.h"

#include <math.h>

/* ---- Densities ---- */

#define ck_assert_densities(actual, n, ...)                                                                  \
    do {                                                                                                     \
        const double expected_[] = { __VA_ARGS__ };                                                          \
        for (int l_ = 0; l_ < (n); l_++)                                                                     \
            ck_assert_double_eq_tol((actual)[l_], expected_[l_], 1e-14);                                     \
    } while (0)

START_TEST(uniform)
{
    const tl_shape shape[] = { TL_SHAPE(784, 300), TL_SHAPE(300, 100), TL_SHAPE(3, 3, 64, 64) };
    double density[3];
    ck_assert_ok(tl_topology_densities(3, shape, 0.1, TL_UNIFORM, density));
    ck_assert_densities(density, 3, 0.1, 0.1, 0.1);
}
END_TEST

/* s = 30/200, 14/40; c (30 + 14) = 0.1 * 240. */
START_TEST(erdos_renyi_of_two_layers)
{
    const tl_shape shape[] = { TL_SHAPE(20, 10), TL_SHAPE(10, 4) };
    const double c = 24.0 / 44;
    double density[2];
    ck_assert_ok(tl_topology_densities(2, shape, 0.1, TL_ERDOS_RENYI, density));
    ck_assert_densities(density, 2, c * 30 / 200, c * 14 / 40);
}
END_TEST

/* LeNet-300-100 at 10 %: s = 1084/235200, 400/30000, 110/1000, and c (1084 + 400 + 110) = 26620 gives the
 * last layer 1.837. So it is dense, and c (1084 + 400) = 25620. */
START_TEST(a_small_layer_becomes_dense)
{
    const tl_shape shape[] = { TL_SHAPE(784, 300), TL_SHAPE(300, 100), TL_SHAPE(100, 10) };
    const double c = 25620.0 / 1484;
    double density[3];
    for (int rule = TL_ERDOS_RENYI; rule <= TL_ERDOS_RENYI_KERNEL; rule++) {
        ck_assert_ok(tl_topology_densities(3, shape, 0.1, (tl_density_rule)rule, density));
        ck_assert_densities(density, 3, c * 1084 / 235200, c * 400 / 30000, 1);
    }
}
END_TEST

/* Filters of 3 x 3: s = (64 + 32 + 3 + 3) / 18432 counts the kernel, and 96 / 2048 does not. */
START_TEST(kernels)
{
    const tl_shape shape[] = { TL_SHAPE(64, 32, 3, 3), TL_SHAPE(128, 64, 1, 1) };
    const double all = 18432 + 8192, by_kernel = 0.05 * all / (102 + 194),
                 by_matrix = 0.05 * all / (96 * 9 + 192);
    double density[2];
    ck_assert_ok(tl_topology_densities(2, shape, 0.05, TL_ERDOS_RENYI_KERNEL, density));
    ck_assert_densities(density, 2, by_kernel * 102 / 18432, by_kernel * 194 / 8192);
    ck_assert_ok(tl_topology_densities(2, shape, 0.05, TL_ERDOS_RENYI, density));
    ck_assert_densities(density, 2, by_matrix * 96 / 2048, by_matrix * 192 / 8192);
}
END_TEST

/* At any density the layers have as many connections together, and a larger share means a larger density. */
START_TEST(the_budget_is_spent)
{
    const tl_shape shape[] = { TL_SHAPE(64, 3, 7, 7), TL_SHAPE(2, 2),      TL_SHAPE(64, 64, 3, 3),
                               TL_SHAPE(512, 10),     TL_SHAPE(1, 1000),   TL_SHAPE(512, 256, 3, 3),
                               TL_SHAPE(5, 7, 9),     TL_SHAPE(1, 1, 1, 1) };
    for (int k = 0; k <= 100; k++)
        for (int rule = TL_UNIFORM; rule <= TL_ERDOS_RENYI_KERNEL; rule++) {
            double density[8], spent = 0, all = 0;
            ck_assert_ok(tl_topology_densities(8, shape, 0.01 * k, (tl_density_rule)rule, density));
            for (int l = 0; l < 8; l++) {
                const double cells = (double)tl_shape_size(shape[l]);
                ck_assert(density[l] >= 0 && density[l] <= 1);
                spent += density[l] * cells;
                all += cells;
            }
            ck_assert_double_eq_tol(spent, 0.01 * k * all, 1e-9 * all);
            ck_assert(rule == TL_UNIFORM || (density[2] >= density[5] && density[1] >= density[2]));
        }
}
END_TEST

START_TEST(densities_refused)
{
    const tl_shape two[] = { TL_SHAPE(2, 3), TL_SHAPE(4) }, empty = TL_SHAPE(4, 0);
    double out[2] = { 7, 7 };
    ck_assert_status(tl_topology_densities(1, NULL, 0.5, TL_UNIFORM, out), TL_ERR_ARGUMENT,
                     "topology_densities: the shapes are NULL");
    ck_assert_status(tl_topology_densities(1, two, 0.5, TL_UNIFORM, NULL), TL_ERR_ARGUMENT,
                     "topology_densities: the output is NULL");
    ck_assert_status(tl_topology_densities(0, two, 0.5, TL_UNIFORM, out), TL_ERR_ARGUMENT,
                     "topology_densities: n 0 must be >= 1");
    ck_assert_status(tl_topology_densities(1, two, 1.5, TL_UNIFORM, out), TL_ERR_ARGUMENT,
                     "topology_densities: density 1.5 is not in [0, 1]");
    ck_assert_status(tl_topology_densities(1, two, -0.5, TL_UNIFORM, out), TL_ERR_ARGUMENT,
                     "topology_densities: density -0.5 is not in [0, 1]");
    ck_assert_int_eq(tl_topology_densities(1, two, NAN, TL_UNIFORM, out), TL_ERR_ARGUMENT);
    ck_assert_status(tl_topology_densities(1, two, 0.5, (tl_density_rule)3, out), TL_ERR_ARGUMENT,
                     "topology_densities: 3 is not a tl_density_rule");
    ck_assert_status(tl_topology_densities(2, two, 0.5, TL_UNIFORM, out), TL_ERR_SHAPE,
                     "topology_densities: shape 1 is [4], which is not of rank 2 to 4 with sizes >= 1");
    ck_assert_status(tl_topology_densities(1, &empty, 0.5, TL_UNIFORM, out), TL_ERR_SHAPE,
                     "topology_densities: shape 0 is 4x0, which is not of rank 2 to 4 with sizes >= 1");
    ck_assert(out[0] == 7 && out[1] == 7);
}
END_TEST

/* ---- Schedules ---- */

/* Every second step before step 8, along half a cosine: cos(pi / 4), cos(pi / 2), cos(3 pi / 4). */
START_TEST(cosine)
{
    const tl_topology_schedule s = { .fraction = 0.4, .every = 2, .end = 8 };
    const double root_half = 0.70710678118654752;
    const double expected[] = { 0, 0.2 * (1 + root_half), 0, 0.2, 0, 0.2 * (1 - root_half), 0, 0, 0, 0 };
    for (int step = 1; step <= 10; step++)
        ck_assert_double_eq_tol(tl_topology_fraction(&s, step), expected[step - 1], 1e-15);
}
END_TEST

START_TEST(constant)
{
    const tl_topology_schedule s = { .fraction = 0.3, .every = 3, .end = 9, .constant = true };
    const double expected[] = { 0, 0, 0.3, 0, 0, 0.3, 0, 0, 0 };
    for (int step = 1; step <= 9; step++)
        ck_assert_double_eq(tl_topology_fraction(&s, step), expected[step - 1]);
}
END_TEST

START_TEST(schedules_refused)
{
    const tl_topology_schedule good = { .fraction = 1, .every = 1, .end = INT64_MAX };
    const struct {
        double fraction;
        int64_t every, end, step;
        const char *error;
    } bad[] = { { 1.5, 1, 1, 1, "topology_fraction: fraction 1.5 is not in [0, 1]" },
                { -1, 1, 1, 1, "topology_fraction: fraction -1 is not in [0, 1]" },
                { 0.5, 0, 2, 3, "topology_fraction: every 0, end 2 and step 3 must be >= 1" },
                { 0.5, 1, 0, 3, "topology_fraction: every 1, end 0 and step 3 must be >= 1" },
                { 0.5, 1, 2, 0, "topology_fraction: every 1, end 2 and step 0 must be >= 1" } };
    for (int k = 0; k < 5; k++) {
        const tl_topology_schedule s = { .fraction = bad[k].fraction,
                                         .every = bad[k].every,
                                         .end = bad[k].end };
        ck_assert(isnan(tl_topology_fraction(&s, bad[k].step)));
        ck_assert_str_eq(tl_error(), bad[k].error);
    }
    ck_assert(isnan(tl_topology_fraction(&(tl_topology_schedule){ NAN, 1, 1, false }, 1)));
    ck_assert(isnan(tl_topology_fraction(NULL, 1)));
    ck_assert_str_eq(tl_error(), "topology_fraction: the schedule is NULL");
    ck_assert_double_eq_tol(tl_topology_fraction(&good, 1), 1, 1e-15);
    ck_assert_double_eq(tl_topology_fraction(&good, INT64_MAX), 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("topology");
    TCase *c = tl_test_case(s, "topology");
    tcase_add_test(c, uniform);
    tcase_add_test(c, erdos_renyi_of_two_layers);
    tcase_add_test(c, a_small_layer_becomes_dense);
    tcase_add_test(c, kernels);
    tcase_add_test(c, the_budget_is_spent);
    tcase_add_test(c, densities_refused);
    tcase_add_test(c, cosine);
    tcase_add_test(c, constant);
    tcase_add_test(c, schedules_refused);
    return s;
}
