/* Safetensors: what is written, byte by byte, and read again; every fault that a file can have. */
#include "tests/lib/files.h"

#include "lib/io/safetensors_private.h"
#include "lib/io/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void setup(void)
{
    make_path(path, sizeof path);
}

static void teardown(void)
{
    unlink(path);
}

#if defined(TL_HAVE_JANSSON) && defined(TL_HAVE_ZLIB)
static void assert_zeroed(const tl_safetensors *s)
{
    static const tl_safetensors zeros;
    ck_assert_int_eq(memcmp(s, &zeros, sizeof *s), 0);
}

static const char *error(const char *text)
{
    static char whole[1000];
    snprintf(whole, sizeof whole, "safetensors_read: %s: %s", path, text);
    return whole;
}

/* Writes a file of this header and so many bytes 1, 2, 3, .. */
static void put_file(const char *header, int n)
{
    static unsigned char bytes[1 << 16];
    const size_t length = strlen(header);
    ck_assert_uint_lt(8 + length + (size_t)n, sizeof bytes);
    for (int k = 0; k < 8; k++)
        bytes[k] = (unsigned char)(length >> 8 * k & 0xff);
    memcpy(bytes + 8, header, length);
    for (int k = 0; k < n; k++)
        bytes[8 + length + (size_t)k] = (unsigned char)(k + 1);
    put(path, bytes, 8 + length + (size_t)n);
}

static long get_file(unsigned char *to, size_t capacity)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    const size_t n = fread(to, 1, capacity, f);
    fclose(f);
    return (long)n;
}

/* ---- Writing and reading ---- */

static const tl_safetensors_type all_types[] = {
    TL_SAFETENSORS_BOOL, TL_SAFETENSORS_U8,  TL_SAFETENSORS_I8,  TL_SAFETENSORS_U16, TL_SAFETENSORS_I16,
    TL_SAFETENSORS_BF16, TL_SAFETENSORS_F16, TL_SAFETENSORS_U32, TL_SAFETENSORS_I32, TL_SAFETENSORS_F32,
    TL_SAFETENSORS_U64,  TL_SAFETENSORS_I64, TL_SAFETENSORS_F64,
};
enum { TYPES = sizeof all_types / sizeof *all_types };

/* Every type, in the order that is the worst for alignment; an empty tensor and a scalar. */
START_TEST(round_trip)
{
    static const char *const name[TYPES] = {
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"
    };
    static const int64_t dim[] = { 3, 1, 5 }, empty[] = { 4, 0 };
    double data[15];
    unsigned char *byte = (unsigned char *)data;
    for (size_t k = 0; k < sizeof data; k++)
        byte[k] = (unsigned char)(k * 37 % 100);
    tl_safetensor t[TYPES + 2];
    for (int k = 0; k < TYPES; k++)
        t[k] = (tl_safetensor){
            .name = name[k], .type = all_types[k], .rank = 3, .dim = dim, .size = 15, .data = data
        };
    t[TYPES] = (tl_safetensor){ .name = "empty", .type = TL_SAFETENSORS_F32, .rank = 2, .dim = empty };
    t[TYPES + 1] = (tl_safetensor){
        .name = "scalar \"\\\t\xc3\xa9", .type = TL_SAFETENSORS_F64, .size = 1, .data = data
    };
    tl_safetensors_note note[] = { { "z", "last" }, { "format", "a \"quoted\"\n\x7f text" } };
    tl_safetensors s = { .n = TYPES + 2, .n_notes = 2, .tensor = t, .note = note };
    ck_assert_ok(tl_safetensors_write(path, &s));
    tl_safetensors r;
    ck_assert_ok(tl_safetensors_read(path, &r));
    ck_assert(tl_safetensors_is_checked(&r));
    ck_assert_int_eq(r.n, TYPES + 2);
    ck_assert_int_eq(r.n_notes, 2);
    ck_assert_str_eq(r.note[0].key, "format");
    ck_assert_str_eq(tl_safetensors_note_of(&r, "format"), note[1].value);
    ck_assert_str_eq(tl_safetensors_note_of(&r, "z"), "last");
    ck_assert_ptr_null(tl_safetensors_note_of(&r, "checksum"));
    for (int k = 0; k < s.n; k++) {
        const int32_t at = tl_safetensors_find(&r, t[k].name);
        ck_assert_int_ge(at, 0);
        const tl_safetensor *is = &r.tensor[at];
        const int32_t width = tl_safetensors_type_size(t[k].type);
        ck_assert_int_eq(is->type, t[k].type);
        ck_assert_int_eq(is->rank, t[k].rank);
        ck_assert_int_eq(is->size, t[k].size);
        for (int i = 0; i < t[k].rank; i++)
            ck_assert_int_eq(is->dim[i], t[k].dim[i]);
        ck_assert_int_eq(memcmp(is->data, data, (size_t)(t[k].size * width)), 0);
        ck_assert(is->has_checksum &&
                  is->checksum == crc32(0, (const unsigned char *)data, (unsigned)(t[k].size * width)));
        ck_assert_int_eq(is->at % width, 0);
        ck_assert(at == 0 || tl_safetensors_type_size(r.tensor[at - 1].type) >= width);
    }
    ck_assert_int_eq(r.tensor[0].at % 64, 0);
    ck_assert_int_eq(tl_safetensors_find(&r, "n"), -1);
    tl_safetensors_free(&r);
    assert_zeroed(&r);
    tl_safetensors_free(&r);
    tl_safetensors_free(NULL);
}
END_TEST

