/* The list: what is in it, and the checks of names. */
#include "graph/save/checkpoint_private.h"
#include "lib/io/safetensors_private.h"
#include "lib/io/utf8.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tl_checkpoint *tl_checkpoint_new(void)
{
    tl_checkpoint *c = tl_alloc_zero(1, sizeof *c);
    if (!c)
        tl_fail_memory();
    return c;
}

void tl_checkpoint_free(tl_checkpoint *c)
{
    if (!c)
        return;
    for (int32_t k = 0; k < c->n; k++)
        tl_free(c->entry[k].name);
    tl_free(c->entry);
    tl_free(c);
}

const char *tl_checkpoint_warnings(const tl_checkpoint *c)
{
    return c ? c->warnings : "";
}

const char *tl_entry_name(const tl_entry *e)
{
    return e->kind == TL_ENTRY_VARIABLE ? e->variable->name : e->name;
}

/* ---- Adding ---- */

static tl_status provide_entry(tl_checkpoint *c)
{
    if (c->n < c->capacity)
        return TL_OK;
    const int32_t capacity = 2 * c->capacity + 8;
    tl_entry *more = tl_alloc(capacity, sizeof *more);
    if (!more)
        return tl_fail_memory();
    if (c->n > 0)
        memcpy(more, c->entry, (size_t)c->n * sizeof *more);
    tl_free(c->entry);
    c->entry = more;
    c->capacity = capacity;
    return TL_OK;
}

static tl_status add(const char *who, tl_checkpoint *c, tl_entry_kind kind, const char *name, void *object)
{
    if (!c || !object)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, c ? "object" : "checkpoint");
    if (kind != TL_ENTRY_VARIABLE && (!name || !*name))
        return tl_fail(TL_ERR_ARGUMENT, "%s: the name is %s", who, name ? "empty" : "NULL");
    if (name && !tl_is_utf8(name, -1))
        return tl_fail(TL_ERR_ARGUMENT, "%s: the name is not UTF-8", who);
    for (int32_t k = 0; k < c->n; k++)
        if (c->entry[k].kind == kind && c->entry[k].object == object)
            return tl_fail(TL_ERR_ARGUMENT, "%s: %.80s is in the list already", who,
                           tl_entry_name(&c->entry[k]));
    tl_entry e = { .kind = kind, .object = object };
    if (name) {
        const int64_t n = (int64_t)strlen(name) + 1;
        e.name = tl_alloc(n, 1);
        if (!e.name)
            return tl_fail_memory();
        memcpy(e.name, name, (size_t)n);
    }
    if (provide_entry(c) != TL_OK) {
        tl_free(e.name);
        return TL_ERR_MEMORY;
    }
    c->entry[c->n++] = e;
    return TL_OK;
}

tl_status tl_checkpoint_add_variable_as(const char *who, tl_checkpoint *c, tl_variable *v)
{
    return add(who, c, TL_ENTRY_VARIABLE, NULL, v);
}

tl_status tl_checkpoint_add_variable(tl_checkpoint *c, tl_variable *v)
{
    return tl_checkpoint_add_variable_as("checkpoint_add_variable", c, v);
}

tl_status tl_checkpoint_add_optimizer(tl_checkpoint *c, const char *name, tl_optimizer *o)
{
    return add("checkpoint_add_optimizer", c, TL_ENTRY_OPTIMIZER, name, o);
}

tl_status tl_checkpoint_add_random(tl_checkpoint *c, const char *name, tl_random *r)
{
    return add("checkpoint_add_random", c, TL_ENTRY_RANDOM, name, r);
}

tl_status tl_checkpoint_add_integer(tl_checkpoint *c, const char *name, int64_t *value)
{
    return add("checkpoint_add_integer", c, TL_ENTRY_INTEGER, name, value);
}

tl_status tl_checkpoint_add_number(tl_checkpoint *c, const char *name, double *value)
{
    return add("checkpoint_add_number", c, TL_ENTRY_NUMBER, name, value);
}

