/* JSON lines. A line is collected in memory and written by one call. */
#include "log.h"
#include "lib/io/number.h"
#include "lib/io/utf8.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tl_log_file {
    char *path;
    int file;
    char *line;
    int64_t length, capacity;
    tl_status status;          /* the first error */
    char error[TL_ERROR_SIZE]; /* its text */
};

/* Returns the error of a call without a log: that of tl_log_open, which was the last one. */
static tl_status no_log(void)
{
    return tl_last_status() != TL_OK ? tl_last_status() : tl_fail(TL_ERR_ARGUMENT, "log: log is NULL");
}

/* Keeps the error that was just recorded, if it is the first. */
static tl_status stick(tl_log_file *log, tl_status status)
{
    if (status != TL_OK && log->status == TL_OK) {
        log->status = status;
        snprintf(log->error, sizeof log->error, "%s", tl_error());
    }
    return status;
}

static tl_status io_failed(const char *who, const char *path)
{
    return tl_fail(TL_ERR_IO, "%s: %.300s: %s", who, path, strerror(errno));
}

/* ---- Opening ---- */

/* Returns where the last line begins in a file of `size` bytes: after its last newline. -1: see errno. */
static int64_t last_line(int file, int64_t size)
{
    char part[4096];
    for (int64_t end = size; end > 0;) {
        const int64_t begin = end > (int64_t)sizeof part ? end - (int64_t)sizeof part : 0;
        const ssize_t got = pread(file, part, (size_t)(end - begin), begin);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < end - begin) {
            errno = got < 0 ? errno : EIO;
            return -1;
        }
        for (int64_t k = got; k > 0; k--)
            if (part[k - 1] == '\n')
                return begin + k;
        end = begin;
    }
    return 0;
}

/* Removes an unfinished line from the end of a regular file. Another file than a log is left alone. */
static tl_status cut_unfinished(const tl_log_file *log, int64_t size)
{
    char first = '{';
    const int reader = open(log->path, O_RDONLY | O_CLOEXEC);
    const int64_t begin = reader < 0 ? -1 : last_line(reader, size);
    const bool ok = begin >= 0 && (begin == size || pread(reader, &first, 1, begin) == 1);
    const int why = errno;
    if (reader >= 0)
        close(reader);
    errno = why;
    if (!ok)
        return io_failed("log_open", log->path);
    if (first != '{')
        return tl_fail(TL_ERR_FORMAT,
                       "log_open: %.300s: byte %" PRId64 ": found 0x%02x, expected { as in JSON lines",
                       log->path, begin, (unsigned char)first);
    if (begin < size && ftruncate(log->file, begin) != 0)
        return io_failed("log_open", log->path);
    return TL_OK;
}

static tl_status open_file(tl_log_file *log)
{
    struct stat s;
    do /* a signal interrupts the wait for the reader of a FIFO */
        log->file = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    while (log->file < 0 && errno == EINTR);
    if (log->file < 0 || fstat(log->file, &s) != 0)
        return io_failed("log_open", log->path);
    return S_ISREG(s.st_mode) && s.st_size > 0 ? cut_unfinished(log, s.st_size) : TL_OK;
}

static void free_log(tl_log_file *log)
{
    if (log->file >= 0)
        close(log->file);
    tl_free(log->path);
    tl_free(log->line);
    tl_free(log);
}

tl_log_file *tl_log_open(const char *path)
{
    enum { FIRST_CAPACITY = 512 };
    if (!path) {
        tl_fail(TL_ERR_ARGUMENT, "log_open: path is NULL");
        return NULL;
    }
    const size_t n = strlen(path) + 1;
    tl_log_file *log = tl_alloc_zero(1, sizeof *log);
    if (!log) {
        tl_fail_memory();
        return NULL;
    }
    log->file = -1;
    log->capacity = FIRST_CAPACITY;
    log->path = tl_alloc((int64_t)n, 1);
    log->line = tl_alloc(log->capacity, 1);
    if (log->path)
        memcpy(log->path, path, n);
    if (log->path && log->line ? open_file(log) == TL_OK : tl_fail_memory() == TL_OK)
        return log;
    free_log(log);
    return NULL;
}

/* ---- Lines ---- */

static bool grow(tl_log_file *log, int64_t more)
{
    if (log->length + more <= log->capacity)
        return true;
    const int64_t capacity = 2 * (log->length + more);
    char *line = tl_alloc(capacity, 1);
    if (!line)
        return false;
    memcpy(line, log->line, (size_t)log->length);
    tl_free(log->line);
    log->line = line;
    log->capacity = capacity;
    return true;
}

