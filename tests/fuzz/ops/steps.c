/* The steps of a run, and the edits between them. */
#include "tests/fuzz/ops/program.h"

/* ---- Edits ---- */

static tl_real small(void *context, int64_t row, int64_t col)
{
    (void)context;
    return (tl_real)(0.25 + 0.0625 * (double)((row + 3 * col) % 5));
}

/* Gives a variable the pattern, or mask, and releases it. */
static tl_status give(fuzz_world *w, tl_variable *v, tl_pattern *to, bool grow)
{
    if (!to)
        return TL_ERR_MEMORY;
    const tl_status status = !tl_variable_is_sparse(v) ? tl_variable_set_mask(v, to)
                             : grow                    ? tl_variable_grow(v, to, small, w)
                                                       : tl_variable_set_pattern(v, to);
    tl_pattern_release(to);
    return status;
}

/* Returns the variable's pattern with up to 3 more entries; one that is dense gets a random mask. */
static tl_pattern *grown(const tl_variable *v, uint64_t seed)
{
    tl_pattern *p = tl_variable_pattern(v);
    const tl_shape s = tl_variable_shape(v);
    if (!p)
        return tl_pattern_random(tl_shape_rows(s), tl_shape_cols(s), 0.5, seed);
    const int64_t absent = tl_shape_size(s) - tl_pattern_nnz(p);
    return tl_pattern_add(p, absent < 3 ? absent : 3, NULL, &seed);
}

static tl_status change(fuzz_world *w, tl_variable *v, const fuzz_edit *e)
{
    const tl_shape s = tl_variable_shape(v);
    tl_pattern *p = tl_variable_pattern(v);
    const int64_t n = p ? tl_pattern_nnz(p) : tl_variable_size(v), size = tl_variable_size(v);
    switch (e->kind) {
    case FUZZ_PRUNE: return tl_variable_prune_by_magnitude(v, n * (int64_t)(e->seed % 8) / 8);
    case FUZZ_GROW: return give(w, v, grown(v, e->seed), true);
    case FUZZ_REPLACE:
        return give(w, v, tl_pattern_random(tl_shape_rows(s), tl_shape_cols(s), 0.25, e->seed), false);
    case FUZZ_N_OF_M: return give(w, v, tl_pattern_n_of_m(v, 1 + (int64_t)(e->seed % 2), 3), false);
    case FUZZ_UNMASK: return tl_variable_is_sparse(v) ? TL_OK : tl_variable_set_mask(v, NULL);
    default:
        if (size > 0)
            tl_variable_data(v)[e->seed % (uint64_t)size] = (tl_real)0.5;
        return TL_OK;
    }
}

/* What a variable has in each cell: its value, slots and average. */
enum { WEIGHT, SLOTS, AVERAGE = SLOTS + TL_MAX_SLOTS, ARRAYS };

typedef struct cells {
    uint8_t *is_there;
    tl_real *array[ARRAYS]; /* dense; NULL: none */
} cells;

static cells cells_of(fuzz_world *w, tl_variable *v)
{
    const tl_shape s = tl_variable_shape(v);
    const tl_pattern *p = tl_variable_pattern(v);
    const tl_csr at = tl_pattern_csr(p);
    cells c = { .is_there = tl_fuzz_block(w->p, tl_shape_size(s), 1) };
    if (!p)
        memset(c.is_there, 1, (size_t)tl_shape_size(s));
    for (int64_t i = 0; i < at.rows; i++)
        for (int64_t e = at.row_ptr[i]; e < at.row_ptr[i + 1]; e++)
            c.is_there[i * at.cols + at.col[e]] = 1;
    for (int32_t k = 0; k < ARRAYS; k++) {
        const tl_real *from = k == WEIGHT   ? tl_variable_values(v)
                              : k < AVERAGE ? tl_optimizer_slot(w->optimizer, v, k - SLOTS)
                              : !w->average ? NULL
                                            : tl_ema_values(w->average, v);
        if (from && tl_variable_is_sparse(v)) {
            c.array[k] = tl_fuzz_expand(w->p, p, from);
        } else if (from && tl_variable_size(v) > 0) {
            c.array[k] = tl_fuzz_block(w->p, tl_variable_size(v), sizeof *from);
            memcpy(c.array[k], from, (size_t)tl_variable_size(v) * sizeof *from);
        }
    }
    return c;
}

/* Checks what a change of the pattern left: what is there before and after is the same, and what came starts
 * at its initial value; off a mask there are zeros. */
