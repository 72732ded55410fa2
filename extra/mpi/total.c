/* Gradients of parts: each rank sums its own by blocks of the tree, and all exchange those sums. */
#include "private.h"

#include <string.h>

/* Forgets the last sum. */
static void begin_sum(tl_mpi *m)
{
    if (!m->ended)
        return;
    for (int32_t b = 0; b < m->last_block - m->first_block; b++)
        tl_graph_reset(m->total[b]);
    for (int32_t k = 0; k < m->n_variables; k++) {
        m->variable[k].kind = TL_MPI_ABSENT;
        m->variable[k].part_rows = NULL;
    }
    tl_mpi_give_back(m, &m->sum);
    m->kept = (tl_mpi_failure){ .status = TL_OK };
    m->next = m->first;
    m->ended = false;
}

/* ---- Parts ---- */

/* Returns the failure of the backward pass that made g. */
static tl_status failure_of(const tl_gradients *g, int32_t part)
{
    if (g && !g->graph && !g->pair && g->n == 0) /* what is left where the loss was NULL */
        return tl_last_status() == TL_OK
                   ? tl_fail(TL_ERR_ARGUMENT, "part %d: the gradients are empty", (int)part)
                   : tl_fail(tl_last_status(), "part %d: %s", (int)part, tl_error());
    if (g && g->graph && tl_graph_status(g->graph) != TL_OK)
        return tl_fail(tl_graph_status(g->graph), "part %d: %s", (int)part, tl_graph_error(g->graph));
    return TL_OK;
}

static tl_status check_part(const tl_mpi *m, int32_t part)
{
    if (part < m->first || part >= m->last)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_add: part %d is not in %d..%d", (int)part, (int)m->first,
                       (int)m->last - 1);
    if (part < m->next)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_add: part %d comes after part %d", (int)part, (int)m->next - 1);
    return TL_OK;
}

/* Takes note of what is in pair i. */
static tl_status register_pair(tl_mpi *m, int32_t part, int32_t i, const tl_gradients *g, double weight,
                               int32_t *number)
{
    const tl_gradient *pair = &g->pair[i];
    if (!pair->variable || !pair->values)
        return TL_OK; /* left to tl_gradients_add */
    const char *name = tl_variable_name(pair->variable);
    const tl_mpi_kind kind = pair->rows ? TL_MPI_ROWS : TL_MPI_DENSE;
    *number = tl_mpi_number(m, pair->variable, *number + 1);
    if (*number < 0)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_add: variable %s was not broadcast", name);
    tl_mpi_variable *v = &m->variable[*number];
    if (v->kind == TL_MPI_ABSENT) {
        v->kind = kind;
        v->order = (int64_t)part << 32 | i;
    }
    if (v->kind != kind)
        return tl_fail(TL_ERR_KIND,
                       "mpi_add: the gradient of %s is row-sparse in one part and dense in another", name);
    return tl_mpi_is_table(v) ? tl_mpi_add_part_rows(m, v, part, g, pair, weight) : TL_OK;
}

/* Adds a part to its block; the graph of a block counts parts from the block's first. */
static tl_status add_part(tl_mpi *m, int32_t part, const tl_gradients *g, double weight)
{
    int32_t b = m->first_block;
    while (part >= m->block[b].part + m->block[b].size)
        b++;
    tl_graph *total = m->total[b - m->first_block];
    tl_status status = TL_OK;
    const int64_t absent = m->next > m->block[b].part ? m->next : m->block[b].part;
    for (int64_t p = absent; p < part && status == TL_OK; p++)
        status = tl_gradients_add(total, NULL, 0);
    m->next = (int64_t)part + 1;
    return status == TL_OK ? tl_gradients_add(total, g, weight) : status;
}

tl_status tl_mpi_add(tl_mpi *m, int32_t part, const tl_gradients *g, double weight)
{
    if (!m)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_add: the first argument is NULL");
    begin_sum(m);
    if (m->kept.status != TL_OK)
        return tl_mpi_fail(&m->kept);
    tl_status status = failure_of(g, part);
    if (status == TL_OK)
        status = check_part(m, part);
    int32_t number = -1;
    for (int32_t i = 0; g && g->pair && i < g->n && status == TL_OK; i++)
        status = register_pair(m, part, i, g, weight, &number);
    if (status == TL_OK)
        status = add_part(m, part, g, weight);
    return tl_mpi_store(&m->kept, status);
}

