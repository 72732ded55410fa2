/* Prunes a network before it is trained, by several scores, and compares what the sparse networks learn.
 *
 * For each seed all methods get the same initial weights, the same images in the same order, the same number
 * of epochs and the same learning rate; only the choice of the connections differs. Those that are left keep
 * their initial values, and the others do not exist: no weight, no gradient, no state of the optimizer. */
#include "flags.h"
#include "output.h"
#include "scores.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DENSITIES = 8, MAX_SEEDS = 100, PER_CLASS = 25 };

/* Each purpose has draws of its own, so that the order of the images does not depend on the method. */
static const uint64_t choice_draws = (uint64_t)1 << 40, order_draws = (uint64_t)1 << 41;

typedef struct options {
    const char *data, *json, *csv; /* NULL: not given */
    int n_densities, n_hidden;
    double density[MAX_DENSITIES];
    int64_t hidden[MAX_HIDDEN];
    int64_t epochs, batch, seeds;
    int64_t threads; /* -1: the library's default */
    double learning_rate;
    uint64_t seed;
} options;

/* What became of one network. */
typedef struct result {
    const char *method;
    double density;
    uint64_t seed;
    double accuracy;              /* on the test images, 0 to 1 */
    double loss;                  /* mean of the last epoch */
    int64_t kept[MAX_HIDDEN + 1]; /* connections of each layer */
} result;

/* ---- The command line ---- */

static bool read_density(void *to, const char *value)
{
    options *o = to;
    char item[32];
    for (o->n_densities = 0; value; o->n_densities++) {
        double *density = &o->density[o->n_densities];
        if (o->n_densities == MAX_DENSITIES || !next_item(&value, item, sizeof item) ||
            !parse_real(item, density) || *density <= 0 || *density > 1)
            return false;
    }
    return true;
}

static bool read_hidden(void *to, const char *value)
{
    options *o = to;
    char item[32];
    for (o->n_hidden = 0; value; o->n_hidden++)
        if (o->n_hidden == MAX_HIDDEN || !next_item(&value, item, sizeof item) ||
            !parse_integer(item, 1, 4096, &o->hidden[o->n_hidden]))
            return false;
    return true;
}

static const flag flags[] = {
    { "--data", "DIR", "MNIST's four IDX files, or .gz (default: drawn)", "the name of a folder", FLAG_NAME,
      .at = offsetof(options, data) },
    { "--density", "X,..", "fractions that are kept (default 0.05,0.02)",
      "a list of 1 to 8 numbers above 0, at most 1", .read = read_density },
    { "--hidden", "N,N,..", "units of each hidden layer (default 256,128)",
      "a list of 1 to 8 layer sizes, each 1 to 4096", .read = read_hidden },
    { "--epochs", "N", "passes over the data (default 20)", "a whole number from 1 to 10000", FLAG_INTEGER,
      .at = offsetof(options, epochs), .least = 1, .most = 10000 },
    { "--batch", "N", "images in a step (default 32)", "a whole number from 1 to 65536", FLAG_INTEGER,
      .at = offsetof(options, batch), .least = 1, .most = 65536 },
    { "--learning-rate", "X", "of Adam (default 0.003)", "a number above 0", FLAG_POSITIVE,
      .at = offsetof(options, learning_rate) },
    { "--seed", "N", "the first seed (default 1)", "a whole number from 0 to 18446744073709551615", FLAG_SEED,
      .at = offsetof(options, seed) },
    { "--seeds", "N", "number of seeds (default 3)", "a whole number from 1 to 100", FLAG_INTEGER,
      .at = offsetof(options, seeds), .least = 1, .most = MAX_SEEDS },
    { "--threads", "N", "0: all processors (default $TULLE_NUM_THREADS, or 1)",
      "a whole number from 0 to 1024", FLAG_INTEGER, .at = offsetof(options, threads), .least = 0,
      .most = 1024 },
    { "--json", "FILE", "write settings and results as JSON", "the name of a file", FLAG_NAME,
      .at = offsetof(options, json) },
    { "--csv", "FILE", "write the results as comma-separated values", "the name of a file", FLAG_NAME,
      .at = offsetof(options, csv) },
};
enum { N_FLAGS = sizeof flags / sizeof *flags };

