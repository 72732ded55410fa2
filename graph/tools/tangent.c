/* The directions that most ops move in, and the ops that they are made with. */
#include "tangent.h"
#include "graph/tape/tape.h"
#include "lib/search.h"

#include <string.h>

tl_node *tl_zeros_like(const tl_node *a)
{
    if (!a || a->graph->status != TL_OK)
        return NULL;
    tl_graph *g = a->graph;
    if (g->n_zeros < a->size) {
        g->n_zeros = 0;
        g->zeros = tl_arena_alloc_zero(&g->arena, a->size, sizeof *g->zeros);
        if (!g->zeros) {
            tl_graph_fail(g, "zeros_like", tl_fail_memory());
            return NULL;
        }
        g->n_zeros = a->size;
    }
    return a->kind == TL_SPARSE ? tl_input_sparse(g, a->pattern, g->zeros) : tl_input(g, a->shape, g->zeros);
}

/* Allocates an array of a node per input of y; NULL with the error in the graph. */
static tl_node **new_inputs(tl_node *y)
{
    tl_node **in = tl_arena_alloc(&y->graph->arena, y->n_in, sizeof *in);
    if (!in)
        tl_graph_fail(y->graph, y->op->name, tl_fail_memory());
    return in;
}

tl_node *tl_linear_tangent(tl_node *y, tl_node *const *dx)
{
    tl_node **in = new_inputs(y);
    if (!in)
        return NULL;
    for (int32_t i = 0; i < y->n_in; i++)
        in[i] = dx[i] || !y->in[i] ? dx[i] : tl_zeros_like(y->in[i]);
    return y->graph->status == TL_OK ? tl_apply_list(y->op, y->n_in, in, y->attr, y->attr_size) : NULL;
}

tl_node *tl_sum_tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *only = NULL;
    int32_t n = 0;
    for (int32_t i = 0; i < y->n_in; i++)
        if (dx[i]) {
            only = dx[i];
            n++;
        }
    return n == 1 && tl_is_like(y, only) ? only : tl_linear_tangent(y, dx);
}

tl_node *tl_multilinear_tangent(tl_node *y, tl_node *const *dx)
{
    tl_node **part = new_inputs(y), **in = part ? new_inputs(y) : NULL;
    if (!in)
        return NULL;
    for (int32_t i = 0; i < y->n_in; i++)
        in[i] = y->in[i];
    for (int32_t i = 0; i < y->n_in; i++) {
        if (dx[i])
            in[i] = dx[i];
        part[i] = dx[i] ? tl_apply_list(y->op, y->n_in, in, y->attr, y->attr_size) : NULL;
        in[i] = y->in[i];
    }
    return tl_sum_of(y->n_in, part);
}

tl_node *tl_moved_rows(tl_node *dx, int64_t n, const int32_t *ids, const int32_t *padding, const int32_t **at)
{
    *at = ids;
    if (!dx || !dx->some_rows)
        return dx;
    const tl_some_rows *some = dx->some_rows;
    int32_t *row = tl_arena_alloc(&dx->graph->arena, n, sizeof *row);
    if (!row) {
        tl_graph_fail(dx->graph, "moved_rows", tl_fail_memory());
        return NULL;
    }
    for (int64_t k = 0; k < n; k++) {
        const int64_t r = tl_lower_bound(some->rows, 0, some->n, ids[k]);
        const bool found = r < some->n && some->rows[r] == ids[k];
        row[k] = padding && ids[k] == *padding ? -1 : (int32_t)(found ? r : some->n);
    }
    *at = row;
    return some->packed;
}

/* ---- sum: Y = A_0 + A_1 + ..; each dA += dY ---- */

static tl_status sum_shape(tl_node *y)
{
    for (int32_t i = 1; i < y->n_in; i++)
        if (!tl_is_like(y->in[0], y->in[i]))
            return tl_fail(TL_ERR_SHAPE, "input %d, %s, is unlike input 0, %s", (int)i,
                           tl_node_text(y->in[i]).text, tl_node_text(y->in[0]).text);
    return tl_shape_like(y, y->in[0]);
}

static void sum_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *first = y->in[0]->val, *second = y->in[1]->val;
    tl_real *restrict out = y->out;
    for (int64_t k = begin; k < end; k++)
        out[k] = first[k] + second[k];
    for (int32_t i = 2; i < y->n_in; i++) {
        const tl_real *a = y->in[i]->val;
        for (int64_t k = begin; k < end; k++)
            out[k] += a[k];
    }
}

static void sum_forward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, sum_range, y);
}

static void sum_backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *dy = y->grad;
    for (int32_t i = 0; i < y->n_in; i++) {
        tl_real *restrict da = y->in[i]->grad;
        if (da && y->in[i]->overwrite)
            memcpy(da + begin, dy + begin, (size_t)(end - begin) * sizeof *da);
        else if (da)
            for (int64_t k = begin; k < end; k++)
                da[k] += dy[k];
    }
}

static void sum_backward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, sum_backward_range, y);
}

static tl_node *sum_tangent(tl_node *y, tl_node *const *dx)
{
    return tl_sum_of(y->n_in, dx);
}

