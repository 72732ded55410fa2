/* The state of rank 0, to all. A checkpoint has all of it, and is written and read by the functions that are
 * tested for that; it passes through a temporary file of each rank. */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tulle/checkpoint.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, PATH = 1000 };

typedef struct transfer {
    tl_mpi *m;
    tl_checkpoint *list;
    char folder[PATH], path[PATH + 20];
    int file; /* -1: not open */
    char *chunk;
} transfer;

static tl_status fail_io(const transfer *t)
{
    return tl_fail(TL_ERR_IO, "mpi_broadcast: %.300s: %s", t->folder, strerror(errno));
}

/* ---- What is broadcast ---- */

static tl_status add_to_list(transfer *t, tl_variable *v, int32_t k)
{
    if (!v)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_broadcast: variable %d is NULL", (int)k);
    if (tl_mpi_find_table(t->m, v))
        return tl_fail(TL_ERR_ARGUMENT, "mpi_broadcast: %.60s is shared out: rank 0 has not all of it",
                       tl_variable_name(v));
    return tl_checkpoint_add_variable(t->list, v);
}

static tl_status make_list(transfer *t, tl_variable *const *vars, int32_t n, tl_optimizer *o)
{
    if (n < 1 || !vars)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_broadcast: the list of variables is empty");
    t->list = tl_checkpoint_new();
    tl_status status = t->list ? TL_OK : TL_ERR_MEMORY;
    for (int32_t k = 0; k < n && status == TL_OK; k++)
        status = add_to_list(t, vars[k], k);
    return status == TL_OK && o ? tl_checkpoint_add_optimizer(t->list, "optimizer", o) : status;
}

static tl_status make_folder(transfer *t)
{
    const char *where = getenv("TMPDIR");
    snprintf(t->folder, sizeof t->folder, "%s/tulle-mpi-XXXXXX", where && *where ? where : "/tmp");
    if (!mkdtemp(t->folder)) {
        const tl_status status = fail_io(t);
        t->folder[0] = '\0';
        return status;
    }
    snprintf(t->path, sizeof t->path, "%s/state", t->folder);
    return TL_OK;
}

/* Takes what a transfer needs, and has the ranks agree that they mean the same. */
static tl_status begin(transfer *t, tl_variable *const *vars, int32_t n, tl_optimizer *o)
{
    tl_mpi *m = t->m;
    tl_mpi_claim claim = { .call = o ? "mpi_broadcast with an optimizer"
                                     : "mpi_broadcast without an optimizer" };
    if (tl_mpi_note(m, make_list(t, vars, n, o)) == TL_OK) {
        tl_mpi_variable *own = tl_mpi_take_zero(m, &m->call, n, sizeof *own);
        for (int32_t k = 0; own && k < n; k++) {
            own[k].variable = vars[k];
            tl_mpi_refresh(&own[k], false);
        }
        claim.n = own ? n : 0;
        claim.variable = own;
        claim.digest = tl_mpi_list_digest(own, claim.n);
        tl_mpi_reserve(m, n);
    }
    t->chunk = tl_mpi_take(m, &m->call, CHUNK, 1);
    if (m->ranks > 1 && m->noted.status == TL_OK)
        tl_mpi_note(m, make_folder(t));
    return tl_mpi_agree_on(m, &claim, NULL);
}

/* ---- The file ---- */

/* Writes the file on rank 0, and opens it on all. Returns its size there. */
static tl_status open_file(transfer *t, int64_t *size)
{
    struct stat about;
    if (t->m->rank > 0) {
        t->file = open(t->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        return t->file >= 0 ? TL_OK : fail_io(t);
    }
    const tl_status status = tl_checkpoint_save(t->list, t->path);
    if (status != TL_OK)
        return status;
    t->file = open(t->path, O_RDONLY);
    if (t->file < 0 || fstat(t->file, &about) != 0)
        return fail_io(t);
    *size = about.st_size;
    return TL_OK;
}

/* Reads the next n bytes on rank 0, writes them on the others. */
static tl_status move_chunk(const transfer *t, int64_t n)
{
    for (int64_t at = 0; at < n;) {
        const ssize_t moved = t->m->rank == 0 ? read(t->file, t->chunk + at, (size_t)(n - at))
                                              : write(t->file, t->chunk + at, (size_t)(n - at));
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0) {
            errno = moved < 0 ? errno : EIO;
            return fail_io(t);
        }
        at += moved;
    }
    return TL_OK;
}

/* Sends the file. A rank that has failed takes part to the end, and then says so. */
static tl_status send_file(transfer *t)
{
    tl_mpi *m = t->m;
    int64_t size = INT64_MAX;
    tl_mpi_note(m, open_file(t, &size));
    tl_status status = tl_mpi_agree(m, &size);
    for (int64_t at = 0; at < size && status == TL_OK; at += CHUNK) {
        const int64_t n = size - at < CHUNK ? size - at : CHUNK;
        if (m->rank == 0 && m->noted.status == TL_OK)
            tl_mpi_note(m, move_chunk(t, n));
        status = tl_mpi_from(m, 0, t->chunk, (int)n);
        if (status == TL_OK && m->rank > 0 && m->noted.status == TL_OK)
            tl_mpi_note(m, move_chunk(t, n));
    }
    return status == TL_OK ? tl_mpi_agree(m, NULL) : status;
}

static void end(transfer *t)
{
    if (t->file >= 0)
        close(t->file);
    if (t->folder[0]) {
        unlink(t->path);
        rmdir(t->folder);
    }
    tl_checkpoint_free(t->list);
    tl_mpi_give_back(t->m, &t->m->call);
}

tl_status tl_mpi_broadcast(tl_mpi *m, tl_variable *const *vars, int32_t n, tl_optimizer *o)
{
    if (!m)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_broadcast: the first argument is NULL");
    transfer t = { .m = m, .file = -1 };
    tl_status status = begin(&t, vars, n, o);
    if (status == TL_OK && m->ranks > 1) {
        status = send_file(&t);
        if (status == TL_OK) {
            if (m->rank > 0)
                tl_mpi_note(m, tl_checkpoint_load(t.list, t.path));
            status = tl_mpi_agree(m, NULL);
        }
    }
    for (int32_t k = 0; k < n && status == TL_OK; k++)
        tl_mpi_register(m, vars[k]);
    end(&t);
    return status;
}
