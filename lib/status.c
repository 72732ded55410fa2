/* The last error of each thread. */
#include "lib/status_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[TL_ERROR_SIZE];
static _Thread_local tl_status last = TL_OK;
static _Thread_local uint64_t errors;

const char *tl_error(void)
{
    return text;
}

tl_status tl_last_status(void)
{
    return last;
}

tl_status tl_fail(tl_status status, const char *format, ...)
{
    char fresh[TL_ERROR_SIZE]; /* the arguments may contain tl_error() itself */
    va_list args;
    va_start(args, format);
    fresh[0] = '\0';
    if (format)
        vsnprintf(fresh, sizeof fresh, format, args);
    va_end(args);
    memcpy(text, fresh, sizeof text);
    errors++;
    return last = status;
}

tl_status tl_fail_memory(void)
{
    return tl_fail(TL_ERR_MEMORY, "out of memory");
}

uint64_t tl_error_count(void)
{
    return errors;
}

tl_status tl_fail_default(tl_status status, uint64_t before)
{
    return status != TL_OK && errors == before ? tl_fail(status, "%s", tl_status_name(status)) : status;
}

const char *tl_status_name(tl_status status)
{
    static const char *const name[] = { "TL_OK",         "TL_ERR_MEMORY",   "TL_ERR_SHAPE",   "TL_ERR_KIND",
                                        "TL_ERR_INDEX",  "TL_ERR_ARGUMENT", "TL_ERR_NUMERIC", "TL_ERR_IO",
                                        "TL_ERR_FORMAT", "TL_ERR_PEER" };
    unsigned k = (unsigned)status;
    return k < sizeof name / sizeof *name ? name[k] : "unknown tl_status";
}
