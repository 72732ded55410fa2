/* Reuse of gradient buffers: those of nodes that the pass has left, for nodes that it is about to reach. */
#include "graph/backward/backward.h"

enum { MIN_SIZE = 1 << 10 }; /* in values; smaller buffers are not recycled */

/* Returns a buffer for n to 2 n values: larger ones are left for larger gradients. NULL if there is none. */
static tl_real *reuse(tl_free_grad **list, int64_t n)
{
    while (*list && ((*list)->size < n || (*list)->size / 2 > n))
        list = &(*list)->next;
    tl_free_grad *found = *list;
    if (found)
        *list = found->next;
    return (tl_real *)found;
}

tl_status tl_alloc_grad(tl_node *a, tl_free_grad **list)
{
    a->grad = reuse(list, a->size);
    if (!a->grad)
        a->grad = tl_arena_alloc(&a->graph->arena, a->size, sizeof *a->grad);
    return a->grad ? TL_OK : tl_fail_memory();
}

void tl_recycle_grad(tl_node *a, tl_free_grad **list)
{
    const bool referenced = a->slices != NULL; /* by row slices, until the end of the step */
    if (a->size >= MIN_SIZE && !referenced) {
        tl_free_grad *buffer = (tl_free_grad *)(void *)a->grad;
        *buffer = (tl_free_grad){ *list, a->size };
        *list = buffer;
    }
    a->grad = NULL;
}
