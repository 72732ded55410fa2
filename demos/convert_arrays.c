/* Named arrays: their elements, and conversions between dense and sparse. */
#include "convert_arrays.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *take(int64_t n, size_t size)
{
    const bool fits = n >= 0 && (uint64_t)n <= PTRDIFF_MAX / size;
    void *block = fits ? malloc(n > 0 ? (size_t)n * size : 1) : NULL;
    if (!block) {
        fprintf(stderr, "tulle-convert: out of memory\n");
        exit(1);
    }
    return block;
}

char *text_of(const char *format, ...)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    va_list args;
    va_start(args, format);
    if (f)
        vfprintf(f, format, args);
    va_end(args);
    if (!f || fclose(f) != 0)
        take(-1, 1); /* ends the program */
    return text;
}

/* ---- Elements ---- */

static const struct {
    const char *name; /* NumPy's */
    int width;
    double low, high; /* of integers; the high end of 64 bits is excluded */
} elements[N_ELEMENTS] = {
    [E_BOOL] = { "bool", 1, 0, 1 },
    [E_INT8] = { "int8", 1, INT8_MIN, INT8_MAX },
    [E_UINT8] = { "uint8", 1, 0, UINT8_MAX },
    [E_INT16] = { "int16", 2, INT16_MIN, INT16_MAX },
    [E_UINT16] = { "uint16", 2, 0, UINT16_MAX },
    [E_INT32] = { "int32", 4, INT32_MIN, INT32_MAX },
    [E_UINT32] = { "uint32", 4, 0, UINT32_MAX },
    [E_INT64] = { "int64", 8, -0x1p63, 0x1p63 },
    [E_UINT64] = { "uint64", 8, 0, 0x1p64 },
    [E_FLOAT16] = { "float16", 2, 0, 0 },
    [E_FLOAT32] = { "float32", 4, 0, 0 },
    [E_FLOAT64] = { "float64", 8, 0, 0 },
};

const char *element_name(element e)
{
    return elements[e].name;
}

/* A float16 is 11 significant bits at exponents from -14 to 15, and multiples of 2^-24 below. */
static bool is_float16(double x)
{
    return isinf(x) || (fabs(x) <= 65504 && x * 0x1p24 == nearbyint(x * 0x1p24) &&
                        (fabs(x) < 0x1p-14 || remainder(x, ldexp(1, ilogb(x) - 10)) == 0));
}

bool element_holds(element e, double x)
{
    if (e >= E_FLOAT16)
        return isnan(x) || e == E_FLOAT64 || (e == E_FLOAT32 ? (double)(float)x == x : is_float16(x));
    const bool wide = e == E_INT64 || e == E_UINT64;
    return x == floor(x) && !(x == 0 && signbit(x)) && x >= elements[e].low &&
           (wide ? x < elements[e].high : x <= elements[e].high);
}

static double from_float16(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double x = exponent == 31  ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? ldexp(fraction, -24)
                                     : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -x : x;
}

/* x is a float16. */
static uint16_t to_float16(double x)
{
    const uint16_t sign = signbit(x) ? 0x8000 : 0;
    if (isnan(x))
        return sign | 0x7e00;
    if (isinf(x))
        return sign | 0x7c00;
    const double magnitude = fabs(x);
    if (magnitude < 0x1p-14)
        return sign | (uint16_t)(magnitude * 0x1p24);
    const int exponent = ilogb(magnitude);
    return (uint16_t)(sign | (exponent + 15) << 10 | ((int)ldexp(magnitude, 10 - exponent) & 1023));
}

