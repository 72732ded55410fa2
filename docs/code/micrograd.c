/* The five lines that everybody knows from micrograd: an expression, its backward pass, its gradients. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    tl_variable *va = tl_variable_dense("a", TL_SHAPE()), *vb = tl_variable_dense("b", TL_SHAPE());
    tl_init_constant(va, 2);
    tl_init_constant(vb, -3);
    tl_graph *g = tl_graph_new();

    tl_node *a = tl_use(g, va);
    tl_node *b = tl_use(g, vb);
    tl_node *c = tl_add(tl_mul(a, b), a);
    tl_gradients pairs;
    tl_status status = tl_backward(c, &pairs);

    if (status != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    printf("c = %g\n", (double)tl_value(c)[0]);
    for (int32_t i = 0; i < pairs.n; i++)
        printf("dc/d%s = %g\n", tl_variable_name(pairs.pair[i].variable), (double)pairs.pair[i].values[0]);

    tl_graph_free(g);
    tl_variable_free(va);
    tl_variable_free(vb);
    return 0;
}
