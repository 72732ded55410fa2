/* Random operands of a sample. */
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Samples ---- */

int32_t tl_sample_count(const tl_subject *s, const tl_sample *sample)
{
    return sample->n_in != 0 ? sample->n_in : s->op->n_in;
}

bool tl_operand_is_sparse(const tl_operand *o)
{
    return o->density > 0 || o->keep || o->same_pattern;
}

bool tl_operand_is_absent(const tl_operand *o)
{
    return o->shape.rank < 0;
}

bool tl_sample_works(const tl_sample *sample)
{
    bool example = sample->y;
    for (int32_t i = 0; i < TL_SAMPLE_IN; i++)
        example = example || sample->gradient[i];
    return sample->status == TL_OK && !example;
}

bool tl_sample_is_small(const tl_subject *s, const tl_sample *sample)
{
    int64_t size = 0;
    for (int32_t i = 0; i < tl_sample_count(s, sample); i++)
        if (!tl_operand_is_absent(&sample->in[i]))
            size += tl_shape_size(sample->in[i].shape);
    return size <= TL_SAMPLE_SMALL && !sample->large && tl_sample_works(sample);
}

const tl_sample *tl_first_sample(const tl_subject *s)
{
    for (int32_t k = 0; k < s->op->n_samples; k++)
        if (tl_sample_is_small(s, &s->op->sample[k]))
            return &s->op->sample[k];
    tl_report(s, NULL, "there is no sample that works and has at most %d values", TL_SAMPLE_SMALL);
    return NULL;
}

/* ---- Ranges ---- */

static double step_at(double x)
{
    return (sizeof(tl_real) == sizeof(double) ? 1e-5 : 1e-2) * fmax(1, fabs(x)); /* of tl_gradcheck */
}

void tl_operand_range(const tl_subject *s, const tl_sample *sample, int32_t i, tl_draw how, double *low,
                      double *high)
{
    *low = sample->in[i].low, *high = sample->in[i].high;
    const bool open = *low == *high;
    if (open && s->unary) {
        const tl_unary_case *c = s->unary;
        const bool own = how == TL_DRAW_SMOOTH && c->gradient_low != c->gradient_high;
        *low = own ? c->gradient_low : c->low;
        *high = own ? c->gradient_high : c->high;
    } else if (open && s->binary) {
        *low = i == 0 ? s->binary->a_low : s->binary->b_low;
        *high = i == 0 ? s->binary->a_high : s->binary->b_high;
    }
    if (*low == *high && (s->unary || s->binary))
        *low = -8, *high = 8;
}

/* Returns whether a central difference at x crosses a kink. */
static bool near_kink(const tl_unary_case *c, double x)
{
    for (int32_t k = 0; k < c->n_kinks; k++)
        if (fabs(x - c->kink[k].at) < fmax(0.1, 2 * step_at(x)))
            return true;
    return false;
}

/* ---- Draws ---- */

/* Returns a magnitude of any order between the two: of f, small arguments are others than large ones. */
static double draw_log(tl_draws *r, double least, double most)
{
    return least * exp(log(most / least) * tl_draw_uniform(r));
}

static double draw_in(tl_draws *r, double low, double high, tl_draw how)
{
    const double u = tl_draw_uniform(r);
    if (how == TL_DRAW_SMOOTH) {
        const double from = low + 1.01 * step_at(low), to = high - 1.01 * step_at(high);
        return from + (to - from) * u;
    }
    const bool small = tl_draw_uniform(r) < 0.5;
    const double sign = high <= 0 || (low < 0 && tl_draw_uniform(r) < 0.5) ? -1 : 1;
    const double least = sign > 0 ? low : -high, most = sign > 0 ? high : -low;
    return small ? sign * draw_log(r, fmax(least, 1e-6 * most), most) : low + (high - low) * u;
}

