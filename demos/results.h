/* Results: rows of named values, for --csv and --json. */
#ifndef RESULTS_H
#define RESULTS_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* The texts so far. All rows have the same names in the same order. */
typedef struct results {
    FILE *head, *csv, *json;
    char *head_text, *csv_text, *json_text;
    size_t head_size, csv_size, json_size;
    int n_rows, n_values; /* values: in this row */
} results;

/* Makes results without rows. False with the reason in tl_error(). */
bool results_make(results *r);

/* Add a value to the row, and end the row. */
void result_text(results *r, const char *name, const char *value);
void result_integer(results *r, const char *name, int64_t value);
void result_number(results *r, const char *name, double value);
void result_seed(results *r, uint64_t seed);
void result_end(results *r);

/* Write the rows: a header and records, and the elements of a JSON array. */
void results_write_csv(results *r, FILE *to);
void results_write_json(results *r, FILE *to);

void results_free(results *r);

#endif
