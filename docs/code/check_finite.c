/* A value that is missing among the samples, found by the checking mode. */
#include <math.h>
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    const tl_real x[] = { 1, 2, 3, 4, 5, NAN, 7, 8 }, target[] = { 3, 7, 11, 15 };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(2, 1));
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.01 });
    tl_graph *g = tl_graph_new();
    tl_status status = TL_OK;

    for (int mode = 0; mode < 2; mode++) {
        tl_graph_check_finite(g, mode == 1);
        tl_node *y = tl_matmul(tl_input(g, TL_SHAPE(4, 2), x), tl_use(g, w));
        status = tl_minimize(sgd, tl_mse(tl_tanh(y), tl_input(g, TL_SHAPE(4, 1), target)));
        printf("%s\n", tl_graph_error(g));
        tl_graph_reset(g);
    }

    tl_graph_free(g);
    tl_optimizer_free(sgd);
    tl_variable_free(w);
    return status != TL_ERR_NUMERIC;
}
