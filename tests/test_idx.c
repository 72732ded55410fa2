/* IDX files: every element type and rank, plain and gzipped, and every way in which a file can be wrong. */
#include "testing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef TL_HAVE_ZLIB
#include <zlib.h>
enum { PLAIN, GZIPPED, PACKINGS };
#else
enum { PLAIN, PACKINGS };
#endif

/* An array literal and its length: load(BYTES(0, 0, 8, 1), &a) */
#define BYTES(...) (const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ })

/* The sizes 2^32 - 1 and 2^31 - 1, as a file holds them. */
#define HUGE_SIZE 0xff, 0xff, 0xff, 0xff
#define HALF_SIZE 0x7f, 0xff, 0xff, 0xff

static char path[512], labels_path[512];

static void make_path(char *to, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(to, size, "%s/tulle-idx-XXXXXX", folder ? folder : "/tmp");
    int file = mkstemp(to);
    ck_assert_int_ge(file, 0);
    close(file);
}

static void setup(void)
{
    make_path(path, sizeof path);
    make_path(labels_path, sizeof labels_path);
}

static void teardown(void)
{
    unlink(path);
    unlink(labels_path);
}

static void put(const char *to, const unsigned char *bytes, size_t n)
{
    FILE *f = fopen(to, "wb");
    ck_assert_ptr_nonnull(f);
    size_t written = fwrite(bytes, 1, n, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_uint_eq(written, n);
}

static tl_status load(const unsigned char *bytes, size_t n, tl_idx *out)
{
    put(path, bytes, n);
    return tl_idx_read(path, out);
}

/* The bytes as gzip packs them, in to[room]. */
static size_t pack(const unsigned char *bytes, size_t n, unsigned char *to, size_t room)
{
#ifdef TL_HAVE_ZLIB
    gzFile zip = gzopen(path, "wb");
    ck_assert_ptr_nonnull(zip);
    int written = gzwrite(zip, bytes, (unsigned)n);
    ck_assert_int_eq(gzclose(zip), Z_OK);
    ck_assert_uint_eq((size_t)written, n);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t packed = fread(to, 1, room, f);
    fclose(f);
    ck_assert_uint_lt(packed, room);
    return packed;
#else
    (void)room;
    memcpy(to, bytes, n);
    return n;
#endif
}

static tl_status load_packed(int packing, const unsigned char *bytes, size_t n, tl_idx *out)
{
    if (packing == PLAIN)
        return load(bytes, n, out);
    size_t room = n + n / 100 + 100;
    unsigned char *packed = malloc(room);
    ck_assert_ptr_nonnull(packed);
    tl_status status = load(packed, pack(bytes, n, packed, room), out);
    free(packed);
    return status;
}

/* The whole text of an error in the file at `path`. */
static const char *error(const char *format, ...)
{
    static char text[1024];
    int at = snprintf(text, sizeof text, "idx_read: %s: ", path);
    va_list args;
    va_start(args, format);
    vsnprintf(text + at, sizeof text - (size_t)at, format, args);
    va_end(args);
    return text;
}

static void assert_zeroed(const tl_idx *a)
{
    ck_assert_int_eq((int)a->type, 0);
    ck_assert_int_eq(a->rank, 0);
    ck_assert_int_eq(a->size, 0);
    ck_assert_ptr_null(a->dim);
    ck_assert_ptr_null(a->data);
}

/* load() fails with this text, and leaves nothing behind. */
#define ASSERT_BAD(bytes, ...)                                                                               \
    do {                                                                                                     \
        tl_idx bad_ = { .type = TL_IDX_INT8, .rank = 7, .size = 7 };                                         \
        ck_assert_status(load(bytes, &bad_), TL_ERR_FORMAT, error(__VA_ARGS__));                             \
        assert_zeroed(&bad_);                                                                                \
    } while (0)

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

/* Elements 0, 1, 2 ... as int32: more than one read and one block take. */
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

START_TEST(wrong_magic)
{
    ASSERT_BAD(BYTES(0x4e, 0x55, 8, 1), "byte 0: found 4e 55, expected 00 00");
    ASSERT_BAD(BYTES(0, 1, 8, 1, 0, 0, 0, 0), "byte 0: found 00 01, expected 00 00");
    ASSERT_BAD(BYTES(0, 0, 8, 0, 7), "byte 3: found rank 0, expected 1 to 4");
    ASSERT_BAD(BYTES(0, 0, 8, 5), "byte 3: found rank 5, expected 1 to 4");
    ASSERT_BAD(BYTES(0, 0, 8, 255), "byte 3: found rank 255, expected 1 to 4");
    for (int type = 0; type < 256; type++)
        if (type != 0x08 && type != 0x09 && (type < 0x0b || type > 0x0e))
            ASSERT_BAD(BYTES(0, 0, (unsigned char)type, 1, 0, 0, 0, 0),
                       "byte 2: found type 0x%02x, expected 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e", type);
}
END_TEST

/* Sizes that overflow, and sizes that fit in 63 bits but not in the machine: had anyone tried to allocate
 * them, the error would be TL_ERR_MEMORY. */
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
                                               : ": found gzip data cut short, expected "),
                      "%zu bytes: %s", n, tl_error());
        assert_zeroed(&a);
    }
    ck_assert_status(load(packed, 5, &a), TL_ERR_FORMAT,
                     error("byte 0: found gzip data cut short, expected 4 more bytes of magic"));
    ck_assert_status(load(packed, size - 1, &a), TL_ERR_FORMAT,
                     error("byte 24: found gzip data cut short, expected a sound checksum"));
}
END_TEST

/* Whichever bit is flipped, the array is right (the flip was in the date, say) or it is refused. */
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
                     error("byte 0: found damaged gzip data, expected 4 more bytes of magic"));
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
    for (int k = 1; k <= 2 * 4; k++) { /* the sizes and three ever larger blocks, for either file */
        tl_test_fail_allocation(k);
        ck_assert_status(tl_idx_read_labelled(path, labels_path, &a, &b), TL_ERR_MEMORY, "out of memory");
        ck_assert_int_eq(tl_test_live_blocks(), live);
        assert_zeroed(&a);
        assert_zeroed(&b);
    }
    tl_test_fail_allocation(2 * 4 + 1);
    ck_assert_ok(tl_idx_read_labelled(path, labels_path, &a, &b));
    tl_test_fail_allocation(0);
    tl_idx_free(&a);
    tl_idx_free(&b);
}
END_TEST

/* Real data where it is at hand. */
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
    tcase_add_test(c, labelled);
    tcase_add_test(c, short_of_memory);
    tcase_add_test(c, real_digits);
    return s;
}
