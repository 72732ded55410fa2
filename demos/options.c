/* The command line: a table of flags, each with its parser, its help and a description of valid values. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values ---- */

/* A plain decimal number: no space before it, no inf, nan or hexadecimal. */
static bool parse_real(const char *text, double *out)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool parse_natural(const char *text, uint64_t most, uint64_t *out)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno == 0 && *out <= most;
}

static bool parse_count(const char *text, int64_t most, int64_t *out)
{
    uint64_t n = 0;
    bool ok = parse_natural(text, (uint64_t)most, &n) && n > 0;
    *out = (int64_t)n;
    return ok;
}

/* Copies the next item of a comma-separated list to item[size] and advances *text, to NULL after the last. */
static bool next_item(const char **text, char *item, size_t size)
{
    size_t length = strcspn(*text, ",");
    if (length >= size)
        return false;
    memcpy(item, *text, length);
    item[length] = '\0';
    *text = (*text)[length] == ',' ? *text + length + 1 : NULL;
    return true;
}

static bool read_name(const char *value, const char **out)
{
    *out = value;
    return value[0] != '\0';
}

static bool read_data(options *o, const char *value)
{
    return read_name(value, &o->data);
}

static bool read_density(options *o, const char *value)
{
    return parse_real(value, &o->density) && o->density >= 0 && o->density <= 1;
}

static bool read_hidden(options *o, const char *value)
{
    char item[32];
    for (o->n_hidden = 0; value; o->n_hidden++)
        if (o->n_hidden == MAX_HIDDEN || !next_item(&value, item, sizeof item) ||
            !parse_count(item, 65536, &o->hidden[o->n_hidden]))
            return false;
    return true;
}

static bool read_epochs(options *o, const char *value)
{
    return parse_count(value, 10000, &o->epochs);
}

static bool read_batch(options *o, const char *value)
{
    return parse_count(value, 65536, &o->batch);
}

static bool read_learning_rate(options *o, const char *value)
{
    return parse_real(value, &o->learning_rate) && o->learning_rate > 0;
}

static bool read_optimizer(options *o, const char *value)
{
    for (int k = 0; k < n_optimizers; k++)
        if (strcmp(value, optimizers[k].name) == 0) {
            o->optimizer = &optimizers[k];
            return true;
        }
    return false;
}

static bool read_schedule(options *o, const char *value)
{
    for (int k = 0; k < n_schedules; k++)
        if (strcmp(value, schedules[k].name) == 0) {
            o->schedule = &schedules[k];
            return true;
        }
    return false;
}

static bool read_seed(options *o, const char *value)
{
    return parse_natural(value, UINT64_MAX, &o->seed);
}

static bool read_threads(options *o, const char *value)
{
    uint64_t n = 0;
    bool ok = parse_natural(value, 1024, &n);
    o->threads = (int)n;
    return ok;
}

static bool read_methods(options *o, const char *value)
{
    char item[32];
    while (value) {
        if (!next_item(&value, item, sizeof item))
            return false;
        bool all = strcmp(item, "all") == 0, found = all;
        for (int k = 0; k < N_METHODS; k++)
            if (all || strcmp(item, methods[k].name) == 0)
                found = o->method[k] = true;
        if (!found)
            return false;
    }
    return true;
}

static bool read_json(options *o, const char *value)
{
    return read_name(value, &o->json);
}

static bool read_csv(options *o, const char *value)
{
    return read_name(value, &o->csv);
}

static bool read_dot(options *o, const char *value)
{
    return read_name(value, &o->dot);
}

/* ---- Flags ---- */

typedef struct flag {
    const char *name, *value, *help, *wants;
    bool (*read)(options *o, const char *value);
} flag;

