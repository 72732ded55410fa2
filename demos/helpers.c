/* Memory, and failures of a graph. */
#include "helpers.h"

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
