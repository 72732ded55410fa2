/* One process, where there is no MPI: ranks_start says so, and there is nothing to exchange. */
#include "ranks.h"

bool ranks_start(ranks *r, int argc, char **argv)
{
    (void)r;
    (void)argc;
    (void)argv;
    return false;
}

bool ranks_join(ranks *r)
{
    (void)r;
    return true;
}

void ranks_leave(ranks *r)
{
    (void)r;
}

bool ranks_agree(ranks *r, bool ok)
{
    (void)r;
    return ok;
}

bool ranks_broadcast(ranks *r, tl_variable *const *vars, int n, tl_optimizer *o)
{
    (void)r;
    (void)vars;
    (void)n;
    (void)o;
    return true;
}

samples ranks_own(const ranks *r)
{
    return (samples){ 0, r->parts };
}

void ranks_add(ranks *r, int64_t part, const tl_gradients *g, double weight)
{
    (void)r;
    (void)part;
    (void)g;
    (void)weight;
}

bool ranks_total(ranks *r, tl_gradients *sum, double *loss)
{
    (void)r;
    (void)sum;
    (void)loss;
    return true;
}
