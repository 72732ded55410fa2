/* Loops of which a test sees whether they cover everything once, and on how many threads. Needs _GNU_SOURCE
 * (sched_getaffinity). */
#ifndef TL_LOOPS_H
#define TL_LOOPS_H

#include "tests/testing.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { N = 3000, MAX_THREADS = 1024 };

static inline void one_thread(void)
{
    tl_set_num_threads(1);
}

static inline int available_cpus(void)
{
#ifdef __linux__
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    return CPU_COUNT(&set);
#else
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
}

typedef struct cover {
    int64_t n, grain;
    atomic_int hits[N], wrong; /* wrong: tasks that do not begin or end where they should */
} cover;

static inline void count_hits(void *context, int64_t begin, int64_t end)
{
    cover *c = context;
    int64_t grain = c->grain < 1 ? 1 : c->grain;
    if (begin < 0 || begin % grain != 0 || end != (c->n - begin < grain ? c->n : begin + grain))
        atomic_fetch_add(&c->wrong, 1);
    for (int64_t k = begin; k < end && k < N; k++)
        atomic_fetch_add(&c->hits[k], 1);
}

static inline cover *prepare_cover(int64_t n, int64_t grain)
{
    static _Thread_local cover c;
    c.n = n;
    c.grain = grain;
    atomic_store(&c.wrong, 0);
    for (int64_t k = 0; k < N; k++)
        atomic_store(&c.hits[k], 0);
    return &c;
}

static inline bool is_covered(const cover *c)
{
    bool sound = atomic_load(&c->wrong) == 0;
    for (int64_t k = 0; k < N; k++)
        sound = sound && atomic_load(&c->hits[k]) == (k < c->n);
    return sound;
}

/* Checks that a loop over n covers each index once, in the tasks that n and the grain alone determine. */
static inline bool covers(int64_t n, int64_t grain)
{
    cover *c = prepare_cover(n, grain);
    tl_parallel_for(n, grain, count_hits, c);
    return is_covered(c);
}

typedef struct meeting {
    int expected;
    atomic_int here;
} meeting;

/* Waits until all are here, for half a minute at most. */
static inline void meet(void *context, int64_t begin, int64_t end)
{
    meeting *m = context;
    (void)begin;
    (void)end;
    time_t start = time(NULL);
    atomic_fetch_add(&m->here, 1);
    for (int here = 0; here >= 0 && here < m->expected; here = atomic_load(&m->here)) {
        sched_yield();
        if (time(NULL) - start > 30)
            atomic_store(&m->here, -MAX_THREADS); /* given up, for all */
    }
}

/* Returns whether all n tasks of a loop run at the same time. */
static inline bool all_meet(int n)
{
    meeting m = { .expected = n };
    tl_parallel_for(n, 1, meet, &m);
    return atomic_load(&m.here) == n;
}

#endif
