/* Steps of optimizers on runs of weights: one pass over weights, gradients and slots. The formulas are in
 * kernels.h. Whole vectors and the rest go through the same operations, so runs can be split anywhere. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

#include <float.h>
#include <tgmath.h>

#ifdef TULLE_DOUBLE
#define SMALLEST DBL_MIN
#else
#define SMALLEST FLT_MIN
#endif

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

/* Rows of a table are where no prefetcher of a chip expects them. */
INLINE void foresee_run(const tl_update_args r, int64_t i, const int slots)
{
    enum { AHEAD = 6, MOST = 512, LINE = 64 / sizeof(tl_real) };
    if (!r.row || i + AHEAD >= r.n)
        return;
    const int64_t at = r.row[i + AHEAD] * r.width, end = at + (r.width < MOST ? r.width : MOST);
    for (int64_t k = at; k < end; k += LINE) {
        __builtin_prefetch(r.w + k, 1);
        for (int s = 0; s < slots; s++)
            __builtin_prefetch(r.slot[s] + k, 1);
    }
}

/* Calls step(left, c, g, w, slot ..) for each vector of each run, with pointers to what it is about. Runs and
 * constants are copied, or every store would have them loaded again. */
#define FOR_EACH_VECTOR(slots, step, ...)                                                                    \
    do {                                                                                                     \
        const tl_update_args r = *runs;                                                                      \
        const tl_real *given = r.constant,                                                                   \
                      c[] = { given[0], given[1], given[2], given[3], given[4], given[5], given[6] };        \
        for (int64_t i = 0; i < r.n; i++) {                                                                  \
            foresee_run(r, i, slots);                                                                        \
            int64_t at = (r.row ? r.row[i] : i) * r.width;                                                   \
            const tl_real *g = r.g[i], *end = g + r.width;                                                   \
            for (; end - g >= LANES; g += LANES, at += LANES)                                                \
                step(LANES, c, g, r.w + at, __VA_ARGS__);                                                    \
            if (g < end)                                                                                     \
                step(end - g, c, g, r.w + at, __VA_ARGS__);                                                  \
        }                                                                                                    \
    } while (0)
#define SLOT(k) (r.slot[k] + at)

INLINE void sgd_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, const void *none)
{
    (void)none;
    store_up_to(w, load_up_to(w, left) - load_up_to(g, left) * c[0], left);
}

static void sgd(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(0, sgd_step, NULL);
}

INLINE void momentum_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *a,
                          const bool nesterov)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left),
              ak = without_dust(load_up_to(a, left) * c[1] + gk);
    vec step = ak;
    if (nesterov)
        step = ak * c[1] + gk;
    store_up_to(a, ak, left);
    store_up_to(w, wk - step * c[0], left);
}

static void momentum(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(1, momentum_step, SLOT(0), false);
}

static void nesterov(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(1, momentum_step, SLOT(0), true);
}

INLINE void adagrad_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *s)
{
    const vec wk = load_up_to(w, left), before = load_up_to(s, left);
    vec gk = load_up_to(g, left);
    IN_REGISTER(gk); /* or gcc squares it early, and fuses nothing across a sanitizer's branch */
    const vec sk = gk * gk + before;
    store_up_to(s, sk, left);
    store_up_to(w, wk - gk * c[0] / (root_of(sk) + c[1]), left);
}

static void adagrad(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(1, adagrad_step, SLOT(0));
}

/* mean, a: NULL without. */
INLINE void rmsprop_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *s,
                         tl_real *mean, tl_real *a)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left);
    vec square = without_dust(mixed(load_up_to(s, left), c[2], gk * c[3] * gk));
    store_up_to(s, square, left);
    if (mean) {
        const vec mk = without_dust(mixed(load_up_to(mean, left), c[2], gk * c[3]));
        store_up_to(mean, mk, left);
        square -= mk * mk;
        square = choose(square < (vec){ 0 }, (vec){ 0 }, square); /* by rounding; a NaN stays */
    }
    vec step = gk / (root_of(square) + c[1]);
    if (a) {
        step = without_dust(load_up_to(a, left) * c[4] + step);
        store_up_to(a, step, left);
    }
    store_up_to(w, wk - step * c[0], left);
}

static void rmsprop(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(1, rmsprop_step, SLOT(0), NULL, NULL);
}

static void rmsprop_momentum(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(2, rmsprop_step, SLOT(0), NULL, SLOT(1));
}

static void rmsprop_centered(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(2, rmsprop_step, SLOT(0), SLOT(1), NULL);
}

static void rmsprop_centered_momentum(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(3, rmsprop_step, SLOT(0), SLOT(1), SLOT(2));
}

/* most: NULL without. */
INLINE void adam_step(int64_t left, const tl_real *c, const tl_real *g, tl_real *w, tl_real *m, tl_real *v,
                      tl_real *most)
{
    const vec gk = load_up_to(g, left), wk = load_up_to(w, left);
    const vec mk = without_dust(mixed(load_up_to(m, left), c[3], gk * c[4])),
              vk = without_dust(mixed(load_up_to(v, left), c[5], gk * c[6] * gk));
    vec square = vk;
    if (most) {
        const vec before = load_up_to(most, left);
        square = choose(vk > before, vk, before);
        store_up_to(most, square, left);
    }
    store_up_to(w, wk - mk * c[0] / (root_of(square) * c[1] + c[2]), left);
    store_up_to(m, mk, left);
    store_up_to(v, vk, left);
}

static void adam(const tl_update_args *runs)
{
    FOR_EACH_VECTOR(2, adam_step, SLOT(0), SLOT(1), NULL);
}

static void amsgrad(const tl_update_args *runs)
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
    const mask small = (lk <= zero + c[1]) & (lk >= zero - c[1]); /* of a NaN it is false */
    store_up_to(w, choose(small, zero, pull / (root / c[0] + c[2])), left);
    store_up_to(s, sk, left);
    store_up_to(l, lk, left);
}

static void ftrl(const tl_update_args *runs)
{
    if (runs->constant[0] != 0)
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
