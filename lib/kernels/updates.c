/* Steps of optimizers: one pass over weights, gradients and slots. The formulas are in kernels.h. Whole
 * vectors and the tail of a row go through the same operations, so weights can be split anywhere. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"
#include "lib/prefetch.h"

#include <tgmath.h>

/* Returns x, or 0 where |x| < least, the smallest normal number. A decaying average would stick at the
 * smallest subnormal (0.9 times it rounds back), where it moves no weight but slows every step. */
INLINE vec flush_below(vec x, tl_real least)
{
    return (vec)((mask)x & ~((x < (vec){ 0 } + least) & (x > (vec){ 0 } - least)));
}

INLINE vec flush_subnormal(vec x)
{
    return flush_below(x, TL_SMALLEST);
}

/* Returns `least` for averages that are in a quotient with epsilon: 0 if a subnormal one counts beside it. */
INLINE tl_real least_beside(tl_real epsilon)
{
    return epsilon >= TL_FLUSHING_EPSILON ? TL_SMALLEST : 0;
}

/* One step of an exponential moving average: average * decay + term. The term is a product; it is rounded
 * first, so that only the other product can be fused with the sum. Otherwise a compiler may fuse either of
 * them, and not the same one in whole vectors as in a tail. */
INLINE vec ema(vec average, tl_real decay, vec term)
{
    IN_REGISTER(term);
    return average * decay + term;
}

INLINE vec root_of(vec x)
{
    for (int l = 0; l < LANES; l++)
        x[l] = sqrt(x[l]);
    return x;
}

/* Prefetches the row of a table that is updated PREFETCH_DISTANCE rows after row i. */
INLINE void prefetch_row(const tl_update_args a, int64_t i, const int slots)
{
    enum { PREFETCH_DISTANCE = 6, LONGEST = 512 };
    if (!a.row || i + PREFETCH_DISTANCE >= a.n)
        return;
    const int64_t at = a.row[i + PREFETCH_DISTANCE] * a.width;
    tl_prefetch_row(a.w + at, a.width, LONGEST, true);
    for (int s = 0; s < slots; s++)
        tl_prefetch_row(a.slot[s] + at, a.width, LONGEST, true);
}

/* Calls step(left, c, g, w, slot ..) for each vector of each row, with pointers to its values; `left` is at
 * least LANES, or what is left of the row. Arguments and constants are copied: otherwise every store would
 * cause them to be loaded again. */
#define FOR_EACH_VECTOR(slots, step, ...)                                                                    \
    do {                                                                                                     \
        const tl_update_args a = *args;                                                                      \
        const tl_real *given = a.constant,                                                                   \
                      c[] = { given[0], given[1], given[2], given[3], given[4], given[5], given[6] };        \
        for (int64_t i = 0; i < a.n; i++) {                                                                  \
            prefetch_row(a, i, slots);                                                                       \
            int64_t at = (a.row ? a.row[i] : i) * a.width;                                                   \
            const tl_real *g = a.g[i], *end = g + a.width;                                                   \
            for (; end - g >= LANES; g += LANES, at += LANES)                                                \
                step(LANES, c, g, a.w + at, __VA_ARGS__);                                                    \
            if (g < end)                                                                                     \
                step(end - g, c, g, a.w + at, __VA_ARGS__);                                                  \
        }                                                                                                    \
    } while (0)
#define SLOT(k) (a.slot[k] + at)

INLINE void sgd_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, const void *none)
{
    (void)none;
    store_up_to(w, load_up_to(w, left) - load_up_to(g, left) * c[0], left);
}

static void sgd(const tl_update_args *args)
{
    FOR_EACH_VECTOR(0, sgd_step, NULL);
}

INLINE void momentum_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *a,
                          const bool nesterov)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left),
              ak = flush_subnormal(load_up_to(a, left) * c[1] + gk);
    vec step = ak;
    if (nesterov)
        step = ak * c[1] + gk;
    store_up_to(a, ak, left);
    store_up_to(w, wk - step * c[0], left);
}

static void momentum(const tl_update_args *args)
{
    FOR_EACH_VECTOR(1, momentum_step, SLOT(0), false);
}

static void nesterov(const tl_update_args *args)
{
    FOR_EACH_VECTOR(1, momentum_step, SLOT(0), true);
}