/* ---- Checks ---- */

/* A list of at most so many bytes, for an error text. */
typedef struct words {
    char text[300];
    int n, more;
} words;

static void add_word(words *w, const char *word)
{
    const int left = (int)sizeof w->text - w->n, n = (int)strlen(word) + 2;
    if (w->more > 0 || n >= left)
        w->more++;
    else
        w->n += snprintf(w->text + w->n, (size_t)left, "%s%s", w->n > 0 ? ", " : "", word);
}

static tl_status refuse(const char *who, const char *what, const words *w)
{
    char more[24] = "";
    if (w->more > 0)
        snprintf(more, sizeof more, " and %d more", w->more);
    return tl_fail(TL_ERR_ARGUMENT, "%s: %s: %s%s", who, what, w->text, more);
}

static int by_kind_and_name(const void *a, const void *b)
{
    const tl_entry *x = *(const tl_entry *const *)a, *y = *(const tl_entry *const *)b;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(tl_entry_name(x), tl_entry_name(y));
}

/* Returns whether a variable of this name would be taken for a part of another one, or of an optimizer. */
static bool is_reserved(const tl_entry *e)
{
    static const char *const begin[] = { "optimizer/", "ema/" }, *const end[] = { ".crow_indices",
                                                                                  ".col_indices" };
    const char *name = tl_entry_name(e);
    const size_t n = strlen(name);
    for (int k = 0; e->kind == TL_ENTRY_VARIABLE && k < 2; k++)
        if (strncmp(name, begin[k], strlen(begin[k])) == 0 ||
            (n >= strlen(end[k]) && strcmp(name + n - strlen(end[k]), end[k]) == 0))
            return true;
    return false;
}

/* Lists variables without a name by their place in the list. */
tl_status tl_checkpoint_check_names(const tl_checkpoint *c, const char *who)
{
    words missing = { .n = 0 }, repeated = { .n = 0 };
    const tl_entry **sorted = tl_alloc(c->n, sizeof *sorted);
    if (!sorted)
        return tl_fail_memory();
    for (int32_t k = 0; k < c->n; k++) {
        const char *name = tl_entry_name(&c->entry[k]);
        sorted[k] = &c->entry[k];
        const bool reserved = is_reserved(&c->entry[k]);
        if (*name && tl_is_utf8(name, -1) && !reserved)
            continue;
        char text[120];
        snprintf(text, sizeof text, "number %d of the list%s%.80s", (int)k + 1, reserved ? ", " : "",
                 reserved ? name : "");
        add_word(&missing, text);
    }
    if (c->n > 1)
        qsort(sorted, (size_t)c->n, sizeof *sorted, by_kind_and_name);
    for (int32_t k = 1; k < c->n; k++)
        if (*tl_entry_name(sorted[k]) && by_kind_and_name(&sorted[k - 1], &sorted[k]) == 0)
            add_word(&repeated, tl_entry_name(sorted[k]));
    tl_free(sorted);
    if (missing.n + missing.more > 0)
        return refuse(
            who,
            "names that are empty, not UTF-8, begin with optimizer/ or ema/, or end in .crow_indices "
            "or .col_indices",
            &missing);
    return repeated.n + repeated.more > 0 ? refuse(who, "repeated names", &repeated) : TL_OK;
}

/* Of optimizers a and a/b, the part of variable b/c of the one has the name of that of c of the other. */
static tl_status check_prefixes(const tl_checkpoint *c, const char *who)
{
    words nested = { .n = 0 };
    for (int32_t k = 0; k < c->n; k++)
        for (int32_t i = 0; c->entry[k].kind == TL_ENTRY_OPTIMIZER && i < c->n; i++) {
            const char *outer = c->entry[i].name, *name = c->entry[k].name;
            if (c->entry[i].kind == TL_ENTRY_OPTIMIZER && strncmp(name, outer, strlen(outer)) == 0 &&
                name[strlen(outer)] == '/')
                add_word(&nested, name);
        }
    return nested.n + nested.more > 0
               ? refuse(who, "optimizers whose names begin with that of another and a slash", &nested)
               : TL_OK;
}

