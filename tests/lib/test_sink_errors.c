/* Sinks that fail: the old file is kept whatever fails, and no temporary is left. */
#define _DEFAULT_SOURCE /* syscall */
#include "tests/lib/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- System calls that fail on demand ---- */

enum { NEVER = 1 << 30 };
static int syncs_to_failure = NEVER, fail_with;
static int rename_error;

int fsync(int fd)
{
    if (syncs_to_failure-- == 0) {
        errno = fail_with;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    errno = rename_error;
    return rename_error ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* Checks that a call failed with TL_ERR_IO and this text about the file at `path`. */
static void assert_failed(tl_status status, const char *text)
{
    char expected[1024];
    snprintf(expected, sizeof expected, "writer: %s: %s", path, text);
    ck_assert_status(status, TL_ERR_IO, expected);
}

/* ---- What fails ---- */

/* The disk is full after so many bytes: the limit on a file's size makes the same error of the same calls. */
START_TEST(full_disk)
{
    struct rlimit before;
    char not_saved[200];
    fill();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    for (int old = 0; old < 2; old++) {
        if (old)
            put(path, BYTES(1, 2, 3));
        snprintf(not_saved, sizeof not_saved, "not saved%s: %s", old ? ", the old file stands" : "",
                 strerror(EFBIG));
        for (rlim_t limit = 0; limit < LARGE; limit += 99991) {
            tl_sink s = opened();
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){ limit, before.rlim_max });
            tl_status status = write_large(&s, 70000);
            assert_failed(status, not_saved);
            tl_fail(TL_ERR_ARGUMENT, "something else");
            assert_failed(tl_sink_write(&s, "a", 1), not_saved); /* it stays */
            assert_failed(tl_sink_printf(&s, "a"), not_saved);
            assert_failed(tl_sink_patch(&s, 0, "a", 1), not_saved);
            tl_fail(TL_ERR_ARGUMENT, "something else");
            assert_failed(tl_sink_close(&s, TL_OK), not_saved);
            setrlimit(RLIMIT_FSIZE, &before);
            ck_assert_int_eq(files_in_folder(), old);
            if (old)
                assert_holds(path, "\1\2\3", 3);
        }
    }
}
END_TEST

/* A failing sync or rename; and the sync of the folder, when the file has its name. */
START_TEST(failing_system)
{
    char text[200];
    put(path, BYTES(1, 2, 3));
    for (int k = 0; k < 3; k++) {
        tl_sink s = opened();
        ck_assert_ok(tl_sink_write(&s, "ab", 2));
        fail_with = EIO;
        syncs_to_failure = k == 1 ? NEVER : k / 2;
        rename_error = k == 1 ? EIO : 0;
        snprintf(text, sizeof text, "%s: %s",
                 k < 2 ? "not saved, the old file stands" : "saved, but it may not survive a power cut",
                 strerror(EIO));
        assert_failed(tl_sink_close(&s, TL_OK), text);
        rename_error = 0;
        syncs_to_failure = NEVER;
        ck_assert_int_eq(files_in_folder(), 1);
        assert_holds(path, k < 2 ? "\1\2\3" : "ab", k < 2 ? 3 : 2);
    }
    tl_sink s = opened(); /* a file system whose folders need no sync */
    fail_with = EINVAL;
    syncs_to_failure = 1;
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    syncs_to_failure = NEVER;
}
END_TEST

/* An error of the caller: its text stays. */
START_TEST(given_up)
{
    put(path, BYTES(1, 2, 3));
    tl_sink s = opened();
    ck_assert_ok(tl_sink_write(&s, "ab", 2));
    ck_assert_status(tl_sink_close(&s, tl_fail(TL_ERR_NUMERIC, "no")), TL_ERR_NUMERIC, "no");
    assert_holds(path, "\1\2\3", 3);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(impossible_paths)
{
    static const struct {
        const char *path;
        int why;
    } bad[] = { { "/", EISDIR },
                { "", ENOENT },
                { "/tmp/nowhere/", EISDIR },
                { "/nowhere/file", ENOENT },
                { "/dev/null/file", ENOTDIR },
                { "/proc/file", ENOENT } };
    char expected[200];
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        tl_sink s;
        snprintf(expected, sizeof expected, "writer: %s: not saved: %s", bad[k].path, strerror(bad[k].why));
        ck_assert_status(tl_sink_open(&s, "writer", bad[k].path), TL_ERR_IO, expected);
        ck_assert_ptr_null(s.file);
    }
    if (geteuid() != 0) { /* whom permissions do not stop */
        tl_sink s;
        put(path, BYTES(1, 2, 3));
        ck_assert_int_eq(chmod(path, 0400), 0);
        snprintf(expected, sizeof expected, "not saved, the old file stands: %s", strerror(EACCES));
        assert_failed(tl_sink_open(&s, "writer", path), expected);
        ck_assert_int_eq(chmod(path, 0600) | chmod(folder, 0500), 0);
        assert_failed(tl_sink_open(&s, "writer", path), expected);
        chmod(folder, 0700);
    }
}
END_TEST

START_TEST(failing_allocations)
{
    put(path, BYTES(1, 2, 3));
    for (int64_t k = 1; k <= 2; k++) {
        tl_sink s;
        tl_test_fail_allocation(k);
        ck_assert_status(tl_sink_open(&s, "writer", path), TL_ERR_MEMORY, "out of memory");
        ck_assert_ptr_null(s.file);
    }
    tl_sink s = opened();
    tl_test_fail_allocation(1);
    ck_assert_status(tl_sink_printf(&s, "%2000d", 1), TL_ERR_MEMORY, "out of memory");
    ck_assert_status(tl_sink_close(&s, TL_OK), TL_ERR_MEMORY, "out of memory");
    assert_holds(path, "\1\2\3", 3);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sink_errors");
    TCase *c = tl_test_case(s, "sink_errors");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, full_disk);
    tcase_add_test(c, failing_system);
    tcase_add_test(c, given_up);
    tcase_add_test(c, impossible_paths);
    tcase_add_test(c, failing_allocations);
    return s;
}
