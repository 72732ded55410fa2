/* Every optimizer of the library by name, and the schedules. */
#include "optimizers.h"

static tl_optimizer *make_adam(double learning_rate)
{
    return tl_adam((tl_adam_options){ .learning_rate = learning_rate });
}

static tl_optimizer *make_adamw(double learning_rate)
{
    return tl_adam(
        (tl_adam_options){ .learning_rate = learning_rate, .weight_decay = 0.01, .decoupled = true });
}

static tl_optimizer *make_amsgrad(double learning_rate)
{
    return tl_adam((tl_adam_options){ .learning_rate = learning_rate, .amsgrad = true });
}

static tl_optimizer *make_sgd(double learning_rate)
{
    return tl_sgd((tl_sgd_options){ .learning_rate = learning_rate });
}

static tl_optimizer *make_momentum(double learning_rate)
{
    return tl_sgd((tl_sgd_options){ .learning_rate = learning_rate, .momentum = 0.9 });
}

static tl_optimizer *make_nesterov(double learning_rate)
{
    return tl_sgd((tl_sgd_options){ .learning_rate = learning_rate, .momentum = 0.9, .nesterov = true });
}

static tl_optimizer *make_adagrad(double learning_rate)
{
    return tl_adagrad((tl_adagrad_options){ .learning_rate = learning_rate, .initial_accumulator = 0.1 });
}

static tl_optimizer *make_rmsprop(double learning_rate)
{
    return tl_rmsprop((tl_rmsprop_options){ .learning_rate = learning_rate, .momentum = 0.9 });
}

static tl_optimizer *make_ftrl(double learning_rate)
{
    return tl_ftrl((tl_ftrl_options){ .learning_rate = learning_rate });
}

const optimizer_kind optimizers[] = {
    { "adam", 0.001, make_adam, NULL },
    { "adamw", 0.001, make_adamw, "weight decay 0.01" },
    { "amsgrad", 0.001, make_amsgrad, NULL },
    { "sgd", 0.1, make_sgd, NULL },
    { "momentum", 0.05, make_momentum, "momentum 0.9" },
    { "nesterov", 0.05, make_nesterov, "momentum 0.9" },
    { "adagrad", 0.02, make_adagrad, NULL },
    { "rmsprop", 0.0003, make_rmsprop, "momentum 0.9" },
    { "ftrl", 0.1, make_ftrl,
      "for linear models: it discards the initial weights, and hidden layers stay dead" },
    { NULL, 0, NULL, NULL },
};

/* ---- Schedules ---- */

static double by_steps(int64_t step, int64_t steps, double learning_rate)
{
    return tl_schedule_step(step, learning_rate, &(tl_step_decay){ .every = steps / 4 + 1, .factor = 0.5 });
}

static double exponential(int64_t step, int64_t steps, double learning_rate)
{
    return tl_schedule_exponential(step, learning_rate,
                                   &(tl_exponential_decay){ .every = steps, .factor = 0.1 });
}

static double cosine(int64_t step, int64_t steps, double learning_rate)
{
    return tl_schedule_cosine(step, learning_rate, &(tl_cosine_decay){ .steps = steps });
}

static double warm_up(int64_t step, int64_t steps, double learning_rate)
{
    const int64_t first = steps / 20 + 1;
    const tl_cosine_decay rest = { .steps = steps - first + 1 };
    return tl_schedule_warm_up(step, learning_rate, &(tl_warm_up){ first, tl_schedule_cosine, &rest });
}

const schedule_kind schedules[] = { { "constant", "the learning rate throughout", NULL },
                                    { "step", "halved after each quarter of the run", by_steps },
                                    { "exponential", "down to a tenth at the end", exponential },
                                    { "cosine", "down to 0 along half a cosine", cosine },
                                    { "warm-up", "up from 0 in a twentieth of the run, then cosine",
                                      warm_up },
                                    { NULL, NULL, NULL } };

static double rate_at(int64_t step, double learning_rate, const void *context)
{
    const course *c = context;
    return c->schedule->rate(step, c->steps, learning_rate);
}

tl_optimizer *make_optimizer(const optimizer_kind *kind, double learning_rate, const course *c)
{
    tl_optimizer *o = kind->make(learning_rate);
    if (o && c->schedule->rate && tl_optimizer_set_schedule(o, rate_at, c) != TL_OK) {
        tl_optimizer_free(o);
        return NULL;
    }
    return o;
}
