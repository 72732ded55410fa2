/* Shared by all test files. A file defines tl_test_suite(), and main.c runs it. A test that does not free all
 * of its memory fails. */
#ifndef TL_TESTING_H
#define TL_TESTING_H

#include <check.h>
#include <stdlib.h>

#include "lib/memory.h"
#include "op.h"
#include "op_check.h"
#include "tulle.h"

/* The thread sanitizer refuses new threads in a child of a process that had some. */
#if defined(__SANITIZE_THREAD__)
#define NO_THREADS_AFTER_FORK
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_THREADS_AFTER_FORK
#endif
#endif

Suite *tl_test_suite(void);

/* The allocator of op_check.h, which main.c sets first. */
static inline void tl_test_fail_allocation(int64_t k)
{
    tl_check_fail_allocation(k);
}

static inline int64_t tl_test_allocations(void)
{
    return tl_check_allocations();
}

static inline int64_t tl_test_live_blocks(void)
{
    return tl_check_live_blocks();
}

/* Returns whether long double has the digits that a reference needs: valgrind computes it as double, and a
 * test whose errors would then be the reference's own returns. */
static inline bool tl_test_long_double(void)
{
    const volatile long double one = 1, small = 0x1p-60L;
    return one + small != one;
}

/* Returns a test case that checks, after each of its tests, that everything was freed. */
TCase *tl_test_case(Suite *s, const char *name);

/* The number type of this build, and a tolerance for two roundings of a short sum. */
#ifdef TULLE_DOUBLE
#define TL_IS_DOUBLE true
#define TL_NEAR      1e-12
#else
#define TL_IS_DOUBLE false
#define TL_NEAR      1e-5
#endif

/* Check that a call succeeds; that it fails with this status and this text in tl_error(). */
#define ck_assert_ok(call)                                                                                   \
    do {                                                                                                     \
        tl_status got_ = (call);                                                                             \
        ck_assert_msg(got_ == TL_OK, "%s: %s: %s", #call, tl_status_name(got_), tl_error());                 \
    } while (0)
#define ck_assert_status(call, status, text)                                                                 \
    do {                                                                                                     \
        tl_status got_ = (call);                                                                             \
        ck_assert_msg(got_ == (status), "%s: %s: %s", #call, tl_status_name(got_), tl_error());              \
        ck_assert_str_eq(tl_error(), text);                                                                  \
    } while (0)

/* Checks that a call returns NULL with this text in tl_error(). */
#define ck_assert_null(call, text)                                                                           \
    do {                                                                                                     \
        ck_assert_msg((call) == NULL, "%s did not fail", #call);                                             \
        ck_assert_str_eq(tl_error(), text);                                                                  \
    } while (0)

/* Checks that an op returns NULL with this error in its graph, and resets the graph. */
#define ck_assert_refused(g, call, status, text)                                                             \
    do {                                                                                                     \
        ck_assert_msg((call) == NULL, "%s did not fail", #call);                                             \
        ck_assert_str_eq(tl_graph_error(g), text);                                                           \
        ck_assert_int_eq(tl_graph_status(g), status);                                                        \
        tl_graph_reset(g);                                                                                   \
    } while (0)

/* Check n values to `tolerance` times max(1, |expected|); 0: they are equal, or NaN. A tolerance of 1 or more
 * is refused. The worst value is reported with its index and the expected one. ck_assert_values takes the
 * expected values as arguments: ck_assert_values(y, 3, 0, 1.0, 2.0, 3.0). ck_assert_same checks the bits. */
#define ck_assert_values(actual, n, tolerance, ...)                                                          \
    tl_test_values(__FILE__, __LINE__, #actual, actual, n, tolerance, (const double[]){ __VA_ARGS__ })
#define ck_assert_same(actual, expected, n) tl_test_same(__FILE__, __LINE__, #actual, actual, expected, n)
#define ck_assert_close(actual, expected, n, tolerance)                                                      \
    tl_test_close(__FILE__, __LINE__, #actual, actual, expected, n, tolerance)

void tl_test_values(const char *file, int line, const char *what, const tl_real *actual, int64_t n,
                    double tolerance, const double *expected);
void tl_test_same(const char *file, int line, const char *what, const tl_real *actual,
                  const tl_real *expected, int64_t n);
void tl_test_close(const char *file, int line, const char *what, const tl_real *actual,
                   const tl_real *expected, int64_t n, double tolerance);

/* Fills an array with values of either sign and magnitude 0.2 to 1.2: further from a kink at 0 than the step
 * of a finite difference. */
void tl_test_fill(tl_real *values, int64_t n, uint64_t seed);

/* Return arrays of n + 1 values, to be freed: such values, and NaN. The last one shows an overrun. */
tl_real *tl_test_filled(int64_t n, uint64_t seed);
tl_real *tl_test_unset(int64_t n);

/* Return variables filled that way. The sparse one takes over the reference to the pattern. */
tl_variable *tl_test_dense(const char *name, tl_shape shape, uint64_t seed);
tl_variable *tl_test_sparse(const char *name, tl_pattern *pattern, uint64_t seed);

/* Returns a random pattern of this density whose row 1 and column 1 are empty, if there are more than two
 * rows and columns respectively. */
tl_pattern *tl_test_pattern(int64_t rows, int64_t cols, double density, uint64_t seed);

/* Returns the sparse matrix as a dense one, to be freed with free(). NULL values: all 1. */
tl_real *tl_test_expand(const tl_pattern *p, const tl_real *values);

/* Checks that `build` computes the same bits on a tape and on a graph for inference, unless it is refused
 * there, as it takes a derivative. */
void tl_test_inference(const char *file, int line, tl_node *(*build)(tl_graph *g, void *context),
                       void *context);

/* Checks that tl_gradcheck with default options succeeds, and tl_test_inference. */
#define ck_assert_gradient(build, context, ...)                                                              \
    do {                                                                                                     \
        tl_variable *vars_[] = { __VA_ARGS__ };                                                              \
        ck_assert_ok(tl_gradcheck(build, context, vars_, (int32_t)(sizeof vars_ / sizeof *vars_), NULL));    \
        tl_test_inference(__FILE__, __LINE__, build, context);                                               \
    } while (0)

#endif
