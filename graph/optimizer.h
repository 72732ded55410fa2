/* Optimizers: one driver for every kind of gradient, and classes that update a run of weights. */
#ifndef TL_OPTIMIZER_H
#define TL_OPTIMIZER_H

#include "gradient.h"

#define TL_MAX_SLOTS 4

/* Owned by the user, with the slots it holds for each variable. */
typedef struct tl_optimizer tl_optimizer;

/* What a row-sparse gradient does to the rows that it does not name. */
typedef enum tl_rows_policy {
    TL_ROWS_EXACT, /* as a dense gradient with zeros there would: moments fade, weight decay goes on */
    TL_ROWS_LAZY   /* nothing: as TensorFlow's LazyAdam and PyTorch's SparseAdam */
} tl_rows_policy;

/* What a gradient that is not finite does. */
typedef enum tl_non_finite {
    TL_NON_FINITE_ERROR,     /* TL_ERR_NUMERIC names the variable and the index; nothing is changed */
    TL_NON_FINITE_SKIP_STEP, /* nothing is changed, TL_OK */
    TL_NON_FINITE_PROPAGATE  /* it is used; off a mask it still changes nothing */
} tl_non_finite;

/* Options that every optimizer has. A zeroed field means the default. */
#define TL_OPTIMIZER_OPTIONS                                                                                 \
    double learning_rate; /* default: the class's own */                                                     \
    double weight_decay;  /* default 0: none. g += weight_decay w, .. */                                     \
    bool decoupled;      /* .. or, decoupled, w *= 1 - learning_rate weight_decay first (Loshchilov 2019) */ \
    tl_rows_policy rows; /* default TL_ROWS_EXACT */                                                         \
    tl_non_finite non_finite; /* default TL_NON_FINITE_ERROR */

typedef struct tl_optimizer_options {
    TL_OPTIMIZER_OPTIONS
} tl_optimizer_options;

/* w -= lr g; momentum mu: a = mu a + g, w -= lr a; Nesterov: w -= lr (g + mu a), with the new a. As TensorFlow and
 * PyTorch. Default learning rate 0.01. */
typedef struct tl_sgd_options {
    TL_OPTIMIZER_OPTIONS
    double momentum; /* default 0: none, and no slot */
    bool nesterov;
} tl_sgd_options;

/* m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon): Kingma and Ba
 * 2015, algorithm 1, as PyTorch. AMSGrad: the running maximum of v in v's place (Reddi 2018). AdamW is weight_decay
 * with .decoupled. Default learning rate 0.001. */
typedef struct tl_adam_options {
    TL_OPTIMIZER_OPTIONS
    double beta1, beta2; /* default 0.9, 0.999 */
    double epsilon;      /* default 1e-8 */
    bool amsgrad;
} tl_adam_options;

/* NULL with the reason in tl_error(): an option out of range, or no memory. */
TL_API tl_optimizer *tl_sgd(tl_sgd_options o);
TL_API tl_optimizer *tl_adam(tl_adam_options o);
TL_API void tl_optimizer_free(tl_optimizer *o);

/* The gradients of the n variables in `vars`, as tl_backward_for; vars = NULL: of all that the loss reaches, as
 * tl_backward. */
TL_API tl_status tl_compute_gradients(tl_optimizer *o, tl_node *loss, tl_variable *const *vars, int32_t n,
                                      tl_gradients *out);

/* One step, in this order: gradients are restricted to masks, the transforms run in order of registration, gradients
 * are restricted again, then weight decay and the update. Pairs without values are skipped; TL_ERR_ARGUMENT where no
 * pair is left. On failure no variable and no slot has changed, and the message is on the graph as well. */
TL_API tl_status tl_apply_gradients(tl_optimizer *o, tl_gradients *g);

/* tl_backward and tl_apply_gradients. */
TL_API tl_status tl_minimize(tl_optimizer *o, tl_node *loss);

/* A function over the whole list of pairs, called in every step before the update. It may change values and drop
 * pairs; it may not change variables, rows or sizes, which is checked. A failure ends the step. */
typedef tl_status (*tl_transform)(tl_gradients *g, void *context);

/* Registers a transform; `context` is borrowed for as long as the optimizer lives. */
TL_API tl_status tl_optimizer_add_transform(tl_optimizer *o, tl_transform fn, void *context);

/* The learning rate from the next step on; must be >= 0. */
TL_API tl_status tl_optimizer_set_learning_rate(tl_optimizer *o, double learning_rate);
TL_API double tl_optimizer_learning_rate(const tl_optimizer *o);

/* Steps that have been applied to v, 0 before the first. */
TL_API int64_t tl_optimizer_steps(const tl_optimizer *o, const tl_variable *v);

/* Slot k that o holds for v: as many values as v. NULL before the first step, or if there is no such slot. */
TL_API tl_real *tl_optimizer_slot(const tl_optimizer *o, const tl_variable *v, int32_t k);

/* Bytes of all slots. */
TL_API int64_t tl_optimizer_bytes(const tl_optimizer *o);

/* ---- For authors of optimizers ---- */

/* A run of n weights with their gradient and slots: contiguous, and not always where the variable keeps them. */
typedef struct tl_update {
    int64_t n;
    tl_real *w;
    const tl_real *g;
    tl_real *slot[TL_MAX_SLOTS];
    double learning_rate;
    int64_t t;           /* this step's number for this variable, from 1 */
    const void *options; /* the class's own */
} tl_update;

/* One kind of optimizer. `update` works element by element, so that runs can be split anywhere. Slots start at 0. */
typedef struct tl_optimizer_class {
    const char *name;
    int32_t n_slots;
    const char *slot_name[TL_MAX_SLOTS];
    void (*update)(const tl_update *u);
} tl_optimizer_class;

/* An optimizer of that class, which must outlive it; options[size] is copied and handed to `update`. */
TL_API tl_optimizer *tl_optimizer_new(const tl_optimizer_class *class, tl_optimizer_options common,
                                      const void *options, size_t size);

#endif
