/* Splits CSV into fields, in the buffer of its lines. */
#include "lib/io/csv_records.h"
#include "lib/io/entries.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_FIELDS = 1 << 24 };

tl_status tl_csv_records_open(tl_csv_records *r, const char *who, const char *path, char separator)
{
    *r = (tl_csv_records){ .separator = separator };
    return tl_lines_open(&r->lines, who, path);
}

tl_status tl_csv_records_close(tl_csv_records *r, tl_status status)
{
    status = tl_lines_close(&r->lines, status);
    tl_free(r->field);
    *r = (tl_csv_records){ 0 };
    return status;
}

tl_found tl_csv_found(const tl_csv_records *r, ptrdiff_t begin, ptrdiff_t end)
{
    enum { MOST = 20 };
    tl_found found = { "\"" };
    int length = 1;
    const char *at = r->lines.begin + begin;
    for (ptrdiff_t k = 0; k < end - begin && k < MOST; k++)
        length += snprintf(found.text + length, sizeof found.text - (size_t)length,
                           at[k] >= ' ' && at[k] <= '~' ? "%c" : "\\x%02x", (unsigned)(unsigned char)at[k]);
    snprintf(found.text + length, sizeof found.text - (size_t)length, "%s\"",
             end - begin > MOST ? "..." : "");
    return found;
}

/* Records that bytes from `at` on are wrong in the field that is being read. */
static tl_status unexpected(tl_csv_records *r, ptrdiff_t at, const char *expected)
{
    const tl_lines *l = &r->lines;
    return tl_lines_unexpected(l, "column %" PRId32 ": found %s, expected %s", r->n + 1,
                               tl_csv_found(r, at, l->end - l->begin).text, expected);
}

/* Appends the next line to the current one, in a field whose quote is not closed. */
static tl_status join(tl_csv_records *r)
{
    if (tl_lines_join(&r->lines))
        return TL_OK;
    if (r->lines.status != TL_OK)
        return r->lines.status;
    r->lines.number = r->begun;
    return tl_lines_unexpected(
        &r->lines, "column %" PRId32 ": found no closing quote up to the end of the file", r->n + 1);
}

/* Reads a field whose opening quote is at *at, and moves *at to the separator after it or the end of the
 * line. The bytes between the quotes move together, without the second of two quotes. */
static tl_status read_quoted(tl_csv_records *r, ptrdiff_t *at, tl_csv_field *f)
{
    tl_lines *l = &r->lines;
    ptrdiff_t from = *at + 1, to = from;
    *f = (tl_csv_field){ .begin = from, .quoted = true };
    for (;;) {
        const ptrdiff_t end = l->end - l->begin;
        const char *quote = memchr(l->begin + from, '"', (size_t)(end - from));
        const ptrdiff_t stop = quote ? quote - l->begin : end;
        if (quote && stop + 1 < end && quote[1] != '"' && quote[1] != r->separator)
            return unexpected(r, stop + 1, "a separator after the closing quote");
        const ptrdiff_t n = stop - from;
        if (!quote && join(r) != TL_OK)
            return tl_last_status();
        const bool doubled = quote && stop + 1 < end && l->begin[stop + 1] == '"';
        const ptrdiff_t more = doubled || !quote ? 1
                                                 : 0; /* a quote, or the first byte of the end of a line */
        memmove(l->begin + to, l->begin + from, (size_t)(n + more));
        to += n + more;
        from = stop + (doubled ? 2 : 1);
        if (quote && !doubled) {
            f->end = to;
            *at = stop + 1;
            return TL_OK;
        }
    }
}

static tl_status read_plain(tl_csv_records *r, ptrdiff_t *at, tl_csv_field *f)
{
    const tl_lines *l = &r->lines;
    const char *s = l->begin + *at;
    for (; s < l->end && *s != r->separator; s++)
        if (*s == '"')
            return unexpected(r, *at, "no quote within a field that does not begin with one");
    *f = (tl_csv_field){ *at, s - l->begin, false };
    *at = f->end;
    return TL_OK;
}

/* Makes space for one more field. */
static tl_status grow(tl_csv_records *r)
{
    enum { FIRST_CAPACITY = 32 };
    const int32_t capacity = r->n > 0 ? 2 * r->n : FIRST_CAPACITY;
    if (r->n == MOST_FIELDS)
        return tl_lines_unexpected(&r->lines, "found more than %d fields", MOST_FIELDS);
    tl_csv_field *larger = tl_resized(r->field, r->n, capacity, sizeof *larger);
    if (!larger)
        return tl_fail_memory();
    r->field = larger;
    r->capacity = capacity;
    return TL_OK;
}

static tl_status read_fields(tl_csv_records *r)
{
    const tl_lines *l = &r->lines;
    for (ptrdiff_t at = 0;; at++) {
        tl_status status = r->n == r->capacity ? grow(r) : TL_OK;
        if (status != TL_OK)
            return status;
        tl_csv_field *f = &r->field[r->n];
        status = at < l->end - l->begin && l->begin[at] == '"' ? read_quoted(r, &at, f)
                                                               : read_plain(r, &at, f);
        if (status != TL_OK)
            return status;
        r->n++;
        if (at == l->end - l->begin)
            return TL_OK;
    }
}

bool tl_csv_records_next(tl_csv_records *r)
{
    tl_lines *l = &r->lines;
    r->n = 0;
    do
        if (!tl_lines_next(l)) {
            r->status = l->status;
            return false;
        }
    while (l->begin == l->end);
    r->begun = l->number;
    r->status = read_fields(r);
    return r->status == TL_OK;
}
