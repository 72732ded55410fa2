/* Safetensors: every fault that a file can have. */
#include "tests/lib/safetensors_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define ONE(dtype, shape, offsets)                                                                           \
    "{\"w\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct {
    const char *header;
    int n; /* bytes of data */
    const char *text;
} faults[] = {
    { "", 0, "byte 8: found 0x00, expected '{'" },
    { " {}", 0, "byte 8: found 0x20, expected '{'" },
    { "[]", 0, "byte 8: found 0x5b, expected '{'" },
    { "{} x", 0, "byte 12: the header is not JSON: end of file expected near 'x'" },
    { "{\"a\":", 0, "byte 13: the header is not JSON: unexpected token near end of file" },
    { "{\"a\":1,\"a\":2}", 0, "byte 18: the header is not JSON: duplicate object key near '\"a\"'" },
    { "{\"\xff\":1}", 0, "byte 10: the header is not JSON: unable to decode byte 0xff near '\"'" },
    { "{\"w\":1}", 0,
      "w: found dtype that is no string, expected F16, BF16, F32, F64, an integer type or BOOL" },
    { ONE("F8_E4M3", "[]", "[0,1]"), 1,
      "w: found dtype F8_E4M3, expected F16, BF16, F32, F64, an integer type or BOOL" },
    { ONE("U8", "3", "[0,3]"), 3, "w: there is no array \"shape\"" },
    { ONE("U8", "[3.0]", "[0,3]"), 3, "w: size 0 is not an integer >= 0" },
    { ONE("U8", "[1e1]", "[0,3]"), 3, "w: size 0 is not an integer >= 0" },
    { ONE("U8", "[1,-3]", "[0,3]"), 3, "w: size 1 is not an integer >= 0" },
    { ONE("U8", "[9223372036854775808]", "[0,3]"), 3,
      "byte 55: the header is not JSON: too big integer near '9223372036854775808'" },
    { ONE("U8", "[3037000500,3037000500]", "[0,3]"), 3,
      "w: the sizes are of more elements than memory can hold" },
    { ONE("F64", "[1152921504606846976]", "[0,3]"), 3,
      "w: the sizes are of more elements than memory can hold" },
    { ONE("U8", "[3]", "[0]"), 3, "w: \"data_offsets\" is not an array of two integers" },
    { ONE("U8", "[3]", "[0,3,3]"), 3, "w: \"data_offsets\" is not an array of two integers" },
    { ONE("U8", "[3]", "[0,3.0]"), 3, "w: \"data_offsets\" is not an array of two integers" },
    { ONE("U8", "[3]", "[-1,2]"), 3, "w: found offsets -1 and 2, expected 0 <= begin <= end <= 3" },
    { ONE("U8", "[3]", "[2,1]"), 3, "w: found offsets 2 and 1, expected 0 <= begin <= end <= 3" },
    { ONE("U8", "[3]", "[1,4]"), 3, "w: found offsets 1 and 4, expected 0 <= begin <= end <= 3" },
    { ONE("U8", "[2]", "[0,3]"), 3, "w: found 3 bytes, expected 2 of the sizes" },
    { ONE("F32", "[]", "[0,2]"), 2, "w: found 2 bytes, expected 4 of the sizes" },
    { ONE("U8", "[2]", "[1,3]"), 3, "w: found at byte 62, expected byte 61, where the header ends" },
    { ONE("U8", "[2]", "[0,2]"), 3, "byte 63: found 1 bytes, expected the end of the file" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
      "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
      3, "b: found at byte 114, expected byte 115, where the tensor before it ends" },
    { "{\"__metadata__\":1}", 0, "__metadata__ is not an object of strings" },
    { "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: a is not a string" },
    { "{\"__metadata__\":{\"checksum/w\":\"crc32:00000000\"}}", 0,
      "found a checksum of w, expected a tensor of that name" },
    { "{\"__metadata__\":{\"checksum\":\"crc32:0000000A\"}}", 0,
      "checksum: found crc32:0000000A, expected crc32: and 8 hexadecimal digits" },
    { "{\"__metadata__\":{\"checksum\":\"xxh3:00000000\"}}", 0,
      "checksum: found xxh3:00000000, expected crc32: and 8 hexadecimal digits" },
    { "{\"__metadata__\":{\"checksum\": \"crc32:00000000\"}}", 0,
      "the header was written anew, but its checksum was kept" },
};

START_TEST(faulty_header)
{
    tl_safetensors s;
    put_file(faults[_i].header, faults[_i].n);
    ck_assert_status(tl_safetensors_read(path, &s), TL_ERR_FORMAT, error(faults[_i].text));
    assert_zeroed(&s);
}
END_TEST

