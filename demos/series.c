/* Points are the values of variables, which a checkpoint saves with everything else. */
#include "series.h"
#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

series *series_new(series_list *list, tl_checkpoint *c, const char *panel, const char *label)
{
    char name[128];
    snprintf(name, sizeof name, "series/%s/%s", panel, label);
    if (list->n == MOST_SERIES) {
        tl_fail(TL_ERR_ARGUMENT, "more than %d series", MOST_SERIES);
        return NULL;
    }
    series *s = &list->item[list->n];
    *s = (series){ panel, label, 0, tl_variable_dense(name, TL_SHAPE(MOST_POINTS, 2)) };
    if (!s->points)
        return NULL;
    list->n++;
    return tl_checkpoint_add_variable(c, s->points) == TL_OK &&
                   tl_checkpoint_add_integer(c, name, &s->n) == TL_OK
               ? s
               : NULL;
}

void series_add(series *s, double x, double y)
{
    if (!s || s->n == MOST_POINTS)
        return;
    tl_real *point = tl_variable_data(s->points) + 2 * s->n++;
    for (int64_t k = s->n - 1; k > 0 && point[-2] > x; k--, point -= 2) {
        point[0] = point[-2];
        point[1] = point[-1];
    }
    point[0] = (tl_real)x;
    point[1] = (tl_real)y;
}

void series_free(series_list *list)
{
    for (int k = 0; k < list->n; k++)
        tl_variable_free(list->item[k].points);
    list->n = 0;
}

/* ---- Drawing ---- */

typedef struct drawing {
    figure figure;
    run run[MOST_SERIES];
    char *label[MOST_SERIES];
    const char *field[MOST_SERIES];
    curve curve[MOST_SERIES][MOST_SERIES]; /* of each run */
    double x[MOST_SERIES][MOST_POINTS], y[MOST_SERIES][MOST_POINTS];
} drawing;

static void add_to(drawing *d, const series *s, int at, char *x_name)
{
    figure *f = &d->figure;
    int r = 0, p = 0;
    while (r < f->n_runs && strcmp(f->label[r], s->label) != 0)
        r++;
    while (p < f->n_fields && strcmp(f->field[p], s->panel) != 0)
        p++;
    f->n_runs = r == f->n_runs ? r + 1 : f->n_runs;
    f->n_fields = p == f->n_fields ? p + 1 : f->n_fields;
    f->label[r] = (char *)s->label;
    f->field[p] = s->panel;
    f->run[r].x_name = x_name;
    f->run[r].curve = d->curve[r];
    d->curve[r][f->run[r].n++] = (curve){ (char *)s->panel, s->n, s->n, d->x[at], d->y[at] };
    const tl_real *point = tl_variable_values(s->points);
    for (int64_t k = 0; k < s->n; k++) {
        d->x[at][k] = (double)point[2 * k];
        d->y[at][k] = (double)point[2 * k + 1];
        f->integer = f->integer && d->x[at][k] == floor(d->x[at][k]);
    }
}

bool series_draw(const series_list *list, const char *x_name, const char *path)
{
    drawing *d = calloc(1, sizeof *d);
    if (!d)
        return tl_fail(TL_ERR_MEMORY, "out of memory") == TL_OK;
    d->figure = (figure){ .run = d->run, .label = d->label, .field = d->field, .integer = true };
    for (int k = 0; k < list->n; k++)
        add_to(d, &list->item[k], k, (char *)x_name);
    const bool ok = figure_draw(&d->figure, path);
    free(d);
    return ok;
}
