/* A binary heap of the largest keys so far. */
#include "lib/largest.h"

/* Returns whether a leaves the heap before b: the smaller key, and of equal keys the later position. */
static bool leaves_before(tl_keyed a, tl_keyed b)
{
    return a.key < b.key || (a.key == b.key && a.position > b.position);
}

static void sift_up(tl_keyed *heap, int64_t k, tl_keyed x)
{
    while (k > 0 && leaves_before(x, heap[(k - 1) / 2])) {
        heap[k] = heap[(k - 1) / 2];
        k = (k - 1) / 2;
    }
    heap[k] = x;
}

/* Puts x in place of the root. */
static void sift_down(tl_keyed *heap, int64_t n, tl_keyed x)
{
    int64_t k = 0;
    for (int64_t child; (child = 2 * k + 1) < n; k = child) {
        if (child + 1 < n && leaves_before(heap[child + 1], heap[child]))
            child++;
        if (!leaves_before(heap[child], x))
            break;
        heap[k] = heap[child];
    }
    heap[k] = x;
}

void tl_largest_offer(tl_largest *l, uint64_t key, int64_t position)
{
    const tl_keyed x = { key, position };
    if (l->n < l->capacity)
        sift_up(l->heap, l->n++, x);
    else if (l->n > 0 && key > l->heap[0].key)
        sift_down(l->heap, l->n, x);
}
