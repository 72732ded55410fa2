/* Every way in which an IDX file can be wrong. */
#include "tests/lib/idx_files.h"

START_TEST(wrong_magic)
{
    ASSERT_BAD(BYTES(0x4e, 0x55, 8, 1), "byte 0: found 4e 55, expected 00 00");
    ASSERT_BAD(BYTES(0, 1, 8, 1, 0, 0, 0, 0), "byte 0: found 00 01, expected 00 00");
    ASSERT_BAD(BYTES(0, 0, 8, 0, 7), "byte 3: found rank 0, expected 1..4");
    ASSERT_BAD(BYTES(0, 0, 8, 5), "byte 3: found rank 5, expected 1..4");
    ASSERT_BAD(BYTES(0, 0, 8, 255), "byte 3: found rank 255, expected 1..4");
    for (int type = 0; type < 256; type++)
        if (type != 0x08 && type != 0x09 && (type < 0x0b || type > 0x0e))
            ASSERT_BAD(BYTES(0, 0, (unsigned char)type, 1, 0, 0, 0, 0),
                       "byte 2: found type 0x%02x, expected 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e", type);
}
END_TEST

/* Sizes that overflow, and sizes that fit in 63 bits but not in memory: an attempt to allocate them would
 * give TL_ERR_MEMORY. */
START_TEST(hostile_sizes)
{
    int64_t asked = tl_test_allocations();
    ASSERT_BAD(BYTES(0, 0, 8, 2, HUGE_SIZE, HUGE_SIZE),
               "byte 4: found sizes 4294967295x4294967295, expected at most %td elements", PTRDIFF_MAX);
    ASSERT_BAD(
        BYTES(0, 0, 14, 4, HUGE_SIZE, HUGE_SIZE, HUGE_SIZE, HUGE_SIZE),
        "byte 4: found sizes 4294967295x4294967295x4294967295x4294967295, expected at most %td elements",
        PTRDIFF_MAX / 8);
    ASSERT_BAD(BYTES(0, 0, 12, 2, HALF_SIZE, HALF_SIZE),
               "byte 4: found sizes 2147483647x2147483647, expected at most %td elements", PTRDIFF_MAX / 4);
    ASSERT_BAD(BYTES(0, 0, 8, 3, HUGE_SIZE, 0, 0, 0, 0, HUGE_SIZE),
               "byte 4: found sizes 4294967295x0x4294967295, expected at most %td elements", PTRDIFF_MAX);
#if PTRDIFF_MAX > INT32_MAX
    ASSERT_BAD(BYTES(0, 0, 8, 2, HALF_SIZE, HALF_SIZE, 1, 2, 3),
               "byte 15: found the end of the file, expected 4611686014132420606 more bytes of elements");
    ASSERT_BAD(BYTES(0, 0, 14, 1, HUGE_SIZE),
               "byte 8: found the end of the file, expected 34359738360 more bytes of elements");
    ck_assert_int_eq(tl_test_allocations() - asked, 4 + 2 * 2); /* the sizes, and one block of elements */
#endif
}
END_TEST

/* 2 x 3 int16 */
static const unsigned char small[] = { 0, 0, 11, 2, 0, 0, 0, 2, 0, 0, 0,  3,
                                       0, 1, 2,  3, 4, 5, 6, 7, 8, 9, 10, 11 };

START_TEST(truncated)
{
    static const struct {
        size_t end;
        const char *name;
    } parts[] = { { 4, "magic" }, { 12, "sizes" }, { 24, "elements" } };
    for (size_t n = 0, part = 0; n < sizeof small; n++) {
        part += n == parts[part].end;
        size_t left = parts[part].end - n;
        tl_idx a;
        ck_assert_status(load(small, n, &a), TL_ERR_FORMAT,
                         error("byte %zu: found the end of the file, expected %zu more byte%s of %s", n, left,
                               left == 1 ? "" : "s", parts[part].name));
        assert_zeroed(&a);
    }
}
END_TEST

START_TEST(oversized)
{
    unsigned char longer[sizeof small + 1] = { 0 };
    memcpy(longer, small, sizeof small);
    tl_idx a;
    ck_assert_status(load_packed(_i, longer, sizeof longer, &a), TL_ERR_FORMAT,
                     error("byte 24: found 0x00, expected the end of the file"));
    assert_zeroed(&a);
}
END_TEST

#ifdef TL_HAVE_ZLIB
START_TEST(truncated_gzip)
{
    unsigned char packed[100];
    size_t size = pack(small, sizeof small, packed, sizeof packed);
    tl_idx a;
    for (size_t n = 0; n < size; n++) {
        ck_assert_int_eq(load(packed, n, &a), TL_ERR_FORMAT);
        ck_assert_msg(strstr(tl_error(), n < 2 ? ": found the end of the file, expected "
                                               : ": found truncated gzip data, expected "),
                      "%zu bytes: %s", n, tl_error());
        assert_zeroed(&a);
    }
    ck_assert_status(load(packed, 5, &a), TL_ERR_FORMAT,
                     error("byte 0: found truncated gzip data, expected 4 more bytes of magic"));
    ck_assert_status(load(packed, size - 1, &a), TL_ERR_FORMAT,
                     error("byte 24: found truncated gzip data, expected a valid checksum"));
}
END_TEST

