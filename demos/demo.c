/* The frame of a demo. */
#include "demo.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTS = 8, MOST_PARTS = 1024 };

/* ---- The command line ---- */

static const flag common_flags[] = {
    { "--data", "DIR", NULL, FLAG_TEXT, .at = offsetof(demo_options, data) },
    { "--goal", "X", NULL, FLAG_NUMBER, .at = offsetof(demo_options, goal), .open = true },
    { "--seed", "N", "of all random numbers", FLAG_SEED, .at = offsetof(demo_options, seed), .fixed = true },
    { "--threads", "N", "0: all processors (default $TULLE_NUM_THREADS, or 1)", FLAG_INTEGER,
      .at = offsetof(demo_options, threads), 0, 1024 },
    { "--parts", "N",
      "cut a batch into parts, whose gradients are added up (default 8 with --mpi, otherwise none)",
      FLAG_INTEGER, .at = offsetof(demo_options, parts), 1, MOST_PARTS, .fixed = true },
    { "--mpi", NULL, "share out the parts among the processes of mpirun, to the same bits", FLAG_SWITCH,
      .at = offsetof(demo_options, mpi) },
    { "--json", "FILE", "write settings and results as JSON", FLAG_OUTPUT,
      .at = offsetof(demo_options, json) },
    { "--csv", "FILE", "write the results as comma-separated values", FLAG_OUTPUT,
      .at = offsetof(demo_options, csv) },
    { "--svg", "FILE", "draw curves", FLAG_OUTPUT, .at = offsetof(demo_options, svg) },
    { "--checkpoint", "FILE", "keep the state of the run in this file", FLAG_OUTPUT,
      .at = offsetof(demo_options, checkpoint) },
    { "--resume", "FILE", "go on from a checkpoint", FLAG_TEXT, .at = offsetof(demo_options, resume) },
};
enum { N_COMMON = sizeof common_flags / sizeof *common_flags };

/* Returns whether the demo has a common flag. */
static bool has(const demo *d, const char *name)
{
    if (strcmp(name, "--parts") == 0 || strcmp(name, "--mpi") == 0)
        return d->in_parts;
    return d->x_name || strcmp(name, "--svg") != 0;
}

/* Joins the demo's own flags and the common ones. */
static bool make_table(demo *d)
{
    flag *table = allocate(d->n_flags + N_COMMON, sizeof *table);
    d->table = (flag_table){ d->name, table, 0, d->options, d->options_size, NULL };
    if (!table || !(d->table.given = allocate(d->n_flags + N_COMMON, sizeof *d->table.given)))
        return false;
    for (int k = 0; k < d->n_flags; k++)
        table[d->table.n++] = d->flag[k];
    for (int k = 0; k < N_COMMON; k++) {
        flag f = common_flags[k];
        if (strcmp(f.name, "--data") == 0 && d->data_is_file)
            f.value = "FILE";
        f.help = f.help ? f.help : strcmp(f.name, "--data") == 0 ? d->data : d->goal;
        if (f.help && has(d, f.name))
            table[d->table.n++] = f;
    }
    return true;
}

static void free_table(demo *d)
{
    free((void *)d->table.flag);
    free(d->table.given);
}

static void print_help(void *context)
{
    const demo *d = context;
    printf("Usage: %s [--flag value | --flag=value]...\n\n", d->name);
    print_wrapped(0, d->about);
    printf("\nFlags:\n");
    flags_print(&d->table);
    if (d->more)
        d->more();
    printf("\nExamples:\n");
    for (const char *line = d->examples; *line; line += strcspn(line, "\n") + 1) {
        printf("  %s%s", d->name, *line == '\n' ? "" : " ");
        fwrite(line, 1, strcspn(line, "\n") + 1, stdout);
    }
}

/* Reads the command line. Returns false if the program must exit with d->status. */
static bool read_flags(demo *d, int argc, char **argv)
{
    demo_options *o = d->options;
    const bool can = !d->in_parts || ranks_begin(&d->ranks, d->name, argc, argv);
    bool ok = flags_read(&d->table, argc, argv, print_help, d, &d->status);
    if (ok && !can) {
        fprintf(stderr, "%s: --mpi: tulle is built without MPI\n", d->name);
        d->status = 2;
        ok = false;
    }
    if (o->mpi && o->parts == 0)
        o->parts = PARTS;
    return ok;
}