/* ---- What there is ---- */

/* Checks that the values of sparse variables still belong to their patterns. */
static tl_status check_patterns(const tl_mpi *m)
{
    for (int32_t b = 0; b < m->last_block - m->first_block; b++)
        for (int32_t k = 0; k < m->n_variables; k++) {
            tl_variable *v = m->variable[k].variable;
            if (m->variable[k].kind == TL_MPI_ABSENT || !tl_variable_is_sparse(v))
                continue;
            const tl_node *leaf = tl_use(m->total[b], v);
            if (!leaf)
                return tl_last_status();
            if (tl_pattern_of(leaf) != tl_variable_pattern(v))
                return tl_fail(TL_ERR_ARGUMENT,
                               "mpi_total: the pattern of %s has changed since its gradient was added",
                               tl_variable_name(v));
        }
    return TL_OK;
}

/* Finds the sums of this rank's blocks, and takes memory for what all have. Failures are noted. */
static void collect(tl_mpi *m, tl_mpi_sums *s)
{
    const int32_t n = m->n_variables, blocks = m->last_block - m->first_block;
    s->own = tl_mpi_take_zero(m, &m->sum, (int64_t)blocks * n, sizeof *s->own);
    s->state = tl_mpi_take(m, &m->sum, (int64_t)n * (m->n_blocks + m->ranks), sizeof *s->state);
    s->kind = tl_mpi_take(m, &m->sum, n, sizeof *s->kind);
    s->result = tl_mpi_take(m, &m->sum, n, sizeof *s->result);
    if (m->noted.status != TL_OK)
        return;
    int64_t *state = s->state + tl_mpi_state_at(m, m->rank, m->first_block) - n;
    for (int32_t k = 0; k < n; k++)
        state[k] = m->variable[k].kind == TL_MPI_ABSENT ? INT64_MAX : m->variable[k].order;
    for (int32_t b = 0; b < blocks; b++) {
        int64_t *has = state + (int64_t)(b + 1) * n;
        tl_gradients sums;
        if (tl_mpi_note(m, tl_gradients_total(m->total[b], &sums)) != TL_OK)
            return;
        for (int32_t k = 0; k < n; k++)
            has[k] = TL_MPI_NOTHING;
        for (int32_t i = 0, number = -1; i < sums.n; i++) {
            const tl_gradient *pair = &sums.pair[i];
            number = tl_mpi_number(m, pair->variable, number + 1);
            s->own[(int64_t)b * n + number] = pair;
            has[number] = pair->rows ? pair->n_rows : TL_MPI_ALL;
        }
    }
    tl_mpi_collect_part_rows(m, s);
}

/* Gathers what the ranks have. */
static tl_status gather_state(tl_mpi *m, const tl_mpi_sums *s)
{
    for (int r = 0; r < m->ranks; r++) {
        m->counts.receive[r] = m->n_variables * (m->blocks_from[r + 1] - m->blocks_from[r] + 1);
        m->counts.receive_at[r] = m->n_variables * (m->blocks_from[r] + r);
    }
    return tl_mpi_gather(m, s->state, MPI_INT64_T, 1);
}

/* Returns the kind of a variable's gradient over all blocks. Where kinds differ, so says every rank. */
static tl_status find_kind(const tl_mpi *m, tl_mpi_sums *s, int32_t k)
{
    int rank = 0; /* the first that has a gradient */
    s->kind[k] = TL_MPI_ABSENT;
    for (int32_t b = 0; b < m->n_blocks; b++) {
        const int64_t has = s->state[tl_mpi_state_at(m, m->block[b].rank, b) + k];
        const tl_mpi_kind kind = has == TL_MPI_NOTHING ? TL_MPI_ABSENT
                                 : has == TL_MPI_ALL   ? TL_MPI_DENSE
                                                       : TL_MPI_ROWS;
        if (kind == TL_MPI_ABSENT)
            continue;
        if (s->kind[k] == TL_MPI_ABSENT) {
            s->kind[k] = kind;
            rank = m->block[b].rank;
        } else if (s->kind[k] != kind) {
            return tl_fail(TL_ERR_KIND, "the gradient of %s is %s on rank %d and %s on rank %d",
                           tl_variable_name(m->variable[k].variable),
                           kind == TL_MPI_ROWS ? "dense" : "row-sparse", rank,
                           kind == TL_MPI_ROWS ? "row-sparse" : "dense", m->block[b].rank);
        }
    }
    return TL_OK;
}

