/* Sinks: the file is whole or the old one stands, whatever fails, and no temporary is left. The system calls
 * that a sink makes are replaced by ones that fail on demand. */
#define _DEFAULT_SOURCE /* syscall */
#include "tests/lib/files.h"

#include "lib/io/sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- System calls that fail on demand ---- */

enum { NEVER = 1 << 30 };
static size_t most = SIZE_MAX; /* bytes in one write */
static int interrupts;         /* the next calls that fail with EINTR */
static int syncs_to_failure = NEVER, fail_with;
static int rename_error;

static bool interrupted(void)
{
    if (interrupts == 0)
        return false;
    interrupts--;
    errno = EINTR;
    return true;
}

ssize_t write(int fd, const void *from, size_t n)
{
    return interrupted() ? -1 : (ssize_t)syscall(SYS_write, fd, from, n < most ? n : most);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    return interrupted() ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, from, n < most ? n : most, at);
}

int fsync(int fd)
{
    if (interrupted())
        return -1;
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

/* ---- A folder with one file ---- */

static char folder[400];

static void setup(void)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tulle-test-XXXXXX", temporary ? temporary : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

static int files_in_folder(void)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void assert_holds(const char *at, const void *bytes, size_t n)
{
    FILE *f = fopen(at, "rb");
    ck_assert_ptr_nonnull(f);
    char *got = malloc(n + 1);
    const size_t read = fread(got, 1, n + 1, f);
    fclose(f);
    ck_assert_uint_eq(read, n);
    ck_assert_int_eq(memcmp(got, bytes, n), 0);
    free(got);
}

static tl_sink opened(void)
{
    tl_sink s;
    ck_assert_ok(tl_sink_open(&s, "writer", path));
    return s;
}

/* Checks that a call failed with TL_ERR_IO and this text about the file at `path`. */
static void assert_failed(tl_status status, const char *text)
{
    char expected[1024];
    snprintf(expected, sizeof expected, "writer: %s: %s", path, text);
    ck_assert_status(status, TL_ERR_IO, expected);
}

/* Bytes that differ, of which one write takes several. */
enum { LARGE = 1000003 };
static unsigned char large[LARGE];

static void fill(void)
{
    for (int k = 0; k < LARGE; k++)
        large[k] = (unsigned char)(k * 7 + k / 251);
}

/* Writes `large` in parts of this size and patches it to be in order. */
static tl_status write_large(tl_sink *s, int part)
{
    static const unsigned char wrong[8] = { 1 };
    tl_status status = tl_sink_write(s, wrong, sizeof wrong);
    for (int k = 8; status == TL_OK && k < LARGE; k += part)
        status = tl_sink_write(s, large + k, k + part < LARGE ? part : LARGE - k);
    return status == TL_OK ? tl_sink_patch(s, 0, large, 8) : status;
}

/* ---- What is written ---- */

static const int parts[] = { 1000, 65535, 65536, 65537, 400000, LARGE };

START_TEST(whole_files)
{
    fill();
    put(path, BYTES(1, 2, 3));
    tl_sink s = opened();
    ck_assert_ok(write_large(&s, parts[_i]));
    ck_assert_int_eq(s.at, LARGE);
    assert_holds(path, "\1\2\3", 3);
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    ck_assert_ptr_null(s.file);
    assert_holds(path, large, LARGE);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

/* Writes that take few bytes at a time, and signals. */
START_TEST(short_and_interrupted_writes)
{
    fill();
    tl_sink s = opened();
    most = 1013;
    interrupts = 5;
    ck_assert_ok(write_large(&s, parts[_i]));
    interrupts = 3;
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    most = SIZE_MAX;
    ck_assert_int_eq(interrupts, 0);
    assert_holds(path, large, LARGE);
}
END_TEST

START_TEST(printed)
{
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[2999] = '\0';
    tl_sink s = opened();
    ck_assert_ok(tl_sink_printf(&s, "%d,%s;", -7, "a"));
    ck_assert_ok(tl_sink_write(&s, "", 0));
    ck_assert_ok(tl_sink_printf(&s, "%s", ""));
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    assert_holds(path, "-7,a;", 5);
    s = opened();
    ck_assert_ok(tl_sink_printf(&s, "%s", longer));
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    assert_holds(path, longer, 2999);
}
END_TEST

/* In the working directory, and with a name as long as the system allows. */
START_TEST(names)
{
    char before[1000], name[256];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder), 0);
    memset(name, 'n', 255);
    name[255] = '\0';
    tl_sink s;
    for (int k = 0; k < 2; k++) {
        ck_assert_ok(tl_sink_open(&s, "writer", name));
        ck_assert_ok(tl_sink_write(&s, "ab", 2));
        ck_assert_ok(tl_sink_close(&s, TL_OK));
        assert_holds(name, "ab", 2);
        ck_assert_int_eq(files_in_folder(), 1);
    }
    unlink(name);
    ck_assert_int_eq(chdir(before), 0);
}
END_TEST

/* The umask for new files; the permissions of the file that is replaced. */
START_TEST(permissions)
{
    struct stat is;
    const mode_t mask = umask(027);
    for (int k = 0; k < 2; k++) {
        tl_sink s = opened();
        ck_assert_ok(tl_sink_close(&s, TL_OK));
        ck_assert_int_eq(stat(path, &is), 0);
        ck_assert_int_eq(is.st_mode & 0777, k == 0 ? 0640 : 0604);
        ck_assert_int_eq(chmod(path, 0604), 0);
    }
    umask(mask);
}
END_TEST

