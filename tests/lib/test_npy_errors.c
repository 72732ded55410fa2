/* Every way in which a .npy file can be wrong, and arrays that cannot be written. */
#include "tests/lib/npy_files.h"

#define TYPES "expected bool, int or uint of 1, 2, 4 or 8 bytes, or float of 2, 4 or 8"
#define KEYS  "expected 'descr', 'fortran_order' and 'shape', once each"

START_TEST(wrong_magic)
{
    tl_npy a;
    put(path, BYTES(0x93, 'N', 'U', 'M', 'P', 'I', 1, 0, 0, 0));
    ck_assert_status(tl_npy_read(path, &a), TL_ERR_FORMAT,
                     error("byte 5: found 0x49, expected 0x59 of \\x93NUMPY"));
    put(path, BYTES('P', 'K', 3, 4, 0, 0, 0, 0, 0, 0));
    ck_assert_status(tl_npy_read(path, &a), TL_ERR_FORMAT,
                     error("byte 0: found 0x50, expected 0x93 of \\x93NUMPY"));
    put(path, BYTES(0x93, 'N', 'U', 'M', 'P', 'Y', 4, 0, 0, 0));
    ck_assert_status(tl_npy_read(path, &a), TL_ERR_FORMAT,
                     error("byte 6: found version 4.0, expected 1.0, 2.0 or 3.0"));
    put(path, BYTES(0x93, 'N', 'U', 'M', 'P', 'Y', 1, 1, 0, 0));
    ck_assert_status(tl_npy_read(path, &a), TL_ERR_FORMAT,
                     error("byte 6: found version 1.1, expected 1.0, 2.0 or 3.0"));
}
END_TEST

