/* What other formats need that are safetensors files: names for error texts, and checksums. */
#ifndef TL_SAFETENSORS_PRIVATE_H
#define TL_SAFETENSORS_PRIVATE_H

#include "safetensors.h"

/* As the functions without _as, whose error texts begin with `who`. */
tl_status tl_safetensors_open_as(const char *who, const char *path, tl_safetensors *out);
tl_status tl_safetensors_write_as(const char *who, const char *path, const tl_safetensors *s);

/* Returns whether the header has a checksum, which was right. */
bool tl_safetensors_is_checked(const tl_safetensors *s);

/* Checks that a build and a machine can have such files. TL_ERR_ARGUMENT. */
tl_status tl_safetensors_check_build(const char *who);

/* The header: the checksum is over its bytes and the eight before them, with its own digits as zeros. */
#define TL_SAFETENSORS_CHECKSUM "checksum"
#define TL_SAFETENSORS_CRC32    "crc32:" /* and eight hexadecimal digits in lower case */
enum { TL_SAFETENSORS_DIGITS = 8 };

/* Limits of a header: its bytes, and its values, for which jansson 2.14 takes up to 112 bytes each of at most
 * 256 MB. */
enum { TL_SAFETENSORS_HEADER_MAX = 100000000, TL_SAFETENSORS_VALUES_MAX = (1 << 28) / 112 };

/* Returns a bound on the values in n bytes of JSON. */
int64_t tl_safetensors_count_values(const char *text, int64_t n);

/* Returns the CRC-32 of n bytes that follow others whose CRC-32 is `crc` (0: none). */
uint32_t tl_crc32(uint32_t crc, const void *bytes, int64_t n);

#endif
