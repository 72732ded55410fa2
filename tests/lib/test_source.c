/* Sources: exact reads with positions, blocks that grow as bytes arrive, and every error text. */
#include "tests/lib/files.h"

#include "lib/io/source.h"
#include "lib/status_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static void setup(void)
{
    make_path(path, sizeof path);
}

static void teardown(void)
{
    unlink(path);
}

static tl_source opened(void)
{
    tl_source s;
    ck_assert_ok(tl_source_open(&s, "reader", path));
    return s;
}

/* Checks that a call failed with TL_ERR_FORMAT and this text about the file at `path`. */
static void assert_bad(tl_status status, const char *text)
{
    char expected[1024];
    snprintf(expected, sizeof expected, "reader: %s: %s", path, text);
    ck_assert_status(status, TL_ERR_FORMAT, expected);
}

START_TEST(exact_reads)
{
    char got[8] = { 0 };
    put_packed(_i, BYTES('a', 'b', 'c', 'd', 'e'));
    tl_source s = opened();
    ck_assert_int_eq(s.at, 0);
    ck_assert_ok(tl_source_read(&s, got, 3, "head"));
    ck_assert_int_eq(s.at, 3);
    ck_assert_ok(tl_source_read(&s, got + 3, 0, "nothing"));
    ck_assert_ok(tl_source_read(&s, got + 3, 2, "tail"));
    ck_assert_int_eq(s.at, 5);
    ck_assert_str_eq(got, "abcde");
    ck_assert_ok(tl_source_end(&s));
    ck_assert_ok(tl_source_close(&s, TL_OK));
    ck_assert_ptr_null(s.file);
}
END_TEST

START_TEST(too_short)
{
    char got[8];
    put_packed(_i, BYTES(1, 2, 3, 4, 5));
    tl_source s = opened();
    ck_assert_ok(tl_source_read(&s, got, 2, "head"));
    assert_bad(tl_source_read(&s, got, 4, "tail"),
               "byte 5: found the end of the file, expected 1 more byte of tail");
    assert_bad(tl_source_read(&s, got, 2, "more"),
               "byte 5: found the end of the file, expected 2 more bytes of more");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
    put_packed(_i, (const unsigned char *)"", 0);
    s = opened();
    assert_bad(tl_source_read(&s, got, 4, "magic"),
               "byte 0: found the end of the file, expected 4 more bytes of magic");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
}
END_TEST

START_TEST(too_long)
{
    char got[2];
    put_packed(_i, BYTES(1, 2, 0xab, 4));
    tl_source s = opened();
    ck_assert_ok(tl_source_read(&s, got, 2, "all"));
    assert_bad(tl_source_end(&s), "byte 2: found 0xab, expected the end of the file");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
}
END_TEST

/* More than one read and three ever larger blocks. */
enum { MANY = 200001 };

static unsigned char *many(void)
{
    unsigned char *bytes = malloc(MANY);
    ck_assert_ptr_nonnull(bytes);
    for (int k = 0; k < MANY; k++)
        bytes[k] = (unsigned char)(k % 251);
    return bytes;
}

START_TEST(blocks)
{
    const int64_t sizes[] = { 0, 1, 65535, 65536, 65537, 131072, MANY };
    unsigned char *bytes = many();
    put_packed(_i, bytes, MANY);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        tl_source s = opened();
        void *block = tl_source_read_block(&s, sizes[k], "block");
        ck_assert_msg(block != NULL, "%lld bytes: %s", (long long)sizes[k], tl_error());
        ck_assert_int_eq(s.at, sizes[k]);
        ck_assert_int_eq(memcmp(block, bytes, (size_t)sizes[k]), 0);
        tl_free(block);
        ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
    }
    free(bytes);
}
END_TEST

/* A stated size that the file does not have costs one first block. */
START_TEST(untrusted_size)
{
    put_packed(_i, BYTES(1, 2, 3));
    const int64_t asked = tl_test_allocations(), live = tl_test_live_blocks();
    tl_source s = opened();
    ck_assert_ptr_null(tl_source_read_block(&s, INT64_MAX, "data"));
    assert_bad(tl_last_status(),
               "byte 3: found the end of the file, expected 9223372036854775804 more bytes of data");
    ck_assert_int_eq(tl_test_allocations() - asked, 1);
    ck_assert_int_eq(tl_test_live_blocks(), live);
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
}
END_TEST

