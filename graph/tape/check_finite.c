/* The checking mode: the first op whose output or gradient is not finite fails the step. */
#include "graph/tape/tape.h"
#include "lib/kernels/kernels.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tl_check_finite_default(void)
{
    enum { UNKNOWN, OFF, ON };
    static atomic_int mode;
    int known = atomic_load(&mode);
    if (known == UNKNOWN) {
        const char *text = getenv("TULLE_CHECK_FINITE");
        const int asked = text && strcmp(text, "1") == 0 ? ON : OFF;
        if (atomic_compare_exchange_strong(&mode, &known, asked))
            known = asked;
    }
    return known == ON;
}

void tl_graph_check_finite(tl_graph *g, bool on)
{
    if (g)
        g->check_finite = on;
}

/* Returns the index of the first value that is not finite, n if there is none. Tests whole chunks first: a
 * loop with an early exit does not vectorise. */
static int64_t first_non_finite(int64_t n, const tl_real *x)
{
    enum { CHUNK = 1 << 12 };
    for (int64_t begin = 0; begin < n; begin += CHUNK) {
        const int64_t m = n - begin < CHUNK ? n - begin : CHUNK;
        bool minus_zero;
        if (isfinite(tl_kernel_table()->max_abs(m, x + begin, &minus_zero)))
            continue;
        int64_t k = begin;
        while (isfinite(x[k]))
            k++;
        return k;
    }
    return n;
}

/* Returns x for a message: NaN without its sign. */
static double printable(tl_real x)
{
    return isnan(x) ? (double)NAN : (double)x;
}

/* Appends an input to the text, with its first value that is not finite, as in "0 (x, 3x4, with [5] = nan)":
 * outputs of ops were found finite before, but not values of variables and constants, nor -Inf. */
static void append_input(char *text, size_t size, int32_t i, const tl_node *a)
{
    const size_t used = strlen(text);
    const int64_t k = first_non_finite(a->size, a->val);
    if (k == a->size)
        snprintf(text + used, size - used, "%d (%s)", (int)i, tl_input_text(a).text);
    else
        snprintf(text + used, size - used, "%d (%s, with [%lld] = %g)", (int)i, tl_input_text(a).text,
                 (long long)k, printable(a->val[k]));
}

/* Writes "of inputs 0 (a, 3x4), 1 (b, [4])", of the first inputs only if there are many. */
static void write_inputs(char *text, size_t size, const tl_node *y)
{
    enum { MOST = 4 };
    int32_t present = 0, shown = 0;
    for (int32_t i = 0; i < y->n_in; i++)
        present += y->in[i] != NULL;
    snprintf(text, size, "of input%s ", present == 1 ? "" : "s");
    for (int32_t i = 0; i < y->n_in && shown < MOST; i++) {
        if (!y->in[i])
            continue;
        if (shown++ > 0)
            snprintf(text + strlen(text), size - strlen(text), ", ");
        append_input(text, size, i, y->in[i]);
    }
    if (present > shown)
        snprintf(text + strlen(text), size - strlen(text), " and %d more", (int)(present - shown));
}

/* Returns whether -Inf in y excludes elements: the op puts it there, or passes on that of a constant or of
 * another op, which was found to exclude. */
static bool may_exclude(const tl_node *y)
{
    if (y->op->excludes)
        return true;
    for (int32_t i = 0; i < y->n_in; i++) {
        const tl_node *a = y->in[i];
        for (int64_t k = 0; a && !a->variable && k < a->size; k++)
            if (a->val[k] == -(tl_real)INFINITY)
                return true;
    }
    return false;
}

/* Returns the index of the first value that is at fault, y's size if there is none. */
static int64_t first_fault(const tl_node *y)
{
    int64_t k = first_non_finite(y->size, y->val);
    if (k < y->size && y->val[k] == -(tl_real)INFINITY && may_exclude(y))
        while (k < y->size && (isfinite(y->val[k]) || y->val[k] == -(tl_real)INFINITY))
            k++;
    return k;
}

void tl_check_output(tl_node *y)
{
    const int64_t k = first_fault(y);
    if (k == y->size)
        return;
    char inputs[TL_ERROR_SIZE];
    write_inputs(inputs, sizeof inputs, y);
    tl_graph_fail(y->graph, y->op->name,
                  tl_fail(TL_ERR_NUMERIC, "the output is not finite: y[%lld] = %g, %s", (long long)k,
                          printable(y->val[k]), inputs));
}

/* Fails with element k of the gradient of input i. */
static void fail_gradient(tl_node *y, int32_t i, int64_t k, tl_real value)
{
    tl_graph_fail(y->graph, y->op->name,
                  tl_fail(TL_ERR_NUMERIC, "the gradient of input %d (%s) is not finite: [%lld] = %g", (int)i,
                          tl_input_text(y->in[i]).text, (long long)k, printable(value)));
}

void tl_check_input_gradients(tl_node *y)
{
    for (int32_t i = 0; i < y->n_in; i++) {
        const tl_node *a = y->in[i];
        const int64_t n = a && a->grad ? a->size : 0, k = n > 0 ? first_non_finite(n, a->grad) : 0;
        if (k < n) {
            fail_gradient(y, i, k, a->grad[k]);
            return;
        }
    }
}

void tl_check_row_slices(tl_node *y, int32_t i, const tl_row_slices *s)
{
    const int64_t width = y->in[i]->size / y->in[i]->shape.dim[0];
    for (int64_t k = 0; k < s->n; k++) {
        tl_real coef;
        const tl_real *values = tl_row_slice(s, k, width, &coef);
        for (int64_t j = 0; j < width; j++)
            if (!isfinite(coef * values[j])) {
                fail_gradient(y, i, s->rows[k] * width + j, coef * values[j]);
                return;
            }
    }
}
