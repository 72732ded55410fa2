/* Dense products through BLIS; the only file that knows BLIS. Small and thin shapes, at which it is slow, go
 * to kernels of our own. */
#include "lib/matrix/gemm.h"
#include "lib/kernels/kernels.h"
#include "isa.h"
#include "parallel.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blis.h>

#ifdef TULLE_DOUBLE
#define GEMM bli_dgemm_ex
#else
#define GEMM bli_sgemm_ex
#endif

/* Measured: to this m n k, or to this least of the three, our own kernel is faster at every level. */
enum { SMALL = 1 << 22, THIN = 32 };

#if defined(__x86_64__)
/* BLIS would choose by the chip: the level decides instead, so that its last bits are the level's, too.
 * The one lever is an environment variable that holds a number and is read once, by bli_init. */
static void start_blis(void)
{
    const char *level = tl_kernel_level();
    if (getenv("BLIS_ARCH_TYPE")) {
        bli_init();
        return;
    }
    char number[16];
    snprintf(number, sizeof number, "%d",
             (int)(strcmp(level, "avx512") == 0 ? BLIS_ARCH_SKX
                   : strcmp(level, "avx2") == 0 ? BLIS_ARCH_HASWELL
                                                : BLIS_ARCH_GENERIC));
    setenv("BLIS_ARCH_TYPE", number, 1);
    bli_init();
    unsetenv("BLIS_ARCH_TYPE");
}
#else
static void start_blis(void)
{
    bli_init();
}
#endif

static void one_thread(rntm_t *r)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_blis);
    bli_rntm_init(r);
    bli_rntm_set_num_threads(1, r);
    /* In BLIS 0.9 the kernels for small products on haswell and zen read behind the last element of A and
     * C (its issues 635 and 821), where a page may end; in double they sum an edge in another order, and
     * skip 0 times NaN. */
    bli_rntm_disable_l3_sup(r);
}

/* The product of a column and a row. BLIS's is no faster, and takes 0 times NaN for 0. */
static void outer(int64_t m, int64_t n, tl_matrix a, tl_matrix b, tl_real *c, bool add)
{
    for (int64_t i = 0; i < m; i++) {
        if (!add)
            memset(c + i * n, 0, (size_t)n * sizeof *c);
        tl_kernel_table()->axpy(n, a.data[i * a.row], b.data, c + i * n);
    }
}

/* y = A x, or y += A x. A row of A is either contiguous, or its columns are. BLIS's order of a sum depends
 * on where the element sits, and it, too, takes 0 times NaN for 0. */
static void matrix_vector(int64_t m, int64_t k, tl_matrix a, const tl_real *x, tl_real *y, bool add)
{
    const tl_kernels *kernel = tl_kernel_table();
    if (!add)
        memset(y, 0, (size_t)m * sizeof *y);
    for (int64_t i = 0; a.col == 1 && i < m; i++)
        y[i] += kernel->dot(k, a.data + i * a.row, x);
    for (int64_t l = 0; a.col != 1 && l < k; l++)
        kernel->axpy(m, x[l], a.data + l * a.col, y);
}

static bool lies_well(tl_matrix a)
{
    return a.row == 1 || a.col == 1;
}

static bool is_small(int64_t m, int64_t n, int64_t k)
{
    return m <= THIN || n <= THIN || k <= THIN || (double)m * (double)n * (double)k <= SMALL;
}

typedef struct product {
    int64_t m, n, k;
    tl_matrix a, b;
    tl_real *c;
    bool add;
} product;

/* Rows or columns begin .. end-1 of C. An element's order of operations does not depend on them: our
 * kernel's by its statement. */
static void small_rows(void *context, int64_t begin, int64_t end)
{
    const product *p = context;
    tl_kernel_table()->gemm_small(end - begin, p->n, p->k, p->a.data + begin * p->a.row, p->a.row, p->a.col,
                                  p->b.data, p->b.row, p->b.col, p->c + begin * p->n, p->n, p->add);
}

static void small_columns(void *context, int64_t begin, int64_t end)
{
    const product *p = context;
    tl_kernel_table()->gemm_small(p->m, end - begin, p->k, p->a.data, p->a.row, p->a.col,
                                  p->b.data + begin * p->b.col, p->b.row, p->b.col, p->c + begin, p->n,
                                  p->add);
}

/* BLIS's neither: it splits k without regard to m, and its kernels for small products are off. */
static void blis_rows(void *context, int64_t begin, int64_t end)
{
    const product *p = context;
    rntm_t rntm;
    one_thread(&rntm);
    tl_real one = 1, beta = p->add ? 1 : 0;
    GEMM(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, end - begin, p->n, p->k, &one,
         (tl_real *)p->a.data + begin * p->a.row, p->a.row, p->a.col, (tl_real *)p->b.data, p->b.row,
         p->b.col, &beta, p->c + begin * p->n, p->n, 1, NULL, &rntm); /* BLIS has no const */
}

/* Calls body for a share of `count` rows or columns on each thread. All of them repeat some work on the other
 * factor, so there are no more shares than threads. A share begins at a whole vector of every level: a row of
 * B is then read where it lies. */
static void multiply_in_shares(product *p, int64_t count,
                               void (*body)(void *context, int64_t begin, int64_t end))
{
    enum { UNIT = 16, WORTH = 1 << 18 };
    const int64_t threads = tl_num_threads(), share = (count + threads - 1) / threads;
    const bool worth = (double)p->m * (double)p->n * (double)p->k >= WORTH;
    tl_parallel_for(count, worth ? (share + UNIT - 1) / UNIT * UNIT : count, body, p);
}

void tl_gemm(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_real *c, bool add)
{
    if (m == 0 || n == 0 || (k == 0 && add))
        return;
    if (k == 0) /* there may be no data to point to */
        memset(c, 0, (size_t)(m * n) * sizeof *c);
    else if (n == 1 && lies_well(a) && b.row == 1)
        matrix_vector(m, k, a, b.data, c, add);
    else if (m == 1 && lies_well(b) && a.col == 1)
        matrix_vector(n, k, tl_matrix_transposed(b), a.data, c, add);
    else if (k == 1 && b.col == 1)
        outer(m, n, a, b, c, add);
    else {
        product p = { .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .add = add };
        if (!is_small(m, n, k))
            multiply_in_shares(&p, m, blis_rows);
        else if (m < n)
            multiply_in_shares(&p, n, small_columns);
        else
            multiply_in_shares(&p, m, small_rows);
    }
}
