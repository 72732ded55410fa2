/* The parts of a batch, in one process or on several ranks. */
#include "helpers.h"
#include "ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ranks_begin(ranks *r, const char *program, int argc, char **argv)
{
    *r = (ranks){ .program = program };
    for (int k = 1; k < argc; k++)
        if (strcmp(argv[k], "--mpi") == 0)
            return ranks_start(r, argc, argv);
    return true;
}

bool ranks_make(ranks *r, int64_t parts)
{
    r->parts = parts;
    if (parts == 0)
        return true;
    if (r->n > 0)
        printf("a batch in %d parts, on %d rank%s\n", (int)parts, r->n, r->n == 1 ? "" : "s");
    else
        printf("a batch in %d parts\n", (int)parts);
    return (r->loss = allocate(parts, sizeof *r->loss)) &&
           (r->n > 0 ? ranks_join(r) : (r->total = tl_graph_new()) != NULL);
}

void ranks_free(ranks *r)
{
    tl_graph_free(r->total);
    free(r->loss);
    if (r->n > 0)
        ranks_leave(r);
}

samples ranks_part(const ranks *r, int64_t part, int64_t n)
{
    const int64_t parts = r->parts > 0 ? r->parts : 1, first = n * part / parts;
    return (samples){ first, n * (part + 1) / parts - first };
}

/* Adds the gradient of a part, and sets *loss to its loss times its share of the batch. */
static bool add_part(ranks *r, tl_graph *g, int64_t part, int64_t n, loss_function *loss_of, void *context,
                     double *loss)
{
    const samples s = ranks_part(r, part, n);
    const double weight = (double)s.n / (double)n;
    tl_gradients own, *gradients = NULL;
    bool ok = true;
    *loss = 0;
    if (s.n > 0) {
        tl_node *y = loss_of(context, s);
        gradients = &own;
        ok = tl_backward(y, gradients) == TL_OK || graph_failed(g);
        *loss = ok ? weight * (double)tl_value(y)[0] : 0;
    }
    if (r->n > 0)
        ranks_add(r, part, gradients, weight);
    else
        ok = ok && tl_gradients_add(r->total, gradients, weight) == TL_OK;
    tl_graph_reset(g);
    return ok;
}

/* Sums numbers along the tree of tl_gradients_add: the left half is the largest power of two below n. */
static double tree_sum(const double *value, int64_t n)
{
    int64_t half = 1;
    if (n == 1)
        return value[0];
    while (2 * half < n)
        half *= 2;
    return tree_sum(value, half) + tree_sum(value + half, n - half);
}

bool ranks_gradients(ranks *r, tl_graph *g, int64_t n, loss_function *loss_of, void *context,
                     tl_gradients *sum, double *loss)
{
    if (r->parts == 0) {
        tl_node *y = loss_of(context, (samples){ 0, n });
        if (tl_backward(y, sum) != TL_OK)
            return graph_failed(g);
        *loss = (double)tl_value(y)[0];
        return true;
    }
    const samples own = r->n > 0 ? ranks_own(r) : (samples){ 0, r->parts };
    bool ok = true;
    if (r->total)
        tl_graph_reset(r->total);
    for (int64_t k = 0; k < own.n; k++)
        ok = add_part(r, g, own.first + k, n, loss_of, context, &r->loss[k]) && ok;
    if (r->n > 0)
        return ranks_total(r, sum, loss);
    *loss = tree_sum(r->loss, r->parts);
    return ok && tl_gradients_total(r->total, sum) == TL_OK;
}

bool ranks_minimize(ranks *r, tl_optimizer *o, tl_graph *g, int64_t n, loss_function *loss_of, void *context,
                    double *loss)
{
    bool ok;
    if (r->parts > 0) {
        tl_gradients sum;
        ok = ranks_gradients(r, g, n, loss_of, context, &sum, loss) && tl_apply_gradients(o, &sum) == TL_OK;
    } else {
        tl_node *y = loss_of(context, (samples){ 0, n });
        ok = tl_minimize(o, y) == TL_OK || graph_failed(g);
        *loss = ok ? (double)tl_value(y)[0] : 0;
    }
    tl_graph_reset(g);
    return ok;
}
