/* Fixtures, comparisons and random operands. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

static int64_t blocks_before;

static void remember_blocks(void)
{
    blocks_before = tl_check_live_blocks();
}

static void check_blocks(void)
{
    tl_check_fail_allocation(0);
    int64_t left = tl_check_live_blocks() - blocks_before;
    ck_assert_msg(left == 0, "the test leaves %lld blocks alive", (long long)left);
}

TCase *tl_test_case(Suite *s, const char *name)
{
    TCase *c = tcase_create(name);
    tcase_add_checked_fixture(c, remember_blocks, check_blocks);
    tcase_set_timeout(c, 120);
    suite_add_tcase(s, c);
    return c;
}

void tl_test_values(const char *file, int line, const char *what, const tl_real *actual, int64_t n,
                    double tolerance, const double *expected)
{
    int64_t worst = -1;
    double most = tolerance;
    ck_assert_msg(actual != NULL || n == 0, "%s:%d: %s is NULL", file, line, what);
    if (!(tolerance >= 0 && tolerance < 1)) /* it was forgotten, and is an expected value */
        ck_abort_msg("%s:%d: the tolerance of %s is %g", file, line, what, tolerance);
    for (int64_t k = 0; k < n; k++) {
        double scale = fmax(1, fabs(expected[k])), error = fabs((double)actual[k] - expected[k]) / scale;
        bool same = (double)actual[k] == expected[k] || (isnan(actual[k]) && isnan(expected[k]));
        if (!same && !(error <= most)) {
            worst = k;
            most = error;
        }
    }
    ck_assert_msg(worst < 0, "%s:%d: %s[%lld] is %.17g, not %.17g", file, line, what, (long long)worst,
                  worst < 0 ? 0 : (double)actual[worst], worst < 0 ? 0 : expected[worst]);
}

void tl_test_close(const char *file, int line, const char *what, const tl_real *actual,
                   const tl_real *expected, int64_t n, double tolerance)
{
    double *wide = malloc((size_t)(n + 1) * sizeof *wide);
    for (int64_t k = 0; k < n; k++)
        wide[k] = (double)expected[k];
    tl_test_values(file, line, what, actual, n, tolerance, wide);
    free(wide);
}

void tl_test_same(const char *file, int line, const char *what, const tl_real *actual,
                  const tl_real *expected, int64_t n)
{
    int64_t k = 0; /* one assertion for all: Check writes a message for each */
    while (k < n && memcmp(&actual[k], &expected[k], sizeof *actual) == 0)
        k++;
    if (k < n)
        ck_abort_msg("%s:%d: %s[%lld] is %.17g, not %.17g to the bit", file, line, what, (long long)k,
                     (double)actual[k], (double)expected[k]);
}

/* In [0, 1). Knuth's generator for MMIX (The Art of Computer Programming, section 3.3.4): some tests draw
 * millions. */
static double draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

void tl_test_fill(tl_real *values, int64_t n, uint64_t seed)
{
    for (int64_t k = 0; k < n; k++) {
        const double u = 2 * draw(&seed) - 1;
        values[k] = (tl_real)(u + copysign(0.2, u));
    }
}

tl_real *tl_test_filled(int64_t n, uint64_t seed)
{
    tl_real *v = malloc((size_t)(n + 1) * sizeof *v);
    tl_test_fill(v, n + 1, seed);
    return v;
}

tl_real *tl_test_unset(int64_t n)
{
    tl_real *v = malloc((size_t)(n + 1) * sizeof *v);
    for (int64_t k = 0; k <= n; k++)
        v[k] = (tl_real)NAN;
    return v;
}

tl_variable *tl_test_dense(const char *name, tl_shape shape, uint64_t seed)
{
    tl_variable *v = tl_variable_dense(name, shape);
    ck_assert_msg(v != NULL, "%s", tl_error());
    tl_test_fill(tl_variable_data(v), tl_variable_size(v), seed);
    return v;
}

tl_variable *tl_test_sparse(const char *name, tl_pattern *pattern, uint64_t seed)
{
    tl_variable *v = tl_variable_sparse(name, pattern);
    ck_assert_msg(v != NULL, "%s", tl_error());
    tl_pattern_release(pattern);
    tl_test_fill(tl_variable_data(v), tl_variable_size(v), seed);
    return v;
}

tl_pattern *tl_test_pattern(int64_t rows, int64_t cols, double density, uint64_t seed)
{
    uint8_t *keep = calloc((size_t)(rows * cols + 1), 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            bool empty = (rows > 2 && i == 1) || (cols > 2 && j == 1);
            keep[i * cols + j] = draw(&seed) < density && !empty;
        }
    tl_pattern *p = tl_pattern_from_mask(rows, cols, keep);
    free(keep);
    ck_assert_msg(p != NULL, "%s", tl_error());
    return p;
}

tl_real *tl_test_expand(const tl_pattern *p, const tl_real *values)
{
    int64_t rows = tl_pattern_rows(p), cols = tl_pattern_cols(p);
    const int64_t *row_ptr = tl_pattern_row_ptr(p);
    tl_real *dense = calloc((size_t)(rows * cols + 1), sizeof *dense);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
            dense[i * cols + tl_pattern_col(p)[e]] = values ? values[e] : 1;
    return dense;
}

void tl_test_inference(const char *file, int line, tl_node *(*build)(tl_graph *g, void *context),
                       void *context)
{
    tl_graph *tape = tl_graph_new(), *g = tl_graph_new_inference();
    const tl_node *expected = build(tape, context), *y = build(g, context);
    const tl_real *value = tl_value(y);
    const bool derives = strstr(tl_graph_error(g), "the graph is for inference") != NULL;
    ck_assert_msg(expected && (value || derives), "%s:%d: %s%s", file, line, tl_graph_error(tape),
                  tl_graph_error(g));
    if (!derives)
        tl_test_same(file, line, "for inference", value, tl_value(expected), expected->size);
    tl_graph_free(tape);
    tl_graph_free(g);
}
