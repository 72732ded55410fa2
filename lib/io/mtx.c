/* Reads Matrix Market files. Sizes that a file states are not trusted: memory is taken as entries arrive. */
#include "mtx.h"
#include "lib/io/entries.h"
#include "lib/io/lines.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

typedef enum symmetry { GENERAL, SYMMETRIC, SKEW_SYMMETRIC } symmetry;

typedef struct reader {
    tl_lines lines;
    bool vector, array; /* what the first line says */
    bool pattern, integer;
    symmetry symmetry;
    int64_t rows, cols, n; /* n entries or values follow */
    int64_t sizes_line;    /* where they are stated */
    tl_entries entries;
    bool above, below; /* the diagonal, there are entries */
    tl_real *values;   /* of an array, in the order of the file: column by column */
} reader;

/* ---- The first line ---- */

typedef struct word {
    const char *text;
    int code;
} word;

/* Parses one of the words in table[n] at *s and moves *s past it. False: none is there. */
static bool parse_word(const char **s, const char *end, const word *table, int n, int *code)
{
    const char *const begin = tl_skip_blanks(*s), *stop = begin;
    while (stop < end && *stop != ' ' && *stop != '\t')
        stop++;
    const size_t length = (size_t)(stop - begin);
    for (int k = 0; k < n; k++)
        if (strlen(table[k].text) == length && strncasecmp(begin, table[k].text, length) == 0) {
            *code = table[k].code;
            *s = stop;
            return true;
        }
    return false;
}

enum { REAL, INTEGER, PATTERN };

static tl_status read_banner(reader *r)
{
    static const word banner[] = { { "%%MatrixMarket", 0 } },
                      objects[] = { { "matrix", false }, { "vector", true } },
                      formats[] = { { "coordinate", false }, { "array", true } },
                      fields[] = { { "real", REAL },
                                   { "double", REAL },
                                   { "integer", INTEGER },
                                   { "unsigned-integer", INTEGER },
                                   { "pattern", PATTERN } },
                      symmetries[] = { { "general", GENERAL },
                                       { "symmetric", SYMMETRIC },
                                       { "skew-symmetric", SKEW_SYMMETRIC } };
    tl_lines *const l = &r->lines;
    if (!tl_lines_next(l))
        return l->status != TL_OK
                   ? l->status
                   : tl_lines_unexpected(l, "found the end of the file, expected \"%%%%MatrixMarket\"");
    const char *s = l->begin;
    int code[5];
#define WORD(k, table) parse_word(&s, l->end, table, (int)(sizeof table / sizeof *table), &code[k])
#define EXPECTED(what)                                                                                       \
    tl_lines_unexpected(l, "found %s, expected " what, tl_lines_found(l, tl_skip_blanks(s)).text)
    if (!WORD(0, banner))
        return EXPECTED("\"%%%%MatrixMarket\"");
    if (!WORD(1, objects))
        return EXPECTED("matrix or vector");
    if (!WORD(2, formats))
        return EXPECTED("coordinate or array");
    if (!WORD(3, fields))
        return EXPECTED("real, integer or pattern");
    r->vector = code[1];
    r->array = code[2];
    r->integer = code[3] == INTEGER;
    r->pattern = code[3] == PATTERN;
    code[4] = GENERAL;
    if (!(r->vector && tl_skip_blanks(s) == l->end) && !WORD(4, symmetries))
        return EXPECTED("general, symmetric or skew-symmetric");
    r->symmetry = (symmetry)code[4];
    s = tl_skip_blanks(s);
    if (s != l->end)
        return EXPECTED("the end of the line");
    if (r->pattern && (r->array || r->symmetry == SKEW_SYMMETRIC))
        return tl_lines_unexpected(l, "found pattern with %s, expected real or integer",
                                   r->array ? "array" : "skew-symmetric");
    return TL_OK;
#undef WORD
#undef EXPECTED
}

/* ---- The sizes ---- */

/* Moves on to the next line that is neither blank nor a comment, and *s to its first word. False at the end
 * of the file, and on an error. */
static bool next_line(tl_lines *l, const char **s)
{
    while (tl_lines_next(l)) {
        *s = tl_skip_blanks(l->begin);
        if (*s != l->end && **s != '%')
            return true;
    }
    return false;
}

/* Checks that the rest of a line is blank or a comment. */
static bool at_line_end(tl_lines *l, const char *s)
{
    s = tl_skip_blanks(s);
    if (s == l->end || *s == '%')
        return true;
    l->status = tl_lines_unexpected(l, "found %s, expected the end of the line", tl_lines_found(l, s).text);
    return false;
}

static bool parse_size(tl_lines *l, const char **s, const char *what, int64_t *size)
{
    *s = tl_skip_blanks(*s);
    return tl_lines_integer(l, s, 0, INT32_MAX, what, size);
}

