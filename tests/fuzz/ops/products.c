/* Products of dense matrices, and attention. */
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

/* Its number of heads is n. */
static bool attended(fuzz_program *p, fuzz_item *c)
{
    const int64_t batch = tl_fuzz_draw(3), queries = tl_fuzz_size(p), keys = tl_fuzz_size(p);
    const tl_shape scores = TL_SHAPE(batch, c->n = 1 + tl_fuzz_draw(3), queries, keys);
    const int64_t width = c->n * (1 + tl_fuzz_draw(3));
    c->flag = tl_fuzz_rarely(2);
    c->n_in = 4;
    c->in[0] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(batch, queries, width), NULL);
    c->in[1] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(batch, keys, width), NULL);
    c->in[2] = tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(batch, keys, c->n * tl_fuzz_draw(3)), NULL);
    c->in[3] = -1;
    if (tl_fuzz_draw(2) == 0 || tl_shape_size(scores) > p->limit)
        return tl_shape_size(scores) <= p->limit;
    c->in[3] = tl_fuzz_want(p, FUZZ_DENSE, tl_fuzz_lesser(scores), NULL);
    return c->in[3] >= 0;
}

static tl_node *attention(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_attention(in[0], in[1], in[2],
                        &(tl_attention_options){ .heads = (int32_t)c->n, .causal = c->flag, .mask = in[3] });
}

const fuzz_op tl_fuzz_products[] = {
    { "attention", attended, .apply = attention, .optional = 1, .excludes = true },
    { "matmul", plain_product, .two = tl_matmul },
    { "matmul_transposed", product, .product = tl_matmul_transposed },
    { 0 },
};
