/* Gradients of operands that were broadcast. An element of the operand is an output, and has s0 s1 s2 terms
 * (of tl_fold), which are added in order, in double. Threads share the outputs; if these are few, the terms
 * are divided into parts, whose number depends on sizes only. */
#include "graph/tools/driver.h"
#include "graph/tools/operand.h"
#include "reduce.h"
#include "strided.h"

#include <string.h>

enum {
    BUFFER = 4 * TL_STRIP_MAX, /* terms that are computed at once */
    WIDTH = BUFFER,            /* outputs that are summed together */
    MAX_PARTS = 64,
    MAX_PARTIAL = 2048, /* sums of all parts */
};

typedef struct sums {
    const tl_operands *o;
    const tl_operand *in;
    tl_fold fold;
    tl_strip_fn *gradient;
    /* Unless x is NULL, the terms are x[at] (z[at]) for element `at` of Y; z may be NULL. */
    const tl_real *x, *z;
    int sign;
    int64_t outputs, terms, parts;
    double *partial; /* of all outputs, part by part; NULL if there is one part */
} sums;

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns n consecutive terms from `at`, and sets *z to what they are to be multiplied with, or NULL. If they
 * have to be computed, n is at most BUFFER. */
static const tl_real *terms(const sums *c, int64_t at, int64_t n, tl_real *g, const tl_real **z)
{
    *z = c->z ? c->z + at : NULL;
    if (c->x)
        return c->x + at;
    tl_walk w;
    tl_walk_to(&w, c->o, at);
    while (w.at < at + n) {
        tl_real *out = g + (w.at - at);
        tl_walk_strip(&w, at + n - w.at);
        c->gradient(&w.strip, out);
    }
    return g;
}

/* ---- Outputs side by side: their terms have a stride ---- */

/* Adds terms begin .. end-1 of `width` consecutive outputs to their sums. */
static void add_rows(const sums *c, int64_t output, int64_t width, int64_t begin, int64_t end, double *sum)
{
    const tl_fold *f = &c->fold;
    const int64_t k0 = output / f->k1, k1 = output % f->k1;
    const int64_t most = c->x ? end : width == f->k1 ? BUFFER / width : 1;
    _Alignas(64) tl_real g[BUFFER];
    for (int64_t t = begin, rows; t < end; t += rows) {
        const int64_t s0 = t / f->s1, s1 = t % f->s1;
        const int64_t at = ((s0 * f->k0 + k0) * f->s1 + s1) * f->k1 + k1;
        rows = min(most, min(end - t, f->s1 - s1));
        const tl_real *z, *x = terms(c, at, (rows - 1) * f->k1 + width, g, &z);
        tl_kernel_table()->sum_rows(rows, width, f->k1, x, z, sum);
    }
}

/* ---- Terms that follow one another ---- */

/* Adds terms begin .. end-1 of one output to its sum. */
static void add_runs(const sums *c, int64_t output, int64_t begin, int64_t end, double *sum)
{
    const tl_fold *f = &c->fold;
    const int64_t k0 = output / f->k1, k1 = output % f->k1, most = c->x ? end : BUFFER;
    _Alignas(64) tl_real g[BUFFER];
    for (int64_t t = begin, n; t < end; t += n) {
        const int64_t s2 = t % f->s2, s1 = t / f->s2 % f->s1, s0 = t / f->s2 / f->s1;
        const int64_t at = (((s0 * f->k0 + k0) * f->s1 + s1) * f->k1 + k1) * f->s2 + s2;
        n = min(most, min(end - t, f->s2 - s2));
        const tl_real *z, *x = terms(c, at, n, g, &z);
        *sum += tl_sum_run(n, x, z);
    }
}

/* The same for all terms of `width` consecutive outputs, if each has one short run. */
static void add_short_runs(const sums *c, int64_t output, int64_t width, double *sum)
{
    const int64_t n = c->terms, most = BUFFER / n;
    _Alignas(64) tl_real g[BUFFER];
    for (int64_t j = 0; j < width; j += most) {
        const int64_t m = min(most, width - j);
        const tl_real *z, *x = terms(c, (output + j) * n, m * n, g, &z);
        for (int64_t k = 0; k < m; k++)
            sum[j + k] += tl_sum_run(n, x + k * n, z ? z + k * n : NULL);
    }
}

/* ---- Outputs, parts ---- */

/* Adds terms begin .. end-1 of `width` outputs of one k0 to their sums. */
static void add_terms(const sums *c, int64_t output, int64_t width, int64_t begin, int64_t end, double *sum)
{
    const tl_fold *f = &c->fold;
    if (f->s2 == 1)
        add_rows(c, output, width, begin, end, sum);
    else if (c->parts == 1 && c->terms == f->s2 && f->s2 <= BUFFER)
        add_short_runs(c, output, width, sum);
    else
        for (int64_t j = 0; j < width; j++)
            add_runs(c, output + j, begin, end, sum + j);
}

/* Adds n sums to the gradient from `output`, or assigns them. */
static void deliver(const sums *c, int64_t output, int64_t n, const double *sum)
{
    tl_real *grad = c->in->node->grad + output;
    if (c->in->node->overwrite)
        for (int64_t j = 0; j < n; j++)
            grad[j] = (tl_real)(c->sign * sum[j]);
    else
        for (int64_t j = 0; j < n; j++)
            grad[j] += (tl_real)(c->sign * sum[j]);
}

