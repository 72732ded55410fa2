/* The sparse kernels of every table that this CPU supports, each against its reference, to the bit. */
#include "tests/lib/tables.h"

#include "lib/matrix/blocks.h"

/* Widths of a tile: up to a vector, several vectors, and the widest. */
static int64_t width_of(int number)
{
    const int64_t lanes = t->lanes, width[] = { 1,         lanes - 1,     lanes,         lanes + 1,
                                                3 * lanes, 5 * lanes + 1, 8 * lanes - 1, 8 * lanes };
    return width[number];
}
enum { WIDTHS = 8 };

/* n rows of `width` values, each padded with zeros to whole vectors: *ld values. */
static operand random_rows(int64_t n, int64_t width, int64_t shift, uint64_t seed, int64_t *ld)
{
    *ld = (width + t->lanes - 1) / t->lanes * t->lanes;
    operand o = random_values(n * *ld, shift, seed);
    for (int64_t k = 0; k < n * *ld; k++)
        if (k % *ld >= width)
            o.at[k] = 0;
    return o;
}

static tl_sparse sparse_of(const tl_pattern *p, const int32_t *perm, const tl_real *values,
                           const tl_blocks *blocks)
{
    return (tl_sparse){ .rows = tl_pattern_rows(p),
                        .row_ptr = tl_pattern_row_ptr(p),
                        .col = tl_pattern_col(p),
                        .perm = perm,
                        .values = values,
                        .blocks = blocks };
}

/* 9 x 40: rows of 0, 1, 2, 40 (all), 17, 16, 15, 0 and 3 entries. */
static tl_pattern *some_rows(void)
{
    const int64_t count[9] = { 0, 1, 2, 40, 17, 16, 15, 0, 3 };
    uint8_t keep[9 * 40] = { 0 };
    for (int64_t i = 0; i < 9; i++)
        for (int64_t e = 0; e < count[i]; e++)
            keep[i * 40 + (e * 11 + 7 * i) % 40] = 1; /* coprime to 40: all different */
    return tl_pattern_from_mask(9, 40, keep);
}

/* A walk by rows: over all rows at once, in two parts, and one row at a time. A row has the same bits each
 * time, and rows outside of the range are left alone. */
static void check_spmm(const tl_sparse *s, int64_t cols, int64_t n, int64_t shift, bool sum)
{
    const int64_t rows = s->rows, ldy = n + 2 * shift,
                  ny = rows * ldy; /* with gaps between the rows of Y, or without */
    int64_t ldx;
    operand x = random_rows(cols, n, shift, 13, &ldx), expected = random_values(ny, shift, 14);
    const tl_dense xv = { x.at, ldx };
    tl_ref_spmm(fuses(), s, 0, rows, n, xv, (tl_dense_out){ expected.at, ldy }, sum);
    const int64_t parts[][4] = {
        { 0, rows, rows, rows }, { 0, 3, 3, rows }, { 4, rows, 0, 4 }, { 0, 0, 0, rows }
    };
    for (int k = 0; k < 4; k++) {
        operand y = random_values(ny, shift, 14);
        t->spmm(s, parts[k][0], parts[k][1], n, xv, (tl_dense_out){ y.at, ldy }, sum);
        t->spmm(s, parts[k][2], parts[k][3], n, xv, (tl_dense_out){ y.at, ldy }, sum);
        ck_assert_all_same(y.block, expected.block, ny + shift);
        free(y.block);
    }
    operand y = random_values(ny, shift, 14), before = random_values(ny, shift, 14);
    for (int64_t i = 0; i < rows; i++) {
        t->spmm(s, i, i + 1, n, xv, (tl_dense_out){ y.at, ldy }, sum);
        ck_assert_all_same(y.at, expected.at, (i + 1) * ldy);
        ck_assert_all_same(y.at + (i + 1) * ldy, before.at + (i + 1) * ldy, (rows - i - 1) * ldy);
    }
    free(x.block);
    free(expected.block);
    free(y.block);
    free(before.block);
}

