/* What demos write: files, wrapped text, and a progress line. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* A file to write, unless its path is NULL. On failure the reason is in tl_error(). */
typedef struct output {
    const char *path;
    FILE *file;
} output;
bool output_open(output *out, const char *path);
bool output_close(output *out); /* false if anything was not written */

/* Checks that a file of this name (NULL: none) can be written, and leaves it as it is. */
bool output_check(const char *path);

/* Writes a text as a JSON string. */
void write_json_text(FILE *to, const char *text);

/* Prints words from column `indent` on, where the cursor is, in lines of at most 80 columns. */
void print_wrapped(int indent, const char *text);

/* Rewrite and clear the progress line on stderr, if that is a terminal. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

#endif
