/* Aligned heap blocks. Built twice: plainly into the library, with TL_TEST_HOOKS into the tests. */
#define _DEFAULT_SOURCE /* madvise */
#include "lib/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef TL_TEST_HOOKS
#include <stdatomic.h>

static atomic_llong asked, alive, fail_at;

void tl_test_fail_allocation(int64_t k)
{
    atomic_store(&fail_at, k > 0 ? atomic_load(&asked) + k : 0);
}

int64_t tl_test_allocations(void)
{
    return atomic_load(&asked);
}

int64_t tl_test_live_blocks(void)
{
    return atomic_load(&alive);
}

static bool refused(void)
{
    return atomic_fetch_add(&asked, 1) + 1 == atomic_load(&fail_at);
}

static void count(int change)
{
    atomic_fetch_add(&alive, change);
}
#else
static bool refused(void)
{
    return false;
}

static void count(int change)
{
    (void)change;
}
#endif

enum { HUGE_PAGE = 2 << 20 };

/* Large blocks ask for huge pages: a row of a large table at random is else two misses, of the cache and of
 * the page tables. Where the system has none, nothing is lost. */
static bool take(void **p, size_t bytes)
{
    const bool large = bytes >= HUGE_PAGE;
    if (posix_memalign(p, large ? HUGE_PAGE : TL_ALIGN, bytes > 0 ? bytes : 1) != 0)
        return false;
#ifdef MADV_HUGEPAGE
    if (large)
        (void)madvise(*p, bytes, MADV_HUGEPAGE);
#endif
    return true;
}

void *tl_alloc(int64_t n, size_t size)
{
    size_t most = (size_t)PTRDIFF_MAX - TL_ALIGN;
    if (refused() || n < 0 || (size > 0 && (uint64_t)n > most / size))
        return NULL;
    size_t bytes = (size_t)n * size;
    void *p = NULL;
    if (!take(&p, bytes))
        return NULL;
    count(1);
    return p;
}

void *tl_alloc_zero(int64_t n, size_t size)
{
    void *p = tl_alloc(n, size);
    if (p)
        memset(p, 0, (size_t)n * size);
    return p;
}

void tl_free(void *p)
{
    if (p)
        count(-1);
    free(p);
}
