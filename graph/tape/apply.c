/* tl_apply, which runs and records an op, and the functions that ops call. */
#include "graph/tape/tape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Returns the graph of the first input that is not absent. */
static tl_graph *graph_of(int32_t n, tl_node *const *in)
{
    for (int32_t i = 0; i < n; i++)
        if (in[i])
            return in[i]->graph;
    return NULL;
}

/* Returns a's name, if it has one, followed by its shape. If both do not fit, the name is cut between UTF-8
 * characters. */
static tl_text name_and_shape(const tl_node *a, const char *open, const char *close)
{
    const tl_text shape = tl_shape_text(a->shape);
    const char *name = a->variable ? a->variable->name : "", *cut = "";
    const size_t shape_length = strlen(shape.text);
    const size_t capacity = sizeof shape.text - 1 - shape_length - strlen(open) - strlen(close);
    size_t length = strlen(name);
    if (length == 0)
        return shape;
    if (length > capacity) {
        cut = "...";
        length = capacity - strlen(cut);
        while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80)
            length--;
    }
    tl_text t;
    snprintf(t.text, sizeof t.text, "%.*s%s%s%.*s%s", (int)length, name, cut, open, (int)shape_length,
             shape.text, close);
    return t;
}

tl_text tl_node_text(const tl_node *a)
{
    if (!a)
        return (tl_text){ "NULL" };
    return a->shape.rank == 1 ? name_and_shape(a, " ", "") : name_and_shape(a, " (", ")");
}

tl_node *tl_refuse(const tl_node *a, const char *who, tl_status status, const char *format, ...)
{
    char text[TL_ERROR_SIZE] = "";
    va_list arguments;
    if (!a || a->graph->status != TL_OK)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tl_fail(status, "%s", text);
    tl_graph_fail(a->graph, who, status);
    return NULL;
}

bool tl_node_is_mutable(const tl_node *a)
{
    return a && a->variable;
}

bool tl_node_has_changed(const tl_node *a)
{
    const tl_variable *v = a ? a->variable : NULL;
    return v && (v->changes != a->changes || atomic_load_explicit(&v->written, memory_order_relaxed));
}

tl_text tl_input_text(const tl_node *a)
{
    return name_and_shape(a, ", ", "");
}

enum { KINDS = sizeof(tl_op){ 0 }.in_kind / sizeof(tl_kind) };

/* Checks the fields of an op but for its numbers of inputs. */
static tl_status check_op(const tl_op *op)
{
    const uint32_t beyond = op->n_in < 32 ? ~(((uint32_t)1 << op->n_in) - 1) : 0;
    if (!op->name || !op->shape || !op->forward)
        return tl_fail(TL_ERR_ARGUMENT, "an op needs a name, a shape function and a forward function");
    if (op->n_optional != 0 && op->max_in != 0)
        return tl_fail(TL_ERR_ARGUMENT, "n_optional is %d, and a list has no optional inputs",
                       (int)op->n_optional);
    if (op->n_optional < 0 || op->n_optional > op->n_in)
        return tl_fail(TL_ERR_ARGUMENT, "n_optional is %d, of %d inputs", (int)op->n_optional, (int)op->n_in);
    if ((op->no_gradient | op->can_overwrite) & beyond)
        return tl_fail(TL_ERR_ARGUMENT, "%s has a bit of input %d or beyond, of %d inputs",
                       op->no_gradient & beyond ? "no_gradient" : "can_overwrite", (int)op->n_in,
                       (int)op->n_in);
    for (int32_t i = 0; i < op->n_in && i < KINDS; i++)
        if (op->in_kind[i] < TL_DENSE || op->in_kind[i] > TL_ANY)
            return tl_fail(TL_ERR_ARGUMENT, "in_kind[%d] = %d is not a tl_kind", (int)i, (int)op->in_kind[i]);
    return TL_OK;
}

