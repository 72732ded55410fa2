/* The sparse kernels of every table that this chip can run, each against its loop in stated.c, to the bit. */
#include "tests/lib/tables.h"

#include "lib/pattern/pattern_private.h"
#include "lib/matrix/rows.h"

/* Widths of a tile, in samples: one vector and less, several, and the most that there can be. */
static int64_t width_of(int number)
{
    const int64_t lanes = t->lanes, width[] = { 1,         lanes - 1,     lanes,         lanes + 1,
                                                3 * lanes, 5 * lanes + 1, 8 * lanes - 1, 8 * lanes };
    return width[number];
}
enum { WIDTHS = 8 };

/* n rows of `width` values, each followed by zeros to a whole vector; *ld is how far they are apart. */
static operand random_rows(int64_t n, int64_t width, int64_t shift, uint64_t seed, int64_t *ld)
{
    *ld = (width + t->lanes - 1) / t->lanes * t->lanes;
    operand o = random_values(n * *ld, shift, seed);
    for (int64_t k = 0; k < n * *ld; k++)
        if (k % *ld >= width)
            o.at[k] = 0;
    return o;
}

/* The matrix for a kernel. */
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
            keep[i * 40 + (e * 11 + 7 * i) % 40] = 1; /* 11 and 40 have no common factor: all different */
    return tl_pattern_from_mask(9, 40, keep);
}

/* One way to walk S by rows: over all of them at once and in two parts, then row by row. A row has the same
 * bits alone and among others, and rows outside the range are left alone. */
static void check_spmm(const tl_sparse *s, int64_t cols, int64_t n, int64_t shift, bool sum)
{
    const int64_t rows = s->rows, ldy = n + 2 * shift, ny = rows * ldy; /* the rows of Y may lie apart */
    int64_t ldx;
    operand x = random_rows(cols, n, shift, 13, &ldx), expected = random_values(ny, shift, 14);
    tl_ref_spmm(fuses(), s, 0, rows, n, x.at, ldx, expected.at, ldy, sum);
    const int64_t parts[][4] = {
        { 0, rows, rows, rows }, { 0, 3, 3, rows }, { 4, rows, 0, 4 }, { 0, 0, 0, rows }
    };
    for (int k = 0; k < 4; k++) {
        operand y = random_values(ny, shift, 14);
        t->spmm(s, parts[k][0], parts[k][1], n, x.at, ldx, y.at, ldy, sum);
        t->spmm(s, parts[k][2], parts[k][3], n, x.at, ldx, y.at, ldy, sum);
        ck_assert_all_same(y.block, expected.block, ny + shift);
        free(y.block);
    }
    operand y = random_values(ny, shift, 14), before = random_values(ny, shift, 14);
    for (int64_t i = 0; i < rows; i++) {
        t->spmm(s, i, i + 1, n, x.at, ldx, y.at, ldy, sum);
        ck_assert_all_same(y.at, expected.at, (i + 1) * ldy);
        ck_assert_all_same(y.at + (i + 1) * ldy, before.at + (i + 1) * ldy, (rows - i - 1) * ldy);
    }
    free(x.block), free(expected.block), free(y.block), free(before.block);
}

/* By S and by its transpose through the order. */
START_TEST(spmm)
{
    if (!runs(_i))
        return;
    tl_pattern *p = some_rows();
    const int32_t *perm = NULL;
    const tl_pattern *turned = tl_pattern_transpose(p, &perm);
    for (int c = 0; c < 8 * WIDTHS; c++) {
        const bool sum = c % 2, transposed = c / 2 % 2;
        const int64_t shift = c / 4 % 2;
        operand v = random_values(tl_pattern_nnz(p), shift, 12);
        tl_sparse s = sparse_of(transposed ? turned : p, transposed ? perm : NULL, v.at, NULL);
        check_spmm(&s, transposed ? 9 : 40, width_of(c / 8), shift, sum);
        free(v.block);
    }
    tl_pattern_release(p);
}
END_TEST

/* S or its transpose through the order, and what a walk over it reads and writes. */
typedef struct factors {
    tl_sparse s;
    int64_t rows, n, nnz, shift, ld, ldda; /* of a and b; of da, whose rows may lie apart */
    operand v, a, b, da, dvalues, stated_da, stated_dvalues;
} factors;

