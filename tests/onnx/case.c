/* What the functions for ONNX's operators read from a case, and set. */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const tl_safetensor *onnx_tensor(const onnx_case *c, int k)
{
    return k < c->n_in && c->in[k] ? c->in[k]->tensor : NULL;
}

/* Returns a constant with the values of a tensor. */
static tl_node *constant(onnx_case *c, const tl_safetensor *t)
{
    tl_real *values = malloc((size_t)(t->size + 1) * sizeof *values);
    for (int64_t k = 0; values && k < t->size; k++)
        values[k] = (tl_real)tl_safetensors_get(t, k);
    tl_node *a = tl_constant(c->graph, tl_shape_from(t->rank, t->dim), values);
    free(values);
    return a;
}

tl_node *onnx_in(onnx_case *c, int k)
{
    if (k >= c->n_in || !c->in[k])
        return NULL;
    onnx_value *v = c->in[k];
    if (!v->node && v->tensor)
        v->node = constant(c, v->tensor);
    return v->node;
}

bool onnx_is_integer(const onnx_case *c, int k)
{
    const tl_safetensor *t = onnx_tensor(c, k);
    return t && t->type != TL_SAFETENSORS_F64 && t->type != TL_SAFETENSORS_F32 &&
           t->type != TL_SAFETENSORS_F16;
}

int32_t *onnx_integers(onnx_case *c, int k)
{
    const tl_safetensor *t = onnx_tensor(c, k);
    const tl_real *computed = t ? NULL : tl_value(onnx_in(c, k));
    const int64_t n = t ? t->size : tl_shape_size(tl_shape_of(onnx_in(c, k)));
    int32_t *values = malloc((size_t)(n + 1) * sizeof *values);
    for (int64_t i = 0; values && i < n; i++)
        values[i] = (int32_t)(t ? tl_safetensors_get(t, i) : (double)computed[i]);
    return values;
}

void onnx_set(onnx_case *c, int k, tl_node *y)
{
    if (k < c->n_out && c->out[k])
        c->out[k]->node = y;
}

/* Returns the text of an attribute, NULL if there is none. */
static const char *attribute(const onnx_case *c, const char *key)
{
    const size_t length = strlen(key);
    for (int k = 0; k < c->n_attributes; k++)
        if (strncmp(c->attribute[k], key, length) == 0 && c->attribute[k][length] == '=')
            return c->attribute[k] + length + 1;
    return NULL;
}

bool onnx_has(const onnx_case *c, const char *key)
{
    return attribute(c, key) != NULL;
}

bool onnx_is(const onnx_case *c, const char *key, const char *value)
{
    const char *text = attribute(c, key);
    return text && strcmp(text, value) == 0;
}

double onnx_real(const onnx_case *c, const char *key, double otherwise)
{
    const char *text = attribute(c, key);
    return text ? strtod(text, NULL) : otherwise;
}

int64_t onnx_integer(const onnx_case *c, const char *key, int64_t otherwise)
{
    return (int64_t)onnx_real(c, key, (double)otherwise);
}

int32_t onnx_list(const onnx_case *c, const char *key, int64_t *to)
{
    const char *text = attribute(c, key);
    int32_t n = 0;
    while (text && *text && n < 2 * TL_MAX_RANK) {
        char *end;
        to[n++] = strtoll(text, &end, 10);
        text = *end ? end + 1 : end;
    }
    return n;
}

int32_t onnx_axis(int64_t axis, int32_t rank)
{
    return (int32_t)(axis < 0 ? axis + rank : axis);
}

tl_node *onnx_exchange(tl_node *a, int32_t one, int32_t other)
{
    int32_t axes[TL_MAX_RANK] = { 0, 1, 2, 3 };
    axes[one] = other;
    axes[other] = one;
    return one == other ? a : tl_permute(a, axes);
}

tl_node *onnx_refuse(onnx_case *c, const char *reason)
{
    if (!c->reason[0])
        snprintf(c->reason, sizeof c->reason, "%s %s", c->op, reason);
    return NULL;
}

tl_variable *onnx_own(onnx_case *c, tl_shape shape, const tl_real *values)
{
    char name[16];
    snprintf(name, sizeof name, "v%d", c->n_owned);
    tl_variable *v = c->n_owned < ONNX_OWNED ? tl_variable_dense(name, shape) : NULL;
    if (v) {
        c->owned[c->n_owned++] = v;
        memcpy(tl_variable_data(v), values, (size_t)tl_variable_size(v) * sizeof *values);
    }
    return v;
}
