/* Optimizers: one driver for all kinds of gradients, and classes that update chunks of weights. */
#ifndef TL_OPTIMIZER_H
#define TL_OPTIMIZER_H

#include "gradient.h"

#define TL_MAX_SLOTS 4

/* Owned by the user, with the slots that it holds for variables. The optimizer and the variables may be freed
 * in any order. */
typedef struct tl_optimizer tl_optimizer;

/* The effect of a step with a row-sparse gradient on the rows that are not in it. */
typedef enum tl_rows_policy {
    /* That of a dense gradient with zeros in them, bit for bit: moments decay, weight decay continues. The
     * steps that a row has skipped are replayed when it is next read, so the cost depends on the rows in
     * use; if a sweep of the table costs less, the step is one. Where the step with the dense gradient would
     * fail in a row that is not named (.non_finite), this one fails, too. */
    TL_ROWS_EXACT,
    TL_ROWS_LAZY /* none: as TensorFlow's LazyAdam and PyTorch's SparseAdam */
} tl_rows_policy;

/* The effect of a gradient that is not finite, or that is but would make a slot or a weight infinite or NaN:
 * its square overflows, for example (in float from 1.9e19 on). */
typedef enum tl_non_finite {
    TL_NON_FINITE_ERROR,     /* TL_ERR_NUMERIC with the variable and the index; nothing changes */
    TL_NON_FINITE_SKIP_STEP, /* TL_OK; nothing changes */
    TL_NON_FINITE_PROPAGATE  /* the gradient is applied, but never off a mask */
} tl_non_finite;

/* Options of every optimizer. A zeroed field means the default; a rate of 0 can only be set by
 * tl_optimizer_set_learning_rate. Reserved fields, of these and of each class, must be 0 (TL_ERR_ARGUMENT): a
 * later version turns them into options, and programs that were compiled before still run with it. A program
 * that sets such an option but runs with an older library gets the error. */
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

/* s = rho s + (1-rho) g^2; a = mu a + g / (sqrt(s) + epsilon); w -= lr a. Centered: less the square of the
 * running mean m of g under the root. Slot 0 is then that difference, as s = rho (s + (1-rho) (g - m)^2) with
 * the m before the step, which does not cancel. Tieleman and Hinton 2012, as PyTorch. Default learning rate
 * 0.01. */
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
 * whose initial values ignore it: without a gradient it is 0 after the first step. A step of learning rate 0
 * changes nothing. Default learning rate 0.01. */
typedef struct tl_ftrl_options {
    TL_OPTIMIZER_OPTIONS
    double l1, l2;              /* default 0 */
    double initial_accumulator; /* where s starts, > 0; default 0.1 */
    double power;               /* p, < 0; default -0.5 */
    double reserved1, reserved2, reserved3, reserved4;
} tl_ftrl_options;

/* Return a new optimizer, or NULL with the reason in tl_error(): TL_ERR_ARGUMENT for an option out of range,
 * TL_ERR_MEMORY. */
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

/* Makes one step: restricts gradients to masks; runs the transforms in order of registration, and restricts
 * gradients again after each; applies weight decay and the update. Pairs without values are skipped. On
 * failure no variable and no slot has changed, and the error is in the graph as well: no pair is left, or one
 * does not fit its variable (TL_ERR_ARGUMENT, TL_ERR_KIND, TL_ERR_INDEX); a gradient is not finite
 * (TL_ERR_NUMERIC); the schedule gives a rate outside [0, inf) (TL_ERR_ARGUMENT); a transform fails;
 * TL_ERR_MEMORY. */
TL_API tl_status tl_apply_gradients(tl_optimizer *o, tl_gradients *g);

/* Runs tl_backward and tl_apply_gradients in less memory: gradients of intermediate nodes are recycled during
 * the pass. Errors as theirs.
 *
 *     for (int step = 0; step < steps; step++, tl_graph_reset(g)) {
 *         tl_node *loss = tl_mse(model(g, batch(step)), target(g, step));
 *         if (tl_minimize(optimizer, loss) != TL_OK)
 *             return fprintf(stderr, "step %d: %s\n", step, tl_error()), 1;
 *     } */
TL_API tl_status tl_minimize(tl_optimizer *o, tl_node *loss);

/* A function over the list of pairs, called in every step before the update. It may change values and drop
 * pairs, but not change variables, rows or sizes, nor replace the array of values, which is checked
 * (TL_ERR_ARGUMENT). A failure ends the step. */
typedef tl_status (*tl_transform)(tl_gradients *g, void *context);

/* Registers a transform. `context` is borrowed for the life of the optimizer. TL_ERR_ARGUMENT for NULL,
 * TL_ERR_MEMORY. */
TL_API tl_status tl_optimizer_add_transform(tl_optimizer *o, tl_transform fn, void *context);

/* Sets the option learning_rate from the next step on; TL_ERR_ARGUMENT unless it is >= 0 and finite. Applies
 * pending row updates first, which costs a sweep over their tables: if the rate changes in every step, use a
 * schedule. */
TL_API tl_status tl_optimizer_set_learning_rate(tl_optimizer *o, double learning_rate);

/* Returns the learning rate of the next step, the schedule included, for variables without options of their
 * own. */
TL_API double tl_optimizer_learning_rate(const tl_optimizer *o);

/* Returns the learning rate of step `step` of the optimizer, counted from 1, given the option learning_rate.
 * Must be a pure function, which several threads may call at once: it is called again for past steps when
 * pending row updates are applied. */
typedef double (*tl_schedule)(int64_t step, double learning_rate, const void *context);

/* Sets the schedule from the next step on; fn = NULL: a constant rate. `context` is borrowed for the life of
 * the optimizer. TL_ERR_ARGUMENT if o is NULL. schedule.h has the usual schedules. */
