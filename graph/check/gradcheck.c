/* Compares the gradients of several backward passes with central differences, which are computed once. */
#include "gradcheck.h"
#include "derivative.h"
#include "graph/backward/backward.h"
#include "lib/check.h"
#include "lib/memory.h"
#include "random.h"

#include <math.h>
#include <string.h>

static const double prefill = 0.5; /* of the gradients before the second pass; exact in every number type */

typedef struct check {
    tl_build build;
    void *context;
    tl_graph *graph;
    double step, tolerance;
    int64_t size;      /* of the result */
    tl_real *upstream; /* [size] random */
    double *numeric;   /* the central differences, variable by variable */
    tl_node *y;        /* of the last backward pass, whose graph is still there */
    tl_gradients g;
} check;

/* Computes the function's result in an empty graph, and checks that its size is that of the first call. */
static tl_status evaluate(const check *c, tl_node **y)
{
    tl_graph_reset(c->graph);
    *y = c->build(c->graph, c->context);
    if (tl_graph_status(c->graph) != TL_OK)
        return tl_fail(c->graph->status, "gradcheck: %s", c->graph->error);
    if (!*y)
        return tl_fail(TL_ERR_ARGUMENT, "gradcheck: the function returned NULL");
    if ((*y)->graph != c->graph)
        return tl_fail(TL_ERR_ARGUMENT, "gradcheck: the function's result is in another graph");
    if (c->upstream && (*y)->size != c->size)
        return tl_fail(TL_ERR_ARGUMENT, "gradcheck: the function gave %lld values, and now gives %lld",
                       (long long)c->size, (long long)(*y)->size);
    return TL_OK;
}

static tl_status draw_upstream(check *c, uint64_t seed)
{
    tl_node *y;
    tl_status status = evaluate(c, &y);
    if (status != TL_OK)
        return status;
    c->size = y->size;
    c->upstream = tl_alloc(c->size, sizeof *c->upstream);
    if (!c->upstream)
        return tl_fail_memory();
    tl_random r = { .seed = seed };
    for (int64_t k = 0; k < c->size; k++)
        c->upstream[k] = (tl_real)tl_random_normal(&r);
    return TL_OK;
}

/* Computes <U, f>. */
static tl_status inner_product(const check *c, double *out)
{
    tl_node *y;
    const tl_status status = evaluate(c, &y);
    if (status != TL_OK)
        return status;
    *out = 0;
    for (int64_t k = 0; k < y->size; k++)
        *out += (double)c->upstream[k] * (double)y->val[k];
    return TL_OK;
}

/* Checks whether the weight of value k exists: off a mask there is none. */
static bool exists(const tl_variable *v, int64_t k)
{
    if (v->sparse || !v->pattern)
        return true;
    const int64_t cols = tl_pattern_cols(v->pattern);
    return tl_pattern_find(v->pattern, k / cols, (int32_t)(k % cols)) >= 0;
}

/* Computes the central difference of <U, f> by the weight *w, which is restored. */
static tl_status difference(const check *c, tl_real *w, double *out)
{
    const tl_real was = *w;
    const double h = c->step * fmax(1, fabs((double)was));
    const tl_real up = (tl_real)((double)was + h), down = (tl_real)((double)was - h);
    double above = 0, below = 0;
    *w = up;
    tl_status status = inner_product(c, &above);
    *w = down;
    if (status == TL_OK)
        status = inner_product(c, &below);
    *w = was;
    *out = (above - below) / ((double)up - (double)down);
    return status;
}

/* Returns element k of a gradient of any kind. */
static double element(const tl_gradient *pair, int64_t k)
{
    if (!pair->values)
        return 0;
    if (!pair->rows)
        return (double)pair->values[k];
    const int64_t width = tl_row_width(pair->variable);
    for (int64_t i = 0; i < pair->n_rows; i++)
        if (pair->rows[i] == k / width)
            return (double)pair->values[i * width + k % width];
    return 0;
}

/* Compares one backward pass for n variables, whose gradients hold `before`, with the differences. */
static tl_status compare_pass(check *c, tl_variable *const *vars, int32_t n, double before,
                              const double *numeric)
{
    tl_status status = evaluate(c, &c->y);
    if (status == TL_OK)
        status = tl_backward_from(c->y,
                                  &(tl_backward_plan){ .upstream = c->upstream,
                                                       .prefill = (tl_real)before,
                                                       .variable = vars,
                                                       .n = n,
                                                       .poison = true },
                                  &c->g);
    if (status != TL_OK)
        return status;
    for (int32_t i = 0; i < n; i++)
        for (int64_t k = 0; k < vars[i]->size; k++, numeric++) {
            double analytic = element(&c->g.pair[i], k) - (c->g.pair[i].values ? before : 0);
            double scale = fmax(1, fmax(fabs(analytic), fabs(*numeric)));
            if (exists(vars[i], k) && !(fabs(analytic - *numeric) <= c->tolerance * scale)) /* a NaN fails */
                return tl_fail(TL_ERR_NUMERIC, "gradcheck: %s[%lld]: analytic %.9g, numeric %.9g%s",
                               vars[i]->name, (long long)k, analytic, *numeric,
                               before != 0 ? ", with gradients already present" : "");
        }
    return TL_OK;
}

/* A random direction v, and <J^T U, v> by the gradients of the last pass. */
typedef struct direction {
    tl_random r;
    tl_node **x, **dx;
    int32_t n;
    double product, scale; /* the sum of the terms, and 1 plus that of their magnitudes */
} direction;

