/* The allocator of the checks: the default one, with counts, failures on demand, and NaN in new blocks. */
#include "allocator.h"
#include "graph/check/op_check_private.h"

#include <stdatomic.h>
#include <string.h>

static atomic_llong asked, alive, fail_at;
static atomic_bool is_set, poisons;

static void *allocate(void *context, size_t alignment, size_t size)
{
    const tl_allocator *base = context;
    if (atomic_fetch_add(&asked, 1) + 1 == atomic_load(&fail_at))
        return NULL;
    void *block = base->allocate(base->context, alignment, size);
    if (!block)
        return NULL;
    atomic_fetch_add(&alive, 1);
    return atomic_load(&poisons) ? memset(block, 0xff, size) : block; /* NaN in each number type */
}

static void release(void *context, void *block)
{
    const tl_allocator *base = context;
    atomic_fetch_sub(&alive, 1);
    base->release(base->context, block);
}

tl_status tl_check_set_allocator(void)
{
    if (atomic_load(&is_set))
        return TL_OK;
    const tl_status status = tl_set_allocator(&(tl_allocator){
        .context = (void *)(uintptr_t)tl_default_allocator(),
        .allocate = allocate,
        .release = release,
    });
    atomic_store(&is_set, status == TL_OK);
    return status;
}

void tl_check_fail_allocation(int64_t k)
{
    atomic_store(&fail_at, k > 0 ? atomic_load(&asked) + k : 0);
}

int64_t tl_check_allocations(void)
{
    return atomic_load(&asked);
}

int64_t tl_check_live_blocks(void)
{
    return atomic_load(&alive);
}

void tl_check_poison(bool on)
{
    atomic_store(&poisons, on);
}
