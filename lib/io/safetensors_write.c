/* The writer. Checksums are known only when the data are written: the header is first written with zeros in
 * their place. */
#include "lib/io/safetensors_private.h"
#include "lib/io/sink.h"
#include "lib/io/utf8.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 8, ALIGNMENT = 64, PART = 1 << 20 };

/* ---- Text that grows ---- */

typedef struct text {
    char *at;
    int64_t n, capacity;
    bool failed; /* no memory */
} text;

static void add(text *t, const char *from, int64_t n)
{
    if (t->failed)
        return;
    if (t->capacity - t->n < n) {
        const int64_t capacity = 2 * t->capacity + n + 1000;
        char *more = tl_alloc(capacity, 1);
        if (!more) {
            t->failed = true;
            return;
        }
        if (t->n > 0)
            memcpy(more, t->at, (size_t)t->n);
        tl_free(t->at);
        t->at = more;
        t->capacity = capacity;
    }
    memcpy(t->at + t->n, from, (size_t)n);
    t->n += n;
}

static void add_string(text *t, const char *from)
{
    add(t, from, (int64_t)strlen(from));
}

static void add_integer(text *t, int64_t x)
{
    char digits[24];
    add(t, digits, snprintf(digits, sizeof digits, "%" PRId64, x));
}

/* Adds a JSON string without its quotes. */
static void add_escaped(text *t, const char *from)
{
    for (; *from; from++) {
        char code[8];
        if (*from == '"' || *from == '\\')
            add(t, "\\", 1);
        if ((unsigned char)*from >= 0x20)
            add(t, from, 1);
        else
            add(t, code, snprintf(code, sizeof code, "\\u%04x", (unsigned)*from));
    }
}

/* ---- The header ---- */

typedef struct job {
    const char *who, *path;
    const tl_safetensors *s;
    const tl_safetensor **order; /* as in the file */
    int64_t *digits;             /* where the digits of each tensor's checksum are, and of the header's */
    text header;                 /* with its size before it */
} job;

static void add_checksum(job *j, int32_t k, const char *name)
{
    text *t = &j->header;
    add_string(t, "\"" TL_SAFETENSORS_CHECKSUM);
    if (name) {
        add_string(t, "/");
        add_escaped(t, name);
    }
    add_string(t, "\":\"" TL_SAFETENSORS_CRC32);
    j->digits[k] = t->n;
    add_string(t, "00000000\"");
}

static void add_tensor(text *t, const tl_safetensor *tensor, int64_t at)
{
    add_string(t, ",\"");
    add_escaped(t, tensor->name);
    add_string(t, "\":{\"dtype\":\"");
    add_string(t, tl_safetensors_type_name(tensor->type));
    add_string(t, "\",\"shape\":[");
    for (int32_t k = 0; k < tensor->rank; k++) {
        add_string(t, k > 0 ? "," : "");
        add_integer(t, tensor->dim[k]);
    }
    add_string(t, "],\"data_offsets\":[");
    add_integer(t, at);
    add_string(t, ",");
    add_integer(t, at + tensor->size * tl_safetensors_type_size(tensor->type));
    add_string(t, "]}");
}

static tl_status make_header(job *j)
{
    const tl_safetensors *s = j->s;
    text *t = &j->header;
    add(t, "\0\0\0\0\0\0\0\0{\"__metadata__\":{", PREFIX + 17);
    add_checksum(j, s->n, NULL);
    for (int32_t k = 0; k < s->n_notes; k++) {
        add_string(t, ",\"");
        add_escaped(t, s->note[k].key);
        add_string(t, "\":\"");
        add_escaped(t, s->note[k].value);
        add_string(t, "\"");
    }
    for (int32_t k = 0; k < s->n; k++) {
        add_string(t, ",");
        add_checksum(j, k, j->order[k]->name);
    }
    add_string(t, "}");
    int64_t at = 0;
    for (int32_t k = 0; k < s->n; k++) {
        add_tensor(t, j->order[k], at);
        at += j->order[k]->size * tl_safetensors_type_size(j->order[k]->type);
    }
    add_string(t, "}");
    while (!t->failed && t->n % ALIGNMENT != 0)
        add(t, " ", 1);
    if (t->failed)
        return tl_fail_memory();
    if (t->n - PREFIX > TL_SAFETENSORS_HEADER_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %.300s: a header of %" PRId64 " bytes, of which readers take %d",
                       j->who, j->path, t->n - PREFIX, TL_SAFETENSORS_HEADER_MAX);
    const int64_t values = tl_safetensors_count_values(t->at + PREFIX, t->n - PREFIX);
    if (values > TL_SAFETENSORS_VALUES_MAX)
        return tl_fail(TL_ERR_ARGUMENT,
                       "%s: %.300s: a header of %" PRId64 " values, of which readers take %d", j->who,
                       j->path, values, TL_SAFETENSORS_VALUES_MAX);
    for (int k = 0; k < PREFIX; k++)
        t->at[k] = (char)((uint64_t)(t->n - PREFIX) >> 8 * k & 0xff);
    return TL_OK;
}

static void patch(job *j, int32_t k, uint32_t checksum)
{
    char digits[TL_SAFETENSORS_DIGITS + 1];
    snprintf(digits, sizeof digits, "%08" PRIx32, checksum);
    memcpy(j->header.at + j->digits[k], digits, TL_SAFETENSORS_DIGITS);
}

/* ---- Checks ---- */

