/* Prunes a perceptron before training: SNIP, SynFlow, GraSP.
 *
 * For each seed all methods get the same initial weights, the same images in the same order, the same number
 * of epochs and the same learning rate; only the choice of the connections differs. Those that are left keep
 * their initial values, and the others do not exist: no weight, no gradient, no state of the optimizer. */
#include "demo.h"
#include "pass.h"
#include "scores.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SEEDS = 100, PER_CLASS = 25 };

/* Each purpose has draws of its own, so that the order of the images does not depend on the method. */
static const uint64_t choice_draws = (uint64_t)1 << 40, order_draws = (uint64_t)1 << 41;

typedef struct options {
    demo_options common;
    number_list density;
    integer_list hidden;
    int64_t epochs, batch, seeds;
    double learning_rate;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--density", "X,..", "fractions that are kept", FLAG_NUMBERS, .at = AT(density), 0, 1, .above = true,
      .fixed = true },
    { "--hidden", "N,N,..", "units of each hidden layer", FLAG_INTEGERS, .at = AT(hidden), 1, 4096,
      .fixed = true },
    { "--epochs", "N", "passes over the data", FLAG_INTEGER, .at = AT(epochs), 1, 10000, .fixed = true },
    { "--batch", "N", "images in a step", FLAG_INTEGER, .at = AT(batch), 1, 65536, .fixed = true },
    { "--learning-rate", "X", "of Adam", FLAG_NUMBER, .at = AT(learning_rate), .above = true, .open = true,
      .fixed = true },
    { "--seeds", "N", "number of seeds, from --seed on", FLAG_INTEGER, .at = AT(seeds), 1, MAX_SEEDS,
      .fixed = true },
};

static void more_help(void)
{
    printf("\nWays to choose, over all layers together:\n");
    for (int k = 0; k < N_PRUNERS; k++)
        printf("  %-12s %s\n", pruners[k].name, pruners[k].what);
}

/* What became of one network. */
typedef struct result {
    const char *method;
    double density;
    uint64_t seed;
    double accuracy;              /* on the test images, 0 to 1 */
    double loss;                  /* mean of the last epoch */
    int64_t kept[MAX_HIDDEN + 1]; /* connections of each layer */
    int64_t done;                 /* 1 if there are accuracy, loss and kept */
} result;

/* ---- One network ---- */

typedef struct run {
    const options *o;
    const digits *d;
    uint64_t seed;
    network net;
    tl_optimizer *adam;
    tl_graph *graph;
    tl_real *image; /* of the batch that the choice is made with */
    int32_t *label;
    int32_t *order; /* of the training images */
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
    const int64_t batch = PER_CLASS * d->classes;
    tl_random rng = { .seed = seed };
    *r = (run){ .o = o, .d = d, .seed = seed };
    return network_make(&r->net, "", &o->hidden, d, NULL, &rng) && (r->graph = tl_graph_new()) &&
           (r->adam = tl_adam((tl_adam_options){ .learning_rate = o->learning_rate })) &&
           (r->image = allocate(batch * d->height * d->width, sizeof *r->image)) &&
           (r->label = allocate(batch, sizeof *r->label)) &&
           (r->order = allocate(d->train.n, sizeof *r->order));
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
    return network_make_sparse(&r->net, r->net.n_hidden + 1) && prune(p, density, &s);
}

