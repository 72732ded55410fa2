/* Files and the progress line. */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
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
