/* sparse_add_thresholded: Y = S without the entries of magnitude below a threshold, for S = A + B as
 * sparse_add has it.  dS += dY at Y's entries. */
#include "describe.h"
#include "op.h"
#include "ops.h"
#include "tangent.h"

#include <math.h>
#include <string.h>

struct attr {
    tl_real threshold;
    /* What `shape` finds, unless they are given, by a tangent: Y's entry k is S's entry kept[k]. */
    tl_pattern *pattern;
    const int32_t *kept;
};

static bool has_entries(const tl_pattern *p, int64_t rows, const int64_t *row_ptr, const int32_t *col)
{
    const tl_csr csr = tl_pattern_csr(p);
    return p && memcmp(csr.row_ptr, row_ptr, (size_t)(rows + 1) * sizeof *row_ptr) == 0 &&
           memcmp(csr.col, col, (size_t)csr.nnz * sizeof *col) == 0;
}

/* Finds the entries that are kept, and a pattern of them: that of the step before if it has the same. */
static tl_status find(tl_node *y, struct attr *attr)
{
    tl_pattern *of_s = y->in[0]->pattern;
    const tl_csr s = tl_pattern_csr(of_s);
    const tl_real *val = tl_value(y->in[0]);
    int32_t *kept = tl_scratch(y, s.nnz, sizeof *kept), *col = tl_scratch(y, s.nnz, sizeof *col);
    int64_t *row_ptr = tl_scratch(y, s.rows + 1, sizeof *row_ptr), n = 0;
    if (!kept || !col || !row_ptr || !val)
        return TL_ERR_MEMORY;
    for (int64_t i = 0; i < s.rows; i++) {
        row_ptr[i] = n;
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
            if (!(fabs((double)val[e]) < (double)attr->threshold)) { /* a NaN is kept */
                kept[n] = (int32_t)e;
                col[n++] = s.col[e];
            }
    }
    row_ptr[s.rows] = n;
    attr->kept = kept;
    attr->pattern = tl_memo_pattern(y, of_s, NULL);
    if (has_entries(attr->pattern, s.rows, row_ptr, col))
        return TL_OK;
    attr->pattern = tl_pattern_from_csr(s.rows, s.cols, row_ptr, col);
    return attr->pattern ? tl_memo_store(y, of_s, NULL, attr->pattern) : TL_ERR_MEMORY;
}

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    if (!(attr->threshold >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "the threshold is %g, and must be 0 or more",
                       (double)attr->threshold);
    const tl_status status = attr->pattern ? TL_OK : find(y, attr);
    return status == TL_OK ? tl_shape_sparse(y, attr->pattern) : status;
}

static void forward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int32_t *kept = ((const struct attr *)y->attr)->kept;
    for (int64_t k = begin; k < end; k++)
        y->out[k] = y->in[0]->val[kept[k]];
}

static void forward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, forward_range, y);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int32_t *kept = ((const struct attr *)y->attr)->kept;
    for (int64_t k = begin; k < end; k++)
        y->in[0]->grad[kept[k]] += y->grad[k];
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, backward_range, y);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "threshold", (double)((const struct attr *)y->attr)->threshold);
}

static const tl_op op = {
    .name = "sparse_add_thresholded",
    .n_in = 1,
    .in_kind = { TL_SPARSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_sparse_add_thresholded(tl_node *a, tl_node *b, tl_real threshold)
{
    const struct attr attr = { .threshold = threshold };
    return tl_apply(&op, (tl_node *[]){ tl_sparse_add(a, b) }, &attr, sizeof attr);
}
