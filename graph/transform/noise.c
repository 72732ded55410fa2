/* Noise added to gradients. */
#include "transform.h"
#include "graph/tape/tape.h"
#include "graph/transform/scale.h"

/* Notes where the generator is, for a step that fails after this transform. */
static tl_status note_position(tl_graph *g, tl_random *r)
{
    tl_drawn *d = g ? tl_arena_alloc(&g->arena, 1, sizeof *d) : NULL;
    if (g && !d)
        return tl_fail_memory();
    if (g) {
        *d = (tl_drawn){ g->drawn, r, r->position };
        g->drawn = d;
    }
    return TL_OK;
}

tl_status tl_add_noise(tl_gradients *g, void *context)
{
    tl_noise *noise = context;
    if (!noise)
        return tl_fail(TL_ERR_ARGUMENT, "add_noise: the context is not a tl_noise");
    if (!(noise->deviation >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "add_noise: deviation %g must be >= 0", noise->deviation);
    if (tl_transform_check("add_noise", g) != TL_OK)
        return TL_ERR_ARGUMENT;
    if (note_position(g->graph, &noise->r) != TL_OK)
        return TL_ERR_MEMORY;
    for (int32_t i = 0; i < g->n; i++) {
        const int64_t n = tl_gradient_size(&g->pair[i]);
        for (int64_t k = 0; k < n; k++)
            g->pair[i].values[k] += (tl_real)(noise->deviation * tl_random_normal(&noise->r));
    }
    return TL_OK;
}
