/* ONNX's operators that move values and change shapes. */
#include "case.h"

#include <stdlib.h>
#include <string.h>

static tl_node *concat(onnx_case *c)
{
    tl_node *list[ONNX_ARGUMENTS];
    for (int k = 0; k < c->n_in; k++)
        list[k] = onnx_in(c, k);
    return tl_concat(list, c->n_in, onnx_axis(onnx_integer(c, "axis", 0), tl_shape_of(list[0]).rank));
}

/* To the shape that the input and the attribute are both broadcast to. */
static tl_node *expand(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    int64_t list[2 * TL_MAX_RANK];
    const tl_shape from = tl_shape_of(a);
    tl_shape to = tl_shape_from(onnx_list(c, "shape", list), list);
    for (int32_t k = 0; k < from.rank && k < to.rank; k++)
        if (to.dim[to.rank - 1 - k] == 1)
            to.dim[to.rank - 1 - k] = from.dim[from.rank - 1 - k];
    return tl_broadcast_to(a, to);
}

/* A matrix: what is before the axis, and what is not. */
static tl_node *flatten(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const tl_shape from = tl_shape_of(a);
    const int32_t axis = onnx_axis(onnx_integer(c, "axis", 1), from.rank);
    tl_shape to = TL_SHAPE(1, 1);
    for (int32_t k = 0; k < from.rank; k++)
        to.dim[k < axis ? 0 : 1] *= from.dim[k];
    return tl_reshape(a, to);
}

/* Returns n elements along an axis, by a lookup in the table whose rows are along it. Frees the indices. */
static tl_node *take(tl_node *a, int32_t axis, int32_t *ids, int64_t n)
{
    tl_node *y = onnx_exchange(tl_embedding_lookup(onnx_exchange(a, 0, axis), ids, TL_SHAPE(n)), 0, axis);
    free(ids);
    return y;
}

static tl_node *gather(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const tl_safetensor *t = onnx_tensor(c, 1);
    const tl_shape from = tl_shape_of(a);
    const int32_t axis = onnx_axis(onnx_integer(c, "axis", 0), from.rank);
    int32_t *ids = onnx_integers(c, 1);
    for (int64_t k = 0; k < t->size; k++)
        ids[k] = ids[k] < 0 ? ids[k] + (int32_t)from.dim[axis] : ids[k];
    tl_node *y = take(a, axis, ids, t->size);
    tl_shape to = { from.rank - 1 + t->rank, { 0 } }; /* the axis becomes those of the indices */
    for (int32_t k = 0; k < to.rank && to.rank <= TL_MAX_RANK; k++)
        to.dim[k] = k < axis             ? from.dim[k]
                    : k < axis + t->rank ? t->dim[k - axis]
                                         : from.dim[k + 1 - t->rank];
    return tl_reshape(y, to);
}

/* Where the condition holds: along an axis, or of all elements as a vector. */
static tl_node *compress(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const bool along = onnx_has(c, "axis");
    if (!along)
        a = tl_reshape(a, TL_SHAPE(tl_shape_size(tl_shape_of(a))));
    int32_t *ids = onnx_integers(c, 1), n = 0;
    for (int32_t k = 0; k < onnx_tensor(c, 1)->size; k++)
        if (ids[k] != 0)
            ids[n++] = k;
    return take(a, along ? onnx_axis(onnx_integer(c, "axis", 0), tl_shape_of(a).rank) : 0, ids, n);
}

/* Element by element, one along the axis: a lookup in the table that has an element per row. */
static tl_node *gather_elements(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const tl_shape from = tl_shape_of(a), to = tl_shape_of(onnx_in(c, 1));
    const int32_t axis = onnx_axis(onnx_integer(c, "axis", 0), from.rank);
    int32_t *ids = onnx_integers(c, 1);
    for (int64_t k = 0; k < tl_shape_size(to); k++) {
        int64_t rest = k, at = 0, unit = 1; /* units of the last dimension first */
        for (int32_t d = from.rank - 1; d >= 0; d--) {
            const int64_t index = d != axis ? rest % to.dim[d] : ids[k] < 0 ? ids[k] + from.dim[d] : ids[k];
            at += index * unit;
            rest /= to.dim[d];
            unit *= from.dim[d];
        }
        ids[k] = (int32_t)at;
    }
    tl_node *y = tl_embedding_lookup(tl_reshape(a, TL_SHAPE(tl_shape_size(from))), ids, to);
    free(ids);
    return y;
}

