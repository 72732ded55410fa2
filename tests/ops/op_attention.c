/* attention: Y = softmax(Q K^T / sqrt(d) + mask) V, per head */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

typedef struct attr {
    int32_t heads;
    bool causal;
} attr;

static tl_node *op(tl_node *const *in, const void *its_attr)
{
    const attr *a = its_attr;
    const tl_attention_options options = { .heads = a->heads, .causal = a->causal, .mask = in[3] };
    return tl_attention(in[0], in[1], in[2], &options);
}

/* One query of one head: its width, and the strides from a key, and from an element of V, to the next. */
typedef struct query {
    const double *q, *k, *v;
    int64_t width, keys, k_stride, v_stride;
} query;

/* Returns the mask's element for sequence b, head h, query i and key j. */
static double mask_at(const tl_reference *r, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const tl_shape s = r->shape[3];
    const int64_t index[4] = { b, h, i, j };
    int64_t k = 0;
    for (int32_t d = 0; d < s.rank; d++)
        k = k * s.dim[d] + (s.dim[d] == 1 ? 0 : index[4 - s.rank + d]);
    return r->in[3] ? r->in[3][k] : 0;
}

static double score(const tl_reference *r, query at, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const attr *a = r->attr;
    double dot = 0;
    for (int64_t l = 0; l < at.width; l++)
        dot += at.q[l] * at.k[j * at.k_stride + l];
    if (at.width > 0)
        dot /= sqrt((double)at.width);
    return a->causal && j > i ? -INFINITY : dot + mask_at(r, b, h, i, j);
}

/* Computes `width` elements of Y, from `out` on. */
static void attend(tl_reference *r, query at, int64_t b, int64_t h, int64_t i, int64_t width, int64_t out)
{
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < at.keys; j++)
        max = fmax(max, score(r, at, b, h, i, j));
    for (int64_t j = 0; max > -INFINITY && j < at.keys; j++)
        sum += exp(score(r, at, b, h, i, j) - max);
    for (int64_t j = 0; sum > 0 && j < at.keys; j++)
        for (int64_t l = 0; l < width; l++) {
            const double term = exp(score(r, at, b, h, i, j) - max) / sum * at.v[j * at.v_stride + l];
            r->y[out + l] += term;
            r->terms[out + l] += fabs(term);
        }
}

static tl_shape reference(tl_reference *r)
{
    const attr *a = r->attr;
    const int64_t batch = r->shape[0].dim[0], queries = r->shape[0].dim[1], width = r->shape[0].dim[2],
                  keys = r->shape[1].dim[1], v_width = r->shape[2].dim[2], heads = a->heads ? a->heads : 1;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < heads; h++)
            for (int64_t i = 0; i < queries; i++) {
                const int64_t w = width / heads, row = b * queries + i;
                const query at = { r->in[0] + row * width + h * w,
                                   r->in[1] + b * keys * width + h * w,
                                   r->in[2] + b * keys * v_width + h * (v_width / heads),
                                   w,
                                   keys,
                                   width,
                                   v_width };
                attend(r, at, b, h, i, v_width / heads, row * v_width + h * (v_width / heads));
            }
    return TL_SHAPE(batch, queries, v_width);
}

static const attr one = { 0, false }, two = { 2, false }, causal = { 2, true }, three = { 3, false },
                  negative = { -1, false };

#define ATTEND(its_attr, batch, queries, keys, width, v_width, mask)                                         \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(batch, queries, width), TL_DENSE_OPERAND(batch, keys, width),               \
                TL_DENSE_OPERAND(batch, keys, v_width), mask },                                              \
        .attr = &its_attr                                                                                    \
    }
#define REFUSED(its_attr, q, k, v, mask, its_error)                                                          \
    {                                                                                                        \
        .in = { q, k, v, mask }, .attr = &its_attr, .status = TL_ERR_SHAPE, .error = its_error               \
    }
/* q = [1 2; 3 -1], k = [.5 1; -1 .25], v = [1 -2; 4 3] */
#define EXAMPLE(its_attr, mask, ...)                                                                         \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(1, 2, 2), .values = TL_VALUES(1, 2, 3, -1) },                              \
                { TL_STATIC_SHAPE(1, 2, 2), .values = TL_VALUES(0.5, 1, -1, 0.25) },                         \
                { TL_STATIC_SHAPE(1, 2, 2), .values = TL_VALUES(1, -2, 4, 3) },                              \
                mask },                                                                                      \
        .attr = &its_attr, .upstream = TL_VALUES(1, 2, 3, 4), .tolerance = 1e-5, __VA_ARGS__                 \
    }

