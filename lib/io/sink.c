/* Files that are written whole or not at all. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "lib/io/sink.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 16,    /* bytes of the buffer */
    AT_ONCE = 1 << 30,  /* bytes in one write: some systems take no more than 2^31 - 1 */
    NAME_KEPT = 200,    /* bytes of the file's name in that of the temporary, of which 255 are allowed */
    TEMPORARIES = 1000, /* writers of one path at a time */
    CREATE = O_WRONLY | O_CREAT | O_EXCL,
};

struct tl_sink_file {
    int fd;
    bool direct;  /* a FIFO or a device: no temporary */
    bool old;     /* there was a file */
    mode_t mode;  /* of the old file */
    char *target; /* the path without links, by malloc */
    char *temporary;
    size_t folder; /* bytes of the target up to the last '/' included, 0: the working directory */
    tl_status status;
    char text[TL_ERROR_SIZE]; /* of the first error */
    int used;                 /* bytes in the buffer */
    unsigned char buffer[CHUNK];
};

/* ---- Errors ---- */

/* Records errno, or the memory that was missing, as the first error. */
static tl_status not_saved(tl_sink *s)
{
    struct tl_sink_file *f = s->file;
    f->status = errno == ENOMEM
                    ? tl_fail_memory()
                    : tl_fail(TL_ERR_IO, "%s: %.300s: not saved%s: %s", s->who, s->path,
                              f->old && !f->direct ? ", the old file stands" : "", strerror(errno));
    snprintf(f->text, sizeof f->text, "%s", tl_error());
    return f->status;
}

static tl_status first_error(const tl_sink *s)
{
    return s->file->status == TL_OK ? TL_OK : tl_fail(s->file->status, "%s", s->file->text);
}

/* ---- Opening ---- */

static int open_again(const char *path, int flags)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Returns whether the name is still that of the open file, which another writer may have taken for a left one
 * before it was locked. */
static bool is_named(int fd, const char *name)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && stat(name, &named) == 0 && open_file.st_ino == named.st_ino &&
           open_file.st_dev == named.st_dev;
}

