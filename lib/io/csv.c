/* Reads CSV into columns. */
#include "csv.h"
#include "lib/io/csv_private.h"
#include "lib/io/csv_records.h"
#include "lib/io/entries.h"
#include "lib/io/number.h"
#include "lib/io/texts.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A column of the file. */
typedef struct column {
    tl_csv_kind kind;
    bool is_chosen;  /* by the options */
    tl_real *number; /* [capacity of the stream] of this batch, or NULL */
    int32_t *id;
    tl_texts texts;
} column;

/* Names and texts, which outlive the stream in what tl_csv_read returns. */
struct tl_csv_texts {
    int32_t n;      /* columns of the file */
    char **name;    /* [n] */
    column *column; /* [n] */
};

struct tl_csv_stream {
    const char *who;
    char *path, *missing_text; /* copies of the caller's */
    tl_csv_options o;          /* its pointers are valid while the stream is opened */
    tl_csv_records records;
    bool has_record; /* the first, which is still to be stored */
    struct tl_csv_texts *texts;
    int64_t rows, capacity; /* of this batch */
    tl_status status;       /* the first error */
    char error[TL_ERROR_SIZE];
};

/* Records that column k has this, and not what was expected. */
static tl_status unexpected(const tl_csv_stream *s, int32_t k, const char *what, const char *expected)
{
    const char *name = s->o.no_header ? "" : s->texts->name[k];
    return tl_lines_unexpected(&s->records.lines, "column %" PRId32 "%s%.60s%s: found %s, expected %s", k + 1,
                               *name ? " (" : "", name, *name ? ")" : "", what, expected);
}

/* ---- Storing fields ---- */

static bool resize(column *c, int64_t n, int64_t capacity)
{
    if (c->kind == TL_CSV_SKIP)
        return true;
    void *larger = c->kind == TL_CSV_ID
                       ? tl_resized(c->id, c->id ? n : 0, capacity, sizeof *c->id)
                       : tl_resized(c->number, c->number ? n : 0, capacity, sizeof *c->number);
    if (larger && c->kind == TL_CSV_ID)
        c->id = larger;
    else if (larger)
        c->number = larger;
    return larger != NULL;
}

static tl_status grow(tl_csv_stream *s, int64_t most)
{
    enum { FIRST_CELLS = 4096 }; /* a row may have very many fields */
    int64_t capacity = s->capacity > 0 ? 2 * s->capacity : 1 + FIRST_CELLS / (s->texts->n + 1);
    capacity = capacity < most ? capacity : most;
    for (int32_t k = 0; k < s->texts->n; k++)
        if (!resize(&s->texts->column[k], s->rows, capacity))
            return tl_fail_memory();
    s->capacity = capacity;
    return TL_OK;
}

/* Parses a number, around which there may be blanks; TL_PARSED_NOTHING also if something else follows it. */
static tl_parsed parse_number(const char *at, const char *end, tl_real *x)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    const tl_parsed parsed = at < end ? tl_parse_real(&at, x) : TL_PARSED_NOTHING;
    while (parsed == TL_PARSED && at < end && (*at == ' ' || *at == '\t'))
        at++;
    return parsed == TL_PARSED && at != end ? TL_PARSED_NOTHING : parsed;
}

/* Decides what an AUTO column is by its first field. If that is a text, the numbers so far, which are all
 * missing, become ids. */
static tl_status decide(const tl_csv_stream *s, column *c, const char *begin, const char *end)
{
    tl_real x;
    if (parse_number(begin, end, &x) != TL_PARSED_NOTHING) {
        c->kind = TL_CSV_NUMBER;
        return TL_OK;
    }
    c->id = tl_alloc(s->capacity, sizeof *c->id);
    if (!c->id)
        return tl_fail_memory();
    for (int64_t k = 0; k < s->rows; k++)
        c->id[k] = -1;
    tl_free(c->number);
    c->number = NULL;
    c->kind = TL_CSV_ID;
    return TL_OK;
}

