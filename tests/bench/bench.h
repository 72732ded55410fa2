/* Shared by the scenarios: measuring, failing, and data. */
#ifndef BENCH_H
#define BENCH_H

#include <tulle/tulle.h>

/* The work of one run, for the rates in its line. Rates of fields that are 0 are left out. */
typedef struct work {
    double flops;      /* "gflops" and "of_fma" */
    double bytes;      /* "gbs" and "of_gather" */
    double ops;        /* "ns_per_op" */
    double nnz;        /* "nnz", the entries of the sparse matrix, and "ns_per_entry" */
    const char *share; /* a field: the time as a share of `other` */
    double other;      /* in seconds */
    double memory;     /* "of_memory" */
    bool is_limit;     /* a peak rate: its line has no shares */
} work;

/* Measures run(context), prints a line for this case of the running scenario and returns the median time in
 * seconds. */
double measure(const char *name, work w, void (*run)(void *context), void *context);

/* Measures run(context) and, by turns, beside(other), and prints a line with the average of all runs in place
 * of the median: not all runs do the same work. w.share names the field of the times' ratio. */
void measure_beside(const char *name, work w, void (*run)(void *context), void *context,
                    void (*beside)(void *other), void *other);

/* Returns the time in seconds since some moment. */
double now(void);

/* Returns the best time of run(context) in seconds, of as many runs as the time budget allows. */
double best_time(double budget, void (*run)(void *context), void *context);

/* Return the peak rates of one core per second, measured at the first call: the flops of `fma` and the bytes
 * of `gather-64` in the scenario `limit`. */
double peak_flops(void);
double peak_bytes(void);

/* End the program with the scenario and tl_error() on stderr and status 1 if `status` is a failure or `made`
 * is NULL. `must` returns `made`. */
void check(tl_status status);
void *must(void *made);

/* Return arrays for the caller to free: uninitialised, standard normal, and uniform in 0 .. bound-1. */
void *allocate(int64_t n, size_t size);
tl_real *random_reals(int64_t n, uint64_t seed);
int32_t *random_integers(int64_t n, int64_t bound, uint64_t seed);

/* Returns a scalar whose gradient with respect to Y is dY, an array like Y, which is borrowed. Its value is
 * not computed. */
tl_node *with_upstream(tl_node *y, const tl_real *dy);

/* The scenarios. */
void bench_gemm(void);
void bench_sparse_layer(void);
void bench_sparse_layer_forward(void);
void bench_growth(void);
void bench_mlp_step(void);
void bench_embedding_step(void);
void bench_embedding_train(void);
void bench_exact_rows(void);
void bench_table_rows(void);
void bench_tiny_step(void);
void bench_gcn_epoch(void);
void bench_attention_step(void);
void bench_sparse_attention(void);
void bench_lstm_step(void);
void bench_elementwise(void);
void bench_conv_step(void);
void bench_sparse_conv(void);
void bench_limit(void);
void bench_overhead(void);
void bench_hessian_product(void);

#endif
