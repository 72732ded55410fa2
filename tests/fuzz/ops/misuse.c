/* Calls that are not valid: they fail with a text, and change nothing. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* ---- Ops ---- */

/* Returns whether two inputs may broadcast to more than there is memory for. */
static bool may_be_large(const fuzz_program *p, const fuzz_item *c)
{
    int64_t largest = 1, second = 1;
    for (int32_t k = 0; k < c->n_in; k++) {
        const int64_t size = c->in[k] < 0 ? 1 : tl_shape_size(p->item[c->in[k]].shape);
        second = size > largest ? largest : size > second ? size : second;
        largest = size > largest ? size : largest;
    }
    return largest * second > 1 << 23;
}

/* Returns a copy of n elements in an array of `capacity`, the others 0. */
static void *enlarged(fuzz_program *p, const void *from, int64_t n, int64_t capacity, size_t size)
{
    void *copy = tl_fuzz_block(p, n > capacity ? n : capacity, size);
    if (n > 0)
        memcpy(copy, from, (size_t)n * size);
    return copy;
}

/* Gives a call arrays of its own, long enough for any other input. */
static void own_arrays(fuzz_program *p, fuzz_item *c)
{
    int64_t capacity = 1;
    for (int32_t i = 0; i < p->n; i++)
        capacity = p->item[i].size > capacity ? p->item[i].size : capacity;
    if (c->ids)
        c->ids = enlarged(p, c->ids, c->n_ids, capacity, sizeof *c->ids);
    if (c->weights)
        c->weights = enlarged(p, c->weights, c->n_ids, capacity, sizeof *c->weights);
    if (c->more_weights)
        c->more_weights = enlarged(p, c->more_weights, tl_shape_cols(p->item[c->in[0]].shape), capacity,
                                   sizeof *c->more_weights);
    if (c->row_ptr)
        c->row_ptr = enlarged(p, c->row_ptr, c->n + 1, 0, sizeof *c->row_ptr);
}

/* A number that few attributes allow. */
static int64_t odd_number(void)
{
    static const int64_t some[] = { -1, 0, 1, -2, 4, 1000, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };
    return some[tl_fuzz_draw(10)];
}

static tl_shape odd_shape(void)
{
    const tl_shape some[] = {
        { .rank = 5 }, { .rank = -1 }, TL_SHAPE(3, -1), TL_SHAPE(INT64_MAX, INT64_MAX), TL_SHAPE(INT64_MIN)
    };
    return some[tl_fuzz_draw(5)];
}

/* Changes one attribute of a call. */
static void spoil_attribute(fuzz_program *p, fuzz_item *c)
{
    const int64_t k = tl_fuzz_draw(TL_MAX_RANK);
    switch (tl_fuzz_draw(11)) {
    case 0: c->axis = (int32_t)odd_number(); break;
    case 1: c->begin = c->op->segments ? c->begin : odd_number(); break;
    case 2: c->end = odd_number(); break;
    case 3: c->c = (double[]){ (double)NAN, -1, (double)INFINITY }[tl_fuzz_draw(3)]; break;
    case 4: c->d = -(double)INFINITY; break;
    case 5:
        if (c->n_ids > 0)
            c->ids[tl_fuzz_draw(c->n_ids)] = (int32_t)odd_number();
        break;
    case 6:
        if (c->row_ptr)
            c->row_ptr[tl_fuzz_draw(c->n + 1)] = odd_number();
        break;
    case 7: c->to = odd_shape(); break;
    case 9:
        (k < 2 ? c->window : k < 3 ? c->stride : c->padding)[k % 2] = (int32_t[]){ -1, 0, 9, INT32_MIN }[k];
        break;
    case 8:
        c->axes[k] = (int32_t)odd_number();
        c->before[k] = c->after[k] = odd_number();
        if (c->before[k] > 0 && c->before[k] <= INT32_MAX) /* memory might be short, or might not */
            c->before[k] = c->after[k] = INT64_MAX;
        break;
    default: c->pattern = c->pattern ? p->pattern[tl_fuzz_draw(p->n_patterns)] : NULL;
    }
}

/* Running moments are what an op changes in addition to its result, and another variable may be taken for
 * them: a call that is valid after all moves them. */
static void copy_weights(fuzz_world *w, tl_real **weights)
{
    for (int32_t v = 0; v < w->p->n_variables; v++) {
        const int64_t n = tl_variable_size(w->variable[v]);
        weights[v] = enlarged(w->p, tl_variable_values(w->variable[v]), n, n, sizeof(tl_real));
    }
}

static void restore_weights(fuzz_world *w, tl_real *const *weights)
{
    for (int32_t v = 0; v < w->p->n_variables; v++)
        if (tl_variable_size(w->variable[v]) > 0)
            memcpy(tl_variable_data(w->variable[v]), weights[v],
                   (size_t)tl_variable_size(w->variable[v]) * sizeof(tl_real));
}

/* Checks a graph on which an op has failed: it refuses all that follows, and keeps the first message. */
static void check_failed(fuzz_world *w, const fuzz_item *c, uint64_t before)
{
    char text[512];
    tl_node *a = w->node[c->in[0] < 0 ? 0 : c->in[0]];
    snprintf(text, sizeof text, "%s", tl_graph_error(w->g));
    if (tl_graph_status(w->g) == TL_OK || !*text)
        tl_fuzz_found(w, "%s failed without an error", c->op->name);
    if (tl_scale(a, 2) || tl_minimize(w->optimizer, a) == TL_OK)
        tl_fuzz_found(w, "the graph works on after: %s", text);
    if (strcmp(text, tl_graph_error(w->g)) != 0)
        tl_fuzz_found(w, "a later error replaced: %s", text);
    if (tl_fuzz_state(w) != before)
        tl_fuzz_found(w, "a failing call has changed something: %s", text);
}