static bool is_missing(const tl_csv_stream *s, int32_t k)
{
    const tl_csv_field *f = &s->records.field[k];
    const size_t n = (size_t)(f->end - f->begin);
    const char *text = s->missing_text;
    if (f->quoted)
        return n == 0 && s->texts->column[k].kind == TL_CSV_NUMBER;
    return n == 0 || (strlen(text) == n && memcmp(s->records.lines.begin + f->begin, text, n) == 0);
}

static tl_status store_missing(tl_csv_stream *s, int32_t k)
{
    column *c = &s->texts->column[k];
    const tl_csv_field *f = &s->records.field[k];
    if (s->o.missing == TL_CSV_MISSING_ERROR)
        return unexpected(
            s, k, f->begin < f->end ? tl_csv_found(&s->records, f->begin, f->end).text : "an empty field",
            c->kind == TL_CSV_ID ? "a text" : "a value");
    if (c->kind == TL_CSV_ID)
        c->id[s->rows] = -1;
    else
        c->number[s->rows] = (tl_real)NAN;
    return TL_OK;
}

static tl_status store(tl_csv_stream *s, int32_t k)
{
    column *c = &s->texts->column[k];
    const tl_csv_field *f = &s->records.field[k];
    const char *begin = s->records.lines.begin + f->begin, *end = s->records.lines.begin + f->end;
    if (c->kind == TL_CSV_SKIP)
        return TL_OK;
    if (is_missing(s, k))
        return store_missing(s, k);
    if (c->kind == TL_CSV_AUTO && decide(s, c, begin, end) != TL_OK)
        return tl_last_status();
    if (c->kind == TL_CSV_ID) {
        if (memchr(begin, '\0', (size_t)(end - begin)))
            return unexpected(s, k, "a zero byte", "text");
        c->id[s->rows] = tl_texts_id(&c->texts, begin, end - begin);
        return c->id[s->rows] >= 0 ? TL_OK : tl_fail_memory();
    }
    const tl_parsed parsed = parse_number(begin, end, &c->number[s->rows]);
    if (parsed == TL_PARSED)
        return TL_OK;
    return unexpected(s, k, tl_csv_found(&s->records, f->begin, f->end).text,
                      parsed == TL_PARSED_TOO_LARGE ? "a number that tl_real can hold"
                      : c->is_chosen                ? "a number"
                                                    : "a number as before (TL_CSV_ID reads texts)");
}

/* Stores the current record as a row, unless it is to be left out. */
static tl_status store_record(tl_csv_stream *s, int64_t most)
{
    const int32_t n = s->texts->n;
    if (s->records.n != n)
        return tl_lines_unexpected(&s->records.lines, "found %" PRId32 " field%s, expected %" PRId32,
                                   s->records.n, s->records.n == 1 ? "" : "s", n);
    if (s->o.missing == TL_CSV_MISSING_SKIP)
        for (int32_t k = 0; k < n; k++)
            if (s->texts->column[k].kind != TL_CSV_SKIP && is_missing(s, k))
                return TL_OK;
    tl_status status = s->rows == s->capacity ? grow(s, most) : TL_OK;
    for (int32_t k = 0; k < n && status == TL_OK; k++)
        status = store(s, k);
    s->rows += status == TL_OK;
    return status;
}

/* ---- Columns ---- */

static void free_texts(struct tl_csv_texts *t)
{
    if (!t)
        return;
    for (int32_t k = 0; k < t->n; k++) {
        if (t->name)
            tl_free(t->name[k]);
        if (t->column) {
            tl_free(t->column[k].number);
            tl_free(t->column[k].id);
            tl_texts_free(&t->column[k].texts);
        }
    }
    tl_free(t->name);
    tl_free(t->column);
    tl_free(t);
}

