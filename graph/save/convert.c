/* Conversions between dense, masked and sparse values, and between number types. */
#include "graph/save/convert.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <math.h>
#include <string.h>

tl_status tl_read_reals(tl_load *l, int32_t tensor, tl_real **values, tl_conversion *c)
{
    const tl_safetensor *t = &l->file.tensor[tensor];
    *values = tl_alloc(t->size, sizeof **values);
    if (!*values)
        return tl_fail_memory();
    if (t->type == TL_SAFETENSORS_REAL)
        return tl_safetensors_load(&l->file, tensor, *values);
    const tl_status status = tl_safetensors_load(&l->file, tensor, NULL);
    for (int64_t k = 0; status == TL_OK && k < t->size; k++) {
        const double x = tl_safetensors_get(t, k);
        (*values)[k] = (tl_real)x;
        c->overflown += isfinite(x) && !isfinite((*values)[k]);
    }
    return status;
}

static void drop(tl_conversion *c, tl_real x)
{
    c->dropped += x != 0;
    if (x != 0)
        c->squares += (double)x * (double)x;
}

/* Takes the values of `from`'s entries that `to` has too. */
static void sparse_to_sparse(tl_real *y, tl_csr to, const tl_real *x, tl_csr from, tl_conversion *c)
{
    for (int64_t i = 0; i < to.rows; i++) {
        int64_t f = from.row_ptr[i];
        for (int64_t e = to.row_ptr[i]; e < to.row_ptr[i + 1]; e++) {
            for (; f < from.row_ptr[i + 1] && from.col[f] < to.col[e]; f++)
                drop(c, x[f]);
            const bool found = f < from.row_ptr[i + 1] && from.col[f] == to.col[e];
            y[e] = found ? x[f++] : 0;
            c->filled += !found;
        }
        for (; f < from.row_ptr[i + 1]; f++)
            drop(c, x[f]);
    }
}

static void dense_to_sparse(tl_real *y, tl_csr to, const tl_real *x, tl_conversion *c)
{
    for (int64_t i = 0; i < to.rows; i++) {
        int64_t j = 0;
        for (int64_t e = to.row_ptr[i]; e < to.row_ptr[i + 1]; e++) {
            for (; j < to.col[e]; j++)
                drop(c, x[i * to.cols + j]);
            y[e] = x[i * to.cols + j++];
        }
        for (; j < to.cols; j++)
            drop(c, x[i * to.cols + j]);
    }
}

static void sparse_to_dense(tl_real *y, const tl_real *x, tl_csr from)
{
    memset(y, 0, (size_t)(from.rows * from.cols) * sizeof *y);
    for (int64_t i = 0; i < from.rows; i++)
        for (int64_t e = from.row_ptr[i]; e < from.row_ptr[i + 1]; e++)
            y[i * from.cols + from.col[e]] = x[e];
}

/* Drops what is off a mask. */
static void mask(tl_real *y, tl_csr keep, tl_conversion *c)
{
    for (int64_t i = 0; i < keep.rows; i++) {
        int64_t e = keep.row_ptr[i];
        for (int64_t j = 0; j < keep.cols; j++) {
            if (e < keep.row_ptr[i + 1] && keep.col[e] == j) {
                e++;
                continue;
            }
            drop(c, y[i * keep.cols + j]);
            y[i * keep.cols + j] = 0;
        }
    }
}

/* Counts the entries of a mask that a pattern has not. */
static int64_t count_new(tl_csr keep, tl_csr from)
{
    int64_t n = 0;
    for (int64_t i = 0; i < keep.rows; i++)
        for (int64_t e = keep.row_ptr[i], f = from.row_ptr[i]; e < keep.row_ptr[i + 1]; e++) {
            while (f < from.row_ptr[i + 1] && from.col[f] < keep.col[e])
                f++;
            n += !(f < from.row_ptr[i + 1] && from.col[f] == keep.col[e]);
        }
    return n;
}

/* What is stored as it is to be is taken over without a copy. */
tl_status tl_convert_values(tl_planned_values *p, const tl_pattern *to, const tl_pattern *from,
                            tl_real *stored, tl_conversion *c)
{
    const tl_variable *v = p->v;
    const bool sparse_file = p->stored.sparse;
    if (v->sparse == sparse_file && (!v->sparse || tl_pattern_equal(to, from))) {
        p->values = stored;
    } else {
        p->values = tl_alloc(v->sparse ? tl_pattern_nnz(to) : v->size, sizeof *p->values);
        if (!p->values) {
            tl_free(stored);
            return tl_fail_memory();
        }
        if (v->sparse && sparse_file)
            sparse_to_sparse(p->values, tl_pattern_csr(to), stored, tl_pattern_csr(from), c);
        else if (v->sparse)
            dense_to_sparse(p->values, tl_pattern_csr(to), stored, c);
        else
            sparse_to_dense(p->values, stored, tl_pattern_csr(from));
        tl_free(stored);
    }
    if (!v->sparse && to)
        mask(p->values, tl_pattern_csr(to), c);
    if (!v->sparse && to && from && to != from)
        c->filled += count_new(tl_pattern_csr(to), tl_pattern_csr(from));
    return TL_OK;
}
