/* A node that passes no gradient on: an input that has the values of another node. */
#include <stdio.h>
#include <tulle/tulle.h>

static tl_node *detach(tl_graph *g, const tl_node *a)
{
    return tl_input(g, tl_shape_of(a), tl_value(a));
}

/* Prints d(loss)/dw. */
static bool print_gradient(const char *name, tl_node *loss)
{
    tl_gradients pairs;
    if (tl_backward(loss, &pairs) != TL_OK)
        return false;
    printf("%s: %g\n", name, (double)pairs.pair[0].values[0]);
    return true;
}

int main(void)
{
    tl_variable *w = tl_variable_dense("w", TL_SHAPE());
    tl_graph *g = tl_graph_new();
    bool good = tl_init_constant(w, 3) == TL_OK;
    tl_node *a = tl_use(g, w), *twice = tl_scale(a, 2);
    good = good && print_gradient("2 w times w", tl_mul(twice, a));
    good = good && print_gradient("2 w, detached, times w", tl_mul(detach(g, twice), a));
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w);
    return !good;
}
