/* CSV: a table as text, one record per line, plain or gzipped. Format: RFC 4180, with a separator to
 * choose; fields in quotes may hold separators, line ends and doubled quotes. Lines may end in LF or CRLF,
 * and blank ones are skipped. A column is of numbers, or of texts that are numbered in the order in which
 * they first come: ids for tl_embedding_lookup, for example. */
#ifndef TL_CSV_H
#define TL_CSV_H

#include "status.h"

/* What a column is read as. */
typedef enum tl_csv_kind {
    TL_CSV_AUTO,   /* numbers if its first field that is not missing is one, otherwise ids */
    TL_CSV_NUMBER, /* tl_real; spaces around a number are skipped */
    TL_CSV_ID,     /* texts as numbers from 0: each text gets the next one where it first comes */
    TL_CSV_SKIP    /* left out */
} tl_csv_kind;

/* What is done about a field that is missing: empty, not in quotes (of a number, also in quotes), or the
 * text that the options give. */
typedef enum tl_csv_missing {
    TL_CSV_MISSING_ERROR, /* TL_ERR_FORMAT */
    TL_CSV_MISSING_NAN,   /* a number is NaN, an id -1 */
    TL_CSV_MISSING_SKIP   /* the row is left out */
} tl_csv_missing;

typedef struct tl_csv_choice {
    const char *name; /* of a column in the header; without one "1", "2" and so on */
    tl_csv_kind kind;
} tl_csv_choice;

/* A zeroed structure means the defaults. */
typedef struct tl_csv_options {
    char separator; /* default ','; no letter, digit, space, quote, sign or point */
    bool no_header; /* the first line is a record */
    tl_csv_missing missing;
    const char *missing_text;     /* stands for a missing field where it is not in quotes: "NA"; NULL: none */
    int32_t n_choices;            /* kinds of columns; the others are TL_CSV_AUTO */
    const tl_csv_choice *choices; /* [n_choices] */
    bool only_chosen;             /* the others are TL_CSV_SKIP */
    int64_t reserved1, reserved2, reserved3, reserved4;
} tl_csv_options;

typedef struct tl_csv_column {
    const char *name;
    tl_csv_kind kind;        /* TL_CSV_NUMBER or TL_CSV_ID */
    tl_real *number;         /* [rows], NULL for ids */
    int32_t *id;             /* [rows], NULL for numbers */
    int32_t n_ids;           /* how many texts there are: so far, in a stream */
    const char *const *text; /* [n_ids] the text of each id; NULL for numbers */
} tl_csv_column;

typedef struct tl_csv {
    int64_t rows;
    int32_t n_columns;
    tl_csv_column *column;      /* [n_columns] in the order of the file, without those that are skipped */
    struct tl_csv_texts *owned; /* names and texts; NULL where they are a stream's, or the program's */
} tl_csv;

/* Reads a whole file. `o` may be NULL: the defaults. On success *out owns memory, which tl_csv_free frees.
 * On failure it is zeroed and tl_error() names the file, the line and the column, what was found there and
 * what was expected: TL_ERR_IO, TL_ERR_MEMORY, TL_ERR_ARGUMENT (NULL, an option out of range, a choice of
 * a column that there is not), or TL_ERR_FORMAT: records of different numbers of fields, a quote where
 * there should be none, no closing quote, a number that is none or that tl_real cannot hold, a missing
 * field. Memory is taken as rows arrive. */
TL_API tl_status tl_csv_read(const char *path, const tl_csv_options *o, tl_csv *out)
    TL_REAL_SYMBOL(tl_csv_read);

/* Returns the column of this name, NULL if there is none. */
TL_API const tl_csv_column *tl_csv_find(const tl_csv *a, const char *name);

/* Frees the columns and zeroes *a. Does nothing if a is NULL or *a is zeroed. */
TL_API void tl_csv_free(tl_csv *a);

/* A file that is read by batches, for one that is larger than memory. Kinds of columns and ids are those
 * of the whole file: an id stands for the same text in every batch.
 *
 *     tl_csv_stream *s = tl_csv_open(path, NULL);
 *     tl_csv batch = { 0 };
 *     while (tl_csv_next(s, 64, &batch) == TL_OK && batch.rows > 0)
 *         ...
 *     tl_csv_free(&batch);
 *     tl_csv_close(s);
 */
typedef struct tl_csv_stream tl_csv_stream;

/* Opens a file and reads the header. NULL on failure, with errors as above. */
TL_API tl_csv_stream *tl_csv_open(const char *path, const tl_csv_options *o);

/* Reads the next n rows, n > 0, or as many as there are left. *batch is zeroed or an earlier batch, which
 * is freed first. At the end of the file it has no rows, but still the columns, with all texts. Names and
 * texts are the stream's, valid until the next call on it. A column of which all fields have been missing
 * so far is of numbers. On failure *batch is zeroed; the errors are those of tl_csv_read, and every later
 * call returns the same. For a NULL stream the error of tl_csv_open stays. */
TL_API tl_status tl_csv_next(tl_csv_stream *s, int64_t n, tl_csv *batch) TL_REAL_SYMBOL(tl_csv_next);

/* Closes the file and frees the stream. NULL is ignored. */
TL_API void tl_csv_close(tl_csv_stream *s);

/* Writes a header and rows. Of the options, separator, no_header and missing_text count. Numbers have as
 * many digits as they need to be read back unchanged, texts have quotes where they need them, and id -1 is
 * an empty field. Read with the same options and with the columns of ids chosen as TL_CSV_ID, the file has
 * the same numbers and texts; ids count the texts anew, in the order of the rows. (Not chosen, a column whose
 * first text is a number would be of numbers.) The file is written whole or not at all. TL_ERR_IO,
 * TL_ERR_MEMORY, TL_ERR_ARGUMENT (NULL, rows without columns, a kind that is neither number nor id, a missing
 * id in the only column, which would be a blank line), TL_ERR_INDEX (an id that has no text). */
TL_API tl_status tl_csv_write(const char *path, const tl_csv_options *o, const tl_csv *a)
    TL_REAL_SYMBOL(tl_csv_write);

#endif
