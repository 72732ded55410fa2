/* One run of a program: variables, optimizer, graph, steps and the edits between them. */
#include "tests/fuzz/ops/program.h"

#include <stdarg.h>

#include "tests/graph/zoo.h"

_Noreturn void tl_fuzz_found(const fuzz_world *w, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tl_graph_print(w->g, stderr);
    tl_fuzz_fail("%s: step %d: %s", w->name, (int)w->step, text);
}

/* ---- Hashes ---- */

static uint64_t hash(uint64_t h, int64_t n, const tl_real *values)
{
    for (int64_t k = 0; k < n; k++) {
        uint64_t bits = 0;
        if (isnan(values[k])) /* of any sign */
            bits = 1;
        else
            memcpy(&bits, &values[k], sizeof *values);
        h = (h ^ bits ^ (bits >> 29)) * 0x9e3779b97f4a7c15;
        h ^= h >> 32;
    }
    return h;
}

void tl_fuzz_note(fuzz_world *w, fuzz_trace_kind kind, int32_t k, int64_t n, const tl_real *values)
{
    if (w->trace)
        w->trace->hash[w->step][kind][k] = hash((uint64_t)n + 1, n, values) | 1;
}

static int64_t slot_size(const fuzz_world *w, int32_t v, const tl_real *slot)
{
    return slot ? tl_variable_size(w->variable[v]) : 0;
}

uint64_t tl_fuzz_state(fuzz_world *w)
{
    uint64_t h = 1;
    for (int32_t v = 0; v < w->p->n_variables; v++) {
        const int64_t n = tl_variable_size(w->variable[v]);
        h = hash(h, n, tl_variable_values(w->variable[v])) + (uintptr_t)tl_variable_pattern(w->variable[v]);
        h += (uint64_t)tl_optimizer_steps(w->optimizer, w->variable[v]);
        for (int32_t k = 0; k < TL_MAX_SLOTS; k++) {
            const tl_real *slot = tl_optimizer_slot(w->optimizer, w->variable[v], k);
            h = hash(h, slot_size(w, v, slot), slot);
        }
        const tl_real *mean = w->average ? tl_ema_values(w->average, w->variable[v]) : NULL;
        h = hash(h, mean ? n : 0, mean);
    }
    const double rate = tl_optimizer_learning_rate(w->optimizer);
    uint64_t bits;
    memcpy(&bits, &rate, sizeof bits);
    return h ^ bits;
}

void tl_fuzz_note_state(fuzz_world *w)
{
    for (int32_t v = 0; v < w->p->n_variables; v++) {
        const tl_variable *a = w->variable[v];
        tl_fuzz_note(w, FUZZ_WEIGHTS, v, tl_variable_size(a), tl_variable_values(w->variable[v]));
        for (int32_t k = 0; k < TL_MAX_SLOTS; k++) {
            const tl_real *slot = tl_optimizer_slot(w->optimizer, a, k);
            tl_fuzz_note(w, FUZZ_SLOTS, v * TL_MAX_SLOTS + k, slot_size(w, v, slot), slot);
        }
        if (w->average && !w->p->variable[v].held)
            tl_fuzz_note(w, FUZZ_AVERAGE, v, tl_variable_size(a), tl_ema_values(w->average, a));
    }
}

/* ---- Making and freeing ---- */

tl_status tl_fuzz_world_variable(fuzz_world *w, int32_t k)
{
    const fuzz_variable *from = &w->p->variable[k];
    const bool sparse = from->sparse && !w->dense;
    char name[16];
    snprintf(name, sizeof name, "v%d", (int)k);
    tl_variable *v = sparse ? tl_variable_sparse(name, from->pattern) : tl_variable_dense(name, from->shape);
    w->variable[k] = v;
    if (!v)
        return TL_ERR_MEMORY;
    tl_real *data = tl_variable_data(v);
    if (sparse) {
        const tl_csr p = tl_pattern_csr(from->pattern);
        for (int64_t i = 0; i < p.rows; i++)
            for (int64_t e = p.row_ptr[i]; e < p.row_ptr[i + 1]; e++)
                data[e] = from->start[i * p.cols + p.col[e]];
        return TL_OK;
    }
    if (tl_variable_size(v) > 0)
        memcpy(data, from->start, (size_t)tl_variable_size(v) * sizeof *data);
    return from->pattern && !w->dense ? tl_variable_set_mask(v, from->pattern) : TL_OK;
}

tl_status tl_fuzz_world_init(fuzz_world *w, fuzz_program *p, const char *name, tl_graph *g)
{
    *w = (fuzz_world){ .p = p, .name = name, .g = g, .dense = w->dense };
    tl_status status = g ? TL_OK : TL_ERR_MEMORY;
    for (int32_t k = 0; k < p->n_variables && status == TL_OK; k++)
        status = tl_fuzz_world_variable(w, k);
    return status;
}

void tl_fuzz_world_free(fuzz_world *w)
{
    tl_graph_free(w->g);
    tl_optimizer_free(w->optimizer);
    tl_ema_free(w->average);
    for (int32_t k = 0; k < FUZZ_VARIABLES; k++)
        tl_variable_free(w->variable[k]);
}

