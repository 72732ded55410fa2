/* Loops that cover everything once for any number of threads, and the threads that run them. A body runs on
 * threads of the pool, where Check cannot fail: bodies count, and the test compares. */
#define _GNU_SOURCE /* loops.h */
#include "tests/lib/loops.h"

#include <fenv.h>
#include <pthread.h>

/* ---- covering ---- */
START_TEST(every_index_once)
{
    const int thread_counts[] = { 1, 2, 7, 3 };
    const int64_t grains[] = { INT64_MIN, -1, 0, 1, 2, 64, 1000, N, INT64_MAX };
    for (size_t t = 0; t < sizeof thread_counts / sizeof *thread_counts; t++) {
        ck_assert_ok(tl_set_num_threads(thread_counts[t]));
        for (size_t g = 0; g < sizeof grains / sizeof *grains; g++) {
            int64_t grain = grains[g];
            const int64_t n[] = {
                -5, 0, 1, 2, 999, grain - (grain > 0), grain, grain + (grain < N), 2 * (grain % N) + 1
            };
            for (size_t k = 0; k < sizeof n / sizeof *n; k++)
                if (n[k] <= N)
                    ck_assert_msg(covers(n[k], grain), "%d threads, n = %lld, grain %lld", thread_counts[t],
                                  (long long)n[k], (long long)grain);
        }
    }
}
END_TEST

static bool covers_rows(int64_t n, int64_t width, int64_t grain)
{
    cover *c = prepare_cover(n, grain);
    tl_parallel_rows(n, width, count_hits, c);
    return is_covered(c);
}

/* The grain depends on the width alone. */
START_TEST(rows_by_their_width)
{
    const struct {
        int64_t width, grain;
    } as[] = { { 0, TL_GRAIN + 1 },       { 1, TL_GRAIN / 2 + 1 },
               { 63, TL_GRAIN / 64 + 1 }, { 100, TL_GRAIN / 101 + 1 },
               { TL_GRAIN - 2, 2 },       { TL_GRAIN - 1, 2 },
               { TL_GRAIN, 1 },           { INT64_MAX, 1 },
               { -1, TL_GRAIN + 1 },      { INT64_MIN, TL_GRAIN + 1 } };
    for (int threads = 1; threads <= 4; threads += 3) {
        ck_assert_ok(tl_set_num_threads(threads));
        for (size_t k = 0; k < sizeof as / sizeof *as; k++)
            for (int64_t n = -1; n <= N; n = n < 4 ? n + 1 : n * 2 + 1)
                ck_assert_msg(covers_rows(n, as[k].width, as[k].grain), "%lld rows of %lld elements",
                              (long long)n, (long long)as[k].width);
    }
}
END_TEST

/* The grain depends on the numbers of columns and rows alone. */
START_TEST(columns_by_their_length)
{
    const struct {
        int64_t n, rows, grain;
    } as[] = { { N, INT64_MAX, 256 },        { 1024, 1000, 256 }, { 1023, 1000, 64 },
               { 100, 3, TL_GRAIN / 4 },     { N, 100, 256 },     { N, 20, 780 },
               { 100, INT64_MIN, TL_GRAIN }, { 0, 5, 64 } };
    for (int threads = 1; threads <= 4; threads += 3) {
        ck_assert_ok(tl_set_num_threads(threads));
        for (size_t k = 0; k < sizeof as / sizeof *as; k++) {
            cover *c = prepare_cover(as[k].n, as[k].grain);
            tl_parallel_columns(as[k].n, as[k].rows, count_hits, c);
            ck_assert_msg(is_covered(c), "%lld columns of %lld elements", (long long)as[k].n,
                          (long long)as[k].rows);
        }
    }
}
END_TEST

/* A worker that misses a wake-up hangs the test. The workers fall asleep between some of the loops. */
START_TEST(many_short_loops)
{
    ck_assert_ok(tl_set_num_threads(7));
    for (int k = 0; k < 2000; k++)
        ck_assert(covers(k % 9, 1));
    for (int k = 0; k < 20; k++) {
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        ck_assert(covers(9, 1));
    }
}
END_TEST

/* ---- threads ---- */
START_TEST(as_many_threads_as_asked)
{
    for (int n = 2; n <= 7; n += 5) {
        ck_assert_ok(tl_set_num_threads(n));
        ck_assert(all_meet(n));
        ck_assert(all_meet(n));
    }
}
END_TEST

typedef struct crowd {
    pthread_t seen[MAX_THREADS];
    atomic_int tasks;
} crowd;

static void sign_in(void *context, int64_t begin, int64_t end)
{
    crowd *c = context;
    (void)end;
    c->seen[begin] = pthread_self();
    atomic_fetch_add(&c->tasks, 1);
    nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL); /* the others get a chance */
}

/* A loop uses no more threads than asked, even if an earlier loop started more. */
START_TEST(no_more_threads_than_asked)
{
    static crowd c;
    ck_assert_ok(tl_set_num_threads(7));
    ck_assert(all_meet(7));
    for (int n = 1; n <= 3; n++) {
        pthread_t distinct[MAX_THREADS];
        int threads = 0;
        ck_assert_ok(tl_set_num_threads(n));
        atomic_store(&c.tasks, 0);
        tl_parallel_for(200, 1, sign_in, &c);
        ck_assert_int_eq(atomic_load(&c.tasks), 200);
        for (int k = 0; k < 200; k++) {
            int at = 0;
            while (at < threads && !pthread_equal(distinct[at], c.seen[k]))
                at++;
            distinct[at] = c.seen[k];
            threads += at == threads;
        }
        ck_assert_int_le(threads, n);
        ck_assert(n > 1 || pthread_equal(distinct[0], pthread_self()));
    }
}
END_TEST

