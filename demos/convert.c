/* tulle-convert: converts files of arrays, tells what is in them, and draws patterns and logs of runs. */
#include "convert_formats.h"
#include "convert_info.h"
#include "convert_options.h"
#include "convert_picture.h"
#include "convert_plot.h"
#include "convert_readers.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* Removes the arrays that no --name chooses and, with --weights, those that are not of variables. */
static bool select_arrays(arrays *list, const options *o)
{
    bool chosen[MOST_NAMES] = { false };
    int kept = 0;
    for (int k = 0; k < list->n; k++) {
        const char *name = list->item[k].name;
        const bool state = strncmp(name, "optimizer/", 10) == 0 || strncmp(name, "ema/", 4) == 0;
        bool keep = o->n_names == 0 && !(o->weights && state);
        for (int n = 0; n < o->n_names; n++)
            if (strcmp(o->name[n], name) == 0)
                keep = chosen[n] = true;
        if (keep)
            list->item[kept++] = list->item[k];
        else
            array_clear(&list->item[k]);
    }
    list->n = kept;
    if (o->n_names > 0 || o->weights) { /* that is about other arrays, too */
        free(list->about);
        list->about = NULL;
    }
    for (int n = 0; n < o->n_names; n++)
        if (!chosen[n]) {
            tl_fail(TL_ERR_ARGUMENT, "no array is called %s; tulle-convert info prints the names",
                    o->name[n]);
            return false;
        }
    return true;
}

/* Makes the matrices sparse that have the shape of the pattern in a file. */
static bool apply_pattern(arrays *list, const char *path, const options *o)
{
    arrays from;
    bool ok = read_arrays(path, NULL, &o->settings, &from);
    array *mask = ok ? only_array(&from, "the file of a pattern") : NULL;
    tl_pattern *p = mask ? info_pattern(mask) : NULL;
    int n = 0;
    ok = p != NULL;
    for (int k = 0; ok && k < list->n; k++)
        if (list->item[k].rank == 2 && list->item[k].dim[0] == mask->dim[0] &&
            list->item[k].dim[1] == mask->dim[1]) {
            ok = make_sparse_at(&list->item[k], p, o->drop);
            n++;
        }
    if (ok && n == 0) {
        tl_fail(TL_ERR_SHAPE, "%s: no array is %lldx%lld as the pattern is", path, (long long)mask->dim[0],
                (long long)mask->dim[1]);
        ok = false;
    }
    tl_pattern_release(p);
    arrays_clear(&from);
    return ok;
}

static bool change_arrays(arrays *list, const options *o)
{
    if (!select_arrays(list, o) || (o->pattern && !apply_pattern(list, o->pattern, o)))
        return false;
    for (int k = 0; k < list->n; k++) {
        array *a = &list->item[k];
        if ((o->sparse && a->rank == 2 && !make_sparse(a)) || (o->dense && !make_dense(a)))
            return false;
        if (o->element >= 0 && !round_values(a, (element)o->element))
            return false;
    }
    return true;
}

/* What the options say of CSV is about IN, if that is CSV. */
static bool convert(const options *o)
{
    arrays list = { 0 };
    const format *from = o->from ? o->from : format_of(o->path[0]);
    const settings out = from && from->read == csv_read ? (settings){ 0 } : o->settings;
    const bool ok = from && read_arrays(o->path[0], from, &o->settings, &list) && change_arrays(&list, o) &&
                    write_arrays(o->path[1], o->to, &out, &list);
    arrays_clear(&list);
    return ok;
}

/* Draws the only matrix of a list. */
static bool draw(const arrays *list, const options *o)
{
    const array *matrix = NULL;
    for (int k = 0; k < list->n; k++)
        if (list->item[k].rank == 2) {
            if (matrix) {
                tl_fail(TL_ERR_ARGUMENT, "there are several matrices, such as %s and %s; --name chooses",
                        matrix->name, list->item[k].name);
                return false;
            }
            matrix = &list->item[k];
        }
    if (!matrix) {
        tl_fail(TL_ERR_ARGUMENT, "there is no matrix to draw");
        return false;
    }
    tl_pattern *p = info_pattern(matrix);
    const bool ok = p && picture_svg(o->svg, p, matrix->name, o->order);
    tl_pattern_release(p);
    return ok;
}

static bool info(const options *o)
{
    bool ok = true;
    for (int k = 0; k < o->n_paths && ok; k++) {
        arrays list;
        ok = read_arrays(o->path[k], o->from, &o->settings, &list) && select_arrays(&list, o) &&
             (!o->svg || draw(&list, o));
        if (ok && !o->svg) {
            if (o->n_paths > 1)
                printf("%s%s\n", k == 0 ? "" : "\n", o->path[k]);
            info_print(&list, !o->plain, stdout);
        }
        arrays_clear(&list);
    }
    return ok;
}

int main(int argc, char **argv)
{
    options o;
    int status = 0;
    setlocale(LC_CTYPE, ""); /* tells whether the terminal takes braille; numbers stay as they are */
    if (!options_read(&o, argc, argv, &status))
        return status;
    const bool ok = o.command == COMMAND_INFO ? info(&o) : o.command == COMMAND_PLOT ? plot(&o) : convert(&o);
    if (!ok) {
        fprintf(stderr, "tulle-convert: %s\n", tl_error());
        return 1;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("tulle-convert: standard output");
        return 1;
    }
    return 0;
}
