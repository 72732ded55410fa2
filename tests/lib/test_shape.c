/* Shapes: construction, invalid shapes, folding into a matrix, text. */
#include "tests/testing.h"

#define BIG ((int64_t)1 << 62)
/* The most elements that PTRDIFF_MAX bytes hold: 2^61 - 1 floats, 2^60 - 1 doubles. */
#define MOST (PTRDIFF_MAX / (int64_t)sizeof(tl_real))

START_TEST(construction)
{
    tl_shape scalar = TL_SHAPE(), vector = TL_SHAPE(7), four = TL_SHAPE(2, 3, 4, 5);
    ck_assert_int_eq(scalar.rank, 0);
    ck_assert_int_eq(vector.rank, 1);
    ck_assert_int_eq(four.rank, 4);
    for (int k = 0; k < TL_MAX_RANK; k++) {
        ck_assert_int_eq(scalar.dim[k], 0);
        ck_assert_int_eq(vector.dim[k], k == 0 ? 7 : 0);
        ck_assert_int_eq(four.dim[k], k + 2);
    }
}
END_TEST

/* Of five sizes, four are read; at a rank of 0 or less, none. */
START_TEST(construction_of_impossible_ranks)
{
    tl_shape five = TL_SHAPE(1, 2, 3, 4, 5), less = tl_shape_from(-1, NULL);
    ck_assert_int_eq(five.rank, 5);
    ck_assert_int_eq(five.dim[3], 4);
    ck_assert_int_eq(less.rank, -1);
    ck_assert_int_eq(tl_shape_from(0, NULL).rank, 0);
}
END_TEST

START_TEST(accepted)
{
    const tl_shape sound[] = { TL_SHAPE(),           TL_SHAPE(0),           TL_SHAPE(1),
                               TL_SHAPE(2, 3, 4, 5), TL_SHAPE(0, MOST),     TL_SHAPE(MOST, 0),
                               TL_SHAPE(0, 0, 0, 0), TL_SHAPE(MOST),        TL_SHAPE(1, MOST),
                               TL_SHAPE(MOST, 1),    TL_SHAPE(2, MOST / 2), TL_SHAPE(MOST / 5, 5) };
    for (size_t k = 0; k < sizeof sound / sizeof *sound; k++)
        ck_assert_ok(tl_shape_check(sound[k]));
}
END_TEST

