/* elementwise: Y = f(X) and dX, for functions of one million elements or of 4096 rows of 256. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { ELEMENTS = 1000000, ROWS = 4096, COLS = 256 };

typedef struct function {
    tl_graph *g;
    tl_variable *x;
    tl_real *dy;
    tl_node *(*f)(tl_node *x); /* NULL: a layer norm, whose gain and bias have gradients as well */
    tl_variable *gain, *bias;
} function;

static void pass_through(void *context)
{
    const function *f = context;
    tl_gradients out;
    tl_node *x = tl_use(f->g, f->x);
    tl_node *y = f->f ? f->f(x) : tl_layer_norm(x, tl_use(f->g, f->gain), tl_use(f->g, f->bias), 1e-5);
    check(tl_backward(with_upstream(y, f->dy), &out));
    tl_graph_reset(f->g);
}

/* Those of the elements are 0.5 to 1.5, those of the rows standard normal. */
static void measure_function(const char *name, tl_node *(*f)(tl_node *x), bool of_rows)
{
    char text[64];
    tl_random rng = { .seed = 1 };
    const tl_shape shape = of_rows ? TL_SHAPE(ROWS, COLS) : TL_SHAPE(ELEMENTS);
    function context = { .g = must(tl_graph_new()),
                         .x = must(tl_variable_dense("x", shape)),
                         .dy = random_reals(tl_shape_size(shape), 2),
                         .f = f,
                         .gain = must(tl_variable_dense("gain", TL_SHAPE(COLS))),
                         .bias = must(tl_variable_dense("bias", TL_SHAPE(COLS))) };
    check(tl_init_constant(context.gain, 1));
    check(of_rows ? tl_init_normal(context.x, 0, 1, &rng)
                  : tl_init_uniform(context.x, (tl_real)0.5, (tl_real)1.5, &rng));
    if (of_rows)
        snprintf(text, sizeof text, "%s %dx%d", name, ROWS, COLS);
    else
        snprintf(text, sizeof text, "%s %d", name, ELEMENTS);
    measure(text, (work){ 0 }, pass_through, &context);
    tl_graph_free(context.g);
    tl_variable_free(context.x);
    tl_variable_free(context.gain);
    tl_variable_free(context.bias);
    free(context.dy);
}

void bench_elementwise(void)
{
    measure_function("exp", tl_exp, false);
    measure_function("gelu", tl_gelu, false);
    measure_function("softplus", tl_softplus, false);
    measure_function("sqrt", tl_sqrt, false);
    measure_function("log", tl_log, false);
    measure_function("silu", tl_silu, false);
    measure_function("softmax", tl_softmax, true);
    measure_function("layer_norm", NULL, true);
}
