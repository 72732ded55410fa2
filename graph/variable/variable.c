/* Variables: creation, release and accessors. */
#include "graph/variable/variable_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <string.h>

static tl_variable *new_variable(const char *name, tl_shape shape, tl_pattern *sparse)
{
    tl_variable *v = tl_alloc_zero(1, sizeof *v);
    if (!v) {
        tl_fail_memory();
        return NULL;
    }
    size_t length = name ? strlen(name) : 0;
    tl_prepare_forks();
    v->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
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
    while (v->companions)
        v->companions->class->free(v->companions);
    pthread_mutex_destroy(&v->lock);
    tl_pattern_release(v->pattern);
    tl_free(v->name);
    tl_free(v->data);
    tl_free(v);
}

const tl_real *tl_variable_values(tl_variable *v)
{
    if (!v)
        return NULL;
    tl_before_read(v, 0, NULL);
    return v->data;
}

tl_real *tl_variable_data(tl_variable *v)
{
    if (!v)
        return NULL;
    tl_apply_pending(v, 0, NULL);
    if (!atomic_load_explicit(&v->written, memory_order_relaxed)) /* threads that read share its cache line */
        atomic_store_explicit(&v->written, true, memory_order_relaxed);
    return v->data;
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

int64_t tl_row_width(const tl_variable *v)
{
    return v->shape.rank > 0 && v->shape.dim[0] > 0 ? v->size / v->shape.dim[0] : 0;
}
