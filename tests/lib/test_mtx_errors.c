/* Every way in which a Matrix Market file can be wrong. */
#include "tests/lib/memory_limit.h"
#include "tests/lib/text_files.h"

#include <errno.h>
#include <sys/stat.h>

static bool is_zeroed(const tl_mtx *m)
{
    return m->rows == 0 && m->cols == 0 && !m->pattern && !m->values;
}

static void assert_bad(const char *text, const char *why)
{
    tl_mtx m = { .rows = 7, .cols = 7 };
    put_text(PLAIN, text);
    ck_assert_status(tl_mtx_read(path, &m), TL_ERR_FORMAT, error_of("mtx_read", "%s", why));
    ck_assert(is_zeroed(&m));
}

#define REAL "%%MatrixMarket matrix coordinate real general\n"

START_TEST(first_line)
{
    static const struct {
        const char *text, *why;
    } lines[] = {
        { "", "line 1: found the end of the file, expected \"%%MatrixMarket\"" },
        { "\n" REAL, "line 1: found the end of the line, expected \"%%MatrixMarket\"" },
        { "1 2 3\n", "line 1: found \"1\", expected \"%%MatrixMarket\"" },
        { "%%MatrixMarketX matrix", "line 1: found \"%%MatrixMarketX\", expected \"%%MatrixMarket\"" },
        { "%MatrixMarket matrix", "line 1: found \"%MatrixMarket\", expected \"%%MatrixMarket\"" },
        { "%%MatrixMarket", "line 1: found the end of the line, expected matrix or vector" },
        { "%%MatrixMarket graph", "line 1: found \"graph\", expected matrix or vector" },
        { "%%MatrixMarket matrix dense", "line 1: found \"dense\", expected coordinate or array" },
        { "%%MatrixMarket matrix coordinate complex general",
          "line 1: found \"complex\", expected real, integer or pattern" },
        { "%%MatrixMarket matrix array reals general",
          "line 1: found \"reals\", expected real, integer or pattern" },
        { "%%MatrixMarket matrix coordinate real hermitian",
          "line 1: found \"hermitian\", expected general, symmetric or skew-symmetric" },
        { "%%MatrixMarket matrix coordinate real",
          "line 1: found the end of the line, expected general, symmetric or skew-symmetric" },
        { "%%MatrixMarket vector coordinate real x",
          "line 1: found \"x\", expected general, symmetric or skew-symmetric" },
        { "%%MatrixMarket matrix coordinate real general more",
          "line 1: found \"more\", expected the end of the line" },
        { "%%MatrixMarket matrix array pattern general",
          "line 1: found pattern with array, expected real or integer" },
        { "%%MatrixMarket matrix coordinate pattern skew-symmetric",
          "line 1: found pattern with skew-symmetric, expected real or integer" },
    };
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
        assert_bad(lines[k].text, lines[k].why);
}
END_TEST

START_TEST(wrong_sizes)
{
    static const struct {
        const char *text, *why;
    } sizes[] = {
        { "", "line 2: found the end of the file, expected sizes" },
        { "% comment\n\n", "line 4: found the end of the file, expected sizes" },
        { "x 1 1\n", "line 2: found \"x\", expected a number of rows in 0..2147483647" },
        { "-1 1 1\n", "line 2: found \"-1\", expected a number of rows in 0..2147483647" },
        { "2147483648 1 1\n", "line 2: found \"2147483648\", expected a number of rows in 0..2147483647" },
        { "1\n", "line 2: found the end of the line, expected a number of columns in 0..2147483647" },
        { "1 99999999999999999999 1\n",
          "line 2: found \"99999999999999999999\", expected a number of columns in 0..2147483647" },
        { "1 1\n", "line 2: found the end of the line, expected a number of entries in 0..2147483647" },
        { "1 1 2147483648\n", "line 2: found \"2147483648\", expected a number of entries in 0..2147483647" },
        { "1 1 1 1\n", "line 2: found \"1\", expected the end of the line" },
        { "1 1.5 1\n", "line 2: found \".5\", expected a number of entries in 0..2147483647" },
    };
    char text[200];
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        snprintf(text, sizeof text, "%s%s", REAL, sizes[k].text);
        assert_bad(text, sizes[k].why);
    }
    assert_bad("%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n",
               "line 2: found sizes 2x3 of a symmetric matrix, expected as many rows as columns");
    assert_bad("%%MatrixMarket matrix array real general\n1 1 1\n1\n",
               "line 2: found \"1\", expected the end of the line");
    assert_bad("%%MatrixMarket vector array real\n1 1\n1\n",
               "line 2: found \"1\", expected the end of the line");
}
END_TEST

