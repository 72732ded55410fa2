/* The largest of a sequence against a sort of all. */
#include "tests/testing.h"

#include "lib/largest.h"

enum { MOST = 200 };

static int by_key_then_position(const void *a, const void *b)
{
    const tl_keyed *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key ? -1 : 1)
                            : (x->position > y->position) - (x->position < y->position);
}

/* Keys of few different values, or of many: every number that is kept, from sequences that are shorter and
 * longer. */
START_TEST(agrees_with_a_sort)
{
    tl_random r = { .seed = 1 };
    tl_keyed all[MOST], heap[MOST];
    for (int64_t count = 0; count < MOST; count += 1 + count / 8)
        for (int64_t capacity = 0; capacity < MOST; capacity += 1 + capacity / 8) {
            tl_largest l = { .heap = heap, .capacity = capacity };
            const int64_t values = count % 2 == 0 ? 5 : INT64_MAX;
            for (int64_t k = 0; k < count; k++) {
                all[k] = (tl_keyed){ (uint64_t)tl_random_integer(&r, values), 3 * k };
                if (k % 17 == 0)
                    all[k].key = UINT64_MAX;
                tl_largest_offer(&l, all[k].key, all[k].position);
            }
            qsort(all, (size_t)count, sizeof *all, by_key_then_position);
            ck_assert_int_eq(l.n, count < capacity ? count : capacity);
            qsort(heap, (size_t)l.n, sizeof *heap, by_key_then_position);
            for (int64_t k = 0; k < l.n; k++)
                ck_assert(heap[k].key == all[k].key && heap[k].position == all[k].position);
        }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("largest");
    TCase *c = tl_test_case(s, "largest");
    tcase_add_test(c, agrees_with_a_sort);
    return s;
}