INLINE void adagrad_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *s)
{
    const vec wk = load_up_to(w, left), before = load_up_to(s, left);
    vec gk = load_up_to(g, left);
    IN_REGISTER(gk); /* otherwise gcc squares it early, and fuses nothing across a sanitizer's branch */
    const vec sk = gk * gk + before;
    store_up_to(s, sk, left);
    store_up_to(w, wk - gk * c[0] / (root_of(sk) + c[1]), left);
}

static void adagrad(const tl_update_args *args)
{
    FOR_EACH_VECTOR(1, adagrad_step, SLOT(0));
}

/* mean is NULL if not centered, a is NULL without momentum. */
INLINE void rmsprop_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *s,
                         tl_real *mean, tl_real *a)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left);
    const tl_real least = least_beside(c[1]);
    vec square;
    if (mean) {
        const vec before = load_up_to(mean, left), mk = ema(before, c[2], gk * c[3]);
        vec d = gk - before;
        IN_REGISTER(d);
        square = flush_below((d * c[3] * d + load_up_to(s, left)) * c[2], least);
        store_up_to(mean, flush_below(mk, least), left);
    } else {
        square = flush_below(ema(load_up_to(s, left), c[2], gk * c[3] * gk), least);
    }
    store_up_to(s, square, left);
    vec step = gk / (root_of(square) + c[1]);
    if (a) {
        step = flush_subnormal(load_up_to(a, left) * c[4] + step);
        store_up_to(a, step, left);
    }
    store_up_to(w, wk - step * c[0], left);
}

static void rmsprop(const tl_update_args *args)
{
    FOR_EACH_VECTOR(1, rmsprop_step, SLOT(0), NULL, NULL);
}

static void rmsprop_momentum(const tl_update_args *args)
{
    FOR_EACH_VECTOR(2, rmsprop_step, SLOT(0), NULL, SLOT(1));
}

static void rmsprop_centered(const tl_update_args *args)
{
    FOR_EACH_VECTOR(2, rmsprop_step, SLOT(0), SLOT(1), NULL);
}

static void rmsprop_centered_momentum(const tl_update_args *args)
{
    FOR_EACH_VECTOR(3, rmsprop_step, SLOT(0), SLOT(1), SLOT(2));
}

/* max, the maximum of v, is NULL if not amsgrad. */
INLINE void adam_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *m, tl_real *v,
                      tl_real *max)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left);
    const tl_real least = least_beside(c[2]);
    const vec mk = flush_below(ema(load_up_to(m, left), c[3], gk * c[4]), least),
              vk = flush_below(ema(load_up_to(v, left), c[5], gk * c[6] * gk), least);
    vec square = vk;
    if (max) {
        const vec before = load_up_to(max, left);
        square = choose(vk > before, vk, before);
        store_up_to(max, square, left);
    }
    store_up_to(w, wk - mk * c[0] / (root_of(square) * c[1] + c[2]), left);
    store_up_to(m, mk, left);
    store_up_to(v, vk, left);
}

static void adam(const tl_update_args *args)
{
    FOR_EACH_VECTOR(2, adam_step, SLOT(0), SLOT(1), NULL);
}

static void amsgrad(const tl_update_args *args)
{
    FOR_EACH_VECTOR(3, adam_step, SLOT(0), SLOT(1), SLOT(2));
}

INLINE void ftrl_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *s, tl_real *l)
{
    const vec wk = load_up_to(w, left), before = load_up_to(s, left), zero = { 0 };
    vec gk = load_up_to(g, left);
    IN_REGISTER(gk); /* as in adagrad */
    const vec sk = gk * gk + before, root = root_of(sk);
    const vec lk = load_up_to(l, left) + (gk - (root - root_of(before)) / c[0] * wk);
    const vec pull = choose(lk > zero, zero + c[1], zero - c[1]) - lk;
    const mask small = (lk <= zero + c[1]) & (lk >= zero - c[1]); /* false for a NaN */
    store_up_to(w, choose(small, zero, pull / (root / c[0] + c[2])), left);
    store_up_to(s, sk, left);
    store_up_to(l, lk, left);
}

static void ftrl(const tl_update_args *args)
{
    if (args->constant[0] != 0)
        FOR_EACH_VECTOR(2, ftrl_step, SLOT(0), SLOT(1));
}

const tl_updates TL_ISA(updates) = { .sgd = sgd,
                                     .momentum = momentum,
                                     .nesterov = nesterov,
                                     .adagrad = adagrad,
                                     .rmsprop = { { rmsprop, rmsprop_momentum },
                                                  { rmsprop_centered, rmsprop_centered_momentum } },
                                     .adam = adam,
                                     .amsgrad = amsgrad,
                                     .ftrl = ftrl };