static tl_status bad(const job *j, const char *name, const char *why)
{
    return tl_fail(TL_ERR_ARGUMENT, "%s: %.300s: %.80s %s", j->who, j->path, name, why);
}

static tl_status check_tensor(const job *j, const tl_safetensor *t)
{
    if (!t->name || !*t->name)
        return bad(j, "a tensor", "has no name");
    if (!tl_is_utf8(t->name, -1))
        return bad(j, "a tensor", "has a name that is not UTF-8");
    if (strcmp(t->name, "__metadata__") == 0)
        return bad(j, t->name, "is the name of the notes");
    if (tl_safetensors_type_size(t->type) == 0)
        return bad(j, t->name, "has an unknown type");
    int64_t size = 1;
    for (int32_t k = 0; k < t->rank; k++) {
        if (!t->dim || t->dim[k] < 0 || (t->dim[k] > 0 && size > INT64_MAX / 8 / t->dim[k]))
            return bad(j, t->name, "has impossible sizes");
        size *= t->dim[k];
    }
    if (t->rank < 0 || size != t->size || (size > 0 && !t->data))
        return bad(j, t->name, "has a size that is not the product of its sizes, or no data");
    return TL_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Checks that n keys, which it sorts, differ. */
static tl_status check_unique(const job *j, const char **key, int32_t n)
{
    if (n > 1)
        qsort(key, (size_t)n, sizeof(char *), by_key);
    for (int32_t k = 1; k < n; k++)
        if (strcmp(key[k - 1], key[k]) == 0)
            return bad(j, key[k], "is the name of two");
    return TL_OK;
}

static tl_status check(const job *j, const char **key)
{
    const tl_safetensors *s = j->s;
    const size_t n = strlen(TL_SAFETENSORS_CHECKSUM);
    for (int32_t k = 0; k < s->n; k++) {
        if (check_tensor(j, &s->tensor[k]) != TL_OK)
            return TL_ERR_ARGUMENT;
        key[k] = s->tensor[k].name;
    }
    if (check_unique(j, key, s->n) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (int32_t k = 0; k < s->n_notes; k++) {
        key[k] = s->note[k].key;
        if (!key[k] || !s->note[k].value || !tl_is_utf8(key[k], -1) || !tl_is_utf8(s->note[k].value, -1))
            return bad(j, "a note", "is NULL or not UTF-8");
        if (strncmp(key[k], TL_SAFETENSORS_CHECKSUM, n) == 0 && (key[k][n] == '\0' || key[k][n] == '/'))
            return bad(j, key[k], "is the key of a checksum");
    }
    return check_unique(j, key, s->n_notes);
}

/* ---- Writing ---- */

/* Sorts by width, and leaves tensors of the same width in their order. */
static void sort(job *j)
{
    int32_t n = 0;
    for (int32_t width = 8; width > 0; width /= 2)
        for (int32_t k = 0; k < j->s->n; k++)
            if (tl_safetensors_type_size(j->s->tensor[k].type) == width)
                j->order[n++] = &j->s->tensor[k];
}

static tl_status write_tensor(tl_sink *sink, const tl_safetensor *t, uint32_t *checksum)
{
    const int64_t bytes = t->size * tl_safetensors_type_size(t->type);
    const char *from = t->data;
    *checksum = 0;
    for (int64_t k = 0; k < bytes; k += PART) {
        const int64_t n = bytes - k < PART ? bytes - k : PART;
        *checksum = tl_crc32(*checksum, from + k, n);
        if (tl_sink_write(sink, from + k, n) != TL_OK)
            return tl_last_status();
    }
    return TL_OK;
}

static tl_status write_all(job *j)
{
    tl_sink sink;
    tl_status status = tl_sink_open(&sink, j->who, j->path);
    if (status != TL_OK)
        return status;
    status = tl_sink_write(&sink, j->header.at, j->header.n);
    for (int32_t k = 0; status == TL_OK && k < j->s->n; k++) {
        uint32_t checksum;
        status = write_tensor(&sink, j->order[k], &checksum);
        patch(j, k, checksum);
    }
    patch(j, j->s->n, tl_crc32(0, j->header.at, j->header.n));
    if (status == TL_OK)
        status = tl_sink_patch(&sink, 0, j->header.at, j->header.n);
    return tl_sink_close(&sink, status);
}

tl_status tl_safetensors_write_as(const char *who, const char *path, const tl_safetensors *s)
{
    if (!path || !s)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s is NULL", who, path ? "s" : "path");
    if (tl_safetensors_check_build(who) != TL_OK)
        return TL_ERR_ARGUMENT;
    job j = { .who = who, .path = path, .s = s };
    const char **key = tl_alloc(s->n > s->n_notes ? s->n : s->n_notes, sizeof *key);
    j.order = tl_alloc(s->n, sizeof *j.order);
    j.digits = tl_alloc((int64_t)s->n + 1, sizeof *j.digits);
    tl_status status = key && j.order && j.digits ? check(&j, key) : tl_fail_memory();
    if (status == TL_OK) {
        sort(&j);
        status = make_header(&j);
    }
    if (status == TL_OK)
        status = write_all(&j);
    tl_free(j.header.at);
    tl_free(j.digits);
    tl_free(j.order);
    tl_free(key);
    return status;
}

tl_status tl_safetensors_write(const char *path, const tl_safetensors *s)
{
    return tl_safetensors_write_as("safetensors_write", path, s);
}
