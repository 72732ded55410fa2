/* Weights: saved, and loaded with conversions. */
#include "weights.h"
#include "graph/save/convert.h"
#include "lib/check.h"
#include "lib/io/safetensors_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include "version.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Checks that there are n variables with names that differ. */
static tl_status check_variables(const char *who, const char *path, tl_variable *const *vars, int32_t n,
                                 bool may_be_swapped)
{
    if (!path)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the path is NULL", who);
    if (n < 0 || (n > 0 && !vars))
        return tl_fail(TL_ERR_ARGUMENT, "%s: %d variables at %s", who, (int)n, vars ? "an address" : "NULL");
    for (int32_t k = 0; k < n; k++)
        if (!vars[k])
            return tl_fail(TL_ERR_ARGUMENT, "%s: variable %d is NULL", who, (int)k);
    tl_checkpoint *c = tl_checkpoint_new();
    tl_status status = c ? TL_OK : TL_ERR_MEMORY;
    for (int32_t k = 0; k < n && status == TL_OK; k++)
        status = tl_checkpoint_add_variable_as(who, c, vars[k]);
    if (status == TL_OK)
        status = tl_checkpoint_check_names(c, who);
    if (status == TL_OK && !may_be_swapped)
        status = tl_checkpoint_check_averages(c, who);
    tl_checkpoint_free(c);
    return status;
}

tl_status tl_weights_save(const char *path, tl_variable *const *vars, int32_t n)
{
    const char *who = "weights_save";
    tl_status status = check_variables(who, path, vars, n, true);
    if (status != TL_OK)
        return status;
    tl_save_list l = { .failed = false };
    tl_save_text(&l, "pt", "format");
    tl_save_text(&l, tl_version(), "tulle");
    for (int32_t k = 0; k < n; k++)
        tl_save_variable(&l, vars[k]);
    status = tl_save_list_write(&l, who, path);
    tl_save_list_free(&l);
    return status;
}

/* ---- Loading ---- */

/* One variable that is being loaded. */
typedef struct loading {
    tl_load *l;
    const tl_load_options *o;
    tl_load_report *report;
    int32_t *n_untold; /* lines that the report has no space for */
    tl_planned_values *p;
    bool planned; /* it gets values */
} loading;

enum { MORE_SIZE = 24 }; /* bytes that "and 2147483647 more" fits in */

static void tell(const loading *x, const char *format, ...) TL_PRINTF(2, 3);

/* Adds a line to the report, or counts it if it does not fit: then no later one is added, either. */
static void tell(const loading *x, const char *format, ...)
{
    char *text = x->report->text;
    const size_t used = strlen(text), left = sizeof x->report->text - MORE_SIZE - used;
    va_list args;
    va_start(args, format);
    const int n = *x->n_untold > 0 ? -1 : vsnprintf(text + used, left, format, args);
    va_end(args);
    if (n < 0 || (size_t)n + 1 >= left) {
        text[used] = '\0';
        ++*x->n_untold;
    } else {
        memcpy(text + used + n, "\n", 2);
    }
}

/* Returns whether the sizes are those of the variable. A sparse one is a matrix; foreign files do not say how
 * many columns it has. */
static bool has_shape(const tl_load *l, const tl_variable *v, const tl_stored *s)
{
    const tl_safetensor *t = &l->file.tensor[s->values];
    if (s->sparse)
        return v->shape.rank == 2 && v->shape.dim[0] == s->rows &&
               (s->cols < 0 || v->shape.dim[1] == s->cols);
    return t->rank <= TL_MAX_RANK && tl_shape_equal(tl_shape_from(t->rank, t->dim), v->shape) &&
           (s->crow < 0 || s->rows == tl_shape_rows(v->shape));
}

