/* Selects the table of kernels that this CPU runs. */
#include "lib/kernels/kernels.h"
#include "isa.h"

#include <stdlib.h>
#include <string.h>

extern const tl_kernels tl_baseline_kernels;
#ifdef TL_X86_KERNELS
extern const tl_kernels tl_avx2_kernels, tl_avx512_kernels;

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

static bool always(void)
{
    return true;
}

const tl_kernels *tl_find_kernels(void)
{
    const struct {
        const tl_kernels *table;
        bool (*supported)(void);
    } isa[] = {
    /* the best first */
#ifdef TL_X86_KERNELS
        { &tl_avx512_kernels, has_avx512 },
        { &tl_avx2_kernels, has_avx2 },
#endif
        { &tl_baseline_kernels, always },
    };
    const char *asked = getenv("TULLE_KERNELS");
    const tl_kernels *best = NULL;
    for (size_t k = 0; k < sizeof isa / sizeof *isa; k++)
        if (isa[k].supported()) {
            if (asked && strcmp(asked, isa[k].table->name) == 0)
                return isa[k].table;
            best = best ? best : isa[k].table;
        }
    return best;
}

_Atomic(const tl_kernels *) tl_chosen_kernels;

const tl_kernels *tl_choose_kernels(void)
{
    const tl_kernels *table = tl_find_kernels(); /* every thread chooses the same */
    atomic_store_explicit(&tl_chosen_kernels, table, memory_order_release);
    return table;
}

const char *tl_kernel_level(void)
{
    return tl_kernel_table()->name;
}
