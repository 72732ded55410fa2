/* IDX files: every element type and rank, plain and gzipped, images with their labels, real ones. */
#include "tests/lib/idx_files.h"

static const struct {
    tl_idx_type type;
    int width;
    unsigned char bytes[24];
    double value[3];
} types[] = {
    { TL_IDX_UINT8, 1, { 0, 1, 0xff }, { 0, 1, 255 } },
    { TL_IDX_INT8, 1, { 0x80, 0xff, 0x7f }, { -128, -1, 127 } },
    { TL_IDX_INT16, 2, { 0x80, 0, 0xff, 0xfe, 1, 2 }, { INT16_MIN, -2, 0x102 } },
    { TL_IDX_INT32, 4, { 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe, 1, 2, 3, 4 }, { INT32_MIN, -2, 0x1020304 } },
    { TL_IDX_FLOAT, 4, { 0xbf, 0xc0, [7] = 1, 0x7f, 0x7f, 0xff, 0xff }, { -1.5, 0x1p-149, 0x1.fffffep127 } },
    { TL_IDX_DOUBLE,
      8,
      { 0xbf, 0xf8, [15] = 1, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a },
      { -1.5, 0x1p-1074, 0.1 } },
};
enum { TYPES = sizeof types / sizeof *types };

START_TEST(every_type)
{
    int k = _i / PACKINGS;
    unsigned char file[8 + 24] = { 0, 0, (unsigned char)types[k].type, 1, 0, 0, 0, 3 };
    size_t bytes = 3 * (size_t)types[k].width;
    memcpy(file + 8, types[k].bytes, bytes);
    tl_idx a;
    ck_assert_ok(load_packed(_i % PACKINGS, file, 8 + bytes, &a));
    ck_assert_int_eq(a.type, types[k].type);
    ck_assert_int_eq(a.rank, 1);
    ck_assert_int_eq(a.dim[0], 3);
    ck_assert_int_eq(a.size, 3);
    for (int e = 0; e < 3; e++)
        ck_assert(tl_idx_get(&a, e) == types[k].value[e]);
    tl_idx_free(&a);
    assert_zeroed(&a);
}
END_TEST

START_TEST(every_rank)
{
    int rank = 1 + _i / PACKINGS;
    unsigned char file[4 + 4 * 4 + 5 * 4 * 3 * 2] = { 0, 0, 8, (unsigned char)rank };
    int64_t size = 1;
    for (int k = 0; k < rank; k++) {
        file[4 + 4 * k + 3] = (unsigned char)(5 - k);
        size *= 5 - k;
    }
    for (int64_t e = 0; e < size; e++)
        file[4 + 4 * rank + e] = (unsigned char)e;
    tl_idx a;
    ck_assert_ok(load_packed(_i % PACKINGS, file, (size_t)(4 + 4 * rank + size), &a));
    ck_assert_int_eq(a.rank, rank);
    ck_assert_int_eq(a.size, size);
    for (int k = 0; k < rank; k++)
        ck_assert_int_eq(a.dim[k], 5 - k);
    for (int64_t e = 0; e < size; e++)
        ck_assert(tl_idx_get(&a, e) == (double)e);
    tl_idx_free(&a);
}
END_TEST

START_TEST(empty)
{
    tl_idx a;
    ck_assert_ok(load(BYTES(0, 0, 13, 2, 0, 0, 0, 3, 0, 0, 0, 0), &a));
    ck_assert_int_eq(a.dim[0], 3);
    ck_assert_int_eq(a.dim[1], 0);
    ck_assert_int_eq(a.size, 0);
    tl_idx_free(&a);
    ck_assert_ok(load(BYTES(0, 0, 8, 3, 0, 0, 0, 0, HUGE_SIZE, 0, 0, 0, 2), &a));
    ck_assert_int_eq(a.dim[1], UINT32_MAX);
    ck_assert_int_eq(a.size, 0);
    tl_idx_free(&a);
    ASSERT_BAD(BYTES(0, 0, 8, 1, 0, 0, 0, 0, 9), "byte 8: found 0x09, expected the end of the file");
}
END_TEST

/* Elements 0, 1, 2 ... as int32, more than fit in one read or in one block. */
enum { MANY = 50000, MANY_BYTES = 8 + 4 * MANY };

static unsigned char *many(void)
{
    unsigned char *file = malloc(MANY_BYTES), head[] = { 0, 0, 12, 1 };
    ck_assert_ptr_nonnull(file);
    memcpy(file, head, 4);
    for (int k = -1; k < MANY; k++) {
        int v = k < 0 ? MANY : k;
        for (int b = 0; b < 4; b++)
            file[8 + 4 * k + b] = (unsigned char)(v >> (24 - 8 * b));
    }
    return file;
}

START_TEST(larger_than_a_chunk)
{
    unsigned char *file = many();
    tl_idx a;
    ck_assert_ok(load_packed(_i, file, MANY_BYTES, &a));
    ck_assert_int_eq(a.size, MANY);
    for (int k = 0; k < MANY; k++)
        ck_assert_int_eq(((const int32_t *)a.data)[k], k);
    tl_idx_free(&a);
    ck_assert_status(load_packed(_i, file, MANY_BYTES - 5, &a), TL_ERR_FORMAT,
                     error("byte 200003: found the end of the file, expected 5 more bytes of elements"));
    free(file);
}
END_TEST
/* Three images of 1 x 2, and labels for them. */
static const unsigned char pictures[] = { 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6 };

static tl_status load_labelled(const unsigned char *labels, size_t n, tl_idx *a, tl_idx *b)
{
    put(path, pictures, sizeof pictures);
    put(labels_path, labels, n);
    return tl_idx_read_labelled(path, labels_path, a, b);
}

