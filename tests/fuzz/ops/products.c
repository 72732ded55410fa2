/* Products of dense matrices. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* Chooses A, and B with the inner size that the shapes have after transposing: a vector, a matrix, or one for
 * some of A's matrices. */
static bool product_of(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    if (c->in[0] < 0)
        return false;
    const tl_shape a = p->item[c->in[0]].shape;
    if (a.rank == 1) /* a vector is not transposed */
        c->axis &= ~TL_TRANSPOSE_A;
    const int32_t inner = c->axis & TL_TRANSPOSE_A ? a.rank - 2 : a.rank - 1;
    const int64_t k = a.dim[inner], n = tl_fuzz_size(p);
    if (tl_shape_size(a) * n > p->limit * (k > 0 ? k : 1))
        return false;
    tl_shape b = TL_SHAPE(k);
    if (tl_fuzz_rarely(6)) {
        c->axis &= ~TL_TRANSPOSE_B;
    } else {
        b = a.rank > 2 && tl_fuzz_rarely(2) ? tl_fuzz_lesser(tl_shape_from(a.rank - 2, a.dim)) : TL_SHAPE();
        b.dim[b.rank++] = c->axis & TL_TRANSPOSE_B ? n : k;
        b.dim[b.rank++] = c->axis & TL_TRANSPOSE_B ? k : n;
    }
    c->in[1] = tl_fuzz_want(p, FUZZ_DENSE, b, NULL);
    return true;
}

static bool product(fuzz_program *p, fuzz_item *c)
{
    c->axis = (int32_t)tl_fuzz_draw(4);
    return product_of(p, c);
}

static bool plain_product(fuzz_program *p, fuzz_item *c)
{
    c->axis = TL_NO_TRANSPOSE;
    return product_of(p, c);
}

const fuzz_op tl_fuzz_products[] = {
    { "matmul", plain_product, .two = tl_matmul },
    { "matmul_transposed", product, .product = tl_matmul_transposed },
    { 0 },
};
