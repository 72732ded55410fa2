/* The worker pool: POSIX threads that spin briefly for the next loop, then block. It is started by the first
 * loop that has use for it and started anew after a fork. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 1024, SPIN = 2000 };

typedef struct loop {
    void (*body)(void *, int64_t, int64_t);
    void *context;
    int64_t n, grain;
} loop;

static struct pool {
    pthread_mutex_t owner; /* held by the thread whose loop runs; others run theirs alone */
    pthread_mutex_t lock;  /* guards the sleep of workers */
    pthread_cond_t wake;
    int workers; /* started so far */
    loop loop;
    atomic_int seats;      /* workers that may still join this loop */
    atomic_uint round;     /* one up for every loop */
    atomic_llong next;     /* first index not yet taken */
    atomic_int unfinished; /* workers that have not left this round */
} pool = { .owner = PTHREAD_MUTEX_INITIALIZER,
           .lock = PTHREAD_MUTEX_INITIALIZER,
           .wake = PTHREAD_COND_INITIALIZER };

static atomic_int threads; /* 0: not yet asked for */
static _Thread_local bool inside;

/* One CPU where the mask cannot be read. */
static int allowed_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > MOST ? MOST : n;
}

tl_status tl_set_num_threads(int n)
{
    if (n < 0 || n > MOST)
        return tl_fail(TL_ERR_ARGUMENT, "set_num_threads: %d is not 0 to %d", n, MOST);
    atomic_store(&threads, n > 0 ? n : allowed_cpus());
    return TL_OK;
}

int tl_num_threads(void)
{
    int n = atomic_load(&threads);
    if (n == 0) {
        const char *text = getenv("TULLE_NUM_THREADS");
        char *end = NULL;
        long asked = text ? strtol(text, &end, 10) : 1;
        bool sound = !text || (end != text && *end == '\0' && asked >= 0 && asked <= MOST);
        n = !sound ? 1 : asked > 0 ? (int)asked : allowed_cpus();
        int unset = 0;
        if (!atomic_compare_exchange_strong(&threads, &unset, n))
            n = unset;
    }
    return n;
}

static void work(const loop *l)
{
    inside = true;
    for (int64_t begin; (begin = atomic_fetch_add(&pool.next, l->grain)) < l->n;)
        l->body(l->context, begin, l->n - begin < l->grain ? l->n : begin + l->grain);
    inside = false;
}

/* Waits until the round is no longer `seen`, and returns the new one. */
static unsigned next_round(unsigned seen)
{
    for (int k = 0; k < SPIN; k++) {
        unsigned now = atomic_load_explicit(&pool.round, memory_order_acquire);
        if (now != seen)
            return now;
        sched_yield();
    }
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.round) == seen)
        pthread_cond_wait(&pool.wake, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    return atomic_load(&pool.round);
}

static void *worker(void *start)
{
    unsigned seen = (unsigned)(uintptr_t)start;
    for (;;) {
        seen = next_round(seen);
        if (atomic_fetch_sub(&pool.seats, 1) > 0)
            work(&pool.loop);
        atomic_fetch_sub_explicit(&pool.unfinished, 1, memory_order_acq_rel);
    }
    return NULL;
}

/* Threads do not survive a fork: the child starts with an empty pool. */
static void after_fork(void)
{
    pool.owner = pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.wake = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pool.workers = 0;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

/* Locks the pool, unless another thread has it. A fork is watched for from before the first lock: the
 * child would else find it locked for ever. */
static bool own_pool(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    return pthread_mutex_trylock(&pool.owner) == 0;
}

/* Starts workers until there are `wanted`; fewer will do where the system has no more. */
static void staff(int wanted)
{
    pthread_attr_t detached;
    if (pool.workers >= wanted || pthread_attr_init(&detached) != 0)
        return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t id;
    uintptr_t round = atomic_load(&pool.round);
    while (pool.workers < wanted && pthread_create(&id, &detached, worker, (void *)round) == 0)
        pool.workers++;
    pthread_attr_destroy(&detached);
}

/* The same pieces, on this thread. */
static void work_alone(const loop *l)
{
    const bool was = inside;
    inside = true;
    for (int64_t begin = 0, end; begin < l->n; begin = end) {
        end = l->n - begin < l->grain ? l->n : begin + l->grain;
        l->body(l->context, begin, end);
    }
    inside = was;
}

void tl_parallel_for(int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *context)
{
    if (grain < 1)
        grain = 1;
    const loop l = { body, context, n, grain };
    int helpers = tl_num_threads() - 1;
    if (helpers == 0 || n <= grain || inside || !own_pool()) {
        work_alone(&l);
        return;
    }
    staff(helpers);
    pool.loop = l;
    atomic_store(&pool.next, 0);
    atomic_store(&pool.seats, helpers);
    atomic_store(&pool.unfinished, pool.workers);
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add_explicit(&pool.round, 1, memory_order_acq_rel);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    work(&pool.loop);
    while (atomic_load_explicit(&pool.unfinished, memory_order_acquire) > 0)
        sched_yield();
    pthread_mutex_unlock(&pool.owner);
}