/* S, and its transpose through the permutation. */
START_TEST(spmm)
{
    if (!supported(_i))
        return;
    tl_pattern *p = some_rows();
    const int32_t *perm = NULL;
    const tl_pattern *transpose = tl_pattern_transpose(p, &perm);
    for (int c = 0; c < 8 * WIDTHS; c++) {
        const bool sum = c % 2, transposed = c / 2 % 2;
        const int64_t shift = c / 4 % 2;
        operand v = random_values(tl_pattern_nnz(p), shift, 12);
        tl_sparse s = sparse_of(transposed ? transpose : p, transposed ? perm : NULL, v.at, NULL);
        check_spmm(&s, transposed ? 9 : 40, width_of(c / 8), shift, sum);
        free(v.block);
    }
    tl_pattern_release(p);
}
END_TEST

/* S, or its transpose with a permutation, and what a walk over it reads and writes. */
typedef struct factors {
    tl_sparse s;
    int64_t rows, n, nnz, shift, ld, ldda; /* ld: of a and b; da may have gaps between its rows */
    operand v, a, b, da, dvalues, expected_da, expected_dvalues;
} factors;

/* block: columns in a block; 0: walk by rows. */
static factors *factors_new(const tl_pattern *p, int64_t n, bool transposed, int64_t shift, int64_t block)
{
    const int32_t *perm = NULL;
    const tl_pattern *transpose = tl_pattern_transpose(p, &perm);
    factors *f = calloc(1, sizeof *f);
    if (transposed)
        p = transpose;
    else
        perm = NULL;
    f->rows = tl_pattern_rows(p), f->n = n, f->nnz = tl_pattern_nnz(p), f->shift = shift;
    f->ldda = n + 2 * shift;
    f->v = random_values(f->nnz, shift, 12);
    f->s = sparse_of(p, perm, f->v.at, block > 0 ? tl_pattern_blocks(p, block, perm) : NULL);
    f->a = random_rows(f->rows, n, shift, 15, &f->ld);
    f->b = random_rows(tl_pattern_cols(p), n, shift, 16, &f->ld);
    for (int64_t k = 0; k < f->rows * f->ld; k++)
        if (k % f->ld >= n) /* must not be read */
            f->a.at[k] = (tl_real)NAN;
    f->da = random_values(f->rows * f->ldda, shift, 18);
    f->expected_da = random_values(f->rows * f->ldda, shift, 18);
    f->dvalues = random_values(f->nnz, shift, 17), f->expected_dvalues = random_values(f->nnz, shift, 17);
    return f;
}

static void factors_free(factors *f)
{
    free(f->v.block);
    free(f->a.block);
    free(f->b.block);
    free(f->da.block);
    free(f->dvalues.block);
    free(f->expected_da.block);
    free(f->expected_dvalues.block);
    free(f);
}

/* Calls of the kernel under test, and of its reference, on these operands. */
static void run_spmm(const factors *f, int64_t begin, int64_t end, bool add)
{
    t->spmm(&f->s, begin, end, f->n, (tl_dense){ f->b.at, f->ld }, (tl_dense_out){ f->da.at, f->ldda }, add);
}

static void expect_spmm(factors *f, int64_t begin, int64_t end, bool add)
{
    tl_ref_spmm(fuses(), &f->s, begin, end, f->n, (tl_dense){ f->b.at, f->ld },
                (tl_dense_out){ f->expected_da.at, f->ldda }, add);
}

static void run_sddmm(const factors *f, int64_t begin, int64_t end, bool add_values)
{
    tl_sparse s = f->s;
    s.values = NULL; /* not read */
    t->sddmm(&s, begin, end, f->n, (tl_dense){ f->a.at, f->ld }, (tl_dense){ f->b.at, f->ld }, f->dvalues.at,
             add_values);
}

static void expect_sddmm(factors *f, int64_t begin, int64_t end, bool add_values)
{
    tl_ref_sddmm(fuses(), t->lanes, &f->s, begin, end, f->n, (tl_dense){ f->a.at, f->ld },
                 (tl_dense){ f->b.at, f->ld }, f->expected_dvalues.at, add_values);
}

static void run_spmm_sddmm(const factors *f, int64_t begin, int64_t end, bool add, bool add_values)
{
    t->spmm_sddmm(&f->s, begin, end, f->n, (tl_dense){ f->a.at, f->ld }, (tl_dense){ f->b.at, f->ld },
                  (tl_dense_out){ f->da.at, f->ldda }, add, f->dvalues.at, add_values);
}

