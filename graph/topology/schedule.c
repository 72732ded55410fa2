/* How much of a network moves at which step. */
#include "topology.h"

#include <math.h>

double tl_topology_fraction(const tl_topology_schedule *s, int64_t step)
{
    const char *who = "topology_fraction";
    const double pi = 3.141592653589793;
    if (!s) {
        tl_fail(TL_ERR_ARGUMENT, "%s: the schedule is NULL", who);
        return NAN;
    }
    if (!(s->fraction >= 0 && s->fraction <= 1)) {
        tl_fail(TL_ERR_ARGUMENT, "%s: fraction %g is not in [0, 1]", who, s->fraction);
        return NAN;
    }
    if (s->every < 1 || s->end < 1 || step < 1) {
        tl_fail(TL_ERR_ARGUMENT, "%s: every %lld, end %lld and step %lld must be >= 1", who,
                (long long)s->every, (long long)s->end, (long long)step);
        return NAN;
    }
    if (step % s->every != 0 || step >= s->end)
        return 0;
    return s->constant ? s->fraction : s->fraction * (1 + cos(pi * (double)step / (double)s->end)) / 2;
}
