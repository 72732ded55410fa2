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

/* The kinds of steps, as compile-time constants: one function has all of their arithmetic, and both loops
 * below inline the part of one kind. */
enum {
    SGD,
    MOMENTUM,
    NESTEROV,
    ADAGRAD,
    RMSPROP,
    RMSPROP_MOMENTUM,
    RMSPROP_CENTERED,
    RMSPROP_CENTERED_MOMENTUM,
    ADAM,
    AMSGRAD,
    FTRL
};

/* A vector of weights with its slots. */
typedef struct state {
    vec w, s[3];
} state;

INLINE void momentum_step(const tl_real *c, const vec g, state *x, const bool nesterov)
{
    x->s[0] = flush_subnormal(x->s[0] * c[1] + g);
    vec step = x->s[0];
    if (nesterov)
        step = step * c[1] + g;
    x->w = x->w - step * c[0];
}

INLINE void adagrad_step(const tl_real *c, vec g, state *x)
{
    IN_REGISTER(g); /* otherwise gcc squares it early, and fuses nothing across a sanitizer's branch */
    x->s[0] = g * g + x->s[0];
    x->w = x->w - g * c[0] / (root_of(x->s[0]) + c[1]);
}

INLINE void rmsprop_step(const tl_real *c, const vec g, state *x, const bool centered, const bool momentum)
{
    const tl_real least = least_beside(c[1]);
    if (centered) {
        const vec mean = ema(x->s[1], c[2], g * c[3]);
        vec d = g - x->s[1];
        IN_REGISTER(d);
        x->s[0] = flush_below((d * c[3] * d + x->s[0]) * c[2], least);
        x->s[1] = flush_below(mean, least);
    } else {
        x->s[0] = flush_below(ema(x->s[0], c[2], g * c[3] * g), least);
    }
    vec step = g / (root_of(x->s[0]) + c[1]);
    if (momentum) {
        vec *a = &x->s[centered ? 2 : 1];
        step = flush_subnormal(*a * c[4] + step);
        *a = step;
    }
    x->w = x->w - step * c[0];
}

INLINE void adam_step(const tl_real *c, const vec g, state *x, const bool amsgrad)
{
    const tl_real least = least_beside(c[2]);
    x->s[0] = flush_below(ema(x->s[0], c[3], g * c[4]), least);
    x->s[1] = flush_below(ema(x->s[1], c[5], g * c[6] * g), least);
    vec square = x->s[1];
    if (amsgrad) {
        square = choose(square > x->s[2], square, x->s[2]);
        x->s[2] = square;
    }
    x->w = x->w - x->s[0] * c[0] / (root_of(square) * c[1] + c[2]);
}

INLINE void ftrl_step(const tl_real *c, vec g, state *x)
{
    const vec zero = { 0 }, before = x->s[0];
    IN_REGISTER(g); /* as in adagrad */
    x->s[0] = g * g + before;
    const vec root = root_of(x->s[0]), l = x->s[1] + (g - (root - root_of(before)) / c[0] * x->w);
    const vec pull = choose(l > zero, zero + c[1], zero - c[1]) - l;
    const mask small = (l <= zero + c[1]) & (l >= zero - c[1]); /* false for a NaN */
    x->w = choose(small, zero, pull / (root / c[0] + c[2]));
    x->s[1] = l;
}

INLINE void step_of(const int kind, const tl_real *c, const vec g, state *x)
{
    switch (kind) {
    case SGD: x->w = x->w - g * c[0]; break;
    case MOMENTUM:
    case NESTEROV: momentum_step(c, g, x, kind == NESTEROV); break;
    case ADAGRAD: adagrad_step(c, g, x); break;
    case ADAM:
    case AMSGRAD: adam_step(c, g, x, kind == AMSGRAD); break;
    case FTRL:
        if (c[0] != 0)
            ftrl_step(c, g, x);
        break;
    default:
        rmsprop_step(c, g, x, kind == RMSPROP_CENTERED || kind == RMSPROP_CENTERED_MOMENTUM,
                     kind == RMSPROP_MOMENTUM || kind == RMSPROP_CENTERED_MOMENTUM);
    }
}

INLINE state load_state(const tl_update_args *a, int64_t at, int64_t left, const int slots)
{
    state x = { .w = load_up_to(a->w + at, left) };
    for (int k = 0; k < slots; k++)
        x.s[k] = load_up_to(a->slot[k] + at, left);
    return x;
}

