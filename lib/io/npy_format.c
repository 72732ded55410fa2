/* Headers of .npy files: a dictionary as Python writes it, with the keys 'descr', 'fortran_order' and
 * 'shape'. What NumPy has ever written is read: any order of the keys, blanks anywhere between tokens,
 * long integers ("3L", from Python 2), headers of any alignment. Nothing else is. */
#include "lib/io/byte_order.h"
#include "lib/io/npy_format.h"
#include "lib/memory.h"
#include "lib/status_private.h"
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Tokens ---- */

typedef struct parser {
    const tl_source *source;
    int64_t start; /* of the text in the source */
    const char *text;
    int64_t n, at; /* at < n, or the header has ended */
} parser;

/* Records what is found at `at`, and what was expected. */
static tl_status unexpected(const parser *p, int64_t at, const char *expected)
{
    enum { SHOWN = 20 };
    char found[SHOWN + 1];
    int n = 0;
    for (; n < SHOWN && at + n < p->n && p->text[at + n] != '\n'; n++) {
        const char c = p->text[at + n];
        found[n] = c;
        if (c < ' ' || c > '~')
            found[n] = '?';
    }
    found[n] = '\0';
    return n == 0
               ? tl_source_unexpected(p->source, p->start + at, "found the end of the header, expected %s",
                                      expected)
               : tl_source_unexpected(p->source, p->start + at, "found \"%s\", expected %s", found, expected);
}

/* Skips blanks and returns the next character, 0 at the end. */
static char next(parser *p)
{
    while (p->at < p->n && p->text[p->at] && strchr(" \t\r\n\f", p->text[p->at]))
        p->at++;
    return p->at < p->n ? p->text[p->at] : '\0';
}

/* Skips the character if it is the next token. */
static bool skip(parser *p, char c)
{
    if (next(p) != c)
        return false;
    p->at++;
    return true;
}

/* Skips the word if it is the next token. */
static bool skip_word(parser *p, const char *word)
{
    const int64_t n = (int64_t)strlen(word);
    next(p);
    if (p->n - p->at < n || memcmp(p->text + p->at, word, (size_t)n) != 0)
        return false;
    p->at += n;
    return true;
}

