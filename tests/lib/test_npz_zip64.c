/* .npz archives beyond 4 GiB in small: numbers in zip64 fields; what the records of an archive contradict. */
#include "tests/lib/npz_files.h"

static const char three[] = THREE_BYTES;
enum { THREE = sizeof three - 1 };

/* Checks that reading fails with this text. */
#define ASSERT_BAD(...)                                                                                      \
    do {                                                                                                     \
        tl_npz bad_ = { .n = 7 };                                                                            \
        ck_assert_status(tl_npz_read(path, &bad_), TL_ERR_FORMAT, error("npz_read", __VA_ARGS__));           \
        assert_zeroed(&bad_);                                                                                \
    } while (0)

/* ---- What is right ---- */

static void assert_both(void)
{
    tl_npz a;
    ck_assert_ok(tl_npz_read(path, &a));
    ck_assert_int_eq(a.n, 2);
    for (int k = 0; k < 2; k++)
        ck_assert(a.array[k].size == 3 && memcmp(a.array[k].data, "\1\2\3", 3) == 0);
    tl_npz_free(&a);
}

/* Numbers in zip64 fields, as in archives beyond 4 GiB. NumPy writes them before the data of any array. */
START_TEST(wide_numbers)
{
    unsigned char packed[200];
    entry e[] = { stored("a.npy", three, THREE), deflated("b.npy", three, THREE, packed, sizeof packed) };
    for (unsigned k = 0; k < ALL_WIDE * 4 * 2; k++) {
        e[0].wide = e[1].wide = k % ALL_WIDE;
        e[0].wide_local = e[1].wide_local = k / ALL_WIDE % 4;
        wide_end = k / ALL_WIDE / 4;
        put_archive(e, 2);
        assert_both();
    }
    put_archive(NULL, 0);
    tl_npz a;
    ck_assert_ok(tl_npz_read(path, &a));
    ck_assert_int_eq(a.n, 0);
    tl_npz_free(&a);
}
END_TEST

/* Programs that unpack themselves precede their archive; a comment follows one. */
START_TEST(between_other_bytes)
{
    static unsigned char file[1000] = "#!/bin/sh\n";
    entry e[] = { stored("a.npy", three, THREE), stored("b.npy", three, THREE) };
    for (int k = 0; k < 2; k++) {
        wide_end = k;
        put_archive(e, 2);
        memcpy(file + 300, archive, archive_length);
        file[300 + archive_length - 2] = 100; /* the comment's length */
        put(path, file, 300 + archive_length + 100);
        assert_both();
    }
}
END_TEST

/* A writer to a pipe states sizes and checksum after the data. */
START_TEST(sizes_follow)
{
    unsigned char packed[200];
    entry e[] = { stored("a.npy", three, THREE), deflated("b.npy", three, THREE, packed, sizeof packed) };
    archive_length = 0;
    for (int k = 0; k < 2; k++) {
        entry zeroed = e[k];
        zeroed.flags = 8;
        zeroed.crc = 0;
        zeroed.size = zeroed.packed = 0;
        append_local(&zeroed);
        append(0x08074b50, 4);
        append(e[k].crc, 4);
        append(e[k].packed, 4);
        append(e[k].size, 4);
        e[k].at = zeroed.at;
    }
    append_directory(e, 2, 2);
    put(path, archive, archive_length);
    assert_both();
}
END_TEST

/* ---- What is wrong ---- */

#define NO_WIDE                                                                                              \
    "entry 'a.npy': found the mark of a number of more than 32 bits, expected a zip64 field that has it"
#define BEYOND       "entry 'a.npy': found more data than the archive has"
#define OTHER_HEADER "entry 'a.npy': byte 0: found another header than the archive's directory says"

