/* Learning rates as functions of the step. A NULL context and a step before the first give NaN, as a
 * structure out of range does. */
#include "schedule.h"

#include <math.h>

double tl_schedule_step(int64_t step, double rate, const void *context)
{
    const tl_step_decay *c = context;
    return c && step > 0 && c->every > 0 ? rate * pow(c->factor, (double)((step - 1) / c->every)) : NAN;
}

double tl_schedule_exponential(int64_t step, double rate, const void *context)
{
    const tl_exponential_decay *c = context;
    if (!c || step < 1 || c->every <= 0)
        return NAN;
    return rate * pow(c->factor, (double)(step - 1) / (double)c->every);
}

double tl_schedule_cosine(int64_t step, double rate, const void *context)
{
    const double pi = 3.141592653589793;
    const tl_cosine_decay *c = context;
    if (!c || step < 1 || c->steps <= 0)
        return NAN;
    const double fraction = step - 1 < c->steps ? (double)(step - 1) / (double)c->steps : 1;
    return c->last + (rate - c->last) * (1 + cos(pi * fraction)) / 2;
}

double tl_schedule_warm_up(int64_t step, double rate, const void *context)
{
    const tl_warm_up *c = context;
    if (!c || step < 1 || c->steps < 0)
        return NAN;
    if (step <= c->steps)
        return rate * (double)step / (double)c->steps;
    return c->then ? c->then(step - c->steps, rate, c->then_context) : rate;
}
