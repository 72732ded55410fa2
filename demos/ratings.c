/* Reading, drawing and splitting ratings. */
#include "ratings.h"
#include "demo.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- From a file ---- */

/* A timestamp of 32 bits is more than a float holds: times are read as texts. */
static bool read_times(const tl_csv *file, const char *path, int64_t *time)
{
    const tl_csv_column *c = tl_csv_find(file, "timestamp");
    for (int64_t k = 0; k < file->rows; k++) {
        const char *text = c->text[c->id[k]];
        char *end;
        errno = 0;
        time[k] = strtoll(text, &end, 10);
        if (end == text || *end || errno) {
            tl_fail(TL_ERR_FORMAT, "%s: row %" PRId64 ": the timestamp '%s' is not a whole number", path,
                    k + 1, text);
            return false;
        }
    }
    return true;
}

static bool ratings_make(ratings *r, int64_t n)
{
    r->n = n;
    return (r->person = allocate(n, sizeof *r->person)) && (r->film = allocate(n, sizeof *r->film)) &&
           (r->rating = allocate(n, sizeof *r->rating));
}

static bool copy_columns(ratings *r, const char *path)
{
    const tl_csv_column *person = tl_csv_find(&r->file, "userId"), *film = tl_csv_find(&r->file, "movieId"),
                        *rating = tl_csv_find(&r->file, "rating");
    const int64_t n = r->file.rows;
    if (!ratings_make(r, n))
        return false;
    r->n_people = person->n_ids;
    r->n_films = film->n_ids;
    for (int64_t k = 0; k < n; k++) {
        r->person[k] = person->id[k];
        r->film[k] = film->id[k];
        r->rating[k] = rating->number[k];
        if (!isfinite(r->rating[k])) {
            tl_fail(TL_ERR_FORMAT, "%s: row %" PRId64 ": the rating is %g", path, k + 1,
                    (double)r->rating[k]);
            return false;
        }
    }
    return true;
}

static bool read_ratings(ratings *r, const char *folder, int64_t **time)
{
    static const tl_csv_choice choices[] = { { "userId", TL_CSV_ID },
                                             { "movieId", TL_CSV_ID },
                                             { "rating", TL_CSV_NUMBER },
                                             { "timestamp", TL_CSV_ID } };
    char path[MAX_PATH];
    if (!path_in(path, folder, "ratings.csv") ||
        tl_csv_read(path, &(tl_csv_options){ .n_choices = 4, .choices = choices, .only_chosen = true },
                    &r->file) != TL_OK)
        return false;
    if (r->file.rows < 2)
        return tl_fail(TL_ERR_FORMAT, "%s: found %" PRId64 " ratings, which are too few", path,
                       r->file.rows) == TL_OK;
    return copy_columns(r, path) && (*time = allocate(r->n, sizeof **time)) &&
           read_times(&r->file, path, *time);
}

/* ---- From a model ---- */

enum { PEOPLE = 1000, FILMS = 3000, RANK = 3, DRAWN = 150000 };

/* A rating is 3.5, a bias of the person, a bias of the film, a product of RANK factors, and noise; a film is
 * the more popular, the lower its number. */
static bool draw_ratings(ratings *r, int64_t **time)
{
    tl_random rng = { .seed = 1 };
    static double person[PEOPLE * (RANK + 1)], film[FILMS * (RANK + 1)];
    bool *seen = allocate(PEOPLE * FILMS, sizeof *seen);
    bool ok = seen && ratings_make(r, DRAWN) && (*time = allocate(DRAWN, sizeof **time));
    r->n_people = PEOPLE;
    r->n_films = FILMS;
    r->noise = 0.5;
    for (int k = 0; k < PEOPLE * (RANK + 1); k++)
        person[k] = 0.6 * tl_random_normal(&rng);
    for (int k = 0; k < FILMS * (RANK + 1); k++)
        film[k] = 0.6 * tl_random_normal(&rng);
    for (int64_t k = 0; ok && k < DRAWN;) {
        const int64_t p = tl_random_integer(&rng, PEOPLE);
        const int64_t f = (int64_t)(FILMS * pow(tl_random_uniform(&rng), 1.5));
        const double *of_person = person + p * (RANK + 1), *of_film = film + f * (RANK + 1);
        double sum = 3.5 + of_person[RANK] + of_film[RANK];
        if (seen[p * FILMS + f])
            continue;
        seen[p * FILMS + f] = true;
        for (int j = 0; j < RANK; j++)
            sum += of_person[j] * of_film[j];
        r->person[k] = (int32_t)p;
        r->film[k] = (int32_t)f;
        r->rating[k] = (tl_real)(sum + r->noise * tl_random_normal(&rng));
        (*time)[k] = k;
        k++;
    }
    free(seen);
    return ok;
}

/* ---- Holding out ---- */

typedef struct place {
    int64_t time, at;
    int32_t person;
} place;

