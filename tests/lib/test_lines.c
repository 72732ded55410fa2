/* Lines of any length, with any line end, plain and gzipped, and what an error text says of them. */
#include "tests/lib/files.h"

#include "lib/io/lines.h"

#include <errno.h>

static void setup(void)
{
    make_path(path, sizeof path);
}

static void teardown(void)
{
    unlink(path);
}

static tl_lines opened(int packing, const char *text)
{
    tl_lines l;
    put_packed(packing, (const unsigned char *)text, strlen(text));
    ck_assert_ok(tl_lines_open(&l, "reader", path));
    return l;
}

static void assert_line(tl_lines *l, const char *expected)
{
    ck_assert_msg(tl_lines_next(l), "no more lines, expected \"%s\"", expected);
    ck_assert_int_eq(l->end - l->begin, (int)strlen(expected));
    ck_assert_mem_eq(l->begin, expected, strlen(expected));
    ck_assert(*l->end == '\n' || *l->end == '\r');
}

static void assert_end(tl_lines *l, int64_t number)
{
    ck_assert(!tl_lines_next(l));
    ck_assert_int_eq(l->status, TL_OK);
    ck_assert_int_eq(l->number, number);
    ck_assert_ok(tl_lines_close(l, TL_OK));
    ck_assert_ptr_null(l->buffer);
}

START_TEST(line_ends)
{
    tl_lines l = opened(_i, "a\nbc\r\n\n\r\n d \re\r\nlast");
    assert_line(&l, "a");
    assert_line(&l, "bc");
    assert_line(&l, "");
    ck_assert_int_eq(l.number, 3);
    assert_line(&l, "");
    assert_line(&l, " d \re");
    assert_line(&l, "last");
    ck_assert_int_eq(l.number, 6);
    assert_end(&l, 7);
    l = opened(_i, "a\n");
    assert_line(&l, "a");
    assert_end(&l, 2);
    l = opened(_i, "a\r");
    assert_line(&l, "a");
    assert_end(&l, 2);
    l = opened(_i, "");
    assert_end(&l, 1);
    l = opened(_i, "\n");
    assert_line(&l, "");
    assert_end(&l, 2);
}
END_TEST

START_TEST(byte_order_mark)
{
    tl_lines l = opened(_i, "\xef\xbb\xbf"
                            "a\n\xef\xbb\xbf"
                            "b");
    assert_line(&l, "a");
    assert_line(&l, "\xef\xbb\xbf"
                    "b");
    assert_end(&l, 3);
    l = opened(_i, "\xef\xbb");
    assert_line(&l, "\xef\xbb");
    assert_end(&l, 2);
    l = opened(_i, "\xef\xbb\xbf");
    assert_end(&l, 1);
}
END_TEST

START_TEST(joined)
{
    tl_lines l = opened(_i, "a\r\nb\nc\nd");
    assert_line(&l, "a");
    ck_assert(tl_lines_join(&l));
    ck_assert(tl_lines_join(&l));
    ck_assert_int_eq(l.end - l.begin, 6);
    ck_assert_mem_eq(l.begin, "a\r\nb\nc", 6);
    ck_assert_int_eq(l.number, 3);
    assert_line(&l, "d");
    ck_assert(!tl_lines_join(&l));
    ck_assert_int_eq(l.status, TL_OK);
    ck_assert_int_eq(l.end - l.begin, 1);
    assert_end(&l, 5);
}
END_TEST

/* Lines of n bytes, whose numbers are their first ones, around the sizes where the buffer ends. */
START_TEST(long_lines)
{
    static const int sizes[] = { 65533, 65534, 65535, 65536, 65537, 100000, 400000, 20, 131071, 131072 };
    enum { LINES = sizeof sizes / sizeof *sizes };
    size_t size = 0, at = 0;
    for (int k = 0; k < LINES; k++)
        size += (size_t)sizes[k] + 1;
    char *text = malloc(size), head[8];
    ck_assert_ptr_nonnull(text);
    for (int k = 0; k < LINES; at += (size_t)sizes[k++] + 1) {
        memset(text + at, 'a' + k, (size_t)sizes[k]);
        text[at] = (char)('0' + k);
        text[at + (size_t)sizes[k]] = '\n';
    }
    put_packed(_i, (const unsigned char *)text, size);
    free(text);
    tl_lines l;
    ck_assert_ok(tl_lines_open(&l, "reader", path));
    for (int k = 0; k < LINES; k++) {
        ck_assert(tl_lines_next(&l));
        ck_assert_int_eq(l.end - l.begin, sizes[k]);
        snprintf(head, sizeof head, "%c%c%c", '0' + k, 'a' + k, 'a' + k);
        ck_assert_mem_eq(l.begin, head, 3);
        ck_assert_int_eq(l.end[-1], 'a' + k);
    }
    assert_end(&l, LINES + 1);
    ck_assert_ok(tl_lines_open(&l, "reader", path));
    ck_assert(tl_lines_next(&l));
    for (int k = 1; k < LINES; k++)
        ck_assert(tl_lines_join(&l));
    ck_assert_int_eq(l.end - l.begin, (int64_t)size - 1);
    ck_assert_int_eq(l.begin[0], '0');
    assert_end(&l, LINES + 1);
}
END_TEST

static void assert_found(const char *line, const char *expected)
{
    tl_lines l = opened(PLAIN, line);
    ck_assert(tl_lines_next(&l));
    ck_assert_str_eq(tl_lines_found(&l, l.begin).text, expected);
    ck_assert_ok(tl_lines_close(&l, TL_OK));
}

