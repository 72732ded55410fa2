/* Initialisers: one draw per existing value, in the order of the values. */
#include "init.h"
#include "graph/variable/variable_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <tgmath.h>

/* Draws a value from its fans and two parameters. */
typedef struct distribution {
    double (*draw)(tl_random *r, double fan_in, double fan_out, const struct distribution *d);
    double a, b;
    bool units_are_rows;
} distribution;

/* Returns the number of inputs. A convolution kernel has one row per position in its receptive field and
 * input channel; the rows of one channel have a stride of as many rows as there are channels. */
static int64_t inputs_of(const tl_variable *v)
{
    return v->shape.rank > 1 ? v->shape.dim[v->shape.rank - 2] : 1;
}

/* Counts the connections that each input of a masked kernel feeds. NULL if memory is short. */
static int64_t *count_fed(const tl_variable *v)
{
    const tl_csr s = tl_pattern_csr(v->pattern);
    int64_t *fed = tl_alloc_zero(inputs_of(v), sizeof *fed);
    for (int64_t i = 0; fed && i < s.rows; i++)
        fed[i % inputs_of(v)] += s.row_ptr[i + 1] - s.row_ptr[i];
    return fed;
}

/* Returns the number of connections that the input of row i, which has n, feeds. */
static double fan_out_of(const tl_variable *v, const int64_t *fed, int64_t i, int64_t n)
{
    if (fed)
        return (double)fed[i % inputs_of(v)];
    return (double)(v->pattern ? n : tl_shape_rows(v->shape) / inputs_of(v) * n);
}

/* Return the unit and the input of row i of filters: their first two dimensions. */
static int64_t filter_of(const tl_variable *v, int64_t i)
{
    return i / (tl_shape_rows(v->shape) / v->shape.dim[0]);
}

static int64_t channel_of(const tl_variable *v, int64_t i)
{
    return i / (v->shape.rank > 3 ? v->shape.dim[2] : 1) % v->shape.dim[1];
}

/* Counts the values of each unit, and after these of each input of filters. NULL if memory is short. */
static int64_t *count_filters(const tl_variable *v)
{
    const tl_csr s = tl_pattern_csr(v->pattern);
    int64_t *count = tl_alloc_zero(v->shape.dim[0] + v->shape.dim[1], sizeof *count);
    for (int64_t i = 0; count && i < tl_shape_rows(v->shape); i++) {
        const int64_t n = v->pattern ? s.row_ptr[i + 1] - s.row_ptr[i] : tl_shape_cols(v->shape);
        count[filter_of(v, i)] += n;
        count[v->shape.dim[0] + channel_of(v, i)] += n;
    }
    return count;
}

static tl_status fill(tl_variable *v, tl_random *r, distribution d, const char *who)
{
    if (!v || !r)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, v ? "generator" : "variable");
    tl_before_read(v, 0, NULL);
    v->changes++;
    tl_real *data = v->data;
    if (v->size == 0) /* the rows may be many */
        return TL_OK;
    int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    const tl_csr s = tl_pattern_csr(v->pattern);
    const int64_t *col_ptr = NULL;
    if (v->pattern) {
        const tl_pattern *columns = tl_pattern_transpose(v->pattern, NULL);
        if (!columns)
            return TL_ERR_MEMORY;
        col_ptr = tl_pattern_row_ptr(columns);
    }
    const bool filters = d.units_are_rows && v->shape.rank > 2;
    const bool kernel = !filters && v->pattern && v->shape.rank > 2;
    int64_t at = 0, *fed = filters ? count_filters(v) : kernel ? count_fed(v) : NULL;
    if ((filters || kernel) && !fed)
        return tl_fail_memory();
    for (int64_t i = 0; i < rows; i++) {
        int64_t n = v->pattern ? s.row_ptr[i + 1] - s.row_ptr[i] : cols;
        double across = filters ? (double)fed[filter_of(v, i)] : fan_out_of(v, fed, i, n);
        double of_input = filters ? (double)fed[v->shape.dim[0] + channel_of(v, i)] : 0;
        for (int64_t k = 0; k < n; k++, at++) {
            int64_t j = v->pattern ? s.col[at] : k;
            double down = filters ? of_input : (double)(col_ptr ? col_ptr[j + 1] - col_ptr[j] : rows);
            double value = d.units_are_rows ? d.draw(r, across, down, &d) : d.draw(r, down, across, &d);
            data[v->sparse ? at : i * cols + j] = (tl_real)value;
        }
    }
    tl_free(fed);
    return TL_OK;
}

static double constant(tl_random *r, double fan_in, double fan_out, const distribution *d)
{
    (void)r, (void)fan_in, (void)fan_out;
    return d->a;
}

static double uniform(tl_random *r, double fan_in, double fan_out, const distribution *d)
{
    (void)fan_in, (void)fan_out;
    const tl_real low = (tl_real)d->a, high = (tl_real)d->b;
    const double u = tl_random_uniform(r), range = d->b - d->a;
    const tl_real x = (tl_real)(isfinite(range) ? d->a + range * u : d->a * (1 - u) + d->b * u);
    return (double)(x == high ? nextafter(high, low) : x); /* rounded up to what is excluded */
}

static double normal(tl_random *r, double fan_in, double fan_out, const distribution *d)
{
    (void)fan_in, (void)fan_out;
    return d->a + d->b * tl_random_normal(r);
}

static double glorot(tl_random *r, double fan_in, double fan_out, const distribution *d)
{
    (void)d;
    return sqrt(6 / (fan_in + fan_out)) * (2 * tl_random_uniform(r) - 1);
}

static double he(tl_random *r, double fan_in, double fan_out, const distribution *d)
{
    (void)fan_out, (void)d;
    return sqrt(2 / fan_in) * tl_random_normal(r);
}

tl_status tl_init_constant(tl_variable *v, tl_real value)
{
    tl_random unused = { 0 };
    return fill(v, &unused, (distribution){ .draw = constant, .a = value }, "init_constant");
}

tl_status tl_init_uniform(tl_variable *v, tl_real lo, tl_real hi, tl_random *r)
{
    return fill(v, r, (distribution){ .draw = uniform, .a = lo, .b = hi }, "init_uniform");
}

tl_status tl_init_normal(tl_variable *v, tl_real mean, tl_real deviation, tl_random *r)
{
    return fill(v, r, (distribution){ .draw = normal, .a = mean, .b = deviation }, "init_normal");
}

tl_status tl_init_glorot(tl_variable *v, tl_random *r)
{
    return fill(v, r, (distribution){ .draw = glorot }, "init_glorot");
}

tl_status tl_init_he(tl_variable *v, tl_random *r)
{
    return fill(v, r, (distribution){ .draw = he }, "init_he");
}

tl_status tl_init_glorot_rows(tl_variable *v, tl_random *r)
{
    return fill(v, r, (distribution){ .draw = glorot, .units_are_rows = true }, "init_glorot_rows");
}

tl_status tl_init_he_rows(tl_variable *v, tl_random *r)
{
    return fill(v, r, (distribution){ .draw = he, .units_are_rows = true }, "init_he_rows");
}
