/* RMSprop: s = rho s + (1-rho) g^2, a = mu a + g / (sqrt(s) + epsilon), w -= lr a; without momentum a is
 * the quotient alone. Centered: s less the square of the running mean of g. */
#include "moment.h"
#include "optimizer.h"

#include <tgmath.h>

/* Slots: s; then the mean, if centered; then a, with momentum. */
static void update(const tl_update *u)
{
    const tl_rmsprop_options *o = u->options;
    const tl_real lr = (tl_real)u->learning_rate, mu = (tl_real)o->momentum, epsilon = (tl_real)o->epsilon;
    const tl_real rho = (tl_real)o->rho, rest = (tl_real)(1 - o->rho);
    tl_real *s = u->slot[0], *mean = o->centered ? u->slot[1] : NULL;
    tl_real *a = o->momentum > 0 ? u->slot[o->centered ? 2 : 1] : NULL;
    for (int64_t k = 0; k < u->n; k++) {
        const tl_real g = u->g[k];
        s[k] = tl_without_dust(rho * s[k] + rest * g * g);
        tl_real square = s[k];
        if (mean) {
            mean[k] = tl_without_dust(rho * mean[k] + rest * g);
            square -= mean[k] * mean[k];
            square = square < 0 ? 0 : square; /* by rounding; a NaN stays */
        }
        tl_real step = g / (sqrt(square) + epsilon);
        if (a)
            step = a[k] = tl_without_dust(mu * a[k] + step);
        u->w[k] -= lr * step;
    }
}

/* One class for each set of slots. */
static const tl_optimizer_class class_of[2][2] = {
    { { .name = "rmsprop", .n_slots = 1, .slot_name = { "square" }, .update = update, .idle = TL_IDLE_FRESH },
      { .name = "rmsprop",
        .n_slots = 2,
        .slot_name = { "square", "momentum" },
        .update = update,
        .idle = TL_IDLE_FRESH } },
    { { .name = "rmsprop",
        .n_slots = 2,
        .slot_name = { "square", "mean" },
        .update = update,
        .idle = TL_IDLE_FRESH },
      { .name = "rmsprop",
        .n_slots = 3,
        .slot_name = { "square", "mean", "momentum" },
        .update = update,
        .idle = TL_IDLE_FRESH } },
};

tl_optimizer *tl_rmsprop(tl_rmsprop_options o)
{
    o.learning_rate = o.learning_rate != 0 ? o.learning_rate : 0.01;
    o.rho = o.rho != 0 ? o.rho : 0.99;
    o.epsilon = o.epsilon != 0 ? o.epsilon : 1e-8;
    if (!(o.rho > 0 && o.rho < 1) || !(o.momentum >= 0 && o.momentum < 1)) {
        tl_fail(TL_ERR_ARGUMENT, "rmsprop: rho %g is not between 0 and 1, or momentum %g not within 0 to 1",
                o.rho, o.momentum);
        return NULL;
    }
    if (!((tl_real)o.epsilon > 0) || isinf((tl_real)o.epsilon)) {
        tl_fail(TL_ERR_ARGUMENT, "rmsprop: epsilon %g is not positive", o.epsilon);
        return NULL;
    }
    return tl_optimizer_new(&class_of[o.centered][o.momentum > 0], TL_COMMON_OPTIONS(o), &o, sizeof o);
}
