/* The archives of scipy.sparse.save_npz: three formats, types, repeats, and what contradicts itself. */
#include "tests/testing.h"

#ifdef TL_HAVE_MINIZIP
#include "tests/lib/npz_files.h"

/* ---- The arrays of a matrix as entries ---- */

typedef struct arrays {
    unsigned char bytes[5][400];
    entry e[5];
    int n;
} arrays;

/* Adds an array of this type and shape, and returns its entry. */
static entry *add(arrays *a, const char *name, const char *type, const char *shape, const void *elements,
                  size_t n)
{
    unsigned char *to = a->bytes[a->n];
    const int length = snprintf((char *)to + 10, 200, "{'descr': '%s', 'fortran_order': False, 'shape': %s}",
                                type, shape);
    memcpy(to, "\x93NUMPY\1", 8);
    to[8] = (unsigned char)length;
    to[9] = 0;
    if (n > 0)
        memcpy(to + 10 + length, elements, n);
    a->e[a->n] = stored(name, to, 10 + (size_t)length + n);
    return &a->e[a->n++];
}

#define INTS(...)    (const int32_t[]){ __VA_ARGS__ }, sizeof((const int32_t[]){ __VA_ARGS__ })
#define LONGS(...)   (const int64_t[]){ __VA_ARGS__ }, sizeof((const int64_t[]){ __VA_ARGS__ })
#define DOUBLES(...) (const double[]){ __VA_ARGS__ }, sizeof((const double[]){ __VA_ARGS__ })

/* In the machine's byte order. */
static const char *native(const char *type)
{
    static char text[4][4];
    static int k;
    const uint16_t one = 1;
    char *t = text[k++ % 4];
    snprintf(t, 4, "%c%s", *(const unsigned char *)&one ? '<' : '>', type);
    return t;
}

/* [[0, 1, 0], [2, 0, 3]] */
static arrays csr(void)
{
    arrays a = { .n = 0 };
    add(&a, "indices.npy", native("i4"), "(3,)", INTS(1, 0, 2));
    add(&a, "indptr.npy", native("i4"), "(3,)", INTS(0, 1, 3));
    add(&a, "format.npy", "|S3", "()", "csr", 3);
    add(&a, "shape.npy", native("i8"), "(2,)", LONGS(2, 3));
    add(&a, "data.npy", native("f8"), "(3,)", DOUBLES(1, 2, 3));
    return a;
}

enum { INDICES, INDPTR, FORMAT, SHAPE, DATA };

/* Replaces array k. */
static void replace(arrays *a, int k, const char *name, const char *type, const char *shape,
                    const void *elements, size_t n)
{
    const int count = a->n;
    a->n = k;
    add(a, name, type, shape, elements, n);
    a->n = count;
}

static tl_status load(arrays *a, tl_mtx *out)
{
    for (int k = 0; k < a->n; k++)
        a->e[k].data = a->bytes[k]; /* the structure may have been copied */
    put_archive(a->e, a->n);
    return tl_npz_read_sparse(path, out);
}

static void release(tl_mtx *m)
{
    tl_pattern_release(m->pattern);
    tl_free(m->values);
    *m = (tl_mtx){ 0 };
}

/* Checks that the matrix is what csr() says. */
static void assert_matrix(arrays *a)
{
    tl_mtx m;
    ck_assert_ok(load(a, &m));
    ck_assert(m.rows == 2 && m.cols == 3);
    ck_assert(tl_pattern_rows(m.pattern) == 2 && tl_pattern_cols(m.pattern) == 3 &&
              tl_pattern_nnz(m.pattern) == 3);
    tl_real *dense = tl_test_expand(m.pattern, m.values);
    ck_assert_values(dense, 6, 0, 0, 1, 0, 2, 0, 3);
    free(dense);
    release(&m);
}

#define ASSERT_BAD(a, ...)                                                                                   \
    do {                                                                                                     \
        tl_mtx bad_ = { .rows = 7 };                                                                         \
        ck_assert_status(load(a, &bad_), TL_ERR_FORMAT, error("npz_read_sparse", __VA_ARGS__));              \
        ck_assert(bad_.rows == 0 && !bad_.pattern && !bad_.values);                                          \
    } while (0)

/* ---- What is right ---- */

