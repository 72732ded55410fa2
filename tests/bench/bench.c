/* The benchmarks: times of training steps, written as a user writes them. Every measurement is one JSON line:
 *
 *     {"scenario": "gemm", "case": "n=64", "impl": "tulle", "ms": 0.009, "median_ms": 0.01, "runs": 2000, ..}
 *
 * with the best and the median time of all runs that the time budget allows and, where they are meaningful,
 * rates at the best time:
 *
 *     "gflops"      1e9 useful operations per second
 *     "of_fma"      gflops as a share of the rate of `limit` fma, times the threads
 *     "gbs"         1e9 bytes per second
 *     "of_gather"   gbs as a share of the rate of `limit` gather-64; above 1 if a cache helps
 *     "ns_per_op"
 *     "ns_per_entry", after "nnz", the entries of the sparse matrix
 *     "of_dense"    the median, as a share of the median with a dense gradient
 *     "of_gradient" the same, with a gradient
 *     "of_memory"   the graph's memory, as a share of that of the same
 *
 * The program keeps the C locale that it starts in, so that printf writes 0.5, not 0,5. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UPS = 2, MIN_RUNS = 5, MAX_RUNS = 2000 };

typedef struct scenario {
    const char *name, *what;
    void (*run)(void);
} scenario;

static const scenario scenarios[] = {
    { "gemm", "dense product of square matrices", bench_gemm },
    { "sparse_layer", "product with a sparse variable, and both gradients", bench_sparse_layer },
    { "sparse_layer_forward", "the product alone", bench_sparse_layer_forward },
    { "growth", "training step of a sparse layer, by density and by size", bench_growth },
    { "mlp_step", "training step of a perceptron whose hidden weights are sparse", bench_mlp_step },
    { "embedding_step", "training step of a table of embeddings, looked up in bags", bench_embedding_step },
    { "embedding_train", "exact rows, beside a dense gradient of the same values", bench_embedding_train },
    { "exact_rows", "the same for many sizes and optimizers (half an hour)", bench_exact_rows },
    { "table_rows", "rows of a table larger than the caches, read and updated", bench_table_rows },
    { "tiny_step", "training step of a network of a few units", bench_tiny_step },
    { "gcn_epoch", "training epoch of a graph convolutional network", bench_gcn_epoch },
    { "lstm_step", "training step of a recurrent cell over 32 steps of time", bench_lstm_step },
    { "elementwise", "functions of elements and of rows, and their gradients", bench_elementwise },
    { "conv_step", "training step of a convolutional network", bench_conv_step },
    { "sparse_conv", "convolution with sparse filters, and both gradients", bench_sparse_conv },
    { "hessian_product", "Hessian times vector, beside a gradient", bench_hessian_product },
    { "attention_step", "training step of a transformer block", bench_attention_step },
    { "sparse_attention", "attention at a fixed pattern, and its gradients", bench_sparse_attention },
    { "limit", "peak rates of one core of this machine", bench_limit },
    { "overhead", "recording an op, and its part of the backward pass", bench_overhead },
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static struct {
    bool chosen[SCENARIOS];
    int threads;
    double seconds;
    const char *json_path; /* NULL: not given */
    FILE *json;
    const char *scenario; /* the one that is running */
} bench = { .threads = 1, .seconds = 1 };

/* ---- Failing ---- */

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

void check(tl_status status)
{
    if (status != TL_OK)
        fail(bench.scenario, tl_error());
}

void *must(void *made)
{
    if (!made)
        fail(bench.scenario, tl_error());
    return made;
}

/* ---- Data ---- */

void *allocate(int64_t n, size_t size)
{
    void *p = malloc((size_t)n * size);
    if (!p)
        fail(bench.scenario, "out of memory");
    return p;
}

tl_real *random_reals(int64_t n, uint64_t seed)
{
    tl_random rng = { .seed = seed };
    tl_real *x = allocate(n, sizeof *x);
    for (int64_t k = 0; k < n; k++)
        x[k] = (tl_real)tl_random_normal(&rng);
    return x;
}

