/* Gradient centralization: subtracts from each column of a matrix's gradient its mean over existing
 * connections. */
#include "transform.h"
#include "graph/transform/scale.h"
#include "graph/variable/variable_private.h"
#include "lib/search.h"

enum { STRIP = 256 }; /* columns per sweep over the rows */

typedef struct strip {
    int64_t first, end; /* columns */
    double sum[STRIP];
    int64_t count[STRIP];
} strip;

/* Adds a value of column j to its sum, or subtracts the mean from it. */
static void visit(strip *c, int64_t j, tl_real *x, bool subtract)
{
    const int64_t k = j - c->first;
    if (subtract) {
        *x -= (tl_real)(c->sum[k] / (double)c->count[k]);
    } else {
        c->sum[k] += (double)*x;
        c->count[k]++;
    }
}

/* Visits the existing values of the strip's columns, row by row. */
static void visit_all(const tl_gradient *pair, strip *c, bool subtract)
{
    const tl_variable *v = pair->variable;
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    if (!v->pattern) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = c->first; j < c->end; j++)
                visit(c, j, &pair->values[i * cols + j], subtract);
        return;
    }
    const tl_csr s = tl_pattern_csr(v->pattern);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t end = s.row_ptr[i + 1];
        int64_t e = tl_lower_bound(s.col, s.row_ptr[i], end, c->first);
        for (; e < end && s.col[e] < c->end; e++)
            visit(c, s.col[e], &pair->values[v->sparse ? e : i * cols + s.col[e]], subtract);
    }
}

tl_status tl_centralize(tl_gradients *g, void *context)
{
    (void)context;
    if (tl_transform_check("centralize", g) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (int32_t i = 0; i < g->n; i++) {
        const tl_gradient *pair = &g->pair[i];
        if (tl_gradient_size(pair) == 0 || pair->rows || pair->variable->shape.rank < 2)
            continue;
        const int64_t cols = tl_shape_cols(pair->variable->shape);
        for (int64_t j = 0; j < cols; j += STRIP) {
            strip c = { .first = j, .end = cols - j < STRIP ? cols : j + STRIP };
            visit_all(pair, &c, false);
            visit_all(pair, &c, true);
        }
    }
    return TL_OK;
}
