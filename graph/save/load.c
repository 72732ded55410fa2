/* Reads a checkpoint: compares everything, then reads everything, then changes everything. */
#include "graph/save/plan.h"
#include "lib/io/safetensors_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include "isa.h"
#include "version.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tl_add_warning(char *warnings, const char *format, ...)
{
    const size_t used = strlen(warnings);
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(warnings + used, TL_WARNINGS_SIZE - used, format, args);
    va_end(args);
    if (n < 0 || (size_t)n + 1 >= TL_WARNINGS_SIZE - used)
        warnings[used] = '\0';
    else
        memcpy(warnings + used + n, "\n", 2);
}

/* ---- The file as a whole ---- */

/* Checks the version, and that every byte has a checksum. */
static tl_status check_header(tl_load *l, char *warnings)
{
    const char *version = tl_load_note(l, "format_version"), *kernels = tl_load_note(l, "kernels");
    if (!version)
        return tl_load_bad(l, "this is no checkpoint: there is no format_version");
    const long major = strtol(version, NULL, 10);
    if (major < 1)
        return tl_load_bad(l, "format_version %.20s is no number from 1 on", version);
    if (major > TL_CHECKPOINT_MAJOR)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %.200s: format version %.20s, and tulle %s reads up to %d",
                       l->who, l->path, version, tl_version(), TL_CHECKPOINT_MAJOR);
    bool checked = tl_safetensors_is_checked(&l->file);
    for (int32_t k = 0; k < l->file.n; k++)
        checked = checked && l->file.tensor[k].has_checksum;
    if (!checked)
        return tl_load_bad(l, "there are no checksums");
    if (kernels && strcmp(kernels, tl_kernel_level()) != 0)
        tl_add_warning(warnings, "saved by %.20s kernels, and this machine has %s: last bits differ", kernels,
                       tl_kernel_level());
    return TL_OK;
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Cuts what follows a variable's name in that of a tensor, or an object's in a note. */
static bool ends(const char *name, const char *suffix, int *length)
{
    const size_t n = strlen(name), end = strlen(suffix);
    if (n < end || strcmp(name + n - end, suffix) != 0)
        return false;
    *length = (int)(n - end);
    return true;
}

/* Lists objects that only the file has: their main parts, as all others are in the file on their behalf. */
static void list_objects_left(tl_load *l)
{
    int n;
    for (int32_t k = 0; k < l->file.n; k++) {
        const char *name = l->file.tensor[k].name;
        const bool part = begins(name, "optimizer/") || begins(name, "ema/") ||
                          ends(name, ".crow_indices", &n) || ends(name, ".col_indices", &n);
        if (l->tensor_used[k] || part)
            continue;
        n = (int)strlen(name);
        ends(name, ".values", &n);
        tl_load_differs(l, "%.*s is in the file only", n < 60 ? n : 60, name);
    }
    for (int32_t k = 0; k < l->file.n_notes; k++) {
        const char *key = l->file.note[k].key;
        if (l->note_used[k])
            continue;
        if (begins(key, "integer/") || begins(key, "number/"))
            tl_load_differs(l, "%.80s is in the file only", key);
        else if ((begins(key, "random/") && ends(key, "/seed", &n)) ||
                 (begins(key, "optimizer/") && ends(key, "/class", &n)))
            tl_load_differs(l, "%.*s is in the file only", n < 80 ? n : 80, key);
    }
}

/* If the objects are the same, no other tensor may be left either. Notes may: they are of a newer version. */
static void list_left(tl_load *l)
{
    list_objects_left(l);
    if (l->n_differences > 0)
        return;
    for (int32_t k = 0; k < l->file.n; k++)
        if (!l->tensor_used[k])
            tl_load_differs(l, "%.100s is in the file only", l->file.tensor[k].name);
}

/* ---- Entries ---- */

