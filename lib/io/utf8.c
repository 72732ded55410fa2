/* UTF-8, as texts from outside may or may not be. */
#include "lib/io/utf8.h"

#include <string.h>

int tl_utf8_length(const char *text, int64_t left)
{
    const unsigned char *s = (const unsigned char *)text, b = s[0];
    const int n = b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
    if (n > left)
        return 0;
    for (int k = 1; k < n; k++)
        if ((s[k] & 0xc0) != 0x80) /* also at the end of the text */
            return 0;
    const bool overlong = (b == 0xe0 && s[1] < 0xa0) || (b == 0xf0 && s[1] < 0x90);
    const bool surrogate = b == 0xed && s[1] >= 0xa0, beyond = b == 0xf4 && s[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : n;
}

bool tl_is_utf8(const char *text, int64_t n)
{
    if (n < 0)
        n = (int64_t)strlen(text);
    for (int64_t k = 0; k < n;) {
        const int length = tl_utf8_length(text + k, n - k);
        if (length == 0)
            return false;
        k += length;
    }
    return true;
}
