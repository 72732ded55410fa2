/* Which table of kernels a process gets, from the chip and TULLE_KERNELS. */
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/kernels/kernels.h"

/* 0: baseline, 1: avx2, 2: avx512 */
static int best_level(void)
{
#ifdef TL_X86_KERNELS
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return avx2 + avx512;
#else
    return 0;
#endif
}

/* What a process that starts with this TULLE_KERNELS chooses. */
static void level_with(const char *variable, char *name, size_t size)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (variable)
            setenv("TULLE_KERNELS", variable, 1);
        else
            unsetenv("TULLE_KERNELS");
        const char *got = tl_kernel_level();
        setenv("TULLE_KERNELS", "baseline", 1); /* comes too late */
        bool same = strcmp(tl_kernel_level(), got) == 0 && strcmp(tl_kernel_table()->name, got) == 0;
        _exit(!same || write(ends[1], got, strlen(got)) <= 0);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], name, size - 1);
    close(ends[0]);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_gt(length, 0);
    name[length] = '\0';
}

/* Comes without others: where tests do not fork, none may have chosen before. */
START_TEST(choice)
{
    static const char *const name[] = { "baseline", "avx2", "avx512" };
    static const char *const ignored[] = { NULL, "", "avx", "AVX2", "avx512 ", "avx2x", "sse2", "0" };
    char got[50];
    const int best = best_level();
    for (int level = 0; level < 3; level++) { /* one that the chip cannot run gives the best that it can */
        level_with(name[level], got, sizeof got);
        ck_assert_str_eq(got, name[level < best ? level : best]);
    }
    for (size_t k = 0; k < sizeof ignored / sizeof *ignored; k++) {
        level_with(ignored[k], got, sizeof got);
        ck_assert_str_eq(got, name[best]);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("level");
    tcase_add_test(tl_test_case(s, "level"), choice);
    return s;
}