/* Checks that an op takes n inputs. */
static tl_status check_count(const tl_op *op, int32_t n)
{
    if (n == op->n_in && op->max_in == 0)
        return TL_OK;
    if (op->max_in == 0)
        return tl_fail(TL_ERR_ARGUMENT, "%d inputs, not %d", (int)n, (int)op->n_in);
    if (op->max_in != 0 && n < op->min_in)
        return tl_fail(TL_ERR_ARGUMENT, "%d inputs, of %d or more", (int)n, (int)op->min_in);
    if (op->max_in != 0 && n > op->max_in)
        return tl_fail(TL_ERR_ARGUMENT, "%d inputs, of at most %d", (int)n, (int)op->max_in);
    return TL_OK;
}

/* Checks that the kind of an input is the one that the op takes. */
static tl_status check_kind(const tl_op *op, int32_t i, const tl_node *a)
{
    const tl_kind kind = tl_input_kind(op, i);
    const bool sparse = kind == TL_SPARSE;
    if (kind == TL_ANY || sparse == (a->kind == TL_SPARSE))
        return TL_OK;
    return tl_fail(TL_ERR_KIND, "input %d (%s) is %s, and must be %s", (int)i, tl_input_text(a).text,
                   sparse ? "dense" : "sparse", sparse ? "sparse" : "dense");
}

