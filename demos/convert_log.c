/* Reading logs of runs, lines of JSON. */
#include "convert_log.h"
#include "convert_arrays.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_JANSSON
#include <jansson.h>

/* Sets *x to a number, or to one that is not finite and therefore a string. */
static bool is_number(const json_t *value, double *x)
{
    const char *text = json_string_value(value);
    *x = json_is_number(value)                   ? json_number_value(value)
         : json_is_null(value)                   ? NAN
         : text && strcmp(text, "NaN") == 0      ? NAN
         : text && strcmp(text, "Infinity") == 0 ? INFINITY
                                                 : -INFINITY;
    return json_is_number(value) || json_is_null(value) || isnan(*x) || *x > 0 ||
           (text && strcmp(text, "-Infinity") == 0);
}

static curve *curve_of(run *r, const char *field)
{
    for (int k = 0; k < r->n; k++)
        if (strcmp(r->curve[k].field, field) == 0)
            return &r->curve[k];
    r->curve = realloc(r->curve, (size_t)(r->n + 1) * sizeof *r->curve);
    curve *c = r->curve ? &r->curve[r->n++] : take(-1, 1); /* ends the program */
    *c = (curve){ .field = text_of("%s", field) };
    return c;
}

static void append(curve *c, double x, double y)
{
    if (c->n == c->capacity) {
        c->capacity = c->capacity > 0 ? 2 * c->capacity : 64;
        c->x = realloc(c->x, (size_t)c->capacity * sizeof *c->x);
        c->y = realloc(c->y, (size_t)c->capacity * sizeof *c->y);
        if (!c->x || !c->y)
            take(-1, 1);
    }
    c->x[c->n] = x;
    c->y[c->n++] = y;
}

/* Removes the points at x and after it. */
static void rewind_to(run *r, double x)
{
    for (int k = 0; k < r->n; k++)
        while (r->curve[k].n > 0 && r->curve[k].x[r->curve[k].n - 1] >= x)
            r->curve[k].n--;
}

/* Adds a line to the curves. False with the reason in tl_error() if it has no x. */
static bool add_line(run *r, const json_t *line, const char *path, int64_t number)
{
    double x = (double)number, y;
    const char *field;
    const json_t *value = json_object_get(line, r->x_name);
    if (strcmp(r->x_name, "line") != 0 && !(value && is_number(value, &x) && isfinite(x))) {
        if (json_object_size(line) == 0)
            return true;
        tl_fail(TL_ERR_FORMAT, "%s: line %" PRId64 ": found no number %s, expected one along the x axis",
                path, number, r->x_name);
        return false;
    }
    rewind_to(r, x);
    for (void *at = json_object_iter((json_t *)line); at; at = json_object_iter_next((json_t *)line, at)) {
        field = json_object_iter_key(at);
        if (strcmp(field, r->x_name) != 0 && is_number(json_object_iter_value(at), &y))
            append(curve_of(r, field), x, y);
    }
    return true;
}

static bool read_line(run *r, const char *text, size_t n, const char *path, int64_t number, const char *x)
{
    json_error_t error;
    json_t *line = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    bool ok = json_is_object(line);
    if (!line)
        tl_fail(TL_ERR_FORMAT, "%s: line %" PRId64 ": column %d: %s", path, number, error.column, error.text);
    else if (!ok)
        tl_fail(TL_ERR_FORMAT, "%s: line %" PRId64 ": found JSON that is not an object", path, number);
    if (ok && !r->x_name)
        r->x_name = text_of("%s", x                                ? x
                                  : json_object_get(line, "step")  ? "step"
                                  : json_object_get(line, "epoch") ? "epoch"
                                                                   : "line");
    ok = ok && add_line(r, line, path, number);
    json_decref(line);
    return ok;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

bool run_read(run *r, const char *path, const char *x)
{
    char *text = NULL;
    size_t capacity = 0;
    bool ok = true;
    *r = (run){ 0 };
    FILE *f = fopen(path, "r");
    for (int64_t number = 1; f && ok; number++) {
        const ssize_t n = getline(&text, &capacity, f);
        if (n < 0 || text[n - 1] != '\n') /* the last line of a run that was killed */
            break;
        ok = is_blank(text) || read_line(r, text, (size_t)n, path, number, x);
    }
    free(text);
    if (!f || ferror(f)) {
        tl_fail(TL_ERR_IO, "%s: %s", path, strerror(errno));
        ok = false;
    }
    if (f)
        fclose(f);
    if (!ok)
        run_free(r);
    return ok;
}
#else
bool run_read(run *r, const char *path, const char *x)
{
    (void)x;
    *r = (run){ 0 };
    tl_fail(TL_ERR_ARGUMENT, "%s: plot needs jansson, without which tulle-convert was built", path);
    return false;
}
#endif

void run_free(run *r)
{
    for (int k = 0; k < r->n; k++) {
        free(r->curve[k].field);
        free(r->curve[k].x);
        free(r->curve[k].y);
    }
    free(r->curve);
    free(r->x_name);
    *r = (run){ 0 };
}
