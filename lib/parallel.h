/* Threads: how many, and a loop that is split over them.
 *
 * A loop splits outputs, never reductions: every output is computed by one thread in one order, so the bits
 * do not depend on the number of threads. */
#ifndef TL_PARALLEL_H
#define TL_PARALLEL_H

#include "status.h"

/* The number of threads for the work inside every call of this process, 1 to 1024. It starts at
 * TULLE_NUM_THREADS (0 there: as many as the affinity mask allows), or 1. TL_ERR_ARGUMENT if out of range;
 * n = 0 takes as many as the affinity mask allows.
 *
 * A process may fork, and its child has threads of its own. But if another thread multiplied dense matrices
 * at that moment, the child must not: a lock of BLIS's may stay taken in it. */
TL_API tl_status tl_set_num_threads(int n);
TL_API int tl_num_threads(void);

/* Calls body(context, begin, end) for pieces that cover 0 .. n-1 once each, of at most `grain` indices (at
 * least 1), on up to tl_num_threads() threads; returns when all are done. A body runs on any thread, must
 * not fail or fork, and writes nothing that another piece reads or writes. Loops inside a body run on its
 * thread. The pieces do not depend on the number of threads. */
TL_API void tl_parallel_for(int64_t n, int64_t grain, void (*body)(void *context, int64_t begin, int64_t end),
                            void *context);

/* Elements worth a task: fewer do not pay for handing it to another thread. */
enum { TL_GRAIN = 1 << 14 };

/* tl_parallel_for over n rows of `width` elements each, with a grain of 1 + TL_GRAIN / (1 + width) rows: a
 * task has about TL_GRAIN elements. (A negative width counts as 0.) */
TL_API void tl_parallel_rows(int64_t n, int64_t width,
                             void (*body)(void *context, int64_t begin, int64_t end), void *context);

#endif