static tl_status check_inputs(const tl_op *op, int32_t n, tl_node *const *in, const tl_graph *g)
{
    if (check_op(op) != TL_OK || check_count(op, n) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (int32_t i = 0; i < n; i++) {
        if (!in[i] && i < n - op->n_optional)
            return tl_fail(TL_ERR_ARGUMENT, "input %d is NULL", (int)i);
        if (!in[i])
            continue;
        if (in[i]->graph != g)
            return tl_fail(TL_ERR_ARGUMENT, "input %d (%s) belongs to another graph", (int)i,
                           tl_input_text(in[i]).text);
        if (tl_is_given_up(in[i]))
            return tl_fail(TL_ERR_ARGUMENT, "input %d (%s) %s", (int)i, tl_input_text(in[i]).text,
                           tl_given_up);
        if (check_kind(op, i, in[i]) != TL_OK)
            return TL_ERR_KIND;
        if (in[i]->requires_grad && (!op->backward || tl_input_bit(op, op->no_gradient, i)))
            return tl_fail(TL_ERR_ARGUMENT, "input %d (%s) requires a gradient, and the op has none for it",
                           (int)i, tl_input_text(in[i]).text);
    }
    return TL_OK;
}

static bool takes_rows(const tl_op *op)
{
    for (int32_t i = 0; i < op->n_in && i < KINDS; i++)
        if (op->in_kind[i] == TL_ROWS)
            return true;
    return false;
}

/* Fills in what does not depend on the op's `shape`. */
static tl_status fill_node(tl_node *y, tl_node *const *in, const void *attr, size_t attr_size)
{
    tl_arena *arena = &y->graph->arena;
    for (int32_t i = 0; i < y->n_in; i++) {
        y->in[i] = in[i];
        if (in[i] && in[i]->some_rows && tl_spread_rows(in[i]) != TL_OK)
            return TL_ERR_MEMORY;
        y->requires_grad = y->requires_grad || (in[i] && in[i]->requires_grad);
    }
    if (attr_size > 0 && !attr)
        return tl_fail(TL_ERR_ARGUMENT, "the attributes are NULL");
    if (attr_size > 0) {
        void *copy = tl_arena_alloc(arena, (int64_t)attr_size, 1);
        if (!copy)
            return tl_fail_memory();
        y->attr = memcpy(copy, attr, attr_size);
        y->attr_size = attr_size;
    }
    if (takes_rows(y->op) && !(y->slices = tl_arena_alloc_zero(arena, y->n_in, sizeof *y->slices)))
        return tl_fail_memory();
    return TL_OK;
}

void tl_before_read_inputs(const tl_node *y)
{
    for (int32_t i = 0; i < y->n_in; i++)
        if (y->in[i] && y->in[i]->variable && !(y->slices && y->slices[i].declared))
            tl_before_read(y->in[i]->variable, 0, NULL);
}

static tl_status run_shape(tl_node *y)
{
    const uint64_t before = tl_error_count();
    y->size = -1;
    y->graph->recording = y;
    tl_status status = tl_fail_default(y->op->shape(y), before);
    y->graph->recording = NULL;
    if (status == TL_OK && y->size < 0)
        status = tl_fail(TL_ERR_SHAPE, "the shape function declared no result");
    if (status != TL_OK || !y->slices)
        return status;
    for (int32_t i = 0; status == TL_OK && i < y->n_in; i++) /* after `shape`, which may say it better */
        if (y->in[i] && tl_input_kind(y->op, i) == TL_ROWS && y->in[i]->shape.rank == 0)
            status = tl_fail(TL_ERR_SHAPE, "input %d (%s) is no table: it must have rank 1 or more", (int)i,
                             tl_input_text(y->in[i]).text);
    return status;
}

tl_status tl_run_forward(tl_node *y)
{
    tl_graph *g = y->graph;
    y->val = y->out;
    tl_before_read_inputs(y);
    y->op->forward(y);
    if (g->check_finite)
        tl_check_output(y);
    if (g->status != TL_OK)
        tl_graph_note_failed(g, y->op, y->n_in, y->in, y);
    return g->status;
}

/* Allocates a node and its n inputs, in one piece. */
static tl_node *new_node(tl_graph *g, const tl_op *op, int32_t n)
{
    tl_node *y = tl_arena_alloc_zero(&g->arena, 1, sizeof *y + (size_t)n * sizeof *y->in);
    if (!y)
        return NULL;
    y->graph = g;
    y->op = op;
    y->n_in = n;
    y->in = (tl_node **)(y + 1);
    return y;
}

tl_node *tl_apply(const tl_op *op, tl_node *const *in, const void *attr, size_t attr_size)
{
    return tl_apply_list(op, op ? op->n_in : 0, in, attr, attr_size);
}

tl_node *tl_apply_list(const tl_op *op, int32_t n, tl_node *const *in, const void *attr, size_t attr_size)
{
    if (!op || !in) {
        tl_fail(TL_ERR_ARGUMENT, "apply: the %s NULL", op ? "inputs are" : "op is");
        return NULL;
    }
    if (op->n_in < 1 || (op->max_in != 0 && op->max_in < op->min_in)) {
        tl_fail(TL_ERR_ARGUMENT, "apply: the op takes from %d to %d inputs", (int)op->min_in,
                (int)(op->max_in != 0 ? op->max_in : op->n_in));
        return NULL;
    }
    if (n < 1) {
        tl_fail(TL_ERR_ARGUMENT, "%s: %d inputs", op->name ? op->name : "apply", (int)n);
        return NULL;
    }
    tl_graph *g = graph_of(n, in);
    if (!g || g->status != TL_OK)
        return NULL;
    tl_status status = check_inputs(op, n, in, g);
    tl_node *y = status == TL_OK ? new_node(g, op, n) : NULL;
    if (status == TL_OK)
        status = y ? fill_node(y, in, attr, attr_size) : tl_fail_memory();
    const tl_node *filled = status == TL_OK ? y : NULL;
    if (status == TL_OK)
        status = run_shape(y);
    if (status == TL_OK && !g->inference && !(y->out = tl_arena_alloc(&g->arena, y->size, sizeof *y->out)))
        status = tl_fail_memory();
    if (status != TL_OK)
        tl_graph_fail(g, op->name ? op->name : "an op", status);
    if (g->status != TL_OK) { /* also by a call of `shape` that returns no status */
        tl_graph_note_failed(g, op, n, in, filled);
        return NULL;
    }
    if (!g->inference && tl_run_forward(y) != TL_OK)
        return NULL;
    tl_graph_append(g, y);
    if (g->inference && op->has_effects && tl_evaluate(y, true) != TL_OK)
        return NULL;
    return y;
}

/* Checks that y is the node whose `shape` is running. */
static tl_status check_in_shape(const char *who, const tl_node *y)
{
    if (!y || !y->op || !y->graph || y->graph->recording != y)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the node %s", who,
                       y ? "is not the one that is being recorded" : "is NULL");
    return TL_OK;
}

