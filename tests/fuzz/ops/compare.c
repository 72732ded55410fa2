/* The program run in other ways, and what they must have in common with the first. */
#include "tests/fuzz/ops/program.h"

#include "gradcheck.h"

static const char *item_name(const fuzz_program *p, int32_t i)
{
    const fuzz_item *c = &p->item[i];
    return c->op ? c->op->name : c->variable >= 0 ? "a variable" : "a constant";
}

/* Ends a run; its status. */
static tl_status end(fuzz_world *w, tl_status status)
{
    tl_fuzz_world_free(w);
    return status;
}

/* ---- The same bits ---- */

static void compare_traces(fuzz_world *w, const fuzz_trace *a, const fuzz_trace *b)
{
    static const char *const what[] = { "value", "gradient", "weights", "slot", "average", "status" };
    for (w->step = 0; w->step < w->p->steps; w->step++)
        for (int32_t kind = 0; kind < FUZZ_TRACE_KINDS; kind++)
            for (int32_t k = 0; k < FUZZ_ITEMS; k++) {
                const uint64_t x = a->hash[w->step][kind][k], y = b->hash[w->step][kind][k];
                if (x && y && x != y)
                    tl_fuzz_found(w, "%s %d (%s) differs", what[kind], (int)k,
                                  kind == FUZZ_VALUE ? item_name(w->p, k) : "-");
            }
}

typedef enum way { THREADS, MINIMIZE, DENSIFIED } way;

static tl_status run_again(fuzz_program *p, const fuzz_trace *first, way k)
{
    static const char *const names[] = { "on 3 threads", "by tl_minimize", "with dense gradients" };
    static fuzz_trace trace;
    fuzz_world w = { 0 };
    tl_status status = tl_fuzz_world_init(&w, p, names[k], tl_graph_new());
    memset(&trace, 0, sizeof trace);
    w.trace = &trace;
    w.minimize = k == MINIMIZE;
    w.densified = k == DENSIFIED;
    if (k == THREADS)
        tl_set_num_threads(3);
    if (status == TL_OK)
        status = tl_fuzz_world_optimizer(&w);
    if (status == TL_OK)
        status = tl_fuzz_run(&w, false);
    tl_set_num_threads(1);
    if (status == TL_OK)
        compare_traces(&w, first, &trace);
    return end(&w, status);
}

/* Returns whether steps with row-sparse gradients are those with dense ones. */
static bool rows_are_exact(const fuzz_program *p)
{
    return p->row_sparse && p->rows == TL_ROWS_EXACT && p->transform[0] < FUZZ_ROWWISE &&
           p->transform[1] < FUZZ_ROWWISE;
}

/* ---- Inference ---- */

/* Compares an item's value with that on the tape. NULL: it was given up. */
static void compare_value(fuzz_world *w, int32_t i)
{
    const fuzz_item *c = &w->p->item[i];
    const tl_real *value = tl_value(w->node[i]);
    if (!value && c->size > 0 && tl_graph_status(w->g) == TL_OK)
        tl_fuzz_found(w, "%s %d has no value", item_name(w->p, i), (int)i);
    for (int64_t k = 0; k < c->size && value; k++)
        if (memcmp(&value[k], &c->value[k], sizeof *value) != 0 && !(isnan(value[k]) && isnan(c->value[k])))
            tl_fuzz_found(w, "%s %d: [%lld] = %g, on a tape %g", item_name(w->p, i), (int)i, (long long)k,
                          (double)value[k], (double)c->value[k]);
}

static tl_status infer(fuzz_program *p)
{
    fuzz_world w = { 0 };
    tl_status status = tl_fuzz_world_init(&w, p, "on a graph for inference", tl_graph_new_inference());
    bool asked = false;
    for (int32_t i = 0; i < p->n && status == TL_OK; i++) {
        tl_fuzz_record(&w, i);
        status = tl_graph_status(w.g);
        if (status == TL_OK && p->asked >> i % 64 & 1) {
            asked = true;
            compare_value(&w, i);
            status = tl_graph_status(w.g);
        }
    }
    if (status == TL_OK && p->loss >= 0) {
        compare_value(&w, p->loss);
        status = tl_graph_status(w.g);
    }
    if (status == TL_ERR_ARGUMENT && asked && strstr(tl_graph_error(w.g), "given up"))
        status = TL_OK; /* as an op read it after what depends on it had been asked for */
    if (status != TL_OK && status != TL_ERR_MEMORY)
        tl_fuzz_found(&w, "%s", tl_graph_error(w.g));
    return end(&w, status);
}