/* Adds the part of v that belongs to the variable of a pair, if the function uses it. */
static tl_status add_direction(const check *c, const tl_gradient *pair, direction *d)
{
    const tl_variable *var = pair->variable;
    tl_node *x = d->x[d->n] = tl_leaf_of(c->graph, var);
    tl_real *v = tl_arena_alloc(&c->graph->arena, var->size, sizeof *v);
    if (!v)
        return tl_fail_memory();
    for (int64_t k = 0; k < var->size; k++) {
        v[k] = exists(var, k) ? (tl_real)tl_random_normal(&d->r) : 0;
        const double term = v[k] != 0 ? (double)v[k] * element(pair, k) : 0;
        d->product += term;
        d->scale += fabs(term);
    }
    if (!x)
        return TL_OK;
    d->dx[d->n++] = x->kind == TL_SPARSE ? tl_input_sparse(c->graph, x->pattern, v)
                                         : tl_input(c->graph, x->shape, v);
    return c->graph->status;
}

/* Compares <U, J v>, by tl_derivative, with <J^T U, v>, by the gradients of the last pass, which have been
 * compared with differences. */
static tl_status compare_tangents(const check *c, uint64_t seed)
{
    tl_arena *arena = &c->graph->arena;
    direction d = { .r = { .seed = seed, .position = 1 << 20 }, .scale = 1 };
    d.x = tl_arena_alloc(arena, c->g.n, sizeof *d.x);
    d.dx = tl_arena_alloc(arena, c->g.n, sizeof *d.dx);
    if (!d.x || !d.dx)
        return tl_fail_memory();
    for (int32_t i = 0; i < c->g.n; i++)
        if (add_direction(c, &c->g.pair[i], &d) != TL_OK)
            return tl_fail_memory();
    const tl_node *dy = tl_derivative(c->y, d.n, d.x, d.dx);
    if (!dy && c->graph->status == TL_ERR_ARGUMENT) /* an op that has no tangent, or refuses */
        return TL_OK;
    if (!dy)
        return tl_fail(c->graph->status, "gradcheck: %s", c->graph->error);
    double along = 0;
    for (int64_t k = 0; k < dy->size; k++)
        along += (double)c->upstream[k] * (double)dy->val[k];
    if (!(fabs(along - d.product) <= c->tolerance * d.scale)) /* a NaN fails */
        return tl_fail(TL_ERR_NUMERIC, "gradcheck: along a direction: by tangents %.9g, by gradients %.9g",
                       along, d.product);
    return TL_OK;
}

static tl_status check_all(check *c, tl_variable *const *vars, int32_t n, uint64_t seed)
{
    tl_status status = draw_upstream(c, seed);
    int64_t total = 0;
    for (int32_t i = 0; i < n; i++)
        total += vars[i]->size;
    if (status == TL_OK && !(c->numeric = tl_alloc(total, sizeof *c->numeric)))
        status = tl_fail_memory();
    double *at = c->numeric;
    for (int32_t i = 0; i < n; i++)
        for (int64_t k = 0; status == TL_OK && k < vars[i]->size; k++, at++) {
            *at = 0;
            if (exists(vars[i], k))
                status = difference(c, tl_variable_data(vars[i]) + k, at);
        }
    if (status == TL_OK)
        status = compare_pass(c, vars, n, 0, c->numeric);
    if (status == TL_OK)
        status = compare_tangents(c, seed);
    if (status == TL_OK)
        status = compare_pass(c, vars, n, prefill, c->numeric);
    at = c->numeric;
    for (int32_t i = 0; status == TL_OK && i < n; at += vars[i++]->size)
        status = compare_pass(c, &vars[i], 1, 0, at);
    return status;
}

tl_status tl_gradcheck(tl_build build, void *context, tl_variable *const *vars, int32_t n,
                       const tl_gradcheck_options *options)
{
    const bool is_double = sizeof(tl_real) == sizeof(double);
    const tl_gradcheck_options o = options ? *options : (tl_gradcheck_options){ 0 };
    if (tl_check_reserved("gradcheck", &o, offsetof(tl_gradcheck_options, reserved1), sizeof o) != TL_OK)
        return TL_ERR_ARGUMENT;
    check c = { .build = build, .context = context };
    c.step = o.step != 0 ? o.step : is_double ? 1e-5 : 1e-2;
    c.tolerance = o.tolerance != 0 ? o.tolerance : is_double ? 1e-6 : 2e-2;
    if (!build)
        return tl_fail(TL_ERR_ARGUMENT, "gradcheck: the function is NULL");
    if (!(c.step > 0))
        return tl_fail(TL_ERR_ARGUMENT, "gradcheck: step %g must be > 0", c.step);
    if (!(c.tolerance > 0))
        return tl_fail(TL_ERR_ARGUMENT, "gradcheck: tolerance %g must be > 0", c.tolerance);
    if (!(c.graph = tl_graph_new()))
        return TL_ERR_MEMORY;
    tl_status status = tl_check_variables(c.graph, vars, n);
    if (status == TL_OK)
        status = check_all(&c, vars, n, o.seed);
    else
        tl_fail(status, "gradcheck: %s", tl_error());
    tl_graph_free(c.graph);
    tl_free(c.upstream);
    tl_free(c.numeric);
    return status;
}
