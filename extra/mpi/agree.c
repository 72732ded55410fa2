/* Agreement of the ranks before each exchange: a failure or a difference on one becomes an error on all, with
 * one text. */
#include "private.h"

#include <stdio.h>
#include <string.h>

tl_status tl_mpi_store(tl_mpi_failure *f, tl_status status)
{
    if (status != TL_OK && f->status == TL_OK) {
        f->status = status;
        snprintf(f->text, sizeof f->text, "%s", tl_error());
    }
    return f->status;
}

tl_status tl_mpi_fail(const tl_mpi_failure *f)
{
    return tl_fail(f->status, "%s", f->text);
}

tl_status tl_mpi_note(tl_mpi *m, tl_status status)
{
    return tl_mpi_store(&m->noted, status);
}

/* Gives all ranks the text that a rank has. */
static tl_status share_text(tl_mpi *m, int rank, char text[TL_MPI_TEXT])
{
    memcpy(m->text, text, TL_MPI_TEXT);
    if (tl_mpi_from(m, rank, m->text, TL_MPI_TEXT) != TL_OK)
        return m->lost.status;
    memcpy(text, m->text, TL_MPI_TEXT);
    text[TL_MPI_TEXT - 1] = '\0';
    return TL_OK;
}

/* All ranks take the text of the first of those that failed. */
static tl_status tell_failure(tl_mpi *m, int rank, tl_mpi_failure *own)
{
    if (share_text(m, rank, own->text) != TL_OK)
        return m->lost.status;
    return tl_fail(own->status == TL_OK ? TL_ERR_PEER : own->status, "rank %d: %s", rank, own->text);
}

/* ---- Differences ---- */

/* What is compared, item by item; the variables follow. */
enum { CALL, KERNELS, PARTS, LENGTH, ITEMS };

static void describe_item(const tl_mpi *m, const tl_mpi_claim *c, int64_t item, char text[TL_MPI_TEXT])
{
    memset(text, 0, TL_MPI_TEXT);
    switch (item) {
    case CALL: snprintf(text, TL_MPI_TEXT, "%s", c->call); break;
    case KERNELS: snprintf(text, TL_MPI_TEXT, "%s kernels (TULLE_KERNELS)", tl_kernel_level()); break;
    case PARTS: snprintf(text, TL_MPI_TEXT, "%d parts", (int)m->parts); break;
    case LENGTH: snprintf(text, TL_MPI_TEXT, "%d variables", (int)c->n); break;
    default:
        if (item - ITEMS < c->n)
            tl_mpi_describe(&c->variable[item - ITEMS], text);
        else
            snprintf(text, TL_MPI_TEXT, "no variable %lld", (long long)(item - ITEMS));
    }
}

/* Returns a rank whose text differs from that of rank 0; 0: none does, or MPI has failed. */
static int find_differing(tl_mpi *m, const char text[TL_MPI_TEXT])
{
    m->peers[m->rank] = (int64_t)tl_mpi_hash(0, text, TL_MPI_TEXT);
    for (int r = 0; r < m->ranks; r++) {
        m->counts.receive[r] = 1;
        m->counts.receive_at[r] = r;
    }
    if (tl_mpi_gather(m, m->peers, MPI_INT64_T, 1) != TL_OK)
        return 0;
    for (int r = 1; r < m->ranks; r++)
        if (m->peers[r] != m->peers[0])
            return r;
    return 0;
}

/* Fails with the first item that differs, as rank 0 and another rank have it. */
static tl_status tell_difference(tl_mpi *m, const tl_mpi_claim *claim, int64_t most_variables)
{
    char text[TL_MPI_TEXT], first[TL_MPI_TEXT];
    for (int64_t item = 0; item < ITEMS + most_variables && m->lost.status == TL_OK; item++) {
        describe_item(m, claim, item, text);
        const int rank = find_differing(m, text);
        if (rank == 0)
            continue;
        memcpy(first, text, sizeof first);
        if (share_text(m, 0, first) != TL_OK || share_text(m, rank, text) != TL_OK)
            break;
        return tl_fail(TL_ERR_PEER, "rank %d has %.200s; rank 0 has %.200s", rank, text, first);
    }
    if (m->lost.status != TL_OK)
        return tl_mpi_fail(&m->lost);
    return tl_fail(TL_ERR_PEER, "the ranks differ in the name of a variable");
}

/* ---- Agreement ---- */

/* What is in m->field, and reduced to the least. */
enum { FAILED, DIGEST, NOT_DIGEST, NOT_LENGTH, VALUE };

static tl_status agree(tl_mpi *m, const tl_mpi_claim *claim, int64_t digest, int64_t *least)
{
    tl_mpi_failure own = m->noted;
    m->noted = (tl_mpi_failure){ .status = TL_OK };
    m->field[FAILED] = own.status == TL_OK ? INT64_MAX : m->rank;
    m->field[DIGEST] = digest;
    m->field[NOT_DIGEST] = ~digest;
    m->field[NOT_LENGTH] = claim ? ~(int64_t)claim->n : 0;
    m->field[VALUE] = least ? *least : 0;
    if (tl_mpi_least(m) != TL_OK)
        return m->lost.status;
    const bool fails = m->field[FAILED] != INT64_MAX ||
                       m->field[DIGEST] != ~m->field[NOT_DIGEST]; /* the most */
    m->ended = m->ended || fails; /* on all ranks, whichever call each is in */
    if (m->field[FAILED] != INT64_MAX)
        return tell_failure(m, (int)m->field[FAILED], &own);
    if (fails)
        return tell_difference(m, claim, ~m->field[NOT_LENGTH]);
    if (least)
        *least = m->field[VALUE];
    return TL_OK;
}

tl_status tl_mpi_agree_on(tl_mpi *m, const tl_mpi_claim *claim, int64_t *least)
{
    char text[TL_MPI_TEXT];
    uint64_t digest = claim->digest;
    for (int64_t item = 0; item < ITEMS; item++) {
        describe_item(m, claim, item, text);
        digest = tl_mpi_hash(digest, text, (int64_t)strlen(text));
    }
    return agree(m, claim, (int64_t)digest, least);
}

tl_status tl_mpi_agree(tl_mpi *m, int64_t *least)
{
    return agree(m, NULL, 0, least);
}

tl_status tl_mpi_check(tl_mpi *m, tl_status status)
{
    if (!m)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_check: the first argument is NULL");
    tl_mpi_note(m, status);
    return tl_mpi_agree_on(m, &(tl_mpi_claim){ .call = "mpi_check" }, NULL);
}
