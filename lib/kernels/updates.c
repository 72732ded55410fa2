/* Steps of optimizers on runs of weights: one pass over weights, gradients and slots. The formulas are in
 * kernels.h. Whole vectors and the rest go through the same operations, so runs can be split anywhere. */
#include "built.h"
#include "vector.h"

#include <float.h>
#include <tgmath.h>

#ifdef TULLE_DOUBLE
#define SMALLEST DBL_MIN
#else
#define SMALLEST FLT_MIN
#endif

typedef __typeof__((vec){ 0 } < (vec){ 0 }) mask; /* all bits of a lane, or none */

INLINE vec choose(mask where, vec yes, vec no)
{
    return (vec)(((mask)yes & where) | ((mask)no & ~where));
}

/* x, or 0 for a subnormal x. An average that only fades would stay at the smallest subnormal for good (0.9
 * of it rounds back to it), where it moves no weight but makes every step slow. */
INLINE vec without_dust(vec x)
{
    return (vec)((mask)x & ~((x < (vec){ 0 } + SMALLEST) & (x > (vec){ 0 } - SMALLEST)));
}

/* old share + fresh, where fresh is a product: rounded first, so that only the other can be fused with the
 * sum. Left alone a compiler fuses either, and not the same in whole vectors as in the rest of a run. */
INLINE vec mixed(vec old, tl_real share, vec fresh)
{
    IN_REGISTER(fresh);
    return old * share + fresh;
}

INLINE vec root_of(vec x)
{
    for (int l = 0; l < LANES; l++)
        x[l] = sqrt(x[l]);
    return x;
}

/* Calls step(k, left, c, g + k, w + k, slot ..) for each vector of the run. The constants are copied, or
 * every store would have them loaded again. */
#define FOR_EACH_VECTOR(step, ...)                                                                           \
    const tl_real c[] = { given[0], given[1], given[2], given[3], given[4], given[5], given[6] };            \
    int64_t k = 0;                                                                                           \
    for (; k + LANES <= n; k += LANES)                                                                       \
        step(k, LANES, c, g + k, w + k, __VA_ARGS__);                                                        \
    if (k < n) {                                                                                             \
        step(k, n - k, c, g + k, w + k, __VA_ARGS__);                                                        \
    }

INLINE void sgd_step(int64_t k, int64_t left, const tl_real *c, const tl_real *g, tl_real *w,
                     tl_real *const *slot)
{
    (void)k, (void)slot;
    store_up_to(w, load_up_to(w, left) - load_up_to(g, left) * c[0], left);
}

static void sgd(int64_t n, const tl_real *given, const tl_real *g, tl_real *w, tl_real *const *slot)
{
    FOR_EACH_VECTOR(sgd_step, slot);
}

INLINE void momentum_step(int64_t k, int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *a,
                          const bool nesterov)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left),
              ak = without_dust(load_up_to(a + k, left) * c[1] + gk);
    vec step = ak;
    if (nesterov)
        step = ak * c[1] + gk;
    store_up_to(a + k, ak, left);
    store_up_to(w, wk - step * c[0], left);
}

static void momentum(int64_t n, const tl_real *given, const tl_real *g, tl_real *w, tl_real *const *slot)
{
    FOR_EACH_VECTOR(momentum_step, slot[0], false);
}

static void nesterov(int64_t n, const tl_real *given, const tl_real *g, tl_real *w, tl_real *const *slot)
{
    FOR_EACH_VECTOR(momentum_step, slot[0], true);
}

INLINE void adagrad_step(int64_t k, int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *s)
{
    const vec wk = load_up_to(w, left), before = load_up_to(s + k, left);
    vec gk = load_up_to(g, left);
    IN_REGISTER(gk); /* or gcc squares it early, and fuses nothing across a sanitizer's branch */
    const vec sk = gk * gk + before;
    store_up_to(s + k, sk, left);
    store_up_to(w, wk - gk * c[0] / (root_of(sk) + c[1]), left);
}

static void adagrad(int64_t n, const tl_real *given, const tl_real *g, tl_real *w, tl_real *const *slot)
{
    FOR_EACH_VECTOR(adagrad_step, slot[0]);
}

INLINE void rmsprop_step(int64_t k, int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *s,
                         tl_real *mean, tl_real *a)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left);
    vec square = without_dust(mixed(load_up_to(s + k, left), c[2], gk * c[3] * gk));
    store_up_to(s + k, square, left);
    if (mean) {
        const vec mk = without_dust(mixed(load_up_to(mean + k, left), c[2], gk * c[3]));
        store_up_to(mean + k, mk, left);
        square -= mk * mk;
        square = choose(square < (vec){ 0 }, (vec){ 0 }, square); /* by rounding; a NaN stays */
    }
    vec step = gk / (root_of(square) + c[1]);
    if (a) {
        step = without_dust(load_up_to(a + k, left) * c[4] + step);
        store_up_to(a + k, step, left);
    }
    store_up_to(w, wk - step * c[0], left);
}

static void rmsprop(int64_t n, const tl_real *given, const tl_real *g, tl_real *w, tl_real *const *slot)
{
    FOR_EACH_VECTOR(rmsprop_step, slot[0], slot[1], slot[2]);
}

INLINE void adam_step(int64_t k, int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *m,
                      tl_real *v, tl_real *most)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left);
    const vec mk = without_dust(mixed(load_up_to(m + k, left), c[3], gk * c[4])),
              vk = without_dust(mixed(load_up_to(v + k, left), c[5], gk * c[6] * gk));
    vec square = vk;
    if (most) {
        const vec before = load_up_to(most + k, left);
        square = choose(vk > before, vk, before);
        store_up_to(most + k, square, left);
    }
    store_up_to(w, wk - mk * c[0] / (root_of(square) * c[1] + c[2]), left);
    store_up_to(m + k, mk, left);
    store_up_to(v + k, vk, left);
}

static void adam_plain(int64_t n, const tl_real *given, const tl_real *g, tl_real *w, tl_real *m, tl_real *v)
{
    FOR_EACH_VECTOR(adam_step, m, v, NULL);
}

static void adam(int64_t n, const tl_real *given, const tl_real *g, tl_real *w, tl_real *const *slot)
{
    if (!slot[2]) { /* a loop of its own, which tests nothing */
        adam_plain(n, given, g, w, slot[0], slot[1]);
        return;
    }
    FOR_EACH_VECTOR(adam_step, slot[0], slot[1], slot[2]);
}

const tl_updates TL_LEVEL(updates) = { .sgd = sgd,
                                       .momentum = momentum,
                                       .nesterov = nesterov,
                                       .adagrad = adagrad,
                                       .rmsprop = rmsprop,
                                       .adam = adam };