static void assert_mismatch(const unsigned char *labels, size_t n, const char *why)
{
    char text[1200];
    snprintf(text, sizeof text, "idx_read_labelled: %s: %s, for the images of %s", labels_path, why, path);
    tl_idx a, b;
    ck_assert_status(load_labelled(labels, n, &a, &b), TL_ERR_FORMAT, text);
    assert_zeroed(&a);
    assert_zeroed(&b);
}

START_TEST(labelled)
{
    tl_idx a, b;
    ck_assert_ok(load_labelled(BYTES(0, 0, 9, 1, 0, 0, 0, 3, 7, 8, 0xff), &a, &b));
    ck_assert_int_eq(a.rank, 3);
    ck_assert(tl_idx_get(&a, 5) == 6);
    ck_assert(tl_idx_get(&b, 0) == 7 && tl_idx_get(&b, 2) == -1);
    tl_idx_free(&a);
    tl_idx_free(&b);
    assert_mismatch(BYTES(0, 0, 8, 1, 0, 0, 0, 2, 1, 2), "byte 4: found 2 labels, expected 3");
    assert_mismatch(BYTES(0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 1, 1, 2, 3), "byte 3: found rank 2, expected 1");
    assert_mismatch(BYTES(0, 0, 13, 1, 0, 0, 0, 0), "byte 2: found type 0x0d, expected an integer type");
    assert_mismatch(BYTES(0, 0, 14, 1, 0, 0, 0, 0), "byte 2: found type 0x0e, expected an integer type");
    char text[600];
    snprintf(text, sizeof text, "idx_read: %s: byte 8: found 0x09, expected the end of the file",
             labels_path);
    ck_assert_status(load_labelled(BYTES(0, 0, 8, 1, 0, 0, 0, 0, 9), &a, &b), TL_ERR_FORMAT, text);
    assert_zeroed(&a);
    assert_zeroed(&b);
    b = (tl_idx){ .rank = 7 };
    unlink(path);
    ck_assert_status(tl_idx_read_labelled(path, labels_path, &a, &b), TL_ERR_IO,
                     error("%s", strerror(ENOENT)));
    assert_zeroed(&b);
}
END_TEST

/* Every allocation fails once: the error is clear, nothing leaks, and both arrays are zeroed. */
START_TEST(short_of_memory)
{
    unsigned char *file = many();
    put(path, file, MANY_BYTES);
    put(labels_path, file, MANY_BYTES);
    free(file);
    int64_t live = tl_test_live_blocks();
    tl_idx a, b;
    for (int k = 1; k <= 2 * 2; k++) { /* the sizes and the elements of either file */
        tl_test_fail_allocation(k);
        ck_assert_status(tl_idx_read_labelled(path, labels_path, &a, &b), TL_ERR_MEMORY, "out of memory");
        ck_assert_int_eq(tl_test_live_blocks(), live);
        assert_zeroed(&a);
        assert_zeroed(&b);
    }
    tl_test_fail_allocation(2 * 2 + 1);
    ck_assert_ok(tl_idx_read_labelled(path, labels_path, &a, &b));
    tl_test_fail_allocation(0);
    tl_idx_free(&a);
    tl_idx_free(&b);
}
END_TEST

/* Real data, if it is available. */
static bool load_digits(const char *part, tl_idx *images, tl_idx *labels)
{
#ifndef TL_SOURCE_ROOT
#define TL_SOURCE_ROOT "."
#endif
    const char *folder = getenv("TULLE_DATA");
    if (!folder)
        folder = TL_SOURCE_ROOT "/../shared/data/digits";
    char images_file[1024], labels_file[1024];
    snprintf(images_file, sizeof images_file, "%s/%s-images-idx3-ubyte.gz", folder, part);
    snprintf(labels_file, sizeof labels_file, "%s/%s-labels-idx1-ubyte.gz", folder, part);
    if (PACKINGS == 1 || access(images_file, R_OK) != 0) {
        printf("skipped: %s %s\n", PACKINGS == 1 ? "built without zlib:" : "no", images_file);
        return false;
    }
    ck_assert_ok(tl_idx_read_labelled(images_file, labels_file, images, labels));
    return true;
}

START_TEST(real_digits)
{
    tl_idx images, labels;
    for (int part = 0; part < 2 && load_digits(part == 0 ? "train" : "t10k", &images, &labels); part++) {
        ck_assert_int_eq(images.type, TL_IDX_UINT8);
        ck_assert_int_eq(images.rank, 3);
        ck_assert_int_eq(images.dim[0], labels.size);
        ck_assert_int_eq(images.dim[1], images.dim[2]);
        ck_assert_int_eq(images.size, labels.size * images.dim[1] * images.dim[2]);
        int64_t count[10] = { 0 };
        for (int64_t k = 0; k < labels.size; k++) {
            double label = tl_idx_get(&labels, k);
            ck_assert(label >= 0 && label <= 9);
            count[(int)label]++;
        }
        for (int digit = 0; digit < 10; digit++)
            ck_assert_int_gt(count[digit], labels.size / 20);
        tl_idx_free(&images);
        tl_idx_free(&labels);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("idx");
    TCase *c = tl_test_case(s, "idx");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, every_type, 0, TYPES * PACKINGS);
    tcase_add_loop_test(c, every_rank, 0, TL_IDX_MAX_RANK * PACKINGS);
    tcase_add_test(c, empty);
    tcase_add_loop_test(c, larger_than_a_chunk, 0, PACKINGS);
    tcase_add_test(c, labelled);
    tcase_add_test(c, short_of_memory);
    tcase_add_test(c, real_digits);
    return s;
}
