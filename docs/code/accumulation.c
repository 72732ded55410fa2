/* A step from several micro-batches of different sizes, whose gradients are means. */
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

int main(void)
{
    const tl_real x[2][3] = { { 1 }, { 2, 3, 4 } };
    const int size[] = { 1, 3 };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE());
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph *g = tl_graph_new(), *total = tl_graph_new();
    check(w && sgd && g && total);

    tl_gradients pairs;
    for (int k = 0; k < 2; k++) {
        tl_node *in = tl_input(g, TL_SHAPE(size[k]), x[k]);
        /* A loss whose gradient is the mean of x[k]. */
        tl_node *loss = tl_reduce_mean(tl_mul(in, tl_use(g, w)), TL_ALL_AXES);
        check(tl_backward(loss, &pairs) == TL_OK);
        check(tl_gradients_add(total, &pairs, (double)size[k] / 4) == TL_OK);
        tl_graph_reset(g);
    }
    check(tl_gradients_total(total, &pairs) == TL_OK);
    check(tl_apply_gradients(sgd, &pairs) == TL_OK);
    tl_graph_reset(total);

    const tl_real value = tl_variable_values(w)[0];
    printf("w = %g\n", (double)value);
    tl_graph_free(g);
    tl_graph_free(total);
    tl_optimizer_free(sgd);
    tl_variable_free(w);
    return value != (tl_real)-2.5;
}
