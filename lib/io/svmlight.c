/* Reads svmlight files. Rows are gathered with the ids of the file, and become a batch once the base and the
 * number of features are known. Memory is taken as rows arrive. */
#include "svmlight.h"
#include "lib/check.h"
#include "lib/io/entries.h"
#include "lib/io/lines.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct row {
    tl_real label;
    int64_t qid, line;
} row;

typedef enum has_qid { UNKNOWN, ABSENT, PRESENT } has_qid;

/* All options are decided by the caller or by the first batch. */
struct tl_svmlight_stream {
    tl_lines lines;
    char *path;
    tl_status status; /* the first error */
    char error[TL_ERROR_SIZE];
    tl_svmlight_base base;
    int64_t features;
    bool has_features;                 /* decided */
    bool base_stated, features_stated; /* by the caller */
    has_qid has_qid;
    /* the batch */
    row *row;
    int64_t n, capacity;           /* rows */
    tl_entries entries;            /* with ids as columns */
    int64_t largest, largest_line; /* the largest id, -1 if there is none, and its line */
    int64_t zero_line;             /* of an id 0; 0 if there is none */
};

/* ---- A row ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Returns whether a row may end at s: at the end of the line or at a comment. */
static bool at_row_end(const tl_lines *l, const char *s)
{
    return s == l->end || *s == '#';
}

/* Checks that what was parsed ends at s. */
static bool check_separated(tl_lines *l, const char *s)
{
    if (is_blank(*s) || at_row_end(l, s))
        return true;
    l->status = tl_lines_unexpected(l, "found %s, expected a blank", tl_lines_found(l, s).text);
    return false;
}

/* Moves on to the next line with a row, and *s to its label. False at the end of the file, and on an
 * error. */
static bool next_row(tl_lines *l, const char **s)
{
    while (tl_lines_next(l)) {
        *s = tl_skip_blanks(l->begin);
        if (!at_row_end(l, *s))
            return true;
    }
    return false;
}

/* Parses the qid at *s, or none, and moves *s past it. */
static bool parse_qid(tl_svmlight_stream *t, const char **s, int64_t *qid)
{
    static const char name[] = "qid:";
    const size_t length = sizeof name - 1;
    tl_lines *const l = &t->lines;
    const char *const begin = *s;
    const has_qid found = strncmp(begin, name, length) == 0 ? PRESENT : ABSENT;
    if (t->has_qid == UNKNOWN)
        t->has_qid = found;
    if (t->has_qid != found) {
        l->status = tl_lines_unexpected(l, "found %s, expected %s qid, as in the rows before",
                                        tl_lines_found(l, begin).text, found == PRESENT ? "no" : "a");
        return false;
    }
    *qid = 0;
    if (found == ABSENT)
        return true;
    *s += length;
    return tl_lines_integer(l, s, INT64_MIN, INT64_MAX, "a qid", qid) && check_separated(l, *s);
}

/* Parses "id:value" at *s, moves *s past it and adds the entry to the last row. */
static bool parse_entry(tl_svmlight_stream *t, const char **s)
{
    tl_lines *const l = &t->lines;
    const char *const begin = *s;
    int64_t id;
    tl_real value;
    if (!tl_lines_integer(l, s, 0, INT32_MAX, "an id", &id))
        return false;
    if (**s != ':') {
        l->status = tl_lines_unexpected(l, "found %s, expected id:value", tl_lines_found(l, begin).text);
        return false;
    }
    ++*s;
    if (!tl_lines_real(l, s, &value) || !check_separated(l, *s))
        return false;
    if (t->entries.n == INT32_MAX) {
        l->status = tl_lines_unexpected(l, "found more than %d entries, expected at most as many", INT32_MAX);
        return false;
    }
    if (!tl_entries_add(&t->entries, (int32_t)(t->n - 1), (int32_t)id, value)) {
        l->status = tl_fail_memory();
        return false;
    }
    if (id > t->largest) {
        t->largest = id;
        t->largest_line = l->number;
    }
    if (id == 0)
        t->zero_line = l->number;
    return true;
}

/* Makes space for one more row. */
static bool add_row(tl_svmlight_stream *t)
{
    if (t->n == t->capacity) {
        const int64_t capacity = t->n > 0 ? 2 * t->n : 256;
        row *rows = tl_resized(t->row, t->n, capacity, sizeof *rows);
        if (!rows) {
            t->lines.status = tl_fail_memory();
            return false;
        }
        t->row = rows;
        t->capacity = capacity;
    }
    t->row[t->n++].line = t->lines.number;
    return true;
}