/* block: columns in a block, 0 for a walk by rows */
static factors *factors_new(const tl_pattern *p, int64_t n, bool transposed, int64_t shift, int64_t block)
{
    const int32_t *perm = NULL;
    const tl_pattern *turned = tl_pattern_transpose(p, &perm);
    factors *f = calloc(1, sizeof *f);
    if (transposed)
        p = turned;
    else
        perm = NULL;
    f->rows = tl_pattern_rows(p), f->n = n, f->nnz = tl_pattern_nnz(p), f->shift = shift;
    f->ldda = n + 2 * shift;
    f->v = random_values(f->nnz, shift, 12);
    f->s = sparse_of(p, perm, f->v.at, block > 0 ? tl_pattern_blocks(p, block, perm) : NULL);
    f->a = random_rows(f->rows, n, shift, 15, &f->ld);
    f->b = random_rows(tl_pattern_cols(p), n, shift, 16, &f->ld);
    for (int64_t k = 0; k < f->rows * f->ld; k++)
        if (k % f->ld >= n) /* what stands behind a row of a is not read */
            f->a.at[k] = (tl_real)NAN;
    f->da = random_values(f->rows * f->ldda, shift, 18);
    f->stated_da = random_values(f->rows * f->ldda, shift, 18);
    f->dvalues = random_values(f->nnz, shift, 17), f->stated_dvalues = random_values(f->nnz, shift, 17);
    return f;
}

static void factors_free(factors *f)
{
    free(f->v.block), free(f->a.block), free(f->b.block);
    free(f->da.block), free(f->dvalues.block), free(f->stated_da.block), free(f->stated_dvalues.block);
    free(f);
}

static void check_factors(const factors *f, const char *kernel)
{
    check_stated(kernel, f->da.block, f->stated_da.block, f->rows * f->ldda + f->shift);
    check_stated(kernel, f->dvalues.block, f->stated_dvalues.block, f->nnz + f->shift);
}

/* Ranges of rows in any order, and an empty one; other rows' entries are left alone. */
static const int64_t range[][2] = { { 5, 9 }, { 4, 4 }, { 0, 1 }, { 1, 5 }, { 9, 40 } };

START_TEST(sddmm)
{
    if (!runs(_i))
        return;
    tl_pattern *p = some_rows();
    for (int c = 0; c < 4 * WIDTHS; c++) {
        factors *f = factors_new(p, width_of(c / 4), c % 2, c / 2 % 2, 0);
        f->s.values = NULL;
        for (int k = 0; k < 5 && range[k][0] < f->rows; k++) {
            const int64_t begin = range[k][0], end = range[k][1];
            const bool add = k % 2 == c % 3 % 2;
            t->sddmm(&f->s, begin, end, f->n, f->a.at, f->ld, f->b.at, f->ld, f->dvalues.at, add);
            tl_ref_sddmm(fuses(), t->lanes, &f->s, begin, end, f->n, f->a.at, f->ld, f->b.at, f->ld,
                         f->stated_dvalues.at, add);
            check_factors(f, "sddmm");
        }
        factors_free(f);
    }
    tl_pattern_release(p);
}
END_TEST

START_TEST(gradients)
{
    if (!runs(_i))
        return;
    tl_pattern *p = some_rows();
    for (int c = 0; c < 4 * WIDTHS; c++) {
        factors *f = factors_new(p, width_of(c / 4), c % 2, c / 2 % 2, 0);
        for (int k = 0; k < 5 && range[k][0] < f->rows; k++) {
            const int64_t begin = range[k][0], end = range[k][1];
            const bool add = k % 2 == c % 3 % 2, add_values = k / 2 % 2;
            t->spmm_sddmm(&f->s, begin, end, f->n, f->a.at, f->ld, f->b.at, f->ld, f->da.at, f->ldda, add,
                          f->dvalues.at, add_values);
            tl_ref_spmm_sddmm(fuses(), t->lanes, &f->s, begin, end, f->n, f->a.at, f->ld, f->b.at, f->ld,
                              f->stated_da.at, f->ldda, add, f->stated_dvalues.at, add_values);
            check_factors(f, "gradients");
        }
        factors_free(f);
    }
    tl_pattern_release(p);
}
END_TEST

/* Products too small for a number, -0 where they are fused: the gradient is the 0 that it would be in cleared
 * memory. */
