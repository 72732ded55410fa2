/* The command line of a demo: a table of flags, from which follow the parser, the text of --help, the
 * settings in JSON, and what a checkpoint has to agree with. */
#ifndef FLAGS_H
#define FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <tulle/tulle.h>

typedef enum flag_kind {
    FLAG_TEXT,     /* const char *, not empty; NULL: not given */
    FLAG_OUTPUT,   /* likewise: the name of a file to write, and not "-" */
    FLAG_INTEGER,  /* int64_t, from least to most, neither of them negative */
    FLAG_SEED,     /* uint64_t */
    FLAG_NUMBER,   /* double, from least to most */
    FLAG_SWITCH,   /* int64_t: 1 if given; has no value */
    FLAG_CHOICE,   /* int64_t: the place of a name among the choices */
    FLAG_CHOICES,  /* int64_t: a list of names, a bit each, or "all"; a repeated flag adds to it */
    FLAG_INTEGERS, /* integer_list, each from least to most */
    FLAG_NUMBERS   /* number_list, likewise */
} flag_kind;

enum { LIST_LIMIT = 8 };

typedef struct integer_list {
    int64_t n, item[LIST_LIMIT];
} integer_list;

typedef struct number_list {
    int64_t n;
    double item[LIST_LIMIT];
} number_list;

typedef struct flag {
    const char *name, *value; /* "--rank", "N" */
    const char *help;         /* the default is appended, unless there is none or the text tells it */
    flag_kind kind;
    size_t at; /* of the value in the options */
    double least, most;
    bool above; /* of numbers: least itself is too small */
    bool open;  /* of numbers: there is no most */
    bool fixed; /* a run that is resumed must have the same */
    /* An array of names, or of structures that begin with one; the name after the last is NULL. */
    const void *choices;
    size_t stride; /* of an element */
} flag;

typedef struct flag_table {
    const char *program;
    const flag *flag;
    int n;
    void *options; /* with the defaults, until flags_read */
    size_t size;   /* of the options */
    bool *given;   /* of each flag, from flags_read on: whether the command line has it */
} flag_table;

/* Reads "--flag value" and "--flag=value" into the options. Returns false if the program must exit with
 * *status: 0 for --help, having called `help`, and 2 after an error message on stderr. */
bool flags_read(const flag_table *t, int argc, char **argv, void (*help)(void *context), void *context,
                int *status);

/* Prints the flags with their help, and --help. */
void flags_print(const flag_table *t);

/* Writes the members of a JSON object: the value of each flag. */
void flags_write_json(const flag_table *t, FILE *to);

/* Checks that every file to write can be written. False with the reason in tl_error(). */
bool flags_check_outputs(const flag_table *t);

/* Makes all files to write as if they had not been given. */
void flags_drop_outputs(const flag_table *t);

/* Adds the fixed flags to a checkpoint, and after a load compares them with the options as they were before
 * it. Both return false with the reason in tl_error(). */
bool flags_keep(const flag_table *t, tl_checkpoint *c);
bool flags_agree(const flag_table *t, const void *before, const char *path);

#endif
