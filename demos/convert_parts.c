/* A sparse array as three arrays, for formats that have dense ones only: PyTorch's names. */
#include "convert_formats.h"

#include <stdlib.h>
#include <string.h>

static const char crow_part[] = ".crow_indices", col_part[] = ".col_indices", values_part[] = ".values",
                  shape_part[] = ".shape";

static array *find(arrays *list, const char *name, const char *part)
{
    const size_t n = strlen(name);
    for (int k = 0; k < list->n; k++)
        if (strncmp(list->item[k].name, name, n) == 0 && strcmp(list->item[k].name + n, part) == 0)
            return &list->item[k];
    return NULL;
}

static void remove_array(arrays *list, const char *name, const char *part)
{
    array *a = find(list, name, part);
    if (!a)
        return;
    array_clear(a);
    list->n--;
    memmove(a, a + 1, (size_t)(list->item + list->n - a) * sizeof *a);
}

/* Makes the pattern of row pointers and columns, of which there are `cols` or, if a column is larger,
 * more. */
static tl_pattern *pattern_of(const array *crow, const array *col, int64_t cols)
{
    int64_t *row_ptr = take(crow->size, sizeof *row_ptr);
    int32_t *index = take(col->size, sizeof *index);
    bool ok = crow->rank == 1 && crow->size > 0 && col->rank == 1;
    for (int64_t k = 0; ok && k < crow->size; k++) {
        ok = element_holds(E_INT64, crow->values[k]);
        row_ptr[k] = ok ? (int64_t)crow->values[k] : 0;
    }
    for (int64_t k = 0; ok && k < col->size; k++) {
        ok = element_holds(E_INT32, col->values[k]) && col->values[k] < INT32_MAX;
        index[k] = ok ? (int32_t)col->values[k] : 0;
        cols = index[k] >= cols ? index[k] + 1 : cols;
    }
    tl_pattern *p = NULL;
    if (!ok || row_ptr[crow->size - 1] != col->size)
        tl_fail(TL_ERR_FORMAT, "%s and %s are not row pointers and columns", crow->name, col->name);
    else
        p = tl_pattern_from_csr(crow->size - 1, cols, row_ptr, index);
    free(row_ptr);
    free(index);
    return p;
}

/* Makes the matrix of the parts that have this name. */
static bool join(arrays *list, const char *name)
{
    array *crow = find(list, name, crow_part), *col = find(list, name, col_part),
          *a = find(list, name, values_part);
    const array *shape = find(list, name, shape_part);
    const bool ones = a == NULL,
               has_shape = shape && shape->size == 2 && element_holds(E_INT32, shape->values[1]);
    if (!col || (a && (a->rank != 1 || a->size != col->size))) {
        tl_fail(TL_ERR_FORMAT, "%s: found %s, expected a column per value", crow->name,
                col ? "values" : "no columns");
        return false;
    }
    tl_pattern *p = pattern_of(crow, col, has_shape ? (int64_t)shape->values[1] : 0);
    if (!p)
        return false;
    if (ones) { /* in place of the columns */
        a = col;
        a->element = E_BOOL;
        for (int64_t e = 0; e < a->size; e++)
            a->values[e] = 1;
    }
    a->ones = ones;
    a->pattern = p;
    a->rank = 2;
    a->dim[0] = tl_pattern_rows(p);
    a->dim[1] = tl_pattern_cols(p);
    free(a->name);
    a->name = text_of("%s", name);
    remove_array(list, name, crow_part);
    remove_array(list, name, col_part);
    remove_array(list, name, shape_part);
    return true;
}

bool join_sparse(arrays *list)
{
    bool ok = true;
    for (int k = 0; ok && k < list->n; k++) {
        const size_t n = strlen(list->item[k].name), part = sizeof crow_part - 1;
        if (n <= part || strcmp(list->item[k].name + n - part, crow_part) != 0)
            continue;
        char *name = text_of("%.*s", (int)(n - part), list->item[k].name);
        ok = join(list, name);
        free(name);
        k = -1; /* the arrays have moved */
    }
    return ok;
}

/* Appends an array of rank 1 and returns it. */
static array *add_part(arrays *list, const char *name, const char *part, element e, int64_t n)
{
    char *full = text_of("%s%s", name, part);
    array *a = arrays_add(list, full, e, 1, &n, NULL);
    free(full);
    return a;
}

void add_shape(arrays *list, const char *name, int64_t rows, int64_t cols)
{
    array *a = add_part(list, name, shape_part, E_INT64, 2);
    a->values[0] = (double)rows;
    a->values[1] = (double)cols;
}

void split_sparse(arrays *list)
{
    for (int k = list->n - 1; k >= 0; k--) {
        if (!list->item[k].pattern)
            continue;
        array from = list->item[k];
        const tl_csr s = tl_pattern_csr(from.pattern);
        array *a = add_part(list, from.name, crow_part, E_INT32, s.rows + 1);
        for (int64_t i = 0; i <= s.rows; i++)
            a->values[i] = (double)s.row_ptr[i];
        a = add_part(list, from.name, col_part, E_INT32, s.nnz);
        for (int64_t e = 0; e < s.nnz; e++)
            a->values[e] = s.col[e];
        if (!from.ones) {
            a = add_part(list, from.name, values_part, from.element, s.nnz);
            memcpy(a->values, from.values, (size_t)s.nnz * sizeof *a->values);
        }
        list->n--;
        memmove(&list->item[k], &list->item[k + 1], (size_t)(list->n - k) * sizeof from);
        array_clear(&from);
    }
}
