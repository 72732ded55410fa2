/* .npz archives: reading, writing, names; every way in which one can be wrong. */
#include "tests/testing.h"

#ifdef TL_HAVE_MINIZIP
#include "tests/lib/npz_files.h"

static const char three[] = THREE_BYTES; /* and a zero, which is not part of it */
enum { THREE = sizeof three - 1 };

/* Checks that reading fails with this text. */
#define ASSERT_BAD(...)                                                                                      \
    do {                                                                                                     \
        tl_npz bad_ = { .n = 7 };                                                                            \
        ck_assert_status(tl_npz_read(path, &bad_), TL_ERR_FORMAT, error("npz_read", __VA_ARGS__));           \
        assert_zeroed(&bad_);                                                                                \
    } while (0)

/* ---- What is right ---- */

START_TEST(entries)
{
    unsigned char packed[200];
    entry e[] = { stored("a.npy", three, THREE),
                  deflated("folder/b.c.npy", three, THREE, packed, sizeof packed) };
    put_archive(e, 2);
    tl_npz a;
    ck_assert_ok(tl_npz_read(path, &a));
    ck_assert_int_eq(a.n, 2);
    ck_assert_str_eq(a.name[0], "a");
    ck_assert_str_eq(a.name[1], "folder/b.c");
    for (int k = 0; k < 2; k++) {
        ck_assert(a.array[k].type == TL_NPY_UINT8 && a.array[k].rank == 1 && a.array[k].size == 3);
        ck_assert_mem_eq(a.array[k].data, "\1\2\3", 3);
    }
    ck_assert_ptr_eq(tl_npz_find(&a, "folder/b.c"), &a.array[1]);
    ck_assert_ptr_null(tl_npz_find(&a, "b.c"));
    ck_assert_ptr_null(tl_npz_find(NULL, "a"));
    tl_npz_free(&a);
    assert_zeroed(&a);
    tl_npz_free(&a);
    tl_npz_free(NULL);
}
END_TEST

/* What is not an array does not keep one from being read by its name. */
START_TEST(one_of_them)
{
    static const char objects[] =
        "\x93NUMPY\1\0\x38\0{'descr': '|O8', 'fortran_order': False, 'shape': (3,)}\n";
    entry e[] = { stored("README", "text", 4), stored("o.npy", objects, sizeof objects - 1),
                  stored("a.npy", three, THREE) };
    put_archive(e, 3);
    tl_npy a;
    ck_assert_ok(tl_npz_read_array(path, "a", &a));
    ck_assert_mem_eq(a.data, "\1\2\3", 3);
    tl_npy_free(&a);
    ck_assert_status(tl_npz_read_array(path, "b", &a), TL_ERR_FORMAT,
                     error("npz_read_array", "found no array 'b'"));
    ck_assert_status(tl_npz_read_array(path, "README", &a), TL_ERR_FORMAT,
                     error("npz_read_array", "found no array 'README'"));
    ck_assert_status(
        tl_npz_read_array(path, "o", &a), TL_ERR_FORMAT,
        error("npz_read_array",
              "entry 'o.npy': byte 20: found type '|O8' (Python objects), expected bool, int or uint of "
              "1, 2, 4 or 8 bytes, or float of 2, 4 or 8"));
    ck_assert_ptr_null(a.data);
    ASSERT_BAD("entry 'README': expected an array, whose name ends in .npy");
}
END_TEST

START_TEST(no_entries)
{
    put_archive(NULL, 0);
    tl_npz a;
    ck_assert_ok(tl_npz_read(path, &a));
    ck_assert_int_eq(a.n, 0);
    tl_npz_free(&a);
    ck_assert_ok(tl_npz_write(path, &(tl_npz){ 0 }));
    ck_assert_ok(tl_npz_read(path, &a));
    ck_assert_int_eq(a.n, 0);
    tl_npz_free(&a);
}
END_TEST

/* A megabyte, which is written and read in many pieces, and arrays of no elements. */
START_TEST(round_trip)
{
    enum { MANY = 300000 };
    tl_real *many = malloc(MANY * sizeof *many);
    char *names[] = { "many", "none", "one", "\xc2\xb5" };
    int16_t one = -7;
    tl_npy arrays[] = { { .type = TL_NPY_REAL, .rank = 2, .dim = { MANY / 3, 3 }, .data = many },
                        { .type = TL_NPY_INT8, .rank = 1 },
                        { .type = TL_NPY_INT16, .data = &one },
                        { .type = TL_NPY_INT16, .rank = 1, .dim = { 1 }, .data = &one } };
    const tl_npz a = { .n = 4, .name = names, .array = arrays };
    for (int k = 0; k < MANY; k++)
        many[k] = (tl_real)(k % 1000);
    for (int compressed = 0; compressed < 2; compressed++) {
        tl_npz b;
        ck_assert_ok(compressed ? tl_npz_write_compressed(path, &a) : tl_npz_write(path, &a));
        ck_assert_ok(tl_npz_read(path, &b));
        ck_assert_int_eq(b.n, a.n);
        for (int k = 0; k < a.n; k++) {
            ck_assert_str_eq(b.name[k], names[k]);
            ck_assert(b.array[k].type == arrays[k].type && b.array[k].rank == arrays[k].rank);
            ck_assert_mem_eq(b.array[k].dim, arrays[k].dim, sizeof arrays[k].dim);
        }
        ck_assert_same(b.array[0].data, many, MANY);
        ck_assert(tl_npy_get(&b.array[2], 0) == -7);
        tl_npz_free(&b);
    }
    free(many);
}
END_TEST