bool copy_values(double *to, const void *from, element e, int64_t n, const char *name)
{
#define COPY(type, expression)                                                                               \
    for (int64_t k = 0; k < n; k++) {                                                                        \
        const type x = ((const type *)from)[k];                                                              \
        to[k] = expression;                                                                                  \
    }                                                                                                        \
    return true
#define COPY_WIDE(type, end, format)                                                                         \
    for (int64_t k = 0; k < n; k++) {                                                                        \
        const type x = ((const type *)from)[k];                                                              \
        to[k] = (double)x;                                                                                   \
        if (to[k] == end || (type)to[k] != x)                                                                \
            return tl_fail(TL_ERR_FORMAT, "%s: element %" PRId64 " is %" format ", which double rounds",     \
                           *name ? name : "array", k, x) == TL_OK;                                           \
    }                                                                                                        \
    return true
    switch (e) {
    case E_BOOL: COPY(uint8_t, x != 0);
    case E_INT8: COPY(int8_t, x);
    case E_UINT8: COPY(uint8_t, x);
    case E_INT16: COPY(int16_t, x);
    case E_UINT16: COPY(uint16_t, x);
    case E_INT32: COPY(int32_t, x);
    case E_UINT32: COPY(uint32_t, x);
    case E_INT64: COPY_WIDE(int64_t, 0x1p63, PRId64);
    case E_UINT64: COPY_WIDE(uint64_t, 0x1p64, PRIu64);
    case E_FLOAT16: COPY(uint16_t, from_float16(x));
    case E_FLOAT32: COPY(float, (double)x);
    default: COPY(double, x);
    }
#undef COPY
#undef COPY_WIDE
}

void *pack_values(const array *a, element e)
{
    void *to = take(a->size, (size_t)elements[e].width);
#define PACK(type, expression)                                                                               \
    for (int64_t k = 0; k < a->size; k++) {                                                                  \
        const double x = a->values[k];                                                                       \
        ((type *)to)[k] = (type)(expression);                                                                \
    }                                                                                                        \
    return to
    switch (e) {
    case E_BOOL:
    case E_UINT8: PACK(uint8_t, x);
    case E_INT8: PACK(int8_t, x);
    case E_INT16: PACK(int16_t, x);
    case E_UINT16: PACK(uint16_t, x);
    case E_INT32: PACK(int32_t, x);
    case E_UINT32: PACK(uint32_t, x);
    case E_INT64: PACK(int64_t, x);
    case E_UINT64: PACK(uint64_t, x);
    case E_FLOAT16: PACK(uint16_t, to_float16(x));
    case E_FLOAT32: PACK(float, x);
    default: PACK(double, x);
    }
#undef PACK
}

/* Returns the first value that the element does not hold, the array's size if it holds all. */
static int64_t first_misfit(const array *a, element e)
{
    int64_t k = 0;
    while (k < a->size && element_holds(e, a->values[k]))
        k++;
    return k;
}

bool choose_element(array *a, unsigned allowed, const char *format)
{
    int64_t k = 0;
    if (allowed & HAS(a->element))
        return true;
    for (int e = 0; e < N_ELEMENTS; e++)
        if (allowed & HAS(e) && (k = first_misfit(a, (element)e)) == a->size) {
            a->element = (element)e;
            return true;
        }
    tl_fail(TL_ERR_FORMAT, "%s: element %" PRId64 " is %.17g, which %s cannot hold",
            *a->name ? a->name : "array", k, a->values[k], format);
    return false;
}

/* Returns the nearest float16: with 11 significant bits, or a multiple of 2^-24. */
static double round_to_float16(double x)
{
    if (x == 0 || !isfinite(x))
        return x;
    const int last = ilogb(x) < -14 ? -24 : ilogb(x) - 10;
    const double y = ldexp(nearbyint(ldexp(x, -last)), last);
    return fabs(y) > 65504 ? copysign(INFINITY, x) : y;
}

bool round_values(array *a, element e)
{
    for (int64_t k = 0; k < a->size; k++) {
        double *x = &a->values[k];
        *x = e == E_FLOAT32 ? (double)(float)*x : e == E_FLOAT16 ? round_to_float16(*x) : *x;
    }
    a->element = E_FLOAT64;
    return choose_element(a, HAS(e), element_name(e));
}

/* ---- Lists ---- */

array *arrays_add(arrays *list, const char *name, element e, int32_t rank, const int64_t *dim,
                  tl_pattern *pattern)
{
    list->item = realloc(list->item, (size_t)(list->n + 1) * sizeof *list->item);
    array *a = list->item ? &list->item[list->n++] : take(-1, 1); /* ends the program */
    *a = (array){ .name = text_of("%s", name), .element = e, .rank = rank, .pattern = pattern };
    a->size = 1;
    for (int32_t k = 0; k < rank; k++) {
        a->dim[k] = dim[k];
        a->size *= dim[k];
    }
    a->size = pattern ? tl_pattern_nnz(pattern) : a->size;
    a->values = take(a->size, sizeof *a->values);
    return a;
}