static void check_cells(fuzz_world *w, tl_variable *v, const cells *old, const fuzz_edit *e)
{
    const tl_shape s = tl_variable_shape(v);
    const int64_t n = tl_shape_size(s), cols = tl_shape_cols(s);
    const bool grow = e->kind == FUZZ_GROW && tl_variable_is_sparse(v);
    const cells now = cells_of(w, v);
    for (int32_t k = 0; k < ARRAYS; k++)
        for (int64_t at = 0; at < n && old->array[k] && now.array[k]; at++) {
            const tl_real x = now.array[k][at];
            const bool came = now.is_there[at] && !old->is_there[at];
            const bool right = now.is_there[at] && !came ? memcmp(&x, &old->array[k][at], sizeof x) == 0
                               : came && k != WEIGHT     ? true
                               : came && grow            ? x == small(w, at / cols, at % cols)
                                                         : x == 0;
            if (!right)
                tl_fuzz_found(w, "edit %d of v%d: array %d has %g at %lld, not %g", (int)e->kind,
                              (int)e->variable, (int)k, (double)x, (long long)at, (double)old->array[k][at]);
        }
}

static tl_status edit_variable(fuzz_world *w, tl_variable *v, const fuzz_edit *e)
{
    if (e->kind >= FUZZ_WRITE || !w->misused)
        return change(w, v, e);
    const cells old = cells_of(w, v);
    const tl_status status = change(w, v, e);
    if (status == TL_OK)
        check_cells(w, v, &old, e);
    return status;
}

static tl_status edit(fuzz_world *w, const fuzz_edit *e)
{
    const int32_t k = e->variable;
    if (e->kind == FUZZ_RATE && k % 2 == 0)
        return tl_optimizer_set_learning_rate(w->optimizer, 0.05);
    if (e->kind == FUZZ_SWAP_TWICE && w->average) {
        const tl_status status = tl_ema_swap(w->average);
        return status == TL_OK ? tl_ema_swap(w->average) : status;
    }
    return k < w->p->n_variables && !w->p->variable[k].held ? edit_variable(w, w->variable[k], e) : TL_OK;
}

/* ---- Gradients ---- */

/* Returns a gradient as many values as its variable has. */
static tl_real *spread(fuzz_program *p, const tl_gradient *pair)
{
    const int64_t n = tl_variable_size(pair->variable), rows = tl_variable_shape(pair->variable).dim[0];
    tl_real *values = tl_fuzz_block(p, n, sizeof *values);
    for (int64_t k = 0; k < pair->n_rows; k++)
        if (n > 0)
            memcpy(values + pair->rows[k] * (n / rows), pair->values + k * (n / rows),
                   (size_t)(n / rows) * sizeof *values);
    return values;
}

static int32_t number_of(const fuzz_world *w, const tl_variable *v)
{
    int32_t k = 0;
    while (w->variable[k] != v)
        k++;
    return k;
}

static bool all_finite(int64_t n, const tl_real *values)
{
    for (int64_t k = 0; k < n; k++)
        if (!isfinite(values[k]))
            return false;
    return true;
}

/* Keeps what the other ways to run compare with the gradients of the first step. */
static void keep_gradients(fuzz_world *w, const tl_gradients *g)
{
    fuzz_program *p = w->p;
    p->gradients_finite = true;
    for (int32_t i = 0; i < p->n; i++) {
        const tl_real *grad = tl_grad(w->node[i]);
        p->gradients_finite = p->gradients_finite && (!grad || all_finite(p->item[i].size, grad));
    }
    for (int32_t k = 0; k < g->n; k++) {
        const tl_gradient *pair = &g->pair[k];
        const int32_t v = number_of(w, pair->variable);
        const int64_t n = tl_variable_size(pair->variable);
        p->gradients_finite = p->gradients_finite && all_finite(tl_gradient_size(pair), pair->values);
        p->row_sparse = p->row_sparse || pair->rows;
        if (pair->rows) {
            p->gradient[v] = spread(p, pair);
            continue;
        }
        p->gradient[v] = tl_fuzz_block(p, n, sizeof(tl_real));
        if (n > 0)
            memcpy(p->gradient[v], pair->values, (size_t)n * sizeof(tl_real));
        if (p->variable[v].sparse)
            p->gradient[v] = tl_fuzz_expand(p, p->variable[v].pattern, p->gradient[v]);
    }
}

