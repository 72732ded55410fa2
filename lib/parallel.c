/* The worker pool: POSIX threads that spin briefly for the next loop, then block. The first loop that can use
 * them starts them; after a fork the child's first loop starts them anew. */
#define _GNU_SOURCE      /* sched_getaffinity */
#define _DARWIN_C_SOURCE /* _SC_NPROCESSORS_ONLN */
#include "parallel.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 1024, SPINS = 1 << 14 };

/* How the CPU rounds and whether it flushes subnormals: each thread has its own. Workers take it from the
 * thread whose loop runs, so that the bits do not depend on which thread computes them. */
#if defined(__SSE__)
typedef unsigned float_mode;

enum { EXCEPTION_FLAGS = 0x3f }; /* of MXCSR: no mode, and a thread's own */

static float_mode get_float_mode(void)
{
    return __builtin_ia32_stmxcsr() & ~(unsigned)EXCEPTION_FLAGS;
}

static void set_float_mode(float_mode mode)
{
    if (mode != get_float_mode())
        __builtin_ia32_ldmxcsr(mode | (__builtin_ia32_stmxcsr() & EXCEPTION_FLAGS));
}
#elif defined(__aarch64__)
typedef uint64_t float_mode;

static float_mode get_float_mode(void)
{
    float_mode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

static void set_float_mode(float_mode mode)
{
    if (mode != get_float_mode())
        __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else
typedef int float_mode;

static float_mode get_float_mode(void)
{
    return fegetround();
}

static void set_float_mode(float_mode mode)
{
    if (mode != get_float_mode())
        fesetround(mode);
}
#endif

typedef struct loop {
    void (*body)(void *, int64_t, int64_t);
    void *context;
    int64_t n, grain, tasks;
    int shares;
    float_mode mode;
} loop;

/* The range of tasks that a thread runs first. Loops with the same number of tasks have the same shares, so
 * that a thread finds in its cache what it wrote in the loop before. */
typedef struct share {
    _Alignas(64) atomic_llong next; /* first task that nobody has taken */
} share;

/* Ticket = loop number (from 1) << SLOT_BITS | free slots, one for each worker that may still join. */
enum { SLOT_BITS = 16, SLOTS = (1 << SLOT_BITS) - 1 };

/* The argument of a new worker. */
typedef struct start {
    int index;     /* from 1; 0 is the thread whose loop runs */
    uint64_t seen; /* number of the last loop, which the worker must not join */
} start;

static struct pool {
    pthread_mutex_t owner; /* held by the thread whose loop runs; the others run theirs serially */
    pthread_mutex_t lock;  /* guards the sleep of workers */
    pthread_cond_t wake;
    int workers; /* started so far */
    loop loop;
    share share[MAX_THREADS];
    start start[MAX_THREADS];
    atomic_ullong ticket;
    atomic_int finished; /* workers that took a slot in this loop and have left it */
    atomic_int asleep;
} pool = { .owner = PTHREAD_MUTEX_INITIALIZER,
           .lock = PTHREAD_MUTEX_INITIALIZER,
           .wake = PTHREAD_COND_INITIALIZER };

static atomic_int threads; /* 0: TULLE_NUM_THREADS was not read yet */
static _Thread_local bool in_parallel;

/* Returns the number of CPUs that this process may use, 1 if that is unknown. */
static int available_cpus(void)
{
    long n = 1;
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
#elif defined(_SC_NPROCESSORS_ONLN)
    n = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

tl_status tl_set_num_threads(int n)
{
    if (n < 0 || n > MAX_THREADS)
        return tl_fail(TL_ERR_ARGUMENT, "set_num_threads: %d is not in 0..%d", n, MAX_THREADS);
    atomic_store(&threads, n > 0 ? n : available_cpus());
    return TL_OK;
}

/* Returns the number of threads that TULLE_NUM_THREADS asks for, 1 if it is unset or invalid. */
static int threads_of_environment(void)
{
    const char *text = getenv("TULLE_NUM_THREADS");
    if (!text)
        return 1;
    char *end = NULL;
    const long asked = strtol(text, &end, 10);
    if (end == text || *end != '\0' || asked < 0 || asked > MAX_THREADS)
        return 1;
    return asked > 0 ? (int)asked : available_cpus();
}

int tl_num_threads(void)
{
    int n = atomic_load(&threads);
    if (n == 0) {
        const int asked = threads_of_environment();
        if (atomic_compare_exchange_strong(&threads, &n, asked))
            n = asked;
    }
    return n;
}

static void run_task(const loop *l, int64_t task)
{
    const int64_t begin = task * l->grain;
    l->body(l->context, begin, l->n - begin < l->grain ? l->n : begin + l->grain);
}

/* Returns the first task of share q. */
static int64_t share_begin(const loop *l, int q)
{
    const int64_t more = l->tasks % l->shares;
    return l->tasks / l->shares * q + (q < more ? q : more);
}

/* Runs the tasks of a thread's own share, then what is left of the others'. */
static void work(const loop *l, int own)
{
    in_parallel = true;
    for (int k = 0; k < l->shares; k++) {
        const int q = (own + k) % l->shares;
        const int64_t end = share_begin(l, q + 1);
        atomic_llong *next = &pool.share[q].next;
        while (atomic_load(next) < end) {
            const int64_t task = atomic_fetch_add(next, 1);
            if (task < end)
                run_task(l, task);
        }
    }
    in_parallel = false;
}

/* Tells the CPU that this is a spin loop. */
static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t number_of(uint64_t ticket)
{
    return ticket >> SLOT_BITS;
}

/* Returns the spins before blocking: 0 if there are more threads than CPUs, and for workers above the current
 * thread count. */
static int spin_count(int index)
{
    static atomic_int cpus;
    int n = atomic_load_explicit(&cpus, memory_order_relaxed);
    if (n == 0) {
        n = available_cpus();
        atomic_store_explicit(&cpus, n, memory_order_relaxed);
    }
    return index < tl_num_threads() && tl_num_threads() <= n ? SPINS : 0;
}

/* Waits for a loop after number `seen`. A worker counts itself as asleep before it reads the ticket for the
 * last time, and the owner reads that count after it has numbered its loop: one of the two sees the other. */
static void wait_for_loop(uint64_t seen, int index)
{
    for (int k = spin_count(index); k > 0; k--) {
        if (number_of(atomic_load_explicit(&pool.ticket, memory_order_relaxed)) != seen)
            return;
        cpu_relax();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.asleep, 1);
    while (number_of(atomic_load(&pool.ticket)) == seen)
        pthread_cond_wait(&pool.wake, &pool.lock);
    atomic_fetch_sub(&pool.asleep, 1);
    pthread_mutex_unlock(&pool.lock);
}

static void *worker(void *argument)
{
    const start *s = argument;
    uint64_t seen = s->seen;
    for (;;) {
        wait_for_loop(seen, s->index);
        unsigned long long ticket = atomic_load(&pool.ticket);
        while (number_of(ticket) != seen && (ticket & SLOTS) > 0)
            if (atomic_compare_exchange_weak(&pool.ticket, &ticket, ticket - 1)) {
                /* the loop does not change while a worker has a slot */
                set_float_mode(pool.loop.mode);
                work(&pool.loop, s->index % pool.loop.shares);
                atomic_fetch_add_explicit(&pool.finished, 1, memory_order_release);
                break;
            }
        seen = number_of(ticket);
    }
    return NULL;
}

/* Numbers the loop and offers its slots. Serial loops do without the mode: reading it takes as long as a
 * small one. */
static void open_loop(const loop *l, int slots)
{
    pool.loop = *l;
    pool.loop.mode = get_float_mode();
    for (int q = 0; q < l->shares; q++)
        atomic_store_explicit(&pool.share[q].next, share_begin(l, q), memory_order_relaxed);
    atomic_store(&pool.finished, 0);
    atomic_store(&pool.ticket, (number_of(atomic_load(&pool.ticket)) + 1) << SLOT_BITS | (unsigned)slots);
    if (atomic_load(&pool.asleep) > 0) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
}

/* Withdraws the free slots, and waits for the workers that took one. */
static void close_loop(int slots)
{
    const int taken = slots - (int)(atomic_fetch_and(&pool.ticket, ~(unsigned long long)SLOTS) & SLOTS);
    int spins = spin_count(0);
    while (atomic_load_explicit(&pool.finished, memory_order_acquire) < taken)
        if (spins > 0) {
            cpu_relax();
            spins--;
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

static void install_fork_handler(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

/* Locks the pool unless another thread holds it. The fork handler is installed before the first lock;
 * otherwise a child could inherit a locked mutex. */
static bool try_lock_pool(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_fork_handler);
    return pthread_mutex_trylock(&pool.owner) == 0;
}

/* Starts workers until there are `wanted`, or fewer if the system has no more threads. They block all signals
 * except those of their own faults: the others are for the program's own threads. */
static void start_workers(int wanted)
{
    pthread_attr_t detached;
    if (pool.workers >= wanted || pthread_attr_init(&detached) != 0)
        return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigset_t all, mask;
    sigfillset(&all);
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    for (size_t k = 0; k < sizeof faults / sizeof *faults; k++)
        sigdelset(&all, faults[k]);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    while (pool.workers < wanted) {
        start *s = &pool.start[pool.workers];
        *s = (start){ .index = pool.workers + 1, .seen = number_of(atomic_load(&pool.ticket)) };
        pthread_t id;
        if (pthread_create(&id, &detached, worker, s) != 0)
            break;
        pool.workers++;
    }
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    pthread_attr_destroy(&detached);
}

/* Runs all tasks on this thread. */
static void run_serial(const loop *l)
{
    const bool was_parallel = in_parallel;
    in_parallel = true;
    for (int64_t task = 0; task < l->tasks; task++)
        run_task(l, task);
    in_parallel = was_parallel;
}

void tl_parallel_for(int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *context)
{
    if (!body)
        tl_fail(TL_ERR_ARGUMENT, "parallel_for: the body is NULL");
    if (n <= 0 || !body)
        return;
    if (grain < 1)
        grain = 1;
    const int64_t tasks = n / grain + (n % grain != 0);
    const int workers = tl_num_threads() - 1;
    const loop l = { .body = body,
                     .context = context,
                     .n = n,
                     .grain = grain,
                     .tasks = tasks,
                     .shares = tasks <= workers ? (int)tasks : workers + 1 };
    if (workers == 0 || n <= grain || in_parallel || !try_lock_pool()) {
        run_serial(&l);
        return;
    }
    start_workers(workers);
    open_loop(&l, workers);
    work(&l, 0);
    close_loop(workers);
    pthread_mutex_unlock(&pool.owner);
}

void tl_parallel_rows(int64_t n, int64_t width, void (*body)(void *, int64_t, int64_t), void *context)
{
    const int64_t grain = width < 0 ? 1 + TL_GRAIN : width < TL_GRAIN ? 1 + TL_GRAIN / (1 + width) : 1;
    tl_parallel_for(n, grain, body, context);
}

void tl_parallel_columns(int64_t n, int64_t rows, void (*body)(void *, int64_t, int64_t), void *context)
{
    enum { WIDE = 256, NARROW = 64, MIN_TASKS = 4 };
    const int64_t columns = n < MIN_TASKS * WIDE ? NARROW : WIDE, worthwhile = rows < 0 ? TL_GRAIN
                                                                               : rows < TL_GRAIN
                                                                                   ? TL_GRAIN / (1 + rows)
                                                                                   : 0;
    tl_parallel_for(n, worthwhile > columns ? worthwhile : columns, body, context);
}
