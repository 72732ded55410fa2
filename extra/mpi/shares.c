/* Checkpoints of tables that are shared out: a file per rank, and one that says which of them count. */
#include "private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tulle/checkpoint.h>
#include <tulle/safetensors.h>
#include <unistd.h>

enum { PATH = 1000, NUMBER = 24 /* bytes of a number's text */ };

/* ---- Files ---- */

static void file_of(char text[PATH], const char *path, int64_t generation, int rank)
{
    snprintf(text, PATH, "%.900s.%d.%d", path, (int)generation, rank);
}

/* What the file at the path itself says. */
typedef struct head {
    int64_t ranks, generation;
    tl_mpi_deal *deal; /* [m->n_variables] */
} head;

static bool read_number(const tl_safetensors *s, const char *key, int64_t *number)
{
    char *end;
    const char *note = tl_safetensors_note_of(s, key);
    *number = note ? strtoll(note, &end, 10) : -1;
    return note && *note && !*end && *number >= 0;
}

/* Reads the deal of a table. */
static tl_status read_deal(const char *path, const tl_safetensors *s, const tl_mpi_variable *t, const head *h,
                           tl_mpi_deal *deal)
{
    char key[TL_MPI_TEXT];
    const char *name = tl_variable_name(t->variable);
    snprintf(key, sizeof key, "table/%.400s/rows", name);
    if (!read_number(s, key, &deal->rows) || deal->rows != t->deal.rows)
        return tl_fail(TL_ERR_ARGUMENT,
                       "mpi_load: %.200s: table %.60s has %" PRId64 " rows in the file and %" PRId64 " here",
                       path, name, deal->rows < 0 ? 0 : deal->rows, t->deal.rows);
    snprintf(key, sizeof key, "table/%.400s/split", name);
    const char *split = tl_safetensors_note_of(s, key);
    if (!split || (strcmp(split, "mod") != 0 && strcmp(split, "div") != 0))
        return tl_fail(TL_ERR_FORMAT, "mpi_load: %.200s: %.60s is missing or wrong", path, key);
    deal->split = strcmp(split, "mod") == 0 ? TL_MOD : TL_DIV;
    deal->ranks = (int)h->ranks;
    return TL_OK;
}

/* Reads the file; the deals, too, if there is an array for them. */
static tl_status read_head(const tl_mpi *m, const char *path, head *h)
{
    tl_safetensors s;
    tl_status status = tl_safetensors_open(path, &s);
    if (status != TL_OK)
        return status;
    if (!read_number(&s, "ranks", &h->ranks) || h->ranks < 1 || h->ranks > INT32_MAX ||
        !read_number(&s, "generation", &h->generation) || h->generation > 1)
        status = tl_fail(TL_ERR_FORMAT, "%.200s is not a file of mpi_save", path);
    for (int32_t k = 0; h->deal && k < m->n_variables && status == TL_OK; k++)
        if (tl_mpi_is_table(&m->variable[k]))
            status = read_deal(path, &s, &m->variable[k], h, &h->deal[k]);
    tl_safetensors_free(&s);
    return status;
}

/* Adds a note, whose texts are copied. Failures are noted. */
static void add_note(tl_mpi *m, tl_safetensors *s, const char *key, const char *value)
{
    const size_t n = strlen(key) + 1, size = n + strlen(value) + 1;
    char *text = tl_mpi_take(m, &m->call, (int64_t)size, 1);
    if (!text)
        return;
    memcpy(text, key, n);
    memcpy(text + n, value, size - n);
    s->note[s->n_notes++] = (tl_safetensors_note){ text, text + n };
}