START_TEST(links)
{
    char link[512];
    struct stat is;
    snprintf(link, sizeof link, "%s/link", folder);
    put(path, BYTES(1));
    ck_assert_int_eq(symlink("file", link), 0);
    tl_sink s;
    ck_assert_ok(tl_sink_open(&s, "writer", link));
    ck_assert_ok(tl_sink_write(&s, "ab", 2));
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    ck_assert_int_eq(lstat(link, &is), 0);
    ck_assert(S_ISLNK(is.st_mode));
    unlink(link);
    assert_holds(path, "ab", 2);
}
END_TEST

/* Links to a link to a file that is not there yet; and one to itself. */
START_TEST(links_to_nothing)
{
    char first[512], second[512];
    struct stat is;
    snprintf(first, sizeof first, "%s/first", folder);
    snprintf(second, sizeof second, "%s/second", folder);
    ck_assert_int_eq(symlink("second", first), 0);
    ck_assert_int_eq(symlink(path, second), 0);
    tl_sink s;
    ck_assert_ok(tl_sink_open(&s, "writer", first));
    ck_assert_ok(tl_sink_write(&s, "ab", 2));
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    assert_holds(path, "ab", 2);
    ck_assert(lstat(first, &is) == 0 && S_ISLNK(is.st_mode));
    ck_assert(lstat(second, &is) == 0 && S_ISLNK(is.st_mode));
    unlink(second);
    ck_assert_int_eq(symlink("first", second), 0);
    ck_assert_int_eq(tl_sink_open(&s, "writer", first), TL_ERR_IO);
    ck_assert_ptr_nonnull(strstr(tl_error(), strerror(ELOOP)));
    unlink(first);
    unlink(second);
}
END_TEST

/* What is no file is not replaced by one. */
START_TEST(devices)
{
    struct stat is;
    tl_sink s;
    ck_assert_ok(tl_sink_open(&s, "writer", "/dev/null"));
    ck_assert_ok(tl_sink_write(&s, "ab", 2));
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    ck_assert_int_eq(stat("/dev/null", &is), 0);
    ck_assert(S_ISCHR(is.st_mode));
    ck_assert_ok(tl_sink_open(&s, "writer", "/dev/full"));
    ck_assert_ok(tl_sink_write(&s, "ab", 2));
    char expected[200];
    snprintf(expected, sizeof expected, "writer: /dev/full: not saved: %s", strerror(ENOSPC));
    ck_assert_status(tl_sink_close(&s, TL_OK), TL_ERR_IO, expected);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    const int reader = open(path, O_RDONLY | O_NONBLOCK);
    s = opened();
    ck_assert_ok(tl_sink_write(&s, "ab", 2));
    ck_assert_int_eq(tl_sink_patch(&s, 0, "c", 1), TL_ERR_IO);
    ck_assert_int_eq(tl_sink_close(&s, TL_OK), TL_ERR_IO);
    close(reader);
}
END_TEST

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

/* ---- Several writers ---- */

/* A killed process leaves its temporary, which the next writer removes. */
START_TEST(left_by_a_killed_process)
{
    put(path, BYTES(1, 2, 3));
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        tl_sink s;
        if (tl_sink_open(&s, "writer", path) == TL_OK && write(ready[1], "r", 1) == 1)
            pause();
        _exit(1);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(files_in_folder(), 2);
    tl_sink s = opened(); /* beside the living one */
    ck_assert_int_eq(files_in_folder(), 3);
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    ck_assert_int_eq(files_in_folder(), 2);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert_int_eq(files_in_folder(), 2);
    s = opened();
    ck_assert_ok(tl_sink_write(&s, "ab", 2));
    ck_assert_ok(tl_sink_close(&s, TL_OK));
    assert_holds(path, "ab", 2);
    ck_assert_int_eq(files_in_folder(), 1);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

/* The last to close has the file. */
START_TEST(two_at_a_time)
{
    tl_sink first = opened(), second = opened();
    ck_assert_ok(tl_sink_write(&first, "first", 5));
    ck_assert_ok(tl_sink_write(&second, "second", 6));
    ck_assert_ok(tl_sink_close(&second, TL_OK));
    assert_holds(path, "second", 6);
    ck_assert_ok(tl_sink_close(&first, TL_OK));
    assert_holds(path, "first", 5);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sink");
    TCase *c = tl_test_case(s, "sink");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, whole_files, 0, sizeof parts / sizeof *parts);
    tcase_add_loop_test(c, short_and_interrupted_writes, 0, sizeof parts / sizeof *parts);
    tcase_add_test(c, printed);
    tcase_add_test(c, names);
    tcase_add_test(c, permissions);
    tcase_add_test(c, links);
    tcase_add_test(c, links_to_nothing);
    tcase_add_test(c, devices);
    tcase_add_test(c, full_disk);
    tcase_add_test(c, failing_system);
    tcase_add_test(c, given_up);
    tcase_add_test(c, impossible_paths);
    tcase_add_test(c, failing_allocations);
    tcase_add_test(c, left_by_a_killed_process);
    tcase_add_test(c, two_at_a_time);
    return s;
}