START_TEST(wrong_entries)
{
    static const struct {
        const char *text, *why;
    } list[] = {
        { "", "line 3: found the end of the file, expected 2 more entries" },
        { "1 1 5\n%\n", "line 5: found the end of the file, expected 1 more entry" },
        { "1 1 5\n1 2 5\n\n 1 2 5\n", "line 6: found \"1\", expected the end of the file, after 2 entries" },
        { "0 1 5\n", "line 3: found \"0\", expected a row in 1..2" },
        { "3 1 5\n", "line 3: found \"3\", expected a row in 1..2" },
        { "1 4 5\n", "line 3: found \"4\", expected a column in 1..3" },
        { "1 -1 5\n", "line 3: found \"-1\", expected a column in 1..3" },
        { "x\n", "line 3: found \"x\", expected a row in 1..2" },
        { "1\n", "line 3: found the end of the line, expected a column in 1..3" },
        { "1.0 1 5\n", "line 3: found \"1.0\", expected a row" },
        { "1 1.5\n", "line 3: found \"1.5\", expected a column" },
        { "1 1\n", "line 3: found the end of the line, expected a number" },
        { "1 1 five\n", "line 3: found \"five\", expected a number" },
        { "1 1 0x5\n", "line 3: found \"x5\", expected the end of the line" },
        { "1 1 5 6\n", "line 3: found \"6\", expected the end of the line" },
        { "1 1 1,5\n", "line 3: found \",5\", expected the end of the line" },
        { "1 1 1\r1 2 1\n", "line 3: found \"\\x0d1\", expected the end of the line" },
    };
    char text[200];
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        snprintf(text, sizeof text, "%s2 3 2\n%s", REAL, list[k].text);
        assert_bad(text, list[k].why);
    }
    assert_bad(REAL "1 1 1\n1 1 1e999\n",
               TL_IS_DOUBLE
                   ? "line 3: found \"1e999\", expected a magnitude of at most 1.7976931348623157e+308"
                   : "line 3: found \"1e999\", expected a magnitude of at most 3.4028235e+38");
    assert_bad("%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 1.5\n",
               "line 3: found \"1.5\", expected an integer");
    assert_bad("%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 1e5\n",
               "line 3: found \"1e5\", expected an integer");
    assert_bad("%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 inf\n",
               "line 3: found \"inf\", expected an integer");
    assert_bad("%%MatrixMarket matrix coordinate pattern general\n1 1 1\n1 1 5\n",
               "line 3: found \"5\", expected the end of the line");
    assert_bad("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n",
               "line 6: found the end of the file, expected 1 more value");
    assert_bad("%%MatrixMarket matrix array real general\n1 1\n1 2\n",
               "line 3: found \"2\", expected the end of the line");
    assert_bad("%%MatrixMarket matrix array real general\n1 1\n1\n2\n",
               "line 4: found \"2\", expected the end of the file, after 1 value");
}
END_TEST

START_TEST(triangles)
{
    assert_bad("%%MatrixMarket matrix coordinate real symmetric\n3 3 4\n1 1 1\n3 2 5\n2 1 5\n2 3 5\n",
               "line 1: found a symmetric matrix with (2, 3) in both triangles, expected all entries in one");
    assert_bad("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 2\n1 2 1\n2 1 -1\n",
               "line 1: found a symmetric matrix with (1, 2) in both triangles, expected all entries in one");
}
END_TEST

/* Sizes that memory could not hold are refused before any is taken for them. */
START_TEST(hostile_sizes)
{
    const rlim_t before = limit_memory((rlim_t)400 << 20);
    assert_bad(REAL "2147483647 2147483647 2147483647\n1 1 1\n",
               "line 4: found the end of the file, expected 2147483646 more entries");
    assert_bad(REAL "2147483647 2147483647 1\n1 1 1\n",
               "line 2: found 2147483647 rows for 1 entries, expected at most 16777216");
    assert_bad(REAL "16777217 1 0\n", "line 2: found 16777217 rows for 0 entries, expected at most 16777216");
    assert_bad("%%MatrixMarket matrix array real general\n2147483647 2147483647\n1\n",
               "line 4: found the end of the file, expected 4611686014132420608 more values");
    assert_bad("%%MatrixMarket matrix array real symmetric\n2147483647 2147483647\n",
               "line 3: found the end of the file, expected 2305843008139952128 more values");
    tl_mtx m;
    put_text(PLAIN, REAL "1 2147483647 1\n1 2147483647 1\n"); /* columns take no memory */
    ck_assert_ok(tl_mtx_read(path, &m));
    ck_assert_int_eq(tl_pattern_col(m.pattern)[0], INT32_MAX - 1);
    tl_mtx_free(&m);
    put_text(PLAIN, REAL "3000000 2 1\n3000000 1 1\n"); /* few entries for its rows, but not too few */
    ck_assert_ok(tl_mtx_read(path, &m));
    tl_mtx_free(&m);
    limit_memory(before);
}
END_TEST