static void print_help(void)
{
    printf("Usage: prune_at_init [--flag value | --flag=value]...\n\n"
           "Removes most connections of a perceptron before it is trained, trains what is\n"
           "left, and compares ways to choose. The exit status is 0 if at the lowest density\n"
           "SNIP, SynFlow and GraSP are each more accurate than all other ways (in the mean\n"
           "of the seeds), otherwise 1.\n\nFlags:\n");
    flags_print(flags, N_FLAGS);
    printf("\nWays to choose, over all layers together:\n");
    for (int k = 0; k < N_PRUNERS; k++)
        printf("  %-12s %s\n", pruners[k].name, pruners[k].what);
    printf("\nExamples:\n"
           "  prune_at_init\n"
           "  prune_at_init --data mnist --density 0.01 --threads 0\n"
           "  prune_at_init --hidden 128,128,128,128 --seeds 5 --csv results.csv\n");
}

/* ---- One network ---- */

typedef struct run {
    const options *o;
    const digits *d;
    uint64_t seed;
    network net;
    tl_optimizer *adam;
    tl_graph *graph;
    tl_real *image; /* of a batch */
    int32_t *label;
    int32_t *order; /* of the training images in this epoch */
} run;

static void run_free(run *r)
{
    tl_graph_free(r->graph);
    tl_optimizer_free(r->adam);
    network_free(&r->net);
    free(r->image);
    free(r->label);
    free(r->order);
}

static bool run_make(run *r, const options *o, const digits *d, uint64_t seed)
{
    size_t pixels = (size_t)(d->height * d->width);
    size_t batch = (size_t)(o->batch > PER_CLASS * d->classes ? o->batch : PER_CLASS * d->classes);
    int64_t size[MAX_HIDDEN + 2] = { (int64_t)pixels };
    memcpy(size + 1, o->hidden, (size_t)o->n_hidden * sizeof *size);
    size[o->n_hidden + 1] = d->classes;
    tl_random rng = { .seed = seed };
    *r = (run){ .o = o, .d = d, .seed = seed };
    if (!network_make(&r->net, o->n_hidden, size, &rng) || !(r->graph = tl_graph_new()) ||
        !(r->adam = tl_adam((tl_adam_options){ .learning_rate = o->learning_rate })))
        return false;
    r->image = malloc(batch * pixels * sizeof *r->image);
    r->label = malloc(batch * sizeof *r->label);
    r->order = malloc((size_t)d->train.n * sizeof *r->order);
    if (!r->image || !r->label || !r->order)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    return r->image && r->label && r->order;
}

/* Moves PER_CLASS images of each class, or all that there are, to the front of a random order. Returns their
 * number. */
static int64_t choose_batch(const run *r, tl_random *rng)
{
    int64_t seen[MAX_CLASSES] = { 0 }, n = 0;
    tl_random_permutation(rng, (int32_t)r->d->train.n, r->order);
    for (int64_t k = 0; k < r->d->train.n; k++)
        if (seen[r->d->train.label[r->order[k]]]++ < PER_CLASS)
            r->order[n++] = r->order[k];
    return n;
}

static bool choose_connections(run *r, const pruner *p, double density)
{
    tl_random rng = { .seed = r->seed, .position = choice_draws };
    int64_t n = choose_batch(r, &rng);
    digits_gather(r->d, r->order, n, r->image, r->label);
    scoring s = { &r->net, r->graph, &rng, n, r->image, r->label, NULL };
    return network_make_sparse(&r->net) && prune(p, density, &s);
}

static bool train(run *r, double *mean_loss)
{
    const int64_t all = r->d->train.n;
    tl_random rng = { .seed = r->seed, .position = order_draws };
    for (int64_t epoch = 1; epoch <= r->o->epochs; epoch++) {
        double sum = 0;
        tl_random_permutation(&rng, (int32_t)all, r->order);
        for (int64_t first = 0; first < all; first += r->o->batch, tl_graph_reset(r->graph)) {
            int64_t n = all - first < r->o->batch ? all - first : r->o->batch;
            digits_gather(r->d, r->order + first, n, r->image, r->label);
            tl_node *loss = tl_softmax_cross_entropy(network_scores(r->graph, &r->net, r->image, n),
                                                     r->label);
            if (tl_minimize(r->adam, loss) != TL_OK)
                return graph_failed(r->graph);
            sum += (double)n * (double)tl_value(loss)[0];
        }
        *mean_loss = sum / (double)all;
        if (!isfinite(*mean_loss)) {
            tl_fail(TL_ERR_NUMERIC, "the loss became %g: try a smaller --learning-rate", *mean_loss);
            return false;
        }
    }
    return true;
}

