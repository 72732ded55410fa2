/* scale: Y = c A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_real factor = (tl_real)-0.7;

static tl_node *scale(tl_node *a)
{
    return tl_scale(a, factor);
}

/* The double product of two floats is exact. */
static double value(double a)
{
    return (double)factor * a;
}

static tl_node *by_0(tl_node *a)
{
    return tl_scale(a, 0);
}

static double value_by_0(double a)
{
    return 0 * a;
}

static tl_node *by_infinity(tl_node *a)
{
    return tl_scale(a, INFINITY);
}

static double value_by_infinity(double a)
{
    return INFINITY * a;
}

static const tl_unary_case scale_case = {
    .name = "scale",
    .op = scale,
    .value = value,
    .special = { { INFINITY, -INFINITY }, { NAN, NAN }, { 0, -0.0 }, { -0.0, 0 } },
    .n_special = 4,
};

/* 0 x Inf is a NaN. */
static const tl_unary_case by_0_case = {
    .name = "scale",
    .op = by_0,
    .value = value_by_0,
    .special = { { INFINITY, NAN }, { -INFINITY, NAN }, { NAN, NAN }, { 3, 0 }, { -3, -0.0 } },
    .n_special = 5,
};

static const tl_unary_case by_infinity_case = {
    .name = "scale",
    .op = by_infinity,
    .value = value_by_infinity,
    .special = { { 0, NAN }, { -2, -INFINITY }, { 3, INFINITY }, { INFINITY, INFINITY }, { NAN, NAN } },
    .n_special = 5,
    .skip = ~(TL_SKIP(TL_STAGE_VALUE) | TL_SKIP(TL_STAGE_SPECIAL)), /* differences of infinities are NaN */
};

Suite *tl_test_suite(void)
{
    Suite *s = tl_unary_suite(&scale_case);
    tl_suite_add_unary(s, &by_0_case);
    tl_suite_add_unary(s, &by_infinity_case);
    return s;
}
