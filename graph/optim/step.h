/* One step of an optimizer, on given weights or rows. */
#ifndef TL_STEP_H
#define TL_STEP_H

#include "graph/optim/slots.h"
#include "lib/kernels/kernels.h"

/* Weights per task. The search for values that are not finite has the same tasks as the update, so that a
 * thread checks the weights that it is about to update. */
enum { TL_STEP_GRAIN = 4096 };

/* One step, the t-th of these slots. */
typedef struct tl_step {
    const tl_slots *s;
    int64_t t;
    double learning_rate;
    tl_update_kernel *kernel;           /* NULL: the class's `update` */
    tl_real constant[TL_MAX_CONSTANTS]; /* of a kernel: the last is for weight decay */
} tl_step;

tl_step tl_step_of(const tl_slots *s, int64_t t, double learning_rate);

/* Updates weights at .. at+n-1 in the variable's order; of a masked variable, those among them that the mask
 * keeps. g = NULL: a gradient of 0. */
void tl_step_range(const tl_step *c, int64_t at, int64_t n, const tl_real *g);

/* What a step would store. */
typedef struct tl_trial {
    int64_t first;   /* the first weight that would get a slot that is not finite, or cease to be finite; -1:
                      * none */
    tl_real largest; /* the largest magnitude of a slot, NaN left out */
} tl_trial;

/* Makes the step of tl_step_range on copies, and adds to the trial what it finds. */
void tl_step_try(const tl_step *c, int64_t at, int64_t n, const tl_real *g, tl_trial *trial);

/* Checks whether one kernel makes the whole step, weight decay included, if the gradient is 0: the class has
 * a kernel, and there is neither a mask nor ages. */
bool tl_step_has_kernel(const tl_slots *s);
tl_decay tl_step_decay_of(const tl_slots *s);

/* Prefetches a row and its slots: rows of a table are accessed at random. (Kernels prefetch on their own.) */
void tl_step_prefetch_row(const tl_slots *s, int64_t row, int64_t width);

enum { TL_MAX_STEP_ROWS = 256 };

/* Updates rows first + rows[0 .. n-1] of a table, n <= TL_MAX_STEP_ROWS, with the gradients g[0 .. n-1]; g =
 * NULL: gradients of 0. */
void tl_step_rows(const tl_step *c, int64_t first, int64_t n, const int32_t *rows, const tl_real *const *g);

#endif