/* Pads an axis with the last element or, reflected, with those before it. */
static tl_node *pad_axis(tl_node *a, int32_t axis, int64_t before, int64_t after, bool reflected)
{
    const int64_t size = tl_shape_of(a).dim[axis], n = before + size + after;
    int32_t *ids = malloc((size_t)(n + 1) * sizeof *ids);
    for (int64_t k = 0; k < n; k++) {
        const int64_t at = k - before, first = reflected ? -at : 0;
        const int64_t last = reflected ? 2 * (size - 1) - at : size - 1;
        ids[k] = (int32_t)(at < 0 ? first : at < size ? at : last);
    }
    return take(a, axis, ids, n);
}

static tl_node *pad(onnx_case *c)
{
    int64_t pads[2 * TL_MAX_RANK];
    const int32_t n = onnx_list(c, "pads", pads) / 2;
    tl_node *y = onnx_in(c, 0);
    if (!onnx_is(c, "mode", "edge") && !onnx_is(c, "mode", "reflect"))
        return tl_pad(y, pads, pads + n, (tl_real)onnx_real(c, "value", 0));
    for (int32_t axis = 0; axis < n; axis++)
        y = pad_axis(y, axis, pads[axis], pads[n + axis], onnx_is(c, "mode", "reflect"));
    return y;
}

/* A size of 0 is that of the input, unless `allowzero`, and one of -1 what is left. */
static tl_node *reshape(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    int64_t size[2 * TL_MAX_RANK], known = 1;
    const tl_shape from = tl_shape_of(a);
    const int32_t rank = onnx_list(c, "shape", size);
    tl_shape to = tl_shape_from(rank, size);
    int32_t open = -1;
    for (int32_t k = 0; k < to.rank; k++) {
        if (size[k] == 0 && onnx_integer(c, "allowzero", 0) == 0)
            to.dim[k] = from.dim[k];
        if (size[k] == -1)
            open = k;
        else
            known *= to.dim[k];
    }
    if (open >= 0)
        to.dim[open] = tl_shape_size(from) / known;
    return tl_reshape(a, to);
}

/* Returns an end of a range, which may be counted from the last, in low..high. */
static int64_t bounded(int64_t at, int64_t size, int64_t low, int64_t high)
{
    if (at < 0)
        at += size;
    return at < low ? low : at < high ? at : high;
}

/* Returns every step-th element from `begin` on, up to `end`. */
static tl_node *slice_axis(tl_node *a, int32_t axis, int64_t begin, int64_t end, int64_t step)
{
    const int64_t size = tl_shape_of(a).dim[axis], back = step < 0;
    begin = bounded(begin, size, 0, size - back);
    end = bounded(end, size, -back, size - back);
    if (step == 1)
        return tl_slice(a, axis, begin, end < begin ? begin : end);
    int32_t *ids = malloc((size_t)(size + 1) * sizeof *ids);
    int64_t n = 0;
    for (int64_t k = begin; back ? k > end : k < end; k += step)
        ids[n++] = (int32_t)k;
    return take(a, axis, ids, n);
}

static tl_node *slice(onnx_case *c)
{
    tl_node *y = onnx_in(c, 0);
    int64_t begin[2 * TL_MAX_RANK], end[2 * TL_MAX_RANK], axes[2 * TL_MAX_RANK], step[2 * TL_MAX_RANK];
    const int32_t n = onnx_list(c, "starts", begin);
    const bool has_axes = onnx_list(c, "axes", axes) > 0, has_steps = onnx_list(c, "steps", step) > 0;
    onnx_list(c, "ends", end);
    for (int32_t k = 0; k < n; k++) {
        const int32_t axis = has_axes ? onnx_axis(axes[k], tl_shape_of(y).rank) : k;
        y = slice_axis(y, axis, begin[k], end[k], has_steps ? step[k] : 1);
    }
    return y;
}

