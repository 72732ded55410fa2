/* The records of a CSV file, split into fields. */
#ifndef TL_CSV_RECORDS_H
#define TL_CSV_RECORDS_H

#include "lib/io/lines.h"

/* A field of the current record, without its quotes. Offsets, as the line may move while a record is read. */
typedef struct tl_csv_field {
    ptrdiff_t begin, end; /* from lines.begin */
    bool quoted;
} tl_csv_field;

typedef struct tl_csv_records {
    tl_lines lines;
    char separator;
    int64_t begun; /* line where the current record begins */
    int32_t n;     /* fields of the current record */
    int32_t capacity;
    tl_csv_field *field; /* [n] */
    tl_status status;    /* of the last call */
} tl_csv_records;

/* Opens a file for the reader `who`. TL_ERR_IO or TL_ERR_MEMORY; the records are then not open. */
tl_status tl_csv_records_open(tl_csv_records *r, const char *who, const char *path, char separator);

/* Moves on to the next record; blank lines are skipped. False at the end of the file, where r->status is
 * TL_OK, and on an error. The byte at the end of a field belongs to no number. */
bool tl_csv_records_next(tl_csv_records *r);

/* Closes the file. Returns `status` if that is an error, otherwise the error of the last read, if there
 * was one. */
tl_status tl_csv_records_close(tl_csv_records *r, tl_status status);

/* Returns what an error text says of the bytes of a field: the first in quotes. */
tl_found tl_csv_found(const tl_csv_records *r, ptrdiff_t begin, ptrdiff_t end);

#endif
