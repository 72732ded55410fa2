/* What a checkpoint says that is not saved or not loaded. */
#ifndef TL_CHECKPOINT_FAILS_H
#define TL_CHECKPOINT_FAILS_H

#include "tests/graph/saved.h"

/* Checks that a call fails with this text after its name and, in a load, the path. */
static inline void assert_save_fails(const tl_checkpoint *c, tl_status status, const char *text)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "checkpoint_save: %s", text);
    ck_assert_status(tl_checkpoint_save(c, path), status, whole);
}

static inline void assert_load_fails(tl_checkpoint *c, tl_status status, const char *text)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "checkpoint_load: %s: %s", path, text);
    ck_assert_status(tl_checkpoint_load(c, path), status, whole);
}

#endif