/* Returns a copy of n bytes as a string, NULL if memory is short. */
static char *copy_text(const char *text, int64_t n)
{
    char *copy = tl_alloc(n + 1, 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, (size_t)n);
    copy[n] = '\0';
    return copy;
}

/* Names the columns by the current record or, without a header, "1", "2" and so on. */
static tl_status name_columns(tl_csv_stream *s)
{
    struct tl_csv_texts *t = s->texts;
    for (int32_t k = 0; k < t->n; k++) {
        char number[16];
        const int n = snprintf(number, sizeof number, "%" PRId32, k + 1);
        const tl_csv_field *f = &s->records.field[k];
        t->name[k] = s->o.no_header ? copy_text(number, n)
                                    : copy_text(s->records.lines.begin + f->begin, f->end - f->begin);
        if (!t->name[k])
            return tl_fail_memory();
        t->column[k].kind = s->o.only_chosen ? TL_CSV_SKIP : TL_CSV_AUTO;
    }
    return TL_OK;
}

static tl_status apply_choices(tl_csv_stream *s)
{
    struct tl_csv_texts *t = s->texts;
    for (int32_t c = 0; c < s->o.n_choices; c++) {
        bool found = false;
        for (int32_t k = 0; k < t->n; k++)
            if (strcmp(t->name[k], s->o.choices[c].name) == 0) {
                t->column[k].kind = s->o.choices[c].kind;
                t->column[k].is_chosen = t->column[k].kind != TL_CSV_AUTO;
                found = true;
            }
        if (!found)
            return tl_fail(TL_ERR_ARGUMENT, "%s: %.300s: no column is called %.100s", s->who, s->path,
                           s->o.choices[c].name);
    }
    return TL_OK;
}

/* Reads the first record and makes the columns. A file without records has none. */
static tl_status begin(tl_csv_stream *s)
{
    s->has_record = tl_csv_records_next(&s->records);
    if (s->records.status != TL_OK)
        return s->records.status;
    struct tl_csv_texts *t = s->texts = tl_alloc_zero(1, sizeof *t);
    if (!t)
        return tl_fail_memory();
    t->name = tl_alloc_zero(s->records.n, sizeof *t->name);
    t->column = tl_alloc_zero(s->records.n, sizeof *t->column);
    if (!t->name || !t->column)
        return tl_fail_memory();
    t->n = s->records.n;
    tl_status status = name_columns(s);
    if (status == TL_OK)
        status = apply_choices(s);
    s->has_record = s->has_record && s->o.no_header;
    return status;
}

/* ---- Streams ---- */

static tl_csv_stream *open_stream(const char *who, const char *path, const tl_csv_options *o)
{
    tl_csv_options checked;
    if (!path) {
        tl_fail(TL_ERR_ARGUMENT, "%s: path is NULL", who);
        return NULL;
    }
    if (tl_csv_check_options(who, o, &checked) != TL_OK)
        return NULL;
    tl_csv_stream *s = tl_alloc_zero(1, sizeof *s);
    if (!s) {
        tl_fail_memory();
        return NULL;
    }
    const char *missing = checked.missing_text ? checked.missing_text : "";
    s->who = who;
    s->o = checked;
    s->path = copy_text(path, (int64_t)strlen(path));
    s->missing_text = copy_text(missing, (int64_t)strlen(missing));
    const tl_status status = !s->path || !s->missing_text
                                 ? tl_fail_memory()
                                 : tl_csv_records_open(&s->records, who, s->path, checked.separator);
    if (status == TL_OK && begin(s) == TL_OK)
        return s;
    tl_csv_close(s);
    return NULL;
}

tl_csv_stream *tl_csv_open(const char *path, const tl_csv_options *o)
{
    tl_csv_stream *s = open_stream("csv_open", path, o);
    if (s)
        s->records.lines.source.who = "csv_next";
    return s;
}