static int by_person_and_time(const void *left, const void *right)
{
    const place *a = left, *b = right;
    if (a->person != b->person)
        return a->person < b->person ? -1 : 1;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

/* Marks the last fifth of each person's ratings; of equal times, those that are later in the file. */
static bool mark_last(const ratings *r, const int64_t *time, bool *held_out)
{
    place *sorted = allocate(r->n, sizeof *sorted);
    if (!sorted)
        return false;
    for (int64_t k = 0; k < r->n; k++)
        sorted[k] = (place){ time[k], k, r->person[k] };
    qsort(sorted, (size_t)r->n, sizeof *sorted, by_person_and_time);
    for (int64_t first = 0, end; first < r->n; first = end) {
        for (end = first; end < r->n && sorted[end].person == sorted[first].person;)
            end++;
        for (int64_t k = end - (end - first) / 5; k < end; k++)
            held_out[sorted[k].at] = true;
    }
    free(sorted);
    return true;
}

static bool mark_random(const ratings *r, uint64_t seed, bool *held_out)
{
    tl_random rng = { .seed = seed, .position = (uint64_t)1 << 40 };
    int32_t *order = allocate(r->n, sizeof *order);
    if (!order)
        return false;
    tl_random_permutation(&rng, (int32_t)r->n, order);
    for (int64_t k = 0; k < r->n / 10; k++)
        held_out[order[k]] = true;
    free(order);
    return true;
}

/* Moves the ratings that are held out to the end; otherwise all stay in order. */
static bool move_held_out(ratings *r, const bool *held_out)
{
    ratings to = { .n = 0 };
    if (!ratings_make(&to, r->n))
        return false;
    int64_t at = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t k = 0; k < r->n; k++) {
            if (held_out[k] != (pass == 1))
                continue;
            to.person[at] = r->person[k];
            to.film[at] = r->film[k];
            to.rating[at++] = r->rating[k];
        }
        r->n_train = pass == 0 ? at : r->n_train;
    }
    free(r->person);
    free(r->film);
    free(r->rating);
    r->person = to.person;
    r->film = to.film;
    r->rating = to.rating;
    if (r->n_train == 0 || r->n_train == r->n)
        tl_fail(TL_ERR_FORMAT,
                "of %" PRId64 " ratings %" PRId64 " are held out, which leaves nothing to compare", r->n,
                r->n - r->n_train);
    return r->n_train > 0 && r->n_train < r->n;
}

bool ratings_get(ratings *r, const char *folder, ratings_split split, uint64_t seed)
{
    int64_t *time = NULL;
    bool *held_out = NULL;
    *r = (ratings){ .n = 0 };
    const bool ok = (folder ? read_ratings(r, folder, &time) : draw_ratings(r, &time)) &&
                    (held_out = allocate(r->n, sizeof *held_out)) &&
                    (split == SPLIT_LAST ? mark_last(r, time, held_out) : mark_random(r, seed, held_out)) &&
                    move_held_out(r, held_out);
    free(time);
    free(held_out);
    return ok;
}

void ratings_free(ratings *r)
{
    free(r->person);
    free(r->film);
    free(r->rating);
    tl_csv_free(&r->file);
}

static const char *name_in(const ratings *r, const char *column, int32_t id)
{
    const tl_csv_column *c = tl_csv_find(&r->file, column);
    return c ? c->text[id] : NULL;
}

const char *person_name(const ratings *r, int32_t person)
{
    return name_in(r, "userId", person);
}

const char *film_name(const ratings *r, int32_t film)
{
    return name_in(r, "movieId", film);
}

/* ---- Biases ---- */

double mean_rating(const ratings *r)
{
    double sum = 0;
    for (int64_t k = 0; k < r->n_train; k++)
        sum += (double)r->rating[k];
    return sum / (double)r->n_train;
}

/* Fits the biases of one side, shrunk as if each had `extra` more ratings that are as expected: id[k] is
 * whose bias rating k is for, other_id[k] whose `other` bias is in it. */
static void fit_biases(const ratings *r, const int32_t *id, int32_t n, const int32_t *other_id,
                       const double *other, double mean, double extra, double *bias, double *count)
{
    for (int32_t i = 0; i < n; i++)
        bias[i] = count[i] = 0;
    for (int64_t k = 0; k < r->n_train; k++) {
        bias[id[k]] += (double)r->rating[k] - mean - other[other_id[k]];
        count[id[k]]++;
    }
    for (int32_t i = 0; i < n; i++)
        bias[i] /= count[i] + extra;
}

double rmse_of_biases(const ratings *r)
{
    const double mean = mean_rating(r), extra = 5;
    const int32_t most = r->n_people > r->n_films ? r->n_people : r->n_films;
    double *person = allocate(r->n_people, sizeof *person), *film = allocate(r->n_films, sizeof *film),
           *count = allocate(most, sizeof *count), sum = NAN;
    if (person && film && count) {
        for (int round = 0; round < 20; round++) {
            fit_biases(r, r->film, r->n_films, r->person, person, mean, extra, film, count);
            fit_biases(r, r->person, r->n_people, r->film, film, mean, extra, person, count);
        }
        sum = 0;
        for (int64_t k = r->n_train; k < r->n; k++)
            sum += pow((double)r->rating[k] - mean - person[r->person[k]] - film[r->film[k]], 2);
    }
    free(person);
    free(film);
    free(count);
    return sqrt(sum / (double)(r->n - r->n_train));
}