/* Into parts of these sizes, or of equal ones. */
static tl_node *split(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0), *first = NULL;
    int64_t size[2 * TL_MAX_RANK], begin = 0;
    const int32_t axis = onnx_axis(onnx_integer(c, "axis", 0), tl_shape_of(a).rank);
    const bool listed = onnx_list(c, "split", size) > 0;
    for (int k = 0; k < c->n_out; k++) {
        const int64_t end = begin + (listed ? size[k] : tl_shape_of(a).dim[axis] / c->n_out);
        tl_node *part = tl_slice(a, axis, begin, end);
        onnx_set(c, k, part);
        first = k == 0 ? part : first;
        begin = end;
    }
    return first;
}

/* Without the axes of the list, or without all of size 1. */
static tl_node *squeeze(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    int64_t axes[2 * TL_MAX_RANK];
    const tl_shape from = tl_shape_of(a);
    const int32_t n = onnx_list(c, "axes", axes);
    bool dropped[TL_MAX_RANK] = { false };
    for (int32_t k = 0; k < n; k++)
        dropped[onnx_axis(axes[k], from.rank)] = true;
    tl_shape to = { 0, { 0 } };
    for (int32_t k = 0; k < from.rank; k++)
        if (n == 0 ? from.dim[k] != 1 : !dropped[k])
            to.dim[to.rank++] = from.dim[k];
    return tl_reshape(a, to);
}

/* With sizes of 1 at the axes of the list, which are those of the result. */
static tl_node *unsqueeze(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    int64_t axes[2 * TL_MAX_RANK];
    const tl_shape from = tl_shape_of(a);
    const int32_t n = onnx_list(c, "axes", axes);
    tl_shape to = { from.rank + n, { 0 } };
    for (int32_t k = 0; k < n; k++)
        to.dim[onnx_axis(axes[k], to.rank)] = 1;
    for (int32_t k = 0, next = 0; k < to.rank; k++)
        if (to.dim[k] == 0)
            to.dim[k] = from.dim[next++];
    return tl_reshape(a, to);
}

/* Along each axis, the input as often as the list says. */
static tl_node *tile(onnx_case *c)
{
    tl_node *y = onnx_in(c, 0), *list[32];
    int64_t times[2 * TL_MAX_RANK];
    const int32_t rank = onnx_list(c, "repeats", times);
    for (int32_t axis = 0; axis < rank; axis++) {
        for (int64_t k = 0; k < times[axis] && k < 32; k++)
            list[k] = y;
        y = tl_concat(list, (int32_t)times[axis], axis);
    }
    return y;
}

/* tl_transpose exchanges the last two axes. */
static tl_node *transpose(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    int64_t list[2 * TL_MAX_RANK];
    int32_t axes[TL_MAX_RANK], last_two[TL_MAX_RANK] = { 0, 1, 2, 3 };
    const int32_t rank = tl_shape_of(a).rank;
    const bool listed = onnx_list(c, "perm", list) > 0;
    for (int32_t k = 0; k < rank; k++)
        axes[k] = listed ? (int32_t)list[k] : rank - 1 - k;
    if (rank > 1) {
        last_two[rank - 1] = rank - 2;
        last_two[rank - 2] = rank - 1;
    }
    return memcmp(axes, last_two, (size_t)rank * sizeof *axes) == 0 ? tl_transpose(a) : tl_permute(a, axes);
}

/* What is from diagonal k on, or, not `upper`, up to it. */
static tl_node *triangle(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const int64_t k = onnx_integer(c, "k", 0);
    if (onnx_integer(c, "upper", 1) == 0)
        return tl_tril(a, k, 0);
    return tl_sub(a, tl_tril(a, k - 1, 0));
}

const onnx_op onnx_moves[] = {
    { "Compress", .run = compress },
    { "Concat", .run = concat },
    { "Expand", .run = expand },
    { "Flatten", .run = flatten },
    { "Gather", .run = gather },
    { "GatherElements", .run = gather_elements },
    { "Pad", .run = pad },
    { "Reshape", .run = reshape },
    { "Slice", .run = slice },
    { "Split", .run = split },
    { "Squeeze", .run = squeeze },
    { "Tile", .run = tile },
    { "Transpose", .run = transpose },
    { "Trilu", .run = triangle },
    { "Unsqueeze", .run = unsqueeze },
    { .name = NULL },
};