void array_clear(array *a)
{
    free(a->name);
    free(a->values);
    tl_pattern_release(a->pattern);
    *a = (array){ 0 };
}

void arrays_clear(arrays *list)
{
    for (int k = 0; k < list->n; k++)
        array_clear(&list->item[k]);
    free(list->item);
    free(list->about);
    *list = (arrays){ 0 };
}

/* ---- Dense and sparse ---- */

bool make_dense(array *a)
{
    enum { MOST = 1 << 30 }; /* values: 8 GB */
    if (!a->pattern)
        return true;
    const tl_csr s = tl_pattern_csr(a->pattern);
    if (s.rows > 0 && s.cols > MOST / s.rows) {
        tl_fail(TL_ERR_ARGUMENT, "%s: as a dense array it has %" PRId64 "x%" PRId64 " values",
                *a->name ? a->name : "array", s.rows, s.cols);
        return false;
    }
    a->size = s.rows * s.cols;
    double *values = take(a->size, sizeof *values);
    for (int64_t k = 0; k < a->size; k++)
        values[k] = 0;
    for (int64_t i = 0; i < s.rows; i++)
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
            values[i * s.cols + s.col[e]] = a->values[e];
    free(a->values);
    tl_pattern_release(a->pattern);
    a->values = values;
    a->pattern = NULL;
    a->ones = false;
    return true;
}

/* Replaces the values by others at the pattern, both of which it takes over. */
static void replace(array *a, tl_pattern *pattern, double *values)
{
    free(a->values);
    tl_pattern_release(a->pattern);
    a->values = values;
    a->pattern = pattern;
    a->ones = false;
    a->size = tl_pattern_nnz(pattern);
}

bool make_sparse(array *a)
{
    if (a->pattern)
        return true;
    uint8_t *keep = take(a->size, 1);
    for (int64_t k = 0; k < a->size; k++)
        keep[k] = a->values[k] != 0;
    tl_pattern *pattern = tl_pattern_from_mask(a->dim[0], a->dim[1], keep);
    if (!pattern) {
        free(keep);
        return false;
    }
    double *values = take(tl_pattern_nnz(pattern), sizeof *values);
    for (int64_t k = 0, e = 0; k < a->size; k++)
        if (keep[k])
            values[e++] = a->values[k];
    free(keep);
    replace(a, pattern, values);
    return true;
}

typedef struct drops {
    int64_t n;
    double norm;
} drops;

/* Stores a value of the matrix at its entry of the pattern. */
static void place(const tl_pattern *pattern, double *values, int64_t i, int64_t j, double x, drops *d)
{
    const int64_t e = tl_pattern_find(pattern, i, (int32_t)j);
    if (e >= 0) {
        values[e] = x;
    } else if (x != 0) {
        d->n++;
        d->norm = hypot(d->norm, x);
    }
}

bool make_sparse_at(array *a, tl_pattern *pattern, bool drop)
{
    const char *name = *a->name ? a->name : "array";
    const tl_csr from = tl_pattern_csr(a->pattern), to = tl_pattern_csr(pattern);
    double *values = take(to.nnz, sizeof *values);
    drops d = { 0 };
    for (int64_t e = 0; e < to.nnz; e++)
        values[e] = 0;
    for (int64_t i = 0; i < to.rows; i++)
        if (a->pattern)
            for (int64_t e = from.row_ptr[i]; e < from.row_ptr[i + 1]; e++)
                place(pattern, values, i, from.col[e], a->values[e], &d);
        else
            for (int64_t j = 0; j < to.cols; j++)
                place(pattern, values, i, j, a->values[i * to.cols + j], &d);
    if (d.n > 0 && !drop) {
        free(values);
        tl_fail(TL_ERR_FORMAT,
                "%s: %" PRId64 " values off the pattern are not 0 (norm %g); --drop leaves them out", name,
                d.n, d.norm);
        return false;
    }
    if (d.n > 0)
        fprintf(stderr, "%s: %" PRId64 " values off the pattern are left out, of norm %g\n", name, d.n,
                d.norm);
    replace(a, tl_pattern_retain(pattern), values);
    return true;
}