START_TEST(signs_of_zeros)
{
    if (!runs(_i))
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
            t->sddmm(&f->s, 0, f->rows, f->n, f->a.at, f->ld, f->b.at, f->ld, f->dvalues.at, false);
        else
            t->spmm_sddmm(&f->s, 0, f->rows, f->n, f->a.at, f->ld, f->b.at, f->ld, f->da.at, f->ldda, true,
                          f->dvalues.at, false);
        ck_assert(f->dvalues.at[0] == 0 && !signbit(f->dvalues.at[0]));
        if (c / 2)
            tl_ref_sddmm(fuses(), t->lanes, &f->s, 0, f->rows, f->n, f->a.at, f->ld, f->b.at, f->ld,
                         f->stated_dvalues.at, false);
        else
            tl_ref_spmm_sddmm(fuses(), t->lanes, &f->s, 0, f->rows, f->n, f->a.at, f->ld, f->b.at, f->ld,
                              f->stated_da.at, f->ldda, true, f->stated_dvalues.at, false);
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

/* All three kernels, the ranges backward and one by one: gradients as the flags say, then the others the
 * other way. */
static void check_by_blocks(const tl_pattern *p, int64_t n, bool transposed, int64_t shift, int64_t block,
                            bool add, bool add_values)
{
    factors *f = factors_new(p, n, transposed, shift, block);
    tl_sparse no_values = f->s;
    no_values.values = NULL;
    ck_assert_int_gt(f->s.blocks->n_ranges, 1);
    for (int64_t r = f->s.blocks->n_ranges - 1; r >= 0; r--)
        t->spmm_sddmm(&f->s, r, r + 1, n, f->a.at, f->ld, f->b.at, f->ld, f->da.at, f->ldda, add,
                      f->dvalues.at, add_values);
    tl_ref_spmm_sddmm(fuses(), t->lanes, &f->s, 0, f->rows, n, f->a.at, f->ld, f->b.at, f->ld,
                      f->stated_da.at, f->ldda, add, f->stated_dvalues.at, add_values);
    check_factors(f, "gradients by blocks");
    const int64_t end[] = { 0, f->s.blocks->n_ranges }; /* no range; all of them at once */
    for (int k = 0; k < 2; k++) {
        t->sddmm(&no_values, 0, end[k], n, f->a.at, f->ld, f->b.at, f->ld, f->dvalues.at, !add_values);
        t->spmm(&f->s, 0, end[k], n, f->b.at, f->ld, f->da.at, f->ldda, !add);
    }
    tl_ref_sddmm(fuses(), t->lanes, &no_values, 0, f->rows, n, f->a.at, f->ld, f->b.at, f->ld,
                 f->stated_dvalues.at, !add_values);
    tl_ref_spmm(fuses(), &f->s, 0, f->rows, n, f->b.at, f->ld, f->stated_da.at, f->ldda, !add);
    check_factors(f, "spmm and sddmm by blocks");
    factors_free(f);
}

START_TEST(blocks)
{
    if (!runs(_i))
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

/* So many entries, and through an order, that a walk by rows asks for values ahead. */
START_TEST(gradients_of_many)
{
    if (!runs(_i))
        return;
    tl_pattern *p = tl_pattern_random(700, 400, 0.95, 1);
    factors *f = factors_new(p, 2 * t->lanes, true, 0, 0);
    t->spmm_sddmm(&f->s, 0, f->rows, f->n, f->a.at, f->ld, f->b.at, f->ld, f->da.at, f->ldda, false,
                  f->dvalues.at, true);
    tl_ref_spmm_sddmm(fuses(), t->lanes, &f->s, 0, f->rows, f->n, f->a.at, f->ld, f->b.at, f->ld,
                      f->stated_da.at, f->ldda, false, f->stated_dvalues.at, true);
    check_factors(f, "gradients of many entries");
    factors_free(f);
    tl_pattern_release(p);
}
END_TEST

/* nnz = 0: zeros, or what was there. */
START_TEST(no_entries)
{
    if (!runs(_i))
        return;
    const int64_t row_ptr[4] = { 0 };
    const tl_sparse s = { .rows = 3, .row_ptr = row_ptr };
    const tl_real x[64] = { 1, 2 };
    tl_real y[6 + 64] = { 1, 2, 3, 4, 5, 6 };
    t->spmm(&s, 0, 3, 2, x, 2, y, 2, true);
    ck_assert_values(y, 6, 0, 1, 2, 3, 4, 5, 6);
    t->spmm(&s, 0, 2, 2, x, 2, y, 2, false);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 5, 6);
    t->sddmm(&s, 0, 3, 2, y, 2, x, 2, NULL, true);
    t->spmm_sddmm(&s, 0, 3, 2, x, 2, x, 2, y, 2, true, NULL, true);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 5, 6);
    t->spmm_sddmm(&s, 1, 3, 2, x, 2, x, 2, y, 2, false, NULL, false);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 0, 0);
}
END_TEST

/* ---- sums of table rows ---- */

