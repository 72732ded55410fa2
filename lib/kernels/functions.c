/* Elementwise functions: the C library's vector functions if it has them, otherwise lane by lane. The tail
 * goes through a whole vector, too, so that a result does not depend on where the number is stored. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

#include <tgmath.h>

#ifdef TL_HAVE_MVEC
/* Their names (x86 vector function ABI): instruction set, lanes, and the scalar function. */
#ifdef TULLE_DOUBLE
#define NAMED(set, in_float, in_double, name) "_ZGV" set "N" in_double "v_" name
#else
#define NAMED(set, in_float, in_double, name) "_ZGV" set "N" in_float "v_" name "f"
#endif
#if VEC_BYTES == 64
#define VECTOR(name) NAMED("e", "16", "8", name)
#elif VEC_BYTES == 32
#define VECTOR(name) NAMED("d", "8", "4", name)
#else
#define VECTOR(name) NAMED("b", "4", "2", name)
#endif
vec exp_of(vec x) __asm__(VECTOR("exp"));
vec tanh_of(vec x) __asm__(VECTOR("tanh"));
vec log1p_of(vec x) __asm__(VECTOR("log1p"));
#else
INLINE vec exp_of(vec x)
{
    for (int l = 0; l < LANES; l++)
        x[l] = exp(x[l]);
    return x;
}

INLINE vec tanh_of(vec x)
{
    for (int l = 0; l < LANES; l++)
        x[l] = tanh(x[l]);
    return x;
}

INLINE vec log1p_of(vec x)
{
    for (int l = 0; l < LANES; l++)
        x[l] = log1p(x[l]);
    return x;
}
#endif

/* In the form that does not overflow. */
INLINE vec sigmoid_of(vec x)
{
    const vec one = (vec){ 0 } + 1, e = exp_of(choose(x < 0, x, -x));
    return choose(x < 0, e, one) / (one + e);
}

#define ELEMENTWISE(name)                                                                                    \
    void TL_ISA(name)(int64_t n, const tl_real *x, tl_real *y)                                               \
    {                                                                                                        \
        int64_t k = 0;                                                                                       \
        for (; k + LANES <= n; k += LANES)                                                                   \
            store(y + k, name##_of(load(x + k)));                                                            \
        if (k < n)                                                                                           \
            store_first(y + k, name##_of(load_first(x + k, n - k)), n - k);                                  \
    }

ELEMENTWISE(exp)
ELEMENTWISE(tanh)
ELEMENTWISE(log1p)
ELEMENTWISE(sigmoid)
