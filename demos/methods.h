/* The ways to remove connections of a network that is being trained. */
#ifndef METHODS_H
#define METHODS_H

#include "trainee.h"

enum { N_METHODS = 4 };
extern const method methods[N_METHODS + 1]; /* ends with one without a name */

#endif
