/* The command line of a demo: a table of flags, each with its parser, its help and a description of valid
 * values. */
#ifndef FLAGS_H
#define FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum flag_kind {
    FLAG_OWN,      /* what `read` makes of it */
    FLAG_NAME,     /* const char *: any text but an empty one */
    FLAG_INTEGER,  /* int64_t: least to most, neither of them negative */
    FLAG_SEED,     /* uint64_t */
    FLAG_POSITIVE, /* double: above 0 */
} flag_kind;

typedef struct flag {
    const char *name, *value, *help, *wants;
    flag_kind kind;
    size_t at; /* where the value is in the options; FLAG_OWN: not used */
    int64_t least, most;
    bool (*read)(void *options, const char *value); /* false: the value is not what the flag wants */
} flag;

typedef struct command_line {
    const char *program;
    const flag *flags;
    int n_flags;
    void (*print_help)(void);
} command_line;

/* Reads "--flag value" and "--flag=value". Returns false if the program must exit with *status: 0 after
 * --help, 2 after an error message on stderr. */
bool flags_read(const command_line *c, int argc, char **argv, void *options, int *status);

/* Prints a line per flag, and one for --help. */
void flags_print(const flag *flags, int n_flags);

/* ---- For a `read` ---- */

/* Parses a plain decimal number: no space before it, no inf, nan or hexadecimal. */
bool parse_real(const char *text, double *out);

/* Parses a whole number of digits only. */
bool parse_integer(const char *text, int64_t least, int64_t most, int64_t *out);

/* Copies the next item of a comma-separated list to item[size] and advances *text, to NULL after the last. */
bool next_item(const char **text, char *item, size_t size);

#endif
