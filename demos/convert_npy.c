/* NumPy's files. */
#include "convert_readers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const element elements[] = {
    [TL_NPY_BOOL] = E_BOOL,       [TL_NPY_INT8] = E_INT8,       [TL_NPY_INT16] = E_INT16,
    [TL_NPY_INT32] = E_INT32,     [TL_NPY_INT64] = E_INT64,     [TL_NPY_UINT8] = E_UINT8,
    [TL_NPY_UINT16] = E_UINT16,   [TL_NPY_UINT32] = E_UINT32,   [TL_NPY_UINT64] = E_UINT64,
    [TL_NPY_FLOAT16] = E_FLOAT16, [TL_NPY_FLOAT32] = E_FLOAT32, [TL_NPY_FLOAT64] = E_FLOAT64,
};

/* Appends an array. */
static bool append(arrays *out, const char *name, const tl_npy *from)
{
    array *to = arrays_add(out, name, elements[from->type], from->rank, from->dim, NULL);
    return copy_values(to->values, from->data, to->element, from->size, name);
}

/* Returns an array of NumPy's with the values; its data must be freed by free(). */
static tl_npy npy_of(const array *a)
{
    int type = TL_NPY_BOOL;
    while (elements[type] != a->element)
        type++;
    tl_npy to = {
        .type = (tl_npy_type)type, .rank = a->rank, .size = a->size, .data = pack_values(a, a->element)
    };
    for (int32_t k = 0; k < a->rank && k < TL_MAX_RANK; k++)
        to.dim[k] = a->dim[k];
    return to;
}

bool npy_read(const char *path, const settings *s, arrays *out)
{
    (void)s;
    tl_npy a;
    if (tl_npy_read(path, &a) != TL_OK)
        return false;
    const bool ok = append(out, "", &a);
    tl_npy_free(&a);
    return ok;
}

bool npy_write(const char *path, const settings *s, arrays *in)
{
    (void)s;
    array *a = only_array(in, "npy");
    if (!a || !make_dense(a))
        return false;
    tl_npy to = npy_of(a);
    const bool ok = tl_npy_write(path, &to) == TL_OK;
    free(to.data);
    return ok;
}

/* ---- Archives ---- */

static bool read_sparse(const char *path, arrays *out)
{
    tl_mtx m;
    if (tl_npz_read_sparse(path, &m) != TL_OK)
        return false;
    array *a = arrays_add(out, "", E_FLOAT64, 2, (int64_t[]){ m.rows, m.cols }, tl_pattern_retain(m.pattern));
    memcpy(a->values, m.values, (size_t)a->size * sizeof *a->values);
    tl_mtx_free(&m);
    return true;
}

/* A matrix of SciPy's has the text "csr" among its arrays, which is not an array of numbers. */
bool npz_read(const char *path, const settings *s, arrays *out)
{
    tl_npz a;
    (void)s;
    if (tl_npz_read(path, &a) != TL_OK) {
        char *why = text_of("%s", tl_error());
        const tl_status status = strstr(why, "entry 'format.npy'") ? TL_ERR_KIND : TL_ERR_FORMAT;
        const bool ok = status == TL_ERR_KIND && read_sparse(path, out);
        if (status != TL_ERR_KIND)
            tl_fail(status, "%s", why);
        free(why);
        return ok;
    }
    bool ok = true;
    for (int32_t k = 0; ok && k < a.n; k++)
        ok = append(out, a.name[k], &a.array[k]);
    tl_npz_free(&a);
    return ok && join_sparse(out);
}

bool npz_write(const char *path, const settings *s, arrays *in)
{
    (void)s;
    if (in->n == 1 && in->item[0].pattern) {
        const array *a = &in->item[0];
        const tl_mtx m = { a->dim[0], a->dim[1], a->pattern, a->values };
        return tl_npz_write_sparse(path, &m) == TL_OK;
    }
    for (int k = in->n - 1; k >= 0; k--)
        if (in->item[k].pattern)
            add_shape(in, in->item[k].name, in->item[k].dim[0], in->item[k].dim[1]);
    split_sparse(in);
    tl_npz to = { in->n, take(in->n, sizeof *to.name), take(in->n, sizeof *to.array) };
    for (int k = 0; k < in->n; k++) {
        to.name[k] = in->item[k].name;
        to.array[k] = npy_of(&in->item[k]);
    }
    const bool ok = tl_npz_write(path, &to) == TL_OK;
    for (int k = 0; k < in->n; k++)
        free(to.array[k].data);
    free(to.name);
    free(to.array);
    return ok;
}
