/* Checks the header of a safetensors file, as a whole, before any memory is taken for data. */
#include "lib/io/safetensors_private.h"

#if defined(TL_HAVE_JANSSON) && defined(TL_HAVE_ZLIB)
#include "lib/io/safetensors_file.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 8 };

static tl_status read_header(struct tl_safetensors_file *f)
{
    unsigned char prefix[PREFIX];
    uint64_t n = 0;
    if (f->size < PREFIX)
        return tl_safetensors_bad(
            f, "byte %" PRId64 ": found the end of the file, expected the size of the header", f->size);
    if (tl_safetensors_read_at(f, prefix, PREFIX, 0) != TL_OK)
        return tl_last_status();
    for (int k = PREFIX - 1; k >= 0; k--)
        n = n << 8 | prefix[k];
    if (n > TL_SAFETENSORS_HEADER_MAX || (int64_t)n > f->size - PREFIX)
        return tl_safetensors_bad(
            f, "byte 0: found a header of %" PRIu64 " bytes, expected at most %" PRId64, n,
            f->size - PREFIX < TL_SAFETENSORS_HEADER_MAX ? f->size - PREFIX
                                                         : (int64_t)TL_SAFETENSORS_HEADER_MAX);
    f->header_size = (int64_t)n;
    f->data_at = PREFIX + f->header_size;
    f->header = tl_alloc(f->data_at, 1);
    return f->header ? tl_safetensors_read_at(f, f->header, f->data_at, 0) : tl_fail_memory();
}

/* Counts what may become a value before the parser takes memory for it. */
static tl_status parse_header(struct tl_safetensors_file *f)
{
    const char *text = f->header + PREFIX;
    const int64_t values = tl_safetensors_count_values(text, f->header_size);
    if (values > TL_SAFETENSORS_VALUES_MAX)
        return tl_safetensors_bad(f, "byte 8: found a header of %" PRId64 " values, expected at most %d",
                                  values, TL_SAFETENSORS_VALUES_MAX);
    if (f->header_size == 0 || text[0] != '{')
        return tl_safetensors_bad(f, "byte 8: found 0x%02x, expected '{'",
                                  f->header_size == 0 ? 0u : (unsigned)(unsigned char)text[0]);
    json_error_t error;
    f->root = json_loadb(text, (size_t)f->header_size, JSON_REJECT_DUPLICATES, &error);
    if (f->root)
        return TL_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return tl_fail_memory();
    return tl_safetensors_bad(f, "byte %d: the header is not JSON: %s", error.position + PREFIX, error.text);
}

static bool parse_type(const json_t *value, tl_safetensors_type *type)
{
    const char *name = json_string_value(value);
    for (int k = 0; name && k <= TL_SAFETENSORS_BOOL; k++)
        if (strcmp(name, tl_safetensors_type_name((tl_safetensors_type)k)) == 0) {
            *type = (tl_safetensors_type)k;
            return true;
        }
    return false;
}

/* Sets the rank, the dimensions at *dim, which it moves past them, and the size. */
static tl_status parse_shape(const struct tl_safetensors_file *f, const json_t *shape, tl_safetensor *t,
                             int64_t **dim)
{
    const int64_t most = INT64_MAX / tl_safetensors_type_size(t->type);
    t->rank = (int32_t)json_array_size(shape);
    t->dim = *dim;
    t->size = 1;
    for (int32_t k = 0; k < t->rank; k++) {
        const json_t *item = json_array_get(shape, (size_t)k);
        const int64_t n = json_is_integer(item) ? json_integer_value(item) : -1;
        if (n < 0)
            return tl_safetensors_bad(f, "%.80s: size %d is not an integer >= 0", t->name, (int)k);
        if (n > 0 && t->size > most / n)
            return tl_safetensors_bad(f, "%.80s: the sizes are of more elements than memory can hold",
                                      t->name);
        t->size *= n;
        *(*dim)++ = n;
    }
    return TL_OK;
}

