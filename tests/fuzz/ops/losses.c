/* Losses. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* ---- Of two inputs ---- */

static bool same(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 0, TL_MAX_RANK);
    c->in[1] = c->in[0] < 0 ? -1 : tl_fuzz_want(p, FUZZ_DENSE, p->item[c->in[0]].shape, NULL);
    return true;
}

static bool same_rows(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    c->in[1] = c->in[0] < 0 ? -1 : tl_fuzz_want(p, FUZZ_DENSE, p->item[c->in[0]].shape, NULL);
    return true;
}

static bool same_and_number(fuzz_program *p, fuzz_item *c)
{
    c->c = 0.5 * (double)(1 + tl_fuzz_draw(4));
    return same(p, c);
}

static tl_node *huber(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_huber(in[0], in[1], (tl_real)c->c);
}

static tl_node *sigmoid_weighted(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_sigmoid_cross_entropy_weighted(in[0], in[1], (tl_real)c->c);
}

/* ---- With labels ---- */

static bool labelled(fuzz_program *p, fuzz_item *c)
{
    if (!tl_fuzz_rows(p, c) || c->in[0] < 0)
        return false;
    const tl_shape s = p->item[c->in[0]].shape;
    c->n_ids = tl_shape_rows(s);
    if (c->n_ids > 0 && tl_shape_cols(s) == 0)
        return false;
    c->ids = tl_fuzz_block(p, c->n_ids, sizeof *c->ids);
    for (int64_t i = 0; i < c->n_ids; i++)
        c->ids[i] = (int32_t)tl_fuzz_draw(tl_shape_cols(s));
    return true;
}

static bool weighted(fuzz_program *p, fuzz_item *c)
{
    if (!labelled(p, c))
        return false;
    c->weights = tl_fuzz_block(p, c->n_ids, sizeof *c->weights);
    for (int64_t i = 0; i < c->n_ids; i++) {
        c->weights[i] = (tl_real)0.5 * (tl_real)tl_fuzz_draw(4);
        if (c->weights[i] == 0 && tl_fuzz_rarely(2)) /* that row is not looked at */
            c->ids[i] = -7;
    }
    return true;
}

static tl_node *cross_entropy(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_softmax_cross_entropy(in[0], c->ids);
}

static tl_node *weighted_cross_entropy(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_softmax_cross_entropy_weighted(in[0], c->ids, c->weights);
}

/* Chooses options: smoothing is c, the label that is ignored, if there is one, `begin`. */
static bool optioned(fuzz_program *p, fuzz_item *c)
{
    if (!weighted(p, c))
        return false;
    const int64_t classes = tl_shape_cols(p->item[c->in[0]].shape);
    c->c = tl_fuzz_rarely(2) ? 0.25 * (double)tl_fuzz_draw(5) : 0;
    c->n = tl_fuzz_rarely(2);    /* weights of rows */
    c->axis = tl_fuzz_rarely(2); /* a loss of each row */
    c->flag = tl_fuzz_rarely(2) && c->n_ids > 0;
    c->begin = c->flag ? c->ids[0] : 0;
    c->more_weights = tl_fuzz_rarely(2) ? tl_fuzz_block(p, classes, sizeof *c->more_weights) : NULL;
    for (int64_t k = 0; k < classes && c->more_weights; k++)
        c->more_weights[k] = (tl_real)0.5 * (tl_real)tl_fuzz_draw(4);
    for (int64_t i = 0; i < c->n_ids && !c->n; i++) /* each row is looked at */
        if (c->ids[i] < 0 && !(c->flag && c->ids[i] == c->begin))
            c->ids[i] = 0;
    return true;
}

static tl_cross_entropy_options options(const fuzz_item *c)
{
    return (tl_cross_entropy_options){ .row_weights = c->n ? c->weights : NULL,
                                       .class_weights = c->more_weights,
                                       .ignore = (int32_t)c->begin,
                                       .has_ignore = c->flag,
                                       .smoothing = c->c,
                                       .per_row = c->axis != 0 };
}

static tl_node *cross_entropy_with(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    const tl_cross_entropy_options o = options(c);
    return tl_softmax_cross_entropy_with(in[0], c->ids, &o);
}

static tl_node *nll(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_nll(in[0], c->ids);
}

static tl_node *nll_with(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    const tl_cross_entropy_options o = options(c);
    return tl_nll_with(in[0], c->ids, &o);
}

const fuzz_op tl_fuzz_losses[] = {
    { "huber", same_and_number, .apply = huber },
    { "l1", same, .two = tl_l1, .smooth = tl_fuzz_nowhere },
    { "l2_loss", tl_fuzz_any, .one = tl_l2_loss },
    { "mse", same, .two = tl_mse },
    { "nll", labelled, .apply = nll },
    { "nll_with", optioned, .apply = nll_with },
    { "sigmoid_cross_entropy", same, .two = tl_sigmoid_cross_entropy },
    { "sigmoid_cross_entropy_weighted", same_and_number, .apply = sigmoid_weighted },
    { "softmax_cross_entropy", labelled, .apply = cross_entropy },
    { "softmax_cross_entropy_dense", same_rows, .two = tl_softmax_cross_entropy_dense },
    { "softmax_cross_entropy_weighted", weighted, .apply = weighted_cross_entropy },
    { "softmax_cross_entropy_with", optioned, .apply = cross_entropy_with },
    { 0 },
};