/* Writes text as a JSON string (RFC 8259), of at most six bytes a byte and two quotes. Returns its end. */
static char *put_string(char *to, const char *text)
{
    *to++ = '"';
    for (const char *from = text; *from;) {
        const int n = tl_utf8_length(from, INT64_MAX);
        if (n == 0) {
            to += sprintf(to, "\\ufffd");
        } else if (*from == '"' || *from == '\\') {
            *to++ = '\\';
            *to++ = *from;
        } else if (n == 1 && *from < 0x20) {
            to += sprintf(to, "\\u%04x", (unsigned)*from);
        } else {
            memcpy(to, from, (size_t)n);
            to += n;
        }
        from += n > 0 ? n : 1;
    }
    *to++ = '"';
    return to;
}

/* Returns the byte after a JSON string. */
static const char *string_end(const char *at)
{
    for (at++; *at != '"'; at++)
        at += *at == '\\';
    return at + 1;
}

/* Returns whether the line has a field of the name that was just put, with its colon, at `name`. */
static bool is_repeated(const tl_log_file *log, const char *name, int64_t n)
{
    for (const char *at = log->line, *end; (at = memchr(at, '"', (size_t)(name + 1 - at))) < name; at = end) {
        end = string_end(at);
        if (*end == ':' && end + 1 - at == n && memcmp(at, name, (size_t)n) == 0)
            return true;
    }
    return false;
}

/* Adds a field with this value, whose JSON text has at most `most` bytes; a text is escaped. */
static tl_status add(tl_log_file *log, const char *name, const char *value, bool is_text)
{
    if (!log)
        return no_log();
    if (log->status != TL_OK)
        return tl_fail(log->status, "%s", log->error);
    if (!name || !value)
        return stick(log, tl_fail(TL_ERR_ARGUMENT, "log: %s is NULL", name ? "value" : "name"));
    const size_t most = 6 * (strlen(name) + strlen(value)) + 8; /* quotes, comma, colon, and an end */
    if (!grow(log, (int64_t)most))
        return stick(log, tl_fail_memory());
    char *to = log->line + log->length, *key;
    *to++ = log->length == 0 ? '{' : ',';
    key = to;
    to = put_string(to, name);
    *to++ = ':';
    if (is_repeated(log, key, to - key))
        return stick(log, tl_fail(TL_ERR_ARGUMENT, "log: the line has %s already", name));
    if (is_text) {
        to = put_string(to, value);
    } else {
        memcpy(to, value, strlen(value));
        to += strlen(value);
    }
    log->length = to - log->line;
    return TL_OK;
}

tl_status tl_log_number(tl_log_file *log, const char *name, double value)
{
    if (!isfinite(value))
        return add(log, name, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", true);
    char text[TL_NUMBER_SIZE];
    tl_print_double(text, value);
    return add(log, name, text, false);
}

tl_status tl_log_integer(tl_log_file *log, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    return add(log, name, text, false);
}

tl_status tl_log_text(tl_log_file *log, const char *name, const char *value)
{
    return add(log, name, value, true);
}

tl_status tl_log_end(tl_log_file *log)
{
    if (!log)
        return no_log();
    if (log->status != TL_OK)
        return tl_fail(log->status, "%s", log->error);
    if (log->length == 0)
        log->line[log->length++] = '{';
    log->line[log->length++] = '}';
    log->line[log->length++] = '\n';
    for (int64_t at = 0; at < log->length;) {
        const ssize_t n = write(log->file, log->line + at, (size_t)(log->length - at));
        if (n < 0 && errno != EINTR)
            return stick(log, io_failed("log", log->path));
        at += n > 0 ? n : 0;
    }
    log->length = 0;
    return TL_OK;
}

tl_status tl_log_close(tl_log_file *log)
{
    if (!log)
        return no_log();
    if (log->status == TL_OK && log->length > 0)
        tl_log_end(log);
    const int file = log->file;
    log->file = -1;
    if (close(file) != 0 && errno != EINTR) /* network file systems tell of a full disk here */
        stick(log, io_failed("log", log->path));
    const tl_status status = log->status == TL_OK ? TL_OK : tl_fail(log->status, "%s", log->error);
    free_log(log);
    return status;
}
