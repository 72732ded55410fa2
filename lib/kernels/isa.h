/* Which kernels run on this chip. */
#ifndef TL_LEVEL_H
#define TL_LEVEL_H

#include "base.h"

/* "avx512", "avx2" or "baseline": the best that the chip can run, or TULLE_KERNELS if that names one that it
 * can run (anything else there is ignored). Constant for the life of the process. Results may differ in the
 * last bits between levels, never within one. */
TL_API const char *tl_kernel_level(void);

#endif