/* ---- The checking mode ---- */

static tl_status check_finite(fuzz_program *p)
{
    fuzz_world w = { 0 };
    tl_gradients g;
    tl_status status = tl_fuzz_world_init(&w, p, "with tl_graph_check_finite", tl_graph_new());
    tl_graph_check_finite(w.g, true);
    for (int32_t i = 0; i < p->n && status == TL_OK; i++) {
        const bool expected = !p->item[i].op || p->item[i].finite;
        const bool made = tl_fuzz_record(&w, i) != NULL;
        status = tl_graph_status(w.g);
        if (status == TL_ERR_NUMERIC && p->item[i].op && p->item[i].op->composed)
            break;
        if (status == TL_ERR_NUMERIC && p->item[i].excluding)
            break;
        if (status != TL_ERR_MEMORY && !p->item[i].excluding &&
            (made != expected || (status == TL_ERR_NUMERIC) == expected))
            tl_fuzz_found(&w, "%s %d is %sfinite: %s", item_name(p, i), (int)i,
                          p->item[i].finite ? "" : "not ", tl_graph_error(w.g));
    }
    if (status == TL_OK && p->loss >= 0 && p->backward == TL_OK) {
        status = tl_backward(w.node[p->loss], &g);
        if (status != TL_ERR_MEMORY && (status == TL_OK) != p->gradients_finite)
            tl_fuzz_found(&w, "gradients are %sfinite: %s", p->gradients_finite ? "" : "not ", tl_error());
    }
    return end(&w, status == TL_ERR_MEMORY ? status : TL_OK);
}

/* ---- The dense twin ---- */

/* Compares n values, by the largest of them; where `keep` has an entry, unless that is NULL. */
static void compare_near(fuzz_world *w, const char *what, int32_t number, int64_t n, const tl_real *sparse,
                         const tl_real *dense, const tl_real *keep, double scale)
{
    const double tolerance = sizeof(tl_real) == sizeof(double) ? 1e-9 : 2e-3;
    for (int64_t k = 0; k < n; k++)
        scale = fmax(scale, fabs((double)sparse[k]));
    for (int64_t k = 0; k < n; k++)
        if (!(fabs((double)sparse[k] - (double)dense[k]) <= tolerance * scale) && (!keep || keep[k] != 0))
            tl_fuzz_found(w, "%s %d: [%lld] is %.9g, dense %.9g", what, (int)number, (long long)k,
                          (double)sparse[k], (double)dense[k]);
}

/* Returns ones at the pattern, expanded. */
static tl_real *ones_at(fuzz_program *p, const tl_pattern *on)
{
    tl_real *ones = tl_fuzz_block(p, tl_pattern_nnz(on), sizeof *ones);
    for (int64_t e = 0; e < tl_pattern_nnz(on); e++)
        ones[e] = 1;
    return tl_fuzz_expand(p, on, ones);
}

static void compare_gradients(fuzz_world *w, const tl_gradients *g)
{
    fuzz_program *p = w->p;
    double scale = 1;
    for (int32_t v = 0; v < p->n_variables; v++)
        for (int64_t k = 0; p->gradient[v] && k < tl_shape_size(p->variable[v].shape); k++)
            scale = fmax(scale, fabs((double)p->gradient[v][k]));
    for (int32_t k = 0; k < g->n; k++) {
        int32_t v = 0;
        while (w->variable[v] != g->pair[k].variable)
            v++;
        const fuzz_variable *from = &p->variable[v];
        if (p->gradient[v])
            compare_near(w, "gradient of v", v, tl_shape_size(from->shape), p->gradient[v], g->pair[k].values,
                         from->pattern ? ones_at(p, from->pattern) : NULL, scale);
    }
}