/* ---- The result ---- */

/* Returns the variable's first appearance on any rank. */
static int64_t order_of(const tl_mpi *m, const tl_mpi_sums *s, int32_t k)
{
    int64_t order = INT64_MAX;
    for (int r = 0; r < m->ranks; r++) {
        const int64_t here = s->state[tl_mpi_state_at(m, r, m->blocks_from[r]) - m->n_variables + k];
        order = here < order ? here : order;
    }
    return order;
}

/* Lists the pairs in the order of their first appearance. Leaves are recorded, so that a change of a pattern
 * before the step is found. Failures are noted. */
static void list_pairs(tl_mpi *m, const tl_mpi_sums *s, tl_gradients *out)
{
    const int32_t n = m->n_variables;
    int64_t *order = tl_mpi_take(m, &m->sum, n, sizeof *order);
    *out = (tl_gradients){ .pair = tl_mpi_take(m, &m->sum, n, sizeof *out->pair), .graph = m->sum.graph };
    for (int32_t k = 0; k < n && m->noted.status == TL_OK; k++) {
        if (s->kind[k] == TL_MPI_ABSENT)
            continue;
        if (!tl_use(m->sum.graph, m->variable[k].variable))
            tl_mpi_note(m, tl_last_status());
        const int64_t own = order_of(m, s, k);
        int32_t at = out->n++;
        for (; at > 0 && order[at - 1] > own; at--) {
            order[at] = order[at - 1];
            out->pair[at] = out->pair[at - 1];
        }
        order[at] = own;
        out->pair[at] = s->result[k];
    }
}

/* Sums what the ranks have agreed to sum. */
static tl_status sum_all(tl_mpi *m, tl_mpi_sums *s, tl_gradients *out)
{
    tl_status status = gather_state(m, s);
    for (int32_t k = 0; k < m->n_variables && status == TL_OK; k++) {
        status = find_kind(m, s, k);
        s->result[k] = (tl_gradient){ .variable = m->variable[k].variable };
    }
    if (status == TL_OK)
        status = tl_mpi_sum_dense(m, s);
    if (status == TL_OK)
        status = tl_mpi_sum_rows(m, s);
    if (status != TL_OK)
        return status;
    list_pairs(m, s, out);
    tl_mpi_note(m, tl_mpi_check_finite(m, out));
    return tl_mpi_agree(m, NULL);
}

/* Sums what the only rank has. */
static tl_status total_alone(const tl_mpi *m, tl_gradients *out)
{
    const tl_status status = tl_gradients_total(m->total[0], out);
    return status == TL_OK ? tl_mpi_check_finite(m, out) : status;
}

tl_status tl_mpi_total(tl_mpi *m, tl_gradients *out)
{
    if (!m)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_total: the first argument is NULL");
    begin_sum(m);
    tl_mpi_sums s;
    if (m->kept.status != TL_OK)
        tl_mpi_note(m, tl_mpi_fail(&m->kept));
    if (!out)
        tl_mpi_note(m, tl_fail(TL_ERR_ARGUMENT, "mpi_total: the output argument is NULL"));
    if (m->noted.status == TL_OK)
        tl_mpi_note(m, check_patterns(m));
    if (m->noted.status == TL_OK && m->ranks == 1)
        tl_mpi_note(m, total_alone(m, out));
    else if (m->noted.status == TL_OK)
        collect(m, &s);
    for (int32_t k = 0; k < m->n_variables; k++)
        tl_mpi_refresh(&m->variable[k], !tl_mpi_is_table(&m->variable[k]));
    const tl_mpi_claim claim = { "mpi_total", tl_mpi_list_digest(m->variable, m->n_variables), m->n_variables,
                                 m->variable };
    tl_status status = tl_mpi_agree_on(m, &claim, NULL);
    if (status == TL_OK && m->ranks > 1)
        status = sum_all(m, &s, out);
    if (status != TL_OK && out)
        *out = (tl_gradients){ 0 };
    m->ended = true;
    return status;
}
