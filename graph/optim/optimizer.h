/* Optimizers: one driver for every kind of gradient, and classes that update a run of weights. */
#ifndef TL_OPTIMIZER_H
#define TL_OPTIMIZER_H

#include "gradient.h"

#define TL_MAX_SLOTS 4

/* Owned by the user, with the slots it holds for each variable. */
typedef struct tl_optimizer tl_optimizer;

/* What a row-sparse gradient does to the rows that it does not name. */
typedef enum tl_rows_policy {
    /* What a dense gradient with zeros there would do, bit for bit: moments fade, weight decay goes on. A row
     * is brought up to date when it is next read, at a cost that follows the rows in use. */
    TL_ROWS_EXACT,
    TL_ROWS_LAZY /* nothing: as TensorFlow's LazyAdam and PyTorch's SparseAdam */
} tl_rows_policy;

/* What a gradient that is not finite does. */
typedef enum tl_non_finite {
    TL_NON_FINITE_ERROR,     /* TL_ERR_NUMERIC names the variable and the index; nothing is changed */
    TL_NON_FINITE_SKIP_STEP, /* nothing is changed, TL_OK */
    TL_NON_FINITE_PROPAGATE  /* it is used; off a mask it still changes nothing */
} tl_non_finite;

/* Options that every optimizer has. A zeroed field means the default (so a rate of 0 cannot be asked for
 * here). */
#define TL_OPTIMIZER_OPTIONS                                                                                 \
    double learning_rate; /* default: the class's own */                                                     \
    double weight_decay;  /* default 0: none. g += weight_decay w, .. */                                     \
    bool decoupled;      /* .. or, decoupled, w *= 1 - learning_rate weight_decay first (Loshchilov 2019) */ \
    tl_rows_policy rows; /* default TL_ROWS_EXACT */                                                         \
    tl_non_finite non_finite; /* default TL_NON_FINITE_ERROR */                                              \
    bool per_weight_age;      /* a weight's step number t counts its own steps, not its variable's */

typedef struct tl_optimizer_options {
    TL_OPTIMIZER_OPTIONS
} tl_optimizer_options;

/* These fields of any options structure `o`, for tl_optimizer_new. */
#define TL_COMMON_OPTIONS(o)                                                                                 \
    ((tl_optimizer_options){ (o).learning_rate, (o).weight_decay, (o).decoupled, (o).rows, (o).non_finite,   \
                             (o).per_weight_age })

/* w -= lr g; momentum mu: a = mu a + g, w -= lr a; Nesterov: w -= lr (g + mu a), with the new a. As
 * TensorFlow and PyTorch. Default learning rate 0.01. */
typedef struct tl_sgd_options {
    TL_OPTIMIZER_OPTIONS
    double momentum; /* default 0: none, and no slot */
    bool nesterov;
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
} tl_adam_options;

/* s += g^2; w -= lr g / (sqrt(s) + epsilon). Duchi et al. 2011, as PyTorch. Default learning rate 0.01. */
typedef struct tl_adagrad_options {
    TL_OPTIMIZER_OPTIONS
    double initial_accumulator; /* where s starts; default 0 (TensorFlow's is 0.1) */
    double epsilon;             /* default 1e-10 */
} tl_adagrad_options;

/* s = rho s + (1-rho) g^2; a = mu a + g / (sqrt(s) + epsilon); w -= lr a. Centered: s less the square of
 * the running mean of g. Tieleman and Hinton 2012, as PyTorch. Default learning rate 0.01. */
typedef struct tl_rmsprop_options {
    TL_OPTIMIZER_OPTIONS
    double rho;      /* default 0.99 */
    double momentum; /* mu; default 0: none, and no slot */
    double epsilon;  /* default 1e-8 */
    bool centered;
} tl_rmsprop_options;

/* FTRL-proximal: s' = s + g^2; l += g - w (s'^-p - s^-p) / lr; then w = 0 where |l| <= l1, else (sign(l)
 * l1 - l) / (s'^-p / lr + 2 l2). McMahan et al. 2013, as TensorFlow. A weight is a function of its slots,
 * which start without it: one without a gradient is 0 after the first step, however it was initialised. A
 * step of learning rate 0 changes nothing. Default learning rate 0.01. */
typedef struct tl_ftrl_options {
    TL_OPTIMIZER_OPTIONS
    double l1, l2;              /* default 0 */
    double initial_accumulator; /* where s starts, > 0; default 0.1 */
    double power;               /* p, < 0; default -0.5 */
} tl_ftrl_options;

/* NULL with the reason in tl_error(): an option out of range, or no memory. */
TL_API tl_optimizer *tl_sgd(tl_sgd_options o);
TL_API tl_optimizer *tl_adagrad(tl_adagrad_options o);
TL_API tl_optimizer *tl_rmsprop(tl_rmsprop_options o);
TL_API tl_optimizer *tl_adam(tl_adam_options o);
TL_API tl_optimizer *tl_ftrl(tl_ftrl_options o);
/* Rows that lag behind are brought up to date first. NULL is ignored. */
TL_API void tl_optimizer_free(tl_optimizer *o);

