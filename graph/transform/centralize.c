/* Gradient centralization: from each gradient of a matrix, the mean of its column over existing
 * connections. */
#include "transform.h"
#include "graph/variable/variable_private.h"

enum { STRIP = 256 }; /* columns per sweep over the rows */

typedef struct strip {
    int64_t first, end; /* columns */
    double sum[STRIP];
    int64_t count[STRIP];
} strip;

/* Adds the existing values of these columns to their sums, or subtracts the means from the values. */
static void visit(const tl_gradient *pair, strip *c, bool subtract)
{
    const tl_variable *v = pair->variable;
    const tl_pattern *p = v->pattern;
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    for (int64_t i = 0; i < rows; i++) {
        int64_t e = p ? tl_pattern_row_ptr(p)[i] : c->first;
        const int64_t end = p ? tl_pattern_row_ptr(p)[i + 1] : c->end;
        while (p && e < end && tl_pattern_col(p)[e] < c->first)
            e++;
        for (; e < end && (!p || tl_pattern_col(p)[e] < c->end); e++) {
            const int64_t j = p ? tl_pattern_col(p)[e] : e, k = j - c->first;
            tl_real *x = &pair->values[v->sparse ? e : i * cols + j];
            if (subtract) {
                *x -= (tl_real)(c->sum[k] / (double)c->count[k]);
            } else {
                c->sum[k] += (double)*x;
                c->count[k]++;
            }
        }
    }
}

tl_status tl_centralize(tl_gradients *g, void *context)
{
    (void)context;
    for (int32_t i = 0; i < g->n; i++) {
        const tl_gradient *pair = &g->pair[i];
        if (!pair->values || pair->rows || pair->variable->shape.rank < 2)
            continue;
        const int64_t cols = tl_shape_cols(pair->variable->shape);
        for (int64_t j = 0; j < cols; j += STRIP) {
            strip c = { .first = j, .end = cols - j < STRIP ? cols : j + STRIP };
            visit(pair, &c, false);
            visit(pair, &c, true);
        }
    }
    return TL_OK;
}
