/* CSV: a column is an array of rank 1, or a column of the only matrix. */
#include "convert_readers.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tl_csv_options options_of(const char *path, const settings *s)
{
    const bool tabs = strstr(path, ".tsv") != NULL;
    return (tl_csv_options){ .separator = s->separator ? s->separator
                                          : tabs       ? '\t'
                                                       : ',',
                             .no_header = s->no_header,
                             .missing = TL_CSV_MISSING_NAN };
}

/* Returns int64 if all values are integers that double holds, and their neighbours too. */
static element element_of(const double *x, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        if (!element_holds(E_INT64, x[k]) || fabs(x[k]) >= 0x1p53)
            return E_FLOAT64;
    return E_INT64;
}

/* Texts become ids, as no other format holds them: how many is said on stderr. */
bool csv_read(const char *path, const settings *s, arrays *out)
{
    const tl_csv_options o = options_of(path, s);
    tl_csv table;
    if (tl_csv_read(path, &o, &table) != TL_OK)
        return false;
    for (int32_t k = 0; k < table.n_columns; k++) {
        const tl_csv_column *c = &table.column[k];
        const bool ids = c->kind == TL_CSV_ID;
        array *a = arrays_add(out, c->name, ids ? E_INT32 : E_FLOAT64, 1, &table.rows, NULL);
        for (int64_t row = 0; row < table.rows; row++)
            a->values[row] = ids ? c->id[row] : c->number[row];
        if (!ids)
            a->element = element_of(a->values, table.rows);
        if (ids)
            fprintf(stderr, "%s: %" PRId32 " different texts are numbered from 0\n", c->name, c->n_ids);
    }
    tl_csv_free(&table);
    return true;
}

/* Makes the columns of the table of a dense matrix, whose values it transposes. */
static void split_matrix(array *a, tl_csv *table)
{
    const int64_t rows = a->dim[0], cols = a->rank == 2 ? a->dim[1] : 1;
    table->rows = rows;
    table->n_columns = (int32_t)cols;
    table->column = take(cols, sizeof *table->column);
    double *values = take(a->size, sizeof *values);
    for (int64_t j = 0; j < cols; j++) {
        for (int64_t i = 0; i < rows; i++)
            values[j * rows + i] = a->values[i * cols + j];
        table->column[j] = (tl_csv_column){ .name = cols > 1 ? text_of("%" PRId64, j + 1)
                                                             : text_of("%s", a->name),
                                            .kind = TL_CSV_NUMBER,
                                            .number = values + j * rows };
    }
    free(a->values);
    a->values = values;
}

static bool are_columns(const arrays *in)
{
    for (int k = 0; k < in->n; k++)
        if (in->item[k].rank != 1 || in->item[k].dim[0] != in->item[0].dim[0])
            return false;
    return in->n > 0;
}

static void join_columns(const arrays *in, tl_csv *table)
{
    table->rows = in->item[0].dim[0];
    table->n_columns = in->n;
    table->column = take(in->n, sizeof *table->column);
    for (int k = 0; k < in->n; k++)
        table->column[k] = (tl_csv_column){ .name = text_of("%s", in->item[k].name),
                                            .kind = TL_CSV_NUMBER,
                                            .number = in->item[k].values };
}

bool csv_write(const char *path, const settings *s, arrays *in)
{
    const tl_csv_options o = options_of(path, s);
    tl_csv table = { 0 };
    if (are_columns(in)) {
        join_columns(in, &table);
    } else {
        array *a = only_array(in, "csv, unless they are columns of one length,");
        if (!a || !make_dense(a))
            return false;
        if (a->rank > 2 || a->rank == 0 || (a->rank == 2 && a->dim[1] > INT32_MAX)) {
            tl_fail(TL_ERR_SHAPE, "%s has rank %d; csv holds columns", a->name, (int)a->rank);
            return false;
        }
        split_matrix(a, &table);
    }
    const bool ok = tl_csv_write(path, &o, &table) == TL_OK;
    for (int32_t k = 0; k < table.n_columns; k++)
        free((char *)table.column[k].name);
    free(table.column);
    return ok;
}