/* "{'descr': " begins at byte 10, so that the type is at byte 20. */
START_TEST(wrong_types)
{
    static const struct {
        const char *type, *found;
    } bad[] = {
        { "'|O'", "'|O' (Python objects)" },
        { "'|O8'", "'|O8' (Python objects)" },
        { "'|S3'", "'|S3' (byte strings)" },
        { "'<U7'", "'<U7' (text)" },
        { "'|V16'", "'|V16' (uninterpreted bytes)" },
        { "'<c8'", "'<c8' (complex numbers)" },
        { "'<m8[s]'", "'<m8[s]' (differences of time)" },
        { "'<M8[ns]'", "'<M8[ns]' (times)" },
        { "'<f16'", "'<f16' (long doubles)" },
        { "'<f1'", "'<f1'" },
        { "'<i3'", "'<i3'" },
        { "'|f4'", "'|f4'" },
        { "'<b2'", "'<b2'" },
        { "'<x4'", "'<x4'" },
        { "[('a', '<f4'), ('b', '|O')]", "[...] (a structure)" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char header[200];
        snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': False, 'shape': ()}", bad[k].type);
        ASSERT_BAD(header, "byte 20: found type %s, " TYPES, bad[k].found);
    }
    ASSERT_BAD("{'descr': 'f4', ", "byte 20: found \"'f4', \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': '<4', ", "byte 20: found \"'<4', \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': '=f4', ", "byte 20: found \"'=f4', \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': '<f', ", "byte 20: found \"'<f', \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': '<f04', ", "byte 20: found \"'<f04', \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': '<f4x', ", "byte 20: found \"'<f4x', \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': '<f4\", ", "byte 20: found \"'<f4\", \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': '\\x3cf4', ", "byte 20: found \"'\\x3cf4', \", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': 4", "byte 20: found \"4\", expected a type such as '<f4'");
    ASSERT_BAD("{'descr': ", "byte 20: found the end of the header, expected a type such as '<f4'");
    ASSERT_BAD("{'descr': \x01\xff"
               "abcdefghijklmnopqrstuvwxyz",
               "byte 20: found \"??abcdefghijklmnopqr\", expected a type such as '<f4'");
}
END_TEST

START_TEST(wrong_dictionaries)
{
    ASSERT_BAD("", "byte 10: found the end of the header, expected '{'");
    ASSERT_BAD("[]", "byte 10: found \"[]\", expected '{'");
    ASSERT_BAD("{}", "byte 10: found no 'descr' in the header, expected one");
    ASSERT_BAD("{'descr': '<f4', 'shape': ()}",
               "byte 10: found no 'fortran_order' in the header, expected one");
    ASSERT_BAD("{,}", "byte 11: found \",}\", expected a key in quotes");
    ASSERT_BAD("{descr: 1}", "byte 11: found \"descr: 1}\", expected a key in quotes");
    ASSERT_BAD("{'desc': '<f4'}", "byte 11: found \"'desc': '<f4'}\", " KEYS);
    ASSERT_BAD("{'shape': (), 'shape': ()}", "byte 24: found \"'shape': ()}\", " KEYS);
    ASSERT_BAD("{'descr' '<f4'}", "byte 19: found \"'<f4'}\", expected ':'");
    ASSERT_BAD("{'descr': '<f4' 'shape': ()}", "byte 26: found \"'shape': ()}\", expected ',' or '}'");
    ASSERT_BAD("{'descr': '<f4',, 'shape': ()}",
               "byte 26: found \", 'shape': ()}\", expected a key in quotes");
    ASSERT_BAD("{'fortran_order': 0}", "byte 28: found \"0}\", expected True or False");
    ASSERT_BAD("{'fortran_order': Trueish}", "byte 32: found \"ish}\", expected ',' or '}'");
    ASSERT_BAD("{'descr': '<f4', 'fortran_order': False, 'shape': ()",
               "byte 62: found the end of the header, expected ',' or '}'");
    ASSERT_BAD("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
               "byte 64: found \"x\", expected the end of the header");
}
END_TEST

START_TEST(wrong_shapes)
{
    ASSERT_BAD("{'shape': 3}", "byte 20: found \"3}\", expected a shape such as (3, 4)");
    ASSERT_BAD("{'shape': (3)}", "byte 20: found \"(3)}\", expected a tuple: (3,) and not (3)");
    ASSERT_BAD("{'shape': (,)}", "byte 21: found \",)}\", expected a size, 0 to 9223372036854775807");
    ASSERT_BAD("{'shape': (-1,)}", "byte 21: found \"-1,)}\", expected a size, 0 to 9223372036854775807");
    ASSERT_BAD("{'shape': (01,)}", "byte 21: found \"01,)}\", expected a size, 0 to 9223372036854775807");
    ASSERT_BAD("{'shape': (1.5,)}", "byte 22: found \".5,)}\", expected ',' or ')'");
    ASSERT_BAD("{'shape': (1, 9223372036854775808)}",
               "byte 24: found \"9223372036854775808)\", expected a size, 0 to 9223372036854775807");
    ASSERT_BAD("{'shape': (1, 2 3)}", "byte 26: found \"3)}\", expected ',' or ')'");
    ASSERT_BAD("{'shape': (1, 2", "byte 25: found the end of the header, expected ',' or ')'");
    ASSERT_BAD("{'shape': (1, ",
               "byte 24: found the end of the header, expected a size, 0 to 9223372036854775807");
    ASSERT_BAD("{'shape': (1, 2, 3, 4, 5, 6)}", "byte 20: found rank 6, expected 0..4");
}
END_TEST

/* Sizes that no memory can hold, and sizes that the file does not have: one block of the size of the file. */
START_TEST(hostile_sizes)
{
    ASSERT_BAD("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 2147483648, 0)}",
               "byte 60: found shape 4294967296x2147483648x0, expected at most %td elements",
               PTRDIFF_MAX / 4);
    ASSERT_BAD("{'descr': '|b1', 'fortran_order': False, 'shape': (9223372036854775807, 2)}",
               "byte 60: found shape 9223372036854775807x2, expected at most %td elements", PTRDIFF_MAX);
    const int64_t asked = tl_test_allocations();
    ASSERT_BAD("{'descr': '<f8', 'fortran_order': True, 'shape': (1000000000000000000,)}",
               "byte 82: found the end of the file, expected 8000000000000000000 more bytes of elements");
    ck_assert_int_eq(tl_test_allocations() - asked, 2);
    tl_npy a;
    put(path, BYTES(0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0, 0xff, 0xff, 0xff, 0xff, '{'));
    ck_assert_status(
        tl_npy_read(path, &a), TL_ERR_FORMAT,
        error("byte 13: found the end of the file, expected 4294967294 more bytes of the header"));
}
END_TEST

/* Two uint16 after a header of 56 bytes. */
static const char header[] = "{'descr': '<u2', 'fortran_order': False, 'shape': (2,)}\n";

START_TEST(truncated)
{
    static const struct {
        size_t end;
        const char *name;
    } parts[] = {
        { 8, "magic and version" }, { 10, "the header's length" }, { 66, "the header" }, { 70, "elements" }
    };
    unsigned char file[100];
    ck_assert_uint_eq(make_npy(file, 1, header, "abcd", 4), 70);
    for (size_t n = 0, part = 0; n < 70; n++) {
        part += n == parts[part].end;
        const size_t left = parts[part].end - n;
        for (int packing = PLAIN; packing < PACKINGS; packing++) {
            tl_npy a;
            put_packed(packing, file, n);
            ck_assert_status(tl_npy_read(path, &a), TL_ERR_FORMAT,
                             error("byte %zu: found the end of the file, expected %zu more byte%s of %s", n,
                                   left, left == 1 ? "" : "s", parts[part].name));
            assert_zeroed(&a);
        }
    }
}
END_TEST

START_TEST(oversized)
{
    tl_npy a;
    ck_assert_status(load(_i, 1, header, "abcde", 5, &a), TL_ERR_FORMAT,
                     error("byte 70: found 0x65, expected the end of the file"));
    assert_zeroed(&a);
}
END_TEST

START_TEST(arguments)
{
    tl_npy a = { .rank = 7 };
    tl_real x;
    ck_assert_status(tl_npy_read(NULL, &a), TL_ERR_ARGUMENT, "npy_read: path is NULL");
    assert_zeroed(&a);
    ck_assert_status(tl_npy_read(path, NULL), TL_ERR_ARGUMENT, "npy_read: out is NULL");
    ck_assert_status(tl_npy_read("/nowhere/a.npy", &a), TL_ERR_IO,
                     "npy_read: /nowhere/a.npy: No such file or directory");
    ck_assert_status(tl_npy_to_real(&a, &x), TL_ERR_ARGUMENT, "npy_to_real: there is no array");
    ck_assert_status(tl_npy_to_real(NULL, &x), TL_ERR_ARGUMENT, "npy_to_real: there is no array");
    a.data = &x;
    ck_assert_status(tl_npy_to_real(&a, NULL), TL_ERR_ARGUMENT, "npy_to_real: to is NULL");
    ck_assert(isnan(tl_npy_get(NULL, 0)));
    tl_npy_free(NULL);
}
END_TEST

START_TEST(not_written)
{
    tl_real x = 1;
    unlink(path);
    ck_assert_status(tl_npy_write(NULL, &(tl_npy){ .type = TL_NPY_REAL }), TL_ERR_ARGUMENT,
                     "npy_write: path is NULL");
    ck_assert_status(tl_npy_write(path, NULL), TL_ERR_ARGUMENT, "npy_write: the array is NULL");
    ck_assert_status(tl_npy_write(path, &(tl_npy){ .data = &x }), TL_ERR_ARGUMENT,
                     "npy_write: there is no type 0");
    ck_assert_status(tl_npy_write(path, &(tl_npy){ .type = TL_NPY_REAL }), TL_ERR_ARGUMENT,
                     "npy_write: data is NULL");
    ck_assert_status(tl_npy_write(path, &(tl_npy){ .type = TL_NPY_REAL, .rank = 5, .data = &x }),
                     TL_ERR_SHAPE, "npy_write: impossible shape rank 5");
    ck_assert_status(
        tl_npy_write(path, &(tl_npy){ .type = TL_NPY_REAL, .rank = 1, .dim = { -1 }, .data = &x }),
        TL_ERR_SHAPE, "npy_write: impossible shape [-1]");
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(tl_npy_write("/nowhere/a.npy", &(tl_npy){ .type = TL_NPY_REAL, .data = &x }), TL_ERR_IO);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("npy_errors");
    TCase *c = tl_test_case(s, "npy_errors");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, wrong_magic);
    tcase_add_test(c, wrong_types);
    tcase_add_test(c, wrong_dictionaries);
    tcase_add_test(c, wrong_shapes);
    tcase_add_test(c, hostile_sizes);
    tcase_add_test(c, truncated);
    tcase_add_loop_test(c, oversized, 0, PACKINGS);
    tcase_add_test(c, arguments);
    tcase_add_test(c, not_written);
    return s;
}
