/* Optimizers: one driver for every kind of gradient, and classes that update chunks of weights. */
#ifndef TL_OPTIMIZER_H
#define TL_OPTIMIZER_H

#include "gradient.h"

#define TL_MAX_SLOTS 4

/* Owned by the user, with the slots that it holds for variables. Either may be freed first. */
typedef struct tl_optimizer tl_optimizer;

/* What a step with a row-sparse gradient does to the rows that are not in it. */
typedef enum tl_rows_policy {
    /* What a dense gradient with zeros there does, bit for bit: moments decay, weight decay goes on. Skipped
     * steps of a row are replayed when it is next read, so that the cost follows the rows in use. */
    TL_ROWS_EXACT,
    TL_ROWS_LAZY /* nothing: as TensorFlow's LazyAdam and PyTorch's SparseAdam */
} tl_rows_policy;

/* What happens to a step with a gradient that is not finite. */
typedef enum tl_non_finite {
    TL_NON_FINITE_ERROR,     /* TL_ERR_NUMERIC names the variable and the index; nothing is changed */
    TL_NON_FINITE_SKIP_STEP, /* nothing is changed, TL_OK */
    TL_NON_FINITE_PROPAGATE  /* the gradient is used; off a mask it still changes nothing */
} tl_non_finite;

/* Options that every optimizer has. A zeroed field means the default (so a rate of 0 cannot be asked for
 * here). Reserved fields, of these and of each class, must be 0 (TL_ERR_ARGUMENT): a later version turns them
 * into options, and programs that were compiled before still run with it. A program that sets such an option
 * but runs with an older library gets the error. */
#define TL_OPTIMIZER_OPTIONS                                                                                 \
    double learning_rate; /* default: the class's own */                                                     \
    double weight_decay;  /* default 0: none. g += weight_decay w, .. */                                     \
    bool decoupled;      /* .. or, decoupled, w *= 1 - learning_rate weight_decay first (Loshchilov 2019) */ \
    tl_rows_policy rows; /* default TL_ROWS_EXACT */                                                         \
    tl_non_finite non_finite; /* default TL_NON_FINITE_ERROR */                                              \
    bool per_weight_age;      /* a weight's step number t counts its own steps, not its variable's */        \
    double common_reserved1, common_reserved2, common_reserved3, common_reserved4;

typedef struct tl_optimizer_options {
    TL_OPTIMIZER_OPTIONS
} tl_optimizer_options;

/* The common fields of any options structure `o`, for tl_optimizer_new. */
#define TL_COMMON_OPTIONS(o)                                                                                 \
    (TL_LITERAL(tl_optimizer_options){ (o).learning_rate, (o).weight_decay, (o).decoupled, (o).rows,         \
                                       (o).non_finite, (o).per_weight_age, (o).common_reserved1,             \
                                       (o).common_reserved2, (o).common_reserved3, (o).common_reserved4 })

/* w -= lr g; momentum mu: a = mu a + g, w -= lr a; Nesterov: w -= lr (g + mu a), with the new a. As
 * TensorFlow and PyTorch. Default learning rate 0.01. */
typedef struct tl_sgd_options {
    TL_OPTIMIZER_OPTIONS
    double momentum; /* default 0: none, and no slot */
    bool nesterov;
    double reserved1, reserved2, reserved3, reserved4;
} tl_sgd_options;

/* m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon):
 * Kingma and Ba 2015, algorithm 1, as PyTorch. AMSGrad: the running maximum of v in v's place (Reddi
 * 2018). AdamW is weight_decay with .decoupled. Default learning rate 0.001. */
typedef struct tl_adam_options {
    TL_OPTIMIZER_OPTIONS
    double beta1, beta2; /* default 0.9, 0.999 */
    double epsilon;      /* default 1e-8 */
    bool amsgrad;
    bool epsilon_hat; /* epsilon before the correction, as TensorFlow: lr' m / (sqrt(v) + epsilon) */
    double reserved1, reserved2, reserved3, reserved4;
} tl_adam_options;

