/* The choice of a table of kernels, by the CPU and TULLE_KERNELS. */
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/kernels/kernels.h"

/* 0: baseline, 1: avx2, 2: avx512 */
static int best_isa(void)
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

/* Sets name to the instruction set that a process with this TULLE_KERNELS chooses. */
static void isa_with(const char *variable, char *name, size_t size)
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
        setenv("TULLE_KERNELS", "baseline", 1); /* too late */
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

/* The only test of its file: where tests do not fork, no other may have chosen before. */
START_TEST(choice)
{
    static const char *const name[] = { "baseline", "avx2", "avx512" };
    static const char *const ignored[] = { NULL, "", "avx", "AVX2", "avx512 ", "avx2x", "sse2", "0" };
    char got[50];
    const int best = best_isa();
    for (int isa = 0; isa < 3; isa++) { /* the best supported one in place of one that is not supported */
        isa_with(name[isa], got, sizeof got);
        ck_assert_str_eq(got, name[isa < best ? isa : best]);
    }
    for (size_t k = 0; k < sizeof ignored / sizeof *ignored; k++) {
        isa_with(ignored[k], got, sizeof got);
        ck_assert_str_eq(got, name[best]);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("isa");
    tcase_add_test(tl_test_case(s, "isa"), choice);
    return s;
}