/* Returns the number of values of an array: of a symmetric one, those on and below the diagonal. */
static int64_t array_size(const reader *r)
{
    switch (r->symmetry) {
    case SYMMETRIC: return r->rows * (r->rows + 1) / 2;
    case SKEW_SYMMETRIC: return r->rows * (r->rows - 1) / 2;
    default: return r->rows * r->cols;
    }
}

static tl_status read_sizes(reader *r)
{
    tl_lines *const l = &r->lines;
    const char *s;
    if (!next_line(l, &s))
        return l->status != TL_OK ? l->status
                                  : tl_lines_unexpected(l, "found the end of the file, expected sizes");
    r->cols = 1;
    if (!parse_size(l, &s, "a number of rows", &r->rows) ||
        (!r->vector && !parse_size(l, &s, "a number of columns", &r->cols)) ||
        (!r->array && !parse_size(l, &s, "a number of entries", &r->n)) || !at_line_end(l, s))
        return l->status;
    if (r->symmetry != GENERAL && r->rows != r->cols)
        return tl_lines_unexpected(
            l, "found sizes %" PRId64 "x%" PRId64 " of a symmetric matrix, expected as many rows as columns",
            r->rows, r->cols);
    if (r->array)
        r->n = array_size(r);
    r->sizes_line = l->number;
    return TL_OK;
}

/* ---- The entries ---- */

static bool parse_value(reader *r, const char **s, tl_real *x)
{
    const char *const begin = tl_skip_blanks(*s);
    *s = begin;
    if (!tl_lines_real(&r->lines, s, x))
        return false;
    if (r->integer)
        for (const char *c = begin + (*begin == '-' || *begin == '+'); c < *s; c++)
            if (*c < '0' || *c > '9') {
                r->lines.status = tl_lines_unexpected(&r->lines, "found %s, expected an integer",
                                                      tl_lines_found(&r->lines, begin).text);
                return false;
            }
    return at_line_end(&r->lines, *s);
}

/* Adds the entry, and its mirror image in a symmetric matrix. */
static tl_status add_entry(reader *r, int32_t row, int32_t col, tl_real value)
{
    const bool mirrored = r->symmetry != GENERAL && row != col;
    if (r->entries.n > INT32_MAX - 1 - mirrored)
        return tl_lines_unexpected(&r->lines, "found more than %d entries, expected at most as many",
                                   INT32_MAX);
    r->above |= row < col;
    r->below |= row > col;
    if (!tl_entries_add(&r->entries, row, col, value))
        return tl_fail_memory();
    if (mirrored && !tl_entries_add(&r->entries, col, row, r->symmetry == SYMMETRIC ? value : -value))
        return tl_fail_memory();
    return TL_OK;
}

/* Parses the row or column, from 1, of an entry. */
static bool parse_position(tl_lines *l, const char **s, int64_t size, const char *what, int32_t *position)
{
    int64_t x;
    const char *const begin = *s = tl_skip_blanks(*s);
    if (!tl_lines_integer(l, s, 1, size, what, &x))
        return false;
    if (*s != l->end && **s != ' ' && **s != '\t') {
        l->status = tl_lines_unexpected(l, "found %s, expected %s", tl_lines_found(l, begin).text, what);
        return false;
    }
    *position = (int32_t)(x - 1);
    return true;
}

/* Returns what n of them are called. */
static const char *noun(const reader *r, int64_t n)
{
    if (r->array)
        return n == 1 ? "value" : "values";
    return n == 1 ? "entry" : "entries";
}

static tl_status too_short(const reader *r, int64_t left)
{
    if (r->lines.status != TL_OK)
        return r->lines.status;
    return tl_lines_unexpected(&r->lines, "found the end of the file, expected %" PRId64 " more %s", left,
                               noun(r, left));
}

static tl_status read_entries(reader *r)
{
    tl_lines *const l = &r->lines;
    for (int64_t k = 0; k < r->n; k++) {
        const char *s;
        int32_t row, col = 0;
        tl_real value = 1;
        if (!next_line(l, &s))
            return too_short(r, r->n - k);
        if (!parse_position(l, &s, r->rows, "a row", &row) ||
            (!r->vector && !parse_position(l, &s, r->cols, "a column", &col)) ||
            !(r->pattern ? at_line_end(l, s) : parse_value(r, &s, &value)) ||
            add_entry(r, row, col, value) != TL_OK)
            return tl_last_status();
    }
    return TL_OK;
}

