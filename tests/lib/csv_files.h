/* CSV files that a test writes and reads back. */
#ifndef TL_CSV_FILES_H
#define TL_CSV_FILES_H

#include "tests/lib/files.h"

#include <math.h>

static inline void setup(void)
{
    make_path(path, sizeof path);
}

static inline void teardown(void)
{
    unlink(path);
}

static inline tl_status load(const char *text, const tl_csv_options *o, tl_csv *out)
{
    put(path, (const unsigned char *)text, strlen(text));
    return tl_csv_read(path, o, out);
}

/* Returns the whole text of an error in the file at `path`. */
static inline const char *error_of(const char *who, const char *why)
{
    static char text[1024];
    snprintf(text, sizeof text, "%s: %s: %s", who, path, why);
    return text;
}

static inline const char *error(const char *why)
{
    return error_of("csv_read", why);
}

static inline void assert_zeroed(const tl_csv *a)
{
    ck_assert_int_eq(a->rows, 0);
    ck_assert_int_eq(a->n_columns, 0);
    ck_assert_ptr_null(a->column);
    ck_assert_ptr_null(a->owned);
}

static inline void assert_text(const char *expected)
{
    char text[1024];
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    ck_assert_str_eq(text, expected);
}

/* Checks the ids of a column. */
#define ck_assert_ids(column, n, ...)                                                                        \
    do {                                                                                                     \
        const int32_t expected_[] = { __VA_ARGS__ };                                                         \
        for (int k_ = 0; k_ < (n); k_++)                                                                     \
            ck_assert_int_eq((column)->id[k_], expected_[k_]);                                               \
    } while (0)

#endif