INLINE void store_state(const tl_update_args *a, int64_t at, int64_t left, const int slots, const state *x)
{
    store_up_to(a->w + at, x->w, left);
    for (int k = 0; k < slots; k++)
        store_up_to(a->slot[k] + at, x->s[k], left);
}

/* ---- One step with gradients ---- */

INLINE void step_vector(const tl_update_args *a, const int kind, const int slots, const tl_real *c,
                        const tl_real *g, int64_t at, int64_t left)
{
    state x = load_state(a, at, left, slots);
    step_of(kind, c, load_up_to(g, left), &x);
    store_state(a, at, left, slots, &x);
}

/* Arguments and constants are copied: otherwise every store would cause them to be loaded again. */
INLINE void step_rows(const tl_update_args *args, const int kind, const int slots)
{
    const tl_update_args a = *args;
    const tl_real *given = a.constant,
                  c[] = { given[0], given[1], given[2], given[3], given[4], given[5], given[6] };
    for (int64_t i = 0; i < a.n; i++) {
        prefetch_row(a, i, slots);
        int64_t at = (a.row ? a.row[i] : i) * a.width;
        const tl_real *g = a.g[i], *end = g + a.width;
        for (; end - g >= LANES; g += LANES, at += LANES)
            step_vector(&a, kind, slots, c, g, at, LANES);
        if (g < end)
            step_vector(&a, kind, slots, c, g, at, end - g);
    }
}

/* ---- Several steps without gradients, while weights and slots are in registers ---- */

enum { TOGETHER = 4, LOOK = 16 }; /* vectors, whose chains of steps overlap; steps between looks for rest */

typedef tl_lane steps __attribute__((vector_size(VEC_BYTES), aligned(sizeof(tl_lane)), may_alias));

/* The gradient is 0, or what weight decay makes of it. */
INLINE void replay_step(const int kind, const tl_real *c, const tl_decay decay, state *x)
{
    vec g = { 0 };
    if (decay == TL_DECAY_DECOUPLED) {
        x->w = x->w * c[TL_DECAY_CONSTANT];
        IN_REGISTER(x->w);
    } else if (decay == TL_DECAY_COUPLED) {
        vec decayed = x->w * c[TL_DECAY_CONSTANT];
        IN_REGISTER(decayed);
        g = g + decayed;
    }
    IN_REGISTER(g); /* otherwise clang multiplies it before the branches join, and fuses nothing */
    step_of(kind, c, g, x);
}

/* Some lanes only; the others keep all they have. */
INLINE void replay_lanes(const int kind, const int slots, const tl_real *c, const tl_decay decay, mask lanes,
                         state *x)
{
    const state before = *x;
    replay_step(kind, c, decay, x);
    IN_REGISTER(x->w); /* otherwise clang chooses between terms instead of sums, and fuses nothing */
    x->w = choose(lanes, x->w, before.w);
    for (int k = 0; k < slots; k++) {
        IN_REGISTER(x->s[k]);
        x->s[k] = choose(lanes, x->s[k], before.s[k]);
    }
}

/* Checks that the condition holds in every lane. */
INLINE bool all_of(mask m)
{
    bool all = true;
    for (int l = 0; l < LANES; l++)
        all &= m[l] != 0;
    return all;
}

/* Checks that a step with a gradient of 0 moves no weight from now on: what it subtracts is +0 divided by
 * something positive. (An average of -0 still becomes +0.) c: constants of the last step, after which a
 * divisor that is positive was so before. */
INLINE bool at_rest(const int kind, const tl_real *c, const state *x)
{
    const vec zero = { 0 }, infinite = zero + (tl_real)INFINITY;
    switch (kind) {
    case MOMENTUM:
    case NESTEROV: return all_of((mask)x->s[0] == (mask)zero);
    case RMSPROP: return c[1] > 0 && all_of((x->s[0] >= zero) & (x->s[0] < infinite));
    case RMSPROP_MOMENTUM:
        return c[1] > 0 && all_of((x->s[0] >= zero) & (x->s[0] < infinite) & ((mask)x->s[1] == (mask)zero));
    case ADAM:
        return c[2] > 0 && all_of(((mask)x->s[0] == (mask)zero) & (x->s[1] >= zero) & (x->s[1] < infinite));
    default: return false;
    }
}