static tl_status read_array(reader *r)
{
    int64_t capacity = 0;
    for (int64_t k = 0; k < r->n; k++) {
        const char *s;
        if (!next_line(&r->lines, &s))
            return too_short(r, r->n - k);
        if (k == capacity) {
            const int64_t larger = k > 0 ? 2 * k : 1024;
            tl_real *values = tl_resized(r->values, k, larger, sizeof *values);
            if (!values)
                return tl_fail_memory();
            r->values = values;
            capacity = larger;
        }
        if (!parse_value(r, &s, r->values + k))
            return r->lines.status;
    }
    return TL_OK;
}

/* ---- The matrix ---- */

/* Checks that a symmetric file does not list both (i, j) and (j, i), whose values would be added. The entries
 * are sorted. */
static tl_status check_triangles(reader *r)
{
    if (r->symmetry == GENERAL || !r->above || !r->below || r->entries.repeats == 0)
        return TL_OK;
    for (int64_t k = 1; k < r->entries.n; k++) {
        const tl_entry *const a = r->entries.entry + k;
        if (a->row == a[-1].row && a->col == a[-1].col && a->row != a->col) {
            r->lines.number = 1;
            return tl_lines_unexpected(&r->lines,
                                       "found a symmetric matrix with (%" PRId32 ", %" PRId32
                                       ") in both triangles, expected all entries in one",
                                       a->row + 1, a->col + 1);
        }
    }
    return TL_OK;
}

/* Checks that the row pointers are in proportion to the file. */
static tl_status check_rows(reader *r)
{
    const int64_t always = 1 << 24, per_entry = 64 * r->entries.n;
    const int64_t limit = per_entry > always ? per_entry : always;
    if (r->rows <= limit)
        return TL_OK;
    r->lines.number = r->sizes_line;
    return tl_lines_unexpected(&r->lines,
                               "found %" PRId64 " rows for %" PRId64 " entries, expected at most %" PRId64,
                               r->rows, r->entries.n, limit);
}

static tl_status make_sparse(reader *r, tl_mtx *out)
{
    tl_status status = check_rows(r);
    if (status == TL_OK && !tl_entries_sort(&r->entries))
        status = tl_fail_memory();
    if (status == TL_OK)
        status = check_triangles(r);
    if (status != TL_OK)
        return status;
    out->pattern = tl_entries_to_pattern(&r->entries, r->rows, r->cols, &out->values);
    return out->pattern ? TL_OK : tl_last_status();
}

/* Makes the array row-major, and whole. */
static tl_status make_dense(const reader *r, tl_mtx *out)
{
    const int64_t rows = r->rows, cols = r->cols;
    out->values = tl_alloc(rows * cols, sizeof *out->values);
    if (!out->values)
        return tl_fail_memory();
    if (rows == 0)
        return TL_OK; /* there may be very many columns without elements */
    const tl_real *from = r->values;
    for (int64_t j = 0; j < cols; j++) {
        const int64_t first = r->symmetry == GENERAL ? 0 : r->symmetry == SYMMETRIC ? j : j + 1;
        if (r->symmetry == SKEW_SYMMETRIC)
            out->values[j * cols + j] = 0;
        for (int64_t i = first; i < rows; i++) {
            const tl_real x = *from++;
            out->values[i * cols + j] = x;
            if (r->symmetry != GENERAL)
                out->values[j * cols + i] = r->symmetry == SYMMETRIC || i == j ? x : -x;
        }
    }
    return TL_OK;
}

static tl_status read_end(reader *r)
{
    const char *s;
    tl_lines *const l = &r->lines;
    if (!next_line(l, &s))
        return l->status;
    return tl_lines_unexpected(l, "found %s, expected the end of the file, after %" PRId64 " %s",
                               tl_lines_found(l, s).text, r->n, noun(r, r->n));
}

static tl_status read_matrix(reader *r, tl_mtx *out)
{
    tl_status status = read_banner(r);
    if (status == TL_OK)
        status = read_sizes(r);
    if (status == TL_OK)
        status = r->array ? read_array(r) : read_entries(r);
    if (status == TL_OK)
        status = read_end(r);
    if (status == TL_OK)
        status = r->array ? make_dense(r, out) : make_sparse(r, out);
    out->rows = r->rows;
    out->cols = r->cols;
    return status;
}

tl_status tl_mtx_read(const char *path, tl_mtx *out)
{
    if (out)
        *out = (tl_mtx){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "mtx_read: %s is NULL", path ? "out" : "path");
    reader r = { 0 };
    tl_status status = tl_lines_open(&r.lines, "mtx_read", path);
    if (status != TL_OK)
        return status;
    status = read_matrix(&r, out);
    status = tl_lines_close(&r.lines, status);
    tl_entries_free(&r.entries);
    tl_free(r.values);
    if (status != TL_OK)
        tl_mtx_free(out);
    return status;
}

void tl_mtx_free(tl_mtx *m)
{
    if (!m)
        return;
    tl_pattern_release(m->pattern);
    tl_free(m->values);
    *m = (tl_mtx){ 0 };
}
