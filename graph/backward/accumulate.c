/* Sums of gradients over micro-batches, stored in the leaves of a graph of their own: row slices as a
 * backward pass leaves them, and dense gradients in double, in the leaf's scratch. */
#include "graph/backward/backward.h"
#include "lib/kernels/kernels.h"
#include "parallel.h"

#include <string.h>

typedef struct sums {
    double *sum;
    bool begin; /* the sum has no terms yet: it is not read */
    double weight;
    const tl_real *from;
    tl_real *to;
} sums;

static void add_range(void *context, int64_t begin, int64_t end)
{
    const sums *s = context;
    if (s->begin)
        memset(s->sum + begin, 0, (size_t)(end - begin) * sizeof *s->sum);
    tl_kernel_table()->axpy_double(end - begin, s->weight, s->from + begin, s->sum + begin);
}

static void round_range(void *context, int64_t begin, int64_t end)
{
    const sums *s = context;
    for (int64_t k = begin; k < end; k++)
        s->to[k] = (tl_real)s->sum[k];
}

/* Adds slices of rows of `width` values. */
static void add_slices(const tl_row_slices *s, int64_t width, double *sum)
{
    for (int64_t k = 0; k < s->n; k++) {
        tl_real coef;
        const tl_real *values = tl_row_slice(s, k, width, &coef);
        tl_kernel_table()->axpy_double(width, (double)coef, values, sum + s->rows[k] * width);
    }
}

static tl_status add_dense(tl_node *leaf, const tl_gradient *pair, tl_real weight)
{
    sums s = { .sum = leaf->scratch, .weight = (double)weight, .from = pair->values };
    if (!s.sum) {
        leaf->scratch = s.sum = tl_arena_alloc(&leaf->graph->arena, leaf->size, sizeof *s.sum);
        if (!s.sum)
            return tl_fail_memory();
        s.begin = true;
    }
    tl_parallel_for(leaf->size, TL_GRAIN, add_range, &s);
    if (s.begin) /* of a sum that was row-sparse so far */
        for (const tl_row_slices *l = leaf->first_slices; l; l = l->next)
            add_slices(l, tl_row_width(leaf->variable), s.sum);
    leaf->row_sparse = false;
    return TL_OK;
}

/* Adds weighted copies of the pair's rows to the slices of the leaf or, if it has one, to its dense sum. */
static tl_status add_rows(tl_node *leaf, const tl_gradient *pair, tl_real weight)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t n = tl_gradient_size(pair);
    if (pair->n_rows == 0)
        return TL_OK;
    tl_row_slices *s = tl_arena_alloc_zero(arena, 1, sizeof *s);
    int32_t *rows = tl_arena_alloc(arena, pair->n_rows, sizeof *rows);
    tl_real *coef = tl_arena_alloc(arena, pair->n_rows, sizeof *coef);
    tl_real *values = tl_arena_alloc(arena, n, sizeof *values);
    if (!s || !rows || !coef || !values)
        return tl_fail_memory();
    for (int64_t k = 0; k < pair->n_rows; k++) {
        rows[k] = pair->rows[k];
        coef[k] = weight;
    }
    if (n > 0)
        memcpy(values, pair->values, (size_t)n * sizeof *values);
    *s = (tl_row_slices){ .n = pair->n_rows, .rows = rows, .coef = coef, .values = values };
    if (leaf->scratch) {
        add_slices(s, tl_row_width(leaf->variable), leaf->scratch);
        return TL_OK;
    }
    if (leaf->last_slices)
        leaf->last_slices->next = s;
    else
        leaf->first_slices = s;
    leaf->last_slices = s;
    return TL_OK;
}

static tl_status add_pair(tl_graph *total, const tl_graph *from, const tl_gradient *pair, double weight)
{
    if (tl_check_gradient(from, pair) != TL_OK)
        return tl_last_status();
    tl_node *leaf = tl_use(total, pair->variable);
    if (!leaf)
        return tl_graph_status(total);
    if (leaf->kind == TL_SPARSE && leaf->pattern != pair->variable->pattern)
        return tl_fail(TL_ERR_ARGUMENT, "the pattern of %s has changed since the sum was started",
                       pair->variable->name);
    if (!leaf->needs_grad) { /* the first time */
        leaf->needs_grad = true;
        leaf->row_sparse = pair->rows != NULL;
    }
    if (pair->rows)
        return add_rows(leaf, pair, (tl_real)weight);
    return add_dense(leaf, pair, (tl_real)weight);
}

tl_status tl_gradients_add(tl_graph *total, const tl_gradients *g, double weight)
{
    if (!total || !g || g->graph == total)
        return tl_fail(TL_ERR_ARGUMENT, "gradients_add: %s",
                       !total ? "the graph is NULL"
                       : !g   ? "the gradients are NULL"
                              : "the sum is added to itself");
    if (total->status != TL_OK)
        return tl_fail(total->status, "%s", total->error);
    if (tl_check_pairs(g) != TL_OK)
        return tl_graph_fail(total, "gradients_add", TL_ERR_ARGUMENT);
    for (int32_t i = 0; i < g->n; i++) {
        if (!g->pair[i].values)
            continue;
        tl_status status = add_pair(total, g->graph, &g->pair[i], weight);
        if (status != TL_OK)
            return tl_graph_fail(total, "gradients_add", status);
    }
    return TL_OK;
}

/* Rounds the dense sums to gradients. */
static tl_status round_sums(tl_graph *total)
{
    for (tl_node *leaf = total->first_leaf; leaf; leaf = leaf->next_leaf) {
        tl_free_grad *none = NULL;
        if (!leaf->scratch)
            continue;
        if (!leaf->grad && tl_alloc_grad(leaf, &none) != TL_OK)
            return TL_ERR_MEMORY;
        tl_parallel_for(leaf->size, TL_GRAIN, round_range, &(sums){ .sum = leaf->scratch, .to = leaf->grad });
    }
    return TL_OK;
}

tl_status tl_gradients_total(tl_graph *total, tl_gradients *out)
{
    if (!total || !out)
        return tl_fail(TL_ERR_ARGUMENT, "gradients_total: %s",
                       total ? "the output argument is NULL" : "the graph is NULL");
    *out = (tl_gradients){ .graph = total };
    if (total->status != TL_OK)
        return tl_fail(total->status, "%s", total->error);
    tl_status status = round_sums(total);
    if (status == TL_OK)
        status = tl_collect_pairs(total, &(tl_backward_plan){ 0 }, out);
    return status == TL_OK ? TL_OK : tl_graph_fail(total, "gradients_total", status);
}
