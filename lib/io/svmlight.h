/* svmlight files (also libsvm): a sparse matrix with a label per row as text, plain or gzipped, whole or by
 * batches. Format: Joachims, "SVM-light", http://svmlight.joachims.org; each line is
 *
 * LABEL [qid:GROUP] ID:VALUE ID:VALUE ... [# COMMENT] */
#ifndef TL_SVMLIGHT_H
#define TL_SVMLIGHT_H

#include "pattern.h"

typedef struct tl_svmlight {
    tl_pattern *pattern; /* rows x features */
    tl_real *values;     /* [nnz] in the order of the pattern */
    int64_t rows, features;
    tl_real *labels; /* [rows] */
    int64_t *qid;    /* [rows], the group of a row in ranking; NULL: the file has none */
    int32_t base;    /* the id of the first feature: 0 or 1 */
} tl_svmlight;

/* What ids begin with. A file does not say it: 1 by the format, but many begin with 0. */
typedef enum tl_svmlight_base {
    TL_SVMLIGHT_DETECT, /* 0 if one of the ids is 0, otherwise 1 */
    TL_SVMLIGHT_FROM_0,
    TL_SVMLIGHT_FROM_1
} tl_svmlight_base;

/* A zeroed field means the default. Of the files of one data set, each may show another base and another
 * number of features: read the largest with the defaults, and the others with what that showed. */
typedef struct tl_svmlight_options {
    int64_t features;      /* a larger id is an error; default: as many as the largest id needs */
    tl_svmlight_base base; /* default TL_SVMLIGHT_DETECT */
    double reserved1, reserved2, reserved3, reserved4; /* must be 0; see optimizer.h */
} tl_svmlight_options;

/* Reads a whole file, which may be gzipped if the library was built with zlib. Lines may be indented, blank,
 * comments or end in CRLF, and a row may have no entries; ids are in any order and do not repeat; either
 * every row has a qid or none has. Values of 0 are entries. Numbers are rounded to tl_real. options = NULL:
 * the defaults.
 *
 * On success *out owns memory, which tl_svmlight_free frees. On failure *out is zeroed and tl_error() names
 * the file, the line, what was found there and what was expected: TL_ERR_IO, TL_ERR_MEMORY, TL_ERR_ARGUMENT
 * (NULL, an option out of range), or TL_ERR_FORMAT, among others for several labels in a row, for a number
 * that tl_real cannot hold, and for more rows, features or entries than a pattern may have. */
TL_API tl_status tl_svmlight_read(const char *path, const tl_svmlight_options *options, tl_svmlight *out)
    TL_REAL_SYMBOL(tl_svmlight_read);

/* Writes rows, with ids from data->base on; values = NULL: all 1. Numbers have as many digits as they need to
 * be read back unchanged. Neither the base nor the number of features is in the file: a reader that must have
 * them states them as options. The file is written whole or not at all. TL_ERR_IO, TL_ERR_MEMORY,
 * TL_ERR_ARGUMENT (NULL, a base that is neither 0 nor 1), TL_ERR_SHAPE (sizes that differ from the
 * pattern's). */
TL_API tl_status tl_svmlight_write(const char *path, const tl_svmlight *data)
    TL_REAL_SYMBOL(tl_svmlight_write);

/* Releases the pattern, frees the arrays and zeroes *data. Does nothing if data is NULL or *data is
 * zeroed. */
TL_API void tl_svmlight_free(tl_svmlight *data);

/* A file that is read by batches, for one that is larger than memory:
 *
 *     tl_svmlight_stream *s = tl_svmlight_open(path, &(tl_svmlight_options){ .features = 1000 });
 *     tl_svmlight batch = { 0 };
 *     while (tl_svmlight_next(s, 64, &batch) == TL_OK && batch.rows > 0)
 *         ...
 *     tl_svmlight_free(&batch);
 *     tl_svmlight_close(s);
 */
typedef struct tl_svmlight_stream tl_svmlight_stream;

/* Opens a file. Options are those of tl_svmlight_read; but what they leave open is decided by the first
 * batch, and holds for all: the base if it has ids, the number of features, and whether rows have a qid. NULL
 * on failure: TL_ERR_IO, TL_ERR_MEMORY, TL_ERR_ARGUMENT. */
TL_API tl_svmlight_stream *tl_svmlight_open(const char *path, const tl_svmlight_options *options)
    TL_REAL_SYMBOL(tl_svmlight_open);

/* Reads the next n rows, n > 0, or as many as there are left. *batch is zeroed or an earlier batch, which is
 * freed first. At the end of the file it is zeroed, and the call succeeds. On failure it is zeroed; the
 * errors are those of tl_svmlight_read, and every later call returns the same. For a NULL stream the error of
 * tl_svmlight_open stays. */
TL_API tl_status tl_svmlight_next(tl_svmlight_stream *s, int64_t n, tl_svmlight *batch)
    TL_REAL_SYMBOL(tl_svmlight_next);

/* Closes the file. The batch is the caller's to free. NULL is ignored. */
TL_API void tl_svmlight_close(tl_svmlight_stream *s);

#endif
