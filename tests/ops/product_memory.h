/* The memory of a product: neither a dense copy of the sparse operand nor an array of terms is taken. */
#ifndef TL_TEST_PRODUCT_MEMORY_H
#define TL_TEST_PRODUCT_MEMORY_H

#include "tests/testing.h"

typedef tl_node *product_op(tl_node *const *in, const void *attr);

/* Returns the bytes that a step allocates beyond its results: all memory of the graph, used or not, and of
 * the caches of the pattern, less Y, dS, dD and dY. `bare`: the pattern's bytes before its first use. */
static inline int64_t bytes_beyond(product_op *op, int32_t sparse, tl_pattern *p, int64_t bare, int64_t batch,
                                   tl_trans t)
{
    const int64_t size = tl_pattern_rows(p), nnz = tl_pattern_nnz(p);
    const bool wide = sparse == 1 ? !(t & TL_TRANSPOSE_A) : (t & TL_TRANSPOSE_B) != 0;
    tl_variable *s = tl_variable_sparse("s", p),
                *d = tl_variable_dense("d", wide ? TL_SHAPE(batch, size) : TL_SHAPE(size, batch));
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    for (int step = 0; step < 2; step++) {
        int64_t asked = tl_test_allocations();
        tl_graph_reset(g);
        tl_node *in[2];
        in[1 - sparse] = tl_use(g, d);
        in[sparse] = tl_use(g, s);
        ck_assert_ok(tl_backward(tl_reduce_sum(op(in, &t), TL_ALL_AXES), &out));
        asked = tl_test_allocations() - asked;
#ifdef TL_HEAP_ARENA
        asked = 0; /* every allocation of the graph is a heap block of its own */
#endif
        ck_assert(step == 0 || asked == 0); /* nothing is taken and given back unseen */
    }
    int64_t returned = (nnz + 3 * size * batch) * (int64_t)sizeof(tl_real);
    int64_t bytes = tl_graph_bytes(g) - returned + tl_pattern_bytes(p) - bare;
    tl_graph_free(g);
    tl_variable_free(s);
    tl_variable_free(d);
    return bytes;
}

/* Dense, S would take 1 GiB; nnz n values of the other would take 32 MiB. In double, where values are twice
 * as long, twice the memory. */
static inline void check_memory_of_product(product_op *op, int32_t sparse)
{
    const int64_t size[] = { 16384, 512 }, nnz[] = { 100000, 131072 }, batch[] = { 16, 64 }, mib[] = { 8, 4 };
    for (int k = 0; k < 2; k++) {
        const double cells = (double)size[k] * (double)size[k];
        tl_pattern *p = tl_pattern_random(size[k], size[k], (double)nnz[k] / cells, 1);
        ck_assert_int_eq(tl_pattern_nnz(p), nnz[k]);
        const int64_t bare = tl_pattern_bytes(p), most = (mib[k] << 20) * (int64_t)sizeof(tl_real) / 4;
        for (int t = TL_NO_TRANSPOSE; t <= TL_TRANSPOSE_BOTH; t++)
            ck_assert_int_lt(bytes_beyond(op, sparse, p, bare, batch[k], (tl_trans)t), most);
        tl_pattern_release(p);
    }
}

#endif