/* Reads a string in single or double quotes, without escapes. False if none is next. */
static bool string(parser *p, const char **text, int64_t *n)
{
    const char quote = next(p);
    if (quote != '\'' && quote != '"')
        return false;
    const int64_t begin = p->at + 1;
    for (int64_t k = begin; k < p->n && p->text[k] != '\\' && p->text[k] != '\n'; k++)
        if (p->text[k] == quote) {
            *text = p->text + begin;
            *n = k - begin;
            p->at = k + 1;
            return true;
        }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads an integer that is not negative and fits; false if none is next. */
static bool integer(parser *p, int64_t *value)
{
    int64_t k = p->at;
    *value = 0;
    for (; k < p->n && is_digit(p->text[k]); k++) {
        const int digit = p->text[k] - '0';
        if (*value > (INT64_MAX - digit) / 10 || (k > p->at && *value == 0))
            return false; /* too large, or a zero that leads */
        *value = 10 * *value + digit;
    }
    const bool found = k > p->at;
    p->at = k;
    return found;
}

/* ---- Values ---- */

/* "'<f4'". A structure is a list, which is not read on. */
static tl_status parse_type(parser *p, tl_npy_header *h)
{
    static const char expected[] = "a type such as '<f4'";
    const char *text = NULL;
    int64_t n = 0;
    next(p);
    const int64_t begin = p->at;
    h->type_at = p->start + begin;
    if (next(p) == '[') {
        h->kind = '[';
        strcpy(h->type_text, "[...]");
        return TL_OK;
    }
    if (!string(p, &text, &n) || n < 2 || !strchr("<>|", text[0]) || is_digit(text[1]))
        return unexpected(p, begin, expected);
    parser number = { .text = text, .n = n, .at = 2 };
    h->order = text[0];
    h->kind = text[1];
    if (!strchr("OmM", h->kind) && (!integer(&number, &h->width) || number.at != n))
        return unexpected(p, begin, expected);
    snprintf(h->type_text, sizeof h->type_text, "'%.*s'", (int)(n < 12 ? n : 12), text);
    return TL_OK;
}

static tl_status parse_order(parser *p, tl_npy_header *h)
{
    h->fortran = skip_word(p, "True");
    return h->fortran || skip_word(p, "False") ? TL_OK : unexpected(p, p->at, "True or False");
}

/* "()", "(3,)", "(3, 4)" or "(3L, 4L)". */
static tl_status parse_shape(parser *p, tl_npy_header *h)
{
    next(p);
    h->shape_at = p->start + p->at;
    if (!skip(p, '('))
        return unexpected(p, p->at, "a shape such as (3, 4)");
    int64_t rank = 0;
    bool comma = true;
    while (!skip(p, ')')) {
        int64_t size;
        if (!comma)
            return unexpected(p, p->at, "',' or ')'");
        if (!integer(p, &size))
            return unexpected(p, p->at, "a size, 0 to 9223372036854775807");
        if (p->at < p->n && p->text[p->at] == 'L')
            p->at++;
        comma = skip(p, ',');
        if (rank < TL_MAX_RANK)
            h->dim[rank] = size;
        rank++;
    }
    if (rank == 1 && !comma)
        return unexpected(p, h->shape_at - p->start, "a tuple: (3,) and not (3)");
    if (rank > TL_MAX_RANK)
        return tl_source_unexpected(p->source, h->shape_at, "found rank %" PRId64 ", expected 0..%d", rank,
                                    TL_MAX_RANK);
    h->rank = (int32_t)rank;
    return TL_OK;
}

static tl_status parse(parser *p, tl_npy_header *h)
{
    static const struct {
        const char *key;
        tl_status (*parse)(parser *p, tl_npy_header *h);
    } entry[] = { { "descr", parse_type }, { "fortran_order", parse_order }, { "shape", parse_shape } };
    enum { KEYS = 3 };
    bool seen[KEYS] = { false }, comma = true;
    if (!skip(p, '{'))
        return unexpected(p, p->at, "'{'");
    while (!skip(p, '}')) {
        const char *key = NULL;
        int64_t n = 0;
        int k = 0;
        if (!comma)
            return unexpected(p, p->at, "',' or '}'");
        const int64_t begin = p->at;
        if (!string(p, &key, &n))
            return unexpected(p, begin, "a key in quotes");
        while (k < KEYS && !(strlen(entry[k].key) == (size_t)n && memcmp(entry[k].key, key, (size_t)n) == 0))
            k++;
        if (k == KEYS || seen[k])
            return unexpected(p, begin, "'descr', 'fortran_order' and 'shape', once each");
        seen[k] = true;
        if (!skip(p, ':'))
            return unexpected(p, p->at, "':'");
        const tl_status status = entry[k].parse(p, h);
        if (status != TL_OK || h->kind == '[')
            return status;
        comma = skip(p, ',');
    }
    for (int k = 0; k < KEYS; k++)
        if (!seen[k])
            return tl_source_unexpected(p->source, p->start, "found no '%s' in the header, expected one",
                                        entry[k].key);
    return next(p) || p->at < p->n ? unexpected(p, p->at, "the end of the header") : TL_OK;
}

/* ---- Headers ---- */

tl_status tl_npy_read_header(tl_source *s, tl_npy_header *h)
{
    static const unsigned char magic[6] = "\x93NUMPY";
    unsigned char b[12];
    *h = (tl_npy_header){ 0 };
    tl_status status = tl_source_read(s, b, 8, "magic and version");
    if (status != TL_OK)
        return status;
    for (int k = 0; k < 6; k++)
        if (b[k] != magic[k])
            return tl_source_unexpected(s, k, "found 0x%02x, expected 0x%02x of \\x93NUMPY", b[k], magic[k]);
    if (b[6] < 1 || b[6] > 3 || b[7] != 0)
        return tl_source_unexpected(s, 6, "found version %d.%d, expected 1.0, 2.0 or 3.0", b[6], b[7]);
    const int width = b[6] == 1 ? 2 : 4;
    status = tl_source_read(s, b + 8, width, "the header's length");
    if (status != TL_OK)
        return status;
    int64_t n = 0;
    for (int k = width - 1; k >= 0; k--)
        n = n << 8 | b[8 + k];
    parser p = { .source = s, .start = s->at, .n = n };
    char *text = tl_source_read_block(s, n, "the header");
    if (!text)
        return tl_last_status();
    p.text = text;
    status = parse(&p, h);
    tl_free(text);
    return status;
}

/* ---- Types ---- */

static const struct {
    tl_npy_type type;
    char kind;
    int width;
    const char *name;
} types[] = {
    { TL_NPY_BOOL, 'b', 1, "bool" },       { TL_NPY_INT8, 'i', 1, "int8" },
    { TL_NPY_INT16, 'i', 2, "int16" },     { TL_NPY_INT32, 'i', 4, "int32" },
    { TL_NPY_INT64, 'i', 8, "int64" },     { TL_NPY_UINT8, 'u', 1, "uint8" },
    { TL_NPY_UINT16, 'u', 2, "uint16" },   { TL_NPY_UINT32, 'u', 4, "uint32" },
    { TL_NPY_UINT64, 'u', 8, "uint64" },   { TL_NPY_FLOAT16, 'f', 2, "float16" },
    { TL_NPY_FLOAT32, 'f', 4, "float32" }, { TL_NPY_FLOAT64, 'f', 8, "float64" },
};
enum { TYPES = sizeof types / sizeof *types };

int64_t tl_npy_width(tl_npy_type type)
{
    return type >= 1 && (int)type <= TYPES ? types[type - 1].width : 0;
}

const char *tl_npy_type_name(tl_npy_type type)
{
    return type >= 1 && (int)type <= TYPES ? types[type - 1].name : "unknown";
}

/* Returns what a type that cannot be read is, "" for one that NumPy does not write. */
static const char *what_is(char kind, int64_t width)
{
    switch (kind) {
    case '[': return " (a structure)";
    case 'O': return " (Python objects)";
    case 'S': return " (byte strings)";
    case 'U': return " (text)";
    case 'V': return " (uninterpreted bytes)";
    case 'c': return " (complex numbers)";
    case 'f': return width > 8 ? " (long doubles)" : "";
    case 'm': return " (differences of time)";
    case 'M': return " (times)";
    default: return "";
    }
}

static tl_status find_type(const tl_source *s, const tl_npy_header *h, tl_npy_type *type)
{
    for (int k = 0; k < TYPES; k++)
        if (types[k].kind == h->kind && types[k].width == h->width && (h->order != '|' || h->width == 1)) {
            *type = types[k].type;
            return TL_OK;
        }
    return tl_source_unexpected(
        s, h->type_at,
        "found type %s%s, expected bool, int or uint of 1, 2, 4 or 8 bytes, or float of 2, "
        "4 or 8",
        h->type_text, what_is(h->kind, h->width));
}

/* ---- Elements ---- */

/* Sets type, shape and size from the header, which must agree with the stated size of the entry. */
static tl_status take_header(const tl_source *s, const tl_npy_header *h, int64_t stated, tl_npy *out)
{
    const tl_status status = find_type(s, h, &out->type);
    if (status != TL_OK)
        return status;
    const int64_t max_size = PTRDIFF_MAX / h->width;
    int64_t limit = max_size;
    out->rank = h->rank;
    for (int32_t k = 0; k < h->rank; k++) {
        limit /= h->dim[k] > 0 ? h->dim[k] : 1; /* the product of the non-zero sizes, as in tl_shape_check */
        out->dim[k] = h->dim[k];
    }
    const tl_shape shape = tl_shape_from(h->rank, h->dim);
    if (limit == 0)
        return tl_source_unexpected(s, h->shape_at, "found shape %s, expected at most %" PRId64 " elements",
                                    tl_shape_text(shape).text, max_size);
    out->size = tl_shape_size(shape);
    const int64_t bytes = out->size * h->width;
    if (stated >= 0 && bytes != stated - s->at)
        return tl_source_unexpected(
            s, h->shape_at,
            "found shape %s of %s, %" PRId64 " bytes, expected %" PRId64 ", as the archive says",
            tl_shape_text(shape).text, tl_npy_type_name(out->type), bytes, stated - s->at);
    return TL_OK;
}

tl_status tl_npy_read_from(tl_source *s, int64_t stated, tl_npy *out)
{
    tl_npy_header h;
    *out = (tl_npy){ 0 };
    tl_status status = tl_npy_read_header(s, &h);
    if (status == TL_OK)
        status = take_header(s, &h, stated, out);
    if (status == TL_OK) {
        out->data = tl_source_read_block(s, out->size * h.width, "elements");
        status = out->data ? TL_OK : tl_last_status();
    }
    if (status == TL_OK && h.order == (tl_is_little_endian() ? '>' : '<'))
        tl_npy_reverse(out);
    if (status == TL_OK && h.fortran)
        status = tl_npy_to_c_order(out);
    if (status != TL_OK)
        tl_npy_free(out);
    return status;
}

/* ---- Writing ---- */

void tl_npy_type_text(tl_npy_type type, char text[4])
{
    const int width = types[type - 1].width;
    text[0] = width == 1 ? '|' : tl_is_little_endian() ? '<' : '>';
    text[1] = types[type - 1].kind;
    text[2] = (char)('0' + width);
    text[3] = '\0';
}

/* As NumPy does: the last byte of the header is a line feed, and the elements begin at a multiple of 64, with
 * space to spare for an array that is to grow. */
void tl_npy_format_head(tl_npy_head *head, const char *type, int32_t rank, const int64_t *dim)
{
    enum { PREFIX = 10, ALIGNMENT = 64, SPARE = 21 };
    char dims[4 * 24] = "", *text = (char *)head->bytes + PREFIX;
    int n = 0, first = SPARE;
    for (int32_t k = 0; k < rank; k++) {
        n += snprintf(dims + n, sizeof dims - (size_t)n, "%s%" PRId64, k > 0 ? ", " : "", dim[k]);
        first = k == 0 ? n : first;
    }
    n = snprintf(text, sizeof head->bytes - PREFIX,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }", type, dims,
                 rank == 1 ? "," : "");
    const int bytes = (PREFIX + n + SPARE - first + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(text + n, ' ', (size_t)(bytes - PREFIX - n));
    head->bytes[bytes - 1] = '\n';
    memcpy(head->bytes, "\x93NUMPY\1", 8);
    head->bytes[8] = (unsigned char)(bytes - PREFIX);
    head->bytes[9] = 0;
    head->n = bytes;
}

tl_status tl_npy_make_head(const char *who, const tl_npy *a, int64_t *size, tl_npy_head *head)
{
    if (!a)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the array is NULL", who);
    if (tl_npy_width(a->type) == 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: there is no type %d", who, (int)a->type);
    const tl_shape shape = tl_shape_from(a->rank, a->dim);
    if (tl_shape_check(shape) != TL_OK)
        return tl_fail(TL_ERR_SHAPE, "%s: impossible shape %s", who, tl_shape_text(shape).text);
    *size = tl_shape_size(shape);
    if (*size > 0 && !a->data)
        return tl_fail(TL_ERR_ARGUMENT, "%s: data is NULL", who);
    char type[4];
    tl_npy_type_text(a->type, type);
    tl_npy_format_head(head, type, a->rank, a->dim);
    return TL_OK;
}
