/* svmlight files: a sparse matrix "features" with "labels" and perhaps "qid", a value per row. */
#include "convert_readers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool svmlight_read(const char *path, const settings *s, arrays *out)
{
    tl_svmlight data;
    (void)s;
    if (tl_svmlight_read(path, NULL, &data) != TL_OK)
        return false;
    array *a = arrays_add(out, "features", E_FLOAT64, 2, (int64_t[]){ data.rows, data.features },
                          tl_pattern_retain(data.pattern));
    memcpy(a->values, data.values, (size_t)a->size * sizeof *a->values);
    a = arrays_add(out, "labels", E_FLOAT64, 1, &data.rows, NULL);
    memcpy(a->values, data.labels, (size_t)a->size * sizeof *a->values);
    bool ok = true;
    if (data.qid) {
        a = arrays_add(out, "qid", E_INT64, 1, &data.rows, NULL);
        ok = copy_values(a->values, data.qid, E_INT64, a->size, "qid");
    }
    tl_svmlight_free(&data);
    return ok;
}

/* Returns the array of rank 1 with a value per row of the matrix; NULL if there is none. */
static const array *per_row(const arrays *in, const char *name, int64_t rows)
{
    for (int k = 0; k < in->n; k++)
        if (strcmp(in->item[k].name, name) == 0 && in->item[k].rank == 1 && in->item[k].dim[0] == rows)
            return &in->item[k];
    return NULL;
}

/* Makes the label of every row 0 where there are none. */
bool svmlight_write(const char *path, const settings *s, arrays *in)
{
    array *matrix = NULL;
    (void)s;
    for (int k = 0; k < in->n; k++)
        if (in->item[k].rank == 2 && !matrix)
            matrix = &in->item[k];
    const array *labels = matrix ? per_row(in, "labels", matrix->dim[0]) : NULL;
    const array *groups = matrix ? per_row(in, "qid", matrix->dim[0]) : NULL;
    if (!matrix || in->n != 1 + (labels != NULL) + (groups != NULL)) {
        tl_fail(TL_ERR_ARGUMENT,
                "svmlight holds a matrix, and labels and qid with a value per row; --name chooses");
        return false;
    }
    const int64_t rows = matrix->dim[0];
    if (!make_sparse(matrix))
        return false;
    double *zeros = take(rows, sizeof *zeros);
    int64_t *qid = take(rows, sizeof *qid);
    bool ok = true;
    for (int64_t k = 0; k < rows && ok; k++) {
        zeros[k] = 0;
        ok = !groups || element_holds(E_INT64, groups->values[k]);
        qid[k] = ok && groups ? (int64_t)groups->values[k] : 0;
    }
    const tl_svmlight data = { .pattern = matrix->pattern,
                               .values = matrix->values,
                               .rows = rows,
                               .features = matrix->dim[1],
                               .labels = labels ? labels->values : zeros,
                               .qid = groups ? qid : NULL,
                               .base = 1 };
    if (!ok)
        tl_fail(TL_ERR_FORMAT, "qid holds a value that is not an integer");
    ok = ok && tl_svmlight_write(path, &data) == TL_OK;
    free(zeros);
    free(qid);
    return ok;
}
