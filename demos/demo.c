/* The frame of a demo. */
#include "demo.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The command line ---- */

static const flag common_flags[] = {
    { "--data", "DIR", NULL, FLAG_TEXT, .at = offsetof(demo_options, data) },
    { "--goal", "X", NULL, FLAG_NUMBER, .at = offsetof(demo_options, goal), .open = true },
    { "--seed", "N", "of all random numbers", FLAG_SEED, .at = offsetof(demo_options, seed), .fixed = true },
    { "--threads", "N", "0: all processors (default $TULLE_NUM_THREADS, or 1)", FLAG_INTEGER,
      .at = offsetof(demo_options, threads), 0, 1024 },
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

/* Joins the demo's own flags and the common ones. */
static bool make_table(demo *d)
{
    flag *table = allocate(d->n_flags + N_COMMON, sizeof *table);
    d->table = (flag_table){ d->name, table, 0, d->options, d->options_size };
    if (!table)
        return false;
    for (int k = 0; k < d->n_flags; k++)
        table[d->table.n++] = d->flag[k];
    for (int k = 0; k < N_COMMON; k++) {
        flag f = common_flags[k];
        if (strcmp(f.name, "--data") == 0 && d->data_is_file)
            f.value = "FILE";
        f.help = f.help ? f.help : strcmp(f.name, "--data") == 0 ? d->data : d->goal;
        if (f.help && (d->x_name || strcmp(f.name, "--svg") != 0))
            table[d->table.n++] = f;
    }
    return true;
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

bool demo_begin(demo *d, int argc, char **argv)
{
    demo_options *o = d->options;
    d->status = 1;
    if (make_table(d)) {
        if (!flags_read(&d->table, argc, argv, print_help, d, &d->status)) {
            free((void *)d->table.flag);
            return false;
        }
        if ((o->threads < 0 || tl_set_num_threads((int)o->threads) == TL_OK) &&
            flags_check_outputs(&d->table) && results_make(&d->results) &&
            (d->checkpoint = tl_checkpoint_new())) {
            o->threads = tl_num_threads();
            return true;
        }
    }
    d->status = demo_end(d, false);
    return false;
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
    return flags_keep(&d->table, d->checkpoint) && (!o->resume || load(d, o->resume));
}

bool demo_save(demo *d)
{
    const demo_options *o = d->options;
    return !o->checkpoint || tl_checkpoint_save(d->checkpoint, o->checkpoint) == TL_OK;
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
    ok = ok && write_files(d);
    if (!ok)
        fprintf(stderr, "%s: %s\n", d->name, tl_error());
    else if (!d->reached)
        fprintf(stderr, "%s: the goal is missed: %s\n", d->name,
                d->reached_text ? d->reached_text : "there is none");
    const int status = ok && d->reached ? 0 : 1;
    tl_checkpoint_free(d->checkpoint);
    series_free(&d->series);
    results_free(&d->results);
    free(d->reached_text);
    free((void *)d->table.flag);
    return status;
}

/* ---- Helpers ---- */

bool graph_failed(const tl_graph *g)
{
    if (tl_graph_status(g) != TL_OK)
        tl_fail(tl_graph_status(g), "%s", tl_graph_error(g));
    return false;
}

void *allocate(int64_t n, size_t size)
{
    void *p = calloc((size_t)n + (n == 0), size);
    if (!p)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    return p;
}

void *larger(void *array, int64_t n, size_t size)
{
    void *p = realloc(array, (size_t)n * size);
    if (!p)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    return p;
}
