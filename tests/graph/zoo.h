/* Every optimizer, with and without the options that matter to removed weights and to rows that a step
 * skips. */
#ifndef TL_ZOO_H
#define TL_ZOO_H

#include "tests/testing.h"

#define COMMON(lr, wd, dec)                                                                                  \
    .learning_rate = (lr), .weight_decay = (wd), .decoupled = (dec), .rows = rows, .non_finite = policy

/* Returns optimizer k with these policies; past the last one, NULL with *name = NULL. */
static inline tl_optimizer *zoo(int k, tl_rows_policy rows, tl_non_finite policy, const char **name)
{
    static const char *const names[] = { "sgd",
                                         "sgd + decay",
                                         "momentum",
                                         "nesterov",
                                         "momentum + l2",
                                         "adam",
                                         "adam + l2",
                                         "adamw",
                                         "amsgrad",
                                         "adam, epsilon-hat",
                                         "adagrad",
                                         "adagrad + l2",
                                         "rmsprop",
                                         "rmsprop + momentum",
                                         "rmsprop, centered",
                                         "ftrl",
                                         "ftrl + l1" };
    *name = k < (int)(sizeof names / sizeof *names) ? names[k] : NULL;
    switch (k) {
    case 0: return tl_sgd((tl_sgd_options){ COMMON(0.1, 0, false) });
    case 1: return tl_sgd((tl_sgd_options){ COMMON(0.1, 0.02, true) });
    case 2: return tl_sgd((tl_sgd_options){ COMMON(0.05, 0, false), .momentum = 0.9 });
    case 3: return tl_sgd((tl_sgd_options){ COMMON(0.05, 0, false), .momentum = 0.9, .nesterov = true });
    case 4: return tl_sgd((tl_sgd_options){ COMMON(0.05, 0.01, false), .momentum = 0.9 });
    case 5: return tl_adam((tl_adam_options){ COMMON(0.01, 0, false) });
    case 6: return tl_adam((tl_adam_options){ COMMON(0.01, 0.01, false) });
    case 7: return tl_adam((tl_adam_options){ COMMON(0.01, 0.01, true) });
    case 8: return tl_adam((tl_adam_options){ COMMON(0.01, 0, false), .amsgrad = true });
    case 9: return tl_adam((tl_adam_options){ COMMON(0.01, 0, false), .epsilon_hat = true, .epsilon = 1e-3 });
    case 10: return tl_adagrad((tl_adagrad_options){ COMMON(0.1, 0, false), .initial_accumulator = 0.1 });
    case 11: return tl_adagrad((tl_adagrad_options){ COMMON(0.1, 0.01, false) });
    case 12: return tl_rmsprop((tl_rmsprop_options){ COMMON(0.01, 0, false) });
    case 13: return tl_rmsprop((tl_rmsprop_options){ COMMON(0.01, 0, false), .momentum = 0.9 });
    case 14:
        return tl_rmsprop(
            (tl_rmsprop_options){ COMMON(0.01, 0.01, true), .momentum = 0.9, .centered = true });
    case 15: return tl_ftrl((tl_ftrl_options){ COMMON(0.1, 0, false), .l2 = 0.01 });
    case 16: return tl_ftrl((tl_ftrl_options){ COMMON(0.1, 0, false), .l1 = 0.05, .power = -0.6 });
    default: return NULL;
    }
}

enum { ZOO = 17 };

#endif