/* The bytes of a small file; its checksums are those of Python's zlib.crc32. */
START_TEST(bytes)
{
    static const int64_t dim[] = { 2 };
    float x[] = { 1, -2 };
    tl_safetensor t = {
        .name = "w", .type = TL_SAFETENSORS_F32, .rank = 1, .dim = dim, .size = 2, .data = x
    };
    ck_assert_ok(tl_safetensors_write(path, &(tl_safetensors){ .n = 1, .tensor = &t }));
    unsigned char got[1000];
    const long n = get_file(got, sizeof got);
    const char header[] =
        "{\"__metadata__\":{\"checksum\":\"crc32:00000000\",\"checksum/w\":\"crc32:c3872656\"},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    ck_assert_int_eq(n, 192 + 8);
    ck_assert_int_eq(got[0], 192 - 8);
    const uint32_t whole = (uint32_t)strtoul((char *)got + 8 + 35, NULL, 16);
    memcpy(got + 8 + 35, "00000000", 8);
    ck_assert_uint_eq(whole, crc32(0, got, 192));
    ck_assert_int_eq(memcmp(got + 8, header, sizeof header - 1), 0);
    for (size_t k = 8 + sizeof header - 1; k < 192; k++)
        ck_assert_int_eq(got[k], ' ');
    ck_assert_int_eq(memcmp(got + 192, "\0\0\x80\x3f\0\0\0\xc0", 8), 0);
}
END_TEST

/* A file as others write it: no checksums, spaces after the header, data_offsets in another order. */
START_TEST(foreign)
{
    put_file("{ \"b\": {\"dtype\":\"U8\", \"shape\":[2,1], \"data_offsets\":[3,5], \"more\":[{}]},"
             "\"__metadata__\":{\"format\":\"pt\"},"
             "\"a\":{\"data_offsets\":[0,3],\"shape\":[3],\"dtype\":\"I8\"}}   ",
             5);
    tl_safetensors s;
    ck_assert_ok(tl_safetensors_open(path, &s));
    ck_assert(!tl_safetensors_is_checked(&s));
    ck_assert_int_eq(s.n, 2);
    ck_assert_str_eq(s.tensor[0].name, "a");
    ck_assert_ptr_null(s.tensor[0].data);
    ck_assert(isnan(tl_safetensors_get(&s.tensor[0], 0)));
    unsigned char two[2];
    ck_assert_ok(tl_safetensors_load(&s, 1, two));
    ck_assert(two[0] == 4 && two[1] == 5);
    ck_assert_ptr_null(s.tensor[1].data);
    ck_assert_ok(tl_safetensors_load(&s, 1, NULL));
    const void *data = s.tensor[1].data;
    ck_assert_ok(tl_safetensors_load(&s, 1, NULL));
    ck_assert_ptr_eq(s.tensor[1].data, data);
    ck_assert(tl_safetensors_get(&s.tensor[1], 1) == 5);
    ck_assert(isnan(tl_safetensors_get(&s.tensor[1], 2)) && isnan(tl_safetensors_get(&s.tensor[1], -1)));
    ck_assert_status(tl_safetensors_load(&s, 2, NULL), TL_ERR_ARGUMENT,
                     "safetensors_load: tensor 2 is not in [0, 2)");
    tl_safetensors_free(&s);
    put_file("{}", 0);
    ck_assert_ok(tl_safetensors_read(path, &s));
    ck_assert_int_eq(s.n, 0);
    tl_safetensors_free(&s);
}
END_TEST

