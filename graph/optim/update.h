/* Steps of an optimizer on one variable. */
#ifndef TL_UPDATE_H
#define TL_UPDATE_H

#include "graph/internal.h"
#include "lib/kernels/kernels.h"

/* Weights in a piece of work. What looks at a gradient just before goes by it, too: a thread then looks at
 * what it updates. */
enum { TL_UPDATE_PIECE = 4096 };

/* Weight decay and update of the pair's variable; tl_slots_alloc has succeeded. `row_refs`: where the rows of its
 * gradient lie, or NULL: in its values. Cannot fail. */
void tl_update_variable(tl_slots *s, const tl_gradient *pair, const tl_real *const *row_refs);

/* Step t of these slots, at this learning rate. */
typedef struct tl_step {
    const tl_slots *s;
    int64_t t;
    double learning_rate;
    tl_update_kernel *kernel; /* NULL: the class's `update` */
    tl_real constant[TL_MAX_CONSTANTS];
} tl_step;
tl_step tl_step_of(const tl_slots *s, int64_t t, double learning_rate);

/* The step on weights at .. at+n-1, in the variable's order; of a masked variable, on those among them
 * that are kept. */
void tl_update_range(const tl_step *c, int64_t at, int64_t n,
                     const tl_real *g); /* g = NULL: a gradient of 0 */

enum { TL_MOST_ROWS = 256 };

/* The step on rows first + rows[0 .. n-1] of a table, TL_MOST_ROWS of them at most, with their gradients at
 * g[]; g = NULL: of 0. */
void tl_update_rows(const tl_step *c, int64_t first, int64_t n, const int32_t *rows, const tl_real *const *g);

/* Whether a step with a gradient of 0 may be left out. */
tl_zero_grad tl_slots_zero_grad(const tl_slots *s);

/* The values in a row of a table. */
int64_t tl_row_width(const tl_variable *v);

/* Brings rows of v up to date with every optimizer: the n named ones (any order, any number of times), or
 * all. Safe where several threads read v. */
void tl_catch_up_rows(tl_variable *v, int64_t n, const int32_t *rows);
void tl_catch_up(tl_variable *v);

/* The same with one optimizer, without the lock. */
void tl_slots_catch_up_rows(tl_slots *s, int64_t n, const int32_t *rows);
void tl_slots_catch_up(tl_slots *s);

#endif