static void check_type(const loading *x, const tl_variable *v, tl_safetensors_type type)
{
    const bool real = type == TL_SAFETENSORS_F16 || type == TL_SAFETENSORS_BF16 ||
                      type == TL_SAFETENSORS_F32 || type == TL_SAFETENSORS_F64;
    const int32_t size = tl_safetensors_type_size(type);
    if (!real)
        tl_load_differs(x->l, "%.60s is %s in the file", v->name, tl_safetensors_type_name(type));
    else if (size > (int32_t)sizeof(tl_real) && !x->o->narrow)
        tl_load_differs(x->l, "%.60s is F64 in the file and F32 here (narrow)", v->name);
    x->report->narrowed += real && size > (int32_t)sizeof(tl_real);
    x->report->widened += real && size < (int32_t)sizeof(tl_real);
    if (type != TL_SAFETENSORS_REAL)
        tell(x, "%.60s: %s in the file, %s here", v->name, tl_safetensors_type_name(type),
             tl_safetensors_type_name(TL_SAFETENSORS_REAL));
}

/* Lists what the values lost, or tells of it where that is allowed. */
static void check_losses(const loading *x, const tl_conversion *c)
{
    const char *name = x->p->v->name;
    tl_load_report *r = x->report;
    if (c->overflown > 0)
        tl_load_differs(x->l, "%.60s: %lld values are too large for float", name, (long long)c->overflown);
    if (c->dropped > 0 && !x->o->drop)
        tl_load_differs(x->l, "%.60s: %lld values off its pattern are not 0 (drop)", name,
                        (long long)c->dropped);
    if (c->dropped > 0)
        tell(x, "%.60s: %lld values dropped, of norm %g", name, (long long)c->dropped, sqrt(c->squares));
    if (c->filled > 0)
        tell(x, "%.60s: %lld entries that the file has not are 0", name, (long long)c->filled);
    r->dropped += c->dropped;
    r->dropped_norm += c->squares; /* the root is taken at the end */
    r->filled += c->filled;
}

/* Returns the pattern that the variable is going to have, borrowed. */
static tl_pattern *choose(const loading *x, tl_pattern *stored)
{
    const tl_variable *v = x->p->v;
    const bool plain_from_sparse = !v->sparse && !v->pattern && x->p->stored.sparse;
    return stored && !x->o->keep_pattern && !plain_from_sparse ? stored : v->pattern;
}

static void tell_kind(const loading *x, const tl_pattern *stored, const tl_pattern *chosen)
{
    const tl_variable *v = x->p->v;
    const char *kind = v->sparse    ? "sparse"
                       : v->pattern ? "masked"
                                    : "dense",
               *was = tl_stored_kind(&x->p->stored);
    const bool differs = stored && !(chosen && tl_pattern_equal(stored, chosen));
    if (strcmp(kind, was) != 0) {
        x->report->converted++;
        tell(x, "%.60s: %s in the file, %s here", v->name, was, kind);
    }
    if (x->p->changes_pattern) {
        x->report->new_patterns++;
        tell(x, "%.60s: has the pattern of the file, of %lld entries", v->name,
             (long long)tl_pattern_nnz(x->p->pattern));
    }
    if (differs && v->pattern) {
        x->report->kept_patterns++;
        tell(x, "%.60s: keeps another pattern than the file's", v->name);
    }
}

static tl_status plan_values(loading *x)
{
    tl_planned_values *p = x->p;
    tl_pattern *stored = NULL;
    tl_real *values = NULL;
    tl_conversion c = { .dropped = 0 };
    tl_status status = TL_OK;
    if (p->stored.crow >= 0)
        status = tl_load_pattern(x->l, &p->stored, tl_shape_cols(p->v->shape), &stored);
    if (status != TL_OK)
        return status;
    tl_pattern *chosen = choose(x, stored);
    status = tl_plan_pattern(p, tl_pattern_retain(chosen));
    if (status == TL_OK)
        status = tl_read_reals(x->l, p->stored.values, &values, &c);
    if (status == TL_OK)
        status = tl_convert_values(p, chosen, stored, values, &c);
    else
        tl_free(values);
    if (status == TL_OK) {
        check_losses(x, &c);
        tell_kind(x, stored, chosen);
        x->planned = true;
        x->report->loaded++;
    }
    tl_pattern_release(stored);
    return status;
}