START_TEST(formats)
{
    arrays a = csr(), b = { .n = 0 }, c = { .n = 0 };
    assert_matrix(&a);
    replace(&a, FORMAT, "format.npy", "<U3", "()", "c\0\0\0s\0\0\0r\0\0\0", 12);
    assert_matrix(&a);
    replace(&a, FORMAT, "format.npy", ">U3", "()", "\0\0\0c\0\0\0s\0\0\0r", 12);
    assert_matrix(&a);
    add(&b, "indices.npy", native("i8"), "(3,)", LONGS(1, 0, 1));
    add(&b, "indptr.npy", native("i8"), "(4,)", LONGS(0, 1, 2, 3));
    add(&b, "format.npy", "|S3", "()", "csc", 3);
    add(&b, "shape.npy", native("i4"), "(2,)", INTS(2, 3));
    add(&b, "data.npy", "|i1", "(3,)", "\2\1\3", 3);
    assert_matrix(&b);
    add(&c, "col.npy", "|u1", "(3,)", "\2\1\0", 3);
    add(&c, "row.npy", native("u8"), "(3,)", LONGS(1, 0, 1));
    add(&c, "format.npy", "|S3", "()", "coo", 3);
    add(&c, "shape.npy", native("i8"), "(2,)", LONGS(2, 3));
    add(&c, "data.npy", native("f8"), "(3,)", DOUBLES(3, 1, 2));
    assert_matrix(&c);
}
END_TEST

/* Columns in any order, repeats that add up, and more elements than the pointers name. */
START_TEST(repeats)
{
    arrays a = csr();
    replace(&a, INDICES, "indices.npy", native("i4"), "(6,)", INTS(1, 2, 0, 2, 9, 9));
    replace(&a, INDPTR, "indptr.npy", native("i4"), "(3,)", INTS(0, 1, 4));
    replace(&a, DATA, "data.npy", native("f8"), "(6,)", DOUBLES(1, 1, 2, 2, 9, 9));
    assert_matrix(&a);
}
END_TEST

START_TEST(written)
{
    tl_pattern *p = tl_test_pattern(20, 30, 0.3, 1);
    const int64_t nnz = tl_pattern_nnz(p);
    tl_real *values = malloc((size_t)nnz * sizeof *values);
    tl_test_fill(values, nnz, 2);
    tl_mtx m = { .rows = 20, .cols = 30, .pattern = p, .values = values }, back;
    ck_assert_ok(tl_npz_write_sparse(path, &m));
    ck_assert_ok(tl_npz_read_sparse(path, &back));
    ck_assert(back.rows == 20 && back.cols == 30 && tl_pattern_equal(back.pattern, p));
    ck_assert_same(back.values, values, nnz);
    release(&back);
    m.rows = 21;
    ck_assert_status(tl_npz_write_sparse(path, &m), TL_ERR_SHAPE,
                     "npz_write_sparse: a 21x30 matrix has a 20x30 pattern");
    m = (tl_mtx){ .rows = 20, .cols = 30, .pattern = p };
    ck_assert_status(tl_npz_write_sparse(path, &m), TL_ERR_ARGUMENT, "npz_write_sparse: values is NULL");
    m = (tl_mtx){ .rows = 20, .cols = 30, .values = values };
    ck_assert_status(tl_npz_write_sparse(path, &m), TL_ERR_KIND, "npz_write_sparse: the matrix is dense");
    ck_assert_status(tl_npz_write_sparse(path, NULL), TL_ERR_ARGUMENT, "npz_write_sparse: m is NULL");
    ck_assert_status(tl_npz_write_sparse(NULL, &m), TL_ERR_ARGUMENT, "npz_write_sparse: path is NULL");
    ck_assert_status(tl_npz_read_sparse(NULL, &back), TL_ERR_ARGUMENT, "npz_read_sparse: path is NULL");
    ck_assert_status(tl_npz_read_sparse(path, NULL), TL_ERR_ARGUMENT, "npz_read_sparse: out is NULL");
    free(values);
    tl_pattern_release(p);
}
END_TEST

/* ---- What is wrong ---- */

