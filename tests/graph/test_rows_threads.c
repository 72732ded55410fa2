/* A table whose rows have pending steps, read by several threads at once, each through a graph of its own;
 * and the optimizer freed before anybody has read. Every reader sees the bits of a table with dense
 * updates. */
#include "tests/graph/two_tables.h"
#include "graph/variable/companion.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 400, WIDTH = 5, SIZE = ROWS * WIDTH, IDS = 16, STEPS = 40, LOOKS = 60, MOST = 4 };

static void train(two_tables *t, int steps)
{
    for (int k = 0; k < steps; k++, tl_graph_reset(t->g)) {
        int32_t ids[IDS];
        tl_gradients g;
        for (int i = 0; i < IDS; i++)
            ids[i] = (int32_t)tl_random_integer(&t->r, ROWS);
        tl_node *e = tl_embedding_lookup(tl_use(t->g, t->by_rows), ids, TL_SHAPE(IDS));
        ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(e, e), TL_ALL_AXES), &g));
        step_both(t, &g.pair[0]);
    }
}

typedef struct reader {
    pthread_t id;
    int number;
    tl_variable *v;
    const tl_real *expected; /* the twin's values */
    int wrong, failed;
} reader;

static void compare(reader *r, const tl_real *seen, const tl_real *expected, int64_t n)
{
    if (!seen)
        r->failed++;
    else
        r->wrong += memcmp(seen, expected, (size_t)n * sizeof *seen) != 0;
}

/* Lookups with their gradients, mostly, and a look at the whole table. Assertions are the parent's. */
static void *look(void *context)
{
    reader *r = context;
    tl_graph *g = tl_graph_new();
    tl_random random = { .seed = 7 + (uint64_t)r->number % 2 }; /* some threads want the very same rows */
    for (int k = 0; k < LOOKS; k++, tl_graph_reset(g)) {
        int32_t ids[IDS];
        tl_gradients out;
        for (int i = 0; i < IDS; i++)
            ids[i] = (int32_t)tl_random_integer(&random, ROWS);
        tl_node *table = tl_use(g, r->v), *e = tl_embedding_lookup(table, ids, TL_SHAPE(IDS));
        for (int i = 0; i < IDS; i++)
            compare(r, e ? tl_value(e) + i * WIDTH : NULL, r->expected + ids[i] * WIDTH, WIDTH);
        r->failed += tl_backward(tl_reduce_sum(tl_mul(e, e), TL_ALL_AXES), &out) != TL_OK;
        if (k == LOOKS / 2 + 5 * r->number) {
            compare(r, tl_value(tl_scale(table, 1)), r->expected, SIZE);
            compare(r, tl_value(table), r->expected, SIZE);
            compare(r, tl_variable_data(r->v), r->expected, SIZE);
        }
    }
    tl_graph_free(g);
    return NULL;
}

/* Readers at once; the table lags before and after the first of them, and is up to date when the last has
 * looked. */
static void read_together(two_tables *t, int threads)
{
    reader r[MOST];
    const tl_real *expected = tl_variable_data(t->dense);
    for (int k = 0; k < threads; k++) {
        r[k] = (reader){ .number = k, .v = t->by_rows, .expected = expected };
        ck_assert_int_eq(pthread_create(&r[k].id, NULL, look, &r[k]), 0);
    }
    for (int k = 0; k < threads; k++) {
        pthread_join(r[k].id, NULL);
        ck_assert_int_eq(r[k].failed, 0);
        ck_assert_int_eq(r[k].wrong, 0);
    }
}

/* Momentum, Adam, AdamW, FTRL; 2 and 4 readers; the library's own loops on 1 and 3 threads. */
START_TEST(threads_read_what_lags)
{
    const int optimizers[] = { 2, 5, 7, 15 }, threads = _i / 4 % 2 ? 4 : 2;
    two_tables t = make_tables(optimizers[_i % 4], ROWS, WIDTH);
    const tl_exponential_decay fading = { .every = 10, .factor = 0.9 };
    ck_assert_ok(tl_set_num_threads(_i / 8 ? 3 : 1));
    if (_i / 4 % 2) { /* a schedule is asked by all of them, too */
        ck_assert_ok(tl_optimizer_set_schedule(t.for_rows, tl_schedule_exponential, &fading));
        ck_assert_ok(tl_optimizer_set_schedule(t.for_dense, tl_schedule_exponential, &fading));
    }
    for (int round = 0; round < 3; round++) {
        train(&t, STEPS);
        read_together(&t, threads);
    }
    ck_assert_ok(tl_set_num_threads(1));
    drop(&t);
}
END_TEST

/* Freed while rows have pending steps, which only the optimizer knows. */
START_TEST(an_optimizer_that_is_freed)
{
    two_tables t = make_tables(_i, ROWS, WIDTH);
    train(&t, STEPS);
    tl_optimizer_free(t.for_rows);
    t.for_rows = NULL;
    ck_assert_same(tl_variable_data(t.by_rows), tl_variable_data(t.dense), SIZE);
    drop(&t);
}
END_TEST

/* A child that is forked while another thread brings rows up to date has all rows, or none, of each update:
 * it neither hangs at the variable's lock nor finds a row half done. */
