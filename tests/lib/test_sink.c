/* Sinks: the file is whole whatever writes it, in parts, by a link or beside another writer, and no temporary
 * is left. */
#define _DEFAULT_SOURCE /* syscall */
#include "tests/lib/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- System calls that are short or interrupted on demand ---- */

static size_t most = SIZE_MAX; /* bytes in one write */
static int interrupts;         /* the next calls that fail with EINTR */

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
    return interrupted() ? -1 : (int)syscall(SYS_fsync, fd);
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
    tcase_add_test(c, left_by_a_killed_process);
    tcase_add_test(c, two_at_a_time);
    return s;
}
