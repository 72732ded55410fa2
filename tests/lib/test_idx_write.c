/* Writing of IDX files, and the names under which they are found. */
#include "tests/lib/idx_files.h"

#include <dirent.h>
#include <math.h>

static char folder[512];

static void setup_folder(void)
{
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%.400s/array", folder);
}

static void remove_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else is left in it */
}

static void assert_file(const unsigned char *bytes, size_t n)
{
    unsigned char found[64];
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fread(found, 1, sizeof found, f), n);
    fclose(f);
    ck_assert_mem_eq(found, bytes, n);
}

START_TEST(bytes)
{
    int64_t dim[] = { 2, 1 };
    tl_idx a = { TL_IDX_INT16, 2, dim, 2, (int16_t[]){ -2, 0x102 } };
    ck_assert_ok(tl_idx_write(path, &a));
    assert_file(BYTES(0, 0, 11, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xfe, 1, 2));
    a = (tl_idx){ TL_IDX_DOUBLE, 1, dim + 1, 1, (double[]){ 0.1 } };
    ck_assert_ok(tl_idx_write(path, &a));
    assert_file(BYTES(0, 0, 14, 1, 0, 0, 0, 1, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a));
    int64_t empty[] = { UINT32_MAX, 0 };
    a = (tl_idx){ TL_IDX_UINT8, 2, empty, 0, NULL };
    ck_assert_ok(tl_idx_write(path, &a));
    assert_file(BYTES(0, 0, 8, 2, HUGE_SIZE, 0, 0, 0, 0));
}
END_TEST

/* Every type and rank, with more elements than are converted at a time. */
START_TEST(round_trip)
{
    static const struct {
        tl_idx_type type;
        size_t width;
    } types[] = { { TL_IDX_UINT8, 1 }, { TL_IDX_INT8, 1 },  { TL_IDX_INT16, 2 },
                  { TL_IDX_INT32, 4 }, { TL_IDX_FLOAT, 4 }, { TL_IDX_DOUBLE, 8 } };
    enum { SIZE = 6000 };
    int64_t dim[4][TL_IDX_MAX_RANK] = { { SIZE }, { 60, 100 }, { 2, 30, 100 }, { 2, 3, 10, 100 } };
    unsigned char data[8 * SIZE];
    for (int k = 0; k < 8 * SIZE; k++)
        data[k] = (unsigned char)(k * 37 + k / 256);
    tl_idx a = { types[_i / 4].type, 1 + _i % 4, dim[_i % 4], SIZE, data }, b;
    ck_assert_ok(tl_idx_write(path, &a));
    ck_assert_ok(tl_idx_read(path, &b));
    ck_assert_int_eq(b.type, a.type);
    ck_assert_int_eq(b.rank, a.rank);
    ck_assert_int_eq(b.size, SIZE);
    ck_assert_mem_eq(b.dim, a.dim, (size_t)a.rank * sizeof *a.dim);
    ck_assert_mem_eq(b.data, data, SIZE * types[_i / 4].width);
    tl_idx_free(&b);
}
END_TEST

START_TEST(refused)
{
    int64_t dim[] = { 2, 3, 1, 1, 1 };
    const tl_idx good = { TL_IDX_UINT8, 2, dim, 6, "abcdef" };
    tl_idx a = good;
    put(path, BYTES(7));
    ck_assert_status(tl_idx_write(NULL, &a), TL_ERR_ARGUMENT, "idx_write: path is NULL");
    ck_assert_status(tl_idx_write(path, NULL), TL_ERR_ARGUMENT, "idx_write: a is NULL");
#define REFUSED(field, value, text)                                                                          \
    do {                                                                                                     \
        a = good;                                                                                            \
        a.field = value;                                                                                     \
        ck_assert_status(tl_idx_write(path, &a), TL_ERR_ARGUMENT, "idx_write: " text);                       \
    } while (0)
    REFUSED(type, (tl_idx_type)10, "type 0x0a is not 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e");
    REFUSED(type, (tl_idx_type)256, "type 0x100 is not 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e");
    REFUSED(rank, 0, "rank 0 is not in [1, 4]");
    REFUSED(rank, 5, "rank 5 is not in [1, 4]");
    REFUSED(dim, NULL, "dim is NULL");
    REFUSED(data, NULL, "data is NULL");
    REFUSED(size, 5, "size 5 is not the product of 2x3");
    dim[1] = -3;
    REFUSED(size, -6, "dimension 1 is -3, not in [0, 4294967295]");
    dim[1] = INT64_C(1) << 32;
    REFUSED(size, INT64_C(2) << 32, "dimension 1 is 4294967296, not in [0, 4294967295]");
    assert_file(BYTES(7)); /* the old file */
}
END_TEST