/* s += g^2; w -= lr g / (sqrt(s) + epsilon). Duchi et al. 2011, as PyTorch. Default learning rate 0.01. */
typedef struct tl_adagrad_options {
    TL_OPTIMIZER_OPTIONS
    double initial_accumulator; /* where s starts; default 0 (TensorFlow's is 0.1) */
    double epsilon;             /* default 1e-10 */
    double reserved1, reserved2, reserved3, reserved4;
} tl_adagrad_options;

/* s = rho s + (1-rho) g^2; a = mu a + g / (sqrt(s) + epsilon); w -= lr a. Centered: s less the square of
 * the running mean of g. Tieleman and Hinton 2012, as PyTorch. Default learning rate 0.01. */
typedef struct tl_rmsprop_options {
    TL_OPTIMIZER_OPTIONS
    double rho;      /* default 0.99 */
    double momentum; /* mu; default 0: none, and no slot */
    double epsilon;  /* default 1e-8 */
    bool centered;
    double reserved1, reserved2, reserved3, reserved4;
} tl_rmsprop_options;

/* FTRL-proximal: s' = s + g^2; l += g - w (s'^-p - s^-p) / lr; then w = 0 where |l| <= l1, otherwise (sign(l)
 * l1 - l) / (s'^-p / lr + 2 l2). McMahan et al. 2013, as TensorFlow. A weight is a function of its slots,
 * which start without it: one without a gradient is 0 after the first step, however it was initialised. A
 * step of learning rate 0 changes nothing. Default learning rate 0.01. */
typedef struct tl_ftrl_options {
    TL_OPTIMIZER_OPTIONS
    double l1, l2;              /* default 0 */
    double initial_accumulator; /* where s starts, > 0; default 0.1 */
    double power;               /* p, < 0; default -0.5 */
    double reserved1, reserved2, reserved3, reserved4;
} tl_ftrl_options;

/* NULL with the reason in tl_error(): an option out of range, or no memory. */
TL_API tl_optimizer *tl_sgd(tl_sgd_options o);
TL_API tl_optimizer *tl_adagrad(tl_adagrad_options o);
TL_API tl_optimizer *tl_rmsprop(tl_rmsprop_options o);
TL_API tl_optimizer *tl_adam(tl_adam_options o);
TL_API tl_optimizer *tl_ftrl(tl_ftrl_options o);
/* Applies pending row updates, then frees the optimizer and its slots. NULL is ignored. */
TL_API void tl_optimizer_free(tl_optimizer *o);

/* Computes the gradients of the n variables in `vars` (as tl_backward_for) or, for vars = NULL, of all that
 * the loss depends on (as tl_backward). */
TL_API tl_status tl_compute_gradients(tl_optimizer *o, tl_node *loss, tl_variable *const *vars, int32_t n,
                                      tl_gradients *out);

/* One step, in this order: gradients are restricted to masks, the transforms run in order of registration,
 * gradients are restricted again, then weight decay and the update. Pairs without values are skipped;
 * TL_ERR_ARGUMENT where no pair is left. On failure no variable and no slot has changed, and the message
 * is on the graph as well. */
TL_API tl_status tl_apply_gradients(tl_optimizer *o, tl_gradients *g);

/* Runs tl_backward and tl_apply_gradients, in less memory: gradients of intermediate nodes are recycled
 * during the pass.
 *
 *     for (int step = 0; step < steps; step++, tl_graph_reset(g)) {
 *         tl_node *loss = tl_mse(model(g, batch(step)), target(g, step));
 *         if (tl_minimize(optimizer, loss) != TL_OK)
 *             return fprintf(stderr, "step %d: %s\n", step, tl_error()), 1;
 *     } */
TL_API tl_status tl_minimize(tl_optimizer *o, tl_node *loss);

/* A function over the list of pairs, called in every step before the update. It may change values and drop
 * pairs, but not change variables, rows or sizes, which is checked. A failure ends the step. */
typedef tl_status (*tl_transform)(tl_gradients *g, void *context);

/* Registers a transform. `context` is borrowed for the life of the optimizer. */
TL_API tl_status tl_optimizer_add_transform(tl_optimizer *o, tl_transform fn, void *context);

/* Sets the option learning_rate from the next step on; must be >= 0. Applies pending row updates first, which
 * costs a sweep over their tables: if the rate changes in every step, use a schedule. */
