/* A limit of the address space, for files that make a reader take too much of it. */
#ifndef TL_MEMORY_LIMIT_H
#define TL_MEMORY_LIMIT_H

#include "tests/testing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Limits the address space, and returns the limit before. Not under a sanitizer or valgrind, whose own memory
 * counts. */
static inline rlim_t limit_memory(rlim_t bytes)
{
#if defined(__SANITIZE_ADDRESS__) || defined(NO_THREADS_AFTER_FORK)
    return bytes;
#else
    const char *preloaded = getenv("LD_PRELOAD");
    if (preloaded && strstr(preloaded, "vgpreload"))
        return bytes;
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    return before;
#endif
}

#endif
