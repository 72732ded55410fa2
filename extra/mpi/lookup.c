/* Lookups in tables that are shared out. Each rank asks the owners for the distinct rows that it needs; they
 * read them as any lookup does, so that pending updates are applied there, and send them back. */
#include "private.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <tulle/op.h>

static const char *const who = "mpi_embedding_lookup";

/* ---- The op: rows that have arrived, in their places ---- */

struct attr {
    tl_shape shape; /* of the result */
    int64_t n, width;
    const int32_t *ids, *at; /* of an id, the place of its row in `rows` */
    const tl_real *rows;     /* until forward has run */
    bool alone;              /* this rank has the whole table */
};

static tl_status shape(tl_node *y)
{
    struct attr *a = y->attr;
    const tl_status status = tl_shape_dense(y, a->shape);
    if (status != TL_OK)
        return status;
    if (!(a->ids = tl_scratch_copy(y, a->n, sizeof *a->ids, a->ids)))
        return TL_ERR_MEMORY;
    tl_declare_rows(y, 0, 0, NULL); /* the share itself is not read */
    return TL_OK;
}

static void place_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct attr *a = y->attr;
    for (int64_t k = begin; k < end; k++)
        memcpy(y->out + k * a->width, a->rows + a->at[k] * a->width, (size_t)a->width * sizeof *y->out);
}

static void forward(tl_node *y)
{
    const struct attr *a = y->attr;
    tl_parallel_rows(a->n, a->width, place_range, y);
}

/* Unless this rank has all rows, the gradient is of rows of others: it stays in y->grad, where tl_mpi_add
 * finds it. */
static void backward(tl_node *y)
{
    const struct attr *a = y->attr;
    if (a->alone)
        tl_add_rows(y, 0, a->n, a->ids, NULL, NULL, y->grad);
}

static const tl_op op = {
    .name = "mpi_embedding_lookup",
    .n_in = 1,
    .in_kind = { TL_ROWS },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .has_effects = true, /* on a graph for inference it runs at once, while the rows are there */
};

int64_t tl_mpi_lookup_ids(const tl_node *y, const int32_t **ids)
{
    if (y->op != &op)
        return -1;
    const struct attr *a = y->attr;
    *ids = a->ids;
    return a->n;
}

/* ---- Asking ---- */

typedef struct lookup {
    tl_mpi *m;
    const tl_mpi_variable *table; /* NULL: it is none */
    struct attr attr;
    int *wanted, *asked;             /* [ranks] rows that this rank wants of a rank, and that one asks for */
    int32_t *wanted_row, *asked_row; /* rows of the owner's share, by ranks */
    const tl_real *asked_values;     /* of the rows asked for */
    tl_real *wanted_values;
} lookup;

static tl_status check(const lookup *l, const tl_graph *g, const int32_t *ids, tl_shape ids_shape)
{
    if (!l->table)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the table is not of tl_mpi_table", who);
    if (!g)
        return TL_OK;
    if (tl_graph_status(g) != TL_OK)
        return tl_fail(tl_graph_status(g), "%s", tl_graph_error(g));
    if (tl_shape_check(ids_shape) != TL_OK)
        return tl_fail(tl_last_status(), "%s: %s", who, tl_error());
    if (ids_shape.rank >= TL_MAX_RANK || tl_shape_size(ids_shape) > INT32_MAX)
        return tl_fail(TL_ERR_SHAPE, "%s: the ids are %s", who, tl_shape_text(ids_shape).text);
    char of[TL_MPI_TEXT];
    snprintf(of, sizeof of, "table %.60s (%lldx%lld)", tl_variable_name(l->table->variable),
             (long long)l->table->deal.rows, (long long)l->attr.width);
    if (tl_check_ids("ids", ids, tl_shape_size(ids_shape), l->table->deal.rows, NULL, of, "rows") != TL_OK)
        return tl_fail(tl_last_status(), "%s: %s", who, tl_error());
    return TL_OK;
}

/* Lists the distinct rows that this rank wants by their owners. Failures are noted. */
static void list_wanted(lookup *l)
{
    tl_mpi *m = l->m;
    tl_mpi_distinct rows;
    tl_mpi_note(m, tl_mpi_find_distinct(m, l->attr.n, l->attr.ids, &rows));
    int32_t *place = tl_mpi_take(m, &m->call, rows.n, sizeof *place),
            *at = tl_mpi_take(m, &m->call, l->attr.n, sizeof *at);
    int64_t *next = tl_mpi_take_zero(m, &m->call, m->ranks + 1, sizeof *next), own;
    l->wanted_row = tl_mpi_take(m, &m->call, rows.n, sizeof *l->wanted_row);
    if (m->noted.status != TL_OK)
        return;
    for (int64_t k = 0; k < rows.n; k++)
        next[tl_mpi_owner(&l->table->deal, rows.row[k], &own) + 1]++;
    for (int r = 0; r < m->ranks; r++) {
        l->wanted[r] = (int)next[r + 1];
        next[r + 1] += next[r];
    }
    for (int64_t k = 0; k < rows.n; k++) {
        place[k] = (int32_t)next[tl_mpi_owner(&l->table->deal, rows.row[k], &own)]++;
        l->wanted_row[place[k]] = (int32_t)own;
    }
    for (int64_t k = 0; k < l->attr.n; k++)
        at[k] = place[rows.of[k]];
    l->attr.at = at;
}

