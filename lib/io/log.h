/* The log of a run: a file of JSON lines, an object per step or epoch.
 *
 *     tl_log_file *log = tl_log_open("run.jsonl");
 *     for (int64_t epoch = 1; epoch <= epochs; epoch++) {
 *         tl_log_integer(log, "epoch", epoch);
 *         tl_log_number(log, "loss", train(epoch));
 *         tl_log_end(log);
 *     }
 *     if (tl_log_close(log) != TL_OK)
 *         fprintf(stderr, "%s\n", tl_error());
 *
 * writes {"epoch":1,"loss":0.25} and so on. Each line goes to the system as a whole when it ends, so a
 * process that is killed keeps those before. `tulle-convert plot` draws the curves; Python reads a line by
 * json.loads.
 *
 * The first error stays: later calls write nothing and return it again, so that it is enough to look at
 * that of tl_log_close. This holds for tl_log_open, too: the NULL of its failure may be passed on, and the
 * calls return the last error on the thread. A log is used by one thread at a time. */
#ifndef TL_LOG_H
#define TL_LOG_H

#include "status.h"

typedef struct tl_log_file tl_log_file;

/* Opens a log, to continue it if the file exists: a run that resumes appends. A last line that a crash cut
 * short is removed. After the step at which a checkpoint was saved a log may hold lines of steps that the
 * resumed run repeats; a plot shows the last of those of one step. NULL on failure: TL_ERR_ARGUMENT (NULL),
 * TL_ERR_MEMORY, TL_ERR_IO, or TL_ERR_FORMAT if the file ends in a line that is not of a log. */
TL_API tl_log_file *tl_log_open(const char *path);

/* Add a field to the line: a number, an integer, a text. A number is the shortest that reads back as the same
 * double, whatever the locale. As JSON has no others, those that are not finite are the strings "NaN",
 * "Infinity" and "-Infinity", which Python's float() reads; protobuf's JSON mapping does the same. In names
 * and texts a byte that is not UTF-8 becomes U+FFFD. TL_ERR_ARGUMENT (NULL, a name that the line has
 * already), TL_ERR_MEMORY, or an earlier error. */
TL_API tl_status tl_log_number(tl_log_file *log, const char *name, double value);
TL_API tl_status tl_log_integer(tl_log_file *log, const char *name, int64_t value);
TL_API tl_status tl_log_text(tl_log_file *log, const char *name, const char *value);

/* Ends the line and writes it. TL_ERR_ARGUMENT (NULL), TL_ERR_IO, or an earlier error. */
TL_API tl_status tl_log_end(tl_log_file *log);

/* Ends a line that has fields, closes the file and frees the log. Returns the first error of all calls on it,
 * of which tl_error() then has the text. */
TL_API tl_status tl_log_close(tl_log_file *log);

#endif