static tl_status parse_tensor(const struct tl_safetensors_file *f, const json_t *entry, tl_safetensor *t,
                              int64_t **dim)
{
    const json_t *type = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape"),
                 *offsets = json_object_get(entry, "data_offsets");
    if (!parse_type(type, &t->type))
        return tl_safetensors_bad(
            f, "%.80s: found dtype %.20s, expected F16, BF16, F32, F64, an integer type or BOOL", t->name,
            json_is_string(type) ? json_string_value(type) : "that is no string");
    if (!json_is_array(shape))
        return tl_safetensors_bad(f, "%.80s: there is no array \"shape\"", t->name);
    if (parse_shape(f, shape, t, dim) != TL_OK)
        return TL_ERR_FORMAT;
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return tl_safetensors_bad(f, "%.80s: \"data_offsets\" is not an array of two integers", t->name);
    const int64_t from = json_integer_value(begin), to = json_integer_value(end),
                  bytes = t->size * tl_safetensors_type_size(t->type);
    if (from < 0 || to < from || to > f->size - f->data_at)
        return tl_safetensors_bad(
            f, "%.80s: found offsets %" PRId64 " and %" PRId64 ", expected 0 <= begin <= end <= %" PRId64,
            t->name, from, to, f->size - f->data_at);
    if (to - from != bytes)
        return tl_safetensors_bad(f, "%.80s: found %" PRId64 " bytes, expected %" PRId64 " of the sizes",
                                  t->name, to - from, bytes);
    t->at = f->data_at + from;
    return TL_OK;
}

/* Empty tensors before others that begin at the same byte. */
static int by_position(const void *a, const void *b)
{
    const tl_safetensor *x = a, *y = b;
    const int64_t x_end = x->size * tl_safetensors_type_size(x->type),
                  y_end = y->size * tl_safetensors_type_size(y->type);
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x_end < y_end ? -1 : x_end > y_end ? 1 : strcmp(x->name, y->name);
}

/* Checks that the tensors, in order, are everything that follows the header. */
static tl_status check_positions(const struct tl_safetensors_file *f, const tl_safetensors *s)
{
    int64_t at = f->data_at;
    for (int32_t k = 0; k < s->n; k++) {
        const tl_safetensor *t = &s->tensor[k];
        if (t->at != at)
            return tl_safetensors_bad(
                f, "%.80s: found at byte %" PRId64 ", expected byte %" PRId64 ", where %s ends", t->name,
                t->at, at, k > 0 ? "the tensor before it" : "the header");
        at += t->size * tl_safetensors_type_size(t->type);
    }
    if (at != f->size)
        return tl_safetensors_bad(
            f, "byte %" PRId64 ": found %" PRId64 " bytes, expected the end of the file", at, f->size - at);
    return TL_OK;
}

static tl_status parse_tensors(struct tl_safetensors_file *f, tl_safetensors *s)
{
    const char *name;
    json_t *entry;
    int64_t n_dims = 0;
    json_object_foreach(f->root, name, entry)
    {
        const size_t rank = json_array_size(json_object_get(entry, "shape"));
        n_dims += (int64_t)rank;
        s->n += strcmp(name, "__metadata__") != 0;
    }
    s->tensor = tl_alloc_zero(s->n, sizeof *s->tensor);
    f->dims = tl_alloc(n_dims, sizeof *f->dims);
    f->by_name = tl_alloc(s->n, sizeof(tl_safetensor *));
    if (!s->tensor || !f->dims || !f->by_name)
        return tl_fail_memory();
    int64_t *dim = f->dims;
    tl_safetensor *t = s->tensor;
    json_object_foreach(f->root, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        t->name = name;
        if (parse_tensor(f, entry, t++, &dim) != TL_OK)
            return TL_ERR_FORMAT;
    }
    if (s->n > 1)
        qsort(s->tensor, (size_t)s->n, sizeof *s->tensor, by_position);
    return check_positions(f, s);
}

/* ---- Notes and checksums ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const tl_safetensors_note *)a)->key, ((const tl_safetensors_note *)b)->key);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(tl_safetensor *const *)a)->name, (*(tl_safetensor *const *)b)->name);
}

static bool parse_checksum(const char *text, uint32_t *checksum)
{
    const size_t n = strlen(TL_SAFETENSORS_CRC32);
    if (strncmp(text, TL_SAFETENSORS_CRC32, n) != 0 || strlen(text) != n + TL_SAFETENSORS_DIGITS ||
        strspn(text + n, "0123456789abcdef") != TL_SAFETENSORS_DIGITS)
        return false;
    *checksum = (uint32_t)strtoul(text + n, NULL, 16);
    return true;
}

/* Checks the header against its checksum, whose digits count as zeros. */
static tl_status check_header(struct tl_safetensors_file *f, uint32_t checksum, const char *text)
{
    char note[64];
    const int n = snprintf(note, sizeof note, "\"" TL_SAFETENSORS_CHECKSUM "\":\"%s\"", text);
    char *at = f->header + PREFIX, *end = f->header + f->data_at;
    while (at && at + n <= end && memcmp(at, note, (size_t)n) != 0)
        at = memchr(at + 1, '"', (size_t)(end - at - 1));
    if (!at || at + n > end)
        return tl_safetensors_bad(f, "the header was written anew, but its checksum was kept");
    memset(at + n - 1 - TL_SAFETENSORS_DIGITS, '0', TL_SAFETENSORS_DIGITS);
    const uint32_t found = tl_crc32(0, f->header, f->data_at);
    if (found != checksum)
        return tl_safetensors_bad(
            f, "the header is damaged: found checksum %08" PRIx32 ", expected %08" PRIx32, found, checksum);
    f->checked = true;
    return TL_OK;
}

