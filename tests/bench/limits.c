/* Reference figures: the peak rates of one core, and the library's overhead per op. */
#include "tests/bench/bench.h"
#include "tests/bench/fma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- fma: the instruction set that the library's kernels use ---- */

enum { ROUNDS = 1 << 18 };

typedef struct arithmetic {
    const fma_peak *peak;
    volatile float sink; /* so that the loop is not removed */
} arithmetic;

static const fma_peak *find_peak(void)
{
#ifdef X86_KERNELS
    if (strcmp(tl_kernel_level(), fma_avx512.name) == 0)
        return &fma_avx512;
    if (strcmp(tl_kernel_level(), fma_avx2.name) == 0)
        return &fma_avx2;
#endif
    return &fma_baseline;
}

static void multiply_add(void *context)
{
    arithmetic *a = context;
    a->sink = a->peak->run(ROUNDS, 0.75F, 0.25F);
}

double peak_flops(void)
{
    static double peak;
    arithmetic a = { .peak = find_peak() };
    if (peak == 0)
        peak = ROUNDS * a.peak->flops_per_round / best_time(0.03, multiply_add, &a);
    return peak;
}

/* ---- stream, gather-64: 256 MB, larger than the caches, in order and by random rows of 64 floats ---- */

enum { TABLE_ROWS = 1 << 20, ROW_WORDS = 32, LINE_WORDS = 8, TABLE_WORDS = TABLE_ROWS * ROW_WORDS };
enum { PREFETCH_DISTANCE = 8 }; /* in rows */

typedef struct table {
    uint64_t *word;
    int32_t *row; /* a permutation: no row is read twice in a run */
    volatile uint64_t sink;
} table;

static table make_table(void)
{
    table t = { .word = allocate(TABLE_WORDS, sizeof *t.word), .row = allocate(TABLE_ROWS, sizeof *t.row) };
    for (int64_t k = 0; k < TABLE_WORDS; k++)
        t.word[k] = (uint64_t)k;
    tl_random rng = { .seed = 1 };
    tl_random_permutation(&rng, TABLE_ROWS, t.row);
    return t;
}

static void free_table(table *t)
{
    free(t->word);
    free(t->row);
}

static uint64_t sum(int64_t n, const uint64_t *x)
{
    uint64_t s = 0;
    for (int64_t k = 0; k < n; k++)
        s += x[k];
    return s;
}

static void stream(void *context)
{
    table *t = context;
    t->sink = sum(TABLE_WORDS, t->word);
}

static void gather(void *context)
{
    table *t = context;
    uint64_t s = 0;
    for (int64_t k = 0; k < TABLE_ROWS; k++) {
        const uint64_t *soon = t->word + (int64_t)t->row[(k + PREFETCH_DISTANCE) % TABLE_ROWS] * ROW_WORDS;
        for (int64_t l = 0; l < ROW_WORDS; l += LINE_WORDS)
            __builtin_prefetch(soon + l);
        s += sum(ROW_WORDS, t->word + (int64_t)t->row[k] * ROW_WORDS);
    }
    t->sink = s;
}

static const double table_bytes = TABLE_WORDS * (double)sizeof(uint64_t);

double peak_bytes(void)
{
    static double peak;
    if (peak == 0) {
        table t = make_table();
        peak = table_bytes / best_time(0, gather, &t); /* the minimum number of runs: each takes long */
        free_table(&t);
    }
    return peak;
}

void bench_limit(void)
{
    arithmetic a = { .peak = find_peak() };
    work rounds = { .flops = ROUNDS * a.peak->flops_per_round, .is_limit = true };
    measure("fma", rounds, multiply_add, &a);
    table t = make_table();
    work reads = { .bytes = table_bytes, .is_limit = true };
    measure("stream", reads, stream, &t);
    measure("gather-64", reads, gather, &t);
    free_table(&t);
}

/* ---- overhead: a chain of ops on a scalar ---- */

enum { CHAIN = 1000 };

typedef struct chain {
    tl_graph *g;
    tl_variable *w;
} chain;

static tl_node *record(const chain *c)
{
    tl_node *y = tl_use(c->g, c->w);
    for (int k = 0; k < CHAIN; k++)
        y = tl_scale(y, 1);
    return must(y);
}

static void forward(void *context)
{
    const chain *c = context;
    record(c);
    tl_graph_reset(c->g);
}

static void forward_and_backward(void *context)
{
    const chain *c = context;
    tl_gradients out;
    check(tl_backward(record(c), &out));
    tl_graph_reset(c->g);
}

void bench_overhead(void)
{
    chain c = { must(tl_graph_new()), must(tl_variable_dense("w", TL_SHAPE())) };
    check(tl_init_constant(c.w, 1));
    measure("forward", (work){ .ops = CHAIN }, forward, &c);
    measure("forward and backward", (work){ .ops = CHAIN }, forward_and_backward, &c);
    tl_graph_free(c.g);
    tl_variable_free(c.w);
}
