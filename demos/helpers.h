/* Memory, failures of a graph, and values of a checkpoint. */
#ifndef HELPERS_H
#define HELPERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tulle/tulle.h>

/* Makes the first failure of the graph tl_error(). Returns false. */
bool graph_failed(const tl_graph *g);

/* Returns n elements of zeros, or NULL. */
void *allocate(int64_t n, size_t size);

/* Returns the array with space for n elements; if memory is short NULL, and the array stays. */
void *larger(void *array, int64_t n, size_t size);

/* Adds integers and numbers to a checkpoint, as NAME/0, NAME/1 and so on. Returns false with the reason in
 * tl_error(). */
bool keep_values(tl_checkpoint *c, const char *name, int n_integers, int64_t *const *integer, int n_numbers,
                 double *const *number);

#endif
