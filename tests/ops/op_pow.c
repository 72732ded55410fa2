/* pow: Y = A^exponent */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *cube(tl_node *a)
{
    return tl_pow(a, (tl_real)3);
}

static double cube_value(double a)
{
    return pow(a, 3);
}

static tl_node *root(tl_node *a)
{
    return tl_pow(a, (tl_real)1.5);
}

static double root_value(double a)
{
    return pow(a, 1.5);
}

static tl_node *inverse(tl_node *a)
{
    return tl_pow(a, (tl_real)-2);
}

static double inverse_value(double a)
{
    return pow(a, -2);
}

static tl_node *none(tl_node *a)
{
    return tl_pow(a, (tl_real)0);
}

static double none_value(double a)
{
    return pow(a, 0);
}

static tl_node *first(tl_node *a)
{
    return tl_pow(a, (tl_real)1);
}

static double first_value(double a)
{
    return pow(a, 1);
}

static const tl_unary_case cases[] = {
    { .name = "pow",
      .op = cube,
      .value = cube_value,
      .low = -4,
      .high = 4,
      .ulps = 2,
      .kink = { { 0, 0 }, { -2, 12 } },
      .n_kinks = 2,
      .special = { { 0, 0 },
                   { -0.0, -0.0 },
                   { -2, -8 },
                   { INFINITY, INFINITY },
                   { -INFINITY, -INFINITY },
                   { NAN, NAN } },
      .n_special = 6 },
    { .name = "pow",
      .op = root,
      .value = root_value,
      .low = 0.1,
      .high = 9,
      .ulps = 2,
      .kink = { { 0, 0 }, { 4, 3 } },
      .n_kinks = 2,
      .special = { { 0, 0 }, { 4, 8 }, { -4, NAN }, { INFINITY, INFINITY } },
      .n_special = 4 },
    { .name = "pow",
      .op = inverse,
      .value = inverse_value,
      .low = 0.3,
      .high = 4,
      .ulps = 2,
      .kink = { { -2, 0.25 } },
      .n_kinks = 1,
      .special = { { 0, INFINITY }, { -2, 0.25 }, { INFINITY, 0 } },
      .n_special = 3 },
    { .name = "pow",
      .op = none,
      .value = none_value,
      .kink = { { 0, 0 } },
      .n_kinks = 1,
      .special = { { 0, 1 }, { NAN, 1 }, { INFINITY, 1 } },
      .n_special = 3 },
    { .name = "pow", .op = first, .value = first_value, .kink = { { 0, 1 } }, .n_kinks = 1 },
};

/* A power of 0 does not move, not even where A^-1 is infinite. */
START_TEST(derivative_of_power_0)
{
    const tl_real zero[] = { 0 }, one[] = { 1 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(1), zero), *dx = tl_input(g, TL_SHAPE(1), one);
    ck_assert_values(tl_value(tl_derivative(none(x), 1, &x, &dx)), 1, 0, 0);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pow");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        tl_suite_add_unary(s, &cases[k]);
    tcase_add_test(tl_test_case(s, "beyond"), derivative_of_power_0);
    return s;
}
