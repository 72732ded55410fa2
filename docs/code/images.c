/* Examples of docs/ops/images.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_real pixels[2 * 8 * 8];
    for (int k = 0; k < 2 * 8 * 8; k++)
        pixels[k] = (tl_real)tl_random_uniform(&rng);
    tl_pattern *p = tl_pattern_random(6, 36, 0.2, 1);
    tl_variable *filters = tl_variable_dense("filters", TL_SHAPE(4, 1, 3, 3)),
                *bias = tl_variable_dense("bias", TL_SHAPE(4, 1, 1)),
                *sparse_filters = tl_variable_sparse("sparse_filters", p);
    bool good = tl_init_normal(filters, 0, 1, &rng) == TL_OK &&
                tl_init_normal(sparse_filters, 0, 1, &rng) == TL_OK;
    tl_graph *g = tl_graph_new();

    /* conv2d */
    tl_node *x = tl_input(g, TL_SHAPE(2, 1, 8, 8), pixels);
    tl_node *h = tl_conv2d(x, tl_use(g, filters), &(tl_conv_options){ .padding = { 1, 1 } });
    tl_node *active = tl_relu(tl_add(h, tl_use(g, bias))); /* 4x1x1 */

    /* sparse_conv2d */
    tl_sparse_conv_options window = { .kernel = { 3, 3 }, .stride = { 2, 2 }, .padding = { 1, 1 } };
    tl_node *thin = tl_sparse_conv2d(active, tl_use(g, sparse_filters), &window); /* 6 x 36: 2x6x4x4 */
    tl_node *next = tl_relu(thin);

    /* max_pool2d */
    const tl_pool_options halve = { .window = { 2, 2 } };
    tl_node *largest = tl_max_pool2d(next, &halve); /* 2x6x2x2 */
    tl_node *flat = tl_reshape(largest, TL_SHAPE(2, 6 * 2 * 2));

    /* avg_pool2d */
    const tl_pool_options all = { .window = { 4, 4 } };
    tl_node *mean = tl_avg_pool2d(next, &all); /* of whole images: 2x6x1x1 */
    tl_node *both = tl_concat((tl_node *[]){ flat, tl_reshape(mean, TL_SHAPE(2, 6)) }, 2, 1);

    tl_gradients pairs;
    good = good && both && tl_backward(tl_reduce_sum(both, TL_ALL_AXES), &pairs) == TL_OK && pairs.n == 3;
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(filters);
    tl_variable_free(bias);
    tl_variable_free(sparse_filters);
    tl_pattern_release(p);
    return !good;
}