/* Removes a temporary whose writer is dead: the lock went with it. */
static bool remove_left(const char *name)
{
    const int fd = open_again(name, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT;
    const bool left = flock(fd, LOCK_EX | LOCK_NB) == 0 && is_named(fd, name) && unlink(name) == 0;
    close(fd);
    return left;
}

/* Creates and locks FOLDER/.NAME.K.tmp with the first K that no living writer has. */
static int open_temporary(struct tl_sink_file *f)
{
    const size_t size = f->folder + NAME_KEPT + 16;
    f->temporary = tl_alloc((int64_t)size, 1);
    if (!f->temporary) {
        errno = ENOMEM;
        return -1;
    }
    for (int k = 0; k < TEMPORARIES; k++) {
        snprintf(f->temporary, size, "%.*s.%.*s.%d.tmp", (int)f->folder, f->target, NAME_KEPT,
                 f->target + f->folder, k);
        int fd = open_again(f->temporary, CREATE);
        if (fd < 0 && errno == EEXIST) {
            if (!remove_left(f->temporary))
                continue;
            fd = open_again(f->temporary, CREATE);
        }
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return -1;
        flock(fd, LOCK_EX | LOCK_NB); /* where there are no locks, nobody removes what is left either */
        if (is_named(fd, f->temporary)) {
            if (f->old)
                fchmod(fd, f->mode); /* may fail where there are no permissions */
            return fd;
        }
        close(fd);
    }
    errno = EEXIST;
    return -1;
}

/* Returns the path of the file that a link to none would have, or the path itself if it is no link: by
 * malloc. NULL: see errno. */
static char *follow(const char *path)
{
    enum { MOST_LINKS = 40 };
    char to[4096], *at = strdup(path);
    for (int k = 0; at; k++) {
        const ssize_t n = readlink(at, to, sizeof to);
        if (n < 0)
            return at;
        const char *slash = strrchr(at, '/');
        const size_t folder = to[0] != '/' && slash ? (size_t)(slash - at) + 1 : 0;
        const bool possible = k < MOST_LINKS && n < (ssize_t)sizeof to;
        char *next = possible ? malloc(folder + (size_t)n + 1) : NULL;
        if (next) {
            memcpy(next, at, folder);
            memcpy(next + folder, to, (size_t)n);
            next[folder + (size_t)n] = '\0';
        } else if (!possible) {
            errno = k < MOST_LINKS ? ENAMETOOLONG : ELOOP;
        }
        free(at);
        at = next;
    }
    return NULL;
}

/* Finds out what the path names. False: see errno. */
static bool find_target(struct tl_sink_file *f, const char *path)
{
    struct stat old;
    f->old = stat(path, &old) == 0;
    f->mode = f->old ? old.st_mode & 0777 : 0;
    f->direct = f->old && !S_ISREG(old.st_mode) && !S_ISDIR(old.st_mode);
    if (f->old && S_ISDIR(old.st_mode)) {
        f->old = false;
        errno = EISDIR;
        return false;
    }
    if (f->old && access(path, W_OK) != 0)
        return false; /* a rename would not ask */
    f->target = f->old ? realpath(path, NULL) : follow(path);
    if (!f->target)
        return false;
    const char *slash = strrchr(f->target, '/');
    f->folder = slash ? (size_t)(slash - f->target) + 1 : 0;
    errno = f->folder > 0 ? EISDIR : ENOENT;
    return f->target[f->folder] != '\0';
}

static void release(tl_sink *s)
{
    if (s->file->fd >= 0)
        close(s->file->fd);
    free(s->file->target);
    tl_free(s->file->temporary);
    tl_free(s->file);
    s->file = NULL;
}

tl_status tl_sink_open(tl_sink *s, const char *who, const char *path)
{
    *s = (tl_sink){ .who = who, .path = path, .file = tl_alloc(1, sizeof *s->file) };
    struct tl_sink_file *f = s->file;
    if (!f)
        return tl_fail_memory();
    f->target = f->temporary = NULL;
    f->fd = -1;
    f->used = 0;
    f->status = TL_OK;
    if (find_target(f, path))
        f->fd = f->direct ? open_again(f->target, O_WRONLY) : open_temporary(f);
    if (f->fd < 0) {
        const tl_status status = not_saved(s);
        release(s);
        return status;
    }
    return TL_OK;
}

/* ---- Writing ---- */

/* Writes n bytes, at `at` or, if that is negative, where the file ends. False: see errno. */
static bool write_all(int fd, const unsigned char *from, int64_t n, int64_t at)
{
    while (n > 0) {
        const size_t part = n < AT_ONCE ? (size_t)n : (size_t)AT_ONCE;
        const ssize_t got = at < 0 ? write(fd, from, part) : pwrite(fd, from, part, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = ENOSPC; /* POSIX leaves open what that means */
        if (got <= 0)
            return false;
        from += got;
        n -= got;
        if (at >= 0)
            at += got;
    }
    return true;
}

static bool flush(struct tl_sink_file *f)
{
    const int n = f->used;
    f->used = 0;
    return write_all(f->fd, f->buffer, n, -1);
}

tl_status tl_sink_write(tl_sink *s, const void *from, int64_t n)
{
    struct tl_sink_file *f = s->file;
    if (f->status != TL_OK)
        return first_error(s);
    if (n > CHUNK - f->used && !flush(f))
        return not_saved(s);
    if (n > CHUNK) {
        if (!write_all(f->fd, from, n, -1))
            return not_saved(s);
    } else if (n > 0) {
        memcpy(f->buffer + f->used, from, (size_t)n);
        f->used += (int)n;
    }
    s->at += n;
    return TL_OK;
}

tl_status tl_sink_printf(tl_sink *s, const char *format, ...)
{
    char small[1024], *text = small;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n >= (int)sizeof small) {
        text = tl_alloc((int64_t)n + 1, 1);
        if (text)
            vsnprintf(text, (size_t)n + 1, format, again);
    }
    va_end(again);
    tl_status status = TL_OK;
    if (n < 0 || !text) {
        errno = text ? errno : ENOMEM;
        status = s->file->status == TL_OK ? not_saved(s) : first_error(s);
    } else {
        status = tl_sink_write(s, text, n);
    }
    if (text != small)
        tl_free(text);
    return status;
}

tl_status tl_sink_patch(tl_sink *s, int64_t at, const void *from, int64_t n)
{
    struct tl_sink_file *f = s->file;
    if (f->status != TL_OK)
        return first_error(s);
    return flush(f) && write_all(f->fd, from, n, at) ? TL_OK : not_saved(s);
}

/* ---- Closing ---- */

static bool sync_again(int fd)
{
    int code;
    do
        code = fsync(fd);
    while (code != 0 && errno == EINTR);
    return code == 0;
}

/* Writes the new name to the disk. EINVAL: the file system has folders that need no such thing. */
static bool sync_folder(struct tl_sink_file *f)
{
    f->target[f->folder] = '\0';
    const int fd = open_again(f->folder ? f->target : ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return false;
    const bool synced = sync_again(fd) || errno == EINVAL;
    const int why = errno;
    close(fd);
    errno = why;
    return synced;
}

/* The lock is held until the temporary has its new name, so that nobody takes it for a left one. */
static tl_status commit(tl_sink *s)
{
    struct tl_sink_file *f = s->file;
    if (f->status != TL_OK)
        return first_error(s);
    if (!flush(f) || (!f->direct && (!sync_again(f->fd) || rename(f->temporary, f->target) != 0)))
        return not_saved(s);
    if (f->direct)
        return TL_OK;
    tl_free(f->temporary);
    f->temporary = NULL;
    return sync_folder(f) ? TL_OK
                          : tl_fail(TL_ERR_IO, "%s: %.300s: saved, but it may not survive a power cut: %s",
                                    s->who, s->path, strerror(errno));
}

tl_status tl_sink_close(tl_sink *s, tl_status status)
{
    if (status == TL_OK)
        status = commit(s);
    if (s->file->temporary)
        unlink(s->file->temporary);
    release(s);
    return status;
}