START_TEST(wrong_formats)
{
    arrays a = csr();
    replace(&a, FORMAT, "format.npy", "|S3", "()", "bsr", 3);
    ASSERT_BAD(&a, "found format 'bsr', expected 'csr', 'csc' or 'coo'");
    replace(&a, FORMAT, "format.npy", "|S3", "()", "d\1a", 3);
    ASSERT_BAD(&a, "found format 'd?a', expected 'csr', 'csc' or 'coo'");
    replace(&a, FORMAT, "format.npy", "|S9", "()", "csrcsrcsr", 9);
    ASSERT_BAD(&a, "entry 'format.npy': byte 20: found '|S9' of rank 0, expected the name of a format");
    replace(&a, FORMAT, "format.npy", "|S3", "(1,)", "csr", 3);
    ASSERT_BAD(&a, "entry 'format.npy': byte 20: found '|S3' of rank 1, expected the name of a format");
    replace(&a, FORMAT, "format.npy", "|S3", "()", "cs", 2);
    ASSERT_BAD(
        &a, "entry 'format.npy': byte 65: found the end of the entry, expected 1 more byte of the name of a "
            "format");
    a = csr();
    a.n = DATA;
    ASSERT_BAD(&a, "found no 'data', expected what scipy.sparse.save_npz writes");
    a = csr();
    replace(&a, FORMAT, "format.npy", "|S3", "()", "coo", 3);
    ASSERT_BAD(&a, "found no 'row', expected what scipy.sparse.save_npz writes");
}
END_TEST

START_TEST(wrong_arrays)
{
    arrays a = csr();
    replace(&a, SHAPE, "shape.npy", native("i8"), "(1,)", LONGS(2));
    ASSERT_BAD(&a, "found 1 sizes in 'shape', expected 2");
    replace(&a, SHAPE, "shape.npy", native("f8"), "(2,)", DOUBLES(2, 3));
    ASSERT_BAD(&a, "entry 'shape.npy': byte 0: found float64, expected integers");
    replace(&a, SHAPE, "shape.npy", native("i8"), "(1, 2)", LONGS(2, 3));
    ASSERT_BAD(&a, "entry 'shape.npy': byte 0: found rank 2, expected 1");
    replace(&a, SHAPE, "shape.npy", native("i8"), "(2,)", LONGS(INT64_C(1) << 31, 3));
    ASSERT_BAD(&a, "found shape 2147483648x3, expected sizes in 0..2147483647");
    replace(&a, SHAPE, "shape.npy", native("i8"), "(2,)", LONGS(2, -3));
    ASSERT_BAD(&a, "found shape 2x-3, expected sizes in 0..2147483647");
    replace(&a, SHAPE, "shape.npy", native("u8"), "(2,)", LONGS(2, -3));
    ASSERT_BAD(&a, "found shape 2x-1, expected sizes in 0..2147483647");
    replace(&a, SHAPE, "shape.npy", native("i8"), "(2,)", LONGS(3, 3));
    ASSERT_BAD(&a, "found 3 elements in 'indptr', expected 4");
    a = csr();
    replace(&a, DATA, "data.npy", native("f8"), "(2,)", DOUBLES(1, 2));
    ASSERT_BAD(&a, "found 3 elements in 'indices', expected 2, as in 'data'");
    if (!TL_IS_DOUBLE) {
        replace(&a, DATA, "data.npy", native("f8"), "(3,)", DOUBLES(1, 1e300, 3));
        ASSERT_BAD(&a, "npy_to_real: element 1 is 1e+300, which is out of the range of tl_real");
    }
    replace(&a, DATA, "data.npy", native("c8"), "(3,)", DOUBLES(1, 2, 3));
    tl_mtx m;
    ck_assert_int_eq(load(&a, &m), TL_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(tl_error(), "(complex numbers)"));
}
END_TEST