tl_status tl_fuzz_misuse_op(fuzz_world *w)
{
    fuzz_program *p = w->p;
    if (p->n == 0 || tl_graph_status(w->g) != TL_OK)
        return TL_OK;
    fuzz_item c = p->item[tl_fuzz_draw(p->n)];
    if (!c.op)
        return TL_OK;
    tl_node *in[FUZZ_IN] = { 0 };
    tl_graph *other = NULL;
    static const tl_real one[] = { 1 };
    bool absent = false;
    own_arrays(p, &c);
    if (tl_fuzz_draw(2) == 0)
        c.in[tl_fuzz_draw(c.n_in)] = (int32_t)tl_fuzz_draw(p->n + 1) - 1;
    else
        spoil_attribute(p, &c);
    if (may_be_large(p, &c))
        return TL_OK;
    for (int32_t k = 0; k < c.n_in; k++)
        in[k] = c.in[k] < 0 ? NULL : w->node[c.in[k]];
    if (tl_fuzz_rarely(8) && (other = tl_graph_new()))
        in[tl_fuzz_draw(c.n_in)] = tl_input(other, TL_SHAPE(1), one);
    for (int32_t k = 0; k < c.n_in; k++)
        absent = absent || !in[k];
    tl_real *weights[FUZZ_VARIABLES];
    copy_weights(w, weights);
    const uint64_t before = tl_fuzz_state(w);
    const tl_node *y = tl_fuzz_call(w, &c, in);
    const tl_status status = tl_graph_status(w->g);
    if (!y && !absent && !other)
        check_failed(w, &c, before);
    if (y)
        restore_weights(w, weights);
    if (tl_fuzz_state(w) != before)
        tl_fuzz_found(w, "a call of %s has changed something", c.op->name);
    tl_graph_free(other);
    return status == TL_ERR_MEMORY ? status : TL_OK;
}

/* ---- Gradients ---- */

/* Applies a pair that does not fit: its variable is NULL, its rows are none of the table's, there is none. */
static tl_status apply_wrong_pair(fuzz_world *w, tl_variable *v, int64_t kind)
{
    const int32_t rows[] = { -1 };
    const int64_t n = tl_variable_size(v);
    tl_real *values = tl_fuzz_block(w->p, n + 1, sizeof *values);
    tl_gradient pair = { .variable = kind == 0 ? NULL : v, .values = values };
    if (kind == 1) {
        pair.rows = rows;
        pair.n_rows = 1;
    }
    tl_gradients g = { .pair = &pair, .n = kind == 2 ? 0 : 1, .graph = w->g };
    return tl_apply_gradients(w->optimizer, &g);
}

/* Applies a gradient that is not finite: nothing off a mask, and nothing that a transform could drop. */
static tl_status apply_nan(fuzz_world *w, tl_variable *v)
{
    const int64_t n = tl_variable_size(v);
    const bool masked = tl_variable_pattern(v) && !tl_variable_is_sparse(v);
    if (n == 0 || masked || w->p->transform[0] || w->p->transform[1] ||
        w->p->non_finite != TL_NON_FINITE_ERROR)
        return TL_ERR_ARGUMENT;
    tl_real *values = tl_fuzz_block(w->p, n, sizeof *values);
    values[tl_fuzz_draw(n)] = (tl_real)NAN;
    tl_gradient pair = { .variable = v, .values = values };
    tl_gradients g = { .pair = &pair, .n = 1, .graph = w->g };
    return tl_apply_gradients(w->optimizer, &g);
}

/* ---- Variables and optimizers ---- */

/* Makes one wrong call; returns its status. */
static tl_status wrong_call(fuzz_world *w, tl_variable *v, tl_pattern *wrong)
{
    tl_optimizer *o = w->optimizer;
    tl_optimizer_options own = tl_optimizer_options_for(o, v);
    own.weight_decay = -1;
    switch (tl_fuzz_draw(12)) {
    case 0: return tl_variable_set_pattern(v, wrong);
    case 1: return tl_variable_set_mask(v, wrong);
    case 2: return tl_variable_grow(v, wrong, NULL, NULL);
    case 3: return tl_variable_prune_by_magnitude(v, -1);
    case 4: return tl_optimizer_set_learning_rate(o, (double)NAN);
    case 5: return tl_optimizer_set_options_for(o, v, own);
    case 6: return tl_optimizer_add_transform(o, NULL, w);
    case 7: return w->average && tl_ema_values(w->average, v) ? tl_ema_add(w->average, v) : TL_ERR_ARGUMENT;
    case 8: return apply_nan(w, v);
    default: return apply_wrong_pair(w, v, tl_fuzz_draw(3));
    }
}

tl_status tl_fuzz_misuse_state(fuzz_world *w)
{
    if (w->p->n_variables == 0)
        return TL_OK;
    tl_variable *v = w->variable[tl_fuzz_draw(w->p->n_variables)];
    const tl_shape s = tl_variable_shape(v);
    const uint64_t before = tl_fuzz_state(w);
    tl_pattern *wrong = tl_pattern_random(tl_shape_rows(s) + 1, tl_shape_cols(s), 0.5, 1);
    if (!wrong)
        return TL_ERR_MEMORY;
    const tl_status status = wrong_call(w, v, wrong);
    tl_pattern_release(wrong);
    if (status == TL_OK)
        tl_fuzz_found(w, "a wrong call succeeds");
    if (tl_fuzz_state(w) != before)
        tl_fuzz_found(w, "a wrong call has changed something: %s", tl_error());
    tl_graph_reset(w->g);
    return status == TL_ERR_MEMORY ? status : TL_OK;
}
