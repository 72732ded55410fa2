/* Convolutions and pools. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* Chooses images and windows over them; false if there is no output, or a large one. */
static bool windows(fuzz_program *p, fuzz_item *c, bool dilated)
{
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 4, 4);
    if (c->in[0] < 0)
        return false;
    const tl_shape x = p->item[c->in[0]].shape;
    int64_t pixels = x.dim[0];
    for (int k = 0; k < 2; k++) {
        c->window[k] = 1 + (int32_t)tl_fuzz_draw(3);
        c->stride[k] = (int32_t)tl_fuzz_draw(3);
        c->padding[k] = (int32_t)tl_fuzz_draw(c->window[k]); /* no window has nothing but padding */
        c->dilation[k] = dilated ? (int32_t)tl_fuzz_draw(3) : 0;
        const int64_t reach = (c->dilation[k] > 1 ? c->dilation[k] : 1) * (c->window[k] - 1) + 1;
        if (x.dim[2 + k] == 0 || x.dim[2 + k] + 2 * c->padding[k] < reach)
            return false;
        pixels *= x.dim[2 + k] + 2 * c->padding[k];
    }
    return pixels * (x.dim[1] + 6) <= 2 * p->limit;
}

/* Its groups are n, its filters up to 6. */
static bool convolved(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    if (!windows(p, c, true))
        return false;
    const int64_t channels = p->item[c->in[0]].shape.dim[1], groups = 1 + tl_fuzz_draw(3);
    c->n = channels % groups == 0 ? groups : 0;
    const int64_t filters = (c->n > 0 ? c->n : 1) * (1 + tl_fuzz_draw(2));
    const tl_shape w = TL_SHAPE(filters, channels / (c->n > 0 ? c->n : 1), c->window[0], c->window[1]);
    c->in[1] = tl_fuzz_want(p, FUZZ_DENSE, w, NULL);
    return true;
}

static bool convolved_sparsely(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    if (!windows(p, c, true))
        return false;
    const int64_t channels = p->item[c->in[0]].shape.dim[1];
    const tl_shape w = TL_SHAPE(1 + tl_fuzz_draw(4), channels * c->window[0] * c->window[1]);
    c->in[1] = tl_fuzz_want(p, FUZZ_SPARSE, w, NULL);
    return true;
}

static tl_node *conv2d(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_conv2d(in[0], in[1],
                     &(tl_conv_options){ .stride = { c->stride[0], c->stride[1] },
                                         .padding = { c->padding[0], c->padding[1] },
                                         .dilation = { c->dilation[0], c->dilation[1] },
                                         .groups = (int32_t)c->n });
}

static tl_node *sparse_conv2d(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_sparse_conv2d(in[0], in[1],
                            &(tl_sparse_conv_options){ .kernel = { c->window[0], c->window[1] },
                                                       .stride = { c->stride[0], c->stride[1] },
                                                       .padding = { c->padding[0], c->padding[1] },
                                                       .dilation = { c->dilation[0], c->dilation[1] } });
}

static tl_node *dense_conv2d(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    const tl_shape x = tl_shape_of(in[0]), of = tl_shape_of(in[1]);
    tl_node *kernels = tl_reshape(in[1], TL_SHAPE(of.dim[0], x.dim[1], c->window[0], c->window[1]));
    return conv2d(w, c, (tl_node *[]){ in[0], kernels });
}

/* The average counts padding if `flag` is set. */
static bool pooled(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->flag = tl_fuzz_rarely(2);
    return windows(p, c, false);
}

static tl_pool_options pool_options(const fuzz_item *c)
{
    return (tl_pool_options){ .window = { c->window[0], c->window[1] },
                              .stride = { c->stride[0], c->stride[1] },
                              .padding = { c->padding[0], c->padding[1] },
                              .count_padding = c->flag };
}

static tl_node *max_pool2d(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    tl_pool_options o = pool_options(c);
    (void)w;
    o.count_padding = false;
    return tl_max_pool2d(in[0], &o);
}

static tl_node *avg_pool2d(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    const tl_pool_options o = pool_options(c);
    (void)w;
    return tl_avg_pool2d(in[0], &o);
}

const fuzz_op tl_fuzz_windows[] = {
    { "avg_pool2d", pooled, .apply = avg_pool2d },
    { "conv2d", convolved, .apply = conv2d },
    { "max_pool2d", pooled, .apply = max_pool2d, .smooth = tl_fuzz_nowhere },
    { "sparse_conv2d", convolved_sparsely, .apply = sparse_conv2d, .dense = dense_conv2d },
    { 0 },
};