/* Halves as NumPy's float16 and bfloat16 as torch have them, and the largest integers. */
START_TEST(elements)
{
    static uint16_t half[] = { 0x3c00, 0xc000, 0x0001, 0x03ff, 0x7bff, 0x7c00, 0xfc00, 0x8000 };
    static uint16_t brain[] = { 0x3f80, 0xc000, 0x7f80, 0x0001 };
    static const double halves[] = {
        1, -2, 0x1p-24, 0x1.ff8p-15, 65504, (double)INFINITY, -(double)INFINITY, -0.0
    };
    static const double brains[] = { 1, -2, (double)INFINITY, 0x1p-133 };
    tl_safetensor t = { .type = TL_SAFETENSORS_F16, .size = 8, .data = half };
    for (int k = 0; k < 8; k++)
        ck_assert(tl_safetensors_get(&t, k) == halves[k]);
    ck_assert(signbit(tl_safetensors_get(&t, 7)));
    half[0] = 0x7e00;
    ck_assert(isnan(tl_safetensors_get(&t, 0)));
    t = (tl_safetensor){ .type = TL_SAFETENSORS_BF16, .size = 4, .data = brain };
    for (int k = 0; k < 4; k++)
        ck_assert(tl_safetensors_get(&t, k) == brains[k]);
    int64_t ones = -1;
    static const double last[] = {
        1, 255, -1, 65535, -1, 0, 0, 4294967295, -1, 0, 18446744073709551616.0, -1
    };
    for (int k = 0; k < 12; k++) {
        t = (tl_safetensor){ .type = all_types[k], .size = 1, .data = &ones };
        ck_assert(last[k] == 0 || tl_safetensors_get(&t, 0) == last[k]);
    }
    ck_assert(isnan(tl_safetensors_get(NULL, 0)));
    ck_assert_str_eq(tl_safetensors_type_name((tl_safetensors_type)99), "");
    ck_assert_int_eq(tl_safetensors_type_size((tl_safetensors_type)99), 0);
}
END_TEST

/* ---- Faults ---- */

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
    const long n = get_file(got, sizeof got);
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

/* ---- What is not written ---- */

static void assert_refused(const tl_safetensor *t, int32_t n, const char *text)
{
    char whole[1000];
    tl_safetensor copy[2];
    memcpy(copy, t, (size_t)n * sizeof *t);
    snprintf(whole, sizeof whole, "safetensors_write: %s: %s", path, text);
    ck_assert_status(tl_safetensors_write(path, &(tl_safetensors){ .n = n, .tensor = copy }), TL_ERR_ARGUMENT,
                     whole);
}

START_TEST(refused)
{
    static const int64_t dim[] = { 2 }, negative[] = { -1 };
    float x[] = { 1, 2 };
    const tl_safetensor good = {
        .name = "w", .type = TL_SAFETENSORS_F32, .rank = 1, .dim = dim, .size = 2, .data = x
    };
    tl_safetensor t[2] = { good, good };
    put(path, BYTES(1));
    assert_refused(t, 2, "w is the name of two");
    t[0].name = NULL;
    assert_refused(t, 1, "a tensor has no name");
    t[0].name = "";
    assert_refused(t, 1, "a tensor has no name");
    t[0].name = "a\xff";
    assert_refused(t, 1, "a tensor has a name that is not UTF-8");
    t[0].name = "__metadata__";
    assert_refused(t, 1, "__metadata__ is the name of the notes");
    t[0] = good;
    t[0].type = (tl_safetensors_type)99;
    assert_refused(t, 1, "w has an unknown type");
    t[0] = good;
    t[0].dim = negative;
    assert_refused(t, 1, "w has impossible sizes");
    t[0] = good;
    t[0].size = 3;
    assert_refused(t, 1, "w has a size that is not the product of its sizes, or no data");
    t[0] = good;
    t[0].data = NULL;
    assert_refused(t, 1, "w has a size that is not the product of its sizes, or no data");
    char whole[1000];
    tl_safetensors_note note[] = { { "a", "b" }, { "checksum/w", "c" } };
    snprintf(whole, sizeof whole, "safetensors_write: %s: checksum/w is the key of a checksum", path);
    ck_assert_status(tl_safetensors_write(path, &(tl_safetensors){ .n_notes = 2, .note = note }),
                     TL_ERR_ARGUMENT, whole);
    note[1].key = "a";
    snprintf(whole, sizeof whole, "safetensors_write: %s: a is the name of two", path);
    ck_assert_status(tl_safetensors_write(path, &(tl_safetensors){ .n_notes = 2, .note = note }),
                     TL_ERR_ARGUMENT, whole);
    ck_assert_status(tl_safetensors_write(NULL, &(tl_safetensors){ 0 }), TL_ERR_ARGUMENT,
                     "safetensors_write: path is NULL");
    ck_assert_status(tl_safetensors_write(path, NULL), TL_ERR_ARGUMENT, "safetensors_write: s is NULL");
    struct stat is;
    ck_assert(stat(path, &is) == 0 && is.st_size == 1); /* as it was */
}
END_TEST

