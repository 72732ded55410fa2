/* Factorises ratings by exact-row Adam, and recommends films.
 *
 * The same model is trained with exact rows; with dense gradients, which give the same bits; and with lazy
 * rows, which give others. */
#include "demo.h"
#include "factors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const split_names[] = { "last", "random", NULL };

typedef struct options {
    demo_options common;
    factors_options model;
    int64_t split, rows, show;
    const char *user;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--rank", "N", "factors of a person and of a film", FLAG_INTEGER, .at = AT(model.rank), 1, 256,
      .fixed = true },
    { "--epochs", "N", "passes over the ratings", FLAG_INTEGER, .at = AT(model.epochs), 1, MOST_POINTS,
      .fixed = true },
    { "--batch", "N", "ratings in a step", FLAG_INTEGER, .at = AT(model.batch), 1, 65536, .fixed = true },
    { "--learning-rate", "X", "of Adam; falls to 0 along half a cosine", FLAG_NUMBER,
      .at = AT(model.learning_rate), .above = true, .open = true, .fixed = true },
    { "--decay", "X", "weight decay of factors, decoupled (AdamW)", FLAG_NUMBER, .at = AT(model.decay),
      .open = true, .fixed = true },
    { "--bias-decay", "X", "weight decay of biases", FLAG_NUMBER, .at = AT(model.bias_decay), .open = true,
      .fixed = true },
    { "--split", "NAME",
      "what is held out: last, a fifth of each person's ratings, or random, a tenth of all", FLAG_CHOICE,
      .at = AT(split), .fixed = true, .choices = split_names, .stride = sizeof *split_names },
    { "--rows", "NAME,..", "train by exact, dense or lazy steps", FLAG_CHOICES, .at = AT(rows),
      .choices = factors_modes, .stride = sizeof *factors_modes },
    { "--user", "NAME", "whom to recommend films to (default: the first)", FLAG_TEXT, .at = AT(user) },
    { "--show", "N", "how many films", FLAG_INTEGER, .at = AT(show), 1, 100 },
};

/* ---- Training ---- */

/* Trains the model on from where it is, with a checkpoint after each epoch. */
static bool train(demo *d, factors *m, const ratings *r)
{
    bool ok = ranks_broadcast(&d->ranks, m->table, TABLES, m->adam);
    while (ok && m->epoch < m->o->epochs) {
        ok = factors_train_epoch(m, r, &d->ranks) && factors_test(m, r);
        series_add(m->curve, (double)m->epoch, m->rmse);
        progress("%s: epoch %" PRId64 " of %" PRId64 ", test RMSE %.4f", factors_modes[m->mode], m->epoch,
                 m->o->epochs, m->rmse);
        ok = ok && demo_save(d);
    }
    progress_clear();
    return ok;
}

/* ---- Recommending ---- */

typedef struct candidate {
    tl_real expected;
    int32_t film;
} candidate;

static int best_first(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->expected != b->expected)
        return a->expected > b->expected ? -1 : 1;
    return a->film < b->film ? -1 : 1;
}

enum { LABEL = 32 };

/* Writes a name, or the number of what has none, fit for a terminal. */
static const char *label(char to[LABEL], const char *name, int32_t id)
{
    if (name)
        snprintf(to, LABEL, "%s", name);
    else
        snprintf(to, LABEL, "%d", (int)id + 1);
    for (char *letter = to; *letter; letter++)
        if ((unsigned char)*letter < 0x20 || *letter == 0x7f)
            *letter = '?';
    return to;
}

static bool find_person(const options *o, const ratings *r, int32_t *person)
{
    char text[LABEL];
    *person = 0;
    for (int32_t k = 0; o->user && k < r->n_people; k++)
        if (strcmp(o->user, label(text, person_name(r, k), k)) == 0) {
            *person = k;
            return true;
        }
    if (o->user)
        tl_fail(TL_ERR_ARGUMENT, "--user: '%s' has rated nothing", o->user);
    return !o->user;
}

/* Counts the ratings of each film, and marks those by the person as -1: they are not recommended. */
static void count_ratings(const ratings *r, int32_t person, int32_t *count)
{
    for (int64_t k = 0; k < r->n; k++)
        if (r->person[k] == person)
            count[r->film[k]] = -1;
        else if (count[r->film[k]] >= 0)
            count[r->film[k]]++;
}

static bool print_best(const options *o, const ratings *r, const factors *m, int32_t person, candidate *c,
                       const int32_t *count, int32_t *ids)
{
    tl_graph *g = tl_graph_new_inference();
    int32_t n = 0;
    for (int32_t k = 0; k < r->n_films; k++)
        if (count[k] >= 0) {
            ids[r->n_films + n] = person;
            ids[n++] = k;
        }
    const tl_real *y = tl_value(factors_expected(g, m, ids + r->n_films, ids, n));
    for (int32_t k = 0; y && k < n; k++)
        c[k] = (candidate){ y[k], ids[k] };
    const bool ok = y || n == 0 || graph_failed(g);
    tl_graph_free(g);
    if (!ok)
        return false;
    qsort(c, (size_t)n, sizeof *c, best_first);
    char text[LABEL];
    printf("\nfor person %s, of %d films without a rating:\n%10s  %8s  %7s\n",
           label(text, person_name(r, person), person), (int)n, "film", "expected", "ratings");
    for (int32_t k = 0; k < n && k < o->show; k++)
        printf("%10s  %8.2f  %7d\n", label(text, film_name(r, c[k].film), c[k].film),
               m->mean + (double)c[k].expected, (int)count[c[k].film]);
    return true;
}