/* Parses the row that begins at s. */
static bool parse_row(tl_svmlight_stream *t, const char *s)
{
    tl_lines *const l = &t->lines;
    if (!add_row(t))
        return false;
    row *const r = t->row + t->n - 1;
    if (!tl_lines_real(l, &s, &r->label) || !check_separated(l, s))
        return false;
    s = tl_skip_blanks(s);
    if (!parse_qid(t, &s, &r->qid))
        return false;
    for (s = tl_skip_blanks(s); !at_row_end(l, s); s = tl_skip_blanks(s))
        if (!parse_entry(t, &s))
            return false;
    return true;
}

/* Parses up to n rows. */
static tl_status read_rows(tl_svmlight_stream *t, int64_t n)
{
    const char *s;
    t->n = t->entries.n = 0;
    t->largest = -1;
    t->zero_line = 0;
    while (t->n < n && next_row(&t->lines, &s))
        if (!parse_row(t, s))
            break;
    return t->lines.status;
}

/* ---- A batch ---- */

/* Decides what is open yet, and checks that all ids are features. */
static tl_status check_ids(tl_svmlight_stream *t)
{
    static const char told_by_first[] = ", as in the first batch: an option can say otherwise";
    if (t->base == TL_SVMLIGHT_DETECT && t->largest >= 0)
        t->base = t->zero_line > 0 ? TL_SVMLIGHT_FROM_0 : TL_SVMLIGHT_FROM_1;
    const bool from_0 = t->base == TL_SVMLIGHT_FROM_0, is_first = !t->has_features;
    const int64_t needed = t->largest + from_0;
    if (t->zero_line > 0 && !from_0) {
        t->lines.number = t->zero_line;
        return tl_lines_unexpected(&t->lines, "found id 0, expected ids from 1%s",
                                   t->base_stated ? "" : told_by_first);
    }
    if (is_first)
        t->features = needed <= 0 ? 0 : needed < INT32_MAX ? needed : INT32_MAX;
    if (needed > t->features) {
        t->lines.number = t->largest_line;
        return tl_lines_unexpected(&t->lines, "found id %" PRId64 ", expected %d..%" PRId64 "%s", t->largest,
                                   !from_0, t->features - from_0,
                                   is_first || t->features_stated ? "" : told_by_first);
    }
    t->has_features = true;
    if (!from_0)
        for (int64_t k = 0; k < t->entries.n; k++)
            t->entries.entry[k].col--;
    return TL_OK;
}

static tl_status sort_ids(tl_svmlight_stream *t)
{
    if (!tl_entries_sort(&t->entries))
        return tl_fail_memory();
    if (t->entries.repeats == 0)
        return TL_OK;
    for (int64_t k = 1; k < t->entries.n; k++) {
        const tl_entry *const e = t->entries.entry + k;
        if (e->col == e[-1].col && e->row == e[-1].row) {
            t->lines.number = t->row[e->row].line;
            return tl_lines_unexpected(&t->lines, "found id %" PRId64 " twice, expected different ids",
                                       e->col + (int64_t)(t->base == TL_SVMLIGHT_FROM_1));
        }
    }
    return TL_OK;
}

/* Makes a batch of the rows. */
static tl_status make_batch(tl_svmlight_stream *t, tl_svmlight *out)
{
    tl_status status = check_ids(t);
    if (status == TL_OK)
        status = sort_ids(t);
    if (status != TL_OK)
        return status;
    out->rows = t->n;
    out->features = t->features;
    out->base = t->base != TL_SVMLIGHT_FROM_0;
    out->labels = tl_alloc(t->n, sizeof *out->labels);
    if (t->has_qid == PRESENT)
        out->qid = tl_alloc(t->n, sizeof *out->qid);
    if (!out->labels || (t->has_qid == PRESENT && !out->qid))
        return tl_fail_memory();
    for (int64_t i = 0; i < t->n; i++)
        out->labels[i] = t->row[i].label;
    if (out->qid)
        for (int64_t i = 0; i < t->n; i++)
            out->qid[i] = t->row[i].qid;
    out->pattern = tl_entries_to_pattern(&t->entries, t->n, t->features, &out->values);
    return out->pattern ? TL_OK : tl_last_status();
}

