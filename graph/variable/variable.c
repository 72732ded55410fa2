/* Variables: storage, masks. */
#include "graph/internal.h"
#include "graph/optim/update.h"

#include <string.h>

static tl_variable *new_variable(const char *name, tl_shape shape, tl_pattern *sparse)
{
    tl_variable *v = tl_alloc_zero(1, sizeof *v);
    if (!v) {
        tl_fail_memory();
        return NULL;
    }
    size_t length = name ? strlen(name) : 0;
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
    while (v->slots)
        tl_slots_free(v->slots);
    pthread_mutex_destroy(&v->lock);
    tl_pattern_release(v->pattern);
    tl_free(v->name);
    tl_free(v->data);
    tl_free(v);
}

void tl_each_gap(const tl_pattern *keep, void (*body)(void *context, int64_t at, int64_t n), void *context)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(keep), rows = tl_pattern_rows(keep),
                  cols = tl_pattern_cols(keep);
    const int32_t *col = tl_pattern_col(keep);
    for (int64_t i = 0; i < rows; i++) {
        int64_t j = 0; /* the first column that was not dealt with */
        for (int64_t e = row_ptr[i]; e <= row_ptr[i + 1]; e++) {
            int64_t next = e < row_ptr[i + 1] ? col[e] : cols;
            if (next > j)
                body(context, i * cols + j, next - j);
            j = next + 1;
        }
    }
}

typedef struct filling {
    tl_real *data, value;
} filling;

static void fill_gap(void *context, int64_t at, int64_t n)
{
    const filling *f = context;
    for (int64_t k = 0; k < n; k++)
        f->data[at + k] = f->value;
}

void tl_fill_off_pattern(tl_real *data, const tl_pattern *keep, tl_real value)
{
    tl_each_gap(keep, fill_gap, &(filling){ data, value });
}

static void clear_ages(void *age, int64_t at, int64_t n)
{
    memset((int32_t *)age + at, 0, (size_t)n * sizeof(int32_t));
}

tl_status tl_check_mask(const char *who, const tl_variable *v, const tl_pattern *keep)
{
    int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    if (tl_pattern_rows(keep) != rows || tl_pattern_cols(keep) != cols)
        return tl_fail(TL_ERR_SHAPE, "%s: a pattern of %lldx%lld for %s, which is %s", who,
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
    tl_catch_up(v);
    for (tl_slots *s = v->slots; s; s = s->next_of_variable) {
        for (int32_t k = 0; s->made && k < s->n; k++) {
            if (v->pattern) /* what was off the mask is 0, and fresh where it now is on */
                tl_fill_off_pattern(s->slot[k], v->pattern, s->start[k]);
            if (keep)
                tl_fill_off_pattern(s->slot[k], keep, 0);
        }
        if (s->age && v->pattern)
            tl_each_gap(v->pattern, clear_ages, s->age);
    }
    if (keep)
        tl_fill_off_pattern(v->data, keep, 0);
    tl_pattern_retain(keep);
    tl_pattern_release(v->pattern);
    v->pattern = keep;
    return TL_OK;
}

tl_real *tl_variable_data(tl_variable *v)
{
    if (v)
        tl_catch_up(v);
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
