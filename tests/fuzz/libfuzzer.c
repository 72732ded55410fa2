/* What driver.c does, for clang's libFuzzer, which has the main program. */
#include "tests/fuzz/fuzz.h"

#include <sys/stat.h>

/* Writes the seeds to the folder of inputs, the first argument that is not an option; no seeds if it is a
 * file. */
int LLVMFuzzerInitialize(int *n, char ***argument);

int LLVMFuzzerInitialize(int *n, char ***argument)
{
    int k = 1;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0); /* before the library is used */
    while (k < *n && (*argument)[k][0] == '-')
        k++;
    struct stat about;
    char path[1024];
    bool more = k < *n && stat((*argument)[k], &about) == 0 && S_ISDIR(about.st_mode);
    for (int seed = 0; more; seed++) {
        snprintf(path, sizeof path, "%s/seed-%02d", (*argument)[k], seed);
        more = tl_fuzz_seed(seed, path);
    }
    return 0;
}