static void sum_outputs(void *context, int64_t begin, int64_t end)
{
    const sums *c = context;
    const int64_t k1 = c->fold.k1;
    _Alignas(64) double sum[WIDTH];
    for (int64_t j = begin, width; j < end; j += width) {
        width = min(WIDTH, min(end - j, k1 - j % k1));
        memset(sum, 0, (size_t)width * sizeof *sum);
        add_terms(c, j, width, 0, c->terms, sum);
        deliver(c, j, width, sum);
    }
}

/* The same for terms of a row that need not be computed. */
static void sum_columns(void *context, int64_t begin, int64_t end)
{
    const sums *c = context;
    _Alignas(64) double sum[WIDTH];
    for (int64_t j = begin, width; j < end; j += width) {
        width = min(WIDTH, end - j);
        for (int64_t k = 0; k < width; k++)
            sum[k] = 0;
        tl_kernel_table()->sum_rows(c->terms, width, c->outputs, c->x + j, c->z ? c->z + j : NULL, sum);
        deliver(c, j, width, sum);
    }
}

static void sum_parts(void *context, int64_t begin, int64_t end)
{
    const sums *c = context;
    const int64_t k1 = c->fold.k1, terms_of_part = (c->terms + c->parts - 1) / c->parts;
    for (int64_t part = begin; part < end; part++)
        for (int64_t j = 0; j < c->outputs; j += k1)
            add_terms(c, j, k1, min(c->terms, part * terms_of_part),
                      min(c->terms, (part + 1) * terms_of_part), c->partial + part * c->outputs + j);
}

/* Returns the number of parts into which the terms are divided: 1 if there are many outputs, or few terms. */
static int64_t parts_of(const sums *c)
{
    const int64_t worthwhile = c->o->y->size / (2 * TL_GRAIN);
    if (c->outputs > MAX_PARTIAL / 4 || worthwhile < 2)
        return 1;
    return min(min(worthwhile, c->terms), min(MAX_PARTS, MAX_PARTIAL / c->outputs));
}

/* Returns the number of outputs in a task, which decides no bit. One thread reads whole rows, because memory
 * is fastest in order. */
static int64_t outputs_of_task(const sums *c)
{
    enum { WIDE = 256, NARROW = 64, MANY = 1024 };
    const int64_t worthwhile = TL_GRAIN / (c->terms + 1);
    if (c->fold.s2 > 1)
        return 1 + worthwhile;
    if (c->outputs <= WIDTH && tl_num_threads() == 1)
        return c->outputs;
    return worthwhile > NARROW ? worthwhile : c->outputs < MANY ? NARROW : WIDE;
}

/* Recognises terms that need not be computed. */
static void recognise(sums *c, int i)
{
    const tl_operand *other = &c->o->in[1 - i];
    const tl_real *dy = c->o->y->grad;
    if (tl_is_pass(c->o->op, i)) {
        c->x = dy;
        c->sign = c->gradient == tl_strip_dy ? 1 : -1;
    } else if (c->gradient == (i == 0 ? tl_strip_dy_b : tl_strip_dy_a) && other->mode == TL_WHOLE) {
        c->x = dy;
        c->z = other->val;
    } else if (c->gradient == c->o->op->gradient[1 - i] && other->mode == TL_WHOLE && other->node->grad &&
               other->node->overwrite) {
        c->x = other->node->grad; /* to which they have just been assigned */
    }
}

void tl_sum_gradient(const tl_operands *o, int i)
{
    sums c = { .o = o, .in = &o->in[i], .gradient = o->op->gradient[i], .sign = 1 };
    c.outputs = c.in->node->size;
    c.terms = o->y->size / c.outputs;
    c.fold = c.in->mode == TL_SPREAD ? c.in->fold
             : c.outputs == 1        ? (tl_fold){ 1, 1, 1, 1, c.terms }
                                     : (tl_fold){ 1, 1, c.terms, c.outputs, 1 };
    c.parts = parts_of(&c);
    recognise(&c, i);
    if (c.parts == 1 && c.x && c.outputs == 1) {
        const double sum = tl_sum_run(c.terms, c.x, c.z);
        deliver(&c, 0, 1, &sum);
        return;
    }
    if (c.parts == 1) {
        const bool simple = c.x && c.fold.k1 == c.outputs && c.fold.s2 == 1;
        tl_run_tasks(c.outputs, outputs_of_task(&c), simple ? sum_columns : sum_outputs, &c);
        return;
    }
    double partial[MAX_PARTIAL];
    memset(partial, 0, (size_t)(c.parts * c.outputs) * sizeof *partial);
    c.partial = partial;
    tl_run_tasks(c.parts, 1, sum_parts, &c);
    for (int64_t part = 1; part < c.parts; part++)
        for (int64_t j = 0; j < c.outputs; j++)
            partial[j] += partial[part * c.outputs + j];
    deliver(&c, 0, c.outputs, partial);
}

void tl_sum_repeated(const tl_node *y)
{
    static const tl_binary pass = { .gradient = { tl_strip_dy } };
    const tl_node *a = y->in[0];
    if (a->size > 0 && y->size > 0) {
        tl_operands o = { .y = y, .op = &pass };
        tl_operand_init(&o.in[0], a, y, false);
        tl_sum_gradient(&o, 0);
    } else if (a->size > 0 && a->overwrite) {
        memset(a->grad, 0, (size_t)a->size * sizeof *a->grad);
    }
}
