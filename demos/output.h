/* What demos write to: files, and a progress line. */
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

/* Rewrite and clear the progress line on stderr, if that is a terminal. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

#endif
