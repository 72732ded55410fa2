/* The radix sort against a stable sort by comparison. */
#include "tests/testing.h"

#include "lib/sort.h"

typedef struct entry {
    uint64_t field, key;
    int64_t place; /* before the sort */
} entry;

static int by_field_then_place(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->field != y->field ? (x->field < y->field ? -1 : 1)
                                : (x->place > y->place) - (x->place < y->place);
}

static uint64_t field(uint64_t key, int low, int high)
{
    return high == low ? 0 : key >> low << (64 - (high - low)) >> (64 - (high - low));
}

/* Bits outside the field are random as well, so that a key tells where it came from. */
static void check_sort(int64_t n, int low, int high, tl_random *r)
{
    uint64_t *key = malloc((size_t)(n + 1) * sizeof *key), *spare = malloc((size_t)(n + 1) * sizeof *spare);
    entry *expected = malloc((size_t)(n + 1) * sizeof *expected);
    const uint64_t guard = 0x0123456789abcdef;
    key[n] = spare[n] = guard;
    for (int64_t k = 0; k < n; k++) {
        uint32_t x[4];
        tl_philox(r->seed, 1, r->position++, x);
        /* half of the keys have few distinct fields, the extremes among them: many are equal for any range */
        uint64_t any = (uint64_t)x[0] << 32 | x[1], few = x[2] % 5 == 0 ? UINT64_MAX : x[2] % 40;
        uint64_t mask = high == low ? 0 : UINT64_MAX >> (64 - (high - low)) << low;
        key[k] = x[3] % 2 == 0 || high == low ? any : (any & ~mask) | (few << low & mask);
        expected[k] = (entry){ field(key[k], low, high), key[k], k };
    }
    qsort(expected, (size_t)n, sizeof *expected, by_field_then_place);
    tl_radix_sort(n, key, spare, low, high);
    for (int64_t k = 0; k < n; k++)
        if (key[k] != expected[k].key)
            ck_abort_msg("%lld keys by bits %d to %d: key %lld is %llx, not %llx", (long long)n, low, high,
                         (long long)k, (unsigned long long)key[k], (unsigned long long)expected[k].key);
    ck_assert_uint_eq(key[n], guard);
    ck_assert_uint_eq(spare[n], guard);
    free(key);
    free(spare);
    free(expected);
}

/* Ranges of one, two and three digits of 11 bits, and sizes in between; after an odd number of passes the
 * keys are in the spare array. */
START_TEST(against_a_comparison_sort)
{
    const int64_t size[] = { 0, 1, 2, 3, 7, 100, 2047, 2048, 2049, 5001 };
    const int range[][2] = {
        { 0, 0 },   { 64, 64 }, { 0, 1 },   { 63, 64 }, { 0, 10 }, { 0, 11 },  { 0, 12 },
        { 11, 22 }, { 5, 16 },  { 10, 33 }, { 32, 63 }, { 0, 33 }, { 53, 64 }, { 0, 64 }
    };
    tl_random r = { .seed = 21 };
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (size_t k = 0; k < sizeof range / sizeof *range; k++)
            check_sort(size[s], range[k][0], range[k][1], &r);
}
END_TEST

/* By hand: bits 4 .. 7 count, and the low digit tells the order of the equal ones. */
START_TEST(stable)
{
    uint64_t key[] = { 0x131, 0x022, 0x133, 0x014, 0x025 }, spare[5];
    tl_radix_sort(5, key, spare, 4, 8);
    const uint64_t expected[] = { 0x014, 0x022, 0x025, 0x131, 0x133 };
    ck_assert_mem_eq(key, expected, sizeof key);
}
END_TEST

START_TEST(bits)
{
    const struct {
        uint64_t n;
        int bits;
    } as[] = { { 0, 0 },
               { 1, 0 },
               { 2, 1 },
               { 3, 2 },
               { 4, 2 },
               { 5, 3 },
               { (uint64_t)1 << 31, 31 },
               { ((uint64_t)1 << 31) + 1, 32 },
               { (uint64_t)1 << 63, 63 },
               { ((uint64_t)1 << 63) + 1, 64 },
               { UINT64_MAX, 64 } };
    for (size_t k = 0; k < sizeof as / sizeof *as; k++)
        ck_assert_int_eq(tl_bits(as[k].n), as[k].bits);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sort");
    TCase *c = tl_test_case(s, "sort");
    tcase_add_test(c, against_a_comparison_sort);
    tcase_add_test(c, stable);
    tcase_add_test(c, bits);
    return s;
}
