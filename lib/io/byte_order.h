/* The machine's byte order, for formats that state theirs. */
#ifndef TL_BYTE_ORDER_H
#define TL_BYTE_ORDER_H

#include "base.h"

static inline bool tl_is_little_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

#endif
