/* Samples of reductions of segments of rows. */
#ifndef TL_SEGMENTED_H
#define TL_SEGMENTED_H

#include "check_tulle.h"
#include "segments.h"
#include "tests/testing.h"

#include <math.h>

#define PTR(its_n, ...) (&(const tl_segments){ (const int64_t[]){ __VA_ARGS__ }, its_n })
#define OF(segments, ...)                                                                                    \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = segments                                            \
    }
#define REFUSED(operand, segments, its_status, text)                                                         \
    {                                                                                                        \
        .in = { operand }, .attr = segments, .status = its_status, .error = text                             \
    }

static int64_t thousand[1001]; /* row_ptr of 1000 segments of 0 to 4 rows */

/* Fills it, and returns the number of rows. */
static inline int64_t fill_thousand(void)
{
    for (int i = 0; i < 1000; i++)
        thousand[i + 1] = thousand[i] + i % 5;
    return thousand[1000];
}

#define SEGMENTED                                                                                            \
    OF(PTR(2, 0, 2, 5), 5, 3), OF(PTR(4, 0, 2, 2, 4, 5), 5, 3), /* an empty segment */                       \
        OF(PTR(1, 0, 5), 5, 3), OF(PTR(3, 1, 2, 2, 4), 5, 3),   /* rows in no segment */                     \
        OF(PTR(0, 0), 5, 3), OF(PTR(0, 2), 5), OF(PTR(2, 0, 1, 4), 4), OF(PTR(2, 0, 2, 3), 3, 2, 4),         \
        OF(PTR(2, 0, 1, 2), 2, 3, 1, 4), OF(PTR(2, 0, 0, 0), 0, 3), OF(PTR(2, 0, 1, 3), 3, 0),               \
        OF(PTR(2, 0, 17, 19), 19, 1), OF(PTR(3, 0, 10, 150, 300), 300, 131),                                 \
        OF((&(const tl_segments){ thousand, 1000 }), 2000, 17)

#define SEGMENTED_REFUSALS                                                                                   \
    REFUSED(TL_SCALAR_OPERAND, PTR(0, 0), TL_ERR_SHAPE, "a (scalar) has no rows"),                           \
        REFUSED(TL_DENSE_OPERAND(3, 4), PTR(-1, 0), TL_ERR_ARGUMENT, "-1 segments"),                         \
        REFUSED(TL_DENSE_OPERAND(3, 4), (&(const tl_segments){ NULL, 0 }), TL_ERR_ARGUMENT,                  \
                "row_ptr is NULL"),                                                                          \
        REFUSED(TL_DENSE_OPERAND(3, 4), PTR(2, 0, 1, 4), TL_ERR_INDEX,                                       \
                "row_ptr[2] = 4, a (3x4) has 3 rows"),                                                       \
        REFUSED(TL_DENSE_OPERAND(3, 4), PTR(1, -1, 2), TL_ERR_INDEX, "row_ptr[0] = -1, a (3x4) has 3 rows"), \
        REFUSED(TL_DENSE_OPERAND(3, 4), PTR(2, 0, 2, 1), TL_ERR_ARGUMENT,                                    \
                "row_ptr[2] = 1 is below row_ptr[1] = 2")

/* The rest of a case. One input; the segments tell its rows. */
#define SEGMENTS_CASE(skipped)                                                                               \
    .n_in = 1, .op = op, .reference = reference, .sample = samples,                                          \
    .n_samples = sizeof samples / sizeof *samples,                                                           \
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE) | (skipped)

/* Returns the shape of the result. */
static inline tl_shape segmented(const tl_reference *r)
{
    tl_shape y = r->shape[0];
    y.dim[0] = ((const tl_segments *)r->attr)->n;
    return y;
}

typedef tl_node *segments_op(tl_node *a, const int64_t *row_ptr, int64_t n);

/* Checks that sums are in double: of one segment of 256 rows, and 2^24 + 1 is no float. */
static inline void check_long_sums(segments_op *op, double expected)
{
    enum { N = 256 };
    tl_real x[N];
    for (int k = 0; k < N; k++)
        x[k] = k == 0 ? 0x1p24f : k == N - 1 ? 2 : 1;
    tl_graph *g = tl_graph_new();
    tl_node *y = op(tl_input(g, TL_SHAPE(N, 1), x), (const int64_t[]){ 0, N }, 1);
    ck_assert_values(tl_value(y), 1, 0, expected);
    tl_graph_free(g);
}

/* Checks that row_ptr is copied by the call: the caller's may change. */
static inline void check_row_ptr_is_copied(segments_op *op)
{
    tl_variable *v = tl_test_dense("a", TL_SHAPE(2), 1);
    tl_graph *g = tl_graph_new();
    int64_t row_ptr[] = { 0, 1, 2 };
    tl_node *y = op(tl_use(g, v), row_ptr, 2);
    row_ptr[1] = row_ptr[2] = 1000;
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 2, 0, 1, 1);
    tl_graph_free(g);
    tl_variable_free(v);
}

#endif
