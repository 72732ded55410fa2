/* Trains sparse networks from scratch: static, SET, RigL.
 *
 * A network has as many connections in the last step as in the first. They stay where they were drawn, or now
 * and then the smallest move: to random cells, or to those with the largest gradient. For each seed and
 * density all methods get the same connections and weights at first, the same images in the same order, and
 * the same number of steps. */
#include "demo.h"
#include "moving.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SEEDS = 100 };

static const char *const rule_names[] = { "uniform", "er", "erk", NULL }; /* of tl_density_rule */

typedef struct options {
    demo_options common;
    moving_options net;
    number_list density;
    int64_t methods, seeds;
    const char *cost;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--density", "X,..", "fractions of the connections that exist", FLAG_NUMBERS, .at = AT(density), 0, 1,
      .above = true, .fixed = true },
    { "--distribution", "NAME", "of densities over the layers: uniform, Erdos-Renyi, or with kernels",
      FLAG_CHOICE, .at = AT(net.rule), .choices = rule_names, .stride = sizeof *rule_names, .fixed = true },
    { "--method", "NAME,..", "see below; static and rigl are needed", FLAG_CHOICES, .at = AT(methods),
      .choices = methods, .stride = sizeof *methods, .fixed = true },
    { "--fraction", "X", "of the connections moves at first, later less", FLAG_NUMBER, .at = AT(net.fraction),
      0, 1, .fixed = true },
    { "--every", "N", "steps from one move to the next", FLAG_INTEGER, .at = AT(net.every), 1, INT32_MAX,
      .fixed = true },
    { "--until", "X", "part of all steps in which connections move", FLAG_NUMBER, .at = AT(net.until), 0, 1,
      .above = true, .fixed = true },
    { "--hidden", "N,N,..", "units of each hidden layer", FLAG_INTEGERS, .at = AT(net.hidden), 1, 4096,
      .fixed = true },
    { "--epochs", "N", "passes over the data", FLAG_INTEGER, .at = AT(net.epochs), 1, 10000, .fixed = true },
    { "--batch", "N", "images in a step", FLAG_INTEGER, .at = AT(net.batch), 1, 65536, .fixed = true },
    { "--learning-rate", "X", "of Adam", FLAG_NUMBER, .at = AT(net.learning_rate), .above = true,
      .open = true, .fixed = true },
    { "--seeds", "N", "number of seeds, from --seed on", FLAG_INTEGER, .at = AT(seeds), 1, MAX_SEEDS,
      .fixed = true },
    { "--cost", "FILE", "draw time and memory of a step", FLAG_OUTPUT, .at = AT(cost) },
};

static void more_help(void)
{
    printf("\nMethods:\n");
    for (const method *m = methods; m->name; m++)
        printf("  %-12s %s\n", m->name, m->what);
}

/* ---- The table ---- */

static void print_head(const options *o, const digits *d)
{
    char every[64] = "every step";
    if (o->net.every > 1)
        snprintf(every, sizeof every, "every %" PRId64 " steps", o->net.every);
    network_print(&o->net.hidden, d);
    printf("densities of layers: %s; Adam, learning rate %g, %" PRId64 " epoch%s\n"
           "at first %g %% of the connections move %s, later fewer\n"
           "accuracy: mean (lowest .. highest) of %" PRId64 " seed%s\n\n",
           rule_names[o->net.rule], o->net.learning_rate, o->net.epochs, o->net.epochs == 1 ? "" : "s",
           100 * o->net.fraction, every, o->seeds, o->seeds == 1 ? "" : "s");
    printf("%8s  %-8s %-26s %12s %9s %9s\n", "density", "method", "accuracy", "connections", "ms/step",
           "memory");
    fflush(stdout);
}

/* The means over the seeds of a method at a density. */
typedef struct means {
    double accuracy, lowest, highest, ms, kib;
} means;