/* Adds transform k; nothing if it needs a variable and there is none. */
static tl_status add_transform(fuzz_world *w, fuzz_transform kind)
{
    tl_optimizer *o = w->optimizer;
    w->factor = 0.5;
    w->range = (tl_clip_range){ -0.25, 0.75 };
    w->clip = (tl_clip){ .max_norm = 0.5 };
    w->noise = (tl_noise){ .deviation = 0.1, .r = { .seed = 3 } };
    w->frozen = (tl_frozen){ (tl_variable *const *)w->variable, 1 };
    w->mask = (tl_gradient_mask){ w->variable[0], w->p->keep };
    w->masks = (tl_gradient_masks){ &w->mask, 1 };
    switch (kind) {
    case FUZZ_SCALE: return tl_optimizer_add_transform(o, tl_scale_gradients, &w->factor);
    case FUZZ_CLIP_RANGE: return tl_optimizer_add_transform(o, tl_clip_by_value, &w->range);
    case FUZZ_CLIP_GLOBAL: return tl_optimizer_add_transform(o, tl_clip_by_global_norm, &w->clip);
    case FUZZ_CLIP_EACH: return tl_optimizer_add_transform(o, tl_clip_by_norm, &w->clip);
    case FUZZ_NOISE: return tl_optimizer_add_transform(o, tl_add_noise, &w->noise);
    case FUZZ_CENTRALIZE: return tl_optimizer_add_transform(o, tl_centralize, NULL);
    default: break;
    }
    if (kind == FUZZ_NO_TRANSFORM || w->p->n_variables == 0)
        return TL_OK;
    return kind == FUZZ_FREEZE ? tl_optimizer_add_transform(o, tl_freeze, &w->frozen)
                               : tl_optimizer_add_transform(o, tl_mask_gradients, &w->masks);
}

static tl_status set_schedule(fuzz_world *w)
{
    static const tl_step_decay step = { 1, 0.5 };
    static const tl_exponential_decay exponential = { 2, 0.5 };
    static const tl_cosine_decay cosine = { 3, 1e-4 };
    static const tl_warm_up warm_up = { 2, tl_schedule_step, &step };
    switch (w->p->schedule) {
    case 1: return tl_optimizer_set_schedule(w->optimizer, tl_schedule_step, &step);
    case 2: return tl_optimizer_set_schedule(w->optimizer, tl_schedule_exponential, &exponential);
    case 3: return tl_optimizer_set_schedule(w->optimizer, tl_schedule_cosine, &cosine);
    case 4: return tl_optimizer_set_schedule(w->optimizer, tl_schedule_warm_up, &warm_up);
    default: return TL_OK;
    }
}

tl_status tl_fuzz_world_optimizer(fuzz_world *w)
{
    const fuzz_program *p = w->p;
    const char *name;
    w->optimizer = zoo(p->optimizer % ZOO, p->rows, p->non_finite, &name);
    if (!w->optimizer)
        return TL_ERR_MEMORY;
    tl_status status = set_schedule(w);
    for (int32_t k = 0; k < FUZZ_TRANSFORMS && status == TL_OK; k++)
        status = add_transform(w, p->transform[k]);
    for (int32_t k = 0; k < p->n_variables && status == TL_OK && p->aged; k++) {
        tl_optimizer_options own = tl_optimizer_options_for(w->optimizer, w->variable[k]);
        own.per_weight_age = true;
        status = tl_optimizer_set_options_for(w->optimizer, w->variable[k], own);
    }
    if (status == TL_OK && p->averaged)
        status = (w->average = tl_ema_new((tl_ema_options){ .decay = 0.75 })) ? TL_OK : TL_ERR_MEMORY;
    for (int32_t k = 0; k < p->n_variables && status == TL_OK && p->averaged; k++)
        if (!p->variable[k].held) /* which have moved already where the first step is recorded */
            status = tl_ema_add(w->average, w->variable[k]);
    return status;
}

/* ---- Recording ---- */

static tl_node *leaf(fuzz_world *w, const fuzz_item *c)
{
    if (c->variable >= 0)
        return tl_use(w->g, w->variable[c->variable]);
    if (c->on && w->dense)
        return tl_input(w->g, c->shape, tl_fuzz_expand(w->p, c->on, c->data));
    if (c->on)
        return tl_input_sparse(w->g, c->on, c->data);
    return (c->borrowed ? tl_input : tl_constant)(w->g, c->shape, c->data);
}

static tl_node *called(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    const fuzz_op *op = c->op;
    if (w->dense && op->dense)
        return op->dense(w, c, in);
    if (op->one)
        return op->one(in[0]);
    if (op->two)
        return op->two(in[0], in[1]);
    if (op->constant)
        return op->constant(in[0], (tl_real)c->c);
    if (op->along)
        return op->along(in[0], c->axis);
    if (op->segments)
        return op->segments(in[0], c->row_ptr, c->n);
    if (op->product)
        return op->product(in[0], in[1], (tl_trans)c->axis);
    return op->apply(w, c, in);
}

tl_node *tl_fuzz_call(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    tl_node *y = called(w, c, in);
    return w->dense && c->on ? tl_fuzz_select(y, c->on, 0) : y;
}

tl_node *tl_fuzz_record(fuzz_world *w, int32_t i)
{
    const fuzz_item *c = &w->p->item[i];
    tl_node *in[FUZZ_IN] = { 0 };
    for (int32_t k = 0; k < c->n_in; k++)
        in[k] = c->in[k] < 0 ? NULL : w->node[c->in[k]];
    return w->node[i] = c->op ? tl_fuzz_call(w, c, in) : leaf(w, c);
}

void tl_fuzz_record_all(fuzz_world *w)
{
    for (int32_t i = 0; i < w->p->n; i++)
        tl_fuzz_record(w, i);
}
