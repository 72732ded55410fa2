/* Files of tensors that a test writes byte by byte. */
#ifndef TL_SAFETENSORS_FILES_H
#define TL_SAFETENSORS_FILES_H

#include "tests/lib/files.h"

#include "lib/io/safetensors_private.h"

static inline void setup(void)
{
    make_path(path, sizeof path);
}

static inline void teardown(void)
{
    unlink(path);
}

static inline void assert_zeroed(const tl_safetensors *s)
{
    static const tl_safetensors zeros;
    ck_assert_int_eq(memcmp(s, &zeros, sizeof *s), 0);
}

static inline const char *error(const char *text)
{
    static char whole[1000];
    snprintf(whole, sizeof whole, "safetensors_read: %s: %s", path, text);
    return whole;
}

/* Writes a file of this header and so many bytes 1, 2, 3, .. */
static inline void put_file(const char *header, int n)
{
    static unsigned char bytes[1 << 16];
    const size_t length = strlen(header);
    ck_assert_uint_lt(8 + length + (size_t)n, sizeof bytes);
    for (int k = 0; k < 8; k++)
        bytes[k] = (unsigned char)(length >> 8 * k & 0xff);
    memcpy(bytes + 8, header, length);
    for (int k = 0; k < n; k++)
        bytes[8 + length + (size_t)k] = (unsigned char)(k + 1);
    put(path, bytes, 8 + length + (size_t)n);
}

#endif