static means means_of(const options *o, const result *r)
{
    means m = { .lowest = 1 };
    for (int64_t k = 0; k < o->seeds; k++) {
        m.accuracy += r[k].accuracy / (double)o->seeds;
        m.ms += r[k].ms / (double)o->seeds;
        m.kib += (double)r[k].bytes / 1024 / (double)o->seeds;
        m.lowest = fmin(m.lowest, r[k].accuracy);
        m.highest = fmax(m.highest, r[k].accuracy);
    }
    return m;
}

static void print_row(const options *o, const result *r)
{
    const means m = means_of(o, r);
    printf("%6g %%  %-8s %5.2f %% (%5.2f .. %5.2f)  %13" PRId64 " %9.3f %5.0f KiB\n", 100 * r->density,
           r->method, 100 * m.accuracy, 100 * m.lowest, 100 * m.highest, r->connections, m.ms, m.kib);
    fflush(stdout);
}

static void add_result(results *to, const result *r)
{
    result_text(to, "method", r->method);
    result_number(to, "density", r->density);
    result_seed(to, r->seed);
    result_number(to, "accuracy", r->accuracy);
    result_number(to, "loss", r->loss);
    result_integer(to, "connections", r->connections);
    result_integer(to, "moved", r->moved);
    result_integer(to, "bytes", r->bytes);
    result_number(to, "ms_per_step", r->ms);
    result_end(to);
}

/* ---- All of them ---- */

enum { ACCURACY, MS, KIB, PANELS };

typedef struct sweep {
    demo *demo;
    const options *o;
    const digits *d;
    int n_results;
    result *result; /* the dense network, then every method at every density; of each, the seeds */
    series_list cost;
    series *curve[N_METHODS + 1][PANELS]; /* the last: of the dense network */
} sweep;

static result *results_of(const sweep *s, int64_t density, int which)
{
    return s->result + (1 + density * N_METHODS + which) * s->o->seeds;
}

/* Lists what is to be computed, and adds it to the checkpoint. */
static bool keep_results(sweep *s)
{
    for (int k = 0; k < s->n_results; k++) {
        const int choice = k / (int)s->o->seeds - 1; /* -1: the dense network */
        result *r = &s->result[k];
        *r = (result){ .method = choice < 0 ? "dense" : methods[choice % N_METHODS].name,
                       .density = choice < 0 ? 1 : s->o->density.item[choice / N_METHODS],
                       .seed = s->o->common.seed + (uint64_t)k % (uint64_t)s->o->seeds };
        int64_t *const integers[] = { &r->done, &r->connections, &r->moved, &r->bytes };
        double *const numbers[] = { &r->accuracy, &r->loss, &r->ms };
        char name[32];
        snprintf(name, sizeof name, "result/%d", k);
        if (!keep_values(s->demo->checkpoint, name, 4, integers, 3, numbers))
            return false;
    }
    return true;
}

static bool make_curves(sweep *s)
{
    static const char *const panel[PANELS] = { "accuracy, %", "ms a step", "memory, KiB" };
    tl_checkpoint *c = s->demo->checkpoint;
    for (int m = 0; m <= N_METHODS; m++)
        for (int p = 0; p < PANELS; p++) {
            if (m < N_METHODS && !(s->o->methods >> m & 1))
                continue;
            series_list *list = p == ACCURACY ? &s->demo->series : &s->cost;
            if (!(s->curve[m][p] = series_new(list, c, panel[p], m < N_METHODS ? methods[m].name : "dense")))
                return false;
        }
    return true;
}

static void add_to_curves(sweep *s, int curve, double density, const result *r)
{
    const means m = means_of(s->o, r);
    series_add(s->curve[curve][ACCURACY], 100 * density, 100 * m.accuracy);
    series_add(s->curve[curve][MS], 100 * density, m.ms);
    series_add(s->curve[curve][KIB], 100 * density, m.kib);
}

/* Trains the networks of one method at one density. m = NULL: dense. */
static bool run_seeds(sweep *s, const method *m, result *r)
{
    for (int64_t k = 0; k < s->o->seeds; k++) {
        progress("%s, %g %%, seed %" PRIu64, r[k].method, 100 * r[k].density, r[k].seed);
        if (!r[k].done && !(train_network(&s->o->net, s->d, m, &r[k]) && demo_save(s->demo)))
            return false;
        progress_clear();
        add_result(&s->demo->results, &r[k]);
    }
    print_row(s->o, r);
    return true;
}