/* Sets what the flags tell. Only rank 0 writes files. */
static bool prepare(demo *d)
{
    demo_options *o = d->options;
    if (d->ranks.rank > 0)
        flags_drop_outputs(&d->table);
    const bool ok = (o->threads < 0 || tl_set_num_threads((int)o->threads) == TL_OK) &&
                    flags_check_outputs(&d->table) && results_make(&d->results) &&
                    (d->checkpoint = tl_checkpoint_new());
    o->threads = tl_num_threads();
    return ranks_agree(&d->ranks, ok) && ranks_make(&d->ranks, o->parts);
}

bool demo_begin(demo *d, int argc, char **argv)
{
    d->status = 1;
    if (make_table(d)) {
        if (!read_flags(d, argc, argv)) {
            ranks_free(&d->ranks);
            free_table(d);
            return false;
        }
        if (prepare(d))
            return true;
    }
    d->status = demo_end(d, false);
    return false;
}

static bool is_listed(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

bool demo_trains_nothing(const demo *d, const char *because, const char *const *reads)
{
    static const char *const always[] = { "--data", "--threads", "--json", "--csv", NULL };
    for (int k = 0; k < d->table.n; k++) {
        const char *name = d->table.flag[k].name;
        if (d->table.given[k] && strcmp(name, because) != 0 && !is_listed(name, always) &&
            !is_listed(name, reads))
            return tl_fail(TL_ERR_ARGUMENT, "%s: trains nothing, so that %s is of no use", because, name) ==
                   TL_OK;
    }
    return true;
}

/* ---- Checkpoints ---- */

static bool load(demo *d, const char *path)
{
    void *before = malloc(d->options_size);
    if (!before)
        return tl_fail(TL_ERR_MEMORY, "out of memory") == TL_OK;
    memcpy(before, d->options, d->options_size);
    const bool ok = tl_checkpoint_load(d->checkpoint, path) == TL_OK && flags_agree(&d->table, before, path);
    free(before);
    const char *warnings = tl_checkpoint_warnings(d->checkpoint);
    if (ok && warnings[0])
        fprintf(stderr, "%s: %s\n", d->name, warnings);
    return ok;
}

bool demo_resume(demo *d)
{
    const demo_options *o = d->options;
    return ranks_agree(&d->ranks, flags_keep(&d->table, d->checkpoint) && (!o->resume || load(d, o->resume)));
}

bool demo_save(demo *d)
{
    const demo_options *o = d->options;
    return ranks_agree(&d->ranks,
                       !o->checkpoint || tl_checkpoint_save(d->checkpoint, o->checkpoint) == TL_OK);
}

/* ---- The end ---- */

bool demo_reached(demo *d, bool reached, const char *format, ...)
{
    char text[256], line[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    d->reached = reached;
    d->reached_text = strdup(text);
    if (!d->reached_text)
        return tl_fail(TL_ERR_MEMORY, "out of memory") == TL_OK;
    if (reached) {
        snprintf(line, sizeof line, "Goal reached: %s.", text);
        printf("\n");
        print_wrapped(0, line);
    }
    return true;
}

static bool write_csv(demo *d, const char *path)
{
    output to;
    if (!output_open(&to, path))
        return false;
    if (to.file)
        results_write_csv(&d->results, to.file);
    return output_close(&to);
}

static bool write_json(demo *d, const char *path)
{
    output to;
    if (!output_open(&to, path))
        return false;
    if (!to.file)
        return true;
    fprintf(to.file, "{\n  \"demo\": \"%s\",\n  \"settings\": {", d->name);
    flags_write_json(&d->table, to.file);
    fprintf(to.file, "\n  },\n  \"results\": [");
    results_write_json(&d->results, to.file);
    fprintf(to.file, "\n  ],\n  \"goal\": ");
    write_json_text(to.file, d->reached_text ? d->reached_text : "");
    fprintf(to.file, ",\n  \"reached\": %s\n}\n", d->reached ? "true" : "false");
    return output_close(&to);
}

static bool write_files(demo *d)
{
    const demo_options *o = d->options;
    output table = { "standard output", stdout };
    return write_csv(d, o->csv) && write_json(d, o->json) &&
           (!o->svg || series_draw(&d->series, d->x_name, o->svg)) && output_close(&table);
}

int demo_end(demo *d, bool ok)
{
    progress_clear();
    ok = ranks_agree(&d->ranks, ok && write_files(d));
    if (!ok)
        fprintf(stderr, "%s: %s\n", d->name, tl_error());
    else if (!d->reached)
        fprintf(stderr, "%s: the goal is missed: %s\n", d->name,
                d->reached_text ? d->reached_text : "there is none");
    const int status = ok && d->reached ? 0 : 1;
    ranks_free(&d->ranks);
    tl_checkpoint_free(d->checkpoint);
    series_free(&d->series);
    results_free(&d->results);
    free(d->reached_text);
    free_table(d);
    return status;
}
