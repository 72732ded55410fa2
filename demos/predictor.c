/* Recurrent networks, and a transformer whose norms come first (Xiong et al. 2020). */
#include "predictor.h"

#include <stdio.h>
#include <string.h>

enum { EMBEDDING = 32, HEAD = 32, WIDER = 4 };

const char *const predictor_cells[] = { "gru", "lstm", "transformer", NULL };

/* ---- Variables ---- */

/* Names a variable by what it is and its number, which makes names differ. */
static const char *name_of(const predictor *p, const char *what, char name[32])
{
    snprintf(name, 32, "%s/%d", what, p->n_variables);
    return name;
}

static tl_variable *vector(predictor *p, const char *what, int64_t n, tl_real value)
{
    char name[32];
    tl_variable *v = tl_variable_dense(name_of(p, what, name), TL_SHAPE(n));
    if (v)
        p->variable[p->n_variables++] = v;
    return v && tl_init_constant(v, value) == TL_OK ? v : NULL;
}

static tl_variable *matrix(predictor *p, const char *what, int64_t rows, int64_t cols, tl_random *rng)
{
    char name[32];
    tl_variable *v = tl_variable_dense(name_of(p, what, name), TL_SHAPE(rows, cols));
    if (v)
        p->variable[p->n_variables++] = v;
    return v && tl_init_glorot(v, rng) == TL_OK ? v : NULL;
}

/* Makes a matrix of which a part of the weights exists, drawn at random. */
static tl_variable *sparse(predictor *p, const char *what, int64_t rows, int64_t cols, tl_random *rng)
{
    char name[32];
    if (p->o->density == 1)
        return matrix(p, what, rows, cols, rng);
    tl_pattern *pattern = tl_pattern_random(rows, cols, p->o->density,
                                            (uint64_t)tl_random_integer(rng, INT32_MAX));
    tl_variable *v = pattern ? tl_variable_sparse(name_of(p, what, name), pattern) : NULL;
    tl_pattern_release(pattern);
    if (v)
        p->variable[p->n_variables++] = v;
    return v && tl_init_glorot(v, rng) == TL_OK ? v : NULL;
}

/* A forget gate is open at first (Gers et al. 2000). */
static bool make_recurrent(predictor *p, recurrent_layer *to, int64_t inputs, tl_random *rng)
{
    const int64_t units = p->o->units;
    const bool gru = p->o->cell == GRU;
    const int64_t width = (gru ? 3 : 4) * units;
    if (!(to->w_x = matrix(p, "w_x", inputs, width, rng)) ||
        !(to->w_h = sparse(p, "w_h", units, width, rng)) || !(to->b_x = vector(p, "b_x", width, 0)) ||
        (gru && !(to->b_h = vector(p, "b_h", width, 0))))
        return false;
    tl_real *bias = tl_variable_data(to->b_x);
    for (int64_t k = units; !gru && k < 2 * units; k++)
        bias[k] = 1;
    return true;
}

static bool make_block(predictor *p, block *to, tl_random *rng)
{
    const int64_t units = p->o->units, heads = (units + HEAD - 1) / HEAD;
    for (int k = 0; k < 2; k++)
        if (!(to->gain[k] = vector(p, "gain", units, 1)) || !(to->shift[k] = vector(p, "shift", units, 0)))
            return false;
    return (to->query = matrix(p, "query", units, heads * HEAD, rng)) &&
           (to->key = matrix(p, "key", units, heads * HEAD, rng)) &&
           (to->value = matrix(p, "value", units, heads * HEAD, rng)) &&
           (to->out = matrix(p, "out", heads * HEAD, units, rng)) &&
           (to->up = sparse(p, "up", units, WIDER * units, rng)) &&
           (to->up_bias = vector(p, "up_bias", WIDER * units, 0)) &&
           (to->down = sparse(p, "down", WIDER * units, units, rng)) &&
           (to->down_bias = vector(p, "down_bias", units, 0));
}

bool predictor_make(predictor *p, const predictor_options *o, int32_t alphabet, tl_random *rng)
{
    *p = (predictor){ .o = o };
    const bool transformer = o->cell == TRANSFORMER;
    const int64_t inputs = transformer ? o->units : EMBEDDING;
    bool ok = (p->characters = matrix(p, "characters", alphabet, inputs, rng)) &&
              (!transformer ||
               ((p->positions = matrix(p, "positions", o->window, inputs, rng)) &&
                (p->gain = vector(p, "gain", o->units, 1)) && (p->shift = vector(p, "shift", o->units, 0))));
    for (int64_t k = 0; ok && k < o->layers; k++)
        ok = transformer ? make_block(p, &p->block[k], rng)
                         : make_recurrent(p, &p->recurrent[k], k == 0 ? inputs : o->units, rng);
    return ok && (p->scores = matrix(p, "scores", o->units, alphabet, rng)) &&
           (p->scores_bias = vector(p, "scores_bias", alphabet, 0));
}

void predictor_free(predictor *p)
{
    for (int k = 0; k < p->n_variables; k++)
        tl_variable_free(p->variable[k]);
}

int64_t predictor_weights(const predictor *p)
{
    int64_t n = 0;
    for (int k = 0; k < p->n_variables; k++)
        n += tl_variable_size(p->variable[k]);
    return n;
}

