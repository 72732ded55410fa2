/* Dense products through BLIS; the only file that knows BLIS. Small and thin shapes, for which BLIS is slow,
 * go to our own kernels. */
#include "matrix.h"
#include "lib/kernels/kernels.h"
#include "parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

#include <blis.h>

#ifdef TULLE_DOUBLE
#define GEMM bli_dgemm_ex
#else
#define GEMM bli_sgemm_ex
#endif

/* Up to this m n k, or this smallest dimension, our kernel beats BLIS on every instruction set (measured). */
enum { SMALL_PRODUCT = 1 << 22, THIN_SIDE = 32 };

/* ---- The choice of BLIS's kernels ---- */

/* BLIS would choose its kernels by the CPU, of which it does not know the newest; here they follow the
 * library's own choice, so that TULLE_KERNELS also pins the last bits of BLIS's products. The only way is an
 * environment variable, a number that bli_init reads. While other threads may read the environment nobody may
 * write it: so BLIS is started when the library is loaded, as a rule before the program has threads, with an
 * environment of its own: the process's, which stays as it is, and this variable. Where there are threads
 * already, or BLIS has no kernels for the choice, it chooses by itself. */

#if defined(__x86_64__) && __has_include(<sys/single_threaded.h>)
extern char **environ;

/* Returns BLIS's number for the instruction set, or -1 if BLIS was built without kernels for it: asked for
 * those, it would end the program. */
static int blis_arch(void)
{
    const char *isa = tl_find_kernels()->name;
#ifdef BLIS_CONFIG_SKX
    if (strcmp(isa, "avx512") == 0)
        return BLIS_ARCH_SKX;
#endif
#ifdef BLIS_CONFIG_HASWELL
    if (strcmp(isa, "avx2") == 0)
        return BLIS_ARCH_HASWELL;
#endif
#ifdef BLIS_CONFIG_GENERIC
    if (strcmp(isa, "baseline") == 0)
        return BLIS_ARCH_GENERIC;
#endif
    return -1;
}

__attribute__((constructor)) static void start_blis(void)
{
    char **const before = environ;
    char variable[32];
    const int arch = blis_arch();
    size_t n = 0;
    if (arch < 0 || !__libc_single_threaded || !before || getenv("BLIS_ARCH_TYPE"))
        return;
    while (before[n])
        n++;
    char **with = malloc((n + 2) * sizeof *with);
    if (!with)
        return;
    snprintf(variable, sizeof variable, "BLIS_ARCH_TYPE=%d", arch);
    with[0] = variable;
    memcpy(with + 1, before, (n + 1) * sizeof *with);
    environ = with;
    bli_init();
    environ = before;
    free(with);
}
#endif

/* Sets up BLIS for a product on the calling thread alone. */
static void one_thread(rntm_t *r)
{
    bli_init(); /* at the first call, unless it was started before */
    bli_rntm_init(r);
    bli_rntm_set_num_threads(1, r);
    /* In BLIS 0.9 the kernels for small products on haswell and zen read past the last element of A and C,
     * where a page may end; in double they sum an edge in another order, and skip 0 times NaN. */
    bli_rntm_disable_l3_sup(r);
}

/* C = (add: +=) a column times a row. BLIS's outer product is no faster, and computes 0 times NaN as 0. */
static void outer(int64_t m, int64_t n, tl_matrix a, tl_matrix b, tl_real *c, bool add)
{
    for (int64_t i = 0; i < m; i++) {
        if (!add)
            memset(c + i * n, 0, (size_t)n * sizeof *c);
        tl_kernel_table()->axpy(n, a.data[i * a.row], b.data, c + i * n);
    }
}

/* y += A x, where A has contiguous rows. The kernel adds up 64 partial sums; here of no more than
 * TL_GEMM_DEPTH products each. */
static void dot_products(int64_t m, int64_t k, tl_matrix a, const tl_real *x, tl_real *y)
{
    enum { LONGEST = 64 * TL_GEMM_DEPTH };
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < k; l += LONGEST)
            y[i] += tl_kernel_table()->dot(k - l < LONGEST ? k - l : LONGEST, a.data + i * a.row + l, x + l);
}

/* y += A x, where A has contiguous columns: TL_GEMM_DEPTH of them at a time, so that long sums do not lose
 * digits. */
