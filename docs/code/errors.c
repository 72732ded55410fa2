/* A model with a mistake in it: no call is checked but the last, which says what was wrong, and where. */
#include <stdio.h>
#include <tulle/tulle.h>

static tl_real x[32 * 784];

int main(void)
{
    tl_variable *w = tl_variable_dense("w1", TL_SHAPE(768, 300));
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    tl_graph *g = tl_graph_new();

    tl_node *h = tl_matmul(tl_input(g, TL_SHAPE(32, 784), x), tl_use(g, w)); /* fails: NULL */
    tl_node *loss = tl_reduce_mean(tl_relu(h), TL_ALL_AXES);                 /* NULL, too */
    tl_status status = tl_minimize(sgd, loss);
    printf("%s: %s\n", tl_status_name(status), tl_graph_error(g));
    tl_graph_reset(g); /* clears the error */

    const bool good = status == TL_ERR_SHAPE && tl_graph_status(g) == TL_OK;
    tl_graph_free(g);
    tl_optimizer_free(sgd);
    tl_variable_free(w);
    return !good;
}
