/* The command line of tulle-convert: a table of options, each with its reader, its help and the commands
 * it is of. */
#include "convert_options.h"

#include <stdarg.h>
#include <string.h>

enum { CONVERT = 1 << COMMAND_CONVERT, INFO = 1 << COMMAND_INFO, PLOT = 1 << COMMAND_PLOT };

static bool misused(const char *text, ...)
{
    va_list args;
    fputs("tulle-convert: ", stderr);
    va_start(args, text);
    vfprintf(stderr, text, args);
    va_end(args);
    fputs(" (see tulle-convert --help)\n", stderr);
    return false;
}

/* ---- Readers: false after a message ---- */

static bool read_format(const format **to, const char *value)
{
    *to = format_named(value);
    return *to || misused("no format is called '%s'", value);
}

static bool read_from(options *o, const char *value)
{
    return read_format(&o->from, value);
}

static bool read_to(options *o, const char *value)
{
    return read_format(&o->to, value);
}

static bool read_name(options *o, const char *value)
{
    if (o->n_names == MOST_NAMES)
        return misused("--name takes at most %d arrays", MOST_NAMES);
    o->name[o->n_names++] = value;
    return true;
}

static bool read_type(options *o, const char *value)
{
    for (int e = 0; e < N_ELEMENTS; e++)
        if (strcmp(element_name((element)e), value) == 0) {
            o->element = e;
            return true;
        }
    return misused("--type wants float32, int64 and the like, got '%s'", value);
}

static bool read_order(options *o, const char *value)
{
    o->order = strcmp(value, "file") == 0 ? ORDER_FILE : ORDER_DEGREE;
    return o->order == ORDER_FILE || strcmp(value, "degree") == 0 ||
           misused("--order wants file or degree, got '%s'", value);
}

/* One character, or its name where a shell would not pass it. */
static bool read_separator(options *o, const char *value)
{
    o->settings.separator = strcmp(value, "tab") == 0 || strcmp(value, "\\t") == 0 ? '\t' : value[0];
    return o->settings.separator == '\t' || (value[0] != '\0' && value[1] == '\0') ||
           misused("--separator wants one character or tab, got '%s'", value);
}

static bool read_no_header(options *o, const char *value)
{
    (void)value;
    return o->settings.no_header = true;
}

#define READ_TEXT(field)                                                                                     \
    static bool read_##field(options *o, const char *value)                                                  \
    {                                                                                                        \
        o->field = value;                                                                                    \
        return true;                                                                                         \
    }
READ_TEXT(pattern)
READ_TEXT(svg)
READ_TEXT(x)
READ_TEXT(y)

#define READ_FLAG(field)                                                                                     \
    static bool read_##field(options *o, const char *value)                                                  \
    {                                                                                                        \
        (void)value;                                                                                         \
        return o->field = true;                                                                              \
    }
READ_FLAG(sparse)
READ_FLAG(dense)
READ_FLAG(drop)
READ_FLAG(weights)
READ_FLAG(plain)
READ_FLAG(log)
READ_FLAG(linear)

/* ---- The table ---- */

static const struct {
    const char *name, *value; /* value NULL: a flag */
    int commands;
    bool (*read)(options *o, const char *value);
    const char *help;
} table[] = {
    { "--from", "FORMAT", CONVERT | INFO, read_from, "the format of IN, whatever its name" },
    { "--to", "FORMAT", CONVERT, read_to, "the format of OUT, whatever its name" },
    { "--name", "NAME", CONVERT | INFO, read_name, "only this array; may be repeated" },
    { "--type", "TYPE", CONVERT, read_type, "round values to float32, float16, int32 .." },
    { "--sparse", NULL, CONVERT, read_sparse, "make matrices sparse: without their zeros" },
    { "--dense", NULL, CONVERT, read_dense, "make matrices dense" },
    { "--pattern", "FILE", CONVERT, read_pattern, "make matrices sparse at the entries of this one" },
    { "--drop", NULL, CONVERT, read_drop, "leave out values off the pattern that are not 0" },
    { "--weights", NULL, CONVERT | INFO, read_weights, "of a checkpoint the variables alone" },
    { "--separator", "CHAR", CONVERT | INFO, read_separator,
      "of CSV, of IN if that is CSV (default: a comma, or a tab for .tsv)" },
    { "--no-header", NULL, CONVERT | INFO, read_no_header, "CSV, IN if that is CSV, has no line of names" },
    { "--plain", NULL, INFO, read_plain, "no pictures" },
    { "--svg", "FILE", INFO | PLOT, read_svg, "draw as SVG; - is standard output" },
    { "--order", "ORDER", INFO, read_order,
      "of rows and columns in the SVG: file, or degree (default where large)" },
    { "--x", "NAME", PLOT, read_x, "the field along the x axis (default: step, or epoch)" },
    { "--y", "NAME,..", PLOT, read_y, "the fields to draw (default: all numbers)" },
    { "--log", NULL, PLOT, read_log, "logarithmic y axes (default: from three decades on)" },
    { "--linear", NULL, PLOT, read_linear, "linear y axes" },
};
enum { OPTIONS = sizeof table / sizeof *table };