static tl_status write_head(tl_mpi *m, const char *path, int64_t generation)
{
    char key[TL_MPI_TEXT], number[NUMBER];
    tl_safetensors s = { .note = tl_mpi_take(m, &m->call, 2 + 2 * (int64_t)m->n_variables, sizeof *s.note) };
    if (!s.note)
        return TL_ERR_MEMORY;
    snprintf(number, sizeof number, "%d", m->ranks);
    add_note(m, &s, "ranks", number);
    snprintf(number, sizeof number, "%d", (int)generation);
    add_note(m, &s, "generation", number);
    for (int32_t k = 0; k < m->n_variables; k++) {
        const tl_mpi_variable *t = &m->variable[k];
        if (!tl_mpi_is_table(t))
            continue;
        snprintf(key, sizeof key, "table/%.400s/rows", tl_variable_name(t->variable));
        snprintf(number, sizeof number, "%" PRId64, t->deal.rows);
        add_note(m, &s, key, number);
        snprintf(key, sizeof key, "table/%.400s/split", tl_variable_name(t->variable));
        add_note(m, &s, key, t->deal.split == TL_MOD ? "mod" : "div");
    }
    return m->noted.status == TL_OK ? tl_safetensors_write(path, &s) : m->noted.status;
}

/* ---- Saving ---- */

static tl_status check(const tl_mpi *m, const tl_checkpoint *c, const char *path, const char *who)
{
    if (!c || !path)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, c ? "path" : "checkpoint");
    if (strlen(path) > PATH - 100)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the path has more than %d bytes", who, PATH - 100);
    for (int32_t k = 0; k < m->n_variables; k++)
        if (tl_mpi_is_table(&m->variable[k]) && tl_variable_pattern(m->variable[k].variable))
            return tl_fail(TL_ERR_KIND, "%s: table %.60s has a mask", who,
                           tl_variable_name(m->variable[k].variable));
    return TL_OK;
}

/* Removes the files of the checkpoint before. */
static void remove_files(const char *path, const head *before)
{
    char file[PATH];
    for (int r = 0; r < before->ranks; r++) {
        file_of(file, path, before->generation, r);
        unlink(file);
    }
}

tl_status tl_mpi_save(tl_mpi *m, const tl_checkpoint *c, const char *path)
{
    if (!m)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_save: the first argument is NULL");
    char file[PATH];
    head before = { .generation = 1 };
    int64_t generation = INT64_MAX; /* rank 0 decides */
    if (tl_mpi_note(m, check(m, c, path, "mpi_save")) == TL_OK && m->rank == 0) {
        if (access(path, F_OK) == 0)
            tl_mpi_note(m, read_head(m, path, &before));
        generation = 1 - before.generation;
    }
    tl_status status = tl_mpi_agree_on(m, &(tl_mpi_claim){ .call = "mpi_save" }, &generation);
    if (status == TL_OK) {
        file_of(file, path, generation, m->rank);
        tl_mpi_note(m, tl_checkpoint_save(c, file));
        status = tl_mpi_agree(m, NULL);
    }
    if (status == TL_OK) {
        if (m->rank == 0)
            tl_mpi_note(m, write_head(m, path, generation));
        status = tl_mpi_agree(m, NULL);
    }
    if (status == TL_OK && m->rank == 0)
        remove_files(path, &before);
    tl_mpi_give_back(m, &m->call);
    return status;
}

/* ---- Loading ---- */

/* Returns whether `text` is the end of a name's first n bytes, after a slash. */
static bool ends_in(const char *name, size_t n, const char *text)
{
    const size_t length = strlen(text);
    return n > length && name[n - length - 1] == '/' && memcmp(name + n - length, text, length) == 0;
}

/* Returns whether a tensor has the values of a variable, an average or a slot of it. */
static bool is_of(const char *tensor, const char *variable)
{
    const char *slot = strrchr(tensor, '/');
    if (strncmp(tensor, "ema/", 4) == 0)
        return ends_in(tensor, strlen(tensor), variable);
    if (strncmp(tensor, "optimizer/", 10) == 0 && slot)
        return ends_in(tensor, (size_t)(slot - tensor), variable);
    return strcmp(tensor, variable) == 0;
}

/* Returns the number of the table that a tensor belongs to; -1: to none. Of several names that fit, as `b`
 * and `a/b` do, it is the longest. */