/* ---- What is wrong ---- */

START_TEST(not_archives)
{
    put(path, BYTES('P', 'K'));
    ASSERT_BAD("found no directory, expected a zip archive");
    put(path, (const unsigned char *)three, THREE);
    ASSERT_BAD("found no directory, expected a zip archive");
    tl_npz a;
    ck_assert_status(tl_npz_read("/", &a), TL_ERR_IO, "npz_read: /: Is a directory");
    ck_assert_status(tl_npz_read("/nowhere/a.npz", &a), TL_ERR_IO,
                     "npz_read: /nowhere/a.npz: No such file or directory");
    assert_zeroed(&a);
}
END_TEST

START_TEST(wrong_names)
{
    entry e[] = { stored("a.npy", three, THREE), stored("b.npy", three, THREE),
                  stored("a.npy", three, THREE) };
    put_archive(e, 3);
    ASSERT_BAD("entry 'a.npy': found twice, expected each name once");
    e[0].name_length = 6; /* with its zero */
    put_archive(e, 1);
    ASSERT_BAD("entry 'a.npy': found a zero in its name");
    e[0] = stored(".npy", three, THREE);
    put_archive(e, 1);
    ASSERT_BAD("entry '.npy': expected an array, whose name ends in .npy");
}
END_TEST

START_TEST(wrong_methods)
{
    entry e = stored("a.npy", three, THREE);
    e.method = 12;
    put_archive(&e, 1);
    ASSERT_BAD("entry 'a.npy': found method 12, expected 0 (stored) or 8 (deflated)");
    e.method = STORED;
    e.flags = 1;
    put_archive(&e, 1);
    ASSERT_BAD("entry 'a.npy': found encrypted data, expected plain");
}
END_TEST

/* The directory says another size, in either header or in both. */
START_TEST(wrong_sizes)
{
    entry e[2] = { stored("a.npy", three, THREE), stored("b.npy", three, THREE) };
    e[0].size = 0xfffffffe;
    put_archive(e, 2);
    const int64_t asked = tl_test_allocations();
    ASSERT_BAD("entry 'a.npy': byte 60: found shape [3] of uint8, 3 bytes, expected 4294967228, as the "
               "archive says");
    ck_assert_int_lt(tl_test_allocations() - asked, 10);
    e[0].size = 0xffffffff; /* the mark of zip64 */
    put_archive(e, 2);
    ASSERT_BAD("entry 'a.npy': found the mark of a number of more than 32 bits, expected a zip64 field that "
               "has it");
    e[0].size = THREE - 1;
    put_archive(e, 2);
    ASSERT_BAD("entry 'a.npy': byte 60: found shape [3] of uint8, 3 bytes, expected 2, as the archive says");
    e[0] = stored("a.npy", three, THREE);
    e[0].packed = THREE - 1;
    put_archive(e, 2);
    tl_npz a;
    ck_assert_int_eq(tl_npz_read(path, &a), TL_ERR_FORMAT);
    e[0].packed = 0x7fffffff;
    put_archive(e, 2);
    ASSERT_BAD("entry 'a.npy': found more data than the archive has");
    archive_length = 0; /* only the directory lies */
    e[0] = stored("a.npy", three, THREE);
    append_local(e);
    e[0].size++;
    append_directory(e, 1, 1);
    put(path, archive, archive_length);
    ASSERT_BAD("entry 'a.npy': byte 0: found another header than the archive's directory says");
}
END_TEST

/* One entry that the directory has many times, under names of one length. */
START_TEST(overlapping)
{
    enum { ENTRIES = 60, BYTES = 1000 };
    static char names[ENTRIES][8], data[BYTES];
    entry e[ENTRIES];
    for (int k = 0; k < ENTRIES; k++) {
        snprintf(names[k], sizeof names[k], "%02d.npy", k);
        e[k] = stored(names[k], data, BYTES);
    }
    archive_length = 0;
    append_local(&e[0]);
    append_directory(e, ENTRIES, ENTRIES);
    put(path, archive, archive_length);
    ASSERT_BAD("entry '01.npy': found data that overlap with those of '00.npy'");
}
END_TEST

