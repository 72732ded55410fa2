/* Matrix Market files. */
#include "convert_readers.h"

#include <string.h>

bool mtx_read(const char *path, const settings *s, arrays *out)
{
    (void)s;
    tl_mtx m;
    if (tl_mtx_read(path, &m) != TL_OK)
        return false;
    array *a = arrays_add(out, "", E_FLOAT64, 2, (int64_t[]){ m.rows, m.cols }, tl_pattern_retain(m.pattern));
    memcpy(a->values, m.values, (size_t)a->size * sizeof *a->values);
    tl_mtx_free(&m);
    return true;
}

bool mtx_write(const char *path, const settings *s, arrays *in)
{
    (void)s;
    const array *a = only_array(in, "mtx");
    if (!a)
        return false;
    if (a->rank != 1 && a->rank != 2) {
        tl_fail(TL_ERR_SHAPE, "%s has rank %d; mtx holds matrices and vectors", a->name, (int)a->rank);
        return false;
    }
    const tl_mtx m = { a->dim[0], a->rank == 2 ? a->dim[1] : 1, a->pattern, a->ones ? NULL : a->values };
    return tl_mtx_write(path, &m) == TL_OK;
}
