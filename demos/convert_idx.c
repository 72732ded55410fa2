/* IDX files. */
#include "convert_readers.h"

#include <stdlib.h>

static const struct {
    tl_idx_type type;
    element element;
} types[] = { { TL_IDX_UINT8, E_UINT8 }, { TL_IDX_INT8, E_INT8 },     { TL_IDX_INT16, E_INT16 },
              { TL_IDX_INT32, E_INT32 }, { TL_IDX_FLOAT, E_FLOAT32 }, { TL_IDX_DOUBLE, E_FLOAT64 } };
enum { TYPES = sizeof types / sizeof *types };

bool idx_read(const char *path, const settings *s, arrays *out)
{
    (void)s;
    tl_idx a;
    int k = 0;
    if (tl_idx_read(path, &a) != TL_OK)
        return false;
    while (types[k].type != a.type)
        k++;
    array *to = arrays_add(out, "", types[k].element, a.rank, a.dim, NULL);
    const bool ok = copy_values(to->values, a.data, to->element, a.size, path);
    tl_idx_free(&a);
    return ok;
}

bool idx_write(const char *path, const settings *s, arrays *in)
{
    (void)s;
    unsigned allowed = 0;
    int k = 0;
    array *a = only_array(in, "idx");
    for (int t = 0; t < TYPES; t++)
        allowed |= HAS(types[t].element);
    if (!a || !make_dense(a) || !choose_element(a, allowed, "idx"))
        return false;
    if (a->rank == 0) { /* the format has no scalars */
        a->rank = 1;
        a->dim[0] = 1;
    }
    while (types[k].element != a->element)
        k++;
    const tl_idx to = { types[k].type, a->rank, a->dim, a->size, pack_values(a, a->element) };
    const bool ok = tl_idx_write(path, &to) == TL_OK;
    free(to.data);
    return ok;
}