/* The gradients of the n variables in `vars`, as tl_backward_for; vars = NULL: of all that the loss
 * reaches, as tl_backward. */
TL_API tl_status tl_compute_gradients(tl_optimizer *o, tl_node *loss, tl_variable *const *vars, int32_t n,
                                      tl_gradients *out);

/* One step, in this order: gradients are restricted to masks, the transforms run in order of registration,
 * gradients are restricted again, then weight decay and the update. Pairs without values are skipped;
 * TL_ERR_ARGUMENT where no pair is left. On failure no variable and no slot has changed, and the message
 * is on the graph as well. */
TL_API tl_status tl_apply_gradients(tl_optimizer *o, tl_gradients *g);

/* tl_backward and tl_apply_gradients, in less memory: on the way back the gradients of nodes in between make
 * room for others. */
TL_API tl_status tl_minimize(tl_optimizer *o, tl_node *loss);

/* A function over the whole list of pairs, called in every step before the update. It may change values
 * and drop pairs; it may not change variables, rows or sizes, which is checked. A failure ends the step. */
typedef tl_status (*tl_transform)(tl_gradients *g, void *context);

/* Registers a transform; `context` is borrowed for as long as the optimizer lives. */
TL_API tl_status tl_optimizer_add_transform(tl_optimizer *o, tl_transform fn, void *context);

/* The option learning_rate from the next step on; must be >= 0. Rows that lag behind are brought up to
 * date first, which costs a sweep over their tables: a rate that changes in every step is better given as
 * a schedule. */
TL_API tl_status tl_optimizer_set_learning_rate(tl_optimizer *o, double learning_rate);

/* The learning rate that the next step will use, the schedule included. */
TL_API double tl_optimizer_learning_rate(const tl_optimizer *o);

/* The learning rate of step `step` of the optimizer, counted from 1, given the option learning_rate. A
 * pure function: the same at every call. */
typedef double (*tl_schedule)(int64_t step, double learning_rate, const void *context);

/* The schedule from the next step on; NULL: a constant rate. `context` is borrowed as long as the
 * optimizer lives. schedule.h has the usual ones. */
TL_API tl_status tl_optimizer_set_schedule(tl_optimizer *o, tl_schedule fn, const void *context);

/* Options of v alone, in place of the optimizer's: biases without weight decay, say. A learning_rate of 0
 * leaves the optimizer's. TL_ERR_ARGUMENT for an option out of range, TL_ERR_MEMORY. */
TL_API tl_status tl_optimizer_set_options_for(tl_optimizer *o, tl_variable *v, tl_optimizer_options options);

/* Brings every row that TL_ROWS_EXACT left behind up to date. The graph does so with the rows it reads,
 * and tl_variable_data and tl_optimizer_slot do so when they are called; a pointer that was taken before a
 * step sees the step's whole effect only after this. */
TL_API tl_status tl_optimizer_flush(tl_optimizer *o);

/* Steps that have been applied to v, 0 before the first. */
TL_API int64_t tl_optimizer_steps(const tl_optimizer *o, const tl_variable *v);

/* Slot k that o holds for v: as many values as v. NULL before the first step, or if there is no such slot. */
TL_API const tl_real *tl_optimizer_slot(const tl_optimizer *o, const tl_variable *v, int32_t k);

/* Bytes of all slots, and of ages and row steps where they are kept. */
TL_API int64_t tl_optimizer_bytes(const tl_optimizer *o);

/* ---- For authors of optimizers ---- */

/* A run of n weights with their gradient and slots: contiguous, and not always where the variable keeps
 * them. */
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

/* What a step with a gradient of 0, without weight decay, changes. */
typedef enum tl_zero_grad {
    TL_ZERO_GRAD_CHANGES,       /* anything */
    TL_ZERO_GRAD_NOOP_AT_START, /* nothing, as long as the slots are at their start */
    TL_ZERO_GRAD_NOOP           /* nothing */
} tl_zero_grad;

struct tl_update_args; /* the library's own */

/* One kind of optimizer. `update` works element by element, so that runs can be split anywhere. */
typedef struct tl_optimizer_class {
    const char *name;
    int32_t n_slots;
    void (*update)(const tl_update *u);
    tl_zero_grad zero_grad;
    /* What all runs of a step have in common, into constant[TL_MAX_CONSTANTS]; NULL: nothing. */
    void (*prepare)(const void *options, double learning_rate, int64_t t, tl_real *constant);
    /* Where slots start, into start[n_slots], which holds zeros; NULL: at 0. */
    void (*start)(const void *options, tl_real *start);
    /* Not for authors: the library's own classes name one of its kernels, in place of `update`, which runs
     * where this is, or returns, NULL. */
    void (*(*kernel)(const void *options))(const struct tl_update_args *runs);
} tl_optimizer_class;

/* An optimizer of that class, which must outlive it; options[size] is copied and handed to `update`. */
TL_API tl_optimizer *tl_optimizer_new(const tl_optimizer_class *class, tl_optimizer_options common,
                                      const void *options, size_t size);

#endif
