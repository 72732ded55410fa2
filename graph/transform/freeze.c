/* Frozen variables: their gradients are dropped. */
#include "transform.h"
#include "graph/transform/scale.h"

tl_status tl_freeze(tl_gradients *g, void *context)
{
    const tl_frozen *frozen = context;
    if (!frozen || frozen->n < 0 || (frozen->n > 0 && !frozen->variable))
        return tl_fail(TL_ERR_ARGUMENT, "freeze: the context is not a tl_frozen");
    if (tl_transform_check("freeze", g) != TL_OK)
        return TL_ERR_ARGUMENT;
    int32_t n = 0;
    for (int32_t i = 0; i < g->n; i++) {
        bool drop = false;
        for (int32_t k = 0; k < frozen->n; k++)
            drop = drop || frozen->variable[k] == g->pair[i].variable;
        if (!drop)
            g->pair[n++] = g->pair[i];
    }
    g->n = n;
    return TL_OK;
}
