/* Sparse training with connections that move: their number is fixed, and now and then a network drops some of
 * the smallest and grows as many elsewhere, at random (SET: Mocanu et al. 2018, "Scalable training of
 * artificial neural networks with adaptive sparse connectivity inspired by network science") or where the
 * gradient is largest (RigL: Evci et al. 2020, "Rigging the lottery: making all tickets winners").
 *
 *     const double fraction = tl_topology_fraction(&schedule, step);
 *     if (fraction > 0) {
 *         tl_backward(loss, &pairs);
 *         tl_apply_gradients(optimizer, &pairs);
 *         const int64_t k = llround(fraction * (double)tl_variable_size(w));
 *         tl_pattern *next = tl_topology_move_by_gradient(w, k, g);
 *         tl_graph_reset(g);
 *         tl_variable_set_pattern(w, next);
 *         tl_pattern_release(next);
 *     }
 *
 * What returns a pattern changes nothing, and the caller releases the pattern. tl_variable_set_pattern then
 * makes the move, all of it or nothing: connections that stay keep their values, slots and ages, and new ones
 * start at 0 with initial slots. For a dense variable it is tl_variable_set_mask, and the pattern is made
 * before tl_apply_gradients. Time and memory, other than those of the gradient, are proportional to the
 * number of connections. The bits do not depend on the number of threads. */
#ifndef TL_TOPOLOGY_H
#define TL_TOPOLOGY_H

#include "graph.h"

/* ---- How many connections each layer has ---- */

/* The density of a layer of shape d_1 x d_2 x .. is min(1, c s), with one c for all layers. d_1 and d_2 are
 * the numbers of inputs and outputs, in either order; the sizes of a filter's kernel follow. Filters that are
 * stored as the rows of a matrix, as for tl_sparse_conv2d, are given by this shape as well. */
typedef enum tl_density_rule {
    TL_UNIFORM,           /* s = 1 */
    TL_ERDOS_RENYI,       /* s = (d_1 + d_2) / (d_1 d_2) (Mocanu et al. 2018) */
    TL_ERDOS_RENYI_KERNEL /* s = (d_1 + d_2 + ..) / (d_1 d_2 ..) (Evci et al. 2020); for matrices the same */
} tl_density_rule;

/* Sets out[n] to the densities of n layers that have this density as a whole, for tl_pattern_random: small
 * layers become denser than large ones, and a layer whose share is more than all of its cells becomes dense
 * and leaves the rest to the others. TL_ERR_ARGUMENT for NULL, n < 1, a density that is not in [0, 1], and
 * another rule; TL_ERR_SHAPE for a rank below 2 or a size below 1. */
TL_API tl_status tl_topology_densities(int32_t n, const tl_shape *shape, double density, tl_density_rule rule,
                                       double *out);

/* ---- How many of them move, and when ---- */

/* f(t) = fraction (1 + cos(pi t / end)) / 2 if t is a multiple of `every` below `end`, otherwise 0. (Evci et
 * al. 2020, who take 0.3, 100 and three quarters of all steps.) */
typedef struct tl_topology_schedule {
    double fraction; /* 0 to 1 */
    int64_t every;   /* >= 1 */
    int64_t end;     /* >= 1 */
    bool constant;   /* each of these steps moves `fraction`, as in SET, which takes 0.3 */
} tl_topology_schedule;

/* Returns the fraction of the connections that moves at a step, from 1 on; NaN, with the reason in
 * tl_error(), if the step or the structure is out of range or the latter NULL. */
TL_API double tl_topology_fraction(const tl_topology_schedule *s, int64_t step);

/* ---- Which ones ---- */

/* Returns the pattern of w without the k connections of smallest magnitude (the last among equals; a NaN
 * counts as the largest). score: what is compared in place of the values, as many and in the same order, for
 * example weight times gradient; NULL: the values. w may be sparse, masked or dense. NULL on failure:
 * TL_ERR_ARGUMENT unless k is in 0..the number of connections; TL_ERR_MEMORY. */
TL_API tl_pattern *tl_topology_drop(tl_variable *w, const tl_real *score, int64_t k)
    TL_REAL_SYMBOL(tl_topology_drop);

/* Returns the pattern p, of w's shape, and the k absent cells at which the magnitude of w's gradient is
 * largest (the first among equals). That gradient is the one of the last tl_backward on g, before the reset;
 * tl_minimize does not keep what is needed. If w is sparse, the ops that read it compute it now, some rows at
 * a time, in memory for 16384 cells, or for one row if that is longer: tl_dense_sparse_matmul,
 * tl_sparse_dense_matmul and tl_sparse_conv2d can, and others that have tl_op.gradient_rows. An operand that
 * is another variable is read as it is now: after a step, with its new values. If w is dense or masked, the
 * gradient is there, but tl_apply_gradients sets it to 0 off a mask, and its transforms change it: call this
 * before.
 *
 * NULL on failure: TL_ERR_ARGUMENT for NULL, fewer than k absent cells, a w that g does not use, and a
 * gradient that was not computed, not kept, or set to 0 off a mask; TL_ERR_KIND for another op and for a
 * gradient that is row-sparse; TL_ERR_SHAPE; TL_ERR_NUMERIC for a NaN; TL_ERR_MEMORY. */
TL_API tl_pattern *tl_topology_grow_by_gradient(tl_pattern *p, int64_t k, const tl_graph *g,
                                                const tl_variable *w);

/* Return the pattern of w after k of its connections have moved: the k smallest are dropped, and as many grow
 * among all cells that are then absent. So one that was dropped may grow again, and it keeps its value. At
 * random, every set of k cells is equally likely, and the seed decides; by gradient as above. Errors as
 * above. */
TL_API tl_pattern *tl_topology_move_random(tl_variable *w, int64_t k, uint64_t seed);
TL_API tl_pattern *tl_topology_move_by_gradient(tl_variable *w, int64_t k, const tl_graph *g);

#endif
