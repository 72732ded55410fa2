/* The worker pool: POSIX threads that spin briefly for the next loop, then block. It is started by the first
 * loop that has use for it and started anew after a fork. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 1024, SPIN = 1 << 14 };

typedef struct loop {
    void (*body)(void *, int64_t, int64_t);
    void *context;
    int64_t n, grain, pieces;
    int shares;
} loop;

/* Each thread begins with a share of its own, the same in every loop: what it wrote in the loop before is
 * then in its cache. */
typedef struct share {
    _Alignas(64) atomic_llong next; /* first piece not yet taken */
} share;

/* A ticket: the number of the loop, from 1, above the seats that are free in it. */
enum { SEAT_BITS = 16, SEATS = (1 << SEAT_BITS) - 1 };

static struct pool {
    pthread_mutex_t owner; /* held by the thread whose loop runs; others run theirs alone */
    pthread_mutex_t lock;  /* guards the sleep of workers */
    pthread_cond_t wake;
    int workers; /* started so far */
    loop loop;
    share share[MOST];
    atomic_ullong ticket;
    atomic_int finished; /* workers that took a seat in this loop and have left it */
    atomic_int asleep;
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

static void run_piece(const loop *l, int64_t piece)
{
    const int64_t begin = piece * l->grain;
    l->body(l->context, begin, l->n - begin < l->grain ? l->n : begin + l->grain);
}

/* The first piece of share q. */
static int64_t share_begin(const loop *l, int q)
{
    const int64_t more = l->pieces % l->shares;
    return l->pieces / l->shares * q + (q < more ? q : more);
}

/* Works off a thread's own share, then what is left of the others'. */
static void work(const loop *l, int own)
{
    inside = true;
    for (int k = 0; k < l->shares; k++) {
        const int q = (own + k) % l->shares;
        const int64_t end = share_begin(l, q + 1);
        atomic_llong *next = &pool.share[q].next;
        for (int64_t piece; atomic_load(next) < end && (piece = atomic_fetch_add(next, 1)) < end;)
            run_piece(l, piece);
    }
    inside = false;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t number_of(uint64_t ticket)
{
    return ticket >> SEAT_BITS;
}

/* How long to spin: not at all where threads share processors, nor a worker that is not needed now. */
static int patience(int index)
{
    static atomic_int cpus;
    int n = atomic_load_explicit(&cpus, memory_order_relaxed);
    if (n == 0)
        atomic_store_explicit(&cpus, n = allowed_cpus(), memory_order_relaxed);
    return index < tl_num_threads() && tl_num_threads() <= n ? SPIN : 0;
}

/* Waits for a loop after number `seen`. A worker counts itself asleep before it looks for the last time, and
 * the owner looks for sleepers after it has numbered its loop: one of them sees the other. */
static void wait_for_loop(uint64_t seen, int index)
{
    for (int k = patience(index); k > 0; k--) {
        if (number_of(atomic_load_explicit(&pool.ticket, memory_order_relaxed)) != seen)
            return;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.asleep, 1);
    while (number_of(atomic_load(&pool.ticket)) == seen)
        pthread_cond_wait(&pool.wake, &pool.lock);
    atomic_fetch_sub(&pool.asleep, 1);
    pthread_mutex_unlock(&pool.lock);
}

/* A worker's number, from 1, below the number of the last loop that it is too late for. */
enum { INDEX_BITS = 11 };

static void *worker(void *start)
{
    const int index = (int)((uintptr_t)start & ((1 << INDEX_BITS) - 1));
    uint64_t seen = (uintptr_t)start >> INDEX_BITS;
    for (;;) {
        wait_for_loop(seen, index);
        unsigned long long ticket = atomic_load(&pool.ticket);
        while (number_of(ticket) != seen && (ticket & SEATS) > 0)
            if (atomic_compare_exchange_weak(&pool.ticket, &ticket, ticket - 1)) {
                /* the loop stays as it is for as long as someone has a seat */
                work(&pool.loop, index % pool.loop.shares);
                atomic_fetch_add_explicit(&pool.finished, 1, memory_order_release);
                break;
            }
        seen = number_of(ticket);
    }
    return NULL;
}

/* Numbers the loop and offers its seats. */
static void open_loop(const loop *l, int seats)
{
    pool.loop = *l;
    for (int q = 0; q < l->shares; q++)
        atomic_store_explicit(&pool.share[q].next, share_begin(l, q), memory_order_relaxed);
    atomic_store(&pool.finished, 0);
    atomic_store(&pool.ticket, (number_of(atomic_load(&pool.ticket)) + 1) << SEAT_BITS | (unsigned)seats);
    if (atomic_load(&pool.asleep) > 0) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
}

/* Takes back the seats that nobody took, and waits for those who did. */
static void close_loop(int seats)
{
    const int taken = seats - (int)(atomic_fetch_and(&pool.ticket, ~(unsigned long long)SEATS) & SEATS);
    for (int k = patience(0); atomic_load_explicit(&pool.finished, memory_order_acquire) < taken;)
        if (k > 0) {
            relax();
            k--;
        } else {
            sched_yield();
        }
}

/* Threads do not survive a fork: the child starts with an empty pool. */
static void after_fork(void)
{
    pool.owner = pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.wake = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pool.workers = 0;
    atomic_store(&pool.asleep, 0);
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

/* Starts workers until there are `wanted`; fewer will do where the system has no more. They take no signals
 * but those of their own faults: the others are for the program's own threads. */
static void staff(int wanted)
{
    pthread_attr_t detached;
    if (pool.workers >= wanted || pthread_attr_init(&detached) != 0)
        return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t id;
    sigset_t all, mask;
    sigfillset(&all);
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    for (size_t k = 0; k < sizeof faults / sizeof *faults; k++)
        sigdelset(&all, faults[k]);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    const uintptr_t seen = (uintptr_t)number_of(atomic_load(&pool.ticket)) << INDEX_BITS;
    while (pool.workers < wanted &&
           pthread_create(&id, &detached, worker, (void *)(seen | (unsigned)(pool.workers + 1))) == 0)
        pool.workers++;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    pthread_attr_destroy(&detached);
}

/* The same pieces, on this thread. */
static void work_alone(const loop *l)
{
    const bool was = inside;
    inside = true;
    for (int64_t piece = 0; piece < l->pieces; piece++)
        run_piece(l, piece);
    inside = was;
}

void tl_parallel_for(int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *context)
{
    if (n <= 0)
        return;
    if (grain < 1)
        grain = 1;
    const int64_t pieces = n / grain + (n % grain != 0);
    const int helpers = tl_num_threads() - 1;
    const loop l = { .body = body,
                     .context = context,
                     .n = n,
                     .grain = grain,
                     .pieces = pieces,
                     .shares = pieces <= helpers ? (int)pieces : helpers + 1 };
    if (helpers == 0 || n <= grain || inside || !own_pool()) {
        work_alone(&l);
        return;
    }
    staff(helpers);
    open_loop(&l, helpers);
    work(&l, 0);
    close_loop(helpers);
    pthread_mutex_unlock(&pool.owner);
}

void tl_parallel_rows(int64_t n, int64_t width, void (*body)(void *, int64_t, int64_t), void *context)
{
    const int64_t grain = width < 0 ? 1 + TL_GRAIN : width < TL_GRAIN ? 1 + TL_GRAIN / (1 + width) : 1;
    tl_parallel_for(n, grain, body, context);
}
