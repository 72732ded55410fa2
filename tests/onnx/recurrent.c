/* ONNX's recurrent layers, forward in time, as compositions. */
#include "case.h"

/* X is seq x batch x inputs, in `layout` 1 batch x seq x inputs; W is 1 x gates h x inputs, R 1 x gates h x h
 * and B, which may be absent, 1 x 2 gates h: that of W, then that of R. */
typedef struct layer {
    onnx_case *c;
    int64_t seq, batch, h;
    bool batch_first;
    tl_node *w, *r, *w_bias, *r_bias;
} layer;

/* Returns input k, a row of which the first dimension is 1, as a matrix or a vector. */
static tl_node *first_of(onnx_case *c, int k)
{
    tl_node *a = onnx_in(c, k);
    tl_shape shape = tl_shape_of(a);
    for (int32_t d = 1; d < shape.rank; d++)
        shape.dim[d - 1] = shape.dim[d];
    if (a)
        shape.dim[--shape.rank] = 0;
    return tl_reshape(a, shape);
}

static layer layer_of(onnx_case *c, int64_t gates)
{
    const tl_shape x = tl_shape_of(onnx_in(c, 0));
    layer l = {
        .c = c, .batch_first = onnx_integer(c, "layout", 0) != 0, .w = first_of(c, 1), .r = first_of(c, 2)
    };
    tl_node *bias = first_of(c, 3);
    l.seq = x.dim[l.batch_first ? 1 : 0];
    l.batch = x.dim[l.batch_first ? 0 : 1];
    l.h = onnx_integer(c, "hidden_size", 0);
    if (bias) {
        l.w_bias = tl_slice(bias, 0, 0, gates * l.h);
        l.r_bias = tl_slice(bias, 0, gates * l.h, 2 * gates * l.h);
    }
    return l;
}

/* Returns the inputs at a time: batch x inputs. */
static tl_node *input_at(const layer *l, int64_t time)
{
    tl_node *x = onnx_in(l->c, 0);
    tl_node *part = tl_slice(x, l->batch_first ? 1 : 0, time, time + 1);
    return tl_reshape(part, TL_SHAPE(l->batch, tl_shape_of(x).dim[2]));
}

/* Returns a W^T + bias for gate `gate` of w. */
static tl_node *gate_of(const layer *l, tl_node *a, tl_node *w, tl_node *bias, int64_t gate)
{
    const int64_t begin = gate * l->h, end = begin + l->h;
    tl_node *y = tl_matmul_transposed(a, tl_slice(w, 0, begin, end), TL_TRANSPOSE_B);
    return bias ? tl_bias(y, tl_slice(bias, 0, begin, end)) : y;
}

/* Returns what enters a gate from the inputs and from the state. */
static tl_node *sum_of_gate(const layer *l, tl_node *x, tl_node *h, int64_t gate)
{
    return tl_add(gate_of(l, x, l->w, l->w_bias, gate), gate_of(l, h, l->r, l->r_bias, gate));
}

/* Returns state k of the inputs, zeros if it is absent: batch x h. */
static tl_node *initial(const layer *l, int k)
{
    tl_node *given = first_of(l->c, k);
    const tl_real zero = 0;
    return given ? given
                 : tl_broadcast_to(tl_constant(l->c->graph, TL_SHAPE(), &zero), TL_SHAPE(l->batch, l->h));
}

/* Runs a cell over the sequence, which changes the states h and c. The results are all h, and the last. */
static tl_node *run(const layer *l, void (*cell)(const layer *l, tl_node *x, tl_node **h, tl_node **c))
{
    tl_node *h = initial(l, 5), *c = initial(l, 6), *all[8];
    const tl_shape one = l->batch_first ? TL_SHAPE(l->batch, 1, 1, l->h) : TL_SHAPE(1, 1, l->batch, l->h);
    for (int64_t time = 0; time < l->seq && time < 8; time++) {
        cell(l, input_at(l, time), &h, &c);
        all[time] = tl_reshape(h, one);
    }
    onnx_set(l->c, 1,
             tl_reshape(h, l->batch_first ? TL_SHAPE(l->batch, 1, l->h) : TL_SHAPE(1, l->batch, l->h)));
    return tl_concat(all, (int32_t)l->seq, l->batch_first ? 1 : 0);
}

static void rnn_cell(const layer *l, tl_node *x, tl_node **h, tl_node **c)
{
    (void)c;
    *h = tl_tanh(sum_of_gate(l, x, *h, 0));
}

/* Returns the gates of w or of a bias in the order of tl_lstm_cell, from that of ONNX. */
static tl_node *reordered(const layer *l, tl_node *a)
{
    const int64_t order[] = { 0, 2, 3, 1 };
    tl_node *gate[4];
    for (int k = 0; k < 4; k++)
        gate[k] = tl_slice(a, 0, order[k] * l->h, (order[k] + 1) * l->h);
    return tl_concat(gate, 4, 0);
}

static void lstm_cell(const layer *l, tl_node *x, tl_node **h, tl_node **c)
{
    *h = tl_lstm_cell(x, *h, c, tl_transpose(reordered(l, l->w)), tl_transpose(reordered(l, l->r)),
                      reordered(l, l->w_bias), reordered(l, l->r_bias));
}

/* With peepholes: the state of the cell enters the gates, too, times a vector each. */
static void lstm_peephole_cell(const layer *l, tl_node *x, tl_node **h, tl_node **c)
{
    tl_node *p = first_of(l->c, 7), *of_in = tl_slice(p, 0, 0, l->h),
            *of_out = tl_slice(p, 0, l->h, 2 * l->h);
    tl_node *of_forget = tl_slice(p, 0, 2 * l->h, 3 * l->h);
    tl_node *in = tl_sigmoid(tl_add(sum_of_gate(l, x, *h, 0), tl_mul(*c, of_in)));
    tl_node *forget = tl_sigmoid(tl_add(sum_of_gate(l, x, *h, 2), tl_mul(*c, of_forget)));
    *c = tl_add(tl_mul(forget, *c), tl_mul(in, tl_tanh(sum_of_gate(l, x, *h, 3))));
    *h = tl_mul(tl_sigmoid(tl_add(sum_of_gate(l, x, *h, 1), tl_mul(*c, of_out))), tl_tanh(*c));
}

/* Here the reset gate comes before the product with R; after it, with linear_before_reset. */
static void gru_cell(const layer *l, tl_node *x, tl_node **h, tl_node **c)
{
    (void)c;
    tl_node *update = tl_sigmoid(sum_of_gate(l, x, *h, 0)), *reset = tl_sigmoid(sum_of_gate(l, x, *h, 1));
    tl_node *new = tl_tanh(
        tl_add(gate_of(l, x, l->w, l->w_bias, 2), gate_of(l, tl_mul(reset, *h), l->r, l->r_bias, 2)));
    *h = tl_add(new, tl_mul(update, tl_sub(*h, new)));
}

static tl_node *rnn(onnx_case *c)
{
    const layer l = layer_of(c, 1);
    return run(&l, rnn_cell);
}

static tl_node *lstm(onnx_case *c)
{
    const layer l = layer_of(c, 4);
    return run(&l, onnx_tensor(c, 7) ? lstm_peephole_cell : lstm_cell);
}

static tl_node *gru(onnx_case *c)
{
    const layer l = layer_of(c, 3);
    return run(&l, gru_cell);
}

const onnx_op onnx_recurrent[] = {
    { "GRU", .run = gru },
    { "LSTM", .run = lstm },
    { "RNN", .run = rnn },
    { .name = NULL },
};
