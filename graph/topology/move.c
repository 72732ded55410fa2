/* Connections that move: some are dropped, and as many grow. */
#include "topology.h"

tl_pattern *tl_topology_move_random(tl_variable *w, int64_t k, uint64_t seed)
{
    tl_pattern *kept = tl_topology_drop(w, NULL, k);
    tl_pattern *moved = kept ? tl_pattern_add(kept, k, NULL, &seed) : NULL;
    tl_pattern_release(kept);
    return moved;
}

tl_pattern *tl_topology_move_by_gradient(tl_variable *w, int64_t k, const tl_graph *g)
{
    tl_pattern *kept = tl_topology_drop(w, NULL, k);
    tl_pattern *moved = kept ? tl_topology_grow_by_gradient(kept, k, g, w) : NULL;
    tl_pattern_release(kept);
    return moved;
}
