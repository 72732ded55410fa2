/* The file formats that tulle-convert knows, as a table. */
#ifndef CONVERT_FORMATS_H
#define CONVERT_FORMATS_H

#include "convert_arrays.h"

/* What the command line says about formats that leave it open. */
typedef struct settings {
    char separator; /* of CSV; 0: by the name of the file */
    bool no_header;
} settings;

typedef struct format {
    const char *name;
    const char *suffixes; /* each with a space after it: ".csv .tsv " */
    const char *what;     /* a line of --help */
    /* Reads a file into an empty list; writes a list, which it may change. False with the reason in
     * tl_error(). */
    bool (*read)(const char *path, const settings *s, arrays *out);
    bool (*write)(const char *path, const settings *s, arrays *in);
} format;

/* The table, which ends in a format without a name. */
extern const format formats[];

/* Return the format of this name, or that a file has by the end of its name, before .gz. NULL with the
 * reason in tl_error() if there is none. */
const format *format_named(const char *name);
const format *format_of(const char *path);

/* Reads a file in a format (NULL: by its name). An array without a name gets that of the file. */
bool read_arrays(const char *path, const format *f, const settings *s, arrays *out);

/* Writes a file in a format (NULL: by its name). */
bool write_arrays(const char *path, const format *f, const settings *s, arrays *in);

/* Returns the list's only array for a format (`what`) that holds no more; NULL with the reason in
 * tl_error(). */
array *only_array(arrays *list, const char *what);

/* Joins NAME.crow_indices, NAME.col_indices and NAME.values of a list to a sparse array NAME; without
 * values it is a pattern. The number of columns is in NAME.shape, or as many as the indices need. */
bool join_sparse(arrays *list);

/* Replaces each sparse array by these, without its shape. */
void split_sparse(arrays *list);

/* Appends NAME.shape with the sizes of the matrix. */
void add_shape(arrays *list, const char *name, int64_t rows, int64_t cols);

#endif
