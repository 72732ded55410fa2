/* The command line of a demo, and the parsers of values. */
#include "flags.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Parsers of values ---- */

bool parse_real(const char *text, double *out)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool parse_natural(const char *text, uint64_t *out)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno == 0;
}

bool parse_integer(const char *text, int64_t least, int64_t most, int64_t *out)
{
    uint64_t n = 0;
    bool ok = parse_natural(text, &n) && n >= (uint64_t)least && n <= (uint64_t)most;
    *out = (int64_t)n;
    return ok;
}

bool next_item(const char **text, char *item, size_t size)
{
    size_t length = strcspn(*text, ",");
    if (length >= size)
        return false;
    memcpy(item, *text, length);
    item[length] = '\0';
    *text = (*text)[length] == ',' ? *text + length + 1 : NULL;
    return true;
}

/* ---- Flags ---- */

void flags_print(const flag *flags, int n_flags)
{
    for (int k = 0; k < n_flags; k++)
        printf("  %-15s %-7s  %s\n", flags[k].name, flags[k].value, flags[k].help);
    printf("  %-15s %-7s  this text\n", "--help", "");
}

static const flag *find_flag(const command_line *c, const char *argument, size_t length)
{
    for (int k = 0; k < c->n_flags; k++)
        if (strlen(c->flags[k].name) == length && memcmp(c->flags[k].name, argument, length) == 0)
            return &c->flags[k];
    return NULL;
}

static bool read_value(const flag *f, void *options, const char *value)
{
    void *to = (char *)options + f->at;
    switch (f->kind) {
    case FLAG_NAME: *(const char **)to = value; return value[0] != '\0';
    case FLAG_INTEGER: return parse_integer(value, f->least, f->most, to);
    case FLAG_SEED: return parse_natural(value, to);
    case FLAG_POSITIVE: return parse_real(value, to) && *(double *)to > 0;
    case FLAG_OWN: break;
    }
    return f->read(options, value);
}

/* Reads a flag and its value, which is after '=' or the next argument, and advances *at. */
static bool read_flag(const command_line *c, void *options, char **argv, int *at)
{
    const char *argument = argv[(*at)++], *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    const flag *f = find_flag(c, argument, length);
    if (!f) {
        fprintf(stderr, "%s: %.*s: there is no such flag (see --help)\n", c->program, (int)length, argument);
        return false;
    }
    const char *value = equals ? equals + 1 : argv[*at];
    if (!value || (!equals && strncmp(value, "--", 2) == 0)) {
        fprintf(stderr, "%s: %s: needs %s (see --help)\n", c->program, f->name, f->wants);
        return false;
    }
    *at += !equals;
    if (!read_value(f, options, value)) {
        fprintf(stderr, "%s: %s: '%s' is not %s (see --help)\n", c->program, f->name, value, f->wants);
        return false;
    }
    return true;
}

bool flags_read(const command_line *c, int argc, char **argv, void *options, int *status)
{
    for (int at = 1; at < argc;) {
        if (strcmp(argv[at], "--help") == 0) {
            c->print_help();
            *status = fflush(stdout) == 0 ? 0 : 1;
            return false;
        }
        if (!read_flag(c, options, argv, &at)) {
            *status = 2;
            return false;
        }
    }
    return true;
}