static const flag flags[] = {
    { "--data", "DIR", "MNIST's four IDX files, or the same .gz (default: digits drawn by the program)",
      "the name of a folder", read_data },
    { "--density", "X", "fraction of each hidden weight matrix that is kept (default 0.1)",
      "a number between 0 and 1", read_density },
    { "--hidden", "N,N,..", "units of each hidden layer (default 256,128)",
      "a list of 1 to 8 layer sizes, each 1 to 65536", read_hidden },
    { "--epochs", "N", "passes over the data before the removal, and as many after it (default 10)",
      "a whole number from 1 to 10000", read_epochs },
    { "--batch", "N", "images in a step (default 32)", "a whole number from 1 to 65536", read_batch },
    { "--learning-rate", "X", "default: see the optimizers", "a number above 0", read_learning_rate },
    { "--optimizer", "NAME", "see below (default adam)", "one of the optimizers", read_optimizer },
    { "--schedule", "NAME", "of the learning rate over the whole run, see below (default constant)",
      "one of the schedules", read_schedule },
    { "--seed", "N", "of the first weights and the order of the images (default 1)",
      "a whole number from 0 to 18446744073709551615", read_seed },
    { "--threads", "N", "threads, 0: one for each processor (default $TULLE_NUM_THREADS, or 1)",
      "a whole number from 0 to 1024", read_threads },
    { "--method", "NAME,..", "only these, may be repeated (default all)",
      "a list of dense, mask-gradients, set-mask, sparse or all", read_methods },
    { "--json", "FILE", "write settings and results as JSON", "the name of a file", read_json },
    { "--csv", "FILE", "write the results as comma-separated values", "the name of a file", read_csv },
    { "--dot", "FILE", "write the graph of a training step of the last method, for Graphviz",
      "the name of a file", read_dot },
};
static const int n_flags = sizeof flags / sizeof *flags;

static void print_help(void)
{
    printf("Usage: pruned_mlp [--flag value | --flag=value]...\n\n"
           "Trains a multilayer perceptron on images of digits, removes all but the largest weights of its\n"
           "hidden layers, continues training, and counts the removed weights that came back.\n\nFlags:\n");
    for (int k = 0; k < n_flags; k++)
        printf("  %-15s %-7s  %s\n", flags[k].name, flags[k].value, flags[k].help);
    printf("  %-15s %-7s  this text\n\nMethods:\n", "--help", "");
    for (int k = 0; k < N_METHODS; k++)
        printf("  %-15s %s\n", methods[k].name, methods[k].what);
    printf("\nOptimizers:\n");
    for (int k = 0; k < n_optimizers; k++)
        printf("  %-15s learning rate %g%s%s\n", optimizers[k].name, optimizers[k].learning_rate,
               optimizers[k].note ? "; " : "", optimizers[k].note ? optimizers[k].note : "");
    printf("\nSchedules:\n");
    for (int k = 0; k < n_schedules; k++)
        printf("  %-15s %s\n", schedules[k].name, schedules[k].what);
}

static const flag *find_flag(const char *argument, size_t length)
{
    for (int k = 0; k < n_flags; k++)
        if (strlen(flags[k].name) == length && memcmp(flags[k].name, argument, length) == 0)
            return &flags[k];
    return NULL;
}

/* Reads a flag and its value, which is after '=' or the next argument, and advances *at. */
static bool read_flag(options *o, char **argv, int *at)
{
    const char *argument = argv[(*at)++], *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    const flag *f = find_flag(argument, length);
    if (!f) {
        fprintf(stderr, "pruned_mlp: %.*s: there is no such flag (see --help)\n", (int)length, argument);
        return false;
    }
    const char *value = equals ? equals + 1 : argv[*at];
    if (!value || (!equals && strncmp(value, "--", 2) == 0)) {
        fprintf(stderr, "pruned_mlp: %s: needs %s (see --help)\n", f->name, f->wants);
        return false;
    }
    *at += !equals;
    if (!f->read(o, value)) {
        fprintf(stderr, "pruned_mlp: %s: '%s' is not %s (see --help)\n", f->name, value, f->wants);
        return false;
    }
    return true;
}

/* Sets the defaults that depend on other flags. */
static void fill_in(options *o)
{
    bool some = false;
    for (int k = 0; k < N_METHODS; k++)
        some = some || o->method[k];
    if (!some)
        for (int k = 0; k < N_METHODS; k++)
            o->method[k] = true;
    if (o->learning_rate == 0)
        o->learning_rate = o->optimizer->learning_rate;
}

bool options_read(options *o, int argc, char **argv, int *status)
{
    *o = (options){ .density = 0.1,
                    .n_hidden = 2,
                    .hidden = { 256, 128 },
                    .epochs = 10,
                    .batch = 32,
                    .optimizer = &optimizers[0],
                    .schedule = &schedules[0],
                    .seed = 1,
                    .threads = -1 };
    for (int at = 1; at < argc;) {
        if (strcmp(argv[at], "--help") == 0) {
            print_help();
            *status = fflush(stdout) == 0 ? 0 : 1;
            return false;
        }
        if (!read_flag(o, argv, &at)) {
            *status = 2;
            return false;
        }
    }
    fill_in(o);
    return true;
}