static const tl_sample samples[] = {
    ATTEND(two, 2, 3, 4, 6, 8, TL_ABSENT_OPERAND),
    ATTEND(one, 2, 3, 3, 5, 4, TL_ABSENT_OPERAND),
    ATTEND(three, 1, 4, 2, 6, 3, TL_ABSENT_OPERAND),
    /* more keys than queries, and fewer: query i sees keys 0 .. i */
    ATTEND(causal, 2, 3, 5, 4, 2, TL_ABSENT_OPERAND),
    ATTEND(causal, 1, 5, 3, 4, 2, TL_ABSENT_OPERAND),
    /* a mask is broadcast */
    ATTEND(two, 2, 3, 4, 4, 2, TL_DENSE_OPERAND(2, 2, 3, 4)),
    ATTEND(two, 2, 3, 4, 4, 2, TL_DENSE_OPERAND(2, 1, 1, 4)),
    ATTEND(two, 2, 3, 4, 4, 2, TL_DENSE_OPERAND(3, 4)),
    ATTEND(causal, 2, 3, 4, 4, 2, TL_DENSE_OPERAND(4)),
    ATTEND(causal, 2, 4, 4, 4, 2, TL_SCALAR_OPERAND),
    ATTEND(causal, 0, 3, 4, 4, 2, TL_ABSENT_OPERAND),
    ATTEND(two, 2, 0, 4, 4, 2, TL_ABSENT_OPERAND),
    ATTEND(two, 2, 3, 4, 4, 0, TL_ABSENT_OPERAND),
    /* without keys the result is 0 */
    ATTEND(causal, 2, 3, 0, 4, 2, TL_ABSENT_OPERAND),
    ATTEND(causal, 2, 40, 70, 130, 6, TL_DENSE_OPERAND(2, 1, 1, 70)),
    REFUSED(three, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 6),
            TL_ABSENT_OPERAND, "a (2x3x4), b (2x3x4) and c (2x3x6), 3 heads: heads do not divide the widths"),
    REFUSED(three, TL_DENSE_OPERAND(2, 3, 6), TL_DENSE_OPERAND(2, 3, 6), TL_DENSE_OPERAND(2, 3, 4),
            TL_ABSENT_OPERAND, "a (2x3x6), b (2x3x6) and c (2x3x4), 3 heads: heads do not divide the widths"),
    REFUSED(negative, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4),
            TL_ABSENT_OPERAND,
            "a (2x3x4), b (2x3x4) and c (2x3x4), -1 heads: heads do not divide the widths"),
    /* four dimensions, the last of size 1 */
    REFUSED(one, TL_DENSE_OPERAND(2, 3, 4, 1), TL_DENSE_OPERAND(2, 3, 4, 1), TL_DENSE_OPERAND(2, 3, 4, 1),
            TL_ABSENT_OPERAND,
            "a (2x3x4x1), b (2x3x4x1) and c (2x3x4x1), 1 heads: each must be batch x time x width"),
    REFUSED(one, TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4),
            TL_ABSENT_OPERAND,
            "a (3x4), b (2x3x4) and c (2x3x4), 1 heads: each must be batch x time x width"),
    REFUSED(one, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3), TL_DENSE_OPERAND(2, 3, 4),
            TL_ABSENT_OPERAND,
            "a (2x3x4), b (2x3) and c (2x3x4), 1 heads: each must be batch x time x width"),
    REFUSED(one, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3),
            TL_ABSENT_OPERAND,
            "a (2x3x4), b (2x3x4) and c (2x3), 1 heads: each must be batch x time x width"),
    /* matrices, other widths, times or batches, and a mask that would widen the result */
    REFUSED(one, TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND,
            "a (3x4), b (3x4) and c (3x4), 1 heads: each must be batch x time x width"),
    REFUSED(one, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 5), TL_DENSE_OPERAND(2, 3, 4),
            TL_ABSENT_OPERAND, "a (2x3x4), b (2x3x5) and c (2x3x4), 1 heads: Q and K differ in width"),
    REFUSED(one, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 2, 4),
            TL_ABSENT_OPERAND, "a (2x3x4), b (2x3x4) and c (2x2x4), 1 heads: K and V differ in time"),
    REFUSED(one, TL_DENSE_OPERAND(1, 3, 4), TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4),
            TL_ABSENT_OPERAND, "a (1x3x4), b (2x3x4) and c (2x3x4), 1 heads: the batches differ"),
    REFUSED(one, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(1, 3, 4), TL_DENSE_OPERAND(2, 3, 4),
            TL_ABSENT_OPERAND, "a (2x3x4), b (1x3x4) and c (2x3x4), 1 heads: the batches differ"),
    REFUSED(one, TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(1, 3, 4),
            TL_ABSENT_OPERAND, "a (2x3x4), b (2x3x4) and c (1x3x4), 1 heads: the batches differ"),
    REFUSED(two, TL_DENSE_OPERAND(3, 2, 4), TL_DENSE_OPERAND(3, 5, 4), TL_DENSE_OPERAND(3, 5, 4),
            TL_DENSE_OPERAND(2, 3, 2, 5), "the mask d (2x3x2x5) is not broadcast to the scores, 3x2x2x5"),
    REFUSED(one, TL_DENSE_OPERAND(1, 3, 4), TL_DENSE_OPERAND(1, 3, 4), TL_DENSE_OPERAND(1, 3, 4),
            TL_DENSE_OPERAND(3, 2), "the mask d (3x2) is not broadcast to the scores, 1x1x3x3"),
    REFUSED(one, TL_DENSE_OPERAND(1, 3, 4), TL_DENSE_OPERAND(1, 3, 4), TL_DENSE_OPERAND(1, 3, 4),
            TL_DENSE_OPERAND(2, 1, 3, 3), "the mask d (2x1x3x3) is not broadcast to the scores, 1x1x3x3"),
    REFUSED(one, TL_DENSE_OPERAND(1, 1, 4), TL_DENSE_OPERAND(1, 3, 4), TL_DENSE_OPERAND(1, 3, 4),
            TL_DENSE_OPERAND(2, 3), "the mask d (2x3) is not broadcast to the scores, 1x1x1x3"),
    /* PyTorch 1.13, torch.nn.MultiheadAttention whose projections are identities, in double */
    EXAMPLE(one, TL_ABSENT_OPERAND, .y = TL_VALUES(1.3211254044, -1.46479099267, 1.197662077, -1.67056320501),
            .gradient = { TL_VALUES(-1.31796583386, -0.658982916928, -1.89310894789, -0.946554473944),
                          TL_VALUES(-4.66486178501, -0.495215146549, 4.66486178501, 0.495215146549),
                          TL_VALUES(3.69529612154, 5.52236696107, 0.304703878462, 0.477633038926) }),
    EXAMPLE(two, TL_ABSENT_OPERAND,
            .y = TL_VALUES(1.54727657142, -1.08787238097, 1.03296082789, 1.39589349588),
            .gradient = { TL_VALUES(-0.671159034316, -1.11859839053, -0.14669410125, -3.26842490643),
                          TL_VALUES(-0.740827558711, 1.37497083383, 0.740827558711, -1.37497083383),
                          TL_VALUES(3.7846136483, 2.91843415569, 0.215386351698, 3.08156584431) }),
    EXAMPLE(causal, TL_ABSENT_OPERAND, .y = TL_VALUES(1, -2, 1.03296082789, 1.39589349588),
            .gradient = { TL_VALUES(0, 0, -0.14669410125, -3.26842490643),
                          TL_VALUES(-0.2933882025, 4.35789987524, 0.2933882025, -4.35789987524),
                          TL_VALUES(3.96703917211, 3.2832852033, 0.0329608278918, 2.7167147967) }),