/* Draws a value of operand i. */
static double draw(const tl_subject *s, const tl_sample *sample, int32_t i, tl_draw how, tl_draws *r)
{
    double low, high;
    tl_operand_range(s, sample, i, how, &low, &high);
    if (low != high && !s->unary && !s->binary)
        return low + (high - low) * tl_draw_uniform(r);
    if (low != high) {
        double x = draw_in(r, low, high, how);
        while (s->unary && how == TL_DRAW_SMOOTH && near_kink(s->unary, x))
            x = draw_in(r, low, high, how);
        return x;
    }
    if (how == TL_DRAW_VALUES && s->op->ulps == 0)
        return floor(11 * tl_draw_uniform(r)) - 5;
    const double u = 2 * tl_draw_uniform(r) - 1;
    return u + copysign(0.2, u);
}

/* Draws new values where a pair that meets is near a kink: of the larger operand, whose elements meet fewer,
 * and where that does not help of both in turn. */
static tl_status avoid_kinks(const tl_operands *o, tl_draws *r)
{
    const tl_binary_case *c = o->subject->binary;
    const tl_shape a = o->sample->in[0].shape, b = o->sample->in[1].shape;
    const int32_t larger = tl_shape_size(a) >= tl_shape_size(b) ? 0 : 1;
    tl_shape y;
    if (tl_operand_is_sparse(&o->sample->in[0]) || tl_operand_is_sparse(&o->sample->in[1]) ||
        !tl_broadcast_shape(a, b, &y))
        return TL_OK;
    tl_real *x[] = { tl_variable_data(o->v[0]), tl_variable_data(o->v[1]) };
    for (int32_t round = 0; round < 1000; round++) {
        const int32_t i = round < 100 ? larger : round % 2;
        bool clean = true;
        for (int64_t k = 0; k < tl_shape_size(y); k++) {
            const int64_t at[] = { tl_broadcast_index(a, y, k), tl_broadcast_index(b, y, k) };
            const double left = (double)x[0][at[0]], right = (double)x[1][at[1]];
            if (fabs(c->kink_distance(left, right)) >= fmax(0.1, 3 * (step_at(left) + step_at(right))))
                continue;
            x[i][at[i]] = (tl_real)draw(o->subject, o->sample, i, TL_DRAW_SMOOTH, r);
            clean = false;
        }
        if (clean)
            return TL_OK;
    }
    return tl_report(o->subject, o->sample, "no operands were found away from the kinks");
}

void tl_operands_avoid_diagonal(const tl_subject *s, tl_variable *v, double low, double high)
{
    tl_draws r = { .state = 99 };
    tl_real *x = tl_variable_data(v);
    for (int64_t k = 0; k < tl_variable_size(v); k++)
        for (int32_t round = 0; round < 1000; round++) {
            const double a = (double)x[k], d = fabs(s->binary->kink_distance(a, a));
            if (d == 0 || d >= fmax(0.1, 6 * step_at(a))) /* 0: a tie at every point, and no kink along it */
                break;
            x[k] = (tl_real)draw_in(&r, low, high, TL_DRAW_SMOOTH);
        }
}

/* ---- Variables ---- */

/* Returns the pattern of a sparse operand. */
static tl_pattern *draw_pattern(const tl_operand *o, tl_draws *r)
{
    const int64_t rows = o->shape.dim[0], cols = o->shape.dim[1];
    if (o->keep)
        return tl_pattern_from_mask(rows, cols, o->keep);
    uint8_t *keep = calloc((size_t)(rows * cols + 1), 1);
    if (!keep) {
        tl_check_no_memory();
        return NULL;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            const bool empty = (rows > 2 && i == 1) || (cols > 2 && j == 1);
            keep[i * cols + j] = tl_draw_uniform(r) < o->density && !empty;
        }
    tl_pattern *p = tl_pattern_from_mask(rows, cols, keep);
    free(keep);
    return p;
}

/* Returns the pattern of the first sparse operand, if it has this shape. */
static tl_pattern *first_pattern(const tl_operands *o, tl_shape shape)
{
    for (int32_t i = 0; i < o->n; i++)
        if (o->v[i] && tl_variable_is_sparse(o->v[i]))
            return tl_shape_equal(tl_variable_shape(o->v[i]), shape) ? tl_variable_pattern(o->v[i]) : NULL;
    return NULL;
}