static const tl_op sum = {
    .name = "sum_of",
    .min_in = 2,
    .max_in = INT32_MAX,
    .in_kind = { TL_ANY, TL_ANY },
    .shape = sum_shape,
    .forward = sum_forward,
    .backward = sum_backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = sum_tangent,
};

tl_node *tl_sum_of(int32_t n, tl_node *const *a)
{
    int32_t left = 0;
    tl_node *last = NULL;
    for (int32_t i = 0; a && i < n; i++)
        if (a[i]) {
            last = a[i];
            left++;
        }
    if (left == 0 || last->graph->status != TL_OK)
        return NULL;
    if (left == 1)
        return last;
    tl_node **in = tl_arena_alloc(&last->graph->arena, left, sizeof *in);
    if (!in) {
        tl_graph_fail(last->graph, sum.name, tl_fail_memory());
        return NULL;
    }
    left = 0;
    for (int32_t i = 0; i < n; i++)
        if (a[i])
            in[left++] = a[i];
    return tl_apply_list(&sum, left, in, NULL, 0);
}

/* ---- gate: Y = A where G > 0, otherwise 0; dA += dY there ----
 *
 * G is an attribute, so that no gradient travels to it; on a graph for inference, which gives values up after
 * their last use, it is an input. */

static const tl_node *gate_of(const tl_node *y)
{
    return y->in[1] ? y->in[1] : *(const tl_node *const *)y->attr;
}

static tl_status gate_shape(tl_node *y)
{
    if (!gate_of(y))
        return tl_fail(TL_ERR_ARGUMENT, "the node to gate by is NULL");
    if (gate_of(y)->graph != y->graph)
        return tl_fail(TL_ERR_ARGUMENT, "the node to gate by, %s, belongs to another graph",
                       tl_node_text(gate_of(y)).text);
    if (!tl_is_like(y->in[0], gate_of(y)))
        return tl_fail(TL_ERR_SHAPE, "%s by %s, which must be like it", tl_node_text(y->in[0]).text,
                       tl_node_text(gate_of(y)).text);
    return tl_shape_like(y, y->in[0]);
}

static void gate_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *a = y->in[0]->val, *by = gate_of(y)->val;
    tl_real *restrict out = y->out;
    for (int64_t k = begin; k < end; k++) {
        const tl_real x = a[k]; /* loaded unconditionally, so that the loop vectorises */
        out[k] = by[k] > 0 ? x : 0;
    }
}

static void gate_forward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, gate_range, y);
}

static void gate_backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *dy = y->grad, *by = gate_of(y)->val;
    tl_real *restrict da = y->in[0]->grad;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = begin; k < end; k++) {
        const tl_real g = dy[k];
        da[k] = (overwrite ? 0 : da[k]) + (by[k] > 0 ? g : 0);
    }
}

static void gate_backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, TL_GRAIN, gate_backward_range, y);
}

static const tl_op gate = {
    .name = "gate",
    .n_in = 2,
    .n_optional = 1,
    .in_kind = { TL_ANY, TL_ANY },
    .shape = gate_shape,
    .forward = gate_forward,
    .backward = gate_backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
};

tl_node *tl_gate(tl_node *a, const tl_node *by)
{
    tl_node *use = a && by && a->graph->inference ? (tl_node *)(uintptr_t)by : NULL; /* not written to */
    return tl_apply(&gate, (tl_node *[]){ a, use }, &by, sizeof(const tl_node *));
}

/* ---- pick: Y(k) = A(from[k]); dA(from[k]) += dY(k) ---- */

typedef struct pick_attr {
    tl_shape shape;
    const int64_t *from;
} pick_attr;

static tl_status pick_shape(tl_node *y)
{
    const pick_attr *attr = y->attr;
    const tl_status status = tl_shape_dense(y, attr->shape);
    if (status == TL_OK && y->size > 0 && !attr->from)
        return tl_fail(TL_ERR_ARGUMENT, "the elements to pick are NULL");
    for (int64_t k = 0; status == TL_OK && k < y->size; k++)
        if (attr->from[k] < -1 || attr->from[k] >= y->in[0]->size)
            return tl_fail(TL_ERR_INDEX, "from[%lld] = %lld, %s has %lld elements", (long long)k,
                           (long long)attr->from[k], tl_node_text(y->in[0]).text, (long long)y->in[0]->size);
    return status;
}

static void pick_forward(tl_node *y)
{
    const int64_t *from = ((const pick_attr *)y->attr)->from;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = from[k] < 0 ? 0 : y->in[0]->val[from[k]];
}

static void pick_backward(tl_node *y)
{
    const int64_t *from = ((const pick_attr *)y->attr)->from;
    tl_real *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        if (from[k] >= 0)
            da[from[k]] += y->grad[k];
}

static const tl_op pick = {
    .name = "pick",
    .n_in = 1,
    .shape = pick_shape,
    .forward = pick_forward,
    .backward = pick_backward,
    .tangent = tl_linear_tangent,
};

tl_node *tl_pick(tl_node *a, tl_shape shape, const int64_t *from)
{
    return tl_apply(&pick, (tl_node *[]){ a }, &(pick_attr){ shape, from }, sizeof(pick_attr));
}