static void expect_spmm_sddmm(factors *f, int64_t begin, int64_t end, bool add, bool add_values)
{
    tl_ref_spmm_sddmm(fuses(), t->lanes, &f->s, begin, end, f->n, (tl_dense){ f->a.at, f->ld },
                      (tl_dense){ f->b.at, f->ld }, (tl_dense_out){ f->expected_da.at, f->ldda }, add,
                      f->expected_dvalues.at, add_values);
}

static void check_factors(const factors *f, const char *kernel)
{
    check_reference(kernel, f->da.block, f->expected_da.block, f->rows * f->ldda + f->shift);
    check_reference(kernel, f->dvalues.block, f->expected_dvalues.block, f->nnz + f->shift);
}

/* Ranges of rows in any order, one of them empty; the entries of other rows are left alone. */
static const int64_t range[][2] = { { 5, 9 }, { 4, 4 }, { 0, 1 }, { 1, 5 }, { 9, 40 } };

START_TEST(sddmm)
{
    if (!supported(_i))
        return;
    tl_pattern *p = some_rows();
    for (int c = 0; c < 4 * WIDTHS; c++) {
        factors *f = factors_new(p, width_of(c / 4), c % 2, c / 2 % 2, 0);
        for (int k = 0; k < 5 && range[k][0] < f->rows; k++) {
            const int64_t begin = range[k][0], end = range[k][1];
            const bool add = k % 2 == c % 3 % 2;
            run_sddmm(f, begin, end, add);
            expect_sddmm(f, begin, end, add);
            check_factors(f, "sddmm");
        }
        factors_free(f);
    }
    tl_pattern_release(p);
}
END_TEST

START_TEST(spmm_sddmm)
{
    if (!supported(_i))
        return;
    tl_pattern *p = some_rows();
    for (int c = 0; c < 4 * WIDTHS; c++) {
        factors *f = factors_new(p, width_of(c / 4), c % 2, c / 2 % 2, 0);
        for (int k = 0; k < 5 && range[k][0] < f->rows; k++) {
            const int64_t begin = range[k][0], end = range[k][1];
            const bool add = k % 2 == c % 3 % 2, add_values = k / 2 % 2;
            run_spmm_sddmm(f, begin, end, add, add_values);
            expect_spmm_sddmm(f, begin, end, add, add_values);
            check_factors(f, "spmm_sddmm");
        }
        factors_free(f);
    }
    tl_pattern_release(p);
}
END_TEST

/* Products that underflow, to -0 where they are fused: the gradient is the +0 that accumulating into cleared
 * memory would give. */
START_TEST(signs_of_zeros)
{
    if (!supported(_i))
        return;
    const tl_real least = TL_IS_DOUBLE ? (tl_real)DBL_MIN : (tl_real)FLT_MIN;
    tl_pattern *p = some_rows();
    for (int c = 0; c < 4; c++) {
        factors *f = factors_new(p, t->lanes, c % 2, 0, 0);
        for (int64_t k = 0; k < f->rows * f->ld; k++)
            f->a.at[k] = -least;
        for (int64_t k = 0; k < (c % 2 ? 9 : 40) * f->ld; k++)
            f->b.at[k] = least;
        if (c / 2)
            run_sddmm(f, 0, f->rows, false);
        else
            run_spmm_sddmm(f, 0, f->rows, true, false);
        ck_assert(f->dvalues.at[0] == 0 && !signbit(f->dvalues.at[0]));
        if (c / 2)
            expect_sddmm(f, 0, f->rows, false);
        else
            expect_spmm_sddmm(f, 0, f->rows, true, false);
        check_factors(f, "products of -0");
        factors_free(f);
    }
    tl_pattern_release(p);
}
END_TEST

/* 100 x 60: rows of 0 to 53 entries, in some ranges; columns 14 to 20, a block of 7, have none. */
static tl_pattern *many_rows(void)
{
    uint8_t keep[100 * 60] = { 0 };
    for (int64_t i = 0; i < 100; i++)
        for (int64_t e = 0; e < 7 * i % 61; e++)
            keep[i * 60 + (e * 11 + 7 * i) % 60] = (e * 11 + 7 * i) % 60 / 7 != 2;
    return tl_pattern_from_mask(100, 60, keep);
}