/* Among them products that wrap to 0, to something small and to something negative. */
START_TEST(refused)
{
#define MANY     " has more elements than memory can hold"
#define NEGATIVE " has a negative size"
#define TWO_62   "4611686018427387904"
    const struct {
        tl_shape shape;
        const char *text;
    } wrong[] = {
        { TL_SHAPE(1, 2, 3, 4, 5), "rank 5 is not in 0..4" },
        { tl_shape_from(-1, NULL), "rank -1 is not in 0..4" },
        { TL_SHAPE(-1), "[-1]" NEGATIVE },
        { TL_SHAPE(3, -2, 4), "3x-2x4" NEGATIVE },
        { TL_SHAPE(0, -1), "0x-1" NEGATIVE },
        { TL_SHAPE(BIG, BIG, -1), TWO_62 "x" TWO_62 "x-1" NEGATIVE },
        { TL_SHAPE(MOST + 1), TL_IS_DOUBLE ? "[1152921504606846976]" MANY : "[2305843009213693952]" MANY },
        { TL_SHAPE(BIG, 4), TWO_62 "x4" MANY },
        { TL_SHAPE(BIG, 2), TWO_62 "x2" MANY },
        { TL_SHAPE(6, BIG, 3), "6x" TWO_62 "x3" MANY },
        { TL_SHAPE((int64_t)1 << 32, (int64_t)1 << 32), "4294967296x4294967296" MANY },
        { TL_SHAPE(INT64_MAX, INT64_MAX), "9223372036854775807x9223372036854775807" MANY },
        /* no element, but more rows or columns than any number type counts */
        { TL_SHAPE(BIG, BIG, 0), TWO_62 "x" TWO_62 "x0" MANY },
        { TL_SHAPE(0, BIG, BIG), "0x" TWO_62 "x" TWO_62 MANY },
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        ck_assert_status(tl_shape_check(wrong[k].shape), TL_ERR_SHAPE, wrong[k].text);
}
END_TEST

/* Elements, rows and columns. */
START_TEST(folding)
{
    const struct {
        tl_shape shape;
        int64_t size, rows, cols;
    } as[] = {
        { TL_SHAPE(), 1, 1, 1 },
        { TL_SHAPE(7), 7, 1, 7 },
        { TL_SHAPE(3, 4), 12, 3, 4 },
        { TL_SHAPE(2, 3, 4), 24, 6, 4 },
        { TL_SHAPE(2, 3, 4, 5), 120, 24, 5 },
        { TL_SHAPE(0), 0, 1, 0 },
        { TL_SHAPE(5, 0), 0, 5, 0 },
        { TL_SHAPE(0, 5), 0, 0, 5 },
        { TL_SHAPE(2, 0, 3, 4), 0, 0, 4 },
    };
    for (size_t k = 0; k < sizeof as / sizeof *as; k++) {
        ck_assert_int_eq(tl_shape_size(as[k].shape), as[k].size);
        ck_assert_int_eq(tl_shape_rows(as[k].shape), as[k].rows);
        ck_assert_int_eq(tl_shape_cols(as[k].shape), as[k].cols);
    }
}
END_TEST

START_TEST(equality)
{
    ck_assert(tl_shape_equal(TL_SHAPE(), TL_SHAPE()));
    ck_assert(tl_shape_equal(TL_SHAPE(2, 3, 4, 5), TL_SHAPE(2, 3, 4, 5)));
    ck_assert(!tl_shape_equal(TL_SHAPE(2, 3, 4, 5), TL_SHAPE(2, 3, 4, 6)));
    ck_assert(!tl_shape_equal(TL_SHAPE(2, 3), TL_SHAPE(3, 2)));
    ck_assert(!tl_shape_equal(TL_SHAPE(3), TL_SHAPE(1, 3)));
    ck_assert(!tl_shape_equal(TL_SHAPE(3), TL_SHAPE(3, 0)));
    ck_assert(!tl_shape_equal(TL_SHAPE(), TL_SHAPE(1)));
    /* what is stored after the last dimension does not count */
    ck_assert(tl_shape_equal((tl_shape){ .rank = 1, .dim = { 3, 9 } }, TL_SHAPE(3)));
}
END_TEST

/* The accessors of an invalid shape read its four sizes and no more. */
START_TEST(unchecked)
{
    const tl_shape five = TL_SHAPE(1, 2, 3, 4, 5);
    ck_assert_int_eq(tl_shape_size(five), 24);
    ck_assert_int_eq(tl_shape_rows(five), 6);
    ck_assert_int_eq(tl_shape_cols(five), 4);
    ck_assert(tl_shape_equal(five, TL_SHAPE(1, 2, 3, 4, 6)));
    (void)tl_shape_size(TL_SHAPE(INT64_MAX, 3)); /* overflows, which is defined */
    (void)tl_shape_rows(TL_SHAPE(INT64_MAX, 3, 1));
    ck_assert(!tl_shape_equal(five, TL_SHAPE(1, 2, 3, 4)));
}
END_TEST

START_TEST(text)
{
    ck_assert_str_eq(tl_shape_text(TL_SHAPE()).text, "scalar");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(7)).text, "[7]");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(0)).text, "[0]");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(-1)).text, "[-1]");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(INT64_MIN)).text, "[-9223372036854775808]");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(784, 300)).text, "784x300");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(1, 7)).text, "1x7");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(2, 0, -3)).text, "2x0x-3");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(1, 2, 3, 4, 5)).text, "rank 5");
    ck_assert_str_eq(tl_shape_text(tl_shape_from(-1, NULL)).text, "rank -1");
    ck_assert_str_eq(tl_shape_text((tl_shape){ .rank = INT32_MIN }).text, "rank -2147483648");
    ck_assert_str_eq(tl_shape_text(TL_SHAPE(INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN)).text,
                     "-9223372036854775808x-9223372036854775808x-9223372036854775808x-9223372036854775808");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("shape");
    TCase *c = tl_test_case(s, "shape");
    tcase_add_test(c, construction);
    tcase_add_test(c, construction_of_impossible_ranks);
    tcase_add_test(c, accepted);
    tcase_add_test(c, refused);
    tcase_add_test(c, folding);
    tcase_add_test(c, equality);
    tcase_add_test(c, unchecked);
    tcase_add_test(c, text);
    return s;
}
