/* Stage: the gradient at the cells that a sparse operand lacks (tl_op.gradient_rows). */
#include "gradient.h"
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Makes operands of those of `o` with all cells in operand i: 0 in those that it lacks. */
static tl_status operands_with_all(const tl_operands *o, int32_t i, tl_operands *out)
{
    const tl_csr csr = tl_pattern_csr(tl_variable_pattern(o->v[i]));
    tl_pattern *all = tl_pattern_random(csr.rows, csr.cols, 1, 0);
    *out = *o;
    out->v[i] = all ? tl_variable_sparse(tl_variable_name(o->v[i]), all) : NULL;
    tl_pattern_release(all);
    if (!out->v[i])
        return tl_report_error(o->subject, o->sample, "an operand");
    tl_real *x = tl_variable_data(out->v[i]);
    for (int64_t row = 0; row < csr.rows; row++)
        for (int64_t e = csr.row_ptr[row]; e < csr.row_ptr[row + 1]; e++)
            x[row * csr.cols + csr.col[e]] = tl_variable_values(o->v[i])[e];
    return TL_OK;
}

/* Adds the rows of the gradient of input i of y, which the op adds to what is there, in two pieces. */
static void add_rows(const tl_node *y, int32_t i, tl_real *to)
{
    const int64_t rows = y->in[i]->shape.dim[0], cols = y->in[i]->shape.dim[1], piece = rows / 3;
    y->op->gradient_rows(y, i, 0, piece, to);
    y->op->gradient_rows(y, i, piece, rows - piece, to + piece * cols);
}

/* Compares n values, which were added to those of `before`. */
static tl_status compare_added(const tl_operands *o, int32_t i, const tl_real *before, const tl_real *sum,
                               const tl_real *gradient, int64_t n)
{
    double largest = 1;
    for (int64_t k = 0; k < n; k++)
        largest = fmax(largest, fabs((double)gradient[k]));
    const double bound = largest * (sizeof(tl_real) == sizeof(double) ? 1e-11 : 1e-4);
    for (int64_t k = 0; k < n; k++) {
        const double got = (double)sum[k] - (double)before[k];
        if (!(fabs(got - (double)gradient[k]) <= bound))
            return tl_report(o->subject, o->sample,
                             "gradient_rows adds %.9g to %s[%lld], whose gradient is %.9g", got,
                             tl_variable_name(o->v[i]), (long long)k, (double)gradient[k]);
    }
    return TL_OK;
}

/* Checks operand i of y, whose gradient with all cells is `gradient`. */
static tl_status check_rows(const tl_operands *o, int32_t i, tl_node *y, const tl_real *gradient)
{
    const int64_t n = tl_shape_size(y->in[i]->shape);
    tl_real *upstream = malloc((size_t)(y->size + 1) * sizeof *upstream),
            *before = malloc((size_t)(n + 1) * sizeof *before), *sum = malloc((size_t)(n + 1) * sizeof *sum);
    tl_status status = upstream && before && sum ? TL_OK : tl_check_no_memory();
    if (status == TL_OK) {
        tl_gradients out;
        tl_fill_upstream(upstream, y->size);
        tl_fill_upstream(before, n);
        memcpy(sum, before, (size_t)n * sizeof *sum);
        if (tl_backward(tl_dot_node(y, upstream), &out) != TL_OK)
            status = tl_report_error(o->subject, o->sample, "refused");
    }
    if (status == TL_OK) {
        add_rows(y, i, sum);
        status = compare_added(o, i, before, sum, gradient, n);
    }
    free(upstream);
    free(before);
    free(sum);
    return status;
}

static tl_status check_operand(const tl_operands *o, int32_t i, tl_node *y)
{
    tl_operands whole;
    tl_run r = { 0 };
    tl_graph *g = tl_graph_new();
    tl_status status = operands_with_all(o, i, &whole);
    if (status == TL_OK && !g)
        status = tl_check_no_memory();
    if (status == TL_OK && tl_run_call(g, &whole, (uint32_t)1 << i, NULL, &r) != TL_OK)
        status = tl_report_error(o->subject, o->sample, "refused with all cells");
    if (status == TL_OK)
        status = check_rows(o, i, y, r.gradient[i]);
    tl_run_free(&r);
    tl_graph_free(g);
    tl_variable_free(whole.v[i]);
    return status;
}

static tl_status check_sample(const tl_operands *o)
{
    tl_node *in[TL_SAMPLE_IN];
    tl_status status = TL_OK;
    for (int32_t i = 0; status == TL_OK && i < o->n; i++) {
        if (!o->v[i] || !tl_variable_is_sparse(o->v[i]) || !(o->gradable >> i & 1))
            continue;
        tl_graph *g = tl_graph_new();
        if (!g)
            return tl_check_no_memory();
        tl_record_leaves(g, o, o->gradable, in);
        tl_node *y = tl_call(o, in);
        if (!y)
            status = tl_report(o->subject, o->sample, "refused: %s", tl_graph_error(g));
        else if (y->op->gradient_rows && (i >= y->n_in || y->in[i] != in[i]))
            status = tl_report(o->subject, o->sample, "operand %d is not input %d of the op", (int)i, (int)i);
        else if (y->op->gradient_rows)
            status = check_operand(o, i, y);
        tl_graph_free(g);
    }
    return status;
}

/* The gradient of an operand that has all cells is known: the other stages have checked it. */
tl_status tl_stage_absent(const tl_subject *s)
{
    return s->op->composed ? TL_OK : tl_check_samples(s, TL_DRAW_VALUES, check_sample);
}
