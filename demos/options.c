/* The flags of pruned_mlp. */
#include "options.h"
#include "flags.h"

#include <stdio.h>
#include <string.h>

/* ---- Values ---- */

static bool read_density(void *to, const char *value)
{
    options *o = to;
    return parse_real(value, &o->density) && o->density >= 0 && o->density <= 1;
}

static bool read_hidden(void *to, const char *value)
{
    options *o = to;
    char item[32];
    for (o->n_hidden = 0; value; o->n_hidden++)
        if (o->n_hidden == MAX_HIDDEN || !next_item(&value, item, sizeof item) ||
            !parse_integer(item, 1, 65536, &o->hidden[o->n_hidden]))
            return false;
    return true;
}

static bool read_optimizer(void *to, const char *value)
{
    options *o = to;
    for (int k = 0; k < n_optimizers; k++)
        if (strcmp(value, optimizers[k].name) == 0) {
            o->optimizer = &optimizers[k];
            return true;
        }
    return false;
}

static bool read_schedule(void *to, const char *value)
{
    options *o = to;
    for (int k = 0; k < n_schedules; k++)
        if (strcmp(value, schedules[k].name) == 0) {
            o->schedule = &schedules[k];
            return true;
        }
    return false;
}

static bool read_methods(void *to, const char *value)
{
    options *o = to;
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

/* ---- Flags ---- */

static const flag flags[] = {
    { "--data", "DIR", "MNIST's four IDX files, or the same .gz (default: digits drawn by the program)",
      "the name of a folder", FLAG_NAME, .at = offsetof(options, data) },
    { "--density", "X", "fraction of each hidden weight matrix that is kept (default 0.1)",
      "a number between 0 and 1", .read = read_density },
    { "--hidden", "N,N,..", "units of each hidden layer (default 256,128)",
      "a list of 1 to 8 layer sizes, each 1 to 65536", .read = read_hidden },
    { "--epochs", "N", "passes over the data before the removal, and as many after it (default 10)",
      "a whole number from 1 to 10000", FLAG_INTEGER, .at = offsetof(options, epochs), .least = 1,
      .most = 10000 },
    { "--batch", "N", "images in a step (default 32)", "a whole number from 1 to 65536", FLAG_INTEGER,
      .at = offsetof(options, batch), .least = 1, .most = 65536 },
    { "--learning-rate", "X", "default: see the optimizers", "a number above 0", FLAG_POSITIVE,
      .at = offsetof(options, learning_rate) },
    { "--optimizer", "NAME", "see below (default adam)", "one of the optimizers", .read = read_optimizer },
    { "--schedule", "NAME", "of the learning rate over the whole run, see below (default constant)",
      "one of the schedules", .read = read_schedule },
    { "--seed", "N", "of the first weights and the order of the images (default 1)",
      "a whole number from 0 to 18446744073709551615", FLAG_SEED, .at = offsetof(options, seed) },
    { "--threads", "N", "threads, 0: one for each processor (default $TULLE_NUM_THREADS, or 1)",
      "a whole number from 0 to 1024", FLAG_INTEGER, .at = offsetof(options, threads), .least = 0,
      .most = 1024 },
    { "--method", "NAME,..", "only these, may be repeated (default all)",
      "a list of dense, mask-gradients, set-mask, sparse or all", .read = read_methods },
    { "--json", "FILE", "write settings and results as JSON", "the name of a file", FLAG_NAME,
      .at = offsetof(options, json) },
    { "--csv", "FILE", "write the results as comma-separated values", "the name of a file", FLAG_NAME,
      .at = offsetof(options, csv) },
    { "--dot", "FILE", "write the graph of a training step of the last method, for Graphviz",
      "the name of a file", FLAG_NAME, .at = offsetof(options, dot) },
};
static const int n_flags = sizeof flags / sizeof *flags;

static void print_help(void)
{
    printf("Usage: pruned_mlp [--flag value | --flag=value]...\n\n"
           "Trains a multilayer perceptron on images of digits, removes all but the largest weights of its\n"
           "hidden layers, continues training, and counts the removed weights that came back.\n\nFlags:\n");
    flags_print(flags, n_flags);
    printf("\nMethods:\n");
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
    if (!flags_read(&(command_line){ "pruned_mlp", flags, n_flags, print_help }, argc, argv, o, status))
        return false;
    fill_in(o);
    return true;
}
