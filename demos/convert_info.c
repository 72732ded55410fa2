/* Shapes, statistics and pictures. */
#include "convert_info.h"
#include "convert_picture.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

typedef struct statistics {
    int64_t zeros, nans, infinities;
    double min, max, mean, norm; /* of the values that are finite */
} statistics;

/* long double, which has the range for any sum of squares where it is wider, and the digits for a mean. */
static statistics statistics_of(const double *x, int64_t n)
{
    statistics s = { .min = INFINITY, .max = -INFINITY };
    long double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; k++) {
        s.nans += isnan(x[k]) != 0;
        s.infinities += isinf(x[k]) != 0;
        s.zeros += x[k] == 0;
        if (!isfinite(x[k]))
            continue;
        s.min = x[k] < s.min ? x[k] : s.min;
        s.max = x[k] > s.max ? x[k] : s.max;
        sum += x[k];
        squares += (long double)x[k] * x[k];
    }
    const int64_t finite = n - s.nans - s.infinities;
    s.mean = finite > 0 ? (double)(sum / finite) : 0;
    s.norm = (double)sqrtl(squares);
    return s;
}

/* Prints a text of a file, whose control characters would steer the terminal. */
static void print_text(const char *text, FILE *out)
{
    for (; *text; text++)
        fputc(((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7f ? '?' : *text, out);
}

static void print_shape(const array *a, FILE *out)
{
    if (a->rank == 0)
        fputs("scalar", out);
    for (int32_t k = 0; k < a->rank; k++)
        fprintf(out, "%s%" PRId64, k == 0 ? "" : "x", a->dim[k]);
}

static void print_statistics(const array *a, const statistics *s, FILE *out)
{
    if (a->size > s->nans + s->infinities)
        fprintf(out, "  min %.6g, max %.6g, mean %.6g, norm %.6g", s->min, s->max, s->mean, s->norm);
    else
        fputs("  no finite values", out);
    if (s->nans + s->infinities == 0)
        fputs(", all finite\n", out);
    else
        fprintf(out, ", not finite: %" PRId64 " NaN, %" PRId64 " infinite\n", s->nans, s->infinities);
}

tl_pattern *info_pattern(const array *a)
{
    if (a->pattern)
        return tl_pattern_retain(a->pattern);
    if (a->rank != 2) {
        tl_fail(TL_ERR_ARGUMENT, "%s has rank %d; a picture is of a matrix", a->name, (int)a->rank);
        return NULL;
    }
    uint8_t *keep = take(a->size, 1);
    for (int64_t k = 0; k < a->size; k++)
        keep[k] = a->values[k] != 0;
    tl_pattern *p = tl_pattern_from_mask(a->dim[0], a->dim[1], keep);
    free(keep);
    return p;
}

/* Prints a picture of a sparse matrix, or of a dense one with zeros. */
static void print_picture(const array *a, const statistics *s, FILE *out)
{
    if (!a->pattern && (a->rank != 2 || a->dim[0] < 2 || a->dim[1] < 2 || s->zeros == 0))
        return;
    tl_pattern *p = info_pattern(a);
    if (p)
        picture_print(p, out);
    tl_pattern_release(p);
}

void info_print(const arrays *list, bool pictures, FILE *out)
{
    if (list->about)
        print_text(list->about, out);
    for (int k = 0; k < list->n; k++) {
        const array *a = &list->item[k];
        const statistics s = statistics_of(a->values, a->size);
        print_text(a->name, out);
        fputs(": ", out);
        print_shape(a, out);
        if (!a->ones)
            fprintf(out, " %s,", element_name(a->element));
        if (a->pattern) {
            const double cells = (double)a->dim[0] * (double)a->dim[1];
            fprintf(out, " %s: %" PRId64 " entries, density %.4g\n", a->ones ? "pattern" : "sparse", a->size,
                    cells > 0 ? (double)a->size / cells : 0);
        } else {
            fprintf(out, " dense: %" PRId64 " values, %" PRId64 " not 0 (%.4g)\n", a->size, a->size - s.zeros,
                    a->size > 0 ? (double)(a->size - s.zeros) / (double)a->size : 0);
        }
        if (a->size > 0 && !a->ones)
            print_statistics(a, &s, out);
        if (pictures)
            print_picture(a, &s, out);
    }
}