static bool has_variable(const tl_checkpoint *c, const tl_variable *v)
{
    for (int32_t k = 0; k < c->n; k++)
        if (c->entry[k].kind == TL_ENTRY_VARIABLE && c->entry[k].variable == v)
            return true;
    return false;
}

static tl_status check_slots(const tl_checkpoint *c, const char *who)
{
    words missing = { .n = 0 };
    for (int32_t k = 0; k < c->n; k++) {
        if (c->entry[k].kind != TL_ENTRY_OPTIMIZER)
            continue;
        for (const tl_slots *s = c->entry[k].optimizer->slots; s; s = s->next)
            if (!has_variable(c, s->companion.variable))
                add_word(&missing,
                         *s->companion.variable->name ? s->companion.variable->name : "one without a name");
    }
    return missing.n + missing.more > 0
               ? refuse(who, "variables of an optimizer that are not in the list", &missing)
               : TL_OK;
}

tl_status tl_checkpoint_check_averages(const tl_checkpoint *c, const char *who)
{
    words swapped = { .n = 0 };
    for (int32_t k = 0; k < c->n; k++)
        if (c->entry[k].kind == TL_ENTRY_VARIABLE)
            for (int32_t i = 0; i < tl_count_averages(c->entry[k].variable); i++)
                if (tl_average_of(c->entry[k].variable, i)->ema->swapped)
                    add_word(&swapped, c->entry[k].variable->name);
    return swapped.n + swapped.more > 0 ? refuse(who, "averages are swapped in", &swapped) : TL_OK;
}

tl_status tl_checkpoint_check(const tl_checkpoint *c, const char *who)
{
    tl_status status = tl_checkpoint_check_names(c, who);
    if (status == TL_OK)
        status = check_prefixes(c, who);
    if (status == TL_OK)
        status = check_slots(c, who);
    return status == TL_OK ? tl_checkpoint_check_averages(c, who) : status;
}

/* ---- What both directions know ---- */

#define COMMON(field, type)                                                                                  \
    {                                                                                                        \
#field, offsetof(tl_optimizer_options, field), type                                                  \
    }
const tl_option tl_common_fields[] = {
    COMMON(learning_rate, TL_OPTION_DOUBLE), COMMON(weight_decay, TL_OPTION_DOUBLE),
    COMMON(decoupled, TL_OPTION_BOOL),       COMMON(rows, TL_OPTION_INT32),
    COMMON(non_finite, TL_OPTION_INT32),     COMMON(per_weight_age, TL_OPTION_BOOL),
    { NULL, 0, TL_OPTION_DOUBLE },
};

double tl_option_value(const tl_option *field, const void *options)
{
    const char *at = (const char *)options + field->offset;
    double number;
    bool truth;
    int32_t integer;
    switch (field->type) {
    case TL_OPTION_DOUBLE: memcpy(&number, at, sizeof number); return number;
    case TL_OPTION_BOOL: memcpy(&truth, at, sizeof truth); return truth;
    case TL_OPTION_INT32: memcpy(&integer, at, sizeof integer); return integer;
    }
    return 0;
}

int32_t tl_count_averages(const tl_variable *v)
{
    int32_t n = 0;
    for (const tl_companion *c = v->companions; c; c = c->next)
        n += c->class == &tl_average_class;
    return n;
}

/* The list of companions begins with the newest. */
tl_average *tl_average_of(const tl_variable *v, int32_t k)
{
    int32_t left = tl_count_averages(v) - k;
    for (tl_companion *c = v->companions; c; c = c->next)
        if (c->class == &tl_average_class && --left == 0)
            return (tl_average *)c;
    return NULL;
}