void tl_svmlight_free(tl_svmlight *data)
{
    if (!data)
        return;
    tl_pattern_release(data->pattern);
    tl_free(data->values);
    tl_free(data->labels);
    tl_free(data->qid);
    *data = (tl_svmlight){ 0 };
}

/* ---- Streams ---- */

static tl_status check_options(const char *who, const tl_svmlight_options *o)
{
    if (o->features < 0 || o->features > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "%s: features %" PRId64 " is not in 0..%d", who, o->features,
                       INT32_MAX);
    if (o->base < TL_SVMLIGHT_DETECT || o->base > TL_SVMLIGHT_FROM_1)
        return tl_fail(TL_ERR_ARGUMENT, "%s: base %d is not a tl_svmlight_base", who, (int)o->base);
    return tl_check_reserved(who, o, offsetof(tl_svmlight_options, reserved1), sizeof *o);
}

static tl_status open_stream(tl_svmlight_stream *t, const char *who, const char *path,
                             const tl_svmlight_options *options)
{
    const tl_svmlight_options o = options ? *options : (tl_svmlight_options){ 0 };
    if (check_options(who, &o) != TL_OK)
        return tl_last_status();
    *t = (tl_svmlight_stream){
        .base = o.base,
        .features = o.features,
        .has_features = o.features > 0,
        .base_stated = o.base != TL_SVMLIGHT_DETECT,
        .features_stated = o.features > 0,
    };
    return tl_lines_open(&t->lines, who, path);
}

static tl_status close_stream(tl_svmlight_stream *t, tl_status status)
{
    status = tl_lines_close(&t->lines, status);
    tl_free(t->row);
    tl_entries_free(&t->entries);
    return status;
}

tl_status tl_svmlight_read(const char *path, const tl_svmlight_options *options, tl_svmlight *out)
{
    if (out)
        *out = (tl_svmlight){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "svmlight_read: %s is NULL", path ? "out" : "path");
    tl_svmlight_stream t;
    tl_status status = open_stream(&t, "svmlight_read", path, options);
    if (status != TL_OK)
        return status;
    status = read_rows(&t, INT32_MAX);
    const char *s;
    if (status == TL_OK && t.n == INT32_MAX && next_row(&t.lines, &s))
        status = tl_lines_unexpected(&t.lines, "found more than %d rows, expected at most as many",
                                     INT32_MAX);
    if (status == TL_OK)
        status = make_batch(&t, out);
    status = close_stream(&t, status);
    if (status != TL_OK)
        tl_svmlight_free(out);
    return status;
}

tl_svmlight_stream *tl_svmlight_open(const char *path, const tl_svmlight_options *options)
{
    if (!path) {
        tl_fail(TL_ERR_ARGUMENT, "svmlight_open: path is NULL");
        return NULL;
    }
    const size_t size = strlen(path) + 1;
    tl_svmlight_stream *t = tl_alloc(1, sizeof *t);
    char *copy = tl_alloc((int64_t)size, 1);
    if (!t || !copy)
        tl_fail_memory();
    else if (open_stream(t, "svmlight_open", memcpy(copy, path, size), options) == TL_OK) {
        t->lines.source.who = "svmlight_next";
        t->path = copy;
        return t;
    }
    tl_free(t);
    tl_free(copy);
    return NULL;
}

tl_status tl_svmlight_next(tl_svmlight_stream *s, int64_t n, tl_svmlight *batch)
{
    tl_svmlight_free(batch);
    if (!s && tl_last_status() != TL_OK) /* tl_svmlight_open's, which has failed */
        return tl_last_status();
    if (!s || !batch)
        return tl_fail(TL_ERR_ARGUMENT, "svmlight_next: %s is NULL", s ? "batch" : "s");
    if (n < 1 || n > INT32_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "svmlight_next: n %" PRId64 " is not in 1..%d", n, INT32_MAX);
    if (s->status != TL_OK)
        return tl_fail(s->status, "%s", s->error);
    s->status = read_rows(s, n);
    if (s->status == TL_OK && s->n > 0)
        s->status = make_batch(s, batch);
    if (s->status != TL_OK) {
        snprintf(s->error, sizeof s->error, "%s", tl_error());
        tl_svmlight_free(batch);
    }
    return s->status;
}

void tl_svmlight_close(tl_svmlight_stream *s)
{
    if (!s)
        return;
    char *const path = s->path;
    close_stream(s, TL_OK);
    tl_free(path);
    tl_free(s);
}
