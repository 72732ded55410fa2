/* Adagrad: s += g^2, w -= lr g / (sqrt(s) + epsilon). */
#include "lib/check.h"
#include "lib/kernels/kernels.h"
#include "lib/status_private.h"
#include "optimizer.h"

#include <math.h>

static void prepare(const void *options, double learning_rate, int64_t t, tl_real *constant)
{
    const tl_adagrad_options *o = options;
    (void)t;
    constant[0] = (tl_real)learning_rate;
    constant[1] = (tl_real)o->epsilon;
}

static double largest_term(const void *options, double learning_rate, double g, double w)
{
    const double quotient = g / ((const tl_adagrad_options *)options)->epsilon;
    (void)w;
    return fmax(g * g, learning_rate * fmax(g, quotient));
}

static tl_update_kernel *kernel(const void *options)
{
    (void)options;
    return tl_kernel_table()->updates->adagrad;
}

static void start(const void *options, tl_real *start)
{
    start[0] = (tl_real)((const tl_adagrad_options *)options)->initial_accumulator;
}

static const tl_option fields[] = {
    { "initial_accumulator", offsetof(tl_adagrad_options, initial_accumulator), TL_OPTION_DOUBLE },
    { "epsilon", offsetof(tl_adagrad_options, epsilon), TL_OPTION_DOUBLE },
    { NULL, 0, TL_OPTION_DOUBLE },
};

static const tl_optimizer_class adagrad = {
    .name = "adagrad",
    .n_slots = 1,
    .kernel = kernel,
    .zero_grad = TL_ZERO_GRAD_NOOP,
    .prepare = prepare,
    .start = start,
    .largest_term = largest_term,
    .fields = fields,
};

tl_optimizer *tl_adagrad(tl_adagrad_options o)
{
    if (tl_check_reserved("adagrad", &o, offsetof(tl_adagrad_options, reserved1), sizeof o) != TL_OK)
        return NULL;
    o.learning_rate = o.learning_rate != 0 ? o.learning_rate : 0.01;
    o.epsilon = o.epsilon != 0 ? o.epsilon : 1e-10;
    if (tl_check_positive("adagrad", "epsilon", o.epsilon) != TL_OK ||
        tl_check_at_least_zero("adagrad", "initial_accumulator", o.initial_accumulator) != TL_OK)
        return NULL;
    return tl_optimizer_new(&adagrad, TL_COMMON_OPTIONS(o), &o, sizeof o);
}
