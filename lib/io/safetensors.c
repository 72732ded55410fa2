/* Safetensors in memory: types and elements. */
#include "lib/io/byte_order.h"
#include "lib/io/half.h"
#include "lib/io/safetensors_private.h"
#include "lib/status_private.h"

#include <math.h>
#include <string.h>
#ifdef TL_HAVE_ZLIB
#include <zlib.h>
#endif

tl_status tl_safetensors_check_build(const char *who)
{
#if !defined(TL_HAVE_JANSSON)
    return tl_fail(TL_ERR_ARGUMENT, "%s: tulle was built without jansson", who);
#elif !defined(TL_HAVE_ZLIB)
    return tl_fail(TL_ERR_ARGUMENT, "%s: tulle was built without zlib", who);
#else
    return tl_is_little_endian()
               ? TL_OK
               : tl_fail(TL_ERR_ARGUMENT, "%s: the format is little-endian, and this machine is not", who);
#endif
}

uint32_t tl_crc32(uint32_t crc, const void *bytes, int64_t n)
{
#ifdef TL_HAVE_ZLIB
    return (uint32_t)crc32_z(crc, bytes, (z_size_t)n);
#else
    (void)bytes;
    (void)n;
    return crc;
#endif
}

int64_t tl_safetensors_count_values(const char *text, int64_t n)
{
    int64_t values = 0;
    for (int64_t k = 0; k < n; k++)
        values += (text[k] == '{') | (text[k] == '[') | (text[k] == ',');
    return values;
}

/* ---- Types ---- */

static const struct {
    const char *name;
    int32_t size;
} types[] = {
    [TL_SAFETENSORS_F64] = { "F64", 8 },   [TL_SAFETENSORS_I64] = { "I64", 8 },
    [TL_SAFETENSORS_U64] = { "U64", 8 },   [TL_SAFETENSORS_F32] = { "F32", 4 },
    [TL_SAFETENSORS_I32] = { "I32", 4 },   [TL_SAFETENSORS_U32] = { "U32", 4 },
    [TL_SAFETENSORS_F16] = { "F16", 2 },   [TL_SAFETENSORS_BF16] = { "BF16", 2 },
    [TL_SAFETENSORS_I16] = { "I16", 2 },   [TL_SAFETENSORS_U16] = { "U16", 2 },
    [TL_SAFETENSORS_I8] = { "I8", 1 },     [TL_SAFETENSORS_U8] = { "U8", 1 },
    [TL_SAFETENSORS_BOOL] = { "BOOL", 1 },
};

static bool is_type(tl_safetensors_type type)
{
    return (size_t)type < sizeof types / sizeof *types;
}

int32_t tl_safetensors_type_size(tl_safetensors_type type)
{
    return is_type(type) ? types[type].size : 0;
}

const char *tl_safetensors_type_name(tl_safetensors_type type)
{
    return is_type(type) ? types[type].name : "";
}

/* Returns the value of the upper half of a float. */
static double brain(uint16_t bits)
{
    const uint32_t whole = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &whole, sizeof x);
    return (double)x;
}

double tl_safetensors_get(const tl_safetensor *t, int64_t k)
{
    if (!t || !t->data || k < 0 || k >= t->size)
        return (double)NAN;
    switch (t->type) {
    case TL_SAFETENSORS_F64: return ((const double *)t->data)[k];
    case TL_SAFETENSORS_I64: return (double)((const int64_t *)t->data)[k];
    case TL_SAFETENSORS_U64: return (double)((const uint64_t *)t->data)[k];
    case TL_SAFETENSORS_F32: return (double)((const float *)t->data)[k];
    case TL_SAFETENSORS_I32: return (double)((const int32_t *)t->data)[k];
    case TL_SAFETENSORS_U32: return (double)((const uint32_t *)t->data)[k];
    case TL_SAFETENSORS_F16: return tl_half_to_double(((const uint16_t *)t->data)[k]);
    case TL_SAFETENSORS_BF16: return brain(((const uint16_t *)t->data)[k]);
    case TL_SAFETENSORS_I16: return (double)((const int16_t *)t->data)[k];
    case TL_SAFETENSORS_U16: return (double)((const uint16_t *)t->data)[k];
    case TL_SAFETENSORS_I8: return (double)((const int8_t *)t->data)[k];
    case TL_SAFETENSORS_U8: return (double)((const uint8_t *)t->data)[k];
    case TL_SAFETENSORS_BOOL: return ((const uint8_t *)t->data)[k] != 0;
    }
    return (double)NAN;
}
