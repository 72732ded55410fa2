/* The instruction set that the kernels use. */
#ifndef TL_ISA_H
#define TL_ISA_H

#include "base.h"

/* Returns "avx512", "avx2" or "baseline": the best instruction set that the CPU supports, or the one that the
 * environment variable TULLE_KERNELS names, if the CPU supports it (any other value is ignored). Constant for
 * the life of the process. Set the variable before the library is loaded: BLIS's kernels are chosen then, and
 * by BLIS itself if the process already has threads. Results may differ in the last bits between instruction
 * sets, never within one. */
TL_API const char *tl_kernel_level(void);

#endif