static tl_status plan_one(loading *x)
{
    const tl_variable *v = x->p->v;
    bool found;
    const tl_status status = tl_load_stored(x->l, v->name, &x->p->stored, &found);
    if (status != TL_OK)
        return status;
    if (!found) {
        x->report->missing++;
        tell(x, "%.60s: not in the file", v->name);
        if (!x->o->skip_missing)
            tl_load_differs(x->l, "%.60s is not in the file", v->name);
        return TL_OK;
    }
    if (!has_shape(x->l, v, &x->p->stored)) {
        x->report->shape_differs++;
        tell(x, "%.60s: %s in the file, %s here", v->name, tl_stored_shape_text(x->l, &x->p->stored).text,
             tl_shape_text(v->shape).text);
        if (!x->o->skip_shape)
            tl_load_differs(x->l, "%.60s is %s in the file and %s here", v->name,
                            tl_stored_shape_text(x->l, &x->p->stored).text, tl_shape_text(v->shape).text);
        return TL_OK;
    }
    const int32_t before = x->l->n_differences;
    check_type(x, v, x->l->file.tensor[x->p->stored.values].type);
    return x->l->n_differences == before ? plan_values(x) : TL_OK;
}

/* What a checkpoint holds in addition to weights does not count. */
static void list_left(const loading *x)
{
    const tl_safetensors *f = &x->l->file;
    const bool checkpoint = tl_safetensors_note_of(f, "format_version") != NULL;
    for (int32_t k = 0; k < f->n; k++) {
        const char *name = f->tensor[k].name;
        if (x->l->tensor_used[k] ||
            (checkpoint && (strncmp(name, "optimizer/", 10) == 0 || strncmp(name, "ema/", 4) == 0)))
            continue;
        x->report->left_over++;
        tell(x, "%.80s: in the file only", name);
        if (!x->o->skip_left_over)
            tl_load_differs(x->l, "%.80s is in the file only", name);
    }
}

static tl_status load(tl_load *l, tl_variable *const *vars, int32_t n, const tl_load_options *o,
                      tl_load_report *report)
{
    int32_t n_untold = 0;
    loading *all = tl_alloc_zero(n, sizeof *all);
    tl_planned_values *p = tl_alloc_zero(n, sizeof *p);
    tl_status status = all && p ? TL_OK : tl_fail_memory();
    if (status == TL_OK && tl_safetensors_note_of(&l->file, "tulle") && !tl_safetensors_is_checked(&l->file))
        status = tl_load_bad(l, "there are no checksums");
    for (int32_t k = 0; status == TL_OK && k < n; k++) {
        p[k].v = vars[k];
        all[k] = (loading){ .l = l, .o = o, .report = report, .n_untold = &n_untold, .p = &p[k] };
        status = plan_one(&all[k]);
    }
    if (status == TL_OK) {
        list_left(&(loading){ .l = l, .o = o, .report = report, .n_untold = &n_untold });
        status = tl_load_differences(l);
    }
    for (int32_t k = 0; status == TL_OK && k < n; k++)
        if (all[k].planned)
            tl_apply_values(&p[k]);
    for (int32_t k = 0; p && k < n; k++)
        tl_free_values(&p[k]);
    tl_free(p);
    tl_free(all);
    report->dropped_norm = sqrt(report->dropped_norm);
    if (n_untold > 0)
        snprintf(report->text + strlen(report->text), MORE_SIZE, "and %d more\n", (int)n_untold);
    return status;
}

tl_status tl_weights_load(const char *path, tl_variable *const *vars, int32_t n, const tl_load_options *o,
                          tl_load_report *report)
{
    const char *who = "weights_load";
    const tl_load_options defaults = { .narrow = false };
    tl_load_report own;
    report = report ? report : &own;
    o = o ? o : &defaults;
    memset(report, 0, sizeof *report);
    tl_status status = tl_check_reserved(who, o, offsetof(tl_load_options, reserved1), sizeof *o);
    if (status == TL_OK)
        status = check_variables(who, path, vars, n, false);
    tl_load l;
    if (status == TL_OK)
        status = tl_load_open(&l, who, path);
    if (status != TL_OK)
        return status;
    status = load(&l, vars, n, o, report);
    if (status != TL_OK)
        memset(report, 0, sizeof *report);
    tl_load_close(&l);
    return status;
}