/* Prunes and trains the network of one seed. p = NULL: nothing is removed. */
static bool run_one(const options *o, const digits *d, const pruner *p, result *out)
{
    run r;
    progress("%s, %g %%, seed %" PRIu64, out->method, 100 * out->density, out->seed);
    bool ok = run_make(&r, o, d, out->seed) && (!p || choose_connections(&r, p, out->density)) &&
              train(&r, &out->loss) && network_accuracy(r.graph, &r.net, d, &out->accuracy);
    for (int l = 0; ok && l <= o->n_hidden; l++)
        out->kept[l] = tl_variable_size(r.net.weight[l]);
    run_free(&r);
    progress_clear();
    return ok;
}

/* ---- The table ---- */

static void print_head(const options *o, const digits *d)
{
    printf("%" PRId64 " images to train, %" PRId64 " to test; layers %" PRId64, d->train.n, d->test.n,
           d->height * d->width);
    for (int l = 0; l < o->n_hidden; l++)
        printf("-%" PRId64, o->hidden[l]);
    printf("-%" PRId32 "\nafter the removal, the same for all: Adam, learning rate %g, %" PRId64
           " epoch%s\naccuracy: mean (lowest .. highest) of %" PRId64 " seed%s\n\n",
           d->classes, o->learning_rate, o->epochs, o->epochs == 1 ? "" : "s", o->seeds,
           o->seeds == 1 ? "" : "s");
    printf("%6s  %-12s %-26s%s\n", "kept", "choice", "accuracy", "connections of each layer");
    fflush(stdout);
}

static double mean_accuracy(const options *o, const result *r)
{
    double sum = 0;
    for (int64_t k = 0; k < o->seeds; k++)
        sum += r[k].accuracy;
    return sum / (double)o->seeds;
}

/* Prints the results of one method at one density, r[seeds]. */
static void print_row(const options *o, const result *r)
{
    double lowest = 1, highest = 0;
    for (int64_t k = 0; k < o->seeds; k++) {
        lowest = fmin(lowest, r[k].accuracy);
        highest = fmax(highest, r[k].accuracy);
    }
    printf("%4g %%  %-12s%6.2f %% (%5.2f .. %5.2f)  ", 100 * r->density, r->method, 100 * mean_accuracy(o, r),
           100 * lowest, 100 * highest);
    for (int l = 0; l <= o->n_hidden; l++) {
        double kept = 0;
        for (int64_t k = 0; k < o->seeds; k++)
            kept += (double)r[k].kept[l];
        printf(" %6.0f", kept / (double)o->seeds);
    }
    printf("\n");
    fflush(stdout);
}

/* ---- All of them ---- */

static bool run_seeds(const options *o, const digits *d, const pruner *p, double density, result *out)
{
    for (int64_t k = 0; k < o->seeds; k++) {
        out[k] = (result){ p ? p->name : "dense", density, .seed = o->seed + (uint64_t)k };
        if (!run_one(o, d, p, &out[k]))
            return false;
    }
    print_row(o, out);
    return true;
}

/* Runs all: the dense network, then every pruner at every density. */
static bool run_all(const options *o, const digits *d, result *out)
{
    print_head(o, d);
    if (!run_seeds(o, d, NULL, 1, out))
        return false;
    for (int j = 0; j < o->n_densities; j++) {
        printf("\n");
        for (int k = 0; k < N_PRUNERS; k++)
            if (!run_seeds(o, d, &pruners[k], o->density[j], out += o->seeds))
                return false;
    }
    return true;
}

