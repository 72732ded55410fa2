/* Names of files in folders. */
#include "path.h"

#include <stdio.h>
#include <tulle/tulle.h>

bool path_in(char path[MAX_PATH], const char *folder, const char *name)
{
    const bool fits = snprintf(path, MAX_PATH, "%s/%s", folder, name) < MAX_PATH;
    if (!fits)
        tl_fail(TL_ERR_ARGUMENT, "the name of the folder is too long");
    return fits;
}
