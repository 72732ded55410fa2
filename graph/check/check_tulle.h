/* The checks of op_check.h as tests of the Check framework, a test per stage:
 *
 *     Suite *s = tl_unary_suite(&softplus);
 *     srunner_run_all(srunner_create(s), CK_NORMAL);
 *
 * All functions are in this header: the kit does not depend on Check. */
#ifndef TL_CHECK_TULLE_H
#define TL_CHECK_TULLE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "op_check.h"

#define TL_SUITE_CASES 32 /* the most cases in a program */

/* The cases of the program's suites. */
typedef struct tl_suite_case {
    const tl_unary_case *unary;
    const tl_binary_case *binary;
    const tl_op_case *op;
} tl_suite_case;
static tl_suite_case tl_suite_cases[TL_SUITE_CASES];
static int tl_suite_n;

/* Test k is stage k % tl_stage_count() of case k / tl_stage_count(). */
START_TEST(tl_suite_stage)
{
    const tl_suite_case *c = &tl_suite_cases[_i / tl_stage_count()];
    const int32_t stage = _i % tl_stage_count();
    tl_status status = TL_OK;
    if (c->unary)
        status = tl_check_unary_stage(c->unary, stage);
    else if (c->binary)
        status = tl_check_binary_stage(c->binary, stage);
    else
        status = tl_check_op_stage(c->op, stage);
    ck_assert_msg(status == TL_OK, "%s", tl_error());
}
END_TEST

/* Adds a test per stage that the case does not skip. */
static inline void tl_suite_add(Suite *s, tl_suite_case c, const char *name, uint32_t skip)
{
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(s, tests);
    if (tl_suite_n == TL_SUITE_CASES) {
        fprintf(stderr, "%s: more than %d cases\n", name, TL_SUITE_CASES);
        exit(EXIT_FAILURE);
    }
    tl_suite_cases[tl_suite_n] = c;
    for (int32_t stage = 0; stage < tl_stage_count(); stage++)
        if (!(skip & TL_SKIP(stage))) {
            const int k = tl_suite_n * tl_stage_count() + stage;
            tcase_add_loop_test(tests, tl_suite_stage, k, k + 1);
        }
    tl_suite_n++;
}

/* Add the tests of a case, which must stay, to a suite. */
static inline void tl_suite_add_unary(Suite *s, const tl_unary_case *c)
{
    const tl_suite_case added = { c, NULL, NULL };
    tl_suite_add(s, added, c->name, c->skip);
}

static inline void tl_suite_add_binary(Suite *s, const tl_binary_case *c)
{
    const tl_suite_case added = { NULL, c, NULL };
    tl_suite_add(s, added, c->name, c->skip);
}

static inline void tl_suite_add_op(Suite *s, const tl_op_case *c)
{
    const tl_suite_case added = { NULL, NULL, c };
    tl_suite_add(s, added, c->name, c->skip);
}

/* Return a suite of the tests of a case, which must stay. */
static inline Suite *tl_unary_suite(const tl_unary_case *c)
{
    Suite *s = suite_create(c->name);
    tl_suite_add_unary(s, c);
    return s;
}

static inline Suite *tl_binary_suite(const tl_binary_case *c)
{
    Suite *s = suite_create(c->name);
    tl_suite_add_binary(s, c);
    return s;
}

static inline Suite *tl_op_suite(const tl_op_case *c)
{
    Suite *s = suite_create(c->name);
    tl_suite_add_op(s, c);
    return s;
}

#endif