static int32_t table_of(const tl_mpi *m, const char *tensor)
{
    int32_t found = -1;
    size_t longest = 0;
    for (int32_t k = 0; k < m->n_variables; k++) {
        const char *name = tl_variable_name(m->variable[k].variable);
        if (strlen(name) > longest && is_of(tensor, name)) {
            found = k;
            longest = strlen(name);
        }
    }
    return found >= 0 && tl_mpi_is_table(&m->variable[found]) ? found : -1;
}

/* Shares that are dealt again. */
typedef struct dealing {
    tl_mpi *m;
    const char *path;
    head head;
    tl_safetensors *file; /* of each rank that saved */
    tl_safetensors made;  /* this rank's */
    void *piece;          /* a share of a rank that saved */
} dealing;

static tl_status open_files(dealing *d)
{
    char file[PATH];
    for (int r = 0; r < d->head.ranks; r++) {
        file_of(file, d->path, d->head.generation, r);
        const tl_status status = tl_safetensors_open(file, &d->file[r]);
        if (status != TL_OK)
            return status;
    }
    return TL_OK;
}

/* Reads a table's tensor as a rank saved it. */
static tl_status read_piece(const dealing *d, int rank, const tl_safetensor *like, int64_t n)
{
    tl_safetensors *file = &d->file[rank];
    const int32_t k = tl_safetensors_find(file, like->name);
    if (k < 0 || file->tensor[k].type != like->type || file->tensor[k].size != n)
        return tl_fail(TL_ERR_FORMAT, "mpi_load: %.200s: %.100s of rank %d is missing or not its share",
                       d->path, like->name, rank);
    return tl_safetensors_load(file, k, d->piece);
}

/* Checks that a tensor of a table has rows of that table's width. */
static tl_status check_width(const dealing *d, int32_t table, const tl_safetensor *t)
{
    const tl_variable *v = d->m->variable[table].variable;
    const int64_t was = t->rank == 2 ? t->dim[1] : 0, is = tl_variable_shape(v).dim[1];
    if (was != is)
        return tl_fail(TL_ERR_ARGUMENT,
                       "mpi_load: %.200s: table %.60s has %" PRId64 " values per row in the file and %" PRId64
                       " here",
                       d->path, tl_variable_name(v), was, is);
    return TL_OK;
}

/* Makes a tensor of the rows that this rank has now. Failures are noted. */
static void deal(const dealing *d, int32_t table, tl_safetensor *t)
{
    tl_mpi *m = d->m;
    const tl_mpi_deal *was = &d->head.deal[table], *is = &m->variable[table].deal;
    const int64_t width = tl_variable_shape(m->variable[table].variable).dim[1],
                  bytes = width * tl_safetensors_type_size(t->type), rows = tl_mpi_dealt(is, m->rank);
    int64_t *dim = tl_mpi_take(m, &m->call, 2, sizeof *dim);
    char *to = tl_mpi_take(m, &m->call, rows, (size_t)bytes);
    if (!dim || !to || tl_mpi_note(m, check_width(d, table, t)) != TL_OK)
        return;
    for (int r = 0; r < was->ranks && m->noted.status == TL_OK; r++) {
        const int64_t n = tl_mpi_dealt(was, r);
        tl_mpi_note(m, read_piece(d, r, t, n * width));
        for (int64_t i = 0, own; i < n && m->noted.status == TL_OK; i++)
            if (tl_mpi_owner(is, tl_mpi_dealt_row(was, r, i), &own) == m->rank)
                memcpy(to + own * bytes, (const char *)d->piece + i * bytes, (size_t)bytes);
    }
    dim[0] = rows;
    dim[1] = width;
    *t = (tl_safetensor){
        .name = t->name, .type = t->type, .rank = 2, .dim = dim, .size = rows * width, .data = to
    };
}

/* Returns the most bytes that a tensor of a rank that saved has: rank 0 has the most rows. */
static int64_t largest(const dealing *d)
{
    int64_t bytes = 0;
    for (int32_t k = 0; k < d->file[0].n; k++) {
        const tl_safetensor *t = &d->file[0].tensor[k];
        const int64_t own = t->size * tl_safetensors_type_size(t->type);
        bytes = table_of(d->m, t->name) >= 0 && own > bytes ? own : bytes;
    }
    return bytes;
}