START_TEST(wrong_indices)
{
    arrays a = csr();
    replace(&a, INDPTR, "indptr.npy", native("i4"), "(3,)", INTS(1, 1, 3));
    ASSERT_BAD(&a, "found indptr[0] = 1, expected 0..0");
    replace(&a, INDPTR, "indptr.npy", native("i4"), "(3,)", INTS(0, 2, 1));
    ASSERT_BAD(&a, "found indptr[2] = 1, expected 2..3");
    replace(&a, INDPTR, "indptr.npy", native("i4"), "(3,)", INTS(0, 1, 4));
    ASSERT_BAD(&a, "found indptr[2] = 4, expected 1..3");
    a = csr();
    replace(&a, INDICES, "indices.npy", native("i4"), "(3,)", INTS(1, 0, 3));
    ASSERT_BAD(&a, "found indices[2] = 3, expected 0..2");
    replace(&a, INDICES, "indices.npy", native("i4"), "(3,)", INTS(1, -1, 2));
    ASSERT_BAD(&a, "found indices[1] = -1, expected 0..2");
    replace(&a, INDICES, "indices.npy", native("i8"), "(3,)", LONGS(1, INT64_C(1) << 32, 2));
    ASSERT_BAD(&a, "found indices[1] = 4294967296, expected 0..2");
    arrays c = { .n = 0 };
    add(&c, "col.npy", "|u1", "(3,)", "\2\1\0", 3);
    add(&c, "row.npy", "|u1", "(3,)", "\1\0\2", 3);
    add(&c, "format.npy", "|S3", "()", "coo", 3);
    add(&c, "shape.npy", native("i8"), "(2,)", LONGS(2, 3));
    add(&c, "data.npy", "|i1", "(3,)", "\3\1\2", 3);
    ASSERT_BAD(&c, "found row[2] = 2, expected 0..1");
    replace(&c, 1, "row.npy", "|u1", "(2,)", "\1\0", 2);
    ASSERT_BAD(&c, "found 2 elements in 'row', expected 3, as in 'data'");
}
END_TEST

/* Row pointers that the file does not have would take 16 GB. */
START_TEST(hostile_rows)
{
    arrays a = { .n = 0 };
    add(&a, "indices.npy", "|u1", "(1,)", "\0", 1);
    add(&a, "indptr.npy", "|u1", "(2,)", "\0\1", 2);
    add(&a, "format.npy", "|S3", "()", "csc", 3);
    add(&a, "shape.npy", native("i8"), "(2,)", LONGS(INT32_MAX, 1));
    add(&a, "data.npy", "|i1", "(1,)", "\3", 1);
    ASSERT_BAD(&a, "found 2147483647 rows for 1 entries, expected at most 16777216");
}
END_TEST

/* Every allocation of a read fails once: of a matrix in order, and of one that is sorted. */
START_TEST(short_of_memory)
{
    arrays a = csr();
    if (_i == 1)
        replace(&a, INDICES, "indices.npy", native("i4"), "(3,)", INTS(1, 2, 0));
    tl_mtx m;
    ck_assert_ok(load(&a, &m));
    const int64_t live = tl_test_live_blocks();
    tl_status status = TL_ERR_MEMORY;
    for (int k = 1; status != TL_OK; k++) {
        tl_mtx again;
        tl_test_fail_allocation(k);
        status = tl_npz_read_sparse(path, &again);
        tl_test_fail_allocation(0);
        ck_assert_msg(status == TL_OK || status == TL_ERR_MEMORY, "%d: %s", k, tl_error());
        if (status == TL_OK)
            release(&again);
        ck_assert_int_eq(tl_test_live_blocks(), live);
    }
    for (int k = 1; k <= 4; k++) { /* the pointers, the sink and its names */
        tl_test_fail_allocation(k);
        status = tl_npz_write_sparse(path, &m);
        tl_test_fail_allocation(0);
        ck_assert_msg(status == TL_OK || status == TL_ERR_MEMORY, "%d: %s", k, tl_error());
        ck_assert_int_eq(tl_test_live_blocks(), live);
    }
    release(&m);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("npz_sparse");
    TCase *c = tl_test_case(s, "npz_sparse");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, formats);
    tcase_add_test(c, repeats);
    tcase_add_test(c, written);
    tcase_add_test(c, wrong_formats);
    tcase_add_test(c, wrong_arrays);
    tcase_add_test(c, wrong_indices);
    tcase_add_test(c, hostile_rows);
    tcase_add_loop_test(c, short_of_memory, 0, 2);
    return s;
}
#else
START_TEST(without_minizip)
{
    tl_mtx m = { .rows = 7 };
    ck_assert_status(tl_npz_read_sparse("a.npz", &m), TL_ERR_ARGUMENT,
                     "npz_read_sparse: a.npz: tulle was built without minizip");
    ck_assert_int_eq(m.rows, 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("npz_sparse");
    TCase *c = tl_test_case(s, "npz_sparse");
    tcase_add_test(c, without_minizip);
    return s;
}
#endif
