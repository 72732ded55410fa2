/* A layer on a tape, for tests of connections that move. */
#ifndef TL_ONE_LAYER_H
#define TL_ONE_LAYER_H

#include "tests/testing.h"

enum { BATCH = 3 };

/* Y = X W on the tape, with a loss whose gradient by Y is dY: dW = X^T dY. All numbers are small integers, so
 * that sums are exact, and ties many. */
typedef struct layer {
    int64_t rows, cols;
    tl_variable *w;
    tl_graph *g;
    tl_real *x, *dy;   /* BATCH x rows, BATCH x cols */
    tl_real *value;    /* [rows * cols] of w; what does not exist is 0 */
    tl_real *gradient; /* likewise, of all cells */
} layer;

enum { SPARSE, MASKED, DENSE, KINDS };

static inline tl_real *integers(int64_t n, int64_t bound, uint64_t seed)
{
    tl_random r = { .seed = seed };
    tl_real *values = malloc((size_t)(n + 1) * sizeof *values);
    for (int64_t k = 0; k < n; k++)
        values[k] = (tl_real)(tl_random_integer(&r, 2 * bound + 1) - bound);
    return values;
}

/* Takes over the reference to the pattern. */
static inline layer layer_new(tl_pattern *p, int kind)
{
    const int64_t rows = tl_pattern_rows(p), cols = tl_pattern_cols(p);
    layer a = { .rows = rows, .cols = cols, .g = tl_graph_new() };
    a.w = kind == SPARSE ? tl_variable_sparse("w", p) : tl_variable_dense("w", TL_SHAPE(rows, cols));
    if (kind == MASKED)
        ck_assert_ok(tl_variable_set_mask(a.w, p));
    a.x = integers(BATCH * rows, 2, 1);
    a.dy = integers(BATCH * cols, 2, 2);
    a.value = integers(rows * cols, 3, 3);
    a.gradient = calloc((size_t)(rows * cols + 1), sizeof *a.gradient);
    tl_real *data = tl_variable_data(a.w);
    for (int64_t c = 0; c < rows * cols; c++) {
        const int64_t e = kind == DENSE ? c : tl_pattern_find(p, c / cols, (int32_t)(c % cols));
        if (e < 0)
            a.value[c] = 0;
        else
            data[kind == SPARSE ? e : c] = a.value[c];
        for (int s = 0; s < BATCH; s++)
            a.gradient[c] += a.x[s * rows + c / cols] * a.dy[s * cols + c % cols];
    }
    tl_pattern_release(p);
    return a;
}

static inline void layer_free(layer *a)
{
    tl_graph_free(a->g);
    tl_variable_free(a->w);
    free(a->x);
    free(a->dy);
    free(a->value);
    free(a->gradient);
}

static inline tl_node *layer_output(const layer *a)
{
    tl_node *x = tl_input(a->g, TL_SHAPE(BATCH, a->rows), a->x), *w = tl_use(a->g, a->w);
    return tl_variable_is_sparse(a->w) ? tl_dense_sparse_matmul(x, w, TL_NO_TRANSPOSE) : tl_matmul(x, w);
}

static inline tl_node *layer_loss(const layer *a)
{
    tl_node *dy = tl_input(a->g, TL_SHAPE(BATCH, a->cols), a->dy);
    return tl_reduce_sum(tl_mul(layer_output(a), dy), TL_ALL_AXES);
}

static inline void layer_backward(const layer *a)
{
    tl_gradients pairs;
    tl_graph_reset(a->g);
    ck_assert_ok(tl_backward(layer_loss(a), &pairs));
}

#endif
