/* NumPy's arrays in files of their own, and their elements as numbers. */
#include "npy.h"
#include "lib/io/half.h"
#include "lib/io/npy_format.h"
#include "lib/io/sink.h"
#include "lib/memory.h"

#include <math.h>
#include <string.h>

tl_status tl_npy_read(const char *path, tl_npy *out)
{
    if (out)
        *out = (tl_npy){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "npy_read: %s is NULL", path ? "out" : "path");
    tl_source s;
    tl_status status = tl_source_open(&s, "npy_read", path);
    if (status != TL_OK)
        return status;
    status = tl_npy_read_from(&s, -1, out);
    if (status == TL_OK)
        status = tl_source_end(&s);
    status = tl_source_close(&s, status);
    if (status != TL_OK)
        tl_npy_free(out);
    return status;
}

tl_status tl_npy_write(const char *path, const tl_npy *a)
{
    tl_npy_head head;
    tl_sink s;
    int64_t size = 0;
    if (!path)
        return tl_fail(TL_ERR_ARGUMENT, "npy_write: path is NULL");
    tl_status status = tl_npy_make_head("npy_write", a, &size, &head);
    if (status == TL_OK)
        status = tl_sink_open(&s, "npy_write", path);
    if (status != TL_OK)
        return status;
    status = tl_sink_write(&s, head.bytes, head.n);
    if (status == TL_OK)
        status = tl_sink_write(&s, a->data, size * tl_npy_width(a->type));
    return tl_sink_close(&s, status);
}

void tl_npy_free(tl_npy *a)
{
    if (!a)
        return;
    tl_free(a->data);
    *a = (tl_npy){ 0 };
}

double tl_npy_get(const tl_npy *a, int64_t k)
{
    if (!a || !a->data || k < 0 || k >= a->size)
        return NAN;
    switch (a->type) {
    case TL_NPY_BOOL: return ((const uint8_t *)a->data)[k] != 0;
    case TL_NPY_INT8: return ((const int8_t *)a->data)[k];
    case TL_NPY_INT16: return ((const int16_t *)a->data)[k];
    case TL_NPY_INT32: return ((const int32_t *)a->data)[k];
    case TL_NPY_INT64: return (double)((const int64_t *)a->data)[k];
    case TL_NPY_UINT8: return ((const uint8_t *)a->data)[k];
    case TL_NPY_UINT16: return ((const uint16_t *)a->data)[k];
    case TL_NPY_UINT32: return ((const uint32_t *)a->data)[k];
    case TL_NPY_UINT64: return (double)((const uint64_t *)a->data)[k];
    case TL_NPY_FLOAT16: return tl_half_to_double(((const uint16_t *)a->data)[k]);
    case TL_NPY_FLOAT32: return (double)((const float *)a->data)[k];
    case TL_NPY_FLOAT64: return ((const double *)a->data)[k];
    default: return NAN;
    }
}

/* Returns the first of n elements that was finite and has become infinite, n if there is none. */
static int64_t overflow(const double *from, const tl_real *to, int64_t n)
{
    int64_t k = 0;
    while (k < n && !(isinf(to[k]) && isfinite(from[k])))
        k++;
    return k;
}

tl_status tl_npy_to_real(const tl_npy *a, tl_real *to)
{
    if (!a || !a->data || !to)
        return tl_fail(TL_ERR_ARGUMENT, "npy_to_real: %s", a && a->data ? "to is NULL" : "there is no array");
#define CONVERT(type)                                                                                        \
    for (int64_t k = 0; k < a->size; k++)                                                                    \
    to[k] = (tl_real)((const type *)a->data)[k]
    switch (a->type) {
    case TL_NPY_INT8: CONVERT(int8_t); break;
    case TL_NPY_INT16: CONVERT(int16_t); break;
    case TL_NPY_INT32: CONVERT(int32_t); break;
    case TL_NPY_INT64: CONVERT(int64_t); break;
    case TL_NPY_UINT8: CONVERT(uint8_t); break;
    case TL_NPY_UINT16: CONVERT(uint16_t); break;
    case TL_NPY_UINT32: CONVERT(uint32_t); break;
    case TL_NPY_UINT64: CONVERT(uint64_t); break;
    case TL_NPY_FLOAT32: CONVERT(float); break;
    case TL_NPY_FLOAT64: CONVERT(double); break;
    default: /* bool and half */
        for (int64_t k = 0; k < a->size; k++)
            to[k] = (tl_real)tl_npy_get(a, k);
    }
#undef CONVERT
    const int64_t k = a->type == TL_NPY_FLOAT64 ? overflow(a->data, to, a->size) : a->size;
    if (k < a->size)
        return tl_fail(TL_ERR_NUMERIC,
                       "npy_to_real: element %lld is %g, which is out of the range of tl_real", (long long)k,
                       ((const double *)a->data)[k]);
    return TL_OK;
}
