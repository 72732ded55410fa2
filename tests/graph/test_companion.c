/* What a variable does to arrays that accompany it: of every element type, per value and per row. */
#include "tests/testing.h"
#include "lib/memory.h"
#include "graph/variable/variable_private.h"

#include <string.h>

enum { REALS, INTS, LONGS, ROWS, ABSENT, N_ARRAYS };

/* A companion that counts what it is asked. */
typedef struct fake {
    tl_companion c;
    bool pending;
    int reads, frees;
    int64_t rows_read, n_grown;
    int32_t grown[8];
} fake;

static bool has_pending(const tl_companion *c)
{
    return ((const fake *)c)->pending;
}

static void before_read(tl_companion *c, int64_t n, const int32_t *rows)
{
    fake *f = (fake *)c;
    f->reads++;
    f->rows_read = rows ? n : -1;
    f->pending = rows != NULL;
}

static void grown(tl_companion *c, int64_t n, const int32_t *entries)
{
    fake *f = (fake *)c;
    f->n_grown = n;
    memcpy(f->grown, entries, (size_t)n * sizeof *entries);
}

static void release(tl_companion *c)
{
    for (int k = 0; k < N_ARRAYS; k++)
        tl_free(c->array[k].data);
    tl_companion_detach(c);
    ((fake *)c)->frees++;
}

static const tl_companion_class fake_class = {
    .name = "fake",
    .has_pending = has_pending,
    .before_read = before_read,
    .grown = grown,
    .free = release,
};

/* Arrays of 1, 2, 3, ...; new connections start at 7. */
static void attach(fake *f, tl_variable *v, int64_t n_rows)
{
    static const tl_element element[N_ARRAYS] = { TL_REAL, TL_INT32, TL_INT64, TL_INT64, TL_REAL };
    *f = (fake){ .c = { .class = &fake_class, .n_arrays = N_ARRAYS } };
    for (int k = 0; k < N_ARRAYS; k++) {
        tl_companion_array *a = &f->c.array[k];
        *a = (tl_companion_array){ .name = "a", .element = element[k], .per_row = k == ROWS, .start = 7 };
        const int64_t n = k == ROWS ? n_rows : tl_variable_size(v);
        if (k == ABSENT)
            continue;
        a->data = tl_alloc(n, tl_element_size(a->element));
        for (int64_t i = 0; i < n; i++)
            tl_fill(a->data, a->element, i, 1, (tl_real)(i + 1));
    }
    tl_companion_attach(&f->c, v);
}

static void check_array(const fake *f, int k, int64_t n, const int *expected)
{
    const tl_companion_array *a = &f->c.array[k];
    ck_assert_int_eq(tl_companion_array_size(&f->c, a), n);
    for (int64_t i = 0; i < n; i++) {
        const int64_t value = a->element == TL_REAL    ? (int64_t)((const tl_real *)a->data)[i]
                              : a->element == TL_INT32 ? ((const int32_t *)a->data)[i]
                                                       : ((const int64_t *)a->data)[i];
        ck_assert_msg(value == expected[i], "array %d: element %d is %d, not %d", k, (int)i, (int)value,
                      expected[i]);
    }
    ck_assert_ptr_null(f->c.array[ABSENT].data);
}

