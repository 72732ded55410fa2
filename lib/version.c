/* The version of the library that a program runs with. */
#include "version.h"

const char *tl_version(void)
{
    return TL_VERSION_STRING;
}