#define HIDE_ONE                                                                                             \
    {                                                                                                        \
        TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(0, -INFINITY, 0, 0), .constant = true                     \
    }
    EXAMPLE(two, HIDE_ONE, .y = TL_VALUES(1, -2, 1.03296082789, 1.39589349588),
            .gradient = { TL_VALUES(0, 0, -0.14669410125, -3.26842490643),
                          TL_VALUES(-0.2933882025, 4.35789987524, 0.2933882025, -4.35789987524),
                          TL_VALUES(3.96703917211, 3.2832852033, 0.0329608278918, 2.7167147967) }),
/* a query whose keys are all excluded gives zeros, and has no gradient (PyTorch: NaN) */
#define HIDE_ALL                                                                                             \
    {                                                                                                        \
        TL_STATIC_SHAPE(2), .values = TL_VALUES(-INFINITY, -INFINITY)                                        \
    }
    EXAMPLE(
        two, HIDE_ALL, .y = TL_VALUES(0, 0, 0, 0),
        .gradient = { TL_VALUES(0, 0, 0, 0), TL_VALUES(0, 0, 0, 0), TL_VALUES(0, 0, 0, 0), TL_VALUES(0, 0) }),
};

static const tl_op_case attention = {
    .name = "attention",
    .n_in = 4,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 100, /* scores are sums of 65 products */
    .composed = true,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* operands lose their sequences together, or not at all */
};

/* Without options there is one head, and no mask. */
START_TEST(default_options)
{
    const tl_real q[] = { 1, 2, 3, -1 }, k[] = { 0.5f, 1, -1, 0.25f }, v[] = { 1, -2, 4, 3 };
    const tl_shape s = TL_SHAPE(1, 2, 2);
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_attention(tl_input(g, s, q), tl_input(g, s, k), tl_input(g, s, v), NULL);
    ck_assert_values(tl_value(y), 4, 1e-5, 1.3211254044, -1.46479099267, 1.197662077, -1.67056320501);
    tl_graph_free(g);
}
END_TEST

/* What is NULL is refused by the first op that reads it. */
START_TEST(absent)
{
    static const tl_real zero[8];
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < 3; k++) {
        tl_node *in[3];
        for (int i = 0; i < 3; i++)
            in[i] = i == k ? NULL : tl_input(g, TL_SHAPE(1, 2, 4), zero);
        ck_assert_refused(g, tl_attention(in[0], in[1], in[2], NULL), TL_ERR_ARGUMENT,
                          k == 0 ? "matmul: input 0 is NULL" : "matmul: input 1 is NULL");
    }
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&attention);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, default_options);
    tcase_add_test(c, absent);
    return s;
}