typedef struct inner {
    pthread_t outer;
    atomic_int count, strangers;
} inner;

static void inner_body(void *context, int64_t begin, int64_t end)
{
    inner *i = context;
    atomic_fetch_add(&i->count, (int)(end - begin));
    atomic_fetch_add(&i->strangers, !pthread_equal(i->outer, pthread_self()));
}

static void outer_body(void *context, int64_t begin, int64_t end)
{
    inner *in = context;
    for (int64_t k = begin; k < end; k++) {
        in[k].outer = pthread_self();
        tl_parallel_for(100, 1, inner_body, &in[k]);
        tl_parallel_for(50, 7, inner_body, &in[k]);
    }
}

START_TEST(nested_loops_stay_on_their_thread)
{
    static inner in[64];
    ck_assert_ok(tl_set_num_threads(7));
    ck_assert(all_meet(7));
    tl_parallel_for(64, 1, outer_body, in);
    for (int k = 0; k < 64; k++) {
        ck_assert_int_eq(atomic_load(&in[k].count), 150);
        ck_assert_int_eq(atomic_load(&in[k].strangers), 0);
    }
    ck_assert(all_meet(7)); /* and the next loop is split again */

    in[0] = (inner){ 0 }; /* a loop of one task, which needs no other thread */
    tl_parallel_for(1, 1, outer_body, in);
    ck_assert_int_eq(atomic_load(&in[0].count), 150);
    ck_assert_int_eq(atomic_load(&in[0].strangers), 0);
    ck_assert(all_meet(7));
}
END_TEST

static void *run_loops(void *sound)
{
    for (int k = 0; k < 300; k++)
        if (!covers(1000 + k, 1 + k % 17))
            *(bool *)sound = false;
    return NULL;
}

START_TEST(loops_of_several_threads_at_once)
{
    pthread_t id[4];
    bool sound[4] = { true, true, true, true };
    ck_assert_ok(tl_set_num_threads(3));
    for (int k = 0; k < 4; k++)
        ck_assert_int_eq(pthread_create(&id[k], NULL, run_loops, &sound[k]), 0);
    for (int k = 0; k < 4; k++) {
        pthread_join(id[k], NULL);
        ck_assert(sound[k]);
    }
}
END_TEST

START_TEST(number_of_threads)
{
    ck_assert_ok(tl_set_num_threads(5));
    ck_assert_int_eq(tl_num_threads(), 5);
    ck_assert_status(tl_set_num_threads(-1), TL_ERR_ARGUMENT, "set_num_threads: -1 is not in 0..1024");
    ck_assert_status(tl_set_num_threads(1025), TL_ERR_ARGUMENT, "set_num_threads: 1025 is not in 0..1024");
    ck_assert_int_eq(tl_num_threads(), 5);
    ck_assert_ok(tl_set_num_threads(0));
    ck_assert_int_eq(tl_num_threads(), available_cpus());
    ck_assert_ok(tl_set_num_threads(1024));
    ck_assert_int_eq(tl_num_threads(), 1024);
    ck_assert_ok(tl_set_num_threads(1));
    ck_assert_int_eq(tl_num_threads(), 1);
}
END_TEST

static void divide(void *context, int64_t begin, int64_t end)
{
    volatile double seven = 7;
    for (int64_t k = begin; k < end; k++)
        ((double *)context)[k] = 1 / seven;
}

/* Workers round as the thread does whose loop they run, also after it has changed its mode. */
START_TEST(workers_round_as_the_caller)
{
    static const int mode[] = { FE_TONEAREST, FE_UPWARD, FE_TONEAREST, FE_DOWNWARD, FE_UPWARD };
    static double quotient[N];
    int others = 0;
    tl_set_num_threads(4);
    for (int repeat = 0; repeat < 40; repeat++)
        for (size_t m = 0; m < sizeof mode / sizeof *mode; m++) {
            double expected;
            fesetround(mode[m]);
            divide(&expected, 0, 1);
            tl_parallel_for(N, 1, divide, quotient);
            for (int k = 0; k < N; k++)
                others += quotient[k] != expected;
        }
    fesetround(FE_TONEAREST);
    ck_assert_int_eq(others, 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("parallel");
    TCase *c = tl_test_case(s, "parallel");
    tcase_add_checked_fixture(c, NULL, one_thread);
    tcase_add_test(c, number_of_threads);
    tcase_add_test(c, workers_round_as_the_caller);
    tcase_add_test(c, every_index_once);
    tcase_add_test(c, rows_by_their_width);
    tcase_add_test(c, columns_by_their_length);
    tcase_add_test(c, many_short_loops);
    tcase_add_test(c, as_many_threads_as_asked);
    tcase_add_test(c, no_more_threads_than_asked);
    tcase_add_test(c, nested_loops_stay_on_their_thread);
    tcase_add_test(c, loops_of_several_threads_at_once);
    return s;
}