void tl_csv_close(tl_csv_stream *s)
{
    if (!s)
        return;
    if (s->records.lines.buffer)
        tl_csv_records_close(&s->records, TL_ERR_IO); /* as if an error had been: nothing is told */
    free_texts(s->texts);
    tl_free(s->path);
    tl_free(s->missing_text);
    tl_free(s);
}

/* Moves the rows of the batch to *out. */
static tl_status hand_over(tl_csv_stream *s, tl_csv *out)
{
    int32_t n = 0;
    for (int32_t k = 0; k < s->texts->n; k++)
        n += s->texts->column[k].kind != TL_CSV_SKIP;
    out->column = tl_alloc_zero(n, sizeof *out->column);
    if (!out->column)
        return tl_fail_memory();
    for (int32_t k = 0; k < s->texts->n; k++) {
        column *c = &s->texts->column[k];
        if (c->kind == TL_CSV_SKIP)
            continue;
        const bool ids = c->kind == TL_CSV_ID;
        out->column[out->n_columns++] = (tl_csv_column){
            .name = s->texts->name[k],
            .kind = ids ? TL_CSV_ID : TL_CSV_NUMBER,
            .number = c->number,
            .id = c->id,
            .n_ids = c->texts.n,
            .text = ids ? (const char *const *)c->texts.text : NULL,
        };
        c->number = NULL;
        c->id = NULL;
    }
    out->rows = s->rows;
    return TL_OK;
}

static tl_status read_batch(tl_csv_stream *s, int64_t most, tl_csv *out)
{
    tl_status status = TL_OK;
    s->rows = s->capacity = 0;
    while (status == TL_OK && s->rows < most && (s->has_record || tl_csv_records_next(&s->records))) {
        s->has_record = false;
        status = store_record(s, most);
    }
    if (status == TL_OK)
        status = s->records.status;
    if (status == TL_OK && s->capacity == 0)
        status = grow(s, 1); /* no column of a batch without rows is NULL */
    return status == TL_OK ? hand_over(s, out) : status;
}

tl_status tl_csv_next(tl_csv_stream *s, int64_t n, tl_csv *batch)
{
    tl_csv_free(batch);
    if (!s && tl_last_status() != TL_OK) /* tl_csv_open's, which has failed */
        return tl_last_status();
    if (!s || !batch)
        return tl_fail(TL_ERR_ARGUMENT, "csv_next: %s is NULL", s ? "batch" : "s");
    if (n <= 0)
        return tl_fail(TL_ERR_ARGUMENT, "csv_next: n %" PRId64 " is not > 0", n);
    if (s->status != TL_OK)
        return tl_fail(s->status, "%s", s->error);
    s->status = read_batch(s, n, batch);
    if (s->status != TL_OK)
        snprintf(s->error, sizeof s->error, "%s", tl_error());
    return s->status;
}

/* ---- Whole files ---- */

tl_status tl_csv_read(const char *path, const tl_csv_options *o, tl_csv *out)
{
    if (out)
        *out = (tl_csv){ 0 };
    else
        return tl_fail(TL_ERR_ARGUMENT, "csv_read: out is NULL");
    tl_csv_stream *s = open_stream("csv_read", path, o);
    if (!s)
        return tl_last_status();
    const tl_status status = read_batch(s, INT64_MAX, out);
    if (status == TL_OK) {
        out->owned = s->texts;
        s->texts = NULL;
    }
    tl_csv_close(s);
    return status;
}

const tl_csv_column *tl_csv_find(const tl_csv *a, const char *name)
{
    for (int32_t k = 0; a && name && k < a->n_columns; k++)
        if (strcmp(a->column[k].name, name) == 0)
            return &a->column[k];
    return NULL;
}

void tl_csv_free(tl_csv *a)
{
    if (!a)
        return;
    for (int32_t k = 0; k < a->n_columns; k++) {
        tl_free(a->column[k].number);
        tl_free(a->column[k].id);
    }
    tl_free(a->column);
    free_texts(a->owned);
    *a = (tl_csv){ 0 };
}