/* All three kernels: spmm_sddmm with these flags, range by range from the last; then the others with the
 * opposite flags. */
static void check_by_blocks(const tl_pattern *p, int64_t n, bool transposed, int64_t shift, int64_t block,
                            bool add, bool add_values)
{
    factors *f = factors_new(p, n, transposed, shift, block);
    ck_assert_int_gt(f->s.blocks->n_ranges, 1);
    for (int64_t r = f->s.blocks->n_ranges - 1; r >= 0; r--)
        run_spmm_sddmm(f, r, r + 1, add, add_values);
    expect_spmm_sddmm(f, 0, f->rows, add, add_values);
    check_factors(f, "spmm_sddmm by blocks");
    const int64_t end[] = { 0, f->s.blocks->n_ranges }; /* no range; all of them at once */
    for (int k = 0; k < 2; k++) {
        run_sddmm(f, 0, end[k], !add_values);
        run_spmm(f, 0, end[k], !add);
    }
    expect_sddmm(f, 0, f->rows, !add_values);
    expect_spmm(f, 0, f->rows, !add);
    check_factors(f, "spmm and sddmm by blocks");
    factors_free(f);
}

START_TEST(blocks)
{
    if (!supported(_i))
        return;
    const int64_t lanes = t->lanes,
                  width[] = { 4 * lanes, 5 * lanes, 6 * lanes - 1, 7 * lanes - 1, 8 * lanes - 1, 8 * lanes };
    tl_pattern *p = many_rows();
    for (int c = 0; c < 16 * 6; c++)
        check_by_blocks(p, width[c / 16], c % 2, c / 2 % 2, c / 4 % 2 ? 7 : 64, (c / 2 + c / 16) % 2,
                        c / 8 % 2);
    tl_pattern_release(p);
}
END_TEST

/* So many entries, permuted, that a walk by rows prefetches values. */
START_TEST(spmm_sddmm_of_many)
{
    if (!supported(_i))
        return;
    tl_pattern *p = tl_pattern_random(700, 400, 0.95, 1);
    factors *f = factors_new(p, 2 * t->lanes, true, 0, 0);
    run_spmm_sddmm(f, 0, f->rows, false, true);
    expect_spmm_sddmm(f, 0, f->rows, false, true);
    check_factors(f, "spmm_sddmm of many entries");
    factors_free(f);
    tl_pattern_release(p);
}
END_TEST

/* nnz = 0: zeros, or the old values. */
START_TEST(no_entries)
{
    if (!supported(_i))
        return;
    const int64_t row_ptr[4] = { 0 };
    const tl_sparse s = { .rows = 3, .row_ptr = row_ptr };
    const tl_real x[64] = { 1, 2 };
    tl_real y[6 + 64] = { 1, 2, 3, 4, 5, 6 };
    const tl_dense xv = { x, 2 }, yv = { y, 2 };
    const tl_dense_out out = { y, 2 };
    t->spmm(&s, 0, 3, 2, xv, out, true);
    ck_assert_values(y, 6, 0, 1, 2, 3, 4, 5, 6);
    t->spmm(&s, 0, 2, 2, xv, out, false);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 5, 6);
    t->sddmm(&s, 0, 3, 2, yv, xv, NULL, true);
    t->spmm_sddmm(&s, 0, 3, 2, xv, xv, out, true, NULL, true);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 5, 6);
    t->spmm_sddmm(&s, 1, 3, 2, xv, xv, out, false, NULL, false);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 0, 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels_sparse");
    TCase *c = tl_test_case(s, "kernels_sparse");
    tcase_add_loop_test(c, spmm, 0, TABLES);
    tcase_add_loop_test(c, sddmm, 0, TABLES);
    tcase_add_loop_test(c, spmm_sddmm, 0, TABLES);
    tcase_add_loop_test(c, signs_of_zeros, 0, TABLES);
    tcase_add_loop_test(c, blocks, 0, TABLES);
    tcase_add_loop_test(c, spmm_sddmm_of_many, 0, TABLES);
    tcase_add_loop_test(c, no_entries, 0, TABLES);
    return s;
}