/* Copies the notes of rank 0. Slots of a table count as large until the optimizer has looked at them: those
 * of rank 0 may be small where others are not. Failures are noted. */
static void deal_notes(dealing *d)
{
    const tl_safetensors *first = &d->file[0];
    d->made.note = tl_mpi_take(d->m, &d->m->call, first->n_notes, sizeof *d->made.note);
    for (int32_t k = 0; d->made.note && k < first->n_notes; k++) {
        const tl_safetensors_note note = first->note[k];
        const char *last = strrchr(note.key, '/');
        const bool large = last && strcmp(last, "/large") == 0 && table_of(d->m, note.key) >= 0;
        d->made.note[k] = (tl_safetensors_note){ note.key, large ? "1" : note.value };
    }
}

/* Writes the checkpoint that this rank would have saved. Failures are noted. */
static void deal_all(dealing *d, const char *to)
{
    tl_mpi *m = d->m;
    d->file = tl_mpi_take_zero(m, &m->call, d->head.ranks, sizeof *d->file);
    if (!d->file || tl_mpi_note(m, open_files(d)) != TL_OK)
        return;
    tl_safetensors *first = &d->file[0];
    d->made = (tl_safetensors){ .n = first->n, .n_notes = first->n_notes };
    deal_notes(d);
    d->made.tensor = tl_mpi_take(m, &m->call, first->n, sizeof *d->made.tensor);
    d->piece = tl_mpi_take(m, &m->call, largest(d), 1);
    for (int32_t k = 0; k < first->n && m->noted.status == TL_OK; k++) {
        const int32_t table = table_of(m, first->tensor[k].name);
        if (table < 0)
            tl_mpi_note(m, tl_safetensors_load(first, k, NULL));
        d->made.tensor[k] = first->tensor[k];
        if (table >= 0)
            deal(d, table, &d->made.tensor[k]);
    }
    if (m->noted.status == TL_OK)
        tl_mpi_note(m, tl_safetensors_write(to, &d->made));
}

/* Returns whether the tables are shared out as they were. */
static bool is_as_saved(const tl_mpi *m, const head *h)
{
    for (int32_t k = 0; k < m->n_variables; k++)
        if (tl_mpi_is_table(&m->variable[k]) && h->deal[k].split != m->variable[k].deal.split)
            return false;
    return h->ranks == m->ranks;
}

/* Loads this rank's checkpoint, once it is there. Failures are noted. */
static void load(tl_mpi *m, tl_checkpoint *c, const char *path)
{
    char file[PATH];
    dealing d = { .m = m, .path = path };
    d.head.deal = tl_mpi_take_zero(m, &m->call, m->n_variables, sizeof *d.head.deal);
    if (!d.head.deal || tl_mpi_note(m, read_head(m, path, &d.head)) != TL_OK)
        return;
    const bool dealt = !is_as_saved(m, &d.head);
    file_of(file, path, d.head.generation, m->rank);
    if (dealt) {
        snprintf(file, sizeof file, "%.900s.load.%d", path, m->rank);
        deal_all(&d, file);
    }
    if (m->noted.status == TL_OK)
        tl_mpi_note(m, tl_checkpoint_load(c, file));
    for (int r = 0; d.file && r < d.head.ranks; r++)
        tl_safetensors_free(&d.file[r]);
    if (dealt)
        unlink(file);
}

tl_status tl_mpi_load(tl_mpi *m, tl_checkpoint *c, const char *path)
{
    if (!m)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_load: the first argument is NULL");
    tl_mpi_note(m, check(m, c, path, "mpi_load"));
    tl_status status = tl_mpi_agree_on(m, &(tl_mpi_claim){ .call = "mpi_load" }, NULL);
    if (status == TL_OK) {
        load(m, c, path);
        status = tl_mpi_agree(m, NULL);
    }
    tl_mpi_give_back(m, &m->call);
    return status;
}
