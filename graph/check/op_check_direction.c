/* Random directions: all operands that have a gradient move at once, forward and back. */
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The step of tl_gradcheck. */
static double step_at(double x)
{
    return (sizeof(tl_real) == sizeof(double) ? 1e-5 : 1e-2) * fmax(1, fabs(x));
}

tl_status tl_direction_new(const tl_operands *o, tl_direction *d)
{
    *d = (tl_direction){ .o = o };
    for (int32_t i = 0; i < o->n; i++) {
        if (!(o->gradable >> i & 1))
            continue;
        const int64_t n = tl_variable_size(o->v[i]);
        const tl_real *x = tl_variable_values(o->v[i]);
        for (int k = 0; k < 3; k++)
            if (!(d->at[i][k] = calloc((size_t)(n + 1), sizeof(tl_real))))
                return tl_check_no_memory();
        if (!(d->dx[i] = calloc((size_t)(n + 1), sizeof(tl_real))))
            return tl_check_no_memory();
        tl_fill_upstream(d->dx[i], n);
        for (int64_t k = 0; k < n; k++) {
            const double move = step_at((double)x[k]) * (double)d->dx[i][k];
            d->at[i][TL_START][k] = x[k];
            d->at[i][TL_FORWARD][k] = (tl_real)((double)x[k] + move);
            d->at[i][TL_BACK][k] = (tl_real)((double)x[k] - move);
            d->dx[i][k] = (tl_real)(((double)d->at[i][TL_FORWARD][k] - (double)d->at[i][TL_BACK][k]) /
                                    (2 * step_at(0)));
        }
    }
    return TL_OK;
}

double tl_direction_step(void)
{
    return step_at(0);
}

void tl_direction_move(const tl_direction *d, tl_place place)
{
    for (int32_t i = 0; i < d->o->n; i++)
        if (d->at[i][place] && tl_variable_size(d->o->v[i]) > 0)
            memcpy(tl_variable_data(d->o->v[i]), d->at[i][place],
                   (size_t)tl_variable_size(d->o->v[i]) * sizeof(tl_real));
}

tl_status tl_direction_values(const tl_direction *d, tl_place place, tl_run *r)
{
    tl_graph *g = tl_graph_new();
    *r = (tl_run){ 0 };
    tl_direction_move(d, place);
    tl_status status = g ? tl_run_call(g, d->o, 0, NULL, r) : TL_ERR_MEMORY;
    tl_direction_move(d, TL_START);
    tl_graph_free(g);
    return status == TL_OK ? TL_OK : tl_report_error(d->o->subject, d->o->sample, "the moved call");
}

void tl_direction_free(tl_direction *d)
{
    for (int32_t i = 0; i < TL_SAMPLE_IN; i++) {
        for (int k = 0; k < 3; k++)
            free(d->at[i][k]);
        free(d->dx[i]);
    }
    *d = (tl_direction){ 0 };
}
