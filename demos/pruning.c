/* The cubic schedule. */
#include "pruning.h"

double pruning_density(const pruning *p, int64_t steps)
{
    if (steps < p->begin)
        return 1;
    if (steps >= p->end)
        return p->density;
    const double left = (double)(p->end - steps) / (double)(p->end - p->begin);
    return p->density + (1 - p->density) * left * left * left;
}

bool pruning_is_due(const pruning *p, int64_t steps)
{
    return steps == p->end || (steps > p->begin && steps < p->end && (steps - p->begin) % p->every == 0);
}