/* What is left of a step then. */
INLINE void rest(const int kind, const tl_real *c, const tl_decay decay, state *x)
{
    const vec zero = { 0 };
    if (decay == TL_DECAY_DECOUPLED)
        x->w = x->w * c[TL_DECAY_CONSTANT];
    if (kind == RMSPROP || kind == RMSPROP_MOMENTUM)
        x->s[0] = flush_below(x->s[0] * c[2] + zero, least_beside(c[1]));
    if (kind == ADAM)
        x->s[1] = flush_below(x->s[1] * c[5] + zero, least_beside(c[2]));
}

INLINE void replay_vectors(const tl_update_args *a, const int kind, const int slots, const int vectors,
                           int64_t at, int64_t left)
{
    state x[TOGETHER];
    int64_t begin = 0, all = 0; /* the first step that any lane takes, and that all take */
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        x[v] = load_state(a, at + v * LANES, left - v * LANES, slots);
    if (a->first) {
        const int64_t end = left < vectors * LANES ? left : vectors * LANES;
        all = a->first[at + end - 1] < a->n ? a->first[at + end - 1] : a->n;
        begin = a->first[at] < all ? a->first[at] : all;
    }
    const tl_real *c = a->constant + begin * TL_STEP_CONSTANTS;
    for (int64_t k = begin; k < all; k++, c += TL_STEP_CONSTANTS)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            const steps first = (steps)load_up_to((const tl_real *)a->first + at + v * LANES,
                                                  left - v * LANES),
                        now = (steps){ 0 } + (tl_lane)k;
            replay_lanes(kind, slots, c, a->decay, (mask)(first <= now), &x[v]);
        }
    const tl_real *last = a->constant + (a->n - 1) * TL_STEP_CONSTANTS;
    int64_t k = all;
    while (k < a->n) {
        bool still = a->decay != TL_DECAY_COUPLED;
#pragma GCC unroll 4
        for (int v = 0; v < vectors && still; v++)
            still = at_rest(kind, last, &x[v]);
        if (still)
            break;
        const int64_t end = a->n - k < LOOK ? a->n : k + LOOK;
        for (; k < end; k++, c += TL_STEP_CONSTANTS)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                replay_step(kind, c, a->decay, &x[v]);
    }
    const bool changes = a->decay != TL_DECAY_NONE || kind == RMSPROP || kind == RMSPROP_MOMENTUM ||
                         kind == ADAM;
    for (; k < a->n && changes; k++, c += TL_STEP_CONSTANTS)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            rest(kind, c, a->decay, &x[v]);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        store_state(a, at + v * LANES, left - v * LANES, slots, &x[v]);
}

INLINE void replay(const tl_update_args *args, const int kind, const int slots)
{
    const tl_update_args a = *args;
    int64_t at = 0;
    for (; a.width - at >= TOGETHER * LANES; at += TOGETHER * LANES)
        replay_vectors(&a, kind, slots, TOGETHER, at, TOGETHER * LANES);
    for (; at < a.width; at += LANES)
        replay_vectors(&a, kind, slots, 1, at, a.width - at < LANES ? a.width - at : LANES);
}

/* ---- The table ---- */

#define KERNEL(name, kind, slots)                                                                            \
    static void name(const tl_update_args *args)                                                             \
    {                                                                                                        \
        if (args->g)                                                                                         \
            step_rows(args, kind, slots);                                                                    \
        else                                                                                                 \
            replay(args, kind, slots);                                                                       \
    }

KERNEL(sgd, SGD, 0)
KERNEL(momentum, MOMENTUM, 1)
KERNEL(nesterov, NESTEROV, 1)
KERNEL(adagrad, ADAGRAD, 1)
KERNEL(rmsprop, RMSPROP, 1)
KERNEL(rmsprop_momentum, RMSPROP_MOMENTUM, 2)
KERNEL(rmsprop_centered, RMSPROP_CENTERED, 2)
KERNEL(rmsprop_centered_momentum, RMSPROP_CENTERED_MOMENTUM, 3)
KERNEL(adam, ADAM, 2)
KERNEL(amsgrad, AMSGRAD, 3)
KERNEL(ftrl, FTRL, 2)

const tl_updates TL_ISA(updates) = { .sgd = sgd,
                                     .momentum = momentum,
                                     .nesterov = nesterov,
                                     .adagrad = adagrad,
                                     .rmsprop = { { rmsprop, rmsprop_momentum },
                                                  { rmsprop_centered, rmsprop_centered_momentum } },
                                     .adam = adam,
                                     .amsgrad = amsgrad,
                                     .ftrl = ftrl };
