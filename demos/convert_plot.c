/* Curves from logs of runs: a panel per field. */
#include "convert_plot.h"
#include "convert_log.h"

#include <stdlib.h>
#include <string.h>

/* ---- What to draw ---- */

static bool has_field(const figure *f, const char *field)
{
    for (int k = 0; k < f->n_fields; k++)
        if (strcmp(f->field[k], field) == 0)
            return true;
    return false;
}

static void add_field(figure *f, const char *field)
{
    if (has_field(f, field))
        return;
    f->field = realloc(f->field, (size_t)(f->n_fields + 1) * sizeof *f->field);
    if (!f->field)
        take(-1, 1); /* ends the program */
    f->field[f->n_fields++] = field;
}

/* Chooses the fields of --y, a list that it splits, or all but step and epoch. */
static bool choose_fields(figure *f, char *wanted)
{
    for (char *name = wanted, *comma; name; name = comma) {
        comma = strchr(name, ',');
        if (comma)
            *comma++ = '\0';
        bool found = false;
        for (int k = 0; k < f->n_runs; k++)
            found |= curve_in(&f->run[k], name) != NULL;
        if (!found) {
            tl_fail(TL_ERR_ARGUMENT, "no line has a number %s", name);
            return false;
        }
        add_field(f, name);
    }
    for (int k = 0; !wanted && k < f->n_runs; k++)
        for (int c = 0; c < f->run[k].n; c++)
            if (strcmp(f->run[k].curve[c].field, "step") != 0 &&
                strcmp(f->run[k].curve[c].field, "epoch") != 0)
                add_field(f, f->run[k].curve[c].field);
    if (f->n_fields == 0)
        tl_fail(TL_ERR_ARGUMENT, "there are no numbers to draw");
    return f->n_fields > 0;
}

/* Names runs by their files, without folders and suffix where that tells them apart. */
static void label_runs(figure *f, char **path)
{
    bool same = false;
    for (int k = 0; k < f->n_runs; k++) {
        const char *slash = strrchr(path[k], '/'), *name = slash ? slash + 1 : path[k],
                   *dot = strrchr(name, '.');
        f->label[k] = dot && dot > name ? text_of("%.*s", (int)(dot - name), name) : text_of("%s", name);
        for (int other = 0; other < k; other++)
            same |= strcmp(f->label[k], f->label[other]) == 0;
    }
    for (int k = 0; same && k < f->n_runs; k++) {
        free(f->label[k]);
        f->label[k] = text_of("%s", path[k]);
    }
}

bool plot(const options *o)
{
    figure f = { .run = take(o->n_paths, sizeof *f.run),
                 .label = take(o->n_paths, sizeof *f.label),
                 .log = o->log,
                 .linear = o->linear,
                 .integer = true };
    char *wanted = o->y ? text_of("%s", o->y) : NULL;
    bool ok = true;
    while (ok && f.n_runs < o->n_paths)
        if ((ok = run_read(&f.run[f.n_runs], o->path[f.n_runs], o->x)))
            f.n_runs++;
    label_runs(&f, o->path);
    ok = ok && choose_fields(&f, wanted) && figure_draw(&f, o->svg);
    for (int k = 0; k < f.n_runs; k++) {
        run_free(&f.run[k]);
        free(f.label[k]);
    }
    free(f.run);
    free(f.label);
    free((void *)f.field);
    free(wanted);
    return ok;
}
