/* A plug-in that takes a training step: compiled for each number type, and linked with that library. */
#include <tulle/tulle.h>

/* Returns 1 if every value is, to the bit, what the plug-in's number type gives; 0 otherwise. */
int PLUGIN(void);

int PLUGIN(void)
{
    const tl_real x[] = { 1, 2, 3, 4 }, third = (tl_real)1 / 3;
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(4));
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph *g = tl_graph_new();
    int right = w && sgd && g && tl_init_constant(w, third) == TL_OK;
    tl_node *loss = tl_reduce_sum(tl_mul(tl_use(g, w), tl_input(g, TL_SHAPE(4), x)), TL_ALL_AXES);
    right = right && tl_minimize(sgd, loss) == TL_OK && tl_graph_bytes(g) > 0;
    for (int k = 0; right && k < 4; k++)
        right = tl_variable_data(w)[k] == third - x[k];
    right = right && tl_variable_bytes(w) == 4 * (int64_t)sizeof(tl_real);
    tl_graph_free(g);
    tl_optimizer_free(sgd);
    tl_variable_free(w);
    return right;
}