START_TEST(system_errors)
{
    int64_t dim[] = { 2 };
    tl_idx a = { TL_IDX_UINT8, 1, dim, 2, "ab" };
    char missing[600];
    snprintf(missing, sizeof missing, "%s/no/array", folder);
    ck_assert_int_eq(tl_idx_write(missing, &a), TL_ERR_IO);
    ck_assert_ptr_nonnull(strstr(tl_error(), strerror(ENOENT)));
    ck_assert_int_eq(tl_idx_write(folder, &a), TL_ERR_IO);
}
END_TEST

START_TEST(short_of_memory)
{
    int64_t dim[] = { 2 }, live = tl_test_live_blocks();
    tl_idx a = { TL_IDX_UINT8, 1, dim, 2, "ab" };
    tl_status status = TL_ERR_MEMORY;
    put(path, BYTES(7));
    for (int k = 1; status != TL_OK; k++) {
        tl_test_fail_allocation(k);
        status = tl_idx_write(path, &a);
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        ck_assert_int_eq(tl_test_live_blocks(), live);
        if (status != TL_OK)
            assert_file(BYTES(7));
    }
}
END_TEST

/* ---- Names ---- */

static const char *const names[] = { "images-idx3-ubyte", "images-idx3-ubyte.gz", "images.idx3-ubyte",
                                     "images.idx3-ubyte.gz" };
enum { NAMES = sizeof names / sizeof *names };

/* Each of the names is found where there is none of those before it. */
START_TEST(other_names)
{
    char file[NAMES][600];
    tl_idx a;
    for (int k = 0; k < NAMES; k++) {
        snprintf(file[k], sizeof file[k], "%s/%s", folder, names[k]);
        put(file[k], BYTES(0, 0, 8, 1, 0, 0, 0, 1, (unsigned char)k));
    }
    for (int k = 0; k < NAMES; k++) {
        ck_assert_ok(tl_idx_read(file[0], &a));
        ck_assert(tl_idx_get(&a, 0) == k);
        tl_idx_free(&a);
        unlink(file[k]);
    }
    char text[700];
    snprintf(text, sizeof text, "idx_read: %s: %s", file[0], strerror(ENOENT));
    ck_assert_status(tl_idx_read(file[0], &a), TL_ERR_IO, text);
    put(file[2], BYTES(0, 0, 8, 1)); /* an error names the file that was found */
    snprintf(text, sizeof text,
             "idx_read: %s: byte 4: found the end of the file, expected 4 more bytes of sizes", file[2]);
    ck_assert_status(tl_idx_read(file[0], &a), TL_ERR_FORMAT, text);
    unlink(file[2]);
}
END_TEST

/* A name without "-idx" has one other name; a part of it in the folder's name is not the file's. */
START_TEST(names_without_a_mark)
{
    tl_idx a;
    char zipped[600], inside[700];
    snprintf(zipped, sizeof zipped, "%s.gz", path);
    put(zipped, BYTES(0, 0, 8, 1, 0, 0, 0, 1, 5));
    ck_assert_ok(tl_idx_read(path, &a));
    ck_assert(tl_idx_get(&a, 0) == 5);
    tl_idx_free(&a);
    unlink(zipped);
    snprintf(zipped, sizeof zipped, "%s/a.idx", folder);
    ck_assert_int_eq(mkdir(zipped, 0700), 0);
    snprintf(inside, sizeof inside, "%s/b", zipped);
    put(inside, BYTES(0, 0, 8, 1, 0, 0, 0, 1, 5));
    char other[700];
    snprintf(other, sizeof other, "%s/a-idx/b", folder);
    ck_assert_int_eq(tl_idx_read(other, &a), TL_ERR_IO);
    unlink(inside);
    rmdir(zipped);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("idx_write");
    TCase *c = tl_test_case(s, "idx_write");
    tcase_add_checked_fixture(c, setup_folder, remove_folder);
    tcase_add_test(c, bytes);
    tcase_add_loop_test(c, round_trip, 0, 6 * 4);
    tcase_add_test(c, refused);
    tcase_add_test(c, system_errors);
    tcase_add_test(c, short_of_memory);
    tcase_add_test(c, other_names);
    tcase_add_test(c, names_without_a_mark);
    return s;
}
