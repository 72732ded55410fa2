/* The numbers of a log: what tl_log_file wrote, field by field. */
#ifndef CONVERT_LOG_H
#define CONVERT_LOG_H

#include "plot.h"

/* Reads a log. `x` names the field along the x axis; NULL: step or epoch, whichever the first line has, or
 * "line", the line's number. Where x does not ascend, as after a resume, the later lines replace those
 * before. A last line without an end is left out. False with the reason in tl_error(). */
bool run_read(run *r, const char *path, const char *x);

void run_free(run *r);

#endif
