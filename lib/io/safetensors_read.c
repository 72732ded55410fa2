/* The reader: opening, and the data of tensors. */
#include "lib/io/safetensors_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <string.h>

#if defined(TL_HAVE_JANSSON) && defined(TL_HAVE_ZLIB)
#include "lib/io/safetensors_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART = 1 << 20 }; /* bytes in one read; each is checksummed while it is in the cache */

/* ---- Errors, and reading ---- */

tl_status tl_safetensors_bad(const struct tl_safetensors_file *f, const char *format, ...)
{
    char text[TL_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tl_fail(TL_ERR_FORMAT, "%s: %.300s: %s", f->who, f->path, text);
}

static tl_status system_error(const struct tl_safetensors_file *f)
{
    return tl_fail(TL_ERR_IO, "%s: %.300s: %s", f->who, f->path, strerror(errno));
}

/* Reads n bytes at `at`. */
tl_status tl_safetensors_read_at(const struct tl_safetensors_file *f, void *to, int64_t n, int64_t at)
{
    char *next = to;
    while (n > 0) {
        const ssize_t got = pread(f->fd, next, n < PART ? (size_t)n : (size_t)PART, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return system_error(f);
        if (got == 0)
            return tl_safetensors_bad(
                f, "byte %" PRId64 ": found the end of the file, expected %" PRId64 " more bytes", at, n);
        next += got;
        at += got;
        n -= got;
    }
    return TL_OK;
}

/* ---- The interface ---- */

static tl_status open_file(struct tl_safetensors_file *f, const char *path)
{
    struct stat is;
    const int64_t n = (int64_t)strlen(path) + 1;
    f->path = tl_alloc(n, 1);
    if (!f->path)
        return tl_fail_memory();
    memcpy(f->path, path, (size_t)n);
    do
        f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for its writer */
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0 || fstat(f->fd, &is) != 0)
        return system_error(f);
    if (!S_ISREG(is.st_mode))
        return tl_fail(TL_ERR_IO, "%s: %.300s: %s", f->who, f->path,
                       S_ISDIR(is.st_mode) ? strerror(EISDIR) : "not a regular file");
    f->size = (int64_t)is.st_size;
    return TL_OK;
}

tl_status tl_safetensors_open_as(const char *who, const char *path, tl_safetensors *out)
{
    if (out)
        *out = (tl_safetensors){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s is NULL", who, path ? "out" : "path");
    if (tl_safetensors_check_build(who) != TL_OK)
        return TL_ERR_ARGUMENT;
    struct tl_safetensors_file *f = tl_alloc_zero(1, sizeof *f);
    if (!f)
        return tl_fail_memory();
    f->who = who;
    f->fd = -1;
    out->file = f;
    tl_status status = open_file(f, path);
    if (status == TL_OK)
        status = tl_safetensors_check_header(f, out);
    if (status != TL_OK)
        tl_safetensors_free(out);
    return status;
}

bool tl_safetensors_is_checked(const tl_safetensors *s)
{
    return s->file && s->file->checked;
}

/* Reads a tensor part by part: the checksum finds each in the cache. */
static tl_status read_tensor(const struct tl_safetensors_file *f, const tl_safetensor *t, char *to)
{
    const int64_t bytes = t->size * tl_safetensors_type_size(t->type);
    uint32_t found = 0;
    for (int64_t k = 0; k < bytes; k += PART) {
        const int64_t n = bytes - k < PART ? bytes - k : PART;
        const tl_status status = tl_safetensors_read_at(f, to + k, n, t->at + k);
        if (status != TL_OK)
            return status;
        if (t->has_checksum)
            found = tl_crc32(found, to + k, n);
    }
    if (t->has_checksum && found != t->checksum)
        return tl_safetensors_bad(f, "%.80s is damaged: found checksum %08" PRIx32 ", expected %08" PRIx32,
                                  t->name, found, t->checksum);
    return TL_OK;
}

tl_status tl_safetensors_load(tl_safetensors *s, int32_t k, void *to)
{
    if (!s || !s->file)
        return tl_fail(TL_ERR_ARGUMENT, "safetensors_load: there is no open file");
    if (k < 0 || k >= s->n)
        return tl_fail(TL_ERR_ARGUMENT, "safetensors_load: tensor %d is not in [0, %d)", (int)k, (int)s->n);
    tl_safetensor *t = &s->tensor[k];
    if (to)
        return read_tensor(s->file, t, to);
    if (t->data)
        return TL_OK;
    void *data = tl_alloc(t->size, (size_t)tl_safetensors_type_size(t->type));
    const tl_status status = data ? read_tensor(s->file, t, data) : tl_fail_memory();
    if (status == TL_OK)
        t->data = data;
    else
        tl_free(data);
    return status;
}

void tl_safetensors_free(tl_safetensors *s)
{
    if (!s || !s->file)
        return;
    struct tl_safetensors_file *f = s->file;
    for (int32_t k = 0; s->tensor && k < s->n; k++)
        tl_free(s->tensor[k].data);
    tl_free(s->tensor);
    tl_free(s->note);
    if (f->fd >= 0)
        close(f->fd);
    json_decref(f->root);
    tl_free(f->by_name);
    tl_free(f->dims);
    tl_free(f->header);
    tl_free(f->path);
    tl_free(f);
    *s = (tl_safetensors){ 0 };
}
#else
tl_status tl_safetensors_open_as(const char *who, const char *path, tl_safetensors *out)
{
    (void)path;
    if (out)
        *out = (tl_safetensors){ 0 };
    return tl_safetensors_check_build(who);
}

bool tl_safetensors_is_checked(const tl_safetensors *s)
{
    (void)s;
    return false;
}

tl_status tl_safetensors_load(tl_safetensors *s, int32_t k, void *to)
{
    (void)s;
    (void)k;
    (void)to;
    return tl_safetensors_check_build("safetensors_load");
}

void tl_safetensors_free(tl_safetensors *s)
{
    (void)s;
}

int32_t tl_safetensors_find(const tl_safetensors *s, const char *name)
{
    (void)s;
    (void)name;
    return -1;
}

const char *tl_safetensors_note_of(const tl_safetensors *s, const char *key)
{
    (void)s;
    (void)key;
    return NULL;
}
#endif

tl_status tl_safetensors_open(const char *path, tl_safetensors *out)
{
    return tl_safetensors_open_as("safetensors_open", path, out);
}

tl_status tl_safetensors_read(const char *path, tl_safetensors *out)
{
    tl_status status = tl_safetensors_open_as("safetensors_read", path, out);
    for (int32_t k = 0; status == TL_OK && k < out->n; k++)
        status = tl_safetensors_load(out, k, NULL);
    if (status != TL_OK)
        tl_safetensors_free(out);
    return status;
}
