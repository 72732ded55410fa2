/* What tests of sinks share: a folder with one file, and what is written to it. */
#ifndef TL_SINKS_H
#define TL_SINKS_H

#include "tests/lib/files.h"

#include "lib/io/sink.h"

#include <dirent.h>

static char folder[400];

static inline void setup(void)
{
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/file", folder);
}

static inline void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

static inline int files_in_folder(void)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static inline void assert_holds(const char *at, const void *bytes, size_t n)
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

static inline tl_sink opened(void)
{
    tl_sink s;
    ck_assert_ok(tl_sink_open(&s, "writer", path));
    return s;
}

/* Bytes that differ, of which one write takes several. */
enum { LARGE = 1000003 };
static unsigned char large[LARGE];

static inline void fill(void)
{
    for (int k = 0; k < LARGE; k++)
        large[k] = (unsigned char)(k * 7 + k / 251);
}

/* Writes `large` in parts of this size and patches it to be in order. */
static inline tl_status write_large(tl_sink *s, int part)
{
    static const unsigned char wrong[8] = { 1 };
    tl_status status = tl_sink_write(s, wrong, sizeof wrong);
    for (int k = 8; status == TL_OK && k < LARGE; k += part)
        status = tl_sink_write(s, large + k, k + part < LARGE ? part : LARGE - k);
    return status == TL_OK ? tl_sink_patch(s, 0, large, 8) : status;
}

#endif
