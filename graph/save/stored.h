/* Variables in files, and files that are being read: what is found is ticked off, what differs is listed. */
#ifndef TL_STORED_H
#define TL_STORED_H

#include "graph/save/list.h"
#include "graph/variable/variable_private.h"

/* The type of the library's numbers in a file. */
#define TL_SAFETENSORS_REAL (sizeof(tl_real) == 4 ? TL_SAFETENSORS_F32 : TL_SAFETENSORS_F64)

enum { TL_LISTED_DIFFERENCES = 8, TL_DIFFERENCE_SIZE = 200 };

/* A file that is being read. */
typedef struct tl_load {
    const char *who;
    tl_safetensors file;
    bool *tensor_used, *note_used;
    tl_arena arena; /* until the end */
    const char *path;
    bool failed; /* memory was short */
    int32_t n_differences;
    char difference[TL_LISTED_DIFFERENCES][TL_DIFFERENCE_SIZE];
} tl_load;

/* Opens the file. On failure there is nothing to close. */
tl_status tl_load_open(tl_load *l, const char *who, const char *path);
void tl_load_close(tl_load *l);

/* Return the tensor (-1: none) or the note (NULL: none) of a name that is printed, and tick it off. */
int32_t tl_load_find(tl_load *l, const char *format, ...) TL_PRINTF(2, 3);
const char *tl_load_note(tl_load *l, const char *format, ...) TL_PRINTF(2, 3);

/* Convert a note. False: it is no such number. */
bool tl_to_integer(const char *note, int64_t *x);
bool tl_to_unsigned(const char *note, uint64_t *x);
bool tl_to_number(const char *note, double *x);

/* Lists a difference between the file and the program; returns TL_ERR_ARGUMENT with all of them, TL_OK if
 * there is none; and records and returns TL_ERR_FORMAT. */
void tl_load_differs(tl_load *l, const char *format, ...) TL_PRINTF(2, 3);
tl_status tl_load_differences(const tl_load *l);
tl_status tl_load_bad(const tl_load *l, const char *format, ...) TL_PRINTF(2, 3);

/* A variable as it is in a file: dense (`values`), masked (`crow`, `col` too) or sparse. */
typedef struct tl_stored {
    bool sparse;
    int32_t values, crow, col; /* tensors; -1: none */
    int64_t rows, cols, nnz;   /* of a pattern; cols = -1: unknown */
} tl_stored;

/* Adds a variable, as it is, to what is saved. */
void tl_save_variable(tl_save_list *l, tl_variable *v);

/* Finds a variable. *found: whether there is one. TL_ERR_FORMAT if parts are missing or do not fit. */
tl_status tl_load_stored(tl_load *l, const char *name, tl_stored *s, bool *found);

/* Reads the pattern of a stored variable, with so many columns. The caller releases it. */
tl_status tl_load_pattern(tl_load *l, const tl_stored *s, int64_t cols, tl_pattern **pattern);

/* Returns whether a tensor is of this type and has an element per value of the variable, as it is in the
 * file. */
bool tl_load_fits(const tl_load *l, int32_t tensor, const tl_stored *s, tl_safetensors_type type);

/* Returns the text of a tensor's sizes, "3x4"; and the kind, for messages. */
tl_text tl_stored_shape_text(const tl_load *l, const tl_stored *s);
const char *tl_stored_kind(const tl_stored *s);

#endif
