/* Compositions of ops. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* Its number of heads is n. */
static bool attended(fuzz_program *p, fuzz_item *c)
{
    const int64_t batch = tl_fuzz_draw(3), queries = tl_fuzz_size(p), keys = tl_fuzz_size(p);
    const tl_shape scores = TL_SHAPE(batch, c->n = 1 + tl_fuzz_draw(3), queries, keys);
    const int64_t width = c->n * (1 + tl_fuzz_draw(3));
    c->flag = tl_fuzz_rarely(2);
    c->n_in = 4;
    c->in[0] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(batch, queries, width), NULL);
    c->in[1] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(batch, keys, width), NULL);
    c->in[2] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(batch, keys, c->n * tl_fuzz_draw(3)), NULL);
    c->in[3] = -1;
    if (tl_fuzz_draw(2) == 0 || tl_shape_size(scores) > p->limit)
        return tl_shape_size(scores) <= p->limit;
    c->in[3] = tl_fuzz_want(p, FUZZ_DENSE, tl_fuzz_lesser(scores), NULL);
    return c->in[3] >= 0;
}

static tl_node *attention(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_attention(in[0], in[1], in[2],
                        &(tl_attention_options){ .heads = (int32_t)c->n, .causal = c->flag, .mask = in[3] });
}

/* Chooses input k: a matrix of either kind; a vector, or none. */
static bool weights(fuzz_program *p, fuzz_item *c, int32_t k, int64_t rows, int64_t cols)
{
    c->in[k] = tl_fuzz_want(p, FUZZ_EITHER, TL_SHAPE(rows, cols), NULL);
    return c->in[k] >= 0;
}

static bool vector_or_none(fuzz_program *p, fuzz_item *c, int32_t k, int64_t n)
{
    const bool absent = tl_fuzz_rarely(3);
    c->in[k] = absent ? -1 : tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(n), NULL);
    return absent || c->in[k] >= 0;
}

static bool affine(fuzz_program *p, fuzz_item *c)
{
    const int64_t n = tl_fuzz_size(p);
    c->n_in = 3;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    if (c->in[0] < 0)
        return false;
    const tl_shape x = p->item[c->in[0]].shape;
    return tl_shape_rows(x) * n <= p->limit && weights(p, c, 1, tl_shape_cols(x), n) &&
           vector_or_none(p, c, 2, n);
}

static tl_node *linear(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    (void)c;
    return tl_linear(in[0], in[1], in[2]);
}

/* Chooses X, `states` of H and C, two matrices and two biases, for this number of gates. */
static bool cell(fuzz_program *p, fuzz_item *c, int32_t states, int64_t gates)
{
    const int64_t rows = tl_fuzz_size(p), k = tl_fuzz_size(p), n = 1 + tl_fuzz_draw(4);
    int32_t at = 0;
    c->n_in = 1 + states + 4;
    c->in[at++] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(rows, k), NULL);
    while (at <= states)
        c->in[at++] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(rows, n), NULL);
    return weights(p, c, at, k, gates * n) && weights(p, c, at + 1, n, gates * n) &&
           vector_or_none(p, c, at + 2, gates * n) && vector_or_none(p, c, at + 3, gates * n);
}

static bool lstm(fuzz_program *p, fuzz_item *c)
{
    return cell(p, c, 2, 4);
}

static bool gru(fuzz_program *p, fuzz_item *c)
{
    return cell(p, c, 1, 3);
}

static tl_node *lstm_cell(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    tl_node *state = in[2], *h = tl_lstm_cell(in[0], in[1], &state, in[3], in[4], in[5], in[6]);
    (void)w;
    (void)c;
    return tl_add(h, state);
}

static tl_node *gru_cell(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    (void)c;
    return tl_gru_cell(in[0], in[1], in[2], in[3], in[4], in[5]);
}

const fuzz_op tl_fuzz_compositions[] = {
    { "attention", attended, .apply = attention, .optional = 1, .composed = true },
    { "gru_cell", gru, .apply = gru_cell, .optional = 2, .composed = true },
    { "linear", affine, .apply = linear, .optional = 1, .composed = true },
    { "lstm_cell", lstm, .apply = lstm_cell, .optional = 2, .composed = true },
    { 0 },
};