/* Takes "checksum" and "checksum/NAME" out of the notes. */
static tl_status take_checksum(struct tl_safetensors_file *f, tl_safetensors *s, const char *key,
                               const char *value, bool *taken)
{
    const size_t n = strlen(TL_SAFETENSORS_CHECKSUM);
    *taken = strncmp(key, TL_SAFETENSORS_CHECKSUM, n) == 0 && (key[n] == '\0' || key[n] == '/');
    if (!*taken)
        return TL_OK;
    uint32_t checksum;
    const int32_t k = key[n] == '/' ? tl_safetensors_find(s, key + n + 1) : -1;
    if (!parse_checksum(value, &checksum))
        return tl_safetensors_bad(
            f, "%.80s: found %.20s, expected " TL_SAFETENSORS_CRC32 " and 8 hexadecimal digits", key, value);
    if (key[n] == '\0')
        return check_header(f, checksum, value);
    if (k < 0)
        return tl_safetensors_bad(f, "found a checksum of %.80s, expected a tensor of that name",
                                  key + n + 1);
    s->tensor[k].has_checksum = true;
    s->tensor[k].checksum = checksum;
    return TL_OK;
}

static tl_status parse_notes(struct tl_safetensors_file *f, tl_safetensors *s)
{
    json_t *notes = json_object_get(f->root, "__metadata__"), *value;
    const char *key;
    if (notes && !json_is_object(notes))
        return tl_safetensors_bad(f, "__metadata__ is not an object of strings");
    s->note = tl_alloc((int64_t)json_object_size(notes), sizeof *s->note);
    if (!s->note)
        return tl_fail_memory();
    json_object_foreach(notes, key, value)
    {
        bool taken;
        if (!json_is_string(value))
            return tl_safetensors_bad(f, "__metadata__: %.80s is not a string", key);
        if (take_checksum(f, s, key, json_string_value(value), &taken) != TL_OK)
            return TL_ERR_FORMAT;
        if (!taken)
            s->note[s->n_notes++] = (tl_safetensors_note){ key, json_string_value(value) };
    }
    if (s->n_notes > 1)
        qsort(s->note, (size_t)s->n_notes, sizeof *s->note, by_key);
    return TL_OK;
}

tl_status tl_safetensors_check_header(struct tl_safetensors_file *f, tl_safetensors *s)
{
    tl_status status = read_header(f);
    if (status == TL_OK)
        status = parse_header(f);
    if (status == TL_OK)
        status = parse_tensors(f, s);
    if (status != TL_OK)
        return status;
    for (int32_t k = 0; k < s->n; k++)
        f->by_name[k] = &s->tensor[k];
    if (s->n > 1)
        qsort(f->by_name, (size_t)s->n, sizeof(tl_safetensor *), by_name);
    status = parse_notes(f, s);
    tl_free(f->header);
    f->header = NULL;
    return status;
}

int32_t tl_safetensors_find(const tl_safetensors *s, const char *name)
{
    const tl_safetensor key = { .name = name }, *at = &key;
    if (!s || !s->file || !name)
        return -1;
    tl_safetensor *const *found = s->n > 0 ? bsearch(&at, s->file->by_name, (size_t)s->n, sizeof at, by_name)
                                           : NULL;
    return found ? (int32_t)(*found - s->tensor) : -1;
}

const char *tl_safetensors_note_of(const tl_safetensors *s, const char *key)
{
    const tl_safetensors_note wanted = { .key = key };
    if (!s || !s->file || !key || s->n_notes == 0)
        return NULL;
    const tl_safetensors_note *found = bsearch(&wanted, s->note, (size_t)s->n_notes, sizeof wanted, by_key);
    return found ? found->value : NULL;
}
#endif
