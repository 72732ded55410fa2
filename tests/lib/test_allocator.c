/* A program's own allocator: when it may be set, what it is asked for, and that it gets every block back.
 *
 * An allocator is set once per process. If Check forks, each test starts in a process without one; otherwise
 * the tests after `setting` share the one that it set. */
#include "tests/testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizers abort where the C library returns NULL. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define ABORTS_IF_TOO_LARGE true
#else
#define ABORTS_IF_TOO_LARGE false
#endif

#define TOO_LATE "set_allocator: must be called before the library first allocates"

/* ---- An allocator that tracks its blocks ---- */

enum { HEADER = 64, MAGIC = 0x7e11 };

typedef struct header {
    size_t magic, size;
} header;

static struct counts {
    atomic_bool refuses;
    atomic_llong requests, live, live_bytes;
    atomic_llong faults; /* a wrong context, alignment or size, or a block it did not allocate */
    atomic_size_t last_size;
} counts;

/* Blocks are no more aligned than requested, and filled with bytes that read as NaN. */
static void *track_allocate(void *context, size_t alignment, size_t size)
{
    void *base;
    if (context != &counts || alignment != 64 || size == 0)
        counts.faults++;
    counts.requests++;
    counts.last_size = size;
    if (counts.refuses || posix_memalign(&base, 2 * HEADER, HEADER + size) != 0)
        return NULL;
    *(header *)base = (header){ .magic = MAGIC, .size = size };
    counts.live++;
    counts.live_bytes += (long long)size;
    return memset((char *)base + HEADER, 0xff, size);
}

static void track_release(void *context, void *block)
{
    header *h = (header *)((char *)block - HEADER);
    if (context != &counts || h->magic != MAGIC)
        counts.faults++;
    counts.live--;
    counts.live_bytes -= (long long)h->size;
    free(h);
}

static const tl_allocator tracking = { .context = &counts,
                                       .allocate = track_allocate,
                                       .release = track_release };

/* Sets that allocator, unless an earlier test of this process did. */
static void use_tracking(void)
{
    static bool set;
    if (!set)
        ck_assert_ok(tl_set_allocator(&tracking));
    set = true;
}

static void check_balance(void)
{
    ck_assert_int_gt(counts.requests, 0);
    ck_assert_int_eq(counts.live, 0);
    ck_assert_int_eq(counts.live_bytes, 0);
    ck_assert_int_eq(counts.faults, 0);
}

/* Returns what `test` returns in a child process, where a failed assertion would not reach Check. */
static bool in_child(bool (*test)(void))
{
    fflush(NULL);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(test() ? EXIT_SUCCESS : EXIT_FAILURE);
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status == 0;
}

/* ---- Setting it ---- */

static bool null_restores_the_default(void)
{
    if (tl_set_allocator(&tracking) != TL_OK || tl_set_allocator(NULL) != TL_OK)
        return false;
    void *p = tl_alloc(100, 1);
    const bool used = p && counts.requests == 0;
    tl_free(p);
    return used && tl_set_allocator(&tracking) == TL_ERR_ARGUMENT && strcmp(tl_error(), TOO_LATE) == 0;
}

static bool failed_allocation_is_the_first(void)
{
    counts.refuses = true;
    return tl_set_allocator(&tracking) == TL_OK && !tl_alloc(1, 1) &&
           tl_set_allocator(NULL) == TL_ERR_ARGUMENT && !tl_alloc(1, 1) && counts.requests == 2;
}

/* Runs first: if tests do not fork, nothing may have been allocated before. */
START_TEST(setting)
{
    ck_assert(in_child(null_restores_the_default));
    ck_assert(in_child(failed_allocation_is_the_first));
    tl_allocator a = { .context = &counts, .allocate = track_allocate, .release = track_release };
    ck_assert_ok(tl_set_allocator(&a));
    ck_assert_status(tl_set_allocator(&(tl_allocator){ .release = track_release }), TL_ERR_ARGUMENT,
                     "set_allocator: allocate is NULL");
    ck_assert_status(tl_set_allocator(&(tl_allocator){ .allocate = track_allocate }), TL_ERR_ARGUMENT,
                     "set_allocator: release is NULL");
    a = (tl_allocator){ 0 }; /* the library has a copy */
    use_tracking();
    ck_assert_int_eq(counts.requests, 0);
    void *p = tl_alloc(1, 1);
    ck_assert_status(tl_set_allocator(&tracking), TL_ERR_ARGUMENT, TOO_LATE);
    ck_assert_status(tl_set_allocator(tl_default_allocator()), TL_ERR_ARGUMENT, TOO_LATE);
    ck_assert_status(tl_set_allocator(NULL), TL_ERR_ARGUMENT, TOO_LATE);
    ck_assert_int_eq(counts.live, 1);
    tl_free(p);
    ck_assert_status(tl_set_allocator(NULL), TL_ERR_ARGUMENT, TOO_LATE); /* although no block is left */
    p = tl_alloc(1, 1);
    ck_assert_int_eq(counts.live, 1);
    tl_free(p);
    check_balance();
}
END_TEST

/* ---- Blocks ---- */

