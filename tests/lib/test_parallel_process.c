/* Threads of loops, and the process that they are in: its forks, its environment, its signals. */
#define _GNU_SOURCE /* loops.h */
#include "tests/lib/loops.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* Returns the result of `what` in a child process. */
static int in_child(int (*what)(void))
{
    int ends[2], result = -1;
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        result = what();
        _exit(write(ends[1], &result, sizeof result) != sizeof result);
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &result, sizeof result), sizeof result);
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    return result;
}

static int work_as_a_child(void)
{
    return tl_num_threads() == 7 && all_meet(7) && covers(N, 10) && covers(N, 1);
}

/* The threads of the parent are not there in the child. */
START_TEST(fork_after_use)
{
    ck_assert_ok(tl_set_num_threads(7));
    ck_assert(all_meet(7));
    for (int k = 0; k < 3; k++) {
        ck_assert_int_eq(in_child(work_as_a_child), 1);
        ck_assert(all_meet(7) && covers(N, 10));
    }
}
END_TEST

static atomic_bool begun, enough;

static void *run_until_enough(void *sound)
{
    for (*(bool *)sound = all_meet(7); !atomic_load(&enough); atomic_store(&begun, true))
        *(bool *)sound = covers(N, 10) && *(bool *)sound;
    return NULL;
}

/* Nor does the loop of another thread continue in the child. All threads are running before the first fork:
 * one that is just starting may hold a lock of the address sanitizer's allocator, which with GCC 12 stays
 * locked in the child for ever. */
START_TEST(fork_during_a_loop)
{
    pthread_t other;
    bool sound = true;
    atomic_store(&begun, false);
    atomic_store(&enough, false);
    ck_assert_ok(tl_set_num_threads(7));
    ck_assert_int_eq(pthread_create(&other, NULL, run_until_enough, &sound), 0);
    while (!atomic_load(&begun))
        sched_yield();
    for (int k = 0; k < 10; k++)
        ck_assert_int_eq(in_child(work_as_a_child), 1);
    atomic_store(&enough, true);
    pthread_join(other, NULL);
    ck_assert(sound);
}
END_TEST

static const char *variable; /* TULLE_NUM_THREADS for the child, NULL: unset */
static int ask_first;

static int count_from_variable(void)
{
    if (variable)
        setenv("TULLE_NUM_THREADS", variable, 1);
    else
        unsetenv("TULLE_NUM_THREADS");
    if (ask_first > 0)
        tl_set_num_threads(ask_first);
    return tl_num_threads();
}

/* Runs before every test that asks for the number of threads: if Check does not fork for each test, the
 * variable is read only once. */
START_TEST(variable_at_the_start)
{
    const struct {
        const char *text;
        int threads;
    } as[] = {
        { NULL, 1 },        { "1", 1 },    { "4", 4 },   { "1024", 1024 }, { "0", available_cpus() },
        { "1025", 1 },      { "-1", 1 },   { "", 1 },    { "x", 1 },       { "4x", 1 },
        { "4 ", 1 },        { "0x10", 1 }, { "2.5", 1 }, { "four", 1 },    { "99999999999999999999", 1 },
        { "4294967298", 1 }
    };
    for (size_t k = 0; k < sizeof as / sizeof *as; k++) {
        variable = as[k].text;
        int got = in_child(count_from_variable);
        ck_assert_msg(got == as[k].threads, "TULLE_NUM_THREADS=%s gives %d threads, not %d",
                      variable ? variable : "(unset)", got, as[k].threads);
    }
    variable = "4";
    ask_first = 2;
    ck_assert_int_eq(in_child(count_from_variable), 2);
    ask_first = 0;
}
END_TEST

/* A signal that the program's own thread blocks stays pending: no worker takes it, which would end the
 * process. */
START_TEST(signals_are_the_program_s)
{
    ck_assert_ok(tl_set_num_threads(4));
    ck_assert(covers(100, 1));
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    int got = 0;
    ck_assert_int_eq(sigwait(&usr1, &got), 0);
    ck_assert_int_eq(got, SIGUSR1);
}
END_TEST

static atomic_int faults;

static void count_fault(int number)
{
    (void)number;
    atomic_fetch_add(&faults, 1);
}

static void meet_and_fault(void *context, int64_t begin, int64_t end)
{
    meet(context, begin, end);
    raise(SIGFPE); /* to this thread; where that blocks it, nothing happens */
}

/* A worker does take the signals of its own faults: a program's handler sees a crash on any thread. */
START_TEST(faults_of_workers_are_seen)
{
    meeting m = { .expected = 2 };
    ck_assert_ok(tl_set_num_threads(2));
    ck_assert_int_eq(sigaction(SIGFPE, &(struct sigaction){ .sa_handler = count_fault }, NULL), 0);
    tl_parallel_for(2, 1, meet_and_fault, &m);
    ck_assert_int_eq(m.here, 2);
    ck_assert_int_eq(atomic_load(&faults), 2);
    ck_assert_int_eq(sigaction(SIGFPE, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL), 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("parallel_process");
    TCase *c = tl_test_case(s, "parallel_process");
    tcase_add_checked_fixture(c, NULL, one_thread);
    tcase_add_test(c, variable_at_the_start);
    tcase_add_test(c, signals_are_the_program_s);
    tcase_add_test(c, faults_of_workers_are_seen);
#ifdef NO_THREADS_AFTER_FORK
    puts("parallel_process: loops in a forked process are not tested: the thread sanitizer refuses their "
         "threads");
    (void)fork_after_use;
    (void)fork_during_a_loop;
#else
    tcase_add_test(c, fork_after_use);
    tcase_add_test(c, fork_during_a_loop);
#endif
    return s;
}
