/* The file that a test saves to and loads from. */
#ifndef TL_SAVED_H
#define TL_SAVED_H

#include "tests/lib/files.h"

/* The disk is not what is tested here, and slow. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

static inline void setup(void)
{
    make_path(path, sizeof path);
}

static inline void teardown(void)
{
    unlink(path);
}

#endif