int64_t predictor_connections(const predictor *p)
{
    int64_t n = 0;
    for (int64_t k = 0; k < p->o->layers; k++)
        n += p->o->cell == TRANSFORMER ? tl_variable_size(p->block[k].up) + tl_variable_size(p->block[k].down)
                                       : tl_variable_size(p->recurrent[k].w_h);
    return n;
}

int64_t predictor_places(const predictor *p)
{
    const int64_t gates = p->o->cell == GRU ? 3 : 4, matrices = p->o->cell == TRANSFORMER ? 2 * WIDER : gates;
    return p->o->layers * matrices * p->o->units * p->o->units;
}

/* ---- Recurrent networks ---- */

int64_t predictor_states(const predictor *p)
{
    return p->o->cell == TRANSFORMER ? 0 : p->o->cell == LSTM ? 2 * p->o->layers : p->o->layers;
}

void predictor_keep_states(const predictor *p, tl_real *state)
{
    for (int64_t k = 0; k < predictor_states(p); k++) {
        const int64_t size = tl_shape_size(tl_shape_of(p->next[k]));
        memcpy(state + k * size, tl_value(p->next[k]), (size_t)size * sizeof *state);
    }
}

/* Replaces the inputs x[0 .. time-1] of a layer, n rows each, by its outputs. */
static void run_layer(predictor *p, tl_graph *g, int64_t layer, tl_node **x, int64_t n, int64_t time,
                      const tl_real *state)
{
    const recurrent_layer *l = &p->recurrent[layer];
    const int64_t size = n * p->o->units, first = (p->o->cell == LSTM ? 2 : 1) * layer;
    tl_node *w_x = tl_use(g, l->w_x), *w_h = tl_use(g, l->w_h), *b_x = tl_use(g, l->b_x);
    tl_node *h = tl_input(g, TL_SHAPE(n, p->o->units), state + first * size);
    if (p->o->cell == GRU) {
        tl_node *b_h = tl_use(g, l->b_h);
        for (int64_t t = 0; t < time; t++)
            x[t] = h = tl_gru_cell(x[t], h, w_x, w_h, b_x, b_h);
    } else {
        tl_node *c = tl_input(g, TL_SHAPE(n, p->o->units), state + (first + 1) * size);
        for (int64_t t = 0; t < time; t++)
            x[t] = h = tl_lstm_cell(x[t], h, &c, w_x, w_h, b_x, NULL);
        p->next[first + 1] = c;
    }
    p->next[first] = h;
}

static tl_node *run_recurrent(predictor *p, tl_graph *g, const int32_t *ids, int64_t n, int64_t time,
                              const tl_real *state)
{
    tl_node *x[MOST_WINDOW], *characters = tl_use(g, p->characters);
    for (int64_t t = 0; t < time; t++)
        x[t] = tl_embedding_lookup(characters, ids + t * n, TL_SHAPE(n));
    for (int64_t k = 0; k < p->o->layers; k++)
        run_layer(p, g, k, x, n, time, state);
    return tl_concat(x, (int32_t)time, 0);
}

/* ---- The transformer ---- */

static tl_node *norm(tl_graph *g, tl_node *x, tl_variable *gain, tl_variable *shift)
{
    return tl_layer_norm(x, tl_use(g, gain), tl_use(g, shift), 1e-5);
}

static tl_node *run_block(tl_graph *g, const block *b, tl_node *x)
{
    tl_node *h = norm(g, x, b->gain[0], b->shift[0]);
    tl_node *q = tl_matmul(h, tl_use(g, b->query)), *k = tl_matmul(h, tl_use(g, b->key));
    tl_node *v = tl_matmul(h, tl_use(g, b->value));
    const int32_t heads = (int32_t)(tl_shape_cols(tl_shape_of(q)) / HEAD);
    h = tl_attention(q, k, v, &(tl_attention_options){ .heads = heads, .causal = true });
    x = tl_add(x, tl_matmul(h, tl_use(g, b->out)));
    h = norm(g, x, b->gain[1], b->shift[1]);
    h = tl_gelu(tl_linear(h, tl_use(g, b->up), tl_use(g, b->up_bias)));
    return tl_add(x, tl_linear(h, tl_use(g, b->down), tl_use(g, b->down_bias)));
}

/* Streams are the first dimension inside, and time is that of ids and results. */
static tl_node *run_transformer(predictor *p, tl_graph *g, const int32_t *ids, int64_t n, int64_t time)
{
    static const int32_t exchange[] = { 1, 0, 2 };
    tl_node *x = tl_embedding_lookup(tl_use(g, p->characters), ids, TL_SHAPE(time, n));
    x = tl_add(tl_permute(x, exchange), tl_slice(tl_use(g, p->positions), 0, 0, time));
    for (int64_t k = 0; k < p->o->layers; k++)
        x = run_block(g, &p->block[k], x);
    x = tl_permute(norm(g, x, p->gain, p->shift), exchange);
    return tl_reshape(x, TL_SHAPE(time * n, p->o->units));
}

tl_node *predictor_scores(predictor *p, tl_graph *g, const int32_t *ids, int64_t n, int64_t time,
                          const tl_real *state)
{
    tl_node *x = p->o->cell == TRANSFORMER ? run_transformer(p, g, ids, n, time)
                                           : run_recurrent(p, g, ids, n, time, state);
    return tl_linear(x, tl_use(g, p->scores), tl_use(g, p->scores_bias));
}