/* The directory states another number of entries, or is cut. */
START_TEST(wrong_directories)
{
    entry e[2] = { stored("a.npy", three, THREE), stored("b.npy", three, THREE) };
    archive_length = 0;
    append_local(&e[0]);
    append_directory(e, 1, 2);
    put(path, archive, archive_length);
    ASSERT_BAD("found a damaged directory, expected a zip archive");
    put_archive(e, 2);
    for (unsigned n = 0; n < archive_length - 2;
         n++) { /* without the length of a comment it would be sound */
        tl_npz a;
        put(path, archive, n);
        ck_assert_int_eq(tl_npz_read(path, &a), TL_ERR_FORMAT);
        assert_zeroed(&a);
    }
}
END_TEST

/* An entry goes on after its array, or stops after it, but before its own end. */
START_TEST(wrong_ends)
{
    unsigned char packed[200];
    entry e = deflated("a.npy", three, THREE + 1, packed, sizeof packed); /* with its zero */
    e.size = THREE;
    put_archive(&e, 1);
    ASSERT_BAD("entry 'a.npy': byte 69: found more data, expected the end of the entry");
    e = stored("a.npy", three, THREE + 1);
    e.size = THREE;
    put_archive(&e, 1);
    ASSERT_BAD("entry 'a.npy': byte 69: found more data, expected the end of the entry");
    e = deflated("a.npy", three, THREE, packed, sizeof packed);
    e.packed = --e.data_length;
    put_archive(&e, 1);
    ASSERT_BAD("entry 'a.npy': byte 69: found truncated data, expected the end of the entry");
}
END_TEST

/* For any flipped bit the arrays are right (the bit was in a date, for example) or there is an error. A
 * name may become another one. */
START_TEST(damaged)
{
    unsigned char packed[200];
    entry e[] = { stored("a.npy", three, THREE), deflated("b.npy", three, THREE, packed, sizeof packed) };
    put_archive(e, 2);
    const unsigned length = archive_length;
    int read = 0;
    for (unsigned bit = 0; bit < 8 * length; bit++) {
        const unsigned char flip = (unsigned char)(1 << bit % 8);
        tl_npz a;
        archive[bit / 8] ^= flip;
        put(path, archive, length);
        archive[bit / 8] ^= flip;
        if (tl_npz_read(path, &a) != TL_OK) {
            ck_assert_int_eq(a.n, 0);
            continue;
        }
        for (int k = 0; k < a.n; k++)
            ck_assert(a.array[k].size == 3 && memcmp(a.array[k].data, "\1\2\3", 3) == 0);
        tl_npz_free(&a);
        read++;
    }
    ck_assert_int_lt(read,
                     (int)(2 * length)); /* dates, versions, attributes, comments: a quarter of all bits */
    archive[30 + 5 + THREE - 1] ^= 1;    /* the last element */
    put(path, archive, length);
    ASSERT_BAD(
        "entry 'a.npy': byte 69: found damaged data, expected the checksum of the archive's directory");
}
END_TEST

/* 30 MB of zeros in 30 KB. If the array says so, too, they are read as they come; the stated size alone takes
 * no memory. */
START_TEST(bomb)
{
    enum { ZEROS = 30000000 };
    static unsigned char packed[MOST_BYTES];
    char *zeros = calloc(ZEROS + 128, 1);
    ck_assert_ptr_nonnull(zeros);
    memcpy(zeros, "\x93NUMPY\1\0\x76\0", 10);
    const int n = snprintf(zeros + 10, 100, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}",
                           ZEROS);
    memset(zeros + 10 + n, ' ', (size_t)(118 - n));
    entry e = deflated("a.npy", zeros, ZEROS + 128, packed, sizeof packed);
    free(zeros);
    put_archive(&e, 1);
    tl_npz a;
    ck_assert_ok(tl_npz_read(path, &a));
    ck_assert(a.array[0].size == ZEROS && tl_npy_get(&a.array[0], ZEROS - 1) == 0);
    tl_npz_free(&a);
    e.packed = e.data_length = 200; /* of 30 KB: the rest is not there */
    put_archive(&e, 1);
    const int64_t asked = tl_test_allocations();
    ck_assert_int_eq(tl_npz_read(path, &a), TL_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(tl_error(), "entry 'a.npy': byte "));
    ck_assert_int_lt(tl_test_allocations() - asked, 16); /* blocks of 64 KB, 128 KB and 256 KB among them */
}
END_TEST

