/* Trains one very wide sparse layer. Memory and time depend on its connections only: dense, the weights and
 * Adam's state would need 12 bytes for each of size x size cells. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <tulle/tulle.h>

typedef struct options {
    int64_t size, connections, batch, steps, seed, threads;
} options;

static const struct flag {
    const char *name, *help;
    int64_t least, most;
    size_t at; /* in options */
} flags[] = {
    { "--size", "inputs and outputs of the layer (default 100000)", 1, INT32_MAX, offsetof(options, size) },
    { "--connections", "how many exist (default 10000000)", 1, INT32_MAX, offsetof(options, connections) },
    { "--batch", "samples in a step (default 64)", 1, 65536, offsetof(options, batch) },
    { "--steps", "steps (default 10)", 1, 1000000, offsetof(options, steps) },
    { "--seed", "of the pattern, the weights and the data (default 1)", 0, INT64_MAX,
      offsetof(options, seed) },
    { "--threads", "threads, 0: one for each processor (default $TULLE_NUM_THREADS, or 1)", 0, 1024,
      offsetof(options, threads) },
};
enum { N_FLAGS = sizeof flags / sizeof *flags };

static int64_t *field(options *o, const struct flag *f)
{
    return (int64_t *)(void *)((char *)o + f->at);
}

/* Returns false after an error message on stderr. */
static bool read_options(options *o, int argc, char **argv)
{
    for (int at = 1; at < argc;) {
        const char *argument = argv[at++], *equals = strchr(argument, '=');
        const size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
        int k = 0;
        while (k < N_FLAGS &&
               (strlen(flags[k].name) != length || memcmp(argument, flags[k].name, length) != 0))
            k++;
        if (k == N_FLAGS) {
            fprintf(stderr, "wide_layer: %.*s: there is no such flag (see --help)\n", (int)length, argument);
            return false;
        }
        const char *text = equals ? equals + 1 : at < argc ? argv[at++] : "";
        char *end = NULL;
        errno = 0;
        const long long value = strtoll(text, &end, 10);
        if (end == text || *end || errno || value < flags[k].least || value > flags[k].most) {
            fprintf(stderr,
                    "wide_layer: %s: needs a whole number from %" PRId64 " to %" PRId64 " (see --help)\n",
                    flags[k].name, flags[k].least, flags[k].most);
            return false;
        }
        *field(o, &flags[k]) = value;
    }
    return true;
}

static int help(void)
{
    printf("Usage: wide_layer [--flag value | --flag=value]...\n\nTrains one sparse layer and prints what it "
           "costs.\n\nFlags:\n");
    for (int k = 0; k < N_FLAGS; k++)
        printf("  %-15s %s\n", flags[k].name, flags[k].help);
    return fflush(stdout) == 0 ? 0 : 1;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double peak_megabytes(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? (double)used.ru_maxrss / 1024 : 0;
}

/* Samples are columns. The target of each output is the input at the opposite end. */
static void fill(const options *o, tl_random *r, tl_real *x, tl_real *target)
{
    for (int64_t k = 0; k < o->size * o->batch; k++)
        x[k] = (tl_real)(2 * tl_random_uniform(r) - 1);
    for (int64_t i = 0; i < o->size; i++)
        memcpy(target + i * o->batch, x + (o->size - 1 - i) * o->batch, (size_t)o->batch * sizeof *x);
}

/* Runs the steps and prints their cost; the first one, which allocates the optimizer's state, separately. */
static bool train(const options *o, tl_variable *w, tl_optimizer *adam, tl_graph *g, const tl_real *x,
                  const tl_real *target)
{
    double first = 0, rest = 0;
    for (int64_t step = 0; step < o->steps; step++, tl_graph_reset(g)) {
        const double start = seconds();
        tl_node *in = tl_input(g, TL_SHAPE(o->size, o->batch), x);
        tl_node *y = tl_sparse_dense_matmul(tl_use(g, w), in, TL_NO_TRANSPOSE);
        tl_node *loss = tl_mse(y, tl_input(g, TL_SHAPE(o->size, o->batch), target));
        if (tl_minimize(adam, loss) != TL_OK)
            return false;
        *(step == 0 ? &first : &rest) += seconds() - start;
        if (step == 0 || step + 1 == o->steps)
            printf("loss after %" PRId64 " steps: %.4f\n", step, (double)tl_value(loss)[0]);
    }
    printf("first step: %.2f s", first);
    if (o->steps > 1) {
        const double each = rest / (double)(o->steps - 1);
        printf("; then %.3f s per step: %.0f million connections per second, each for %" PRId64 " samples",
               each, (double)o->connections / each / 1e6, o->batch);
    }
    printf("\n");
    return true;
}

int main(int argc, char **argv)
{
    options o = { 100000, 10000000, 64, 10, 1, -1 }; /* -1 threads: the library's default */
    for (int k = 1; k < argc; k++)
        if (strcmp(argv[k], "--help") == 0)
            return help();
    if (!read_options(&o, argc, argv))
        return 2;
    const double cells = (double)o.size * (double)o.size;
    tl_random r = { .seed = (uint64_t)o.seed };
    tl_pattern *p = o.threads < 0 || tl_set_num_threads((int)o.threads) == TL_OK
                        ? tl_pattern_random(o.size, o.size, (double)o.connections / cells, (uint64_t)o.seed)
                        : NULL;
    tl_variable *w = p ? tl_variable_sparse("w", p) : NULL;
    tl_optimizer *adam = w ? tl_adam((tl_adam_options){ .learning_rate = 1e-3 }) : NULL;
    tl_graph *g = adam ? tl_graph_new() : NULL;
    tl_real *x = malloc((size_t)(o.size * o.batch) * sizeof *x),
            *target = malloc((size_t)(o.size * o.batch) * sizeof *x);
    bool done = false;
    if (!x || !target) {
        fprintf(stderr, "wide_layer: out of memory\n");
    } else if (p && w && adam && g && tl_init_glorot_rows(w, &r) == TL_OK) {
        fill(&o, &r, x, target);
        printf("%" PRId64 " x %" PRId64 ", %" PRId64 " connections (%.3g %%), batch %" PRId64
               ", Adam, %d thread%s\n",
               o.size, o.size, tl_pattern_nnz(p), 100 * (double)tl_pattern_nnz(p) / cells, o.batch,
               tl_num_threads(), tl_num_threads() == 1 ? "" : "s");
        done = train(&o, w, adam, g, x, target);
        printf("weights and Adam's state: %.0f MB (dense: %.0f MB); pattern: %.0f MB; peak resident memory: "
               "%.0f MB\n",
               (double)(tl_variable_size(w) * (int64_t)sizeof(tl_real) + tl_optimizer_bytes(adam)) / 1e6,
               3 * cells * sizeof(tl_real) / 1e6, (double)tl_pattern_bytes(p) / 1e6, peak_megabytes());
    }
    if (!done && x && target)
        fprintf(stderr, "wide_layer: %s\n", tl_error());
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(w);
    tl_pattern_release(p);
    free(x);
    free(target);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "wide_layer: standard output: incomplete write\n");
        return 1;
    }
    return done ? 0 : 1;
}