static tl_status compare_dense(fuzz_program *p)
{
    fuzz_world w = { .dense = true };
    tl_gradients g;
    tl_status status = tl_fuzz_world_init(&w, p, "the dense twin", tl_graph_new());
    for (int32_t i = 0; i < p->n && status == TL_OK; i++) {
        const fuzz_item *c = &p->item[i];
        tl_fuzz_record(&w, i);
        status = tl_graph_status(w.g);
        if (status != TL_OK && status != TL_ERR_MEMORY)
            tl_fuzz_found(&w, "%s %d: %s", item_name(p, i), (int)i, tl_graph_error(w.g));
        if (status == TL_OK)
            compare_near(&w, item_name(p, i), i, tl_shape_size(c->shape),
                         c->on ? tl_fuzz_expand(p, c->on, c->value) : c->value, tl_value(w.node[i]), NULL, 1);
    }
    if (status == TL_OK && p->loss >= 0 && p->backward == TL_OK && p->smooth) {
        status = tl_backward(w.node[p->loss], &g);
        if (status == TL_OK)
            compare_gradients(&w, &g);
        else if (status != TL_ERR_MEMORY)
            tl_fuzz_found(&w, "%s", tl_error());
    }
    return end(&w, status);
}

/* ---- Finite differences ---- */

static tl_node *build(tl_graph *g, void *context)
{
    fuzz_world *w = context;
    w->g = g;
    tl_fuzz_record_all(w);
    return w->node[w->p->loss];
}

static tl_status check_gradient(fuzz_program *p)
{
    enum { MOST = 200 };
    tl_graph *g = tl_graph_new();
    fuzz_world w = { 0 };
    tl_variable *list[FUZZ_VARIABLES];
    int32_t n = 0;
    int64_t size = 0;
    tl_status status = tl_fuzz_world_init(&w, p, "tl_gradcheck", g);
    for (int32_t v = 0; v < p->n_variables && status == TL_OK; v++)
        if (p->gradient[v] && size + tl_variable_size(w.variable[v]) <= MOST) {
            size += tl_variable_size(w.variable[v]);
            list[n++] = w.variable[v];
        }
    if (status == TL_OK && n > 0)
        status = tl_gradcheck(build, &w, list, n, &(tl_gradcheck_options){ .tolerance = 1e-5 });
    if (status == TL_ERR_NUMERIC) /* of a function that bends there, the finer difference is near */
        status = tl_gradcheck(build, &w, list, n, &(tl_gradcheck_options){ .step = 1e-6, .tolerance = 1e-4 });
    w.g = g;
    if (status != TL_OK && status != TL_ERR_MEMORY) {
        char text[512];
        snprintf(text, sizeof text, "%s", tl_error());
        tl_fuzz_record_all(&w);
        tl_fuzz_found(&w, "%s", text);
    }
    return end(&w, status);
}

/* ---- All of them ---- */

static bool is_finite(const fuzz_program *p)
{
    for (int32_t i = 0; i < p->n; i++)
        if (!p->item[i].finite)
            return false;
    return p->gradients_finite || p->backward != TL_OK;
}

tl_status tl_fuzz_compare(fuzz_program *p, const fuzz_world *first)
{
    const bool is_double = sizeof(tl_real) == sizeof(double), finite = !p->wild && is_finite(p);
    tl_status status = run_again(p, first->trace, THREADS);
    if (status == TL_OK)
        status = run_again(p, first->trace, MINIMIZE);
    if (status == TL_OK && rows_are_exact(p))
        status = run_again(p, first->trace, DENSIFIED);
    if (status == TL_OK)
        status = infer(p);
    if (status == TL_OK)
        status = check_finite(p);
    if (status == TL_OK && finite)
        status = compare_dense(p);
    if (status == TL_OK && finite && is_double && p->checked && p->smooth && !p->opaque && p->loss >= 0 &&
        p->backward == TL_OK)
        status = check_gradient(p);
    return status;
}
