/* FTRL-proximal: s' = s + g^2, l += g - w (s'^-p - s^-p) / lr;
 * w = (sign(l) l1 - l) / (s'^-p / lr + 2 l2) where |l| > l1, otherwise 0. */
#include "graph/optim/finite.h"
#include "lib/check.h"
#include "lib/kernels/kernels.h"
#include "lib/status_private.h"
#include "optimizer.h"

#include <tgmath.h>

/* For powers other than -0.5, which has a kernel. */
static void update(const tl_update *u)
{
    const tl_ftrl_options *o = u->options;
    const tl_real lr = u->constant[0], l1 = u->constant[1], twice_l2 = u->constant[2];
    const tl_real power = (tl_real)-o->power;
    tl_real *w = u->w, *s = u->slot[0], *l = u->slot[1];
    if (lr == 0) /* it is divided by below */
        return;
    for (int64_t k = 0; k < u->n; k++) {
        const tl_real g = u->g[k], sum = s[k] + g * g;
        const tl_real before = pow(s[k], power), after = pow(sum, power);
        l[k] += g - (after - before) / lr * w[k];
        s[k] = sum;
        const tl_real pull = l[k] > 0 ? l1 - l[k] : -l1 - l[k];
        w[k] = fabs(l[k]) <= l1 ? 0 : pull / (after / lr + twice_l2); /* a NaN stays */
    }
}

static tl_update_kernel *kernel(const void *options)
{
    return ((const tl_ftrl_options *)options)->power == -0.5 ? tl_kernel_table()->updates->ftrl : NULL;
}

static void prepare(const void *options, double learning_rate, int64_t t, tl_real *constant)
{
    const tl_ftrl_options *o = options;
    (void)t;
    constant[0] = (tl_real)learning_rate;
    constant[1] = (tl_real)o->l1;
    constant[2] = (tl_real)(2 * o->l2);
}

/* For slots up to TL_SLOT_LIMIT. s1 does not decay: the bound is of 2^20 of its terms. w is at most (s1 + l1)
 * lr / s0^-p. */
static double largest_term(const void *options, double learning_rate, double g, double w)
{
    const tl_ftrl_options *o = options;
    const double power = -o->power, s = TL_SLOT_LIMIT + g * g;
    const double quotient = pow(s, power) / learning_rate, term = g + quotient * w,
                 slope = fmax(1, learning_rate / pow(o->initial_accumulator, power));
    return learning_rate > 0 ? fmax(fmax(s, quotient), fmax(term * 0x1p20, o->l1) * slope) : 0;
}

static void start(const void *options, tl_real *start)
{
    start[0] = (tl_real)((const tl_ftrl_options *)options)->initial_accumulator;
}

static const tl_option fields[] = {
    { "l1", offsetof(tl_ftrl_options, l1), TL_OPTION_DOUBLE },
    { "l2", offsetof(tl_ftrl_options, l2), TL_OPTION_DOUBLE },
    { "initial_accumulator", offsetof(tl_ftrl_options, initial_accumulator), TL_OPTION_DOUBLE },
    { "power", offsetof(tl_ftrl_options, power), TL_OPTION_DOUBLE },
    { NULL, 0, TL_OPTION_DOUBLE },
};

static const tl_optimizer_class ftrl = {
    .name = "ftrl",
    .n_slots = 2,
    .update = update,
    .kernel = kernel,
    .prepare = prepare,
    .start = start,
    .largest_term = largest_term,
    .fields = fields,
    .bound_needs_weights = true,
};

tl_optimizer *tl_ftrl(tl_ftrl_options o)
{
    if (tl_check_reserved("ftrl", &o, offsetof(tl_ftrl_options, reserved1), sizeof o) != TL_OK)
        return NULL;
    o.learning_rate = o.learning_rate != 0 ? o.learning_rate : 0.01;
    o.initial_accumulator = o.initial_accumulator != 0 ? o.initial_accumulator : 0.1;
    o.power = o.power != 0 ? o.power : -0.5;
    if (tl_check_at_least_zero("ftrl", "l1", o.l1) != TL_OK ||
        tl_check_at_least_zero("ftrl", "l2", o.l2) != TL_OK ||
        tl_check_at_least_zero("ftrl", "2 * l2", 2 * o.l2) != TL_OK ||
        tl_check_positive("ftrl", "initial_accumulator", o.initial_accumulator) != TL_OK ||
        tl_check_range("ftrl", "power", o.power, '(', -INFINITY, 0, ')') != TL_OK)
        return NULL;
    return tl_optimizer_new(&ftrl, TL_COMMON_OPTIONS(o), &o, sizeof o);
}
