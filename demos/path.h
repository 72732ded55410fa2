/* Names of files in folders. */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>

enum { MAX_PATH = 4096 };

/* Sets path to that of a file in a folder. Returns false with the reason in tl_error(). */
bool path_in(char path[MAX_PATH], const char *folder, const char *name);

#endif
