/* Safetensors: what is written, byte by byte, and read again; and what is not written. */
#include "tests/lib/safetensors_files.h"

#include "lib/io/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>

#if defined(TL_HAVE_JANSSON) && defined(TL_HAVE_ZLIB)
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
    const long n = (long)get_file(path, got, sizeof got);
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
    tcase_add_test(c, refused);
    tcase_add_test(c, large_header);
    tcase_add_test(c, utf8);
    tcase_add_test(c, failing_allocations);
#else
    tcase_add_test(c, without_libraries);
#endif
    return s;
}
