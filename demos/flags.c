/* The table of flags. The program keeps the C locale that it starts in, so that printf writes 0.5, not
 * 0,5. */
#include "flags.h"
#include "output.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_AT = 26, TEXT_SIZE = 512 };

static void *place(const flag *f, const void *options)
{
    return (char *)options + f->at;
}

static bool is_text(const flag *f)
{
    return f->kind == FLAG_TEXT || f->kind == FLAG_OUTPUT;
}

/* ---- Values ---- */

/* Parses a plain decimal number: no space before it, no inf, nan or hexadecimal. */
static bool parse_number(const flag *f, const char *text, double *out)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out) && (f->above ? *out > f->least : *out >= f->least) &&
           (f->open || *out <= f->most);
}

static bool parse_natural(const char *text, uint64_t *out)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno == 0;
}

static bool parse_integer(const flag *f, const char *text, int64_t *out)
{
    uint64_t n = 0;
    const bool ok = parse_natural(text, &n) && n >= (uint64_t)f->least && n <= (uint64_t)f->most;
    *out = (int64_t)n;
    return ok;
}

static const char *choice(const flag *f, int64_t k)
{
    return *(const char *const *)(const void *)((const char *)f->choices + (size_t)k * f->stride);
}

static bool parse_choice(const flag *f, const char *text, int64_t *out)
{
    for (*out = 0; choice(f, *out); ++*out)
        if (strcmp(text, choice(f, *out)) == 0)
            return true;
    return false;
}

static int64_t all_choices(const flag *f)
{
    int64_t bits = 0;
    for (int64_t k = 0; choice(f, k); k++)
        bits |= (int64_t)1 << k;
    return bits;
}

/* Copies the next item of a comma-separated list to item[size] and advances *text, to NULL after the last. */
static bool next_item(const char **text, char *item, size_t size)
{
    const size_t length = strcspn(*text, ",");
    if (length >= size)
        return false;
    memcpy(item, *text, length);
    item[length] = '\0';
    *text = (*text)[length] == ',' ? *text + length + 1 : NULL;
    return true;
}

static bool parse_list(const flag *f, const char *text, void *to)
{
    integer_list *integers = to;
    number_list *numbers = to;
    int64_t n = 0;
    char item[32];
    for (; text; n++)
        if (n == LIST_LIMIT || !next_item(&text, item, sizeof item) ||
            !(f->kind == FLAG_INTEGERS ? parse_integer(f, item, &integers->item[n])
                                       : parse_number(f, item, &numbers->item[n])))
            return false;
    if (f->kind == FLAG_INTEGERS)
        integers->n = n;
    else
        numbers->n = n;
    return true;
}

/* The first use of the flag replaces the default. */
static bool parse_choices(const flag *f, const char *text, bool again, int64_t *to)
{
    int64_t bits = 0, at;
    char item[32];
    while (text) {
        if (!next_item(&text, item, sizeof item))
            return false;
        if (strcmp(item, "all") == 0)
            bits |= all_choices(f);
        else if (parse_choice(f, item, &at))
            bits |= (int64_t)1 << at;
        else
            return false;
    }
    *to = again ? *to | bits : bits;
    return true;
}

static bool parse(const flag *f, const char *text, bool again, void *to)
{
    switch (f->kind) {
    case FLAG_TEXT:
    case FLAG_OUTPUT:
        *(const char **)to = text;
        return text[0] != '\0' && (f->kind == FLAG_TEXT || strcmp(text, "-") != 0);
    case FLAG_INTEGER: return parse_integer(f, text, to);
    case FLAG_SEED: return parse_natural(text, to);
    case FLAG_NUMBER: return parse_number(f, text, to);
    case FLAG_CHOICE: return parse_choice(f, text, to);
    case FLAG_CHOICES: return parse_choices(f, text, again, to);
    default: return parse_list(f, text, to);
    }
}

/* ---- Texts ---- */

typedef struct text {
    char at[TEXT_SIZE];
    size_t length;
} text;

