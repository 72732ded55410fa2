/* Companions: arrays that accompany a variable's values, such as an optimizer's slots or a running average.
 * The variable masks, remaps and counts them with its values, without knowing whose they are. */
#ifndef TL_COMPANION_H
#define TL_COMPANION_H

#include "variable.h"

typedef enum tl_element { TL_REAL, TL_INT32, TL_INT64 } tl_element;

typedef struct tl_companion_array {
    const char *name; /* "slot0", "age": unique within the companion */
    void *data;       /* from tl_alloc; NULL: not allocated, and left alone */
    tl_element element;
    bool per_row;  /* one element per row, left alone by masks and patterns; otherwise one per value */
    tl_real start; /* the initial element of a new connection */
} tl_companion_array;

#define TL_MAX_COMPANION_ARRAYS 8

typedef struct tl_companion tl_companion;

typedef struct tl_companion_class {
    const char *name;

    /* Returns whether before_read may have anything to do. NULL: never. Called without the variable's lock,
     * so it may read only data that is never written while other threads use the variable. */
    bool (*has_pending)(const tl_companion *c);

    /* Applies pending updates to n rows (any order, repeats allowed), or to all if `rows` is NULL. Called
     * under the variable's lock. */
    void (*before_read)(tl_companion *c, int64_t n, const int32_t *rows);

    /* Called after values were added at n entries, with their initial values stored and every array at its
     * start. NULL: nothing to do. */
    void (*grown)(tl_companion *c, int64_t n, const int32_t *entries);

    /* Detaches and frees the companion: its variable is about to be freed. */
    void (*free)(tl_companion *c);
} tl_companion_class;

/* The first member of a structure that accompanies a variable. Its owner allocates and frees the structure
 * and the arrays. */
struct tl_companion {
    const tl_companion_class *class;
    tl_variable *variable;
    tl_companion *next; /* in the variable's list */
    int32_t n_arrays;
    tl_companion_array array[TL_MAX_COMPANION_ARRAYS];
};

/* Add c, whose class and arrays are filled in, to the variable's list; and remove it, freeing nothing. */
void tl_companion_attach(tl_companion *c, tl_variable *v);
void tl_companion_detach(tl_companion *c);

/* Returns the bytes of the arrays that are allocated. */
int64_t tl_companion_bytes(const tl_companion *c);

/* Returns the number of elements of one of c's arrays. */
int64_t tl_companion_array_size(const tl_companion *c, const tl_companion_array *a);

/* Applies the pending updates of all companions to n rows of v, or to all rows if `rows` is NULL; sets what
 * the program has written there off a mask to +0. Must be called before values are read. Safe while several
 * threads read v. */
void tl_before_read(tl_variable *v, int64_t n, const int32_t *rows);

/* The first half of that. */
void tl_apply_pending(tl_variable *v, int64_t n, const int32_t *rows);

/* Applies the pending updates of all companions but `except` to all rows. Must be called before values are
 * written, while no other thread uses v. Also ends the time in which the program may write: a pointer that it
 * took before is not to be used again. */
void tl_before_write(tl_variable *v, const tl_companion *except);

#endif