/* Checks that at the lowest density each informed score is better than every other choice. */
static bool check_metric(const options *o, const result *out)
{
    int lowest = 0, worst = -1, best = -1;
    double accuracy[N_PRUNERS];
    for (int j = 1; j < o->n_densities; j++)
        lowest = o->density[j] < o->density[lowest] ? j : lowest;
    for (int k = 0; k < N_PRUNERS; k++) {
        accuracy[k] = 100 * mean_accuracy(o, out + (1 + lowest * N_PRUNERS + k) * o->seeds);
        if (pruners[k].informed && (worst < 0 || accuracy[k] < accuracy[worst]))
            worst = k;
        if (!pruners[k].informed && (best < 0 || accuracy[k] > accuracy[best]))
            best = k;
    }
    bool holds = accuracy[worst] > accuracy[best];
    if (holds)
        printf("\nAt %g %% SNIP, SynFlow and GraSP beat the other choices by %.2f points or more.\n",
               100 * o->density[lowest], accuracy[worst] - accuracy[best]);
    else
        tl_fail(TL_ERR_NUMERIC, "at %g %%, %s (%.2f %%) is not better than %s (%.2f %%)",
                100 * o->density[lowest], pruners[worst].name, accuracy[worst], pruners[best].name,
                accuracy[best]);
    return holds;
}

static void write_csv(FILE *out, const options *o, const result *r, int64_t n)
{
    fprintf(out, "method,density,seed,accuracy,loss");
    for (int l = 0; l <= o->n_hidden; l++)
        fprintf(out, ",kept%d", l + 1);
    for (int64_t k = 0; k < n; k++) {
        fprintf(out, "\n%s,%.9g,%" PRIu64 ",%.6f,%.9g", r[k].method, r[k].density, r[k].seed, r[k].accuracy,
                r[k].loss);
        for (int l = 0; l <= o->n_hidden; l++)
            fprintf(out, ",%" PRId64, r[k].kept[l]);
    }
    fprintf(out, "\n");
}

static void write_json(FILE *out, const options *o, const digits *d, const result *r, int64_t n)
{
    fprintf(out,
            "{\n  \"train_images\": %" PRId64 ",\n  \"test_images\": %" PRId64 ",\n  \"epochs\": %" PRId64
            ",\n  \"batch\": %" PRId64 ",\n  \"learning_rate\": %.9g,\n  \"results\": [",
            d->train.n, d->test.n, o->epochs, o->batch, o->learning_rate);
    for (int64_t k = 0; k < n; k++) {
        fprintf(out,
                "%s\n    {\"method\": \"%s\", \"density\": %.9g, \"seed\": %" PRIu64
                ", \"accuracy\": %.6f, \"loss\": %.9g, \"kept\": [",
                k > 0 ? "," : "", r[k].method, r[k].density, r[k].seed, r[k].accuracy, r[k].loss);
        for (int l = 0; l <= o->n_hidden; l++)
            fprintf(out, "%s%" PRId64, l > 0 ? ", " : "", r[k].kept[l]);
        fprintf(out, "]}");
    }
    fprintf(out, "\n  ]\n}\n");
}

static bool compare(const options *o, const digits *d)
{
    int64_t n = (1 + o->n_densities * N_PRUNERS) * o->seeds;
    output json = { 0 }, csv = { 0 }, table = { "standard output", stdout };
    result *results = calloc((size_t)n, sizeof *results);
    if (!results)
        return tl_fail(TL_ERR_MEMORY, "out of memory") == TL_OK;
    bool ok = output_open(&json, o->json) && output_open(&csv, o->csv) && run_all(o, d, results);
    if (ok && json.file)
        write_json(json.file, o, d, results, n);
    if (ok && csv.file)
        write_csv(csv.file, o, results, n);
    ok = ok && output_close(&json) && output_close(&csv) && check_metric(o, results) && output_close(&table);
    free(results); /* after a failure, whose message must stay, the exit closes the files */
    return ok;
}

int main(int argc, char **argv)
{
    options o = { .n_densities = 2,
                  .density = { 0.05, 0.02 },
                  .n_hidden = 2,
                  .hidden = { 256, 128 },
                  .epochs = 20,
                  .batch = 32,
                  .learning_rate = 0.003,
                  .seed = 1,
                  .seeds = 3,
                  .threads = -1 };
    digits d = { 0 };
    int status = 1;
    if (!flags_read(&(command_line){ "prune_at_init", flags, N_FLAGS, print_help }, argc, argv, &o, &status))
        return status;
    if ((o.threads < 0 || tl_set_num_threads((int)o.threads) == TL_OK) &&
        (o.data ? digits_read(&d, o.data) : digits_draw(&d)) && compare(&o, &d))
        status = 0;
    else
        fprintf(stderr, "prune_at_init: %s\n", tl_error());
    digits_free(&d);
    return status;
}
