/* RMSprop: s = rho s + (1-rho) g^2, a = mu a + g / (sqrt(s) + epsilon), w -= lr a; without momentum a is
 * the quotient alone. Centered: s is the variance of g, without the square of its running mean m:
 * s = rho (s + (1-rho) (g - m)^2), which cannot cancel; then m = rho m + (1-rho) g. */
#include "lib/check.h"
#include "lib/kernels/kernels.h"
#include "lib/status_private.h"
#include "optimizer.h"

#include <math.h>

static void prepare(const void *options, double learning_rate, int64_t t, tl_real *constant)
{
    const tl_rmsprop_options *o = options;
    (void)t;
    constant[0] = (tl_real)learning_rate;
    constant[1] = (tl_real)o->epsilon;
    constant[2] = (tl_real)o->rho;
    constant[3] = (tl_real)(1 - o->rho);
    constant[4] = (tl_real)o->momentum;
}

static double largest_term(const void *options, double learning_rate, double g, double w)
{
    const tl_rmsprop_options *o = options;
    const double average = g / o->epsilon / (1 - o->momentum);
    (void)w;
    return fmax(4 * g * g, fmax(1, learning_rate) * average);
}

static tl_update_kernel *kernel(const void *options)
{
    const tl_rmsprop_options *o = options;
    return tl_kernel_table()->updates->rmsprop[o->centered][o->momentum > 0];
}

static const tl_option fields[] = {
    { "rho", offsetof(tl_rmsprop_options, rho), TL_OPTION_DOUBLE },
    { "momentum", offsetof(tl_rmsprop_options, momentum), TL_OPTION_DOUBLE },
    { "epsilon", offsetof(tl_rmsprop_options, epsilon), TL_OPTION_DOUBLE },
    { "centered", offsetof(tl_rmsprop_options, centered), TL_OPTION_BOOL },
    { NULL, 0, TL_OPTION_DOUBLE },
};

#define CLASS(slots)                                                                                         \
    {                                                                                                        \
        .name = "rmsprop", .n_slots = (slots), .kernel = kernel, .zero_grad = TL_ZERO_GRAD_NOOP_AT_START,    \
        .prepare = prepare, .largest_term = largest_term, .fields = fields,                                  \
    }

/* [centered][with momentum]: each adds a slot. */
static const tl_optimizer_class class_of[2][2] = { { CLASS(1), CLASS(2) }, { CLASS(2), CLASS(3) } };

tl_optimizer *tl_rmsprop(tl_rmsprop_options o)
{
    if (tl_check_reserved("rmsprop", &o, offsetof(tl_rmsprop_options, reserved1), sizeof o) != TL_OK)
        return NULL;
    o.learning_rate = o.learning_rate != 0 ? o.learning_rate : 0.01;
    o.rho = o.rho != 0 ? o.rho : 0.99;
    o.epsilon = o.epsilon != 0 ? o.epsilon : 1e-8;
    if (tl_check_range("rmsprop", "rho", o.rho, '(', 0, 1, ')') != TL_OK ||
        tl_check_range("rmsprop", "momentum", o.momentum, '[', 0, 1, ')') != TL_OK ||
        tl_check_positive("rmsprop", "epsilon", o.epsilon) != TL_OK)
        return NULL;
    return tl_optimizer_new(&class_of[o.centered][o.momentum > 0], TL_COMMON_OPTIONS(o), &o, sizeof o);
}
