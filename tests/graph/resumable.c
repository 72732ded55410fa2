/* A training run that saves a checkpoint after every few steps, and goes on from it when it is started again:
 *
 *     resumable FILE STEPS EVERY
 *
 * It prints a hash of everything that it has in the end. tests/kill_and_resume.py kills it on the way. */
#include "tests/graph/training.h"

#include <stdio.h>
#include <unistd.h>

static const char *file;
static int64_t steps, every;

START_TEST(resumed)
{
    enum { ADAMW = 7 };
    training t;
    training_begin(&t, ADAMW, TL_ROWS_EXACT, 1);
    if (access(file, F_OK) == 0)
        ck_assert_ok(tl_checkpoint_load(t.list, file));
    while (t.step < steps) {
        training_step(&t);
        if (t.step % every == 0)
            ck_assert_ok(tl_checkpoint_save(t.list, file));
    }
    printf("%016llx\n", (unsigned long long)training_hash(&t));
    training_end(&t);
}
END_TEST

/* The run is a test, as what it calls checks its results; in this process, which is the one to kill. */
int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s FILE STEPS EVERY\n", argv[0]);
        return 2;
    }
    file = argv[1];
    steps = atoll(argv[2]);
    every = atoll(argv[3]);
    Suite *s = suite_create("resumable");
    TCase *c = tcase_create("resumable");
    tcase_add_test(c, resumed);
    suite_add_tcase(s, c);
    SRunner *runner = srunner_create(s);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    const int failed = srunner_ntests_failed(runner);
    if (failed)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    return failed;
}