int32_t *random_integers(int64_t n, int64_t bound, uint64_t seed)
{
    tl_random rng = { .seed = seed };
    int32_t *x = allocate(n, sizeof *x);
    for (int64_t k = 0; k < n; k++)
        x[k] = (int32_t)tl_random_integer(&rng, bound);
    return x;
}

/* ---- Measuring ---- */

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void flush(FILE *out, const char *path)
{
    errno = 0;
    if (fflush(out) != 0 || ferror(out))
        fail(path, errno ? strerror(errno) : "incomplete write");
}

/* Writes the line of a case. times[n] ascend. */
static void write_line(FILE *out, const char *path, const char *name, work w, const double *times, int n)
{
    double best = times[0], median = times[n / 2];
    fprintf(out, "{\"scenario\": \"%s\", \"case\": \"%s\", \"impl\": \"tulle\"", bench.scenario, name);
    fprintf(out, ", \"ms\": %.6f, \"median_ms\": %.6f, \"runs\": %d", best * 1e3, median * 1e3, n);
    if (w.flops > 0)
        fprintf(out, ", \"gflops\": %.3f", w.flops / best * 1e-9);
    if (w.flops > 0 && !w.is_limit)
        fprintf(out, ", \"of_fma\": %.4f", w.flops / best / (peak_flops() * tl_num_threads()));
    if (w.bytes > 0)
        fprintf(out, ", \"gbs\": %.3f", w.bytes / best * 1e-9);
    if (w.bytes > 0 && !w.is_limit)
        fprintf(out, ", \"of_gather\": %.4f", w.bytes / best / peak_bytes());
    if (w.ops > 0)
        fprintf(out, ", \"ns_per_op\": %.3f", best / w.ops * 1e9);
    if (w.nnz > 0)
        fprintf(out, ", \"nnz\": %.0f, \"ns_per_entry\": %.3f", w.nnz, best / w.nnz * 1e9);
    if (w.share)
        fprintf(out, ", \"%s\": %.3f", w.share, median / w.other);
    if (w.memory > 0)
        fprintf(out, ", \"of_memory\": %.3f", w.memory);
    fprintf(out, "}\n");
    flush(out, path);
}

/* Measures at most MAX_RUNS runs. Stores their times, ascending, and returns their number. */
static int take_times(double budget, void (*run)(void *context), void *context, double *times)
{
    int n = 0;
    for (int k = 0; k < WARM_UPS; k++)
        run(context);
    double end = now() + budget;
    while (n < MIN_RUNS || (n < MAX_RUNS && now() < end)) {
        double begin = now();
        run(context);
        times[n++] = now() - begin;
    }
    qsort(times, (size_t)n, sizeof *times, by_size);
    return n;
}

double best_time(double budget, void (*run)(void *context), void *context)
{
    double times[MAX_RUNS];
    take_times(budget, run, context, times);
    return times[0];
}

double measure(const char *name, work w, void (*run)(void *context), void *context)
{
    double times[MAX_RUNS];
    int n = take_times(bench.seconds, run, context, times);
    write_line(stdout, "standard output", name, w, times, n);
    if (bench.json)
        write_line(bench.json, bench.json_path, name, w, times, n);
    return times[n / 2];
}

/* Runs until `runs` and `seconds` are reached. Adds to *n and *time what there was. */
static void run_piece(void (*run)(void *context), void *context, int runs, double seconds, int64_t *n,
                      double *time)
{
    const double begin = now();
    double end = begin;
    for (int k = 0; k < runs || end - begin < seconds; k++, ++*n) {
        run(context);
        end = now();
    }
    *time += end - begin;
}

void measure_beside(const char *name, work w, void (*run)(void *context), void *context,
                    void (*beside)(void *other), void *other)
{
    enum { RUNS = 8 }; /* of one kind at least, at a stretch */
    int64_t n = 0, n_beside = 0;
    double time = 0, time_beside = 0;
    run(context);
    beside(other);
    for (int k = 0; k < MIN_RUNS || time + time_beside < bench.seconds; k++) {
        run_piece(run, context, RUNS, 2e-3, &n, &time);
        run_piece(beside, other, 1, 2e-3, &n_beside, &time_beside);
    }
    const double average = time / (double)n;
    w.other = time_beside / (double)n_beside;
    write_line(stdout, "standard output", name, w, &average, 1);
    if (bench.json)
        write_line(bench.json, bench.json_path, name, w, &average, 1);
}

