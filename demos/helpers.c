/* Memory, failures of a graph, and values of a checkpoint. */
#include "helpers.h"

#include <stdio.h>
#include <stdlib.h>

bool graph_failed(const tl_graph *g)
{
    if (tl_graph_status(g) != TL_OK)
        tl_fail(tl_graph_status(g), "%s", tl_graph_error(g));
    return false;
}

void *allocate(int64_t n, size_t size)
{
    void *p = calloc((size_t)n + (n == 0), size);
    if (!p)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    return p;
}

void *larger(void *array, int64_t n, size_t size)
{
    void *p = realloc(array, (size_t)n * size);
    if (!p)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    return p;
}

bool keep_values(tl_checkpoint *c, const char *name, int n_integers, int64_t *const *integer, int n_numbers,
                 double *const *number)
{
    bool ok = true;
    for (int k = 0; ok && (k < n_integers || k < n_numbers); k++) {
        char text[64];
        snprintf(text, sizeof text, "%s/%d", name, k);
        ok = (k >= n_integers || tl_checkpoint_add_integer(c, text, integer[k]) == TL_OK) &&
             (k >= n_numbers || tl_checkpoint_add_number(c, text, number[k]) == TL_OK);
    }
    return ok;
}