START_TEST(requested_sizes)
{
    static const struct {
        int64_t n;
        size_t size, requested;
    } sizes[] = { { 0, 8, 1 },   { 5, 0, 1 },     { 1, 1, 1 },
                  { 3, 21, 63 }, { 100, 8, 800 }, { 3, 1 << 20, 3 << 20 } };
    use_tracking();
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const int64_t bytes = sizes[k].n * (int64_t)sizes[k].size;
        unsigned char *p = tl_alloc(sizes[k].n, sizes[k].size);
        ck_assert_uint_eq(counts.last_size, sizes[k].requested);
        unsigned char *zero = tl_alloc_zero(sizes[k].n, sizes[k].size);
        ck_assert_uint_eq(counts.last_size, sizes[k].requested);
        ck_assert(p && zero);
        int64_t cleared = 0;
        while (cleared < bytes && zero[cleared] == 0)
            cleared++;
        ck_assert_int_eq(cleared, bytes);
        tl_free(p);
        tl_free(zero);
    }
    check_balance();
}
END_TEST

START_TEST(requests_that_do_not_arrive)
{
    use_tracking();
    const long long before = counts.requests;
    ck_assert_ptr_null(tl_alloc(-1, 1));
    ck_assert_ptr_null(tl_alloc(INT64_MAX, 8));
    ck_assert_ptr_null(tl_alloc_zero(1, SIZE_MAX));
    tl_free(NULL);
    ck_assert_int_eq(counts.requests, before);
    ck_assert_int_eq(counts.faults, 0);
}
END_TEST

/* Called directly, as by an allocator that wraps it. */
START_TEST(default_allocator)
{
    const tl_allocator *a = tl_default_allocator();
    for (size_t alignment = 64; alignment <= 4 << 20; alignment *= 8)
        for (size_t size = 1; size <= 4 << 20; size *= 2) {
            unsigned char *p = a->allocate(a->context, alignment, size);
            ck_assert_ptr_nonnull(p);
            ck_assert_uint_eq((uintptr_t)p % alignment, 0);
            if (size >= 2 << 20)
                ck_assert_uint_eq((uintptr_t)p % (2 << 20), 0);
            p[0] = p[size - 1] = 1;
            a->release(a->context, p);
        }
    if (!ABORTS_IF_TOO_LARGE)
        ck_assert_ptr_null(a->allocate(a->context, 64, PTRDIFF_MAX - 64));
}
END_TEST

/* ---- A program that uses it ---- */

enum { INPUTS = 12, HIDDEN = 40, SAMPLES = 64, STEPS = 60 };

typedef struct model {
    tl_variable *table, *w1, *b1, *w2;
    tl_optimizer *o;
    tl_graph *g;
    tl_real x[SAMPLES * INPUTS], z[SAMPLES];
    int32_t id[SAMPLES];
} model;

/* The label is the sign of the first input. */
static bool make_model(model *m)
{
    tl_random r = { .seed = 5 };
    tl_pattern *p = tl_pattern_random(INPUTS, HIDDEN, 0.5, 1);
    m->table = tl_variable_dense("table", TL_SHAPE(7, HIDDEN));
    m->w1 = tl_variable_sparse("w1", p);
    m->b1 = tl_variable_dense("b1", TL_SHAPE(HIDDEN));
    m->w2 = tl_variable_dense("w2", TL_SHAPE(HIDDEN, 1));
    m->o = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    m->g = tl_graph_new();
    tl_pattern_release(p);
    tl_test_fill(m->x, SAMPLES * INPUTS, 3);
    for (int k = 0; k < SAMPLES; k++) {
        m->z[k] = m->x[k * INPUTS] > 0;
        m->id[k] = k % 7;
    }
    return m->table && m->o && m->g && tl_init_he(m->w1, &r) == TL_OK && tl_init_he(m->w2, &r) == TL_OK;
}

static tl_real step(model *m)
{
    tl_node *x = tl_input(m->g, TL_SHAPE(SAMPLES, INPUTS), m->x);
    tl_node *z = tl_input(m->g, TL_SHAPE(SAMPLES, 1), m->z);
    tl_node *sum = tl_add(tl_dense_sparse_matmul(x, tl_use(m->g, m->w1), TL_NO_TRANSPOSE),
                          tl_embedding_lookup(tl_use(m->g, m->table), m->id, TL_SHAPE(SAMPLES)));
    tl_node *h = tl_bias_relu(sum, tl_use(m->g, m->b1));
    tl_node *loss = tl_sigmoid_cross_entropy(tl_matmul(h, tl_use(m->g, m->w2)), z);
    const bool done = tl_minimize(m->o, loss) == TL_OK;
    const tl_real value = done ? tl_value(loss)[0] : -1;
    tl_graph_reset(m->g);
    return value;
}

