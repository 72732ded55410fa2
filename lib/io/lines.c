/* A buffer that is moved along a text file and grows with its longest line. */
#include "lib/io/lines.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <float.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_CAPACITY = 1 << 16 };

/* Doubles the capacity of the buffer, which begins with the current line. */
static tl_status grow(tl_lines *l)
{
    char *larger = tl_alloc(2 * l->capacity + 1, 1);
    if (!larger)
        return tl_fail_memory();
    memcpy(larger, l->buffer, (size_t)l->capacity);
    tl_free(l->buffer);
    l->buffer = larger;
    l->capacity *= 2;
    return TL_OK;
}

/* Reads more of the file into the buffer, after what it has from l->begin on. */
static tl_status read_more(tl_lines *l)
{
    const ptrdiff_t kept = l->filled - l->begin, line = l->end - l->begin, read = l->next - l->begin;
    if (kept == l->capacity) {
        if (grow(l) != TL_OK)
            return tl_last_status();
    } else {
        memmove(l->buffer, l->begin, (size_t)kept);
    }
    l->begin = l->buffer;
    l->end = l->begin + line;
    l->next = l->begin + read;
    l->filled = l->begin + kept;
    const int64_t wanted = l->capacity - kept;
    int64_t got;
    const tl_status status = tl_source_read_some(&l->source, l->filled, wanted, &got);
    l->at_end = got < wanted;
    l->filled += got;
    *l->filled = '\n';
    return status;
}

/* Sets the end of the line to that of the line that begins at l->next. */
static bool find_end(tl_lines *l)
{
    ptrdiff_t searched = l->next - l->begin;
    char *newline;
    while (!(newline = memchr(l->begin + searched, '\n', (size_t)(l->filled - l->begin - searched)))) {
        searched = l->filled - l->begin;
        if (l->at_end)
            break;
        l->status = read_more(l);
        if (l->status != TL_OK)
            return false;
    }
    if (!newline && l->next == l->filled)
        return false;
    char *const end = newline ? newline : l->filled;
    l->number++;
    l->end = end > l->next && end[-1] == '\r' ? end - 1 : end;
    l->next = newline ? newline + 1 : l->filled;
    return true;
}

tl_status tl_lines_open(tl_lines *l, const char *who, const char *path)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t mark_size = sizeof mark - 1;
    *l = (tl_lines){ 0 };
    tl_status status = tl_source_open(&l->source, who, path);
    if (status != TL_OK)
        return status;
    l->capacity = FIRST_CAPACITY;
    l->buffer = l->begin = l->end = l->next = l->filled = tl_alloc(l->capacity + 1, 1);
    status = l->buffer ? read_more(l) : tl_fail_memory();
    if (status != TL_OK)
        return tl_lines_close(l, status);
    if (l->filled - l->next >= (ptrdiff_t)mark_size && memcmp(l->next, mark, mark_size) == 0)
        l->next += mark_size;
    return TL_OK;
}

bool tl_lines_next(tl_lines *l)
{
    l->begin = l->end = l->next;
    if (find_end(l))
        return true;
    l->number++;
    return false;
}

bool tl_lines_join(tl_lines *l)
{
    return find_end(l);
}

tl_status tl_lines_close(tl_lines *l, tl_status status)
{
    status = tl_source_close(&l->source, status);
    tl_free(l->buffer);
    *l = (tl_lines){ 0 };
    return status;
}

tl_status tl_lines_unexpected(const tl_lines *l, const char *format, ...)
{
    char text[TL_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tl_fail(TL_ERR_FORMAT, "%s: %.300s: line %" PRId64 ": %s", l->source.who, l->source.path,
                   l->number, text);
}

tl_found tl_lines_found(const tl_lines *l, const char *at)
{
    enum { MOST = 20 };
    tl_found found = { "the end of the line" };
    if (at >= l->end)
        return found;
    if (*at == ' ' || *at == '\t')
        return (tl_found){ "a blank" };
    int length = snprintf(found.text, sizeof found.text, "\"");
    const char *const begin = at;
    for (; at < l->end && *at != ' ' && *at != '\t' && at - begin < MOST; at++) {
        const char *format = *at >= ' ' && *at <= '~' ? "%c" : "\\x%02x";
        length += snprintf(found.text + length, sizeof found.text - (size_t)length, format,
                           (unsigned)(unsigned char)*at);
    }
    const bool cut = at < l->end && *at != ' ' && *at != '\t';
    snprintf(found.text + length, sizeof found.text - (size_t)length, "%s\"", cut ? "..." : "");
    return found;
}

bool tl_lines_real_or_error(tl_lines *l, const char **s, tl_real *x)
{
    const tl_parsed parsed = tl_parse_real(s, x);
    if (parsed == TL_PARSED)
        return true;
    char largest[TL_NUMBER_SIZE];
    tl_print_real(largest, sizeof *x == sizeof(float) ? (tl_real)FLT_MAX : (tl_real)DBL_MAX);
    l->status = parsed == TL_PARSED_NOTHING
                    ? tl_lines_unexpected(l, "found %s, expected a number", tl_lines_found(l, *s).text)
                    : tl_lines_unexpected(l, "found %s, expected a magnitude of at most %s",
                                          tl_lines_found(l, *s).text, largest);
    return false;
}

bool tl_lines_integer_or_error(tl_lines *l, const char **s, int64_t low, int64_t high, const char *what,
                               int64_t *x)
{
    const char *at = *s;
    const tl_parsed parsed = tl_parse_integer(s, x);
    if (parsed == TL_PARSED && *x >= low && *x <= high)
        return true;
    l->status = tl_lines_unexpected(l, "found %s, expected %s in %" PRId64 "..%" PRId64,
                                    tl_lines_found(l, at).text, what, low, high);
    return false;
}
