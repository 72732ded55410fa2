/* Factors of people and films: the model of a rating, and its training.
 *
 * A rating is expected to be the mean plus a bias of the person, a bias of the film, and the product of their
 * factors. A step reads few rows of the four tables, so their gradients are row-sparse. With TL_ROWS_EXACT a
 * step has the same result as one with dense gradients, to the bit, in less time; with TL_ROWS_LAZY it leaves
 * the other rows alone, which takes less time still, but is another algorithm. */
#ifndef FACTORS_H
#define FACTORS_H

#include "ranks.h"
#include "ratings.h"
#include "series.h"

enum { PERSON_BIAS, FILM_BIAS, PERSON_FACTORS, FILM_FACTORS, TABLES };
enum { EXACT, DENSE, LAZY, MODES };
extern const char *const factors_modes[MODES + 1]; /* the names; ends with NULL */

typedef struct factors_options {
    int64_t rank, epochs, batch;
    double learning_rate, decay, bias_decay;
} factors_options;

/* The tables, trained in one of the modes. */
typedef struct factors {
    const factors_options *o;
    int mode;
    double mean; /* of the ratings to train with */
    tl_variable *table[TABLES];
    tl_optimizer *adam;
    tl_cosine_decay course;
    tl_graph *graph;
    tl_random rng;
    int64_t epoch;
    double seconds, rmse; /* of training; of the ratings that are held out */
    series *curve;        /* of the program's */
    int32_t *order;       /* of the ratings in this epoch */
    int32_t *person, *film;
    tl_real *rating;           /* of a batch, less the mean */
    tl_real *gradient[TABLES]; /* DENSE: zeros, but within a step */
} factors;

/* Makes a model with factors that are drawn. On failure the reason is in tl_error(), and factors_free must
 * still be called. The options are borrowed. */
bool factors_make(factors *m, const factors_options *o, const ratings *r, int mode, uint64_t seed);
void factors_free(factors *m);

/* Adds all that makes up a run of the model to a checkpoint. */
bool factors_keep(factors *m, tl_checkpoint *c);

/* Returns the rating less the mean that is expected of each pair, n of them. */
tl_node *factors_expected(tl_graph *g, const factors *m, const int32_t *person, const int32_t *film,
                          int64_t n);

/* Makes a pass over the ratings in random order; sets m->rmse. */
bool factors_train_epoch(factors *m, const ratings *r, ranks *by);
bool factors_test(factors *m, const ratings *r);

#endif