static void append(text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(text *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(to->at + to->length, sizeof to->at - to->length, format, arguments);
    va_end(arguments);
    if (n > 0)
        to->length = to->length + (size_t)n < sizeof to->at ? to->length + (size_t)n : sizeof to->at - 1;
}

static void append_choices(text *to, const flag *f, const char *last)
{
    for (int64_t k = 0; choice(f, k); k++)
        append(to, "%s%s", k == 0 ? "" : choice(f, k + 1) || last[0] == '\0' ? ", " : last, choice(f, k));
}

/* Says what a number is to be: "s" in place of "a" in a list. */
static void append_bounds(text *to, const flag *f, bool several)
{
    const char *a = several ? "" : "a ", *s = several ? "s" : "";
    if (f->kind == FLAG_INTEGER || f->kind == FLAG_INTEGERS)
        append(to, "%swhole number%s from %.0f to %.0f", a, s, f->least, f->most);
    else if (f->open)
        append(to, "%snumber%s%s%.9g", a, s, f->above ? " above " : " of at least ", f->least);
    else if (f->above)
        append(to, "%snumber%s above %.9g, at most %.9g", a, s, f->least, f->most);
    else
        append(to, "%snumber%s from %.9g to %.9g", a, s, f->least, f->most);
}

/* Says what a text is, by the value in the flag's help. */
static const char *text_wanted(const flag *f)
{
    return strcmp(f->value, "DIR") == 0    ? "the name of a folder"
           : strcmp(f->value, "FILE") == 0 ? "the name of a file"
           : strcmp(f->value, "NAME") == 0 ? "a name"
           : strcmp(f->value, "TEXT") == 0 ? "a text"
                                           : "a list of words";
}

/* Says what a flag wants, after "needs" or "is not". */
static text wanted(const flag *f)
{
    text to = { .length = 0 };
    switch (f->kind) {
    case FLAG_TEXT:
    case FLAG_OUTPUT: append(&to, "%s", text_wanted(f)); break;
    case FLAG_SEED: append(&to, "a whole number from 0 to %" PRIu64, UINT64_MAX); break;
    case FLAG_CHOICE: append_choices(&to, f, " or "); break;
    case FLAG_CHOICES:
        append(&to, "a list of ");
        append_choices(&to, f, "");
        append(&to, " or all");
        break;
    case FLAG_INTEGERS:
    case FLAG_NUMBERS:
        append(&to, "a list of 1 to %d ", LIST_LIMIT);
        append_bounds(&to, f, true);
        break;
    default: append_bounds(&to, f, false);
    }
    return to;
}

/* A checkpoint may hold any number. */
static const char *name_of(const flag *f, int64_t k)
{
    for (int64_t i = 0; choice(f, i); i++)
        if (i == k)
            return choice(f, i);
    return "unknown";
}

static void append_names(text *to, const flag *f, int64_t bits)
{
    int n = 0;
    if (bits == all_choices(f))
        append(to, "all");
    else
        for (int64_t k = 0; choice(f, k); k++)
            if (bits >> k & 1)
                append(to, "%s%s", n++ > 0 ? "," : "", choice(f, k));
}

/* Writes a value as it is given on the command line. */
static text value_of(const flag *f, const void *options)
{
    const void *from = place(f, options);
    const integer_list *integers = from;
    const number_list *numbers = from;
    text to = { .length = 0 };
    switch (f->kind) {
    case FLAG_TEXT:
    case FLAG_OUTPUT: append(&to, "%s", *(const char *const *)from ? *(const char *const *)from : ""); break;
    case FLAG_SEED: append(&to, "%" PRIu64, *(const uint64_t *)from); break;
    case FLAG_NUMBER: append(&to, "%.9g", *(const double *)from); break;
    case FLAG_CHOICE: append(&to, "%s", name_of(f, *(const int64_t *)from)); break;
    case FLAG_CHOICES: append_names(&to, f, *(const int64_t *)from); break;
    case FLAG_INTEGERS:
        for (int64_t k = 0; k < integers->n && k < LIST_LIMIT; k++)
            append(&to, "%s%" PRId64, k > 0 ? "," : "", integers->item[k]);
        break;
    case FLAG_NUMBERS:
        for (int64_t k = 0; k < numbers->n && k < LIST_LIMIT; k++)
            append(&to, "%s%.9g", k > 0 ? "," : "", numbers->item[k]);
        break;
    default: append(&to, "%" PRId64, *(const int64_t *)from);
    }
    return to;
}

/* ---- Help ---- */

static void print_flag(const char *name, const char *value, const char *help)
{
    const int column = printf("  %s%s%s", name, value[0] ? " " : "", value);
    if (column > HELP_AT - 2)
        printf("\n%*s", HELP_AT, "");
    else
        printf("%*s", HELP_AT - column, "");
    print_wrapped(HELP_AT, help);
}

void flags_print(const flag_table *t)
{
    for (int k = 0; k < t->n; k++) {
        const flag *f = &t->flag[k];
        text help = { .length = 0 };
        append(&help, "%s", f->help);
        if (!is_text(f) && f->kind != FLAG_SWITCH && !strstr(f->help, "default"))
            append(&help, " (default %s)", value_of(f, t->options).at);
        print_flag(f->name, f->value ? f->value : "", help.at);
    }
    print_flag("--help", "", "this text");
}

/* ---- Reading ---- */

static const flag *find_flag(const flag_table *t, const char *argument, size_t length)
{
    for (int k = 0; k < t->n; k++)
        if (strlen(t->flag[k].name) == length && memcmp(t->flag[k].name, argument, length) == 0)
            return &t->flag[k];
    return NULL;
}

static bool refuse(const flag_table *t, const char *what, const char *value, const text *wants)
{
    if (value)
        fprintf(stderr, "%s: %s: '%s' is not %s (see --help)\n", t->program, what, value, wants->at);
    else
        fprintf(stderr, "%s: %s: needs %s (see --help)\n", t->program, what, wants->at);
    return false;
}

/* Reads a flag and its value, which is after '=' or the next argument, and advances *at. */
static bool read_flag(const flag_table *t, char **argv, int *at)
{
    const char *argument = argv[(*at)++], *equals = strchr(argument, '=');
    const size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    const flag *f = find_flag(t, argument, length);
    if (!f || (f->kind == FLAG_SWITCH && equals)) {
        fprintf(stderr,
                f ? "%s: %.*s: takes no value (see --help)\n"
                  : "%s: %.*s: there is no such flag (see --help)\n",
                t->program, (int)length, argument);
        return false;
    }
    bool *given = &t->given[f - t->flag];
    if (f->kind == FLAG_SWITCH) {
        *(int64_t *)place(f, t->options) = *given = true;
        return true;
    }
    const text wants = wanted(f);
    const char *value = equals ? equals + 1 : argv[*at];
    if (!value || (!equals && strncmp(value, "--", 2) == 0))
        return refuse(t, f->name, NULL, &wants);
    *at += !equals;
    if (!parse(f, value, *given, place(f, t->options)))
        return refuse(t, f->name, value, &wants);
    *given = true;
    return true;
}

bool flags_read(const flag_table *t, int argc, char **argv, void (*help)(void *context), void *context,
                int *status)
{
    for (int k = 1; k < argc; k++)
        if (strcmp(argv[k], "--help") == 0) {
            help(context);
            *status = fflush(stdout) == 0 ? 0 : 1;
            return false;
        }
    bool ok = true;
    for (int at = 1; ok && at < argc;)
        ok = read_flag(t, argv, &at);
    *status = ok ? 0 : 2;
    return ok;
}

bool flags_check_outputs(const flag_table *t)
{
    for (int k = 0; k < t->n; k++)
        if (t->flag[k].kind == FLAG_OUTPUT &&
            !output_check(*(const char *const *)place(&t->flag[k], t->options)))
            return false;
    return true;
}

void flags_drop_outputs(const flag_table *t)
{
    for (int k = 0; k < t->n; k++)
        if (t->flag[k].kind == FLAG_OUTPUT)
            *(const char **)place(&t->flag[k], t->options) = NULL;
}

/* ---- JSON ---- */

void flags_write_json(const flag_table *t, FILE *to)
{
    const char *between = "";
    for (int k = 0; k < t->n; k++) {
        const flag *f = &t->flag[k];
        const text value = value_of(f, t->options);
        const bool is_nan = f->kind == FLAG_NUMBER && isnan(*(double *)place(f, t->options));
        fprintf(to, "%s\n    \"", between);
        for (const char *letter = f->name + 2; *letter; letter++)
            fputc(*letter == '-' ? '_' : *letter, to);
        fprintf(to, "\": ");
        if (f->kind == FLAG_INTEGERS || f->kind == FLAG_NUMBERS)
            fprintf(to, "[%s]", value.at);
        else if (is_text(f) || f->kind == FLAG_CHOICE || f->kind == FLAG_CHOICES)
            write_json_text(to, value.at);
        else
            fprintf(to, "%s", is_nan ? "null" : value.at);
        between = ",";
    }
}

/* ---- Checkpoints ---- */

static bool keep(const flag *f, void *from, tl_checkpoint *c)
{
    integer_list *integers = from;
    number_list *numbers = from;
    char name[64];
    if (f->kind == FLAG_NUMBER)
        return tl_checkpoint_add_number(c, f->name, from) == TL_OK;
    if (tl_checkpoint_add_integer(c, f->name, from) != TL_OK) /* of a list, how many there are */
        return false;
    for (int k = 0; k < LIST_LIMIT && (f->kind == FLAG_INTEGERS || f->kind == FLAG_NUMBERS); k++) {
        snprintf(name, sizeof name, "%s/%d", f->name, k);
        if ((f->kind == FLAG_INTEGERS ? tl_checkpoint_add_integer(c, name, &integers->item[k])
                                      : tl_checkpoint_add_number(c, name, &numbers->item[k])) != TL_OK)
            return false;
    }
    return true;
}

static size_t size_of(const flag *f)
{
    return f->kind == FLAG_INTEGERS  ? sizeof(integer_list)
           : f->kind == FLAG_NUMBERS ? sizeof(number_list)
                                     : sizeof(int64_t); /* which a double and a seed have, too */
}

bool flags_keep(const flag_table *t, tl_checkpoint *c)
{
    for (int k = 0; k < t->n; k++)
        if (t->flag[k].fixed && !keep(&t->flag[k], place(&t->flag[k], t->options), c))
            return false;
    return true;
}

bool flags_agree(const flag_table *t, const void *before, const char *path)
{
    for (int k = 0; k < t->n; k++) {
        const flag *f = &t->flag[k];
        if (f->fixed && memcmp(place(f, t->options), place(f, before), size_of(f)) != 0) {
            const text there = value_of(f, t->options), here = value_of(f, before);
            tl_fail(TL_ERR_ARGUMENT, "%s: %s is %s in the file and %s here", path, f->name, there.at,
                    here.at);
            return false;
        }
    }
    return true;
}