/* Bags as a caller has them: columns in any order and repeated, a bag of none. In the chosen table; at
 * every width around that of vectors and tiles, from a table that ends with its last row. */
START_TEST(table_rows)
{
    t = tl_kernel_table();
    const int64_t row_ptr[] = { 0, 3, 3, 4, 9 };
    const int32_t col[] = { 4, 0, 4, 2, 1, 0, 1, 3, 4 };
    const int64_t tile = TL_TILE_VECS * t->lanes;
    for (int64_t width = 0; width <= 2 * tile + 1; width++)
        for (int add = 0; add < 2; add++) {
            operand values = random_values(9, 0, 1), x = random_values(5 * width, 0, 2),
                    y = random_values(4 * width, 0, 3);
            operand expected = random_values(4 * width, 0, 3);
            tl_sparse s = {
                .rows = 4, .row_ptr = row_ptr, .col = col, .values = values.at, .x_uncached = width % 2
            };
            tl_ref_spmm(fuses(), &s, 0, 4, width, x.at, width, expected.at, width, add);
            tl_sum_table_rows(&s, 2, 4, width, x.at, y.at, add);
            tl_sum_table_rows(&s, 0, 2, width, x.at, y.at, add);
            ck_assert_all_same(y.at, expected.at, 4 * width);
            free(values.block), free(x.block), free(y.block), free(expected.block);
        }
}
END_TEST

/* Any stretches of entries, in any order, as the rows. */
START_TEST(table_rows_of_stretches)
{
    t = tl_kernel_table();
    const int32_t row_begin[] = { 5, 0, 2 }, row_end[] = { 9, 0, 4 };
    const int64_t row_ptr[] = { 0, 4, 4, 6 }; /* the same, one after the other */
    const int32_t col[] = { 4, 0, 4, 2, 1, 0, 1, 3, 4 }, in_order[] = { 0, 1, 3, 4, 4, 2 };
    for (int64_t width = 1; width <= TL_TILE_VECS * t->lanes + 1; width++) {
        operand values = random_values(9, 0, 1), x = random_values(5 * width, 0, 2);
        operand y = random_values(3 * width, 0, 3), expected = random_values(3 * width, 0, 3);
        tl_real ordered[6];
        memcpy(ordered, values.at + 5, 4 * sizeof *ordered);
        memcpy(ordered + 4, values.at + 2, 2 * sizeof *ordered);
        const tl_sparse s = { .rows = 3,
                              .col = col,
                              .values = values.at,
                              .row_begin = row_begin,
                              .row_end = row_end },
                        plain = { .rows = 3, .row_ptr = row_ptr, .col = in_order, .values = ordered };
        tl_ref_spmm(fuses(), &plain, 0, 3, width, x.at, width, expected.at, width, false);
        tl_sum_table_rows(&s, 1, 3, width, x.at, y.at, false);
        tl_sum_table_rows(&s, 0, 1, width, x.at, y.at, false);
        ck_assert_all_same(y.at, expected.at, 3 * width);
        free(values.block), free(x.block), free(y.block), free(expected.block);
    }
}
END_TEST

START_TEST(grain_of_table_rows)
{
    ck_assert_int_ge(tl_table_rows_grain(0, 0, 0), 1);
    ck_assert_int_ge(tl_table_rows_grain(0, 0, INT32_MAX), 1);
    ck_assert_int_eq(tl_table_rows_grain(10, INT32_MAX, INT32_MAX), 1);
    /* pieces of the same work: half as many rows of twice the width */
    int64_t narrow = tl_table_rows_grain(1000, 9000, 99), wide = tl_table_rows_grain(1000, 9000, 199);
    ck_assert_int_ge(narrow, 2 * wide - 2);
    ck_assert_int_le(narrow, 2 * wide);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels_sparse");
    TCase *c = tl_test_case(s, "kernels_sparse");
    tcase_add_loop_test(c, spmm, 0, LEVELS);
    tcase_add_loop_test(c, sddmm, 0, LEVELS);
    tcase_add_loop_test(c, gradients, 0, LEVELS);
    tcase_add_loop_test(c, signs_of_zeros, 0, LEVELS);
    tcase_add_loop_test(c, blocks, 0, LEVELS);
    tcase_add_loop_test(c, gradients_of_many, 0, LEVELS);
    tcase_add_loop_test(c, no_entries, 0, LEVELS);
    tcase_add_test(c, table_rows);
    tcase_add_test(c, table_rows_of_stretches);
    tcase_add_test(c, grain_of_table_rows);
    return s;
}