TL_API tl_status tl_optimizer_set_learning_rate(tl_optimizer *o, double learning_rate);

/* Returns the learning rate that the next step will use, the schedule included. */
TL_API double tl_optimizer_learning_rate(const tl_optimizer *o);

/* Returns the learning rate of step `step` of the optimizer, counted from 1, given the option learning_rate.
 * Must be a pure function: pending row updates call it again for past steps. */
typedef double (*tl_schedule)(int64_t step, double learning_rate, const void *context);

/* Sets the schedule from the next step on; NULL: a constant rate. `context` is borrowed for the life of the
 * optimizer. schedule.h has the usual schedules. */
TL_API tl_status tl_optimizer_set_schedule(tl_optimizer *o, tl_schedule fn, const void *context);

/* Sets options for v alone, in place of the optimizer's: biases without weight decay, for example. A
 * learning_rate of 0 means the optimizer's. TL_ERR_ARGUMENT for an option out of range, TL_ERR_MEMORY. */
TL_API tl_status tl_optimizer_set_options_for(tl_optimizer *o, tl_variable *v, tl_optimizer_options options);

/* Applies all pending row updates (TL_ROWS_EXACT). The graph does so for the rows that it reads,
 * tl_variable_data and tl_optimizer_slot for all rows; a pointer taken before a step sees the step's whole
 * effect only after this call. */
TL_API tl_status tl_optimizer_flush(tl_optimizer *o);

/* Returns the number of steps applied to v. */
TL_API int64_t tl_optimizer_steps(const tl_optimizer *o, const tl_variable *v);

/* Returns slot k that o holds for v, as many values as v; NULL before the first step, or if there is no such
 * slot. */
TL_API const tl_real *tl_optimizer_slot(const tl_optimizer *o, const tl_variable *v, int32_t k);

/* Returns the bytes of all slots, and of ages and row steps if there are any. */
TL_API int64_t tl_optimizer_bytes(const tl_optimizer *o);

/* ---- For authors of optimizers ---- */

/* A chunk of n weights with their gradient and slots: contiguous, and not always in the variable's own
 * memory. */
typedef struct tl_update {
    int64_t n;
    tl_real *w;
    const tl_real *g;
    tl_real *slot[TL_MAX_SLOTS]; /* NULL where the class has none */
    double learning_rate;
    int64_t t;               /* the number of this step for these weights, from 1 */
    const void *options;     /* the class's own */
    const tl_real *constant; /* what `prepare` left for this t and this learning rate */
} tl_update;

#define TL_MAX_CONSTANTS 8

/* What a step with a gradient of 0 and without weight decay changes. */
typedef enum tl_zero_grad {
    TL_ZERO_GRAD_CHANGES,       /* anything */
    TL_ZERO_GRAD_NOOP_AT_START, /* nothing, as long as the slots are at their start */
    TL_ZERO_GRAD_NOOP           /* nothing */
} tl_zero_grad;

struct tl_update_args; /* the library's own */

/* A kind of optimizer. `update` works element by element, so that chunks can be split anywhere. */
typedef struct tl_optimizer_class {
    const char *name;
    int32_t n_slots;
    void (*update)(const tl_update *u);
    tl_zero_grad zero_grad;
    /* Computes what all chunks of a step share, into constant[TL_MAX_CONSTANTS]. NULL: nothing. */
    void (*prepare)(const void *options, double learning_rate, int64_t t, tl_real *constant);
    /* Stores the initial values of slots in start[n_slots], which holds zeros. NULL: they are 0. */
    void (*start)(const void *options, tl_real *start);
    /* For the library's own classes: returns a kernel to run in place of `update`; NULL: `update`. */
    void (*(*kernel)(const void *options))(const struct tl_update_args *runs);
} tl_optimizer_class;

/* Returns an optimizer of the class, which must outlive it; options[size] is copied and passed to
 * `update`. */
TL_API tl_optimizer *tl_optimizer_new(const tl_optimizer_class *cls, tl_optimizer_options common,
                                      const void *options, size_t size) TL_REAL_SYMBOL(tl_optimizer_new);

#endif
