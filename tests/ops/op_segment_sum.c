/* segment_sum: of the rows of each segment */
#include "tests/ops/segmented.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    const tl_segments *s = attr;
    return tl_segment_sum(in[0], s->row_ptr, s->n);
}

static tl_shape reference(tl_reference *r)
{
    const tl_segments *s = r->attr;
    const tl_shape y = segmented(r);
    const int64_t width = s->n > 0 ? tl_shape_size(y) / s->n : 0;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t row = s->row_ptr[i]; row < s->row_ptr[i + 1]; row++)
            for (int64_t j = 0; j < width; j++)
                r->y[i * width + j] += r->in[0][row * width + j];
    return y;
}

static const tl_sample samples[] = {
    SEGMENTED,
    SEGMENTED_REFUSALS,
    /* empty segments give 0; a NaN stays in its segment; rows of none have no gradient */
    { .in = { { TL_STATIC_SHAPE(4, 1), .values = TL_VALUES(NAN, 1, 3, 7) } },
      .attr = PTR(3, 0, 1, 1, 3),
      .y = TL_VALUES(NAN, 0, 4),
      .upstream = TL_VALUES(2, NAN, 4),
      .gradient = { TL_VALUES(2, 4, 4, 0) } },
};

static const tl_op_case segment_sum = { .name = "segment_sum", SEGMENTS_CASE(0) };

START_TEST(long_sums)
{
    check_long_sums(tl_segment_sum, 0x1p24 + 256);
}
END_TEST

START_TEST(row_ptr_is_copied)
{
    check_row_ptr_is_copied(tl_segment_sum);
}
END_TEST

Suite *tl_test_suite(void)
{
    fill_thousand();
    Suite *s = tl_op_suite(&segment_sum);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, long_sums);
    tcase_add_test(c, row_ptr_is_copied);
    return s;
}
