/* One variable's part of an optimizer step. */
#ifndef TL_UPDATE_H
#define TL_UPDATE_H

#include "internal.h"

/* Weight decay and update of pair->variable, whose slots exist. Cannot fail. */
void tl_update_variable(tl_optimizer *o, const tl_gradient *pair);

#endif
