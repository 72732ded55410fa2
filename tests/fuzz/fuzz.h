/* Fuzzing a reader of files. A format is one file, fuzz_NAME.c, that defines the three below; meson.build
 * lists it. It is linked either with driver.c, which mutates seeds, or with clang's libFuzzer. */
#ifndef TL_FUZZ_H
#define TL_FUZZ_H

#include <stdio.h>

#include "lib/memory.h"
#include "tulle.h"

/* Reads the file, uses and frees what was read, and returns the reader's status. The file at `copy` is
 * there to write to. fuzz.c checks the rest: that nothing is left, neither memory nor open files; that no
 * more memory is asked for than a file of that size may take; that an error has a text; and the same again
 * with an allocation that fails. */
tl_status tl_fuzz_read(const char *path, const char *copy);

/* Writes seed k = 0, 1, ... to the file; false if there is none of that number. A seed must be read
 * without error. */
bool tl_fuzz_seed(int k, const char *path);

/* Words that mutations put in, up to NULL. */
extern const char *const tl_fuzz_words[];

/* ---- For the formats ---- */

/* Ends the program: a finding. */
_Noreturn void tl_fuzz_fail(const char *format, ...) TL_PRINTF(1, 2);

#define FUZZ_CHECK(condition)                                                                                \
    ((condition) ? (void)0 : tl_fuzz_fail("%s:%d: not so: %s", __FILE__, __LINE__, #condition))
#define FUZZ_OK(call)                                                                                        \
    ((call) == TL_OK ? (void)0 : tl_fuzz_fail("%s:%d: %s: %s", __FILE__, __LINE__, #call, tl_error()))

/* Write a seed's bytes, or the text of entry k of a list; true. */
bool tl_fuzz_put(const char *path, const void *bytes, size_t n);
bool tl_fuzz_put_text(const char *path, int k, const char *const *texts, int n);

/* ---- For the drivers ---- */

/* Runs one input; libFuzzer's name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
