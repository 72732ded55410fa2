/* Networks that score which character follows: recurrent ones and a transformer. Of each, the largest
 * matrices may be sparse: the recurrent weights, or those of the feed-forward layers. */
#ifndef PREDICTOR_H
#define PREDICTOR_H

#include <tulle/tulle.h>

enum {
    MOST_LAYERS = 8,
    MOST_WINDOW = 512,
    LAYER_VARIABLES = 12,
    MOST_VARIABLES = LAYER_VARIABLES * (MOST_LAYERS + 1)
};

typedef enum predictor_cell { GRU, LSTM, TRANSFORMER, CELLS } predictor_cell;
extern const char *const predictor_cells[CELLS + 1];

typedef struct predictor_options {
    int64_t cell, units, layers;
    int64_t window; /* the most characters that a transformer sees */
    double density; /* of the sparse matrices; 1: they are dense */
} predictor_options;

/* A layer of either kind. */
typedef struct recurrent_layer {
    tl_variable *w_x, *w_h, *b_x, *b_h; /* w_h is sparse */
} recurrent_layer;

typedef struct block {
    tl_variable *gain[2], *shift[2], *query, *key, *value, *out;
    tl_variable *up, *up_bias, *down, *down_bias; /* up and down are sparse */
} block;

typedef struct predictor {
    const predictor_options *o;
    int n_variables;
    tl_variable *variable[MOST_VARIABLES];              /* all of them */
    tl_variable *characters, *positions, *gain, *shift; /* the last three: NULL but for a transformer */
    tl_variable *scores, *scores_bias;
    recurrent_layer recurrent[MOST_LAYERS];
    block block[MOST_LAYERS];
    tl_node *next[2 * MOST_LAYERS]; /* the states after the window that was scored last */
} predictor;

/* Makes a network for an alphabet. On failure the reason is in tl_error(), and predictor_free must still be
 * called. */
bool predictor_make(predictor *p, const predictor_options *o, int32_t alphabet, tl_random *rng);

/* Returns the scores of the characters of the alphabet to follow each of time x n characters, time n x
 * alphabet: ids[t * n + k] is character t of stream k. `state` has the states of the streams before their
 * first characters, predictor_states() x n x o->units; it is borrowed until the reset. */
tl_node *predictor_scores(predictor *p, tl_graph *g, const int32_t *ids, int64_t n, int64_t time,
                          const tl_real *state);

/* Returns the number of states per stream, each of o->units elements: 0 of a transformer. */
int64_t predictor_states(const predictor *p);

/* Copies the states after the window that was scored last, before the reset. No gradient goes back from the
 * copy. */
void predictor_keep_states(const predictor *p, tl_real *state);

/* Return the number of all weights; of those of the matrices that may be sparse; and what the latter would
 * be at density 1. */
int64_t predictor_weights(const predictor *p);
int64_t predictor_connections(const predictor *p);
int64_t predictor_places(const predictor *p);

void predictor_free(predictor *p);

#endif
