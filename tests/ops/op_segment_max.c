/* segment_max: of each column in the rows of each segment; the first among equals receives the gradient */
#include "tests/ops/segmented.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    const tl_segments *s = attr;
    return tl_segment_max(in[0], s->row_ptr, s->n);
}

static tl_shape reference(tl_reference *r)
{
    const tl_segments *s = r->attr;
    const tl_shape y = segmented(r);
    const int64_t width = s->n > 0 ? tl_shape_size(y) / s->n : 0;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t row = s->row_ptr[i]; row < s->row_ptr[i + 1]; row++)
            for (int64_t j = 0; j < width; j++) {
                const double x = r->in[0][row * width + j];
                double *max = &r->y[i * width + j];
                *max = row == s->row_ptr[i] || x > *max ? x : *max;
            }
    return y;
}

static tl_sample samples[] = {
    SEGMENTED,
    SEGMENTED_REFUSALS,
    /* empty segments give 0; first wins ties; a NaN is the largest; rows of no segment have no gradient */
    { .in = { { TL_STATIC_SHAPE(5, 2), .values = TL_VALUES(-3, 2, -3, NAN, -4, NAN, 9, -INFINITY, 9, 9) } },
      .attr = PTR(3, 0, 3, 3, 4),
      .y = TL_VALUES(-3, NAN, 0, 0, 9, -INFINITY),
      .upstream = TL_VALUES(1, 2, NAN, NAN, 5, 6),
      .gradient = { TL_VALUES(1, 0, 0, 2, 0, 0, 5, 6, 0, 0) } },
};

/* The elements that are the largest stay those of forward. */
static const tl_op_case segment_max = { .name = "segment_max", SEGMENTS_CASE(TL_SKIP(TL_STAGE_BETWEEN)) };

/* Returns values of which one per segment and column is the largest by more than any difference that is
 * taken: the derivative is then that of one element. */
static const double *one_largest(tl_shape a, const tl_segments *s)
{
    const int64_t n = tl_shape_size(a), width = a.dim[0] > 0 ? n / a.dim[0] : 0;
    double *values = calloc((size_t)n + 1, sizeof *values);
    for (int64_t k = 0; k < n; k++)
        values[k] = (double)(k * 7 % 9 - 4) / 8;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < width && s->row_ptr[i] < s->row_ptr[i + 1]; j++) {
            const int64_t rows = s->row_ptr[i + 1] - s->row_ptr[i], row = (i * 11 + j * 7) % rows;
            values[(s->row_ptr[i] + row) * width + j] = 1 + (double)(j % 5) / 8;
        }
    return values;
}

START_TEST(row_ptr_is_copied)
{
    check_row_ptr_is_copied(tl_segment_max);
}
END_TEST

Suite *tl_test_suite(void)
{
    fill_thousand();
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++)
        if (samples[k].status == TL_OK && !samples[k].y)
            samples[k].in[0].values = one_largest(samples[k].in[0].shape, samples[k].attr);
    Suite *s = tl_op_suite(&segment_max);
    tcase_add_test(tl_test_case(s, "beyond"), row_ptr_is_copied);
    return s;
}
