/* What the models of this folder share: the variables of a model, and the training of one. */
#ifndef MODELS_H
#define MODELS_H

#include "tests/testing.h"

enum { MAX_VARIABLES = 24 };

typedef struct model {
    tl_variable *variable[MAX_VARIABLES];
    int n;
    tl_random rng;
} model;

static inline tl_variable *keep(model *m, tl_variable *v)
{
    ck_assert_msg(v != NULL && m->n < MAX_VARIABLES, "%s", tl_error());
    return m->variable[m->n++] = v;
}

/* Return weights of which the products keep the variance of what they multiply. */
static inline tl_variable *dense_weights(model *m, const char *name, int64_t rows, int64_t cols)
{
    tl_variable *v = keep(m, tl_variable_dense(name, TL_SHAPE(rows, cols)));
    ck_assert_ok(tl_init_glorot(v, &m->rng));
    return v;
}

static inline tl_variable *sparse_weights(model *m, const char *name, int64_t rows, int64_t cols,
                                          double density)
{
    tl_pattern *p = tl_pattern_random(rows, cols, density, 7);
    tl_variable *v = keep(m, tl_variable_sparse(name, p));
    tl_pattern_release(p);
    ck_assert_ok(tl_init_glorot(v, &m->rng));
    return v;
}

/* Returns a vector of n equal values: a bias, a gain. */
static inline tl_variable *vector(model *m, const char *name, int64_t n, tl_real value)
{
    tl_variable *v = keep(m, tl_variable_dense(name, TL_SHAPE(n)));
    ck_assert_ok(tl_init_constant(v, value));
    return v;
}

static inline void free_model(model *m)
{
    for (int k = 0; k < m->n; k++)
        tl_variable_free(m->variable[k]);
}

/* Returns the share of n rows of scores whose largest is that of the label. */
static inline double accuracy(tl_node *scores, const int32_t *labels, int64_t n)
{
    const tl_real *score = tl_value(scores);
    ck_assert_msg(score != NULL, "%s", tl_error());
    const int64_t classes = tl_shape_cols(tl_shape_of(scores));
    int64_t right = 0;
    for (int64_t k = 0; k < n; k++, score += classes) {
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            best = score[c] > score[best] ? c : best;
        right += best == labels[k];
    }
    return (double)right / (double)n;
}

#endif
