/* What the tests of weights share: a small variable of every kind, and what a load says that fails. */
#ifndef TL_TEST_WEIGHTS_H
#define TL_TEST_WEIGHTS_H

#include "tests/graph/saved.h"

static inline void assert_fails(tl_variable *const *vars, int32_t n, const tl_load_options *o,
                                const char *text)
{
    char whole[1024];
    tl_load_report r = { .loaded = 7 };
    snprintf(whole, sizeof whole, "weights_load: %s: %s", path, text);
    ck_assert_status(tl_weights_load(path, vars, n, o, &r), TL_ERR_ARGUMENT, whole);
    ck_assert_int_eq(r.loaded, 0);
    ck_assert_str_eq(r.text, "");
}
/* The matrix of both patterns: A keeps (0,0) (0,2) (1,1), B keeps (0,0) (0,1) (1,1) (1,2). */
static inline tl_pattern *pattern_a(void)
{
    return tl_pattern_from_mask(2, 3, (const uint8_t[]){ 1, 0, 1, 0, 1, 0 });
}

static inline tl_pattern *pattern_b(void)
{
    return tl_pattern_from_mask(2, 3, (const uint8_t[]){ 1, 1, 0, 0, 1, 1 });
}

enum { DENSE, MASKED, SPARSE, KINDS };

/* A variable `w` of 1 2 3 / 4 5 6, or what the pattern keeps of it, times the factor. */
static inline tl_variable *make(int kind, tl_pattern *p, tl_real factor)
{
    tl_variable *v = kind == SPARSE ? tl_variable_sparse("w", p) : tl_variable_dense("w", TL_SHAPE(2, 3));
    if (kind == MASKED)
        ck_assert_ok(tl_variable_set_mask(v, p));
    tl_real *x = tl_variable_data(v);
    for (int64_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < 3; j++) {
            const int64_t e = tl_pattern_find(p, i, (int32_t)j);
            if (kind == DENSE || (kind == MASKED && e >= 0))
                x[i * 3 + j] = factor * (tl_real)(i * 3 + j + 1);
            else if (kind == SPARSE && e >= 0)
                x[e] = factor * (tl_real)(i * 3 + j + 1);
        }
    tl_pattern_release(p);
    return v;
}

#endif
