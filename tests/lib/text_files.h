/* Text files that a test writes, plain or gzipped, for one reader. */
#ifndef TL_TEXT_FILES_H
#define TL_TEXT_FILES_H

#include "tests/lib/files.h"

#include <stdarg.h>

static inline void put_text(int packing, const char *text)
{
    put_packed(packing, (const unsigned char *)text, strlen(text));
}

/* Returns the error text of the reader `who` about the file at `path`. */
static inline const char *error_of(const char *who, const char *format, ...)
{
    static char text[1200];
    va_list args;
    int n = snprintf(text, sizeof text, "%s: %s: ", who, path);
    va_start(args, format);
    vsnprintf(text + n, sizeof text - (size_t)n, format, args);
    va_end(args);
    return text;
}

static inline void make_file(void)
{
    make_path(path, sizeof path);
}

static inline void remove_file(void)
{
    unlink(path);
}

/* Sets to[size] to the path of real data, next to the directory of MNIST's files. False, and says so, if
 * there is none. */
static inline bool find_data(char *to, size_t size, const char *file)
{
    const char *folder = getenv("TULLE_DATA");
    snprintf(to, size, "%s/../%s", folder ? folder : TL_SOURCE_ROOT "/../shared/data/digits", file);
    const bool found = access(to, R_OK) == 0;
    if (!found)
        printf("skipped: no %s\n", to);
    return found;
}

#endif
