/* Masks of gradients, which do not mask updates (transform.h). */
#include "transform.h"
#include "graph/backward/backward.h"
#include "graph/transform/scale.h"

tl_status tl_mask_gradients(tl_gradients *g, void *context)
{
    const tl_gradient_masks *masks = context;
    const char *who = "mask_gradients";
    if (!masks || masks->n < 0 || (masks->n > 0 && !masks->mask))
        return tl_fail(TL_ERR_ARGUMENT, "%s: the context is not a tl_gradient_masks", who);
    if (tl_transform_check(who, g) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (int32_t m = 0; m < masks->n; m++) {
        const tl_gradient_mask *mask = &masks->mask[m];
        if (!mask->variable || !mask->keep)
            return tl_fail(TL_ERR_ARGUMENT, "%s: the %s of mask %d is NULL", who,
                           mask->variable ? "pattern" : "variable", (int)m);
        if (tl_check_pattern_shape(who, mask->variable, mask->keep) != TL_OK)
            return TL_ERR_SHAPE;
    }
    for (int32_t m = 0; m < masks->n; m++)
        for (int32_t i = 0; i < g->n; i++)
            if (g->pair[i].variable == masks->mask[m].variable)
                tl_restrict_gradient(g->graph, &g->pair[i], masks->mask[m].keep);
    return TL_OK;
}