/* Checks the arguments and finds what to ask for; the ranks agree that they mean the same table. */
static tl_status begin(lookup *l, const tl_graph *g, const int32_t *ids, tl_shape ids_shape)
{
    tl_mpi *m = l->m;
    if (l->table)
        l->attr.width = tl_variable_shape(l->table->variable).dim[1];
    l->wanted = tl_mpi_take_zero(m, &m->call, m->ranks, sizeof *l->wanted);
    l->asked = tl_mpi_take(m, &m->call, m->ranks, sizeof *l->asked);
    if (tl_mpi_note(m, check(l, g, ids, ids_shape)) == TL_OK) {
        l->attr.shape = g ? ids_shape : TL_SHAPE(0);
        l->attr.n = tl_shape_size(l->attr.shape);
        l->attr.ids = ids;
        l->attr.shape.dim[l->attr.shape.rank++] = l->attr.width;
        l->attr.alone = m->ranks == 1;
        list_wanted(l);
    }
    const int32_t n = l->table ? 1 : 0;
    const tl_mpi_claim claim = { who, tl_mpi_list_digest(l->table, n), n, l->table };
    return tl_mpi_agree_on(m, &claim, NULL);
}

/* Sets counts and displacements. Returns the sum. */
static int64_t set_counts(const tl_mpi *m, const int *n, int *count, int *at)
{
    int64_t sum = 0;
    for (int r = 0; r < m->ranks; r++) {
        count[r] = n ? n[r] : 1;
        at[r] = (int)sum;
        sum += count[r];
    }
    return sum;
}

/* Returns the number of rows that all ranks ask for. */
static int64_t count_asked(const lookup *l)
{
    int64_t sum = 0;
    for (int r = 0; r < l->m->ranks; r++)
        sum += l->asked[r];
    return sum;
}

static tl_status exchange_ids(lookup *l)
{
    tl_mpi *m = l->m;
    const tl_mpi_counts *c = &m->counts;
    set_counts(m, NULL, c->send, c->send_at);
    set_counts(m, NULL, c->receive, c->receive_at);
    tl_status status = tl_mpi_exchange(m, l->wanted, l->asked, MPI_INT, 1);
    if (status != TL_OK)
        return status;
    const int64_t n = count_asked(l);
    if (n > INT_MAX)
        tl_mpi_note(m, tl_fail(TL_ERR_MEMORY, "more than %d rows are read from one rank", INT_MAX));
    else
        l->asked_row = tl_mpi_take(m, &m->call, n, sizeof *l->asked_row);
    status = tl_mpi_agree(m, NULL);
    if (status != TL_OK)
        return status;
    set_counts(m, l->wanted, c->send, c->send_at);
    set_counts(m, l->asked, c->receive, c->receive_at);
    return tl_mpi_exchange(m, l->wanted_row, l->asked_row, MPI_INT32_T, 1);
}

/* Reads the rows asked for, and gets those that this rank wants. */
static tl_status exchange_rows(lookup *l)
{
    tl_mpi *m = l->m;
    const tl_mpi_counts *c = &m->counts;
    tl_node *share = tl_use(m->call.graph, l->table->variable);
    tl_node *rows = tl_embedding_lookup(share, l->asked_row, TL_SHAPE(count_asked(l)));
    if (!rows)
        tl_mpi_note(m, tl_graph_status(m->call.graph));
    const int64_t n = set_counts(m, l->wanted, c->receive, c->receive_at);
    set_counts(m, l->asked, c->send, c->send_at);
    l->asked_values = tl_value(rows);
    l->wanted_values = tl_mpi_take(m, &m->call, n * l->attr.width, sizeof *l->wanted_values);
    const tl_status status = tl_mpi_agree(m, NULL);
    if (status != TL_OK)
        return status;
    l->attr.rows = l->wanted_values;
    return tl_mpi_exchange(m, l->asked_values, l->wanted_values, TL_MPI_REAL, (int)l->attr.width);
}

/* ---- The result ---- */

/* Puts the rows in their places; the ranks agree on whether all have. */
static tl_status record(const lookup *l, tl_graph *g, tl_node **y)
{
    if (g) {
        *y = tl_apply(&op, (tl_node *[]){ tl_use(g, l->table->variable) }, &l->attr, sizeof l->attr);
        if (!*y)
            tl_mpi_note(l->m, tl_fail(tl_graph_status(g), "%s", tl_graph_error(g)));
    }
    return tl_mpi_agree(l->m, NULL);
}

/* Makes the text that all ranks have the graph's error, too. What is before its first colon, the rank, takes
 * the place of the op's name. */
static void fail(tl_graph *g, tl_status status)
{
    char text[TL_MPI_TEXT];
    snprintf(text, sizeof text, "%s", tl_error());
    if (!g || tl_graph_status(g) != TL_OK)
        return;
    const tl_node *any = tl_constant(g, TL_SHAPE(), &(const tl_real){ 0 });
    char *colon = strstr(text, ": ");
    if (colon) {
        *colon = '\0';
        tl_refuse(any, text, status, "%s", colon + 2);
        *colon = ':';
    } else {
        tl_refuse(any, who, status, "%s", text);
    }
    tl_fail(status, "%s", text);
}

tl_node *tl_mpi_embedding_lookup(tl_mpi *m, tl_graph *g, tl_variable *share, const int32_t *ids,
                                 tl_shape ids_shape)
{
    if (!m) {
        tl_fail(TL_ERR_ARGUMENT, "%s: the first argument is NULL", who);
        return NULL;
    }
    lookup l = { .m = m, .table = tl_mpi_find_table(m, share) };
    tl_node *y = NULL;
    tl_status status = begin(&l, g, ids, ids_shape);
    if (status == TL_OK)
        status = exchange_ids(&l);
    if (status == TL_OK)
        status = exchange_rows(&l);
    if (status == TL_OK)
        status = record(&l, g, &y);
    tl_mpi_give_back(m, &m->call);
    if (status == TL_OK)
        return y;
    fail(g, status);
    return NULL;
}
