/* .npy files: every type, byte order, order of elements, rank and version; writing; conversion to tl_real. */
#include "tests/lib/npy_files.h"

#include <limits.h>
#include <sys/stat.h>

/* Three elements of each type as big-endian bytes, by hand. */
static const struct {
    tl_npy_type type;
    char kind;
    int width;
    unsigned char bytes[24];
    double value[3];
} types[] = {
    { TL_NPY_BOOL, 'b', 1, { 0, 1, 2 }, { 0, 1, 1 } },
    { TL_NPY_INT8, 'i', 1, { 0x80, 0xff, 0x7f }, { -128, -1, 127 } },
    { TL_NPY_INT16, 'i', 2, { 0x80, 0, 0xff, 0xfe, 1, 2 }, { INT16_MIN, -2, 0x102 } },
    { TL_NPY_INT32,
      'i',
      4,
      { 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe, 1, 2, 3, 4 },
      { INT32_MIN, -2, 0x1020304 } },
    { TL_NPY_INT64,
      'i',
      8,
      { 0x80, [8] = 0, 0, 1, 2, 3, 4, 5, 6, [16] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe },
      { -0x1p63, 0x10203040506, -2 } },
    { TL_NPY_UINT8, 'u', 1, { 0, 1, 0xff }, { 0, 1, 255 } },
    { TL_NPY_UINT16, 'u', 2, { 0x80, 0, 0xff, 0xff, 1, 2 }, { 32768, 65535, 0x102 } },
    { TL_NPY_UINT32,
      'u',
      4,
      { 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 },
      { 0x1p31, UINT32_MAX, 0x1020304 } },
    { TL_NPY_UINT64,
      'u',
      8,
      { 0x80, [8] = 0, 0, 1, 2, 3, 4, 5, 6, [16] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0 },
      { 0x1p63, 0x10203040506, 0xfffffffffffff800 } },
    { TL_NPY_FLOAT16, 'f', 2, { 0xbe, 0, 0, 1, 0x7b, 0xff }, { -1.5, 0x1p-24, 65504 } },
    { TL_NPY_FLOAT32,
      'f',
      4,
      { 0xbf, 0xc0, [7] = 1, 0x7f, 0x7f, 0xff, 0xff },
      { -1.5, 0x1p-149, 0x1.fffffep127 } },
    { TL_NPY_FLOAT64,
      'f',
      8,
      { 0xbf, 0xf8, [15] = 1, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a },
      { -1.5, 0x1p-1074, 0.1 } },
};
enum { TYPES = sizeof types / sizeof *types };

/* Type k in either byte order, of either version, plain or packed. */
START_TEST(every_type)
{
    const int k = _i, width = types[k].width;
    for (int little = 0; little < 2; little++)
        for (int version = 1; version <= 3; version++)
            for (int packing = PLAIN; packing < PACKINGS; packing++) {
                unsigned char bytes[24];
                char header[100];
                tl_npy a;
                for (int e = 0; e < 3; e++)
                    for (int b = 0; b < width; b++)
                        bytes[e * width + b] = types[k].bytes[e * width + (little ? width - 1 - b : b)];
                snprintf(header, sizeof header, "{'descr': '%c%c%d', 'fortran_order': %s, 'shape': (3,), }\n",
                         width == 1 ? '|'
                         : little   ? '<'
                                    : '>',
                         types[k].kind, width, little ? "True" : "False");
                ck_assert_ok(load(packing, version, header, bytes, 3 * (size_t)width, &a));
                ck_assert_int_eq(a.type, types[k].type);
                ck_assert_int_eq(a.rank, 1);
                ck_assert_int_eq(a.dim[0], 3);
                ck_assert_int_eq(a.size, 3);
                tl_real real[3];
                ck_assert_ok(tl_npy_to_real(&a, real));
                for (int e = 0; e < 3; e++) {
                    ck_assert(tl_npy_get(&a, e) == types[k].value[e]);
                    ck_assert(real[e] == (tl_real)types[k].value[e]);
                }
                ck_assert(isnan(tl_npy_get(&a, -1)) && isnan(tl_npy_get(&a, 3)));
                tl_npy_free(&a);
                assert_zeroed(&a);
            }
}
END_TEST

START_TEST(half_specials)
{
    /* 1, the largest subnormal, the smallest normal number, infinities, a NaN, -0: IEEE 754, table 3.5 */
    static const uint16_t bits[] = { 0x3c00, 0x03ff, 0x0400, 0x7c00, 0xfc00, 0x7e00, 0x8000 };
    const tl_npy a = { .type = TL_NPY_FLOAT16, .rank = 1, .dim = { 7 }, .size = 7, .data = (void *)bits };
    ck_assert(tl_npy_get(&a, 0) == 1);
    ck_assert(tl_npy_get(&a, 1) == 0x1p-14 - 0x1p-24);
    ck_assert(tl_npy_get(&a, 2) == 0x1p-14);
    ck_assert(tl_npy_get(&a, 3) == INFINITY);
    ck_assert(tl_npy_get(&a, 4) == -INFINITY);
    ck_assert(isnan(tl_npy_get(&a, 5)));
    ck_assert(tl_npy_get(&a, 6) == 0 && signbit(tl_npy_get(&a, 6)));
}
END_TEST