static atomic_int begun;

static void *read_all(void *v)
{
    atomic_store(&begun, 1);
    tl_variable_data(v);
    return NULL;
}

START_TEST(fork_while_another_thread_reads)
{
    enum { MANY = 20000, WIDE = 16, SKIPPED = 200 };
    static int32_t id[MANY];
    for (int32_t k = 0; k < MANY; k++)
        id[k] = k;
    tl_variable *v = tl_variable_dense("table", TL_SHAPE(MANY, WIDE));
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_graph *g = tl_graph_new();
    for (int s = 0; s < SKIPPED; s++, tl_graph_reset(g)) {
        tl_node *rows = tl_embedding_lookup(tl_use(g, v), id, TL_SHAPE(s == 0 ? MANY : 1));
        ck_assert_ok(tl_minimize(o, tl_reduce_sum(rows, TL_ALL_AXES)));
    }
    pthread_t thread;
    atomic_store(&begun, 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, v), 0);
    while (!atomic_load(&begun)) {
    }
    nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        alarm(60); /* ends a child that hangs */
        const tl_real *w = tl_variable_data(v);
        int others = 0;
        for (int64_t k = WIDE; k < MANY * WIDE; k++)
            others += w[k] != w[WIDE]; /* all rows but the first took the same steps */
        _exit(others != 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    pthread_join(thread, NULL);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* A companion with one pending update, during which something happens. */
typedef struct fake {
    tl_companion c;
    void (*meanwhile)(void);
    atomic_bool pending;
} fake;

static bool has_pending(const tl_companion *c)
{
    return atomic_load(&((const fake *)c)->pending);
}

static void update(tl_companion *c, int64_t n, const int32_t *rows)
{
    (void)n;
    (void)rows;
    ((fake *)c)->meanwhile();
    atomic_store(&((fake *)c)->pending, false);
}

static const tl_companion_class fake_class = {
    .name = "fake",
    .has_pending = has_pending,
    .before_read = update,
    .free = tl_companion_detach,
};

static fake attached;

static tl_variable *variable_with(void (*meanwhile)(void))
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    attached.c = (tl_companion){ .class = &fake_class };
    attached.meanwhile = meanwhile;
    atomic_store(&attached.pending, true);
    tl_companion_attach(&attached.c, v);
    return v;
}

/* Forks a child that reads v, if that is not NULL, and returns its status: 0 if both get on, -1 if there was
 * no child. Calls nothing that a signal handler may not call, if v is NULL. */
static int status_of_fork(tl_variable *v)
{
    alarm(90); /* ends a parent that hangs */
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        tl_variable_data(v);
        _exit(0);
    }
    int status = -1;
    const bool ended = child > 0 && waitpid(child, &status, 0) == child;
    alarm(0);
    return ended ? status : -1;
}

static void assert_fork_ends(tl_variable *v)
{
    ck_assert_int_eq(status_of_fork(v), 0);
}

static volatile sig_atomic_t status_in_handler;

static void on_signal(int number)
{
    (void)number;
    status_in_handler = status_of_fork(NULL);
}

static void interrupt(void)
{
    raise(SIGUSR1);
}

/* A signal handler may fork while its own thread applies updates, and again; later forks work, too. */
START_TEST(fork_in_a_signal_handler)
{
    tl_variable *v = variable_with(interrupt);
    ck_assert_int_eq(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL), 0);
    for (int k = 0; k < 2; k++) {
        status_in_handler = -1;
        atomic_store(&attached.pending, true);
        tl_variable_data(v);
        ck_assert_int_eq(status_in_handler, 0);
        assert_fork_ends(v);
    }
    ck_assert_int_eq(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL), 0);
    tl_variable_free(v);
}
END_TEST

#ifndef NO_THREADS_AFTER_FORK
static tl_variable *to_read; /* NULL: the handler below does nothing */
static pthread_t first_reader;

static void linger(void)
{
    atomic_store(&begun, 2);
    nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
}

static void read_during_a_fork(void)
{
    if (!to_read || pthread_create(&first_reader, NULL, read_all, to_read) != 0)
        return;
    while (atomic_load(&begun) != 2) {
    }
}

/* A fork that has begun waits for a reader, be it the first of the process. */
START_TEST(fork_before_the_first_read)
{
    tl_variable *v = variable_with(linger);
    pthread_atfork(read_during_a_fork, NULL, NULL);
    atomic_store(&begun, 0);
    to_read = v;
    assert_fork_ends(v);
    to_read = NULL;
    pthread_join(first_reader, NULL);
    tl_variable_free(v);
}
END_TEST
#endif

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("rows_threads");
    TCase *c = tl_test_case(s, "rows_threads");
    tcase_add_loop_test(c, threads_read_what_lags, 0, 16);
    tcase_add_loop_test(c, an_optimizer_that_is_freed, 0, ZOO);
    tcase_add_test(c, fork_while_another_thread_reads);
    tcase_add_test(c, fork_in_a_signal_handler);
#ifndef NO_THREADS_AFTER_FORK
    tcase_add_test(c, fork_before_the_first_read);
#endif
    return s;
}