/* Trains, prunes, masks and trains again; returns whether every call succeeded and the loss fell. */
static bool trains(void)
{
    model m;
    bool sound = make_model(&m);
    const tl_real first = sound ? step(&m) : 0;
    tl_real last = first;
    tl_pattern *keep = tl_pattern_random(HIDDEN, 1, 0.9, 2);
    for (int t = 1; t < STEPS && sound; t++) {
        if (t == STEPS / 2)
            sound = tl_variable_prune_by_magnitude(m.w1, INPUTS * HIDDEN / 4) == TL_OK &&
                    tl_variable_set_mask(m.w2, keep) == TL_OK;
        last = step(&m);
        sound = sound && last >= 0;
    }
    tl_pattern_release(keep);
    tl_graph_free(m.g);
    tl_optimizer_free(m.o);
    tl_variable_free(m.table);
    tl_variable_free(m.w1);
    tl_variable_free(m.b1);
    tl_variable_free(m.w2);
    return sound && last < first / 2;
}

START_TEST(training)
{
    use_tracking();
    for (int threads = 1; threads <= 4; threads += 3) { /* the worker pool keeps no block */
        ck_assert_ok(tl_set_num_threads(threads));
        ck_assert_msg(trains(), "%s", tl_error());
        check_balance();
    }
    ck_assert_ok(tl_set_num_threads(1));
}
END_TEST

static void *inherited;

static bool frees_and_trains(void)
{
    tl_free(inherited);
    return trains() && counts.live == 0 && counts.faults == 0;
}

/* A child has the allocator and the blocks of its parent. */
START_TEST(after_a_fork)
{
    use_tracking();
    inherited = tl_alloc(1, 1);
    ck_assert(in_child(frees_and_trains));
    tl_free(inherited);
    check_balance();
}
END_TEST

static void *train(void *sound)
{
    *(bool *)sound = trains();
    return NULL;
}

/* Each thread trains a model of its own. */
START_TEST(several_threads)
{
    enum { THREADS = 4 };
    pthread_t id[THREADS];
    bool sound[THREADS];
    use_tracking();
    for (int k = 0; k < THREADS; k++)
        ck_assert_int_eq(pthread_create(&id[k], NULL, train, &sound[k]), 0);
    for (int k = 0; k < THREADS; k++) {
        pthread_join(id[k], NULL);
        ck_assert(sound[k]);
    }
    check_balance();
}
END_TEST

/* ---- No memory ---- */

#define ck_assert_short(call) ck_assert_null(call, "out of memory")

static void construct_in_vain(tl_pattern *p)
{
    const int64_t row_ptr[] = { 0, 1, 2 };
    const int32_t row[] = { 0, 1 }, col[] = { 1, 0 };
    const uint8_t mask[] = { 0, 1, 1, 0 };
    int64_t position[2];
    ck_assert_short(tl_pattern_from_csr(2, 2, row_ptr, col));
    ck_assert_short(tl_pattern_from_coo(2, 2, 2, row, col));
    ck_assert_short(tl_coo_to_csr(2, 2, 2, row, col, TL_REPEATS_ERROR, position));
    ck_assert_short(tl_pattern_from_mask(2, 2, mask));
    ck_assert_short(tl_pattern_random(2, 2, 0.5, 1));
    ck_assert_short(tl_pattern_transpose(p, NULL));
    ck_assert_short(tl_variable_dense("v", TL_SHAPE(2, 2)));
    ck_assert_short(tl_variable_sparse("v", p));
    ck_assert_short(tl_sgd((tl_sgd_options){ .learning_rate = 1 }));
    ck_assert_short(tl_adagrad((tl_adagrad_options){ 0 }));
    ck_assert_short(tl_rmsprop((tl_rmsprop_options){ 0 }));
    ck_assert_short(tl_adam((tl_adam_options){ 0 }));
    ck_assert_short(tl_ftrl((tl_ftrl_options){ 0 }));
    ck_assert_short(tl_graph_new());
}

START_TEST(no_memory)
{
    use_tracking();
    tl_pattern *p = tl_test_pattern(2, 2, 1, 1);
    tl_variable *v = tl_test_sparse("v", tl_pattern_retain(p), 1);
    tl_graph *g = tl_graph_new();
    const long long live = counts.live;
    counts.refuses = true;
    construct_in_vain(p);
    ck_assert_ptr_null(tl_use(g, v));
    ck_assert_int_eq(tl_graph_status(g), TL_ERR_MEMORY);
    ck_assert_status(tl_variable_prune_by_magnitude(v, 1), TL_ERR_MEMORY, "out of memory");
    counts.refuses = false;
    ck_assert_int_eq(counts.live, live);
    tl_graph_reset(g);
    ck_assert_ptr_nonnull(tl_use(g, v)); /* unchanged by the failures */
    ck_assert_int_eq(tl_variable_size(v), 4);
    tl_graph_free(g);
    tl_variable_free(v);
    tl_pattern_release(p);
    check_balance();
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("allocator");
    TCase *c = tl_test_case(s, "allocator");
    tcase_add_test(c, setting);
    tcase_add_test(c, requested_sizes);
    tcase_add_test(c, requests_that_do_not_arrive);
    tcase_add_test(c, default_allocator);
    tcase_add_test(c, training);
    tcase_add_test(c, after_a_fork);
    tcase_add_test(c, several_threads);
    tcase_add_test(c, no_memory);
    return s;
}
