/* Fine-tuning: the gradients of some variables only, which are all that is computed. */
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
    const tl_real x[] = { 1, 2 }, target[] = { 1 };
    tl_variable *body = tl_variable_dense("body", TL_SHAPE(2, 1));
    tl_variable *head = tl_variable_dense("head", TL_SHAPE(1, 1));
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    tl_graph *g = tl_graph_new();
    check(sgd && g && tl_init_constant(body, 1) == TL_OK && tl_init_constant(head, 1) == TL_OK);

    for (int step = 0; step < 20; step++) {
        tl_node *y = tl_matmul(tl_matmul(tl_input(g, TL_SHAPE(1, 2), x), tl_use(g, body)), tl_use(g, head));
        tl_node *loss = tl_mse(y, tl_input(g, TL_SHAPE(1, 1), target));
        tl_variable *trained[] = { head };
        tl_gradients pairs;
        check(tl_backward_for(loss, trained, 1, &pairs) == TL_OK);
        check(tl_apply_gradients(sgd, &pairs) == TL_OK);
        tl_graph_reset(g);
    }
    printf("body %.3f, head %.3f\n", (double)tl_variable_values(body)[0],
           (double)tl_variable_values(head)[0]);
    tl_graph_free(g);
    tl_optimizer_free(sgd);
    tl_variable_free(body);
    tl_variable_free(head);
    return 0;
}
