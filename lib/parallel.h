/* Threads: their number, and loops that are split over them.
 *
 * A loop splits outputs, never reductions: every output is computed by one thread in one order, so the bits
 * do not depend on the number of threads. */
#ifndef TL_PARALLEL_H
#define TL_PARALLEL_H

#include "status.h"

/* Set and return the number of threads that this process uses inside a call, 1 to 1024. n = 0 means one per
 * CPU that the process may use (its affinity mask on Linux). Until it is set, the number is that in the
 * environment variable TULLE_NUM_THREADS (0: one per CPU), or 1 if there is none. TL_ERR_ARGUMENT if n is not
 * in 0..1024.
 *
 * A process may fork, and its child has threads of its own. A fork waits until no thread applies pending row
 * updates (TL_ROWS_EXACT), so that a child can read each variable that another thread was reading. If another
 * thread is inside a dense product during the fork, the child must not call one: it may inherit a locked BLIS
 * mutex. */
TL_API tl_status tl_set_num_threads(int n);
TL_API int tl_num_threads(void);

/* Splits 0 .. n-1 into tasks of `grain` indices (at least 1; the last task may have fewer), calls
 * body(context, begin, end) once for each on up to tl_num_threads() threads, and returns when all are done.
 * The tasks do not depend on the number of threads, and all are computed in the caller's floating-point mode.
 * A body runs on any thread, must not fail or fork, and writes nothing that another task reads or writes.
 * Loops inside a body run serially on its thread. Nothing is called if n is 0 or negative, or (with a text in
 * tl_error()) if the body is NULL. */
TL_API void tl_parallel_for(int64_t n, int64_t grain, void (*body)(void *context, int64_t begin, int64_t end),
                            void *context);

/* The number of elements that is worth a task: with fewer, handing it to another thread costs more than it
 * gains. */
enum { TL_GRAIN = 1 << 14 };

/* Runs tl_parallel_for over n rows of `width` elements with a grain of 1 + TL_GRAIN / (1 + width) rows, so
 * that a task has about TL_GRAIN elements. A negative width counts as 0. */
TL_API void tl_parallel_rows(int64_t n, int64_t width,
                             void (*body)(void *context, int64_t begin, int64_t end), void *context);

/* Runs tl_parallel_for over n columns of a matrix with `rows` rows, for a body that walks down its columns
 * row by row: in tasks of 256 columns, or 64 if there would be too few; of more if the matrix has few rows,
 * so that a task has at least TL_GRAIN elements. The number of columns in a task has no bound: a body that
 * keeps sums on its stack takes a fixed number of them at a time. */
TL_API void tl_parallel_columns(int64_t n, int64_t rows,
                                void (*body)(void *context, int64_t begin, int64_t end), void *context);

#endif
