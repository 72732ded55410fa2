/* A variable's fields, and the functions on rows and masks for the folders above it. */
#ifndef TL_VARIABLE_PRIVATE_H
#define TL_VARIABLE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "graph/variable/companion.h"

struct tl_variable {
    char *name;
    tl_shape shape;
    bool sparse;
    tl_pattern *pattern; /* of a sparse variable, or the mask; NULL if plain dense */
    int64_t size;
    tl_real *data;
    tl_companion *companions;
    pthread_mutex_t lock; /* held while pending updates are applied on behalf of a reader */
    atomic_bool written;  /* the program may have written since the last step: also off the mask */
    uint64_t changes;     /* by the library, of values or pattern: ops that are yet to run compare it */
};

/* Has forks wait for readers that apply pending updates. Called when a variable is created: a fork that began
 * before would not wait. */
void tl_prepare_forks(void);

/* Returns the number of values in a row along the first dimension; 0 for a scalar. */
int64_t tl_row_width(const tl_variable *v);

/* Returns the number of connections: those of the pattern or mask, if there is one, otherwise all cells. */
int64_t tl_connection_count(const tl_variable *v);

/* Returns the pattern of the keep_count connections of largest magnitude (the first among equals, a NaN
 * before all) by `value`, which is laid out as the variable's values are. NULL: TL_ERR_MEMORY. */
tl_pattern *tl_pattern_of_largest(const tl_variable *v, const tl_real *value, int64_t keep_count);

/* Checks that the pattern has the shape of the variable seen as a matrix. TL_ERR_SHAPE. */
tl_status tl_check_pattern_shape(const char *who, const tl_variable *v, const tl_pattern *p);

/* Everything that a change of a pattern needs, allocated before anything changes. {0} is empty. */
typedef struct tl_remap {
    int32_t *source; /* [nnz] the old entry of each new one; -1: none */
    int32_t *added;  /* [n_added] the new entries */
    int64_t n_added;
    tl_real *values;
    int64_t n_arrays;
    void **array; /* one per companion array that moves, in the order of the list */
} tl_remap;

/* Allocates the arrays and finds the sources. TL_ERR_MEMORY; r must then be freed as well. */
tl_status tl_remap_alloc(tl_remap *r, const tl_variable *v, const tl_pattern *to);

/* Moves the values and the companions of a sparse variable to the new pattern. Cannot fail. */
void tl_remap_move(tl_variable *v, tl_pattern *to, tl_remap *r);
void tl_remap_free(tl_remap *r);

/* Returns the size of an element in bytes. */
size_t tl_element_size(tl_element element);

/* Sets elements at .. at+n-1 of an array. */
void tl_fill(void *data, tl_element element, int64_t at, int64_t n, tl_real value);

/* Sets values at .. at+n-1 of a masked variable to +0 off the mask. Nothing is written where they are
 * already. */
void tl_clear_off_mask(tl_variable *v, int64_t at, int64_t n);

/* Sets the elements off `keep` in an array laid out as a matrix of its shape. */
void tl_fill_off_pattern(void *data, tl_element element, const tl_pattern *keep, tl_real value);

#endif
