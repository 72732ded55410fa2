/* Files, wrapped text, and the progress line. */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tulle/tulle.h>
#include <unistd.h>

bool output_open(output *out, const char *path)
{
    *out = (output){ path, path ? fopen(path, "w") : NULL };
    if (path && !out->file)
        tl_fail(TL_ERR_IO, "%s: %s", path, strerror(errno));
    return !path || out->file;
}

bool output_close(output *out)
{
    if (!out->file)
        return true;
    errno = 0;
    bool ok = fflush(out->file) == 0 && !ferror(out->file);
    int reason = errno;
    if (fclose(out->file) != 0 && ok) {
        ok = false;
        reason = errno;
    }
    out->file = NULL;
    if (!ok)
        tl_fail(TL_ERR_IO, "%s: %s", out->path, reason ? strerror(reason) : "incomplete write");
    return ok;
}

/* Returns 0 if a file can be made where there is none, otherwise errno. */
static int check_folder(const char *path)
{
    char *folder = strdup(path);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        slash[slash == folder] = '\0'; /* of "/file" the slash stays */
    const int reason = folder && access(slash ? folder : ".", W_OK | X_OK) == 0 ? 0 : errno;
    free(folder);
    return reason;
}

bool output_check(const char *path)
{
    struct stat is;
    int reason = 0;
    if (path && stat(path, &is) != 0)
        reason = errno == ENOENT ? check_folder(path) : errno;
    else if (path)
        reason = S_ISDIR(is.st_mode) ? EISDIR : access(path, W_OK) == 0 ? 0 : errno;
    if (reason)
        tl_fail(TL_ERR_IO, "%s: %s", path, strerror(reason));
    return reason == 0;
}

void write_json_text(FILE *to, const char *words)
{
    fputc('"', to);
    for (; *words; words++)
        if (*words == '"' || *words == '\\')
            fprintf(to, "\\%c", *words);
        else if ((unsigned char)*words < 0x20)
            fprintf(to, "\\u%04x", (unsigned)*words);
        else
            fputc(*words, to);
    fputc('"', to);
}

enum { COLUMNS = 80 };

void print_wrapped(int indent, const char *words)
{
    int column = indent;
    while (*words) {
        const int length = (int)strcspn(words, " ");
        const bool first = column == indent;
        if (!first && column + 1 + length > COLUMNS) {
            printf("\n%*s%.*s", indent, "", length, words);
            column = indent + length;
        } else {
            printf("%s%.*s", first ? "" : " ", length, words);
            column += length + !first;
        }
        words += length;
        words += strspn(words, " ");
    }
    printf("\n");
}

static int progress_length;

void progress(const char *format, ...)
{
    if (!isatty(STDERR_FILENO))
        return;
    progress_clear();
    va_list arguments;
    va_start(arguments, format);
    progress_length = vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
}

void progress_clear(void)
{
    if (progress_length > 0)
        fprintf(stderr, "\r%*s\r", progress_length, "");
    progress_length = 0;
}