static void plan_random(tl_load *l, tl_planned *p)
{
    const char *name = p->entry->name;
    const char *seed = tl_load_note(l, "random/%s/seed", name),
               *position = tl_load_note(l, "random/%s/position", name);
    if (!tl_to_unsigned(seed, &p->random.seed) || !tl_to_unsigned(position, &p->random.position))
        tl_load_differs(l, "random %.60s is not in the file", name);
}

static tl_status plan_simple(tl_load *l, tl_planned *p)
{
    const char *name = p->entry->name;
    switch (p->entry->kind) {
    case TL_ENTRY_VARIABLE: return tl_plan_variable(l, p);
    case TL_ENTRY_OPTIMIZER: break;
    case TL_ENTRY_RANDOM: plan_random(l, p); break;
    case TL_ENTRY_INTEGER:
        if (!tl_to_integer(tl_load_note(l, "integer/%s", name), &p->integer))
            tl_load_differs(l, "integer %.60s is not in the file", name);
        break;
    case TL_ENTRY_NUMBER:
        if (!tl_to_number(tl_load_note(l, "number/%s", name), &p->number))
            tl_load_differs(l, "number %.60s is not in the file", name);
        break;
    }
    return TL_OK;
}

/* Variables first, as slots are compared with them. */
static tl_status plan(tl_load *l, int32_t n, tl_planned *all, char *warnings)
{
    tl_status status = check_header(l, warnings);
    for (int32_t k = 0; k < n && status == TL_OK; k++)
        status = plan_simple(l, &all[k]);
    for (int32_t k = 0; k < n && status == TL_OK; k++)
        if (all[k].entry->kind == TL_ENTRY_OPTIMIZER)
            status = tl_plan_optimizer(l, &all[k], n, all, warnings);
    if (status != TL_OK)
        return status;
    list_left(l);
    status = tl_load_differences(l);
    for (int32_t k = 0; k < n && status == TL_OK; k++) {
        if (all[k].entry->kind == TL_ENTRY_VARIABLE)
            status = tl_plan_read_variable(l, &all[k]);
        else if (all[k].entry->kind == TL_ENTRY_OPTIMIZER)
            status = tl_plan_read_optimizer(l, &all[k]);
    }
    return status;
}

static void apply(int32_t n, tl_planned *all)
{
    for (int32_t k = 0; k < n; k++)
        switch (all[k].entry->kind) {
        case TL_ENTRY_VARIABLE: tl_apply_variable(&all[k]); break;
        case TL_ENTRY_OPTIMIZER: break;
        case TL_ENTRY_RANDOM: *all[k].entry->random = all[k].random; break;
        case TL_ENTRY_INTEGER: *all[k].entry->integer = all[k].integer; break;
        case TL_ENTRY_NUMBER: *all[k].entry->number = all[k].number; break;
        }
    for (int32_t k = 0; k < n; k++)
        if (all[k].entry->kind == TL_ENTRY_OPTIMIZER)
            tl_apply_optimizer(&all[k]);
}

tl_status tl_checkpoint_load(tl_checkpoint *c, const char *path)
{
    const char *who = "checkpoint_load";
    if (!c || !path)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, c ? "path" : "checkpoint");
    tl_status status = tl_checkpoint_check(c, who);
    if (status != TL_OK)
        return status;
    tl_load l;
    char warnings[TL_WARNINGS_SIZE] = "";
    status = tl_load_open(&l, who, path);
    if (status != TL_OK)
        return status;
    tl_planned *all = tl_alloc_zero(c->n, sizeof *all);
    status = all ? TL_OK : tl_fail_memory();
    for (int32_t k = 0; all && k < c->n; k++)
        all[k].entry = &c->entry[k];
    if (status == TL_OK)
        status = plan(&l, c->n, all, warnings);
    if (status == TL_OK) {
        apply(c->n, all);
        memcpy(c->warnings, warnings, sizeof warnings);
    }
    for (int32_t k = 0; all && k < c->n; k++) {
        tl_free_variable(&all[k]);
        tl_free_optimizer(&all[k]);
    }
    tl_free(all);
    tl_load_close(&l);
    return status;
}
