/* Runs the suite of one test file; the exit status tells. */
#include "tests/testing.h"

#include <stdio.h>

int main(void)
{
    if (tl_check_set_allocator() != TL_OK) {
        fprintf(stderr, "%s\n", tl_error());
        return EXIT_FAILURE;
    }
    SRunner *runner = srunner_create(tl_test_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
