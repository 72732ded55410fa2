/* Which connections go. */
#include "graph/variable/variable_private.h"
#include "lib/status_private.h"
#include "topology.h"

tl_pattern *tl_topology_drop(tl_variable *w, const tl_real *score, int64_t k)
{
    const char *who = "topology_drop";
    if (!w) {
        tl_fail(TL_ERR_ARGUMENT, "%s: the variable is NULL", who);
        return NULL;
    }
    const int64_t n = tl_connection_count(w);
    if (k < 0 || k > n) {
        tl_fail(TL_ERR_ARGUMENT, "%s: k %lld for %s is not in 0..%lld, the number of connections", who,
                (long long)k, w->name, (long long)n);
        return NULL;
    }
    if (k == 0 && w->pattern)
        return tl_pattern_retain(w->pattern);
    tl_before_read(w, 0, NULL);
    return tl_pattern_of_largest(w, score ? score : w->data, n - k);
}
