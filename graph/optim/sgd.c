/* SGD: w -= lr g.  Momentum: a = mu a + g, w -= lr a.  Nesterov: w -= lr (g + mu a), with the new a. */
#include "lib/check.h"
#include "lib/kernels/kernels.h"
#include "lib/status_private.h"
#include "optimizer.h"

static void prepare(const void *options, double learning_rate, int64_t t, tl_real *constant)
{
    const tl_sgd_options *o = options;
    (void)t;
    constant[0] = (tl_real)learning_rate;
    constant[1] = (tl_real)o->momentum;
}

static double largest_term(const void *options, double learning_rate, double g, double w)
{
    const double momentum = ((const tl_sgd_options *)options)->momentum,
                 average = momentum > 0 ? g / (1 - momentum) : g;
    (void)w;
    return learning_rate > 1 ? learning_rate * average : average;
}

static tl_update_kernel *kernel(const void *options)
{
    const tl_sgd_options *o = options;
    const tl_updates *k = tl_kernel_table()->updates;
    return o->nesterov ? k->nesterov : o->momentum > 0 ? k->momentum : k->sgd;
}

static const tl_option fields[] = {
    { "momentum", offsetof(tl_sgd_options, momentum), TL_OPTION_DOUBLE },
    { "nesterov", offsetof(tl_sgd_options, nesterov), TL_OPTION_BOOL },
    { NULL, 0, TL_OPTION_DOUBLE },
};

static const tl_optimizer_class plain = {
    .name = "sgd",
    .kernel = kernel,
    .zero_grad = TL_ZERO_GRAD_NOOP,
    .prepare = prepare,
    .largest_term = largest_term,
    .fields = fields,
};
static const tl_optimizer_class with_momentum = {
    .name = "sgd",
    .n_slots = 1,
    .kernel = kernel,
    .zero_grad = TL_ZERO_GRAD_NOOP_AT_START,
    .prepare = prepare,
    .largest_term = largest_term,
    .fields = fields,
};

tl_optimizer *tl_sgd(tl_sgd_options o)
{
    if (tl_check_reserved("sgd", &o, offsetof(tl_sgd_options, reserved1), sizeof o) != TL_OK)
        return NULL;
    o.learning_rate = o.learning_rate != 0 ? o.learning_rate : 0.01;
    if (tl_check_range("sgd", o.nesterov ? "Nesterov momentum" : "momentum", o.momentum,
                       o.nesterov ? '(' : '[', 0, 1, ')') != TL_OK)
        return NULL;
    return tl_optimizer_new(o.momentum > 0 ? &with_momentum : &plain, TL_COMMON_OPTIONS(o), &o, sizeof o);
}