START_TEST(faulty_size)
{
    tl_safetensors s;
    put(path, BYTES(1, 2));
    ck_assert_status(tl_safetensors_read(path, &s), TL_ERR_FORMAT,
                     error("byte 2: found the end of the file, expected the size of the header"));
    put(path, BYTES(3, 0, 0, 0, 0, 0, 0, 0, '{', '}'));
    ck_assert_status(tl_safetensors_read(path, &s), TL_ERR_FORMAT,
                     error("byte 0: found a header of 3 bytes, expected at most 2"));
    put(path, BYTES(2, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'));
    ck_assert_status(tl_safetensors_read(path, &s), TL_ERR_FORMAT,
                     error("byte 0: found a header of 9223372036854775810 bytes, expected at most 2"));
    ck_assert_int_eq(truncate(path, 200000000), 0); /* a file with a hole */
    ck_assert_status(
        tl_safetensors_read(path, &s), TL_ERR_FORMAT,
        error("byte 0: found a header of 9223372036854775810 bytes, expected at most 100000000"));
    assert_zeroed(&s);
}
END_TEST

/* Headers from which the parser would make 50 times as much: refused under a limit on memory. */
START_TEST(hostile_header)
{
    enum { N = 90000000 };
    static const char *const unit[] = { "{},", "[],", "0,", "[" };
    unsigned char *whole = malloc(N + 8);
    ck_assert_ptr_nonnull(whole);
    for (int k = 0; k < 8; k++)
        whole[k] = (unsigned char)((uint64_t)N >> 8 * k & 0xff);
    const size_t length = strlen(unit[_i]);
    for (size_t k = 0; k < N; k++)
        whole[8 + k] = (unsigned char)unit[_i][k % length];
    memcpy(whole + 8, "{\"a\":[", 6);
    put(path, whole, N + 8);
    free(whole);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    tl_safetensors s;
    ck_assert_int_eq(tl_safetensors_read(path, &s), TL_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(tl_error(), "values, expected at most 2396745"));
    getrusage(RUSAGE_SELF, &after);
    /* kilobytes: no more than the header twice, as a sanitizer keeps what was freed */
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 2 * N / 1024);
}
END_TEST

/* Each byte of a file, with each of its bits flipped. */
START_TEST(flipped_bits)
{
    static const int64_t dim[] = { 5 };
    double x[] = { 1, -2, 3, 1e9, 0 };
    tl_safetensor t[] = {
        { .name = "w", .type = TL_SAFETENSORS_F64, .rank = 1, .dim = dim, .size = 5, .data = x },
        { .name = "v", .type = TL_SAFETENSORS_U8, .rank = 1, .dim = dim, .size = 5, .data = x },
    };
    tl_safetensors_note note = { "key", "value" };
    ck_assert_ok(
        tl_safetensors_write(path, &(tl_safetensors){ .n = 2, .n_notes = 1, .tensor = t, .note = &note }));
    unsigned char got[1000];
    const long n = (long)get_file(path, got, sizeof got);
    int unchecked = 0;
    const int file = open(path, O_WRONLY);
    for (long k = 0; k < n; k++) {
        for (int bit = 0; bit < 8; bit++) {
            const unsigned char damaged = (unsigned char)(got[k] ^ 1 << bit);
            ck_assert_int_eq(pwrite(file, &damaged, 1, k), 1);
            tl_safetensors s;
            const tl_status status = tl_safetensors_read(path, &s);
            /* the key of the checksum itself: nothing else is damaged then */
            unchecked += status == TL_OK;
            ck_assert(status == TL_ERR_FORMAT || !tl_safetensors_is_checked(&s));
            tl_safetensors_free(&s);
        }
        ck_assert_int_eq(pwrite(file, &got[k], 1, k), 1);
    }
    ck_assert_int_le(unchecked, 8 * 8);
    for (long k = n; k-- > 0;) {
        tl_safetensors s;
        ck_assert_int_eq(ftruncate(file, k), 0);
        ck_assert_int_eq(tl_safetensors_read(path, &s), TL_ERR_FORMAT);
    }
    close(file);
}
END_TEST

START_TEST(truncated_while_open)
{
    put_file(ONE("U8", "[3]", "[0,3]"), 3);
    tl_safetensors s;
    ck_assert_ok(tl_safetensors_open(path, &s));
    ck_assert_int_eq(truncate(path, 63), 0);
    ck_assert_int_eq(tl_safetensors_load(&s, 0, NULL), TL_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(tl_error(), "byte 63: found the end of the file, expected 1 more bytes"));
    ck_assert_ptr_null(s.tensor[0].data);
    tl_safetensors_free(&s);
}
END_TEST

START_TEST(system_errors)
{
    tl_safetensors s;
    unlink(path);
    ck_assert_status(tl_safetensors_read(path, &s), TL_ERR_IO, error(strerror(ENOENT)));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_status(tl_safetensors_read(path, &s), TL_ERR_IO, error("not a regular file"));
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    const tl_status status = tl_safetensors_read(path, &s);
    rmdir(path);
    ck_assert_status(status, TL_ERR_IO, error(strerror(EISDIR)));
    assert_zeroed(&s);
    ck_assert_status(tl_safetensors_read(NULL, &s), TL_ERR_ARGUMENT, "safetensors_read: path is NULL");
    ck_assert_status(tl_safetensors_open(path, NULL), TL_ERR_ARGUMENT, "safetensors_open: out is NULL");
    ck_assert_status(tl_safetensors_load(&s, 0, NULL), TL_ERR_ARGUMENT,
                     "safetensors_load: there is no open file");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("safetensors_errors");
    TCase *c = tl_test_case(s, "safetensors_errors");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, faulty_header, 0, sizeof faults / sizeof *faults);
    tcase_add_test(c, faulty_size);
    tcase_add_loop_test(c, hostile_header, 0, 4);
    tcase_add_test(c, flipped_bits);
    tcase_add_test(c, truncated_while_open);
    tcase_add_test(c, system_errors);
    return s;
}