/* Nothing is allocated for what a zip64 field promises. */
START_TEST(wrong_wide_numbers)
{
    static const uint64_t large[] = { (uint64_t)1 << 32, (uint64_t)1 << 62, INT64_MAX };
    const entry sound = { .wide = ALL_WIDE - 1, .wide_local = SIZE | PACKED };
    entry e = stored("a.npy", three, THREE);
    e.wide = sound.wide;
    for (e.missing = 1; e.missing <= 24; e.missing++) {
        put_archive(&e, 1);
        ASSERT_BAD(NO_WIDE);
    }
    for (int k = 0; k < 3; k++) {
        e = stored("a.npy", three, THREE);
        e.wide = sound.wide;
        e.wide_local = sound.wide_local;
        e.size = large[k];
        put_archive(&e, 1);
        const int64_t asked = tl_test_allocations();
        ASSERT_BAD(
            "entry 'a.npy': byte 60: found shape [3] of uint8, 3 bytes, expected %lld, as the archive says",
            (long long)large[k] - (THREE - 3));
        ck_assert_int_lt(tl_test_allocations() - asked, 10);
        e.size = THREE;
        e.packed = large[k];
        put_archive(&e, 1);
        ASSERT_BAD(BEYOND);
        e.packed = THREE;
        archive_length = 0;
        append_local(&e);
        e.at = large[k];
        append_directory(&e, 1, 1);
        put(path, archive, archive_length);
        ASSERT_BAD(BEYOND);
    }
    e.at = UINT64_MAX;
    append_directory(&e, 1, 1);
    put(path, archive, archive_length);
    ASSERT_BAD(NO_WIDE);
}
END_TEST

/* The header before the data states, in a zip64 field, what the directory does not. */
START_TEST(contradictions)
{
    for (int k = 0; k < 5; k++) {
        entry e = stored("a.npy", three, THREE);
        archive_length = 0;
        e.wide_local = SIZE | PACKED;
        append_local(&e);
        e.size += k == 0;
        e.packed -= k == 1;
        e.crc ^= k == 2;
        e.method = k == 3 ? DEFLATED : STORED;
        archive[e.at + 30] ^= k == 4; /* its name */
        append_directory(&e, 1, 1);
        put(path, archive, archive_length);
        ASSERT_BAD(OTHER_HEADER);
    }
}
END_TEST

/* The records that end an archive state what is not there. */
START_TEST(wrong_wide_ends)
{
    enum { ENTRIES_HERE = 24, LOCATOR = 56, ALL = LOCATOR + 20 + 22 };
    static const uint64_t large[] = { 0x10000, (uint64_t)1 << 32, INT64_MAX, UINT64_MAX };
    entry e = stored("a.npy", three, THREE);
    wide_end = true;
    for (int k = 0; k < 4; k++)
        for (unsigned field = ENTRIES_HERE; field < LOCATOR; field += 8) {
            put_archive(&e, 1);
            const unsigned length = archive_length;
            archive_length -= ALL - field;
            append(large[k], 8);
            if (field == ENTRIES_HERE)
                append(large[k], 8); /* and in all, lest they differ */
            put(path, archive, length);
            ASSERT_BAD("found a damaged directory, expected a zip archive");
        }
}
END_TEST

/* Two entries that share some bytes. */
START_TEST(overlapping_a_little)
{
    entry e[2] = { stored("a.npy", three, THREE), stored("b.npy", three, THREE) };
    e[0].packed = e[0].size = THREE + 1;
    put_archive(e, 2);
    ASSERT_BAD("entry 'b.npy': found data that overlap with those of 'a.npy'");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("npz_zip64");
    TCase *c = tl_test_case(s, "npz_zip64");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, wide_numbers);
    tcase_add_test(c, between_other_bytes);
    tcase_add_test(c, sizes_follow);
    tcase_add_test(c, wrong_wide_numbers);
    tcase_add_test(c, contradictions);
    tcase_add_test(c, wrong_wide_ends);
    tcase_add_test(c, overlapping_a_little);
    return s;
}