tl_status tl_shape_dense(tl_node *y, tl_shape shape)
{
    tl_status status = check_in_shape("shape_dense", y);
    if (status == TL_OK)
        status = tl_shape_check(shape);
    if (status != TL_OK)
        return status;
    y->kind = TL_DENSE;
    y->shape = shape;
    y->pattern = NULL;
    y->size = tl_shape_size(shape);
    return TL_OK;
}

tl_status tl_shape_sparse(tl_node *y, tl_pattern *pattern)
{
    if (check_in_shape("shape_sparse", y) != TL_OK)
        return TL_ERR_ARGUMENT;
    if (!pattern)
        return tl_fail(TL_ERR_ARGUMENT, "shape_sparse: the pattern is NULL");
    y->kind = TL_SPARSE;
    y->shape = TL_SHAPE(tl_pattern_rows(pattern), tl_pattern_cols(pattern));
    y->pattern = pattern;
    y->size = tl_pattern_nnz(pattern);
    return tl_graph_hold(y->graph, pattern);
}

tl_status tl_shape_like(tl_node *y, const tl_node *a)
{
    if (!a)
        return tl_fail(TL_ERR_ARGUMENT, "shape_like: the other node is NULL");
    return a->kind == TL_SPARSE ? tl_shape_sparse(y, a->pattern) : tl_shape_dense(y, a->shape);
}

/* Checks a request of n elements for an op. */
static tl_status check_request(const char *who, const tl_node *y, int64_t n)
{
    if (!y || !y->graph)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the node is %s", who, y ? "in no graph" : "NULL");
    if (n < 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %lld elements", who, (long long)n);
    return TL_OK;
}

void *tl_scratch(tl_node *y, int64_t n, size_t size)
{
    if (check_request("scratch", y, n) != TL_OK)
        return NULL;
    void *p = y->graph->inference ? tl_take_block(y, n, size) : tl_arena_alloc(&y->graph->arena, n, size);
    if (!p)
        tl_fail_memory();
    return p;
}

void *tl_scratch_copy(tl_node *y, int64_t n, size_t size, const void *from)
{
    if (n > 0 && size > 0 && !from) {
        tl_fail(TL_ERR_ARGUMENT, "scratch_copy: nothing to copy %lld elements from", (long long)n);
        return NULL;
    }
    void *p = tl_scratch(y, n, size);
    return p && n > 0 && size > 0 ? memcpy(p, from, (size_t)n * size) : p;
}

/* Allocates the largest size that any earlier step needed, so that a repeated step allocates once. */
tl_status tl_reserve_workspace(tl_node *y, int64_t n, size_t size)
{
    if (check_request("reserve_workspace", y, n) != TL_OK)
        return TL_ERR_ARGUMENT;
    tl_graph *g = y->graph;
    const bool fits = size == 0 || n <= g->workspace_size / (int64_t)size;
    if (fits && (g->workspace || g->inference))
        return TL_OK;
    if (g->inference) { /* allocated when an op runs */
        if (n > PTRDIFF_MAX / (int64_t)size)
            return tl_fail_memory();
        g->workspace_size = n * (int64_t)size;
        return TL_OK;
    }
    void *block = fits ? tl_arena_alloc(&g->arena, g->workspace_size, 1) : tl_arena_alloc(&g->arena, n, size);
    if (!block)
        return tl_fail_memory();
    g->workspace = block;
    if (!fits)
        g->workspace_size = n * (int64_t)size;
    return TL_OK;
}

void *tl_workspace(const tl_node *y)
{
    return y && y->graph ? y->graph->workspace : NULL;
}