static void print_help(void)
{
    printf("Usage: tulle-convert [OPTIONS] IN OUT           convert a file\n"
           "       tulle-convert info [OPTIONS] FILE..      tell what is in files, and draw patterns\n"
           "       tulle-convert plot [OPTIONS] RUN.jsonl.. --svg OUT\n"
           "                                                draw curves from logs of runs\n\nOptions:\n");
    for (int k = 0; k < OPTIONS; k++)
        printf("  %-12s%-9s%s%s\n", table[k].name, table[k].value ? table[k].value : "", table[k].help,
               table[k].commands == INFO   ? " (info)"
               : table[k].commands == PLOT ? " (plot)"
                                           : "");
    printf("\nFormats, and the ends of names that tell them (.gz may follow where a file is read):\n");
    for (const format *f = formats; f->name; f++)
        printf("  %-13s%-28s%s%s\n", f->name, f->suffixes, f->what, f->read && f->write ? "" : "; read only");
    printf("\nExit status: 0, 1 if something fails, 2 for a command line that is wrong.\n");
}

/* Reads option `name` and its value, which is after '=' in its argument, or the next one. */
static bool read_option(options *o, char *argument, char **next, int *used)
{
    char *value = strchr(argument, '=');
    const size_t n = value ? (size_t)(value - argument) : strlen(argument);
    int k = 0;
    while (k < OPTIONS && (strlen(table[k].name) != n || strncmp(table[k].name, argument, n) != 0))
        k++;
    if (k == OPTIONS)
        return misused("unknown option %s", argument);
    if (!(table[k].commands & 1 << o->command))
        return misused("%s is not an option of %s", table[k].name,
                       o->command == COMMAND_INFO   ? "info"
                       : o->command == COMMAND_PLOT ? "plot"
                                                    : "a conversion");
    if (!table[k].value && value)
        return misused("%s takes no value", table[k].name);
    value = value ? value + 1 : NULL;
    if (table[k].value && !value) {
        value = *next;
        *used = 1;
    }
    if (table[k].value && !value)
        return misused("%s wants %s", table[k].name, table[k].value);
    return table[k].read(o, value);
}

static bool check(const options *o)
{
    if (o->command == COMMAND_CONVERT && o->n_paths != 2)
        return misused("wants IN and OUT, got %d file%s", o->n_paths, o->n_paths == 1 ? "" : "s");
    if (o->n_paths == 0)
        return misused("%s wants a file", o->command == COMMAND_INFO ? "info" : "plot");
    if (o->command == COMMAND_INFO && o->svg && o->n_paths > 1)
        return misused("--svg draws one file, got %d", o->n_paths);
    if (o->command == COMMAND_PLOT && !o->svg)
        return misused("plot wants --svg OUT");
    if ((o->sparse || o->pattern) && o->dense)
        return misused("--dense goes with neither --sparse nor --pattern");
    if (o->drop && !o->pattern)
        return misused("--drop goes with --pattern");
    return !(o->log && o->linear) || misused("--log and --linear exclude each other");
}

bool options_read(options *o, int argc, char **argv, int *status)
{
    int at = 1;
    bool files_only = false;
    *o = (options){ .element = -1, .path = argv }; /* the paths move to the front of argv */
    *status = 2;
    if (argc > 1 && strcmp(argv[1], "info") == 0)
        o->command = COMMAND_INFO;
    if (argc > 1 && strcmp(argv[1], "plot") == 0)
        o->command = COMMAND_PLOT;
    for (at += o->command != COMMAND_CONVERT; at < argc; at++) {
        int used = 0;
        if (files_only || argv[at][0] != '-' || argv[at][1] == '\0') {
            argv[o->n_paths++] = argv[at];
        } else if (strcmp(argv[at], "--") == 0) {
            files_only = true;
        } else if (strcmp(argv[at], "--help") == 0) {
            print_help();
            *status = 0;
            return false;
        } else if (strcmp(argv[at], "--version") == 0) {
            printf("tulle-convert %s\n", TL_VERSION_STRING);
            *status = 0;
            return false;
        } else if (!read_option(o, argv[at], argv + at + 1, &used)) {
            return false;
        }
        at += used;
    }
    return check(o);
}