/* Every allocation fails once: the error is clear, nothing leaks, and the matrix is zeroed. */
START_TEST(short_of_memory)
{
    static const char *const heads[] = { REAL "3000 5 3000\n",
                                         "%%MatrixMarket matrix array real general\n1500 2\n" };
    FILE *f = fopen(path, "w");
    fputs(heads[_i], f);
    for (int k = 3000; k > 0; k--)
        fprintf(f, _i == 0 ? "%d %d 5\n" : "%d\n", k, k % 5 + 1);
    fclose(f);
    for (int k = 1;; k++) {
        tl_mtx m = { .rows = 7 };
        tl_test_fail_allocation(k);
        const tl_status status = tl_mtx_read(path, &m);
        tl_test_fail_allocation(0);
        if (status == TL_OK) {
            ck_assert_int_gt(k, 4);
            tl_mtx_free(&m);
            break;
        }
        ck_assert_status(status, TL_ERR_MEMORY, "out of memory");
        ck_assert(is_zeroed(&m));
    }
}
END_TEST

START_TEST(system_errors)
{
    tl_mtx m = { .rows = 7 };
    unlink(path);
    ck_assert_status(tl_mtx_read(path, &m), TL_ERR_IO, error_of("mtx_read", "%s", strerror(ENOENT)));
    ck_assert(is_zeroed(&m));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    const tl_status status = tl_mtx_read(path, &m);
    rmdir(path);
    ck_assert_status(status, TL_ERR_IO, error_of("mtx_read", "%s", strerror(EISDIR)));
    ck_assert(is_zeroed(&m));
}
END_TEST

START_TEST(arguments)
{
    tl_mtx m = { .rows = 7 };
    ck_assert_status(tl_mtx_read(NULL, &m), TL_ERR_ARGUMENT, "mtx_read: path is NULL");
    ck_assert(is_zeroed(&m));
    ck_assert_status(tl_mtx_read(path, NULL), TL_ERR_ARGUMENT, "mtx_read: out is NULL");
    ck_assert_status(tl_mtx_write(NULL, &m), TL_ERR_ARGUMENT, "mtx_write: path is NULL");
    ck_assert_status(tl_mtx_write(path, NULL), TL_ERR_ARGUMENT, "mtx_write: m is NULL");
    m = (tl_mtx){ .rows = 2, .cols = 3 };
    ck_assert_status(tl_mtx_write(path, &m), TL_ERR_ARGUMENT, "mtx_write: values is NULL");
    m = (tl_mtx){ .rows = -1, .cols = 3 };
    ck_assert_status(tl_mtx_write(path, &m), TL_ERR_SHAPE,
                     "mtx_write: -1x3 has a size that is not in 0..2147483647");
    m = (tl_mtx){ 2, 3, tl_pattern_random(2, 4, 0.5, 1), NULL };
    ck_assert_status(tl_mtx_write(path, &m), TL_ERR_SHAPE, "mtx_write: a 2x3 matrix has a 2x4 pattern");
    tl_mtx_free(&m);
    m = (tl_mtx){ 0, 0, NULL, NULL };
    ck_assert_int_eq(tl_mtx_write("/no/such/folder/x.mtx", &m), TL_ERR_IO);
}
END_TEST

#ifdef TL_HAVE_ZLIB
/* A file that is complete as text is refused if its checksum is wrong. */
START_TEST(damaged_gzip)
{
    static const char text[] = REAL "1 1 1\n1 1 5\n";
    unsigned char packed[200];
    const size_t size = pack((const unsigned char *)text, sizeof text - 1, packed, sizeof packed);
    packed[size - 8] ^= 1;
    put(path, packed, size);
    tl_mtx m;
    ck_assert_status(tl_mtx_read(path, &m), TL_ERR_FORMAT,
                     error_of("mtx_read", "byte %zu: found damaged gzip data, expected the rest of the file",
                              sizeof text - 1));
    ck_assert(is_zeroed(&m));
}
END_TEST
#endif

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("mtx_errors");
    TCase *c = tl_test_case(s, "mtx_errors");
    tcase_add_unchecked_fixture(c, make_file, remove_file);
    tcase_add_test(c, first_line);
    tcase_add_test(c, wrong_sizes);
    tcase_add_test(c, wrong_entries);
    tcase_add_test(c, triangles);
    tcase_add_test(c, hostile_sizes);
    tcase_add_loop_test(c, short_of_memory, 0, 2);
    tcase_add_test(c, system_errors);
    tcase_add_test(c, arguments);
#ifdef TL_HAVE_ZLIB
    tcase_add_test(c, damaged_gzip);
#endif
    return s;
}