/* What the reader would refuse: every comma may be a value. */
START_TEST(large_header)
{
    enum { N = 2396746 };
    char *value = malloc(N + 1), whole[1000];
    ck_assert_ptr_nonnull(value);
    memset(value, ',', N);
    value[N] = '\0';
    tl_safetensors_note note = { "a", value };
    const tl_safetensors s = { .n_notes = 1, .note = &note };
    tl_safetensors r;
    put(path, BYTES(1));
    snprintf(whole, sizeof whole,
             "safetensors_write: %s: a header of %d values, of which readers take 2396745", path, N + 3);
    ck_assert_status(tl_safetensors_write(path, &s), TL_ERR_ARGUMENT, whole);
    struct stat is;
    ck_assert(stat(path, &is) == 0 && is.st_size == 1); /* as it was */
    value[N - 4] = '\0';                                /* with two braces and a comma before the note */
    ck_assert_ok(tl_safetensors_write(path, &s));
    ck_assert_ok(tl_safetensors_open(path, &r));
    tl_safetensors_free(&r);
    free(value);
}
END_TEST

START_TEST(utf8)
{
    static const char *const good[] = {
        "", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"
    };
    static const char *const wrong[] = { "\x80",
                                         "\xc1\xbf",
                                         "\xc2",
                                         "\xc2z",
                                         "\xe0\x9f\xbf",
                                         "\xed\xa0\x80",
                                         "\xf0\x8f\xbf\xbf",
                                         "\xe2\x82",
                                         "\xf4\x90\x80\x80",
                                         "\xf5\x80\x80\x80",
                                         "ab\xff" };
    for (size_t k = 0; k < sizeof good / sizeof *good; k++)
        ck_assert(tl_is_utf8(good[k], -1));
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        ck_assert(!tl_is_utf8(wrong[k], -1));
    ck_assert(!tl_is_utf8("\xc3\xa9", 1));
}
END_TEST

START_TEST(failing_allocations)
{
    static const int64_t dim[] = { 2 };
    float x[] = { 1, 2 };
    tl_safetensor t = {
        .name = "w", .type = TL_SAFETENSORS_F32, .rank = 1, .dim = dim, .size = 2, .data = x
    };
    const tl_safetensors s = { .n = 1, .tensor = &t };
    tl_safetensors r;
    ck_assert_ok(tl_safetensors_write(path, &s));
    for (int call = 0; call < 2; call++) {
        int64_t k = 1;
        for (bool failed = true; failed; k++) {
            const int64_t live = tl_test_live_blocks();
            tl_test_fail_allocation(k);
            const tl_status status = call ? tl_safetensors_read(path, &r) : tl_safetensors_write(path, &s);
            failed = status == TL_ERR_MEMORY;
            tl_test_fail_allocation(0);
            if (call && failed)
                assert_zeroed(&r);
            if (!failed)
                ck_assert_ok(status);
            if (call && !failed)
                tl_safetensors_free(&r);
            ck_assert_int_eq(tl_test_live_blocks(), live);
        }
        ck_assert_int_gt(k, 6);
    }
}
END_TEST
#else
START_TEST(without_libraries)
{
    tl_safetensors s = { .n = 3 };
    ck_assert_int_eq(tl_safetensors_read(path, &s), TL_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tl_error(), "safetensors_read: tulle was built without "));
    ck_assert_int_eq(s.n, 0);
    ck_assert_int_eq(tl_safetensors_write(path, &s), TL_ERR_ARGUMENT);
}
END_TEST
#endif

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("safetensors");
    TCase *c = tl_test_case(s, "safetensors");
    tcase_add_unchecked_fixture(c, setup, teardown);
#if defined(TL_HAVE_JANSSON) && defined(TL_HAVE_ZLIB)
    tcase_add_test(c, round_trip);
    tcase_add_test(c, bytes);
    tcase_add_test(c, foreign);
    tcase_add_test(c, elements);
    tcase_add_loop_test(c, faulty_header, 0, sizeof faults / sizeof *faults);
    tcase_add_test(c, faulty_size);
    tcase_add_loop_test(c, hostile_header, 0, 4);
    tcase_add_test(c, flipped_bits);
    tcase_add_test(c, truncated_while_open);
    tcase_add_test(c, system_errors);
    tcase_add_test(c, refused);
    tcase_add_test(c, large_header);
    tcase_add_test(c, utf8);
    tcase_add_test(c, failing_allocations);
#else
    tcase_add_test(c, without_libraries);
#endif
    return s;
}
