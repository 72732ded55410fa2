/* Examples of docs/ops/sparse.md. */
#include <math.h>
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    static const tl_real numbers[12] = { 1, -2, 3, -4, 5, -6 };
    tl_pattern *p = tl_pattern_random(3, 4, 0.5, 1), *edges = tl_pattern_random(3, 3, 0.5, 2),
               *few = tl_pattern_random(3, 4, 0.2, 3);
    tl_variable *w1 = tl_variable_sparse("w1", p), *more = tl_variable_sparse("more", few),
                *adjacency = tl_variable_sparse("a", edges);
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), numbers), *nodes = tl_input(g, TL_SHAPE(3, 4), numbers);
    tl_node *a = tl_use(g, adjacency);

    /* sparse_dense_matmul */
    tl_node *messages = tl_sparse_dense_matmul(a, nodes, TL_NO_TRANSPOSE);  /* 3x3 times 3x4 */
    tl_node *replies = tl_sparse_dense_matmul(a, messages, TL_TRANSPOSE_A); /* against the edges */
    tl_node *next = tl_relu(tl_add(nodes, replies));

    /* dense_sparse_matmul */
    tl_node *w = tl_use(g, w1);
    tl_node *hidden = tl_dense_sparse_matmul(x, w, TL_NO_TRANSPOSE); /* X W: 2x3 times 3x4 */
    tl_node *decoded = tl_dense_sparse_matmul(tl_relu(hidden), w, TL_TRANSPOSE_B);

    /* sparse_add */
    tl_node *both = tl_sparse_add(w, tl_use(g, more)); /* sparse, on the union */
    tl_node *shifted = tl_sparse_add(both, nodes);     /* dense */
    tl_node *sum = tl_reduce_sum(shifted, TL_ALL_AXES);

    /* sparse_to_dense */
    tl_node *none = tl_constant(g, TL_SHAPE(), &(tl_real){ -INFINITY });
    tl_node *scores = tl_sparse_to_dense(a, none);
    tl_node *choice = tl_softmax(scores); /* over the entries of a row */

    /* dense_to_sparse */
    tl_node *here = tl_dense_to_sparse(next, p); /* sparse: the cells of p only */
    tl_node *there = tl_dense_to_sparse(choice, edges);
    tl_node *penalty = tl_add(tl_reduce_sum(tl_abs(here), TL_ALL_AXES), tl_reduce_sum(there, TL_ALL_AXES));

    tl_node *total = tl_add(tl_add(penalty, sum), tl_reduce_sum(decoded, TL_ALL_AXES));
    tl_gradients pairs;
    const bool good = tl_backward(total, &pairs) == TL_OK;

    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w1);
    tl_variable_free(adjacency);
    tl_variable_free(more);
    tl_pattern_release(p);
    tl_pattern_release(edges);
    tl_pattern_release(few);
    return !good;
}
