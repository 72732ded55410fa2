/* The product of a loss's Hessian with a vector: the gradient of the loss's derivative along the vector. */
#include "derivative.h"
#include "graph/backward/backward.h"

#include <string.h>

/* Copies the direction of a masked variable and sets it to 0 off the mask, where there are no weights. */
static tl_status restrict_direction(tl_graph *g, tl_gradient *pair)
{
    const int64_t n = tl_gradient_size(pair);
    tl_real *copy = tl_arena_alloc(&g->arena, n, sizeof *copy);
    if (!copy)
        return tl_fail_memory();
    if (n > 0)
        memcpy(copy, pair->values, (size_t)n * sizeof *copy);
    pair->values = copy;
    tl_restrict_gradient(NULL, pair, pair->variable->pattern);
    return TL_OK;
}

/* Returns the direction of leaf x as a constant; NULL with the error in the graph. */
static tl_node *direction(tl_node *x, const tl_gradients *v, int32_t i)
{
    tl_graph *g = x->graph;
    tl_gradient pair = v->pair[i];
    if (x->kind == TL_SPARSE)
        return tl_input_sparse(g, x->pattern, pair.values);
    if (pair.variable->pattern && restrict_direction(g, &pair) != TL_OK) {
        tl_graph_fail(g, "hessian_product", TL_ERR_MEMORY);
        return NULL;
    }
    return pair.rows ? tl_input_rows(g, x->shape, pair.n_rows, pair.rows, pair.values)
                     : tl_input(g, x->shape, pair.values);
}

/* Checks v's pairs and lists their variables. */
static tl_status list_variables(tl_graph *g, const tl_gradients *v, tl_variable ***out)
{
    tl_status status = tl_check_pairs(v);
    if (status != TL_OK)
        return status;
    tl_variable **vars = *out = tl_arena_alloc(&g->arena, v->n, sizeof *vars);
    if (!vars)
        return tl_fail_memory();
    for (int32_t i = 0; i < v->n; i++)
        vars[i] = v->pair[i].variable;
    status = tl_check_variables(g, vars, v->n);
    for (int32_t i = 0; status == TL_OK && i < v->n; i++)
        if ((status = tl_check_gradient(v->graph, &v->pair[i])) == TL_OK)
            status = tl_check_gradient(g, &v->pair[i]);
    return status;
}

/* Returns the derivative of the loss along v; NULL with the error in the graph. */
static tl_node *derivative_along(tl_node *loss, const tl_gradients *v)
{
    tl_graph *g = loss->graph;
    tl_node **x = tl_arena_alloc(&g->arena, v->n, sizeof *x),
            **dx = tl_arena_alloc(&g->arena, v->n, sizeof *dx);
    int32_t n = 0;
    if (!x || !dx) {
        tl_graph_fail(g, "hessian_product", tl_fail_memory());
        return NULL;
    }
    for (int32_t i = 0; i < v->n; i++) {
        x[n] = tl_leaf_of(g, v->pair[i].variable);
        if (!x[n] || !v->pair[i].values)
            continue;
        dx[n] = direction(x[n], v, i);
        if (!dx[n++])
            return NULL;
    }
    return tl_derivative(loss, n, x, dx);
}

static const tl_real one = 1;

/* The loss and v have been checked, and their variables are listed. */
static tl_status product(tl_node *loss, const tl_gradients *v, tl_variable *const *vars, tl_gradients *out)
{
    tl_node *along = derivative_along(loss, v);
    if (!along)
        return loss->graph->status;
    const tl_status status = tl_backward_from(
        along, &(tl_backward_plan){ .upstream = &one, .variable = vars, .n = v->n, .for_step = true }, out);
    for (int32_t i = 0; status == TL_OK && i < out->n; i++)
        if (!vars[i]->sparse && vars[i]->pattern)
            tl_restrict_gradient(loss->graph, &out->pair[i], vars[i]->pattern);
    return status;
}

tl_status tl_hessian_product(tl_node *loss, const tl_gradients *v, tl_gradients *out)
{
    const tl_gradients along = v ? *v : (tl_gradients){ 0 }; /* v and out may be one */
    if (out)
        *out = (tl_gradients){ 0 };
    if (!loss)
        return tl_fail_null_loss("hessian_product");
    tl_graph *g = loss->graph;
    tl_variable **vars = NULL;
    tl_status status = out ? tl_check_loss(loss) : tl_fail(TL_ERR_ARGUMENT, "the output argument is NULL");
    if (status == TL_OK && g->inference)
        status = tl_fail_inference();
    if (status == TL_OK)
        status = list_variables(g, v ? &along : NULL, &vars);
    if (status == TL_OK)
        status = product(loss, &along, vars, out);
    if (status == TL_OK)
        return TL_OK;
    if (out)
        *out = (tl_gradients){ 0 };
    if (g->status != TL_OK) /* an op has said so, or it had failed before */
        return tl_fail(g->status, "%s%s", g->error, tl_failed_op_hint(g));
    return tl_graph_fail(g, "hessian_product", status);
}