static tl_variable *new_variable(const tl_operands *o, int32_t i, tl_draws *r)
{
    const tl_operand *in = &o->sample->in[i];
    const char name[] = { (char)('a' + i), '\0' };
    if (!tl_operand_is_sparse(in))
        return tl_variable_dense(name, in->shape);
    tl_pattern *p = in->same_pattern ? tl_pattern_retain(first_pattern(o, in->shape)) : NULL;
    if (!p)
        p = draw_pattern(in, r);
    tl_variable *v = p ? tl_variable_sparse(name, p) : NULL;
    tl_pattern_release(p);
    return v;
}

/* Returns the index in the operand, row-major, of value e of the variable. */
static int64_t place_of(const tl_csr *csr, int64_t e)
{
    int64_t row = 0;
    while (csr->row_ptr[row + 1] <= e)
        row++;
    return row * csr->cols + csr->col[e];
}

tl_status tl_operands_draw(const tl_subject *s, const tl_sample *sample, tl_draw how, tl_operands *o)
{
    *o = (tl_operands){ .subject = s, .sample = sample, .n = tl_sample_count(s, sample) };
    for (int32_t i = 0; i < o->n; i++) {
        const tl_operand *in = &sample->in[i];
        tl_draws r = { .state = 0x9e3779b97f4a7c15u * (uint64_t)(1 + i + TL_SAMPLE_IN * (int32_t)how) };
        if (tl_operand_is_absent(in))
            continue;
        if (!(o->v[i] = new_variable(o, i, &r)))
            return tl_report_error(s, sample, "an operand");
        o->gradable |= in->constant ? 0 : (uint32_t)1 << i;
        const tl_csr csr = tl_operand_is_sparse(in) ? tl_pattern_csr(tl_variable_pattern(o->v[i]))
                                                    : (tl_csr){ 0 };
        tl_real *x = tl_variable_data(o->v[i]);
        for (int64_t k = 0; k < tl_variable_size(o->v[i]); k++)
            x[k] = (tl_real)(!in->values        ? draw(s, sample, i, how, &r)
                             : csr.row_ptr != 0 ? in->values[place_of(&csr, k)]
                                                : in->values[k]);
    }
    if (how != TL_DRAW_SMOOTH || !s->binary || !s->binary->kink_distance)
        return TL_OK;
    return avoid_kinks(o, &(tl_draws){ .state = 98 });
}

tl_status tl_check_samples(const tl_subject *s, tl_draw how, tl_status (*check)(const tl_operands *o))
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++) {
        if (!tl_sample_works(&s->op->sample[k]))
            continue;
        tl_operands o;
        status = tl_operands_draw(s, &s->op->sample[k], how, &o);
        if (status == TL_OK)
            status = check(&o);
        tl_operands_free(&o);
    }
    return status;
}

tl_status tl_operands_cut(const tl_operands *o, uint32_t cut, int64_t first, tl_sample *sample,
                          tl_operands *out)
{
    *sample = *o->sample;
    *out = (tl_operands){ .subject = o->subject, .sample = sample, .n = o->n, .gradable = o->gradable };
    for (int32_t i = 0; i < o->n; i++) {
        const bool rows = cut >> i & 1;
        tl_shape *shape = &sample->in[i].shape;
        if (!o->v[i])
            continue;
        const int64_t width = rows && shape->dim[0] > 0 ? tl_shape_size(*shape) / shape->dim[0] : 0;
        shape->dim[0] -= rows ? first : 0;
        out->v[i] = tl_variable_is_sparse(o->v[i])
                        ? tl_variable_sparse(tl_variable_name(o->v[i]), tl_variable_pattern(o->v[i]))
                        : tl_variable_dense(tl_variable_name(o->v[i]), *shape);
        if (!out->v[i])
            return tl_report_error(o->subject, o->sample, "an operand");
        if (tl_variable_size(out->v[i]) > 0)
            memcpy(tl_variable_data(out->v[i]), tl_variable_values(o->v[i]) + first * width,
                   (size_t)tl_variable_size(out->v[i]) * sizeof(tl_real));
    }
    return TL_OK;
}

void tl_operands_free(tl_operands *o)
{
    for (int32_t i = 0; i < o->n; i++) {
        for (int32_t j = i + 1; j < o->n; j++)
            if (o->v[j] == o->v[i])
                o->v[j] = NULL;
        tl_variable_free(o->v[i]);
        o->v[i] = NULL;
    }
}
