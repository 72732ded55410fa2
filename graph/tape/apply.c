/* Recording an op: tl_apply and what an op's functions may call. */
#include "graph/internal.h"
#include "graph/optim/update.h"

#include <string.h>

/* The graph that the inputs share, by the first that is there. */
static tl_graph *graph_of(const tl_op *op, tl_node *const *in)
{
    for (int32_t i = 0; i < op->n_in; i++)
        if (in[i])
            return in[i]->graph;
    return NULL;
}

static tl_status check_inputs(const tl_op *op, tl_node *const *in, const tl_graph *g)
{
    if (!op->name || !op->shape || !op->forward)
        return tl_fail(TL_ERR_ARGUMENT, "an op needs a name, a shape and a forward");
    for (int32_t i = 0; i < op->n_in; i++) {
        if (!in[i] && i < op->n_in - op->n_optional)
            return tl_fail(TL_ERR_ARGUMENT, "input %d is NULL", (int)i);
        if (!in[i])
            continue;
        if (in[i]->graph != g)
            return tl_fail(TL_ERR_ARGUMENT, "input %d belongs to another graph", (int)i);
        bool sparse = op->in_kind[i] == TL_SPARSE;
        if (sparse != (in[i]->kind == TL_SPARSE))
            return tl_fail(TL_ERR_KIND, "input %d (%s) is %s, and must be %s", (int)i,
                           tl_shape_text(in[i]->shape).text, sparse ? "dense" : "sparse",
                           sparse ? "sparse" : "dense");
        if (in[i]->requires_grad && (!op->backward || (op->no_gradient >> i & 1)))
            return tl_fail(TL_ERR_ARGUMENT, "there is no gradient for input %d, which depends on a variable",
                           (int)i);
    }
    return TL_OK;
}

/* Everything of the node that is settled before its op is asked. */
static tl_status fill(tl_node *y, const tl_op *op, tl_node *const *in, const void *attr, size_t attr_size)
{
    tl_arena *arena = &y->graph->arena;
    bool rows = false;
    y->op = op;
    for (int32_t i = 0; i < op->n_in; i++) {
        y->in[i] = in[i];
        y->requires_grad = y->requires_grad || (in[i] && in[i]->requires_grad);
        rows = rows || op->in_kind[i] == TL_ROWS;
    }
    if (attr_size > 0 && !attr)
        return tl_fail(TL_ERR_ARGUMENT, "the attributes are NULL");
    if (attr_size > 0) {
        void *copy = tl_arena_alloc(arena, (int64_t)attr_size, 1);
        if (!copy)
            return tl_fail_memory();
        y->attr = memcpy(copy, attr, attr_size);
    }
    if (rows && !(y->slices = tl_arena_alloc_zero(arena, op->n_in, sizeof *y->slices)))
        return tl_fail_memory();
    return TL_OK;
}

/* What the inputs' variables lag behind, where the op did not say which rows it reads. */
void tl_catch_up_inputs(const tl_node *y)
{
    for (int32_t i = 0; i < y->op->n_in; i++)
        if (y->in[i] && y->in[i]->variable && !(y->rows_declared >> i & 1))
            tl_catch_up(y->in[i]->variable);
}

static tl_status ask_shape(tl_node *y)
{
    const uint64_t before = tl_error_count();
    y->size = -1;
    tl_status status = tl_fail_default(y->op->shape(y), before);
    if (status == TL_OK && y->size < 0)
        status = tl_fail(TL_ERR_SHAPE, "its shape function declares no result");
    return status;
}

tl_node *tl_apply(const tl_op *op, tl_node *const *in, const void *attr, size_t attr_size)
{
    if (!op || !in || op->n_in < 1 || op->n_in > TL_MAX_IN) {
        tl_fail(TL_ERR_ARGUMENT, "apply: an op has 1 to %d inputs", TL_MAX_IN);
        return NULL;
    }
    tl_graph *g = graph_of(op, in);
    if (!g || g->status != TL_OK)
        return NULL;
    tl_node *y = tl_arena_alloc_zero(&g->arena, 1, sizeof *y);
    tl_status status = y ? check_inputs(op, in, g) : tl_fail_memory();
    if (status == TL_OK) {
        y->graph = g;
        status = fill(y, op, in, attr, attr_size);
    }
    if (status == TL_OK)
        status = ask_shape(y);
    if (status == TL_OK && !(y->out = tl_arena_alloc(&g->arena, y->size, sizeof *y->out)))
        status = tl_fail_memory();
    if (status != TL_OK) {
        tl_graph_fail(g, op->name ? op->name : "an op", status);
        return NULL;
    }
    y->val = y->out;
    tl_catch_up_inputs(y);
    op->forward(y);
    tl_graph_append(g, y);
    return y;
}

tl_status tl_shape_dense(tl_node *y, tl_shape shape)
{
    tl_status status = tl_shape_check(shape);
    if (status != TL_OK)
        return status;
    y->kind = TL_DENSE;
    y->shape = shape;
    y->size = tl_shape_size(shape);
    return TL_OK;
}

tl_status tl_shape_sparse(tl_node *y, tl_pattern *pattern)
{
    y->kind = TL_SPARSE;
    y->shape = TL_SHAPE(tl_pattern_rows(pattern), tl_pattern_cols(pattern));
    y->pattern = pattern;
    y->size = tl_pattern_nnz(pattern);
    return tl_graph_keep(y->graph, pattern);
}