/* Entries (0, 0), (0, 2), (1, 1) become (0, 1), (0, 2), (1, 0), (1, 1): old ones 1 and 2 stay. */
START_TEST(pattern)
{
    tl_pattern *p = tl_pattern_from_mask(2, 3, (uint8_t[]){ 1, 0, 1, 0, 1, 0 });
    tl_pattern *q = tl_pattern_from_mask(2, 3, (uint8_t[]){ 0, 1, 1, 1, 1, 0 });
    tl_variable *v = tl_variable_sparse("v", p);
    fake f;
    attach(&f, v, 2);
    f.pending = true;
    ck_assert_ok(tl_variable_set_pattern(v, q));
    ck_assert_int_eq(f.reads, 1);
    for (int k = REALS; k <= LONGS; k++)
        check_array(&f, k, 4, (int[]){ 7, 2, 7, 3 });
    check_array(&f, ROWS, 2, (int[]){ 1, 2 });
    ck_assert_int_eq(f.n_grown, 2);
    ck_assert_int_eq(f.grown[0], 0);
    ck_assert_int_eq(f.grown[1], 2);
    tl_variable_free(v);
    ck_assert_int_eq(f.frees, 1);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

START_TEST(nothing_grown)
{
    tl_pattern *p = tl_pattern_from_mask(1, 3, (uint8_t[]){ 1, 0, 1 });
    tl_pattern *q = tl_pattern_from_mask(1, 3, (uint8_t[]){ 0, 0, 1 });
    tl_variable *v = tl_variable_sparse("v", p);
    fake f;
    attach(&f, v, 1);
    ck_assert_ok(tl_variable_set_pattern(v, q));
    check_array(&f, INTS, 1, (int[]){ 2 });
    ck_assert_int_eq(f.n_grown, 0);
    tl_variable_free(v);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

/* Off the mask everything is 0; connections that come back start at `start`; per-row arrays are left
 * alone. */
START_TEST(mask)
{
    tl_pattern *p = tl_pattern_from_mask(2, 2, (uint8_t[]){ 1, 0, 0, 1 });
    tl_pattern *q = tl_pattern_from_mask(2, 2, (uint8_t[]){ 1, 1, 0, 0 });
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 2), 1);
    fake f;
    attach(&f, v, 2);
    ck_assert_ok(tl_variable_set_mask(v, p));
    for (int k = REALS; k <= LONGS; k++)
        check_array(&f, k, 4, (int[]){ 1, 0, 0, 4 });
    ck_assert_ok(tl_variable_set_mask(v, q));
    for (int k = REALS; k <= LONGS; k++)
        check_array(&f, k, 4, (int[]){ 1, 7, 0, 0 });
    ck_assert_ok(tl_variable_set_mask(v, NULL));
    for (int k = REALS; k <= LONGS; k++)
        check_array(&f, k, 4, (int[]){ 1, 7, 7, 7 });
    check_array(&f, ROWS, 2, (int[]){ 1, 2 });
    ck_assert_int_eq(f.reads, 0); /* nothing was pending */
    tl_variable_free(v);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

/* Before values are read; before they are written, except by the one that writes. */
START_TEST(pending)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 2), 1);
    fake f, g;
    attach(&f, v, 2);
    attach(&g, v, 2);
    tl_before_read(v, 0, NULL);
    ck_assert_int_eq(f.reads + g.reads, 0);
    f.pending = true;
    tl_before_read(v, 1, (int32_t[]){ 1 });
    ck_assert_int_eq(f.reads, 1);
    ck_assert_int_eq(f.rows_read, 1);
    ck_assert_int_eq(g.reads, 0);
    tl_variable_data(v);
    ck_assert_int_eq(f.rows_read, -1);
    f.pending = g.pending = true;
    tl_before_write(v, &f.c);
    ck_assert_int_eq(f.reads, 2);
    ck_assert_int_eq(g.reads, 1);
    tl_variable_free(v);
    ck_assert_int_eq(f.frees + g.frees, 2);
}
END_TEST

START_TEST(bytes)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3, 5), 1);
    fake f;
    attach(&f, v, 3);
    ck_assert_int_eq(tl_companion_bytes(&f.c), 15 * (int)sizeof(tl_real) + 15 * 4 + 15 * 8 + 3 * 8);
    tl_variable_free(v);
}
END_TEST

/* Each allocation that a new pattern needs fails once; then values and arrays are those of before. */
START_TEST(all_or_nothing)
{
    tl_pattern *p = tl_pattern_from_mask(1, 3, (uint8_t[]){ 1, 1, 0 });
    tl_pattern *q = tl_pattern_from_mask(1, 3, (uint8_t[]){ 0, 1, 1 });
    tl_variable *v = tl_variable_sparse("v", p);
    fake f;
    attach(&f, v, 1);
    tl_variable_data(v)[0] = 5;
    int64_t k = 1;
    for (;; k++) {
        tl_test_fail_allocation(k);
        const tl_status status = tl_variable_set_pattern(v, q);
        tl_test_fail_allocation(0);
        if (status == TL_OK)
            break;
        ck_assert_int_eq(status, TL_ERR_MEMORY);
        ck_assert_values(tl_variable_data(v), 2, 0, 5.0, 0.0);
        for (int a = REALS; a <= LONGS; a++)
            check_array(&f, a, 2, (int[]){ 1, 2 });
        ck_assert_int_eq(f.n_grown, 0);
    }
    ck_assert_int_eq(k, 8); /* sources, values, the list of arrays, three arrays, new entries */
    for (int a = REALS; a <= LONGS; a++)
        check_array(&f, a, 2, (int[]){ 2, 7 });
    tl_variable_free(v);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("companion");
    TCase *c = tl_test_case(s, "companion");
    tcase_add_test(c, pattern);
    tcase_add_test(c, nothing_grown);
    tcase_add_test(c, mask);
    tcase_add_test(c, pending);
    tcase_add_test(c, bytes);
    tcase_add_test(c, all_or_nothing);
    return s;
}