static tl_status step_by_gradients(fuzz_world *w, tl_node *loss)
{
    tl_gradients g;
    const tl_status status = tl_compute_gradients(w->optimizer, loss, NULL, 0, &g);
    if (w->misused && w->step == 0)
        w->p->backward = status;
    if (status != TL_OK)
        return status;
    if (w->misused && w->step == 0)
        keep_gradients(w, &g);
    for (int32_t k = 0; k < g.n; k++)
        tl_fuzz_note(w, FUZZ_GRADIENT, number_of(w, g.pair[k].variable), tl_gradient_size(&g.pair[k]),
                     g.pair[k].values);
    for (int32_t k = 0; k < g.n && w->densified; k++)
        if (g.pair[k].rows) {
            g.pair[k].values = spread(w->p, &g.pair[k]);
            g.pair[k].rows = NULL;
            g.pair[k].n_rows = 0;
        }
    return tl_apply_gradients(w->optimizer, &g);
}

/* ---- Steps ---- */

/* Makes the step that is recorded. One that fails must change nothing, also if memory was short. */
static tl_status step_once(fuzz_world *w)
{
    tl_node *loss = w->p->loss < 0 ? NULL : w->node[w->p->loss];
    if (!loss) /* the thread's last error would be that of an earlier input */
        return w->p->loss < 0 ? TL_ERR_ARGUMENT : tl_graph_status(w->g);
    const uint64_t before = w->misused ? tl_fuzz_state(w) : 0;
    const tl_status status = w->minimize ? tl_minimize(w->optimizer, loss) : step_by_gradients(w, loss);
    if (status != TL_OK && w->misused && tl_fuzz_state(w) != before)
        tl_fuzz_found(w, "a step that failed has changed something: %s", tl_error());
    if (status != TL_OK && !*tl_error())
        tl_fuzz_found(w, "%s without a text", tl_status_name(status));
    if (status == TL_OK && tl_graph_status(w->g) != TL_OK)
        tl_fuzz_found(w, "a step on a graph that has failed: %s", tl_graph_error(w->g));
    return status;
}

static void note_values(fuzz_world *w)
{
    for (int32_t i = 0; i < w->p->n; i++)
        if (w->node[i])
            tl_fuzz_note(w, FUZZ_VALUE, i,
                         tl_pattern_of(w->node[i]) ? tl_pattern_nnz(tl_pattern_of(w->node[i]))
                                                   : tl_shape_size(tl_shape_of(w->node[i])),
                         tl_value(w->node[i]));
}

static tl_status step(fuzz_world *w, bool recorded)
{
    if (!recorded)
        tl_fuzz_record_all(w);
    note_values(w);
    tl_status status = step_once(w);
    if ((status == TL_ERR_MEMORY || tl_graph_status(w->g) == TL_ERR_MEMORY) && !w->p->has_effects) {
        tl_graph_reset(w->g); /* memory was short once: all is as it was */
        tl_fuzz_record_all(w);
        note_values(w);
        status = step_once(w);
    }
    if (status == TL_ERR_MEMORY || tl_graph_status(w->g) == TL_ERR_MEMORY)
        return TL_ERR_MEMORY;
    const tl_real code = (tl_real)status;
    tl_fuzz_note(w, FUZZ_STATUS, 0, 1, &code);
    if (status == TL_OK && w->average && tl_ema_update(w->average) != TL_OK)
        return TL_ERR_MEMORY;
    if (w->misused && (status = tl_fuzz_misuse_op(w)) != TL_OK)
        return status;
    tl_graph_reset(w->g);
    return w->misused ? tl_fuzz_misuse_state(w) : TL_OK;
}

tl_status tl_fuzz_run(fuzz_world *w, bool recorded)
{
    for (w->step = 0; w->step < w->p->steps; w->step++) {
        const bool last = w->step == w->p->steps - 1;
        tl_status status = step(w, recorded && w->step == 0);
        if (status == TL_OK && (w->p->looked_at || last))
            tl_fuzz_note_state(w);
        for (int32_t k = 0; k < FUZZ_EDITS && status == TL_OK && !last; k++) {
            status = edit(w, &w->p->edit[w->step][k]);
            if (status != TL_OK && status != TL_ERR_MEMORY)
                tl_fuzz_found(w, "edit %d of v%d fails: %s", (int)w->p->edit[w->step][k].kind,
                              (int)w->p->edit[w->step][k].variable, tl_error());
        }
        if (status != TL_OK)
            return status;
    }
    w->step = w->p->steps - 1;
    return TL_OK;
}