static bool train(run *r, double *mean_loss)
{
    tl_random rng = { .seed = r->seed, .position = order_draws };
    for (int64_t epoch = 1; epoch <= r->o->epochs; epoch++) {
        pass p;
        bool ok = pass_begin(&p, r->d, r->o->batch, &rng);
        while (ok && pass_next(&p)) {
            tl_node *scores = network_scores(p.graph, &r->net, p.image, p.n);
            ok = pass_step(&p, r->adam, tl_softmax_cross_entropy(scores, p.label));
        }
        *mean_loss = ok ? pass_loss(&p) : 0;
        pass_free(&p);
        if (ok && !isfinite(*mean_loss)) {
            tl_fail(TL_ERR_NUMERIC, "the loss became %g: try a smaller --learning-rate", *mean_loss);
            return false;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* Prunes and trains the network of one seed. p = NULL: nothing is removed. */
static bool run_one(const options *o, const digits *d, const pruner *p, result *out)
{
    run r;
    progress("%s, %g %%, seed %" PRIu64, out->method, 100 * out->density, out->seed);
    bool ok = run_make(&r, o, d, out->seed) && (!p || choose_connections(&r, p, out->density)) &&
              train(&r, &out->loss) && network_accuracy(&r.net, d, &out->accuracy);
    for (int l = 0; ok && l <= o->hidden.n; l++)
        out->kept[l] = tl_variable_size(r.net.weight[l]);
    out->done = ok;
    run_free(&r);
    progress_clear();
    return ok;
}

/* ---- The table ---- */

static void print_head(const options *o, const digits *d)
{
    network_print(&o->hidden, d);
    printf("after the removal, the same for all: Adam, learning rate %g, %" PRId64
           " epoch%s\naccuracy: mean (lowest .. highest) of %" PRId64 " seed%s\n\n",
           o->learning_rate, o->epochs, o->epochs == 1 ? "" : "s", o->seeds, o->seeds == 1 ? "" : "s");
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
    for (int l = 0; l <= o->hidden.n; l++) {
        double kept = 0;
        for (int64_t k = 0; k < o->seeds; k++)
            kept += (double)r[k].kept[l];
        printf(" %6.0f", kept / (double)o->seeds);
    }
    printf("\n");
    fflush(stdout);
}

/* ---- All of them ---- */

typedef struct sweep {
    demo *demo;
    const options *o;
    const digits *d;
    int n_results;
    result *result; /* the dense network, then every pruner at every density; of each, the seeds */
} sweep;

/* Lists what is to be computed, and adds it to the checkpoint. */
static bool keep_results(sweep *s)
{
    tl_checkpoint *c = s->demo->checkpoint;
    for (int k = 0; k < s->n_results; k++) {
        const int choice = k / (int)s->o->seeds - 1; /* -1: the dense network */
        result *r = &s->result[k];
        *r = (result){ .method = choice < 0 ? "dense" : pruners[choice % N_PRUNERS].name,
                       .density = choice < 0 ? 1 : s->o->density.item[choice / N_PRUNERS],
                       .seed = s->o->common.seed + (uint64_t)k % (uint64_t)s->o->seeds };
        char name[64];
        snprintf(name, sizeof name, "result/%d", k);
        if (tl_checkpoint_add_integer(c, name, &r->done) != TL_OK ||
            tl_checkpoint_add_number(c, name, &r->accuracy) != TL_OK)
            return false;
        snprintf(name, sizeof name, "loss/%d", k);
        if (tl_checkpoint_add_number(c, name, &r->loss) != TL_OK)
            return false;
        for (int l = 0; l <= s->o->hidden.n; l++) {
            snprintf(name, sizeof name, "kept/%d/%d", k, l);
            if (tl_checkpoint_add_integer(c, name, &r->kept[l]) != TL_OK)
                return false;
        }
    }
    return true;
}

static void add_result(results *to, const options *o, const result *r)
{
    result_text(to, "method", r->method);
    result_number(to, "density", r->density);
    result_seed(to, r->seed);
    result_number(to, "accuracy", r->accuracy);
    result_number(to, "loss", r->loss);
    for (int l = 0; l <= o->hidden.n; l++) {
        char name[16];
        snprintf(name, sizeof name, "kept%d", l + 1);
        result_integer(to, name, r->kept[l]);
    }
    result_end(to);
}

/* Trains the networks of one choice. p = NULL: nothing is removed. */
static bool run_seeds(sweep *s, const pruner *p, result *r)
{
    for (int64_t k = 0; k < s->o->seeds; k++) {
        if (!r[k].done && !(run_one(s->o, s->d, p, &r[k]) && demo_save(s->demo)))
            return false;
        add_result(&s->demo->results, s->o, &r[k]);
    }
    print_row(s->o, r);
    return true;
}

static bool run_all(sweep *s)
{
    series *curve[N_PRUNERS];
    if (!(s->result = allocate(s->n_results, sizeof *s->result)) || !keep_results(s))
        return false;
    for (int k = 0; k < N_PRUNERS; k++)
        if (!(curve[k] = series_new(&s->demo->series, s->demo->checkpoint, "accuracy, %", pruners[k].name)))
            return false;
    if (!demo_resume(s->demo))
        return false;
    for (int k = 0; k < N_PRUNERS; k++)
        curve[k]->n = 0; /* drawn from the results */
    print_head(s->o, s->d);
    result *r = s->result;
    if (!run_seeds(s, NULL, r))
        return false;
    for (int64_t j = 0; j < s->o->density.n; j++) {
        printf("\n");
        for (int k = 0; k < N_PRUNERS; k++) {
            if (!run_seeds(s, &pruners[k], r += s->o->seeds))
                return false;
            series_add(curve[k], 100 * s->o->density.item[j], 100 * mean_accuracy(s->o, r));
        }
    }
    return true;
}

/* Checks that at the lowest density each informed score is better than every other choice. */
static bool check_goal(const sweep *s)
{
    const options *o = s->o;
    int64_t lowest = 0;
    int worst = -1, best = -1;
    double accuracy[N_PRUNERS];
    for (int64_t j = 1; j < o->density.n; j++)
        lowest = o->density.item[j] < o->density.item[lowest] ? j : lowest;
    for (int k = 0; k < N_PRUNERS; k++) {
        accuracy[k] = 100 * mean_accuracy(o, s->result + (1 + lowest * N_PRUNERS + k) * o->seeds);
        if (pruners[k].informed && (worst < 0 || accuracy[k] < accuracy[worst]))
            worst = k;
        if (!pruners[k].informed && (best < 0 || accuracy[k] > accuracy[best]))
            best = k;
    }
    return demo_reached(
        s->demo, accuracy[worst] >= accuracy[best] + o->common.goal,
        "at %g %%, the worst of SNIP, SynFlow and GraSP is %s (%.2f %%), the best of the other "
        "choices %s (%.2f %%)",
        100 * o->density.item[lowest], pruners[worst].name, accuracy[worst], pruners[best].name,
        accuracy[best]);
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(0.01),
                  .density = { 2, { 0.05, 0.02 } },
                  .hidden = { 2, { 256, 128 } },
                  .epochs = 20,
                  .batch = 32,
                  .seeds = 3,
                  .learning_rate = 0.003 };
    demo d = {
        .name = "prune_at_init",
        .about =
            "Removes most connections of a perceptron before it is trained, trains what is left, and "
            "compares ways to choose. The exit status is 0 if at the lowest density SNIP, SynFlow and GraSP "
            "are each more accurate than all other ways, in the mean of the seeds.",
        .data = digits_help,
        .goal = "by how many points of accuracy",
        .x_name = "kept, %",
        .examples = "\n--data digits --density 0.01 --threads 0\n"
                    "--hidden 128,128,128 --seeds 5 --svg accuracy.svg\n",
        .more = more_help,
        DEMO_FLAGS(flags, o),
    };
    digits images = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    sweep s = { &d, &o, &images, (int)((1 + o.density.n * N_PRUNERS) * o.seeds), NULL };
    const bool ok = digits_get(&images, o.common.data) && run_all(&s) && check_goal(&s);
    digits_free(&images);
    const int status = demo_end(&d, ok);
    free(s.result);
    return status;
}
