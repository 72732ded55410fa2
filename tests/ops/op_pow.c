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

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pow");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        tl_suite_add_unary(s, &cases[k]);
    return s;
}