/* A plain file has one block, the size of the file; unzipped, one grows twice. */
START_TEST(short_of_memory)
{
    unsigned char *bytes = many();
    put_packed(_i, bytes, MANY);
    free(bytes);
    for (int k = 1; k <= (_i == PLAIN ? 1 : 3); k++) {
        const int64_t live = tl_test_live_blocks();
        tl_source s = opened();
        tl_test_fail_allocation(k);
        ck_assert_null(tl_source_read_block(&s, MANY, "data"), "out of memory");
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_last_status(), TL_ERR_MEMORY);
        ck_assert_int_eq(tl_test_live_blocks(), live);
        ck_assert_int_eq(tl_source_close(&s, TL_ERR_MEMORY), TL_ERR_MEMORY);
    }
}
END_TEST

/* Entries of an archive: what there is of "abcde", and then this end. */
struct entry {
    int at;
    const char *end;
};

static int get(void *context, void *to, int n, const char **found)
{
    struct entry *e = context;
    int got = 0;
    while (got < n && e->at < 5)
        ((char *)to)[got++] = "abcde"[e->at++];
    *found = e->end;
    if (!e->end)
        errno = EIO;
    return got;
}

START_TEST(entries)
{
    char got[8] = { 0 }, expected[600];
    struct entry e = { .end = "damaged data" };
    tl_source s = { .who = "reader", .path = path, .entry = "x.npy", .get = get, .context = &e };
    ck_assert_ok(tl_source_read(&s, got, 2, "head"));
    ck_assert_int_eq(s.at, 2);
    char *block = tl_source_read_block(&s, 2, "body");
    ck_assert_ptr_nonnull(block);
    ck_assert_mem_eq(block, "cd", 2);
    tl_free(block);
    snprintf(expected, sizeof expected,
             "reader: %s: entry 'x.npy': byte 5: found damaged data, expected 2 more bytes of tail", path);
    ck_assert_status(tl_source_read(&s, got, 3, "tail"), TL_ERR_FORMAT, expected);
    e.end = NULL;
    snprintf(expected, sizeof expected, "reader: %s: %s", path, strerror(EIO));
    ck_assert_status(tl_source_read(&s, got, 3, "tail"), TL_ERR_IO, expected);
}
END_TEST

#ifdef TL_HAVE_ZLIB
/* The error of closing does not replace an earlier one, and is not lost without one. */
START_TEST(gzip_errors)
{
    unsigned char packed[100];
    char got[5];
    const size_t size = pack(BYTES(1, 2, 3, 4, 5), packed, sizeof packed);
    put(path, packed, size - 1);
    tl_source s = opened();
    ck_assert_ok(tl_source_read(&s, got, 5, "all"));
    assert_bad(tl_source_end(&s), "byte 5: found truncated gzip data, expected a valid checksum");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
    s = opened();
    ck_assert_int_eq(tl_source_read(&s, (char[8]){ 0 }, 8, "all"), TL_ERR_FORMAT);
    assert_bad(tl_source_close(&s, TL_OK), "byte 5: found truncated gzip data, expected a valid checksum");
    packed[size - 5] ^= 1; /* the checksum */
    put(path, packed, size);
    s = opened();
    ck_assert_ok(tl_source_read(&s, got, 5, "all"));
    assert_bad(tl_source_end(&s), "byte 5: found damaged gzip data, expected a valid checksum");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
    packed[size - 5] ^= 1;
    packed[size - 1] ^= 1; /* the length, the last word of the file */
    put(path, packed, size);
    s = opened();
    ck_assert_ok(tl_source_read(&s, got, 5, "all"));
    assert_bad(tl_source_end(&s), "byte 5: found damaged gzip data, expected a valid checksum");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
}
END_TEST

/* Gzip data is one member or several, and nothing else may follow: neither text nor zeros. */
START_TEST(gzip_members)
{
    static const char *const after[] = { "", "x", "and this is not part of it", "\0", "\0\0\0\0" };
    static const size_t bytes[] = { 0, 1, 26, 1, 4 };
    unsigned char packed[200];
    char got[5];
    for (size_t k = 0; k < sizeof after / sizeof *after; k++) {
        size_t size = pack(BYTES(1, 2, 3), packed, sizeof packed);
        size += pack(BYTES(4, 5), packed + size, sizeof packed - size);
        memcpy(packed + size, after[k], bytes[k]);
        put(path, packed, size + bytes[k]);
        tl_source s = opened();
        ck_assert_ok(tl_source_read(&s, got, 5, "all"));
        ck_assert_mem_eq(got, "\1\2\3\4\5", 5);
        if (k == 0)
            ck_assert_ok(tl_source_end(&s));
        else
            assert_bad(tl_source_end(&s),
                       "byte 5: found other data after the gzip data, expected the end of the file");
        ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
    }
    size_t size = pack(BYTES(1, 2, 3), packed, sizeof packed);
    packed[size] = 'x';
    put(path, packed, size + 1);
    tl_source s = opened();
    assert_bad(tl_source_read(&s, got, 5, "all"),
               "byte 3: found other data after the gzip data, expected 2 more bytes of all");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
}
END_TEST
#else
START_TEST(gzip_without_zlib)
{
    char got[4];
    put(path, BYTES(0x1f, 0x8b, 8, 0, 0, 0, 0, 0));
    tl_source s = opened();
    assert_bad(tl_source_read(&s, got, 4, "magic"),
               "byte 0: found gzip data, expected a plain file: tulle was built without zlib");
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_FORMAT), TL_ERR_FORMAT);
}
END_TEST
#endif