static bool recommend(const options *o, const ratings *r, const factors *m, int32_t person)
{
    candidate *c = allocate(r->n_films, sizeof *c);
    int32_t *count = allocate(r->n_films, sizeof *count), *ids = allocate(2 * r->n_films, sizeof *ids);
    bool ok = c && count && ids;
    if (ok) {
        count_ratings(r, person, count);
        ok = print_best(o, r, m, person, c, count, ids);
    }
    free(c);
    free(count);
    free(ids);
    return ok;
}

/* ---- The program ---- */

static void report(demo *d, const factors *m, uint32_t bits, const char *note)
{
    const double each = 1e3 * m->seconds / (double)m->epoch;
    printf("%-6s  %8.1f ms  %10.4f  %08" PRIx32 "  %s\n", factors_modes[m->mode], each, m->rmse, bits, note);
    fflush(stdout);
    result_text(&d->results, "rows", factors_modes[m->mode]);
    result_number(&d->results, "rmse", m->rmse);
    result_integer(&d->results, "bits", bits);
    result_number(&d->results, "ms_per_epoch", each);
    result_end(&d->results);
}

/* Trains in each mode, and compares. */
static bool compare(demo *d, const options *o, const ratings *r, factors *models)
{
    const double biases = rmse_of_biases(r);
    const double goal = !isnan(o->common.goal) ? o->common.goal : r->noise > 0 ? 1.3 * r->noise : biases;
    uint32_t bits[MODES];
    int32_t person;
    int first = -1;
    for (int k = 0; k < MODES; k++)
        if (!factors_make(&models[k], &o->model, r, k, o->common.seed) ||
            !factors_keep(&models[k], d->checkpoint) ||
            !(models[k].curve = series_new(&d->series, d->checkpoint, "test RMSE", factors_modes[k])))
            return false;
    if (!find_person(o, r, &person) || !demo_resume(d))
        return false;
    printf("%" PRId64 " ratings of %" PRId32 " films by %" PRId32 " people, %" PRId64 " of them held out\n",
           r->n, r->n_films, r->n_people, r->n - r->n_train);
    printf("test RMSE of the mean and biases: %.4f", biases);
    if (r->noise > 0)
        printf("; of the true model: %.4f", r->noise);
    printf("\n\n%-6s  %11s  %10s  %8s\n", "rows", "an epoch", "test RMSE", "bits");
    for (int k = 0; k < MODES; k++) {
        if (!(o->rows >> k & 1))
            continue;
        if (!train(d, &models[k], r))
            return false;
        first = first < 0 ? k : first;
        bits[k] = hash_of(models[k].table, TABLES);
        report(d, &models[k], bits[k], k == first ? "" : bits[k] == bits[first] ? "the same" : "others");
    }
    const bool both = (o->rows & 3) == 3, same = !both || bits[EXACT] == bits[DENSE];
    return recommend(o, r, &models[first], person) &&
           demo_reached(d, models[first].rmse <= goal && same, "test RMSE %.4f, at most %.4f%s",
                        models[first].rmse, goal,
                        !both  ? ""
                        : same ? "; exact and dense have the same bits"
                               : "; exact and dense differ");
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(NAN),
                  .model = { .rank = 16,
                             .epochs = 10,
                             .batch = 64,
                             .learning_rate = 0.005,
                             .decay = 0.25,
                             .bias_decay = 0.04 },
                  .rows = (1 << MODES) - 1,
                  .show = 5 };
    demo d = {
        .name = "recommender",
        .about =
            "Learns factors of people and films from ratings, by Adam with exact rows, with dense gradients, "
            "and with lazy rows; then recommends films. The exit status is 0 if the test RMSE reaches the "
            "goal, and exact and dense steps give the same bits.",
        .data = "folder with ratings.csv as of MovieLens (default: drawn from a known model of rank 3)",
        .goal = "highest test RMSE (default: that of biases alone; of drawn ratings 1.3 times their noise)",
        .in_parts = true,
        .x_name = "epoch",
        .examples = "\n--data movielens --goal 0.891 --user 42\n"
                    "--data movielens --split random --svg rmse.svg\n"
                    "--parts 4 --mpi\n",
        DEMO_FLAGS(flags, o),
    };
    ratings r = { 0 };
    factors models[MODES] = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    const bool ok = ratings_get(&r, o.common.data, (ratings_split)o.split, o.common.seed) &&
                    compare(&d, &o, &r, models);
    const int status = demo_end(&d, ok);
    for (int k = 0; k < MODES; k++)
        factors_free(&models[k]);
    ratings_free(&r);
    return status;
}
