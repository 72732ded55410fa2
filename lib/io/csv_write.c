/* Writes CSV. */
#include "lib/io/csv_private.h"
#include "lib/io/number.h"
#include "lib/io/sink.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <string.h>

static tl_status check_column(const tl_csv *a, int32_t k, bool has_header)
{
    const tl_csv_column *c = &a->column[k];
    if (has_header && !c->name)
        return tl_fail(TL_ERR_ARGUMENT, "csv_write: the name of column %" PRId32 " is NULL", k + 1);
    if (c->kind != TL_CSV_NUMBER && c->kind != TL_CSV_ID)
        return tl_fail(TL_ERR_ARGUMENT, "csv_write: column %" PRId32 " is neither of numbers nor of ids",
                       k + 1);
    if (a->rows > 0 && (c->kind == TL_CSV_ID ? !c->id || (c->n_ids > 0 && !c->text) : !c->number))
        return tl_fail(TL_ERR_ARGUMENT, "csv_write: column %" PRId32 " has no %s", k + 1,
                       c->kind == TL_CSV_NUMBER ? "numbers"
                       : c->id                  ? "texts"
                                                : "ids");
    for (int32_t id = 0; c->kind == TL_CSV_ID && id < c->n_ids; id++)
        if (!c->text[id])
            return tl_fail(TL_ERR_ARGUMENT, "csv_write: column %" PRId32 ": text[%" PRId32 "] is NULL", k + 1,
                           id);
    return TL_OK;
}

static tl_status check(const tl_csv *a, bool has_header)
{
    if (a->rows < 0 || a->n_columns < 0 || (a->n_columns > 0 && !a->column) ||
        (a->rows > 0 && a->n_columns == 0))
        return tl_fail(TL_ERR_ARGUMENT, "csv_write: %s",
                       a->rows < 0         ? "rows is negative"
                       : a->n_columns < 0  ? "n_columns is negative"
                       : a->n_columns == 0 ? "there are rows, but no columns"
                                           : "column is NULL");
    tl_status status = TL_OK;
    for (int32_t k = 0; k < a->n_columns && status == TL_OK; k++)
        status = check_column(a, k, has_header);
    return status;
}

/* Returns whether a text would be read as something else without quotes; one that begins with a byte order
 * mark, at the start of the file. */
static bool needs_quotes(const char *text, const tl_csv_options *o)
{
    const char special[] = { '"', '\r', '\n', o->separator, '\0' };
    return *text == '\0' || text[strcspn(text, special)] != '\0' || strncmp(text, "\xef\xbb\xbf", 3) == 0 ||
           (o->missing_text && strcmp(text, o->missing_text) == 0);
}

static void write_text(tl_sink *s, const tl_csv_options *o, const char *text)
{
    if (!needs_quotes(text, o)) {
        tl_sink_write(s, text, (int64_t)strlen(text));
        return;
    }
    tl_sink_write(s, "\"", 1);
    for (const char *quote; (quote = strchr(text, '"')) != NULL; text = quote + 1) {
        tl_sink_write(s, text, quote + 1 - text);
        tl_sink_write(s, "\"", 1);
    }
    tl_sink_write(s, text, (int64_t)strlen(text));
    tl_sink_write(s, "\"", 1);
}

static tl_status write_field(tl_sink *s, const tl_csv_options *o, const tl_csv *a, int32_t k, int64_t row)
{
    const tl_csv_column *c = &a->column[k];
    if (c->kind == TL_CSV_NUMBER) {
        char text[TL_NUMBER_SIZE];
        const int n = tl_print_real(text, c->number[row]);
        if (!o->missing_text)
            return tl_sink_write(s, text, n);
        write_text(s, o, text); /* in quotes if it would stand for a missing field */
        return TL_OK;
    }
    if (c->id[row] < -1 || c->id[row] >= c->n_ids)
        return tl_fail(TL_ERR_INDEX,
                       "csv_write: column %" PRId32 ": id[%" PRId64 "] = %" PRId32 ", there are %" PRId32
                       " texts",
                       k + 1, row, c->id[row], c->n_ids);
    if (c->id[row] < 0 && a->n_columns == 1)
        return tl_fail(TL_ERR_ARGUMENT,
                       "csv_write: id[%" PRId64 "] of the only column is missing: a blank line is no row",
                       row);
    if (c->id[row] >= 0)
        write_text(s, o, c->text[c->id[row]]);
    return TL_OK;
}

static tl_status write_rows(tl_sink *s, const tl_csv_options *o, const tl_csv *a)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; k < a->n_columns && !o->no_header; k++) {
        if (k > 0)
            tl_sink_write(s, &o->separator, 1);
        write_text(s, o, a->column[k].name);
    }
    if (a->n_columns > 0 && !o->no_header)
        status = tl_sink_write(s, "\n", 1);
    for (int64_t row = 0; row < a->rows && status == TL_OK; row++) {
        for (int32_t k = 0; k < a->n_columns && status == TL_OK; k++) {
            if (k > 0)
                tl_sink_write(s, &o->separator, 1);
            status = write_field(s, o, a, k, row);
        }
        if (status == TL_OK)
            status = tl_sink_write(s, "\n", 1);
    }
    return status;
}

tl_status tl_csv_write(const char *path, const tl_csv_options *o, const tl_csv *a)
{
    tl_csv_options checked;
    tl_sink s;
    if (!path || !a)
        return tl_fail(TL_ERR_ARGUMENT, "csv_write: %s is NULL", path ? "a" : "path");
    tl_status status = tl_csv_check_options("csv_write", o, &checked);
    if (status == TL_OK)
        status = check(a, !checked.no_header);
    if (status == TL_OK)
        status = tl_sink_open(&s, "csv_write", path);
    return status == TL_OK ? tl_sink_close(&s, write_rows(&s, &checked, a)) : status;
}