/* Ranks 0 to 4 in C and Fortran order: the element at (i, j, k, l) is 1000 i + 100 j + 10 k + l. Sizes
 * beyond a tile of the transpose in the last test. */
static void check_orders(int rank, const int64_t *dim)
{
    enum { MOST = 40 * 3 * 2 * 70 };
    static uint16_t in_order[MOST];
    static unsigned char file[2 * MOST + 200];
    for (int fortran = 0; fortran < 2; fortran++) {
        int64_t size = 1, n[4] = { 1, 1, 1, 1 }, stride[4] = { 0 };
        char header[120] = "{'descr': '<u2', 'fortran_order': ";
        const uint16_t one = 1;
        header[11] = *(const unsigned char *)&one ? '<' : '>';
        int at = (int)strlen(header);
        at += snprintf(header + at, sizeof header - (size_t)at, "%s, 'shape': (", fortran ? "True" : "False");
        for (int k = 0; k < rank; k++) {
            n[k] = dim[k];
            at += snprintf(header + at, sizeof header - (size_t)at, "%d, ", (int)dim[k]);
        }
        snprintf(header + at, sizeof header - (size_t)at, ")}");
        for (int k = 0; k < rank; k++) {
            const int axis = fortran ? k : rank - 1 - k;
            stride[axis] = size;
            size *= dim[axis];
        }
        tl_npy a;
        for (int64_t i = 0; i < n[0]; i++)
            for (int64_t j = 0; j < n[1]; j++)
                for (int64_t k = 0; k < n[2]; k++)
                    for (int64_t l = 0; l < n[3]; l++)
                        in_order[i * stride[0] + j * stride[1] + k * stride[2] + l * stride[3]] =
                            (uint16_t)(1000 * i + 100 * j + 10 * k + l);
        put(path, file, make_npy(file, 1, header, in_order, 2 * (size_t)size));
        ck_assert_ok(tl_npy_read(path, &a));
        ck_assert_int_eq(a.rank, rank);
        ck_assert_int_eq(a.size, size);
        const uint16_t *v = a.data;
        for (int64_t i = 0, e = 0; i < n[0]; i++)
            for (int64_t j = 0; j < n[1]; j++)
                for (int64_t k = 0; k < n[2]; k++)
                    for (int64_t l = 0; l < n[3]; l++, e++)
                        ck_assert_msg(v[e] == (uint16_t)(1000 * i + 100 * j + 10 * k + l), "element %d",
                                      (int)e);
        tl_npy_free(&a);
    }
}

START_TEST(orders)
{
    static const int64_t dims[][4] = {
        { 5, 4, 3, 2 }, { 1, 7, 1, 2 }, { 2, 1, 9, 3 }, { 40, 3, 2, 70 }, { 3, 0, 2, 1 }
    };
    for (size_t k = 0; k < sizeof dims / sizeof *dims; k++)
        check_orders(_i, dims[k]);
}
END_TEST

/* What NumPy has written under Python 2, and dictionaries that mean the same. */
START_TEST(spellings)
{
    static const char *const header[] = {
        "{'descr': '<u1', 'fortran_order': False, 'shape': (2L, 1L), }      \n",
        "{'shape': (2, 1), 'fortran_order': False, 'descr': '|u1'}",
        "{'shape':(2,1,),'fortran_order':False,'descr':'>u1',}\n",
        " {\n\t\"descr\" : \"|u1\" , 'fortran_order' : False\r\n, 'shape' : ( 2 , 1 ) } \n\n",
    };
    for (size_t k = 0; k < sizeof header / sizeof *header; k++) {
        tl_npy a;
        ck_assert_ok(load(PLAIN, 1, header[k], "\7\3", 2, &a));
        ck_assert_int_eq(a.rank, 2);
        ck_assert(a.dim[0] == 2 && a.dim[1] == 1 && tl_npy_get(&a, 0) == 7 && tl_npy_get(&a, 1) == 3);
        tl_npy_free(&a);
    }
}
END_TEST

static void assert_file(const char *header, const void *elements, size_t n)
{
    unsigned char expected[1000], found[1000];
    const size_t size = make_npy(expected, 1, header, elements, n);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fread(found, 1, sizeof found, f), size);
    fclose(f);
    ck_assert_mem_eq(found, expected, size);
}