static bool run_all(sweep *s)
{
    const options *o = s->o;
    if (!(s->result = allocate(s->n_results, sizeof *s->result)) || !keep_results(s) || !make_curves(s) ||
        !demo_resume(s->demo))
        return false;
    for (int k = 0; k < s->demo->series.n; k++)
        s->demo->series.item[k].n = 0; /* drawn from the results */
    for (int k = 0; k < s->cost.n; k++)
        s->cost.item[k].n = 0;
    print_head(o, s->d);
    if (!run_seeds(s, NULL, s->result))
        return false;
    for (int64_t j = 0; j < o->density.n; j++) {
        printf("\n");
        add_to_curves(s, N_METHODS, o->density.item[j], s->result);
        for (int m = 0; m < N_METHODS; m++) {
            if (!(o->methods >> m & 1))
                continue;
            if (!run_seeds(s, &methods[m], results_of(s, j, m)))
                return false;
            add_to_curves(s, m, o->density.item[j], results_of(s, j, m));
        }
    }
    return !o->cost || series_draw(&s->cost, s->demo->x_name, o->cost);
}

/* Checks that RigL is as accurate as static networks at every density. */
static bool check_goal(const sweep *s)
{
    const options *o = s->o;
    double least = INFINITY, gain;
    int64_t at = 0;
    for (int64_t j = 0; j < o->density.n; j++) {
        gain = 100 * (means_of(o, results_of(s, j, RIGL)).accuracy -
                      means_of(o, results_of(s, j, STATIC)).accuracy);
        if (gain < least) {
            least = gain;
            at = j;
        }
    }
    const double rounding = 1e-9; /* of means that are equal */
    return demo_reached(s->demo, least >= o->common.goal - rounding,
                        "RigL is %.2f points %s accurate than static networks at %g %%%s", fabs(least),
                        least < -rounding ? "less" : "more", 100 * o->density.item[at],
                        o->density.n > 1 ? ", where it gains least" : "");
}

static bool check_methods(const options *o)
{
    if ((o->methods >> STATIC & 1) && (o->methods >> RIGL & 1))
        return true;
    tl_fail(TL_ERR_ARGUMENT, "--method: the goal needs static and rigl");
    return false;
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(0),
                  .net = { .hidden = { 2, { 256, 128 } },
                           .rule = TL_ERDOS_RENYI,
                           .epochs = 20,
                           .batch = 32,
                           .every = 100,
                           .fraction = 0.3,
                           .until = 0.75,
                           .learning_rate = 0.003 },
                  .density = { 2, { 0.05, 0.02 } },
                  .methods = (1 << N_METHODS) - 1,
                  .seeds = 3 };
    demo d = {
        .name = "sparse_from_scratch",
        .about =
            "Trains perceptrons that have few connections from the start. These stay where they are, or some "
            "of them move now and then. The exit status is 0 if networks whose connections move to the "
            "largest gradients (RigL) are as accurate as static ones, in the mean of the seeds.",
        .data = digits_help,
        .goal = "by how many points RigL is to be more accurate",
        .x_name = "density, %",
        .examples = "\n--data digits --seeds 5\n"
                    "--density 0.01,0.02,0.05,0.1,0.2 --svg accuracy.svg\n"
                    "--density 0.02,0.05,0.1,0.2,0.5 --cost cost.svg\n",
        .more = more_help,
        DEMO_FLAGS(flags, o),
    };
    digits images = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    sweep s = { &d, &o, &images, (int)((1 + o.density.n * N_METHODS) * o.seeds), .result = NULL };
    const bool ok = check_methods(&o) && digits_get(&images, o.common.data) && run_all(&s) && check_goal(&s);
    digits_free(&images);
    const int status = demo_end(&d, ok);
    series_free(&s.cost);
    free(s.result);
    return status;
}