/* For any flipped bit, the array is either right (the bit was in the date, for example) or rejected. */
START_TEST(damaged_gzip)
{
    unsigned char packed[100];
    size_t size = pack(small, sizeof small, packed, sizeof packed);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        unsigned char flip = (unsigned char)(1 << bit % 8);
        tl_idx a;
        packed[bit / 8] ^= flip;
        tl_status status = load(packed, size, &a);
        packed[bit / 8] ^= flip;
        if (status == TL_OK)
            for (int k = 0; k < 6; k++)
                ck_assert(tl_idx_get(&a, k) == small[12 + 2 * k] * 256 + small[13 + 2 * k]);
        else
            ck_assert_int_eq(status, TL_ERR_FORMAT);
        ck_assert(status != TL_OK || bit < 8 * (size - 8)); /* the last 8 bytes are checksum and length */
        tl_idx_free(&a);
    }
    tl_idx a;
    packed[size - 5] ^= 1; /* the checksum */
    ck_assert_status(load(packed, size, &a), TL_ERR_FORMAT,
                     error("byte 24: found damaged gzip data, expected a valid checksum"));
}
END_TEST

/* Members that follow one another are one stream, as for gunzip. */
START_TEST(gzip_members)
{
    unsigned char packed[200];
    size_t head = pack(small, 17, packed, sizeof packed);
    size_t size = head + pack(small + 17, sizeof small - 17, packed + head, sizeof packed - head);
    tl_idx a;
    ck_assert_ok(load(packed, size, &a));
    ck_assert(tl_idx_get(&a, 5) == 10 * 256 + 11);
    tl_idx_free(&a);
    size_t again = pack(packed, size, packed + size, sizeof packed - size);
    ck_assert_status(load(packed + size, again, &a), TL_ERR_FORMAT,
                     error("byte 0: found 1f 8b, expected 00 00"));
}
END_TEST
#else
START_TEST(gzip_without_zlib)
{
    ASSERT_BAD(BYTES(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x63, 0x60, 0xe0, 0x60, 0x64, 0x60, 0x60, 0x60, 0x64,
                     7, 0, 0x8e, 0x2d, 0xc5, 0x99, 9, 0, 0, 0),
               "byte 0: found gzip data, expected a plain file: tulle was built without zlib");
}
END_TEST
#endif

START_TEST(system_errors)
{
    tl_idx a = { .rank = 7 };
    unlink(path);
    ck_assert_status(tl_idx_read(path, &a), TL_ERR_IO, error("%s", strerror(ENOENT)));
    assert_zeroed(&a);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    tl_status status = tl_idx_read(path, &a);
    rmdir(path);
    ck_assert_status(status, TL_ERR_IO, error("%s", strerror(EISDIR)));
    assert_zeroed(&a);
}
END_TEST

/* The reason survives a path that does not fit in the error text. */
START_TEST(long_path)
{
    char longer[3000], expected[512];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    snprintf(expected, sizeof expected, "idx_read: %.300s: %s", longer, strerror(ENAMETOOLONG));
    tl_idx a;
    ck_assert_status(tl_idx_read(longer, &a), TL_ERR_IO, expected);
}
END_TEST

START_TEST(null_arguments)
{
    tl_idx a = { .rank = 7 }, b = { .rank = 7 };
    ck_assert_status(tl_idx_read(NULL, &a), TL_ERR_ARGUMENT, "idx_read: path is NULL");
    assert_zeroed(&a);
    ck_assert_status(tl_idx_read(path, NULL), TL_ERR_ARGUMENT, "idx_read: out is NULL");
    ck_assert_status(tl_idx_read_labelled(path, path, NULL, &b), TL_ERR_ARGUMENT, "idx_read: out is NULL");
    assert_zeroed(&b);
    put(path, small, sizeof small);
    ck_assert_status(tl_idx_read_labelled(path, path, &a, NULL), TL_ERR_ARGUMENT, "idx_read: out is NULL");
    assert_zeroed(&a);
    ck_assert_status(tl_idx_read_labelled(path, NULL, &a, &b), TL_ERR_ARGUMENT, "idx_read: path is NULL");
    assert_zeroed(&a);
    tl_idx_free(&a);
    tl_idx_free(NULL);
}
END_TEST
Suite *tl_test_suite(void)
{
    Suite *s = suite_create("idx_errors");
    TCase *c = tl_test_case(s, "idx_errors");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, wrong_magic);
    tcase_add_test(c, hostile_sizes);
    tcase_add_test(c, truncated);
    tcase_add_loop_test(c, oversized, 0, PACKINGS);
#ifdef TL_HAVE_ZLIB
    tcase_add_test(c, truncated_gzip);
    tcase_add_test(c, damaged_gzip);
    tcase_add_test(c, gzip_members);
#else
    tcase_add_test(c, gzip_without_zlib);
#endif
    tcase_add_test(c, system_errors);
    tcase_add_test(c, long_path);
    tcase_add_test(c, null_arguments);
    return s;
}
