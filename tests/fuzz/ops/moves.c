/* Moves of values. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* ---- Moves ---- */

static bool reshaped(fuzz_program *p, fuzz_item *c)
{
    if (!tl_fuzz_dense(p, c) || c->in[0] < 0)
        return false;
    const tl_shape s = p->item[c->in[0]].shape;
    const int64_t n = tl_shape_size(s), left = s.rank > 0 && s.dim[0] > 0 ? s.dim[0] : 1;
    const tl_shape to[] = { TL_SHAPE(n), TL_SHAPE(left, n / left), TL_SHAPE(n / left, left),
                            TL_SHAPE(1, n / left, left, 1) };
    c->to = to[tl_fuzz_draw(4)];
    return true;
}

static tl_node *reshape(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_reshape(in[0], c->to);
}

static bool matrix(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_EITHER, 2, TL_MAX_RANK);
    return true;
}

static bool permuted(fuzz_program *p, fuzz_item *c)
{
    if (!tl_fuzz_dense(p, c) || c->in[0] < 0)
        return false;
    const int32_t rank = p->item[c->in[0]].shape.rank;
    for (int32_t k = 0; k < rank; k++)
        c->axes[k] = k;
    for (int32_t k = rank - 1; k > 0; k--) {
        const int32_t with = (int32_t)tl_fuzz_draw(k + 1), axis_of_with = c->axes[with];
        c->axes[with] = c->axes[k];
        c->axes[k] = axis_of_with;
    }
    return true;
}

static tl_node *permute(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_permute(in[0], c->axes);
}

static bool sliced(fuzz_program *p, fuzz_item *c)
{
    if (!tl_fuzz_rows(p, c) || c->in[0] < 0)
        return false;
    c->axis = (int32_t)tl_fuzz_draw(p->item[c->in[0]].shape.rank);
    const int64_t n = p->item[c->in[0]].shape.dim[c->axis];
    c->begin = tl_fuzz_draw(n + 1);
    c->end = c->begin + tl_fuzz_draw(n - c->begin + 1);
    return true;
}

static tl_node *slice(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_slice(in[0], c->axis, c->begin, c->end);
}

static bool concatenated(fuzz_program *p, fuzz_item *c)
{
    if (!tl_fuzz_rows(p, c) || c->in[0] < 0)
        return false;
    tl_shape s = p->item[c->in[0]].shape;
    c->axis = (int32_t)tl_fuzz_draw(s.rank);
    c->n_in = 1 + (int32_t)tl_fuzz_draw(FUZZ_IN);
    for (int32_t k = 1; k < c->n_in; k++) {
        if (tl_shape_size(s) < p->limit / FUZZ_IN && tl_fuzz_rarely(2))
            s.dim[c->axis] = tl_fuzz_size(p);
        c->in[k] = tl_fuzz_want(p, FUZZ_DENSE, s, NULL);
    }
    return true;
}

static tl_node *concat(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_concat(in, c->n_in, c->axis);
}

static bool padded(fuzz_program *p, fuzz_item *c)
{
    if (!tl_fuzz_dense(p, c) || c->in[0] < 0)
        return false;
    c->c = tl_fuzz_number();
    for (int32_t k = 0; k < p->item[c->in[0]].shape.rank; k++) {
        c->before[k] = tl_fuzz_draw(3);
        c->after[k] = tl_fuzz_draw(3);
    }
    return true;
}

static tl_node *pad(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_pad(in[0], c->before, c->after, (tl_real)c->c);
}

static bool repeated(fuzz_program *p, fuzz_item *c)
{
    c->to = tl_fuzz_shape(p, (int32_t)tl_fuzz_draw(TL_MAX_RANK + 1));
    c->n_in = 1;
    c->in[0] = tl_fuzz_want(p, FUZZ_DENSE, tl_fuzz_lesser(c->to), NULL);
    return true;
}

static tl_node *broadcast_to(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_broadcast_to(in[0], c->to);
}

static bool triangular(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 2, TL_MAX_RANK);
    c->begin = tl_fuzz_draw(7) - 3;
    c->c = tl_fuzz_number();
    return true;
}

static tl_node *tril(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_tril(in[0], c->begin, (tl_real)c->c);
}

const fuzz_op tl_fuzz_moves[] = {
    { "broadcast_to", repeated, .apply = broadcast_to },
    { "concat", concatenated, .apply = concat },
    { "pad", padded, .apply = pad },
    { "permute", permuted, .apply = permute },
    { "reshape", reshaped, .apply = reshape },
    { "slice", sliced, .apply = slice },
    { "transpose", matrix, .one = tl_transpose },
    { "tril", triangular, .apply = tril },
    { 0 },
};