static void sum_columns(int64_t m, int64_t k, tl_matrix a, const tl_real *x, tl_real *y)
{
    enum { STRIP = 512 };
    const tl_kernels *kernel = tl_kernel_table();
    tl_real sum[STRIP];
    for (int64_t l = 0; l < k && l < TL_GEMM_DEPTH; l++)
        kernel->axpy(m, x[l], a.data + l * a.col, y);
    for (int64_t begin = TL_GEMM_DEPTH; begin < k; begin += TL_GEMM_DEPTH)
        for (int64_t i = 0; i < m; i += STRIP) {
            const int64_t n = m - i < STRIP ? m - i : STRIP;
            memset(sum, 0, sizeof sum);
            for (int64_t l = begin; l < k && l < begin + TL_GEMM_DEPTH; l++)
                kernel->axpy(n, x[l], a.data + l * a.col + i, sum);
            kernel->add(n, sum, y + i);
        }
}

/* y = (add: +=) A x, where A has contiguous rows or contiguous columns. In BLIS's version the order of a sum
 * depends on where the element is stored, and 0 times NaN is 0. */
static void matrix_vector(int64_t m, int64_t k, tl_matrix a, const tl_real *x, tl_real *y, bool add)
{
    if (!add)
        memset(y, 0, (size_t)m * sizeof *y);
    if (a.col == 1)
        dot_products(m, k, a, x, y);
    else
        sum_columns(m, k, a, x, y);
}

static bool has_unit_stride(tl_matrix a)
{
    return a.row == 1 || a.col == 1;
}

static bool is_small(int64_t m, int64_t n, int64_t k)
{
    return m <= THIN_SIDE || n <= THIN_SIDE || k <= THIN_SIDE ||
           (double)m * (double)n * (double)k <= SMALL_PRODUCT;
}

typedef struct product {
    int64_t m, n, k;
    tl_matrix a, b;
    tl_real *c;
    bool add;
} product;

/* Compute rows (or columns) begin .. end-1 of C. By the kernel's specification, an element's order of
 * operations does not depend on the split. */
static void small_rows(void *context, int64_t begin, int64_t end)
{
    const product *p = context;
    const tl_matrix a = { p->a.data + begin * p->a.row, p->a.row, p->a.col };
    const tl_dense_out c = { p->c + begin * p->n, p->n };
    tl_kernel_table()->gemm_small(end - begin, p->n, p->k, a, p->b, c, p->add);
}

static void small_columns(void *context, int64_t begin, int64_t end)
{
    const product *p = context;
    const tl_matrix b = { p->b.data + begin * p->b.col, p->b.row, p->b.col };
    const tl_dense_out c = { p->c + begin, p->n };
    tl_kernel_table()->gemm_small(p->m, end - begin, p->k, p->a, b, c, p->add);
}

/* Nor does BLIS's order depend on the split: it splits k regardless of m, and its small-product kernels are
 * disabled above. */
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

/* Splits `count` rows or columns into one share per thread; more would cost time, because each share repeats
 * some work on the other factor. Shares begin at multiples of the widest vector, so that rows of B can be
 * read in place. */
static void multiply_in_shares(product *p, int64_t count,
                               void (*body)(void *context, int64_t begin, int64_t end))
{
    enum { WIDEST_VECTOR = 16, MIN_PARALLEL = 1 << 18 };
    const int64_t threads = tl_num_threads(), share = (count + threads - 1) / threads;
    const bool parallel = (double)p->m * (double)p->n * (double)p->k >= MIN_PARALLEL;
    tl_parallel_for(count, parallel ? (share + WIDEST_VECTOR - 1) / WIDEST_VECTOR * WIDEST_VECTOR : count,
                    body, p);
}

void tl_gemm(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_real *c, bool add)
{
    if (m == 0 || n == 0 || (k == 0 && add))
        return;
    if (k == 0) /* there may be no data to point to */
        memset(c, 0, (size_t)(m * n) * sizeof *c);
    else if (n == 1 && has_unit_stride(a) && b.row == 1)
        matrix_vector(m, k, a, b.data, c, add);
    else if (m == 1 && has_unit_stride(b) && a.col == 1)
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
