/* Variables: storage, masks. */
#include "internal.h"

#include <string.h>

static tl_variable *new_variable(const char *name, tl_shape shape, tl_pattern *sparse)
{
    tl_variable *v = tl_alloc_zero(1, sizeof *v);
    if (!v) {
        tl_fail_memory();
        return NULL;
    }
    size_t length = name ? strlen(name) : 0;
    v->shape = shape;
    v->sparse = sparse != NULL;
    v->pattern = tl_pattern_retain(sparse);
    v->size = sparse ? tl_pattern_nnz(sparse) : tl_shape_size(shape);
    v->name = tl_alloc_zero((int64_t)length + 1, 1);
    v->data = tl_alloc_zero(v->size, sizeof *v->data);
    if (!v->name || !v->data) {
        tl_variable_free(v);
        tl_fail_memory();
        return NULL;
    }
    if (length > 0)
        memcpy(v->name, name, length);
    return v;
}

tl_variable *tl_variable_dense(const char *name, tl_shape shape)
{
    if (tl_shape_check(shape) != TL_OK) {
        tl_fail(tl_last_status(), "variable_dense: %s", tl_error());
        return NULL;
    }
    return new_variable(name, shape, NULL);
}

tl_variable *tl_variable_sparse(const char *name, tl_pattern *pattern)
{
    if (!pattern) {
        tl_fail(TL_ERR_ARGUMENT, "variable_sparse: the pattern is NULL");
        return NULL;
    }
    return new_variable(name, TL_SHAPE(tl_pattern_rows(pattern), tl_pattern_cols(pattern)), pattern);
}

void tl_variable_free(tl_variable *v)
{
    if (!v)
        return;
    while (v->slots)
        tl_slots_free(v->slots);
    tl_pattern_release(v->pattern);
    tl_free(v->name);
    tl_free(v->data);
    tl_free(v);
}

void tl_zero_off_pattern(tl_real *data, const tl_pattern *keep)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(keep);
    const int32_t *col = tl_pattern_col(keep);
    int64_t rows = tl_pattern_rows(keep), cols = tl_pattern_cols(keep);
    for (int64_t i = 0; i < rows; i++) {
        int64_t e = row_ptr[i];
        for (int64_t j = 0; j < cols; j++) {
            if (e < row_ptr[i + 1] && col[e] == j)
                e++;
            else
                data[i * cols + j] = 0;
        }
    }
}

tl_status tl_check_mask(const char *who, const tl_variable *v, const tl_pattern *keep)
{
    int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    if (tl_pattern_rows(keep) != rows || tl_pattern_cols(keep) != cols)
        return tl_fail(TL_ERR_SHAPE, "%s: a mask of %lldx%lld for %s, which is %s", who,
                       (long long)tl_pattern_rows(keep), (long long)tl_pattern_cols(keep), v->name,
                       tl_shape_text(v->shape).text);
    return TL_OK;
}

tl_status tl_variable_set_mask(tl_variable *v, tl_pattern *keep)
{
    const char *who = "variable_set_mask";
    if (!v)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the variable is NULL", who);
    if (v->sparse)
        return tl_fail(TL_ERR_KIND, "%s: %s is sparse; its pattern is its mask", who, v->name);
    if (keep && tl_check_mask(who, v, keep) != TL_OK)
        return TL_ERR_SHAPE;
    tl_pattern_retain(keep);
    tl_pattern_release(v->pattern);
    v->pattern = keep;
    if (!keep)
        return TL_OK;
    tl_zero_off_pattern(v->data, keep);
    for (tl_slots *s = v->slots; s; s = s->next_of_variable)
        for (int32_t k = 0; k < s->n; k++)
            tl_zero_off_pattern(s->slot[k], keep);
    return TL_OK;
}

tl_real *tl_variable_data(tl_variable *v)
{
    return v ? v->data : NULL;
}

int64_t tl_variable_size(const tl_variable *v)
{
    return v ? v->size : 0;
}

const char *tl_variable_name(const tl_variable *v)
{
    return v ? v->name : "";
}

tl_shape tl_variable_shape(const tl_variable *v)
{
    return v ? v->shape : TL_SHAPE();
}

tl_pattern *tl_variable_pattern(const tl_variable *v)
{
    return v ? v->pattern : NULL;
}

bool tl_variable_is_sparse(const tl_variable *v)
{
    return v && v->sparse;
}

int64_t tl_variable_bytes(const tl_variable *v)
{
    if (!v)
        return 0;
    return v->size * (int64_t)sizeof *v->data + (v->pattern ? tl_pattern_bytes(v->pattern) : 0);
}