/* The bytes of numpy.save of NumPy 1.24 for the same arrays. */
START_TEST(written)
{
    char header[250];
    const uint8_t v[6] = { 1, 2, 3, 4, 5, 6 };
    ck_assert_ok(
        tl_npy_write(path, &(tl_npy){ .type = TL_NPY_UINT8, .rank = 2, .dim = { 2, 3 }, .data = (void *)v }));
    snprintf(header, sizeof header, "%-117s\n",
             "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }");
    assert_file(header, v, 6);
    ck_assert_ok(
        tl_npy_write(path, &(tl_npy){ .type = TL_NPY_BOOL, .rank = 1, .dim = { 6 }, .data = (void *)v }));
    snprintf(header, sizeof header, "%-117s\n", "{'descr': '|b1', 'fortran_order': False, 'shape': (6,), }");
    assert_file(header, v, 6);
    ck_assert_ok(tl_npy_write(path, &(tl_npy){ .type = TL_NPY_INT8, .data = (void *)v }));
    snprintf(header, sizeof header, "%-117s\n", "{'descr': '|i1', 'fortran_order': False, 'shape': (), }");
    assert_file(header, v, 1);
    const int64_t most = INT64_MAX / 8;
    ck_assert_ok(tl_npy_write(path, &(tl_npy){ .type = TL_NPY_INT8, .rank = 4, .dim = { 0, most, 1, 1 } }));
    snprintf(header, sizeof header, "%-117s\n",
             "{'descr': '|i1', 'fortran_order': False, 'shape': (0, 1152921504606846975, 1, 1), }");
    assert_file(header, v, 0);
}
END_TEST

/* What is written is read: every type, to the bit. */
START_TEST(round_trip)
{
    unsigned char bytes[24];
    const int width = types[_i].width;
    for (int k = 0; k < 24; k++)
        bytes[k] = (unsigned char)(7 + 11 * k);
    tl_npy a = { .type = types[_i].type, .rank = 2, .dim = { 3, 1 }, .data = bytes }, b;
    ck_assert_int_eq(tl_npy_width(a.type), width);
    ck_assert_ok(tl_npy_write(path, &a));
    ck_assert_ok(tl_npy_read(path, &b));
    ck_assert_int_eq(b.type, a.type);
    ck_assert(b.rank == 2 && b.dim[0] == 3 && b.dim[1] == 1 && b.size == 3);
    ck_assert_mem_eq(b.data, bytes, 3 * (size_t)width);
    tl_npy_free(&b);
}
END_TEST

START_TEST(reals)
{
    double v[] = { 0.1, 3e38, -INFINITY, 1e-300, NAN };
    const tl_npy a = { .type = TL_NPY_FLOAT64, .rank = 1, .dim = { 5 }, .size = 5, .data = v };
    tl_real real[5];
    ck_assert_ok(tl_npy_to_real(&a, real));
    for (int k = 0; k < 4; k++)
        ck_assert(real[k] == (tl_real)v[k]);
    ck_assert(isnan(real[4]));
    v[3] = -1e300;
    if (TL_IS_DOUBLE)
        ck_assert_ok(tl_npy_to_real(&a, real));
    else
        ck_assert_status(tl_npy_to_real(&a, real), TL_ERR_NUMERIC,
                         "npy_to_real: element 3 is -1e+300, which is out of the range of tl_real");
    ck_assert_int_eq(tl_npy_width(TL_NPY_REAL), sizeof(tl_real));
    ck_assert_str_eq(tl_npy_type_name(TL_NPY_REAL), TL_IS_DOUBLE ? "float64" : "float32");
    ck_assert_str_eq(tl_npy_type_name((tl_npy_type)0), "unknown");
    ck_assert_int_eq(tl_npy_width((tl_npy_type)13), 0);
}
END_TEST

/* Every allocation fails once, in a Fortran array: the header, the elements, their copy in C order. */
START_TEST(short_of_memory)
{
    unsigned char file[200];
    put(path, file, make_npy(file, 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2)}", "abcd", 4));
    for (int k = 1; k <= 3; k++) {
        const int64_t live = tl_test_live_blocks();
        tl_npy a;
        tl_test_fail_allocation(k);
        ck_assert_status(tl_npy_read(path, &a), TL_ERR_MEMORY, "out of memory");
        ck_assert_int_eq(tl_test_live_blocks(), live);
        assert_zeroed(&a);
    }
    tl_npy a;
    tl_test_fail_allocation(4);
    ck_assert_ok(tl_npy_read(path, &a));
    tl_test_fail_allocation(0);
    ck_assert_mem_eq(a.data, "acbd", 4);
    tl_npy_free(&a);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("npy");
    TCase *c = tl_test_case(s, "npy");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, every_type, 0, TYPES);
    tcase_add_test(c, half_specials);
    tcase_add_loop_test(c, orders, 0, 5);
    tcase_add_test(c, spellings);
    tcase_add_test(c, written);
    tcase_add_loop_test(c, round_trip, 0, TYPES);
    tcase_add_test(c, reals);
    tcase_add_test(c, short_of_memory);
    return s;
}
