/* Ratings of films by people: read from a file, or drawn from a model of low rank; some are held out. */
#ifndef RATINGS_H
#define RATINGS_H

#include <tulle/tulle.h>

typedef struct ratings {
    int64_t n, n_train; /* the first n_train are to train with, the others are held out */
    int32_t n_people, n_films;
    int32_t *person, *film; /* [n], from 0 on */
    tl_real *rating;        /* [n] */
    double noise;           /* standard deviation, of those that are drawn; otherwise 0 */
    tl_csv file;            /* holds the names */
} ratings;

typedef enum ratings_split {
    SPLIT_LAST,  /* the last fifth of each person's ratings is held out */
    SPLIT_RANDOM /* a random tenth of all */
} ratings_split;

/* Reads ratings.csv, whose header has userId, movieId, rating and timestamp, from a folder; without one
 * (NULL) draws ratings. Then holds some out. On failure the reason is in tl_error(), and ratings_free must
 * still be called. */
bool ratings_get(ratings *r, const char *folder, ratings_split split, uint64_t seed);

/* Return the name of a person or a film in the file, or NULL. */
const char *person_name(const ratings *r, int32_t person);
const char *film_name(const ratings *r, int32_t film);

/* Returns the mean of the ratings to train with. */
double mean_rating(const ratings *r);

/* Returns the root of the mean squared error, of the ratings that are held out, of the mean plus a bias per
 * person and per film, which are fitted by least squares. Returns NaN without memory. */
double rmse_of_biases(const ratings *r);

void ratings_free(ratings *r);

#endif
