/* The order of the images, and the steps. */
#include "pass.h"
#include "demo.h"

#include <stdlib.h>

int64_t pass_steps(const digits *d, int64_t batch)
{
    return (d->train.n + batch - 1) / batch;
}

bool pass_begin(pass *p, const digits *d, int64_t batch, tl_random *rng)
{
    const int64_t n = batch < d->train.n ? batch : d->train.n;
    *p = (pass){ .d = d, .batch = n, .steps = pass_steps(d, n) };
    if (!(p->graph = tl_graph_new()) || !(p->image = allocate(n * d->height * d->width, sizeof *p->image)) ||
        !(p->label = allocate(n, sizeof *p->label)) || !(p->order = allocate(d->train.n, sizeof *p->order)) ||
        !(p->ms = allocate(p->steps, sizeof *p->ms)))
        return false;
    tl_random_permutation(rng, (int32_t)d->train.n, p->order);
    return true;
}

void pass_free(pass *p)
{
    tl_graph_free(p->graph);
    free(p->image);
    free(p->label);
    free(p->order);
    free(p->ms);
}

bool pass_next(pass *p)
{
    const int64_t first = p->step * p->batch, left = p->d->train.n - first;
    if (left <= 0)
        return false;
    p->n = left < p->batch ? left : p->batch;
    digits_gather(p->d, p->order + first, p->n, p->image, p->label);
    p->start = seconds();
    return true;
}

static bool count(pass *p, double loss)
{
    p->loss += (double)p->n * loss;
    p->ms[p->step++] = 1e3 * (seconds() - p->start);
    return true;
}

bool pass_step(pass *p, tl_optimizer *o, tl_node *loss)
{
    if (tl_minimize(o, loss) != TL_OK)
        return graph_failed(p->graph);
    const double value = (double)tl_value(loss)[0];
    tl_graph_reset(p->graph);
    return count(p, value);
}

bool pass_step_by(pass *p, ranks *by, tl_optimizer *o, loss_function *loss_of, void *context)
{
    double loss;
    return ranks_minimize(by, o, p->graph, p->n, loss_of, context, &loss) && count(p, loss);
}

double pass_loss(const pass *p)
{
    return p->loss / (double)p->d->train.n;
}

double pass_ms(const pass *p)
{
    return median(p->ms, p->step);
}