START_TEST(short_of_memory)
{
    entry e[] = { stored("a.npy", three, THREE), stored("b.npy", three, THREE) };
    put_archive(e, 2);
    const int64_t live = tl_test_live_blocks();
    tl_status status = TL_ERR_MEMORY;
    tl_npz a;
    int k = 0;
    for (; status != TL_OK; k++) {
        tl_test_fail_allocation(k + 1);
        status = tl_npz_read(path, &a);
        tl_test_fail_allocation(0);
        if (status != TL_OK) {
            ck_assert_int_eq(status, TL_ERR_MEMORY);
            ck_assert_int_eq(tl_test_live_blocks(), live);
            assert_zeroed(&a);
        }
    }
    ck_assert_int_ge(
        k, 11); /* the archive, its directory, two names, their order, two lists, and twice two blocks */
    for (status = TL_ERR_MEMORY, k = 0; status != TL_OK; k++) {
        tl_test_fail_allocation(k + 1);
        status = tl_npz_write(path, &a);
        tl_test_fail_allocation(0);
        ck_assert_int_eq(status, status == TL_OK ? TL_OK : TL_ERR_MEMORY);
    }
    tl_npz_free(&a);
}
END_TEST

START_TEST(not_written)
{
    tl_real x = 1;
    char *names[] = { "a", "a" };
    tl_npy arrays[] = { { .type = TL_NPY_REAL, .data = &x }, { .type = TL_NPY_REAL, .data = &x } };
    tl_npz a = { .n = 2, .name = names, .array = arrays }, b = { .n = 7 };
    tl_npy one;
    unlink(path);
    ck_assert_status(tl_npz_write(path, &a), TL_ERR_ARGUMENT, "npz_write: two arrays are called 'a'");
    names[1] = "";
    ck_assert_status(tl_npz_write(path, &a), TL_ERR_ARGUMENT, "npz_write: the name of array 1 is empty");
    names[1] = NULL;
    ck_assert_status(tl_npz_write_compressed(path, &a), TL_ERR_ARGUMENT,
                     "npz_write_compressed: the name of array 1 is NULL");
    names[1] = "b";
    arrays[1].type = 0;
    ck_assert_status(tl_npz_write(path, &a), TL_ERR_ARGUMENT, "npz_write: array 'b': there is no type 0");
    ck_assert_int_ne(access(path, F_OK), 0); /* no part of it is left */
    ck_assert_status(tl_npz_write(NULL, &a), TL_ERR_ARGUMENT, "npz_write: path is NULL");
    ck_assert_status(tl_npz_write(path, NULL), TL_ERR_ARGUMENT, "npz_write: there are no arrays");
    a.n = -1;
    ck_assert_status(tl_npz_write(path, &a), TL_ERR_ARGUMENT, "npz_write: there are no arrays");
    a.n = 1;
    ck_assert_int_eq(tl_npz_write("/nowhere/a.npz", &a), TL_ERR_IO);
    ck_assert_status(tl_npz_read(NULL, &b), TL_ERR_ARGUMENT, "npz_read: path is NULL");
    assert_zeroed(&b);
    ck_assert_status(tl_npz_read(path, NULL), TL_ERR_ARGUMENT, "npz_read: out is NULL");
    ck_assert_status(tl_npz_read_array(path, NULL, &one), TL_ERR_ARGUMENT, "npz_read_array: name is NULL");
    ck_assert_status(tl_npz_read_array(path, "a", NULL), TL_ERR_ARGUMENT, "npz_read_array: out is NULL");
    /* a device takes bytes, but not those of a header again */
    ck_assert_int_eq(tl_npz_write("/dev/full", &a), TL_ERR_IO);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("npz");
    TCase *c = tl_test_case(s, "npz");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, entries);
    tcase_add_test(c, one_of_them);
    tcase_add_test(c, no_entries);
    tcase_add_test(c, round_trip);
    tcase_add_test(c, not_archives);
    tcase_add_test(c, wrong_names);
    tcase_add_test(c, wrong_methods);
    tcase_add_test(c, wrong_sizes);
    tcase_add_test(c, overlapping);
    tcase_add_test(c, wrong_directories);
    tcase_add_test(c, wrong_ends);
    tcase_add_test(c, damaged);
    tcase_add_test(c, bomb);
    tcase_add_test(c, short_of_memory);
    tcase_add_test(c, not_written);
    return s;
}
#else
START_TEST(without_minizip)
{
    tl_npz a = { .n = 7 };
    ck_assert_status(tl_npz_read("a.npz", &a), TL_ERR_ARGUMENT,
                     "npz_read: a.npz: tulle was built without minizip");
    ck_assert_int_eq(a.n, 0);
    ck_assert_status(tl_npz_write("a.npz", &a), TL_ERR_ARGUMENT,
                     "npz_write: a.npz: tulle was built without minizip");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("npz");
    TCase *c = tl_test_case(s, "npz");
    tcase_add_test(c, without_minizip);
    return s;
}
#endif
