/* What the reference says of a sample, and comparisons with it. */
#include "graph/check/op_check_private.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Elements after those of an operand, all 0: where a size is 0, a reference may read as if it were not. */
enum { PADDING = 4096 };

/* Stores the values of operand i, expanded if it is sparse. */
static tl_status expand(const tl_operands *o, int32_t i, tl_reference *r)
{
    tl_variable *v = o->v[i];
    const tl_real *x = tl_variable_values(v);
    const int64_t size = tl_shape_size(tl_variable_shape(v));
    double *in = calloc((size_t)size + PADDING, sizeof *in);
    r->in[i] = in;
    uint8_t *keep = NULL;
    if (in && tl_variable_is_sparse(v))
        r->keep[i] = keep = calloc((size_t)size + PADDING, 1);
    if (!in || (tl_variable_is_sparse(v) && !keep))
        return tl_check_no_memory();
    if (!keep) {
        for (int64_t k = 0; k < size; k++)
            in[k] = (double)x[k];
        return TL_OK;
    }
    const tl_csr csr = tl_pattern_csr(tl_variable_pattern(v));
    for (int64_t row = 0; row < csr.rows; row++)
        for (int64_t e = csr.row_ptr[row]; e < csr.row_ptr[row + 1]; e++) {
            in[row * csr.cols + csr.col[e]] = (double)x[e];
            keep[row * csr.cols + csr.col[e]] = 1;
        }
    return TL_OK;
}

tl_status tl_answer_compute(const tl_operands *o, tl_answer *a)
{
    *a = (tl_answer){ .r = { .n_in = o->n, .attr = o->sample->attr } };
    for (int32_t i = 0; i < o->n; i++) {
        a->r.shape[i] = o->sample->in[i].shape;
        if (o->v[i] && expand(o, i, &a->r) != TL_OK)
            return TL_ERR_MEMORY;
    }
    a->r.y = calloc(TL_REFERENCE_MAX, sizeof *a->r.y);
    a->r.terms = calloc(TL_REFERENCE_MAX, sizeof *a->r.terms);
    a->r.y_keep = calloc(TL_REFERENCE_MAX, 1);
    if (!a->r.y || !a->r.terms || !a->r.y_keep)
        return tl_check_no_memory();
    a->shape = o->subject->op->reference(&a->r);
    return TL_OK;
}

void tl_answer_free(tl_answer *a)
{
    for (int32_t i = 0; i < TL_SAMPLE_IN; i++) {
        free((void *)(uintptr_t)a->r.in[i]);
        free((void *)(uintptr_t)a->r.keep[i]);
    }
    free(a->r.y);
    free(a->r.terms);
    free(a->r.y_keep);
    *a = (tl_answer){ 0 };
}

/* ---- Comparisons ---- */

tl_status tl_compare_shape(const tl_operands *o, const tl_answer *a, const tl_node *y)
{
    const tl_subject *s = o->subject;
    if (!tl_shape_equal(tl_shape_of(y), a->shape))
        return tl_report(s, o->sample, "the result is %s, not %s", tl_shape_text(tl_shape_of(y)).text,
                         tl_shape_text(a->shape).text);
    if (a->r.sparse != (tl_pattern_of(y) != NULL))
        return tl_report(s, o->sample, "the result is %s", a->r.sparse ? "dense, not sparse" : "sparse");
    if (!a->r.sparse)
        return TL_OK;
    int64_t nnz = 0;
    for (int64_t k = 0; k < tl_shape_size(a->shape); k++) {
        const int64_t row = k / a->shape.dim[1], col = k % a->shape.dim[1];
        const bool exists = tl_pattern_find(tl_pattern_of(y), row, (int32_t)col) >= 0;
        if (exists != (a->r.y_keep[k] != 0))
            return tl_report(s, o->sample, "entry (%lld, %lld) is %s", (long long)row, (long long)col,
                             exists ? "there" : "not there");
        nnz += exists;
    }
    if (nnz != y->size)
        return tl_report(s, o->sample, "the result has %lld values, of %lld entries", (long long)y->size,
                         (long long)nnz);
    return TL_OK;
}

/* Returns the unit in the last place of |x| as a tl_real. */
static double unit_of(double x)
{
    const bool is_double = sizeof(tl_real) == sizeof(double);
    const int digits = is_double ? DBL_MANT_DIG : FLT_MANT_DIG;
    const int least = (is_double ? DBL_MIN_EXP : FLT_MIN_EXP) - digits;
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, x == 0 || exponent - digits < least ? least : exponent - digits);
}

/* Returns the error of a value in units in the last place of the largest term. */
static double error_of(tl_real got, double want, double terms)
{
    if (got == (tl_real)want || (isnan(got) && isnan(want)))
        return 0;
    const double error = fabs((double)got - want) / unit_of(fmax(fabs(want), terms));
    return isnan(error) ? INFINITY : error;
}

/* Returns the index, row-major, of value k of y, row by row: *row is that of the value before. */
static int64_t index_of(const tl_node *y, int64_t k, int64_t *row)
{
    const tl_csr csr = tl_pattern_csr(y->pattern);
    if (!y->pattern)
        return k;
    while (csr.row_ptr[*row + 1] <= k)
        ++*row;
    return *row * csr.cols + csr.col[k];
}

tl_status tl_compare_values(const tl_operands *o, const tl_answer *a, const tl_node *y)
{
    const tl_subject *s = o->subject;
    const tl_real *got = tl_value(y);
    double most = s->op->ulps + 0.5; /* the reference is not rounded */
    int64_t worst = -1, at = 0, row = 0;
    for (int64_t k = 0; k < y->size; k++) {
        const int64_t i = index_of(y, k, &row);
        const double error = error_of(got[k], a->r.y[i], a->r.terms[i]);
        if (error > most) {
            worst = k;
            at = i;
            most = error;
        }
    }
    if (worst < 0)
        return TL_OK;
    if (s->unary)
        return tl_report(s, o->sample, "f(%.17g) is %.17g, not %.17g (%.3g units in the last place)",
                         a->r.in[0][at], (double)got[worst], a->r.y[at], most);
    return tl_report(s, o->sample, "y[%lld] is %.17g, not %.17g (%.3g units in the last place)",
                     (long long)worst, (double)got[worst], a->r.y[at], most);
}