/* ---- The command line ---- */

static void print_help(void)
{
    printf("Usage: bench [scenario]... [--threads N] [--seconds S] [--json FILE]\n\n"
           "Measures training steps and prints one JSON line for each case.\n\n"
           "Scenarios, all unless named:\n");
    for (int k = 0; k < SCENARIOS; k++)
        printf("  %-20s  %s\n", scenarios[k].name, scenarios[k].what);
    printf("\nFlags:\n"
           "  --threads N           threads, 0: one for each processor (default 1)\n"
           "  --seconds S           time for each case (default 1), for %d to %d runs\n"
           "  --json FILE           also write the lines to a file\n"
           "  --help                this text\n",
           MIN_RUNS, MAX_RUNS);
    flush(stdout, "standard output");
}

static bool read_threads(const char *text)
{
    char *end;
    if (text[strspn(text, "0123456789")] != '\0')
        return false;
    long n = strtol(text, &end, 10);
    bench.threads = (int)n;
    return end != text && n <= 1024;
}

static bool read_seconds(const char *text)
{
    char *end;
    if (text[strspn(text, ".0123456789eE-")] != '\0')
        return false;
    bench.seconds = strtod(text, &end);
    return end != text && *end == '\0' && bench.seconds >= 0 && bench.seconds <= 3600;
}

static bool read_json(const char *text)
{
    bench.json_path = text;
    return text[0] != '\0';
}

static const struct flag {
    const char *name, *wants;
    bool (*read)(const char *text);
} flags[] = {
    { "--threads", "a whole number from 0 to 1024", read_threads },
    { "--seconds", "a number from 0 to 3600", read_seconds },
    { "--json", "the name of a file", read_json },
};

static _Noreturn void misused(const char *argument, const char *why, const char *wants)
{
    fprintf(stderr, "bench: %s: %s%s (see --help)\n", argument, why, wants);
    exit(2);
}

/* Reads the flag at argv[at] and its value, which is after '=' or the next argument. Returns the number of
 * arguments that they are. */
static int read_flag(char **argv, int at)
{
    const char *argument = argv[at], *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
        if (strlen(flags[k].name) != length || memcmp(flags[k].name, argument, length) != 0)
            continue;
        const char *value = equals ? equals + 1 : argv[at + 1];
        if (!value || (!equals && strncmp(value, "--", 2) == 0) || !flags[k].read(value))
            misused(flags[k].name, "needs ", flags[k].wants);
        return equals ? 1 : 2;
    }
    misused(argument, "there is no such flag", "");
}

static void choose(const char *name)
{
    for (int k = 0; k < SCENARIOS; k++)
        if (strcmp(scenarios[k].name, name) == 0) {
            bench.chosen[k] = true;
            return;
        }
    misused(name, "there is no such scenario", "");
}

static void read_arguments(int argc, char **argv)
{
    bool some = false;
    for (int at = 1; at < argc;) {
        if (strcmp(argv[at], "--help") == 0) {
            print_help();
            exit(0);
        }
        if (argv[at][0] == '-') {
            at += read_flag(argv, at);
            continue;
        }
        choose(argv[at++]);
        some = true;
    }
    if (!some)
        for (int k = 0; k < SCENARIOS; k++)
            bench.chosen[k] = true;
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    if (tl_set_num_threads(bench.threads) != TL_OK)
        fail("--threads", tl_error());
    if (bench.json_path && !(bench.json = fopen(bench.json_path, "w")))
        fail(bench.json_path, strerror(errno));
    for (int k = 0; k < SCENARIOS; k++)
        if (bench.chosen[k]) {
            bench.scenario = scenarios[k].name;
            scenarios[k].run();
        }
    if (bench.json && fclose(bench.json) != 0)
        fail(bench.json_path, strerror(errno));
    return 0;
}