tl_status tl_shape_like(tl_node *y, const tl_node *a)
{
    return a->kind == TL_SPARSE ? tl_shape_sparse(y, a->pattern) : tl_shape_dense(y, a->shape);
}

void *tl_scratch(tl_node *y, int64_t n, size_t size)
{
    void *p = tl_arena_alloc(&y->graph->arena, n, size);
    if (!p)
        tl_fail_memory();
    return p;
}

/* As much as any step before needed is taken at once: steps like them take one piece. */
tl_status tl_reserve_workspace(tl_node *y, int64_t n, size_t size)
{
    tl_graph *g = y->graph;
    const bool fits = n >= 0 && (size == 0 || n <= g->workspace_size / (int64_t)size);
    if (fits && g->workspace)
        return TL_OK;
    void *fresh = fits ? tl_arena_alloc(&g->arena, g->workspace_size, 1) : tl_arena_alloc(&g->arena, n, size);
    if (!fresh)
        return tl_fail_memory();
    g->workspace = fresh;
    if (!fits)
        g->workspace_size = n * (int64_t)size;
    return TL_OK;
}

void *tl_workspace(const tl_node *y)
{
    return y->graph->workspace;
}

/* 1 or 0, by operators without branches and in words as wide as ids, so that a loop over them is made of
 * vectors. */
static inline uint32_t is_outside(uint32_t id, uint32_t below, uint32_t padded, uint32_t pad)
{
    return (id >= below) & ~(padded & (id == pad));
}

/* The first id that is neither below the bound nor padding; n: none. All are looked at first, without a way
 * out of the loop. */
static int64_t first_outside(const int32_t *ids, int64_t n, int64_t bound, const int32_t *padding)
{
    const uint32_t below = bound < 0 ? 0 : bound > INT32_MAX ? (uint32_t)INT32_MAX + 1 : (uint32_t)bound;
    const uint32_t padded = padding != NULL, pad = padding ? (uint32_t)*padding : 0;
    uint32_t outside = 0;
    for (int64_t k = 0; k < n; k++)
        outside |= is_outside((uint32_t)ids[k], below, padded, pad);
    for (int64_t k = 0; outside && k < n; k++)
        if (is_outside((uint32_t)ids[k], below, padded, pad))
            return k;
    return n;
}

tl_status tl_check_ids(const char *name, const int32_t *ids, int64_t n, int64_t bound, const int32_t *padding,
                       const char *of, const char *unit)
{
    if (!ids && n > 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s is NULL", name);
    const int64_t k = first_outside(ids, n, bound, padding);
    return k == n ? TL_OK
                  : tl_fail(TL_ERR_INDEX, "%s[%lld] = %d, %s has %lld %s", name, (long long)k, (int)ids[k],
                            of, (long long)bound, unit);
}

tl_pattern *tl_memo_pattern(tl_node *y, const tl_pattern *a, const tl_pattern *b)
{
    for (tl_memo *m = y->graph->memo; m; m = m->next)
        if (m->op == y->op && m->a == a && m->b == b) {
            m->used = true;
            return m->result;
        }
    return NULL;
}

tl_status tl_memo_store(tl_node *y, tl_pattern *a, tl_pattern *b, tl_pattern *result)
{
    tl_memo *m = tl_alloc(1, sizeof *m);
    if (!m) {
        tl_pattern_release(result);
        return tl_fail_memory();
    }
    *m = (tl_memo){ .next = y->graph->memo, .op = y->op, .result = result, .used = true };
    m->a = tl_pattern_retain(a); /* so that no other pattern can come to lie at their addresses */
    m->b = tl_pattern_retain(b);
    y->graph->memo = m;
    return TL_OK;
}

void tl_memo_sweep(tl_graph *g, bool all)
{
    for (tl_memo **at = &g->memo, *m; (m = *at);) {
        if (m->used && !all) {
            m->used = false;
            at = &m->next;
            continue;
        }
        *at = m->next;
        tl_pattern_release(m->a);
        tl_pattern_release(m->b);
        tl_pattern_release(m->result);
        tl_free(m);
    }
}

void tl_declare_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
    y->rows_declared |= (uint32_t)1 << i;
    if (y->in[i]->variable)
        tl_catch_up_rows(y->in[i]->variable, n, rows);
}

void tl_add_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows, const int32_t *source,
                 const tl_real *coef, const tl_real *values)
{
    tl_node *table = y->in[i];
    if (!table->needs_grad || n == 0)
        return;
    const tl_row_slices slices = { .n = n,
                                   .rows = rows,
                                   .source = source,
                                   .coef = coef,
                                   .values = values,
                                   .stable = tl_arena_holds(&y->graph->arena, values) };
    if (!table->row_sparse) {
        tl_scatter_rows(&slices, table->size / table->shape.dim[0], table->grad);
        return;
    }
    tl_row_slices *s = &y->slices[i]; /* taken in advance, for the first call of a pass */
    if (s->n > 0 && !(s = tl_arena_alloc(&y->graph->arena, 1, sizeof *s))) {
        tl_graph_fail(y->graph, y->op->name, tl_fail_memory());
        return;
    }
    *s = slices;
    if (table->last_slices)
        table->last_slices->next = s;
    else
        table->first_slices = s;
    table->last_slices = s;
}