START_TEST(found)
{
    assert_found("abc def", "\"abc\"");
    assert_found("a\tb", "\"a\"");
    assert_found(" a", "a blank");
    assert_found("\n", "the end of the line");
    assert_found("\r\n", "the end of the line");
    assert_found("abcdefghijklmnopqrst\n", "\"abcdefghijklmnopqrst\"");
    assert_found("abcdefghijklmnopqrst u", "\"abcdefghijklmnopqrst\"");
    assert_found("abcdefghijklmnopqrstu", "\"abcdefghijklmnopqrst...\"");
    assert_found("a\x01\xff\x7f", "\"a\\x01\\xff\\x7f\"");
    char bytes[40] = { 0 }, expected[100] = "\"";
    memset(bytes, 0x80, sizeof bytes - 1);
    for (int k = 0; k < 20; k++)
        strcat(expected, "\\x80");
    assert_found(bytes, strcat(expected, "...\""));
}
END_TEST

START_TEST(unexpected)
{
    char expected[1024];
    tl_lines l = opened(PLAIN, "a\nb\n");
    ck_assert(tl_lines_next(&l) && tl_lines_next(&l));
    snprintf(expected, sizeof expected, "reader: %s: line 2: found \"b\", expected 5", path);
    ck_assert_status(tl_lines_unexpected(&l, "found %s, expected %d", tl_lines_found(&l, l.begin).text, 5),
                     TL_ERR_FORMAT, expected);
    ck_assert_int_eq(tl_lines_close(&l, TL_ERR_FORMAT), TL_ERR_FORMAT);
}
END_TEST

START_TEST(not_opened)
{
    char expected[1024];
    tl_lines l;
    unlink(path);
    snprintf(expected, sizeof expected, "reader: %s: %s", path, strerror(ENOENT));
    ck_assert_status(tl_lines_open(&l, "reader", path), TL_ERR_IO, expected);
    ck_assert_ptr_null(l.buffer);
    snprintf(expected, sizeof expected, "reader: /: %s", strerror(EISDIR));
    ck_assert_status(tl_lines_open(&l, "reader", "/"), TL_ERR_IO, expected);
}
END_TEST

/* Each allocation fails once: at the start, and where a line makes the buffer grow. */
START_TEST(short_of_memory)
{
    enum { SIZE = 300000 };
    char *text = malloc(SIZE);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', SIZE);
    put(path, (const unsigned char *)text, SIZE);
    free(text);
    for (int k = 1;; k++) {
        tl_lines l;
        tl_test_fail_allocation(k);
        tl_status status = tl_lines_open(&l, "reader", path);
        if (status == TL_OK) {
            const bool got = tl_lines_next(&l);
            tl_test_fail_allocation(0);
            ck_assert_int_eq(got, l.status == TL_OK);
            status = tl_lines_close(&l, l.status);
        }
        tl_test_fail_allocation(0);
        if (status == TL_OK) {
            ck_assert_int_eq(k, 5); /* 64, 128, 256 and 512 KB */
            break;
        }
        ck_assert_status(status, TL_ERR_MEMORY, "out of memory");
    }
}
END_TEST

#ifdef TL_HAVE_ZLIB
/* Lines before the damage are read, and the end is told apart from that of the file. */
START_TEST(gzip_errors)
{
    char expected[1024];
    unsigned char packed[200];
    const size_t size = pack(BYTES('a', '\n', 'b', '\n'), packed, sizeof packed);
    const char *const texts[] = { "found truncated gzip data, expected the rest of the file",
                                  "found other data after the gzip data, expected the end of the file",
                                  "found damaged gzip data, expected the rest of the file" };
    for (int k = 0; k < 3; k++) {
        packed[size] = 'x';
        packed[size - 8] ^= k == 2; /* the checksum */
        put(path, packed, k == 0 ? size - 1 : k == 1 ? size + 1 : size);
        tl_lines l;
        snprintf(expected, sizeof expected, "reader: %s: byte 4: %s", path, texts[k]);
        ck_assert_status(tl_lines_open(&l, "reader", path), TL_ERR_FORMAT, expected);
        ck_assert_ptr_null(l.buffer);
    }
}
END_TEST

/* The damage is after the first buffer: lines come before the error. */
START_TEST(late_gzip_error)
{
    enum { SIZE = 200000 };
    char *text = malloc(SIZE);
    unsigned char *packed = malloc(SIZE);
    ck_assert(text && packed);
    for (int k = 0; k < SIZE; k++)
        text[k] = k % 100 == 99 ? '\n' : 'a';
    const size_t size = pack((const unsigned char *)text, SIZE, packed, SIZE);
    put(path, packed, size - 4);
    free(text);
    free(packed);
    tl_lines l;
    int n = 0;
    ck_assert_ok(tl_lines_open(&l, "reader", path));
    while (tl_lines_next(&l))
        n++;
    ck_assert_int_eq(l.status, TL_ERR_FORMAT);
    ck_assert_int_gt(n, 500);
    ck_assert_int_eq(tl_lines_close(&l, l.status), TL_ERR_FORMAT);
}
END_TEST
#endif

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("lines");
    TCase *c = tl_test_case(s, "lines");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, line_ends, 0, PACKINGS);
    tcase_add_loop_test(c, byte_order_mark, 0, PACKINGS);
    tcase_add_loop_test(c, joined, 0, PACKINGS);
    tcase_add_loop_test(c, long_lines, 0, PACKINGS);
    tcase_add_test(c, found);
    tcase_add_test(c, unexpected);
    tcase_add_test(c, not_opened);
    tcase_add_test(c, short_of_memory);
#ifdef TL_HAVE_ZLIB
    tcase_add_test(c, gzip_errors);
    tcase_add_test(c, late_gzip_error);
#endif
    return s;
}
