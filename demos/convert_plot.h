/* Curves from logs of runs. */
#ifndef CONVERT_PLOT_H
#define CONVERT_PLOT_H

#include "convert_options.h"

/* Draws the fields of logs, a panel each, with a curve per log. False with the reason in tl_error(). */
bool plot(const options *o);

#endif
