/* Examples of docs/ops/reductions.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    tl_pattern *p = tl_pattern_random(3, 4, 0.5, 1);
    tl_variable *dense = tl_variable_dense("dense", TL_SHAPE(3, 4)),
                *sparse = tl_variable_sparse("sparse", p);
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_use(g, dense), *s = tl_use(g, sparse);

    /* reduce_sum */
    tl_node *columns = tl_reduce_sum(a, 0);               /* 3x4 to [4] */
    tl_node *fan_out = tl_reduce_sum(s, 1);               /* sparse: of the entries of each row, [3] */
    tl_node *total = tl_reduce_sum(fan_out, TL_ALL_AXES); /* a scalar */

    /* reduce_mean */
    tl_node *mean = tl_reduce_mean(a, 1);
    tl_node *centred = tl_sub(a, tl_reshape(mean, TL_SHAPE(3, 1)));
    tl_node *variance = tl_reduce_mean(tl_mul(centred, centred), 1);

    /* reduce_max */
    tl_node *best = tl_reduce_max(a, 1);   /* of each row */
    tl_node *pooled = tl_reduce_max(a, 0); /* of each column: "max over time" */
    tl_node *margin = tl_sub(tl_reduce_max(pooled, TL_ALL_AXES), tl_reduce_mean(best, 0));

    /* reduce_logsumexp */
    tl_node *soft = tl_reduce_logsumexp(tl_scale(a, 10), 1); /* a smooth maximum, */
    tl_node *close = tl_scale(soft, (tl_real)0.1);           /* at most log(4) / 10 above it */
    tl_node *gap = tl_sub(close, best);

    const bool good = columns && total && variance && margin && gap;
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(dense);
    tl_variable_free(sparse);
    tl_pattern_release(p);
    return !good;
}
