/* UTF-8 (RFC 3629). */
#ifndef TL_UTF8_H
#define TL_UTF8_H

#include "base.h"

/* Returns the bytes of the character that text begins with, of which `left` bytes are there, 0 if it is none:
 * too long for its code, a surrogate, beyond U+10FFFF. A text that ends in '\0' needs no limit: left =
 * INT64_MAX. */
int tl_utf8_length(const char *text, int64_t left);

/* Returns whether all of the text is UTF-8: n bytes or, if n is negative, those before its '\0'. */
bool tl_is_utf8(const char *text, int64_t n);

#endif
