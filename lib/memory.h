/* Every heap block of the library comes from here: sizes are checked for overflow, blocks are aligned to
 * cache lines, and a test build can make the k-th allocation fail. */
#ifndef TL_MEMORY_H
#define TL_MEMORY_H

#include "base.h"

#define TL_ALIGN 64

/* n elements of `size` bytes, 64-byte aligned; NULL if memory is short or n * size overflows (n < 0
 * included). n = 0 gives a block that must be freed as any other. tl_alloc_zero clears it. */
void *tl_alloc(int64_t n, size_t size);
void *tl_alloc_zero(int64_t n, size_t size);
void tl_free(void *p);

#ifdef TL_TEST_HOOKS
/* Test builds only. The k-th allocation from now (1 is the next) fails, and only it; 0: none fails. */
void tl_test_fail_allocation(int64_t k);
/* Allocations asked for since the program started, and blocks alive now. */
int64_t tl_test_allocations(void);
int64_t tl_test_live_blocks(void);
#endif

#endif
