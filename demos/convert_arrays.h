/* What tulle-convert reads every format into and writes every format from: a list of named arrays, dense
 * or sparse, with values as double. */
#ifndef CONVERT_ARRAYS_H
#define CONVERT_ARRAYS_H

#include <tulle/tulle.h>

/* The elements of an array in its file. In memory they are double, which holds each of them; integers of
 * 64 bits beyond 2^53 that it does not hold are refused. */
typedef enum element {
    E_BOOL,
    E_INT8,
    E_UINT8,
    E_INT16,
    E_UINT16,
    E_INT32,
    E_UINT32,
    E_INT64,
    E_UINT64,
    E_FLOAT16,
    E_FLOAT32,
    E_FLOAT64,
    N_ELEMENTS
} element;

/* A set of elements: HAS(E_INT8) | HAS(E_INT16) */
#define HAS(e)       (1u << (e))
#define ALL_ELEMENTS (HAS(N_ELEMENTS) - 1)

enum { MOST_RANK = 8 };

typedef struct array {
    char *name; /* "" where the file has none; owned, as all of this is */
    element element;
    int32_t rank;
    int64_t dim[MOST_RANK];
    tl_pattern *pattern; /* NULL: dense. Otherwise the rank is 2 */
    bool ones;           /* the file has the pattern alone: the values are all 1 */
    int64_t size;        /* of values: the product of dim, or the entries of the pattern */
    double *values;
} array;

typedef struct arrays {
    int n;
    array *item;
    char *about; /* lines of what else the file says, for people; NULL: nothing */
} arrays;

/* Returns n elements of `size` bytes, not NULL: a program that is short of memory ends. Freed by free(). */
void *take(int64_t n, size_t size);

/* Returns a copy of text in the manner of printf. */
char *text_of(const char *format, ...) TL_PRINTF(1, 2);

const char *element_name(element e);

/* Returns whether the element can be x: NaN, and every number that a conversion leaves as it is. */
bool element_holds(element e, double x);

/* Appends an array without values and returns it, valid until the next one is appended. Takes over the
 * pattern. */
array *arrays_add(arrays *list, const char *name, element e, int32_t rank, const int64_t *dim,
                  tl_pattern *pattern);

/* Copies n values of an element into doubles. False with the reason in tl_error() if an integer does not
 * fit. */
bool copy_values(double *to, const void *from, element e, int64_t n, const char *name);

/* Returns a new block with the values as the elements that all of them are, freed by free(). */
void *pack_values(const array *a, element e);

/* Sets the array's element to one of those allowed: its own, or the first in the order of the enumeration
 * that all values fit in. False with the reason in tl_error(). */
bool choose_element(array *a, unsigned allowed, const char *format);

/* Rounds the values to float32 or float16; false with the reason in tl_error() if another element does not
 * hold them. */
bool round_values(array *a, element e);

/* Convert an array in place. False with the reason in tl_error(). make_sparse leaves out the values that
 * are 0. make_sparse_at keeps those at a pattern of the same shape; values off it that are not 0 are an
 * error unless `drop` is set, and their number and norm are then said on stderr. */
bool make_dense(array *a);
bool make_sparse(array *a);
bool make_sparse_at(array *a, tl_pattern *pattern, bool drop);

void array_clear(array *a);
void arrays_clear(arrays *list);

#endif
