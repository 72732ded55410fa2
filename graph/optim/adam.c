/* Adam: m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, w -= lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon).
 * AMSGrad: the running maximum of v in v's place. AdamW: weight decay, decoupled. */
#include "lib/check.h"
#include "lib/kernels/kernels.h"
#include "lib/status_private.h"
#include "optimizer.h"

#include <math.h>

static void prepare(const void *options, double learning_rate, int64_t t, tl_real *constant)
{
    const tl_adam_options *o = options;
    const double root = sqrt(1 - pow(o->beta2, (double)t));
    constant[0] = (tl_real)(learning_rate / (1 - pow(o->beta1, (double)t)));
    constant[1] = (tl_real)(1 / root);
    constant[2] = (tl_real)(o->epsilon_hat ? o->epsilon / root : o->epsilon);
    constant[3] = (tl_real)o->beta1;
    constant[4] = (tl_real)(1 - o->beta1);
    constant[5] = (tl_real)o->beta2;
    constant[6] = (tl_real)(1 - o->beta2);
}

static double largest_term(const void *options, double learning_rate, double g, double w)
{
    const tl_adam_options *o = options;
    const double scaled = learning_rate * g / (1 - o->beta1);
    (void)w;
    return fmax(fmax(g, g * g), fmax(scaled, scaled / o->epsilon));
}

static tl_update_kernel *kernel(const void *options)
{
    const tl_updates *k = tl_kernel_table()->updates;
    return ((const tl_adam_options *)options)->amsgrad ? k->amsgrad : k->adam;
}

static const tl_option fields[] = {
    { "beta1", offsetof(tl_adam_options, beta1), TL_OPTION_DOUBLE },
    { "beta2", offsetof(tl_adam_options, beta2), TL_OPTION_DOUBLE },
    { "epsilon", offsetof(tl_adam_options, epsilon), TL_OPTION_DOUBLE },
    { "amsgrad", offsetof(tl_adam_options, amsgrad), TL_OPTION_BOOL },
    { "epsilon_hat", offsetof(tl_adam_options, epsilon_hat), TL_OPTION_BOOL },
    { NULL, 0, TL_OPTION_DOUBLE },
};

static const tl_optimizer_class adam = {
    .name = "adam",
    .n_slots = 2,
    .kernel = kernel,
    .zero_grad = TL_ZERO_GRAD_NOOP_AT_START,
    .prepare = prepare,
    .largest_term = largest_term,
    .fields = fields,
};
static const tl_optimizer_class amsgrad = {
    .name = "adam",
    .n_slots = 3,
    .kernel = kernel,
    .zero_grad = TL_ZERO_GRAD_NOOP_AT_START,
    .prepare = prepare,
    .largest_term = largest_term,
    .fields = fields,
};

tl_optimizer *tl_adam(tl_adam_options o)
{
    if (tl_check_reserved("adam", &o, offsetof(tl_adam_options, reserved1), sizeof o) != TL_OK)
        return NULL;
    o.learning_rate = o.learning_rate != 0 ? o.learning_rate : 0.001;
    o.beta1 = o.beta1 != 0 ? o.beta1 : 0.9;
    o.beta2 = o.beta2 != 0 ? o.beta2 : 0.999;
    o.epsilon = o.epsilon != 0 ? o.epsilon : 1e-8;
    if (tl_check_range("adam", "beta1", o.beta1, '(', 0, 1, ')') != TL_OK ||
        tl_check_range("adam", "beta2", o.beta2, '(', 0, 1, ')') != TL_OK ||
        tl_check_positive("adam", "epsilon", o.epsilon) != TL_OK)
        return NULL;
    return tl_optimizer_new(o.amsgrad ? &amsgrad : &adam, TL_COMMON_OPTIONS(o), &o, sizeof o);
}