START_TEST(not_opened)
{
    char expected[1024];
    tl_source s;
    unlink(path);
    snprintf(expected, sizeof expected, "reader: %s: %s", path, strerror(ENOENT));
    ck_assert_status(tl_source_open(&s, "reader", path), TL_ERR_IO, expected);
    ck_assert_ptr_null(s.file);
}
END_TEST

/* A directory opens, and its first read fails. */
START_TEST(unreadable)
{
    char expected[1024];
    tl_source s;
    ck_assert_ok(tl_source_open(&s, "reader", "/"));
    snprintf(expected, sizeof expected, "reader: /: %s", strerror(EISDIR));
    ck_assert_status(tl_source_read(&s, (char[4]){ 0 }, 4, "magic"), TL_ERR_IO, expected);
    ck_assert_int_eq(tl_source_close(&s, TL_ERR_IO), TL_ERR_IO);
}
END_TEST

static void on_signal(int number)
{
    (void)number;
}

/* A signal whose handler was set without SA_RESTART neither ends the wait for a FIFO's writer nor a read. The
 * writer sends one before it opens the FIFO, and one between any two bytes. */
START_TEST(interrupted)
{
    const struct sigaction act = { .sa_handler = on_signal };
    char got[3];
    tl_source s;
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    sigaction(SIGUSR1, &act, NULL);
    const pid_t reader = getpid(), writer = fork();
    if (writer == 0) {
        const struct timespec rest = { 0, 50000000 };
        int written = 0;
        nanosleep(&rest, NULL);
        kill(reader, SIGUSR1);
        nanosleep(&rest, NULL);
        const int fd = open(path, O_WRONLY);
        for (int k = 0; k < 3; k++) {
            nanosleep(&rest, NULL);
            kill(reader, SIGUSR1);
            nanosleep(&rest, NULL);
            written += (int)write(fd, &"abc"[k], 1);
        }
        _exit(written != 3);
    }
    ck_assert_ok(tl_source_open(&s, "reader", path));
    ck_assert_ok(tl_source_read(&s, got, 3, "all"));
    ck_assert_ok(tl_source_end(&s));
    ck_assert_ok(tl_source_close(&s, TL_OK));
    ck_assert_mem_eq(got, "abc", 3);
    int status;
    waitpid(writer, &status, 0);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* The message survives a path that does not fit in the error text. */
START_TEST(unexpected)
{
    char longer[2000], expected[600];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const tl_source s = { .who = "reader", .path = longer, .at = 7 };
    snprintf(expected, sizeof expected, "reader: %.300s: byte 12: found 5, expected six", longer);
    ck_assert_status(tl_source_unexpected(&s, 12, "found %d, expected %s", 5, "six"), TL_ERR_FORMAT,
                     expected);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("source");
    TCase *c = tl_test_case(s, "source");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, exact_reads, 0, PACKINGS);
    tcase_add_loop_test(c, too_short, 0, PACKINGS);
    tcase_add_loop_test(c, too_long, 0, PACKINGS);
    tcase_add_loop_test(c, blocks, 0, PACKINGS);
    tcase_add_loop_test(c, untrusted_size, 0, PACKINGS);
    tcase_add_loop_test(c, short_of_memory, 0, PACKINGS);
    tcase_add_test(c, entries);
#ifdef TL_HAVE_ZLIB
    tcase_add_test(c, gzip_errors);
    tcase_add_test(c, gzip_members);
#else
    tcase_add_test(c, gzip_without_zlib);
#endif
    tcase_add_test(c, not_opened);
    tcase_add_test(c, unreadable);
    tcase_add_test(c, interrupted);
    tcase_add_test(c, unexpected);
    return s;
}