TL_API tl_status tl_optimizer_set_schedule(tl_optimizer *o, tl_schedule fn, const void *context);

/* Replaces all options for v alone: a field that is left 0 takes its default, not the optimizer's value, so
 * start from tl_optimizer_options_for. Biases without weight decay, for example:
 *
 *     tl_optimizer_options own = tl_optimizer_options_for(o, bias);
 *     own.weight_decay = 0;
 *     tl_optimizer_set_options_for(o, bias, own);
 *
 * A learning_rate of 0 means the optimizer's, also after tl_optimizer_set_learning_rate. TL_ERR_ARGUMENT for
 * NULL and for an option out of range, TL_ERR_MEMORY. */
TL_API tl_status tl_optimizer_set_options_for(tl_optimizer *o, tl_variable *v, tl_optimizer_options options);

/* Returns the options in force for v: its own, or the optimizer's with a learning_rate of 0, which stands for
 * the optimizer's rate. Without an optimizer or a variable all fields are 0, and tl_error() says why. */
TL_API tl_optimizer_options tl_optimizer_options_for(const tl_optimizer *o, const tl_variable *v);

/* Applies all pending row updates (TL_ROWS_EXACT). The graph applies those of the rows that it reads, and
 * tl_variable_values, tl_variable_data and tl_optimizer_slot those of all rows; through a pointer taken
 * before a step, the step's whole effect is visible only after this call. TL_ERR_ARGUMENT for NULL. */
TL_API tl_status tl_optimizer_flush(tl_optimizer *o);

/* Returns the number of steps applied to v. */
TL_API int64_t tl_optimizer_steps(const tl_optimizer *o, const tl_variable *v);

/* Returns slot k that o holds for v, as many values as v has; NULL before the first step, or if there is no
 * such slot. Owned by o. */
TL_API const tl_real *tl_optimizer_slot(const tl_optimizer *o, const tl_variable *v, int32_t k);

/* Returns the bytes of all slots, and of ages, row steps and the constants of steps that rows have yet to
 * take (TL_ROWS_EXACT) if there are any: 8 values per step, for as many steps as the table has values, but
 * for 4096 at least and 131072 at most, which are 4 MB, in double 8. */
TL_API int64_t tl_optimizer_bytes(const tl_optimizer *o);

/* ---- For authors of optimizers ---- */

/* A chunk of n weights with their gradient and slots. The arrays are contiguous, and may be copies of the
 * variable's. Weight decay is in them: added to g, or taken off w if it is decoupled. */
typedef struct tl_update {
    int64_t n;
    tl_real *w;
    const tl_real *g;
    tl_real *slot[TL_MAX_SLOTS]; /* NULL from n_slots on */
    double learning_rate;
    int64_t t;               /* the number of this step for these weights, from 1 */
    const void *options;     /* the class's own */
    const tl_real *constant; /* computed by `prepare` for this t and this learning rate */
} tl_update;

#define TL_MAX_CONSTANTS 8

/* The effect of a step with a gradient of 0 and without weight decay. */
typedef enum tl_zero_grad {
    TL_ZERO_GRAD_CHANGES,       /* weights or slots may change */
    TL_ZERO_GRAD_NOOP_AT_START, /* none while the slots have their initial values */
    TL_ZERO_GRAD_NOOP           /* none */
} tl_zero_grad;

struct tl_update_args; /* the library's own */

/* A field of a class's own options, by name: checkpoints write it and compare it. */
typedef enum tl_option_type { TL_OPTION_DOUBLE, TL_OPTION_BOOL, TL_OPTION_INT32 } tl_option_type;
typedef struct tl_option {
    const char *name; /* NULL ends a list */
    size_t offset;    /* in the options */
    tl_option_type type;
} tl_option;

/* A kind of optimizer. `update` must work element by element, as chunks are split anywhere, and runs on any
 * thread; an element's result must not depend on its place. docs/writing-an-optimizer.md has a whole one. */
typedef struct tl_optimizer_class {
    const char *name;
    int32_t n_slots;
    void (*update)(const tl_update *u);
    tl_zero_grad zero_grad;
    /* Computes the constants that all chunks of a step share, into constant[TL_MAX_CONSTANTS]. NULL: none. */
    void (*prepare)(const void *options, double learning_rate, int64_t t, tl_real *constant);
    /* Stores the initial values of slots in start[n_slots], which holds zeros. NULL: they are 0. */
    void (*start)(const void *options, tl_real *start);
    /* For the library's own classes: returns a kernel to run in place of `update`; NULL: `update`. */
    void (*(*kernel)(const void *options))(const struct tl_update_args *args);
    /* Returns a bound on every term that a step adds to a weight or slot, for gradients (and slots that are
     * means of gradients) up to g and, if bound_needs_weights, weights up to w. NULL: the largest of g, g^2
     * and learning_rate g. A step whose bound is small, also at the rate 2^19 if there are slots, is finite;
     * any other is first tried on copies. */
    double (*largest_term)(const void *options, double learning_rate, double g, double w);
    bool bound_needs_weights;
    /* The fields of the options. NULL: a checkpoint does not know them, and cannot tell that they differ. */
    const tl_option *fields;
} tl_optimizer_class;

/* Returns an optimizer of the class, which must outlive it; options[size] is copied and passed to
 * `update`. NULL with the reason in tl_error(): a class without a name or an update, a field out of range,
 * options that are NULL, no memory. */
TL_API tl_optimizer *tl_optimizer_new(const tl_optimizer_class *cls, tl_optimizer_options common,
                                      const void *options, size_t size) TL_REAL_SYMBOL(tl_optimizer_new);

#endif
