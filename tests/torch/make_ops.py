"""Writes ../data/torch_ops.safetensors: results and gradients of the ops by PyTorch, in double.

Run with PyTorch 1.13 (Debian 12: python3-torch), from this directory:

    python3 make_ops.py

An op has three samples or more. A sample has inputs: dense or sparse ones, whose gradients are compared, and numbers
(ids, an axis, weights of the loss), which test_torch_ops.c gives to the op as they are. The file has three entries per
op: `NAME.in`, all inputs and gradients of results, which are multiples of 1/128 and so exact in half precision, NaN
where a sparse one has no entry; `NAME.out`, all results and gradients of inputs; and the note NAME, the shapes, as in

    3x5 5s2x7 1n > 3x7; ...

for samples of a dense 3 x 5, a sparse 5 x 2 and one number, with a result of 3 x 7.
"""

import json
import math
import os
import zlib

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.double)
PATH = os.path.join("..", "data", "torch_ops.safetensors")
OPS = {}


class dense:
    """An input, or a gradient of a result: values in (low, high) that differ, and none a multiple of 1/64."""

    def __init__(self, *shape, low=-2, high=2):
        self.shape, self.low, self.high = shape, low, high

    def draw(self, generator):
        steps = torch.randperm(int((self.high - self.low) * 64), generator=generator)[: math.prod(self.shape)]
        self.values = ((steps + 0.5) / 64 + self.low).reshape(self.shape)
        self.leaf = self.values.clone().requires_grad_()
        return self.leaf

    def text(self):
        return "x".join(map(str, self.shape)) or "scalar"


class sparse(dense):
    """A matrix with an entry where (7 i + 3 j) mod 5 < 2, in rows other than 1."""

    def draw(self, generator):
        super().draw(generator)
        i, j = torch.meshgrid(*map(torch.arange, self.shape), indexing="ij")
        self.entries = ((7 * i + 3 * j) % 5 < 2) & (i != 1)
        self.leaf = self.values[self.entries].clone().requires_grad_()
        self.values[~self.entries] = math.nan
        return torch.sparse_coo_tensor(self.entries.nonzero().T, self.leaf, self.shape).coalesce()

    def text(self):
        return super().text() + "s"


class numbers:
    """What is not a tensor to the op."""

    leaf = None

    def __init__(self, value):
        self.value = value
        self.values = torch.tensor(value).double().reshape(-1)

    def draw(self, generator):
        return self.value

    def text(self):
        return "%dn" % len(self.values)


def op(name, function, *samples):
    """Adds an op to the file. A sample is a list of dense, sparse, numbers and lists of them."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    inputs, outputs, texts = [], [], []
    for sample in samples:
        sample = [each if isinstance(each, dense) else numbers(each) for each in sample]
        y = function(*[each.draw(generator) for each in sample])
        shape = y.shape
        if y.is_sparse:
            y = y.coalesce()
            # PyTorch calls a product of sparse matrices coalesced, though its columns are in any order.
            y = torch.sparse_coo_tensor(y.indices(), y.values(), shape).coalesce().values()
        upstream = dense(*y.shape)
        upstream.draw(generator)
        leaves = [each.leaf for each in sample if each.leaf is not None]
        gradients = [None] * len(leaves)
        if y.requires_grad:
            gradients = torch.autograd.grad(y, leaves, upstream.values, allow_unused=True)
        inputs += [each.values for each in sample] + [upstream.values]
        outputs += [y.detach()] + [torch.zeros_like(x) if g is None else g.detach() for x, g in zip(leaves, gradients)]
        texts.append(" ".join(each.text() for each in sample) + " > " + ("x".join(map(str, shape)) or "scalar"))
    half = torch.cat([values.flatten() for values in inputs]).half()
    exact = torch.cat([values.flatten() for values in inputs])
    assert torch.equal(half.double().nan_to_num(99), exact.nan_to_num(99)), name
    OPS[name] = ("; ".join(texts), half, torch.cat([values.flatten() for values in outputs]))


def unary(name, function, low=-2, high=2):
    op(name, function, *[[dense(*shape, low=low, high=high)] for shape in [(7,), (5, 3), (3, 1, 5)]])


def binary(name, function, low=-2, high=2):
    """Of operands of one shape, of a row and a column, and of a tensor and what is repeated along it."""
    shapes = [((5, 3), (5, 3)), ((7,), (5, 1)), ((3, 1, 5), (2, 1, 7, 1))]
    op(name, function, *[[dense(*a), dense(*b, low=low, high=high)] for a, b in shapes])


def with_number(name, function, *values, low=-2, high=2):
    """A function of each element and of one number, or two."""
    shapes = [(7,), (5, 3), (3, 1, 5)]
    op(name, function, *[[dense(*shape, low=low, high=high), value] for shape, value in zip(shapes, values)])


def reduction(name, function):
    """Of all elements, and along each axis."""
    op(name, lambda a, axis: function(a, list(range(a.dim())) if axis < 0 else [axis]),
       [dense(7), -1], [dense(5, 3), 0], [dense(3, 5), 1], [dense(3, 1, 5), 2], [dense(3, 5, 2), 1],
       [dense(3, 1, 5), -1])


# ---- Of each element ----

unary("neg", torch.neg)
unary("abs", torch.abs)
unary("reciprocal", torch.reciprocal)
unary("square", torch.square)
unary("sqrt", torch.sqrt, low=0, high=4)
unary("exp", torch.exp)
unary("expm1", torch.expm1)
unary("log", torch.log, low=0, high=4)
unary("log1p", torch.log1p, low=-1, high=3)
unary("sin", torch.sin, low=-4, high=4)
unary("cos", torch.cos, low=-4, high=4)
unary("erf", torch.erf)
unary("tanh", torch.tanh)
unary("sigmoid", torch.sigmoid, low=-4, high=4)
unary("relu", torch.relu)
unary("softplus", F.softplus, low=-4, high=4)
unary("silu", F.silu, low=-4, high=4)
unary("gelu", F.gelu, low=-4, high=4)
unary("gelu_tanh", lambda a: F.gelu(a, approximate="tanh"), low=-4, high=4)
with_number("scale", torch.mul, 3, -0.5, 0)
with_number("add_constant", torch.add, 3, -0.5, 0)
with_number("leaky_relu", F.leaky_relu, 0.25, 0.015625, 2)
with_number("elu", F.elu, 1, 0.5, 2)
with_number("pow", torch.pow, 3, -1.5, 0.5, low=0, high=4)
with_number("clamp", lambda a, bounds: torch.clamp(a, *bounds), [-1, 1], [0, 0.5], [-9, -1])

# ---- Of two ----

binary("add", torch.add)
binary("sub", torch.sub)
binary("mul", torch.mul)
binary("div", torch.div, low=0.5, high=4)
binary("maximum", torch.maximum)
binary("minimum", torch.minimum)
op("bias", torch.add, [dense(7), dense(7)], [dense(5, 3), dense(3)], [dense(3, 1, 5), dense(5)])
op("bias_relu", lambda a, b: F.relu(a + b), [dense(7), dense(7)], [dense(5, 3), dense(3)], [dense(3, 1, 5), dense(5)])

# ---- Reductions, and functions of rows ----

reduction("reduce_sum", lambda a, axes: a.sum(axes))
reduction("reduce_mean", lambda a, axes: a.mean(axes))
reduction("reduce_max", lambda a, axes: a.amax(axes))
reduction("reduce_logsumexp", lambda a, axes: a.logsumexp(axes))
unary("softmax", lambda a: F.softmax(a, -1))
unary("log_softmax", lambda a: F.log_softmax(a, -1))
op("layer_norm", lambda a, gain, bias, epsilon: F.layer_norm(a, a.shape[-1:], gain, bias, epsilon),
   [dense(7), dense(7), dense(7), 0], [dense(5, 3), dense(3), dense(3), 0.25],
   [dense(3, 1, 5), dense(5), dense(5), 0.0625])
op("rms_norm", lambda a, gain, epsilon: a * torch.rsqrt(a.square().mean(-1, keepdim=True) + epsilon) * gain,
   [dense(7), dense(7), 0], [dense(5, 3), dense(3), 0.25], [dense(3, 1, 5), dense(5), 0.0625])
op("batch_norm", lambda a, gain, bias, mean, variance, training: F.batch_norm(
    a, torch.tensor(mean), torch.tensor(variance), gain, bias, bool(training), 0.1, 0.25),
   [dense(5, 3), dense(3), dense(3), [0.0] * 3, [1.0] * 3, 1],
   [dense(3, 2, 1, 5), dense(2), dense(2), [0.0] * 2, [1.0] * 2, 1],
   [dense(5, 3), dense(3), dense(3), [0.5, -1, 2], [0.5, 2.25, 1], 0],
   [dense(3, 2, 1, 5), dense(2), dense(2), [0.5, -1], [0.5, 2.25], 0])

# ---- Moves ----

op("reshape", lambda a, shape: a.reshape(shape), [dense(6), [3, 2]], [dense(5, 3), [3, 1, 5]], [dense(3, 1, 5), [15]])
op("transpose", lambda a: a.transpose(-1, -2), [dense(5, 3)], [dense(3, 1, 5)], [dense(2, 1, 5, 3)])
op("permute", lambda a, axes: a.permute(axes),
   [dense(5, 3), [1, 0]], [dense(3, 2, 5), [2, 0, 1]], [dense(2, 3, 1, 5), [3, 1, 0, 2]])
op("concat", lambda a, b, c, axis: torch.cat([a, b, c], axis),
   [dense(3), dense(1), dense(5), 0], [dense(5, 3), dense(5, 1), dense(5, 2), 1],
   [dense(3, 1, 5), dense(3, 2, 5), dense(3, 1, 5), 1])
op("slice", lambda a, which: a.narrow(which[0], which[1], which[2] - which[1]),
   [dense(7), [0, 2, 5]], [dense(5, 3), [1, 1, 3]], [dense(3, 5, 2), [1, 0, 3]])
op("pad", lambda a, before, after, value: F.pad(
    a, [size for pair in zip(reversed(before), reversed(after)) for size in pair], value=value),
   [dense(7), [1], [2], 0.5], [dense(5, 3), [0, 1], [3, 0], 0], [dense(3, 1, 5), [1, 0, 2], [0, 2, 1], -1])
op("broadcast_to", lambda a, shape: a.expand(shape),
   [dense(5), [3, 5]], [dense(3, 1), [3, 7]], [dense(3, 1, 5), [2, 3, 3, 5]])
op("tril", lambda a, diagonal: a.tril(diagonal), [dense(5, 3), 0], [dense(3, 7), 2], [dense(2, 5, 3), -1])
op("stop_gradient", lambda a: a.detach(), [dense(7)], [dense(5, 3)], [dense(3, 1, 5)])

# ---- Products ----

op("matmul", torch.matmul, [dense(3, 5), dense(5, 7)], [dense(7, 1), dense(1, 3)], [dense(3, 1, 5), dense(5, 2)],
   [dense(5), dense(5, 3)], [dense(3, 1, 5), dense(5)], [dense(5), dense(5)],
   [dense(3, 1, 5), dense(3, 5, 2)], [dense(2, 1, 1, 3), dense(5, 3, 1)])
op("matmul_transposed", lambda a, b, t: (a.mT if t in (1, 3) else a) @ (b.mT if t in (2, 3) else b),
   [dense(5, 3), dense(5, 7), 1], [dense(3, 5), dense(7, 5), 2], [dense(5, 3), dense(7, 5), 3],
   [dense(2, 5, 1), dense(3, 1, 1, 5), 3])
op("sparse_dense_matmul", torch.sparse.mm,
   [sparse(5, 7), dense(7, 3)], [sparse(3, 5), dense(5, 1)], [sparse(9, 3), dense(3, 5)])
op("dense_sparse_matmul", lambda d, s: torch.sparse.mm(
    s.t(), d.reshape(-1, d.shape[-1]).t()).t().reshape(d.shape[:-1] + s.shape[1:]),
   [dense(3, 7), sparse(7, 5)], [dense(1, 5), sparse(5, 3)], [dense(3, 1, 3), sparse(3, 9)])
op("sampled_matmul", lambda a, b, s: (a @ b).sparse_mask(s.detach()),
   [dense(5, 3), dense(3, 7), sparse(5, 7)], [dense(3, 1), dense(1, 5), sparse(3, 5)],
   [dense(9, 5), dense(5, 3), sparse(9, 3)])
op("sparse_sparse_matmul", torch.sparse.mm,
   [sparse(5, 7), sparse(7, 3)], [sparse(3, 5), sparse(5, 5)], [sparse(9, 3), sparse(3, 5)])

# ---- Sparse ----

op("sparse_add", lambda a, b: a + b,
   [sparse(5, 7), sparse(5, 7)], [sparse(3, 5), sparse(3, 5)], [sparse(9, 3), sparse(9, 3)])
op("sparse_to_dense", lambda s: s.to_dense(), [sparse(5, 7)], [sparse(3, 5)], [sparse(9, 3)])
op("dense_to_sparse", lambda d, s: d.sparse_mask(s.detach()),
   [dense(5, 7), sparse(5, 7)], [dense(3, 5), sparse(3, 5)], [dense(9, 3), sparse(9, 3)])
op("sparse_reduce_sum", lambda s, axis: torch.sparse.sum(s) if axis < 0 else torch.sparse.sum(s, axis).to_dense(),
   [sparse(5, 7), -1], [sparse(3, 5), 0], [sparse(9, 3), 1])
op("sparse_softmax", lambda s: torch.sparse.softmax(s, 1), [sparse(5, 7)], [sparse(3, 5)], [sparse(9, 3)])
op("embedding_lookup", lambda table, ids: F.embedding(torch.tensor(ids), table),
   [dense(5, 3), [4, 0, 4]], [dense(3, 7), [1, 1, 1, 2, 1]], [dense(7, 1), [6, 3, 5]])
op("embedding_lookup_sparse", lambda table, weights, row_ptr, ids, combiner: F.embedding_bag(
    torch.tensor(ids), table, torch.tensor(row_ptr), mode="sum", per_sample_weights=weights, include_last_offset=True),
   [dense(5, 3), dense(3), [0, 2, 3], [4, 0, 4], 0], [dense(3, 7), dense(5), [0, 0, 3, 5], [1, 1, 1, 2, 1], 0],
   [dense(7, 1), dense(3), [0, 3], [6, 3, 5], 0])
op("embedding_lookup_mean", lambda table, row_ptr, ids: F.embedding_bag(
    torch.tensor(ids), table, torch.tensor(row_ptr), mode="mean", include_last_offset=True),
   [dense(5, 3), [0, 2, 3], [4, 0, 4]], [dense(3, 7), [0, 0, 3, 5], [1, 1, 1, 2, 1]], [dense(7, 1), [0, 3], [6, 3, 5]])

op("embedding_lookup_padded", lambda table, ids, padding: F.embedding(
    torch.tensor(ids), table * (torch.arange(len(table)) != padding)[:, None], padding_idx=padding),
   [dense(5, 3), [4, 0, 4], 0], [dense(3, 7), [1, 1, 1, 2, 1], 1], [dense(7, 1), [6, 3, 5], 2])
op("embedding_lookup_max", lambda table, row_ptr, ids: F.embedding_bag(
    torch.tensor(ids), table, torch.tensor(row_ptr), mode="max", include_last_offset=True),
   [dense(5, 3), [0, 2, 3], [4, 0, 4]], [dense(3, 7), [0, 0, 3, 5], [1, 1, 0, 2, 1]], [dense(7, 1), [0, 3], [6, 3, 5]])


def partitioned(first, second, ids, bound):
    """Row i is row i / 2 of table i % 2. Rows of a norm above the bound are scaled to it."""
    rows = torch.stack([(first, second)[i % 2][i // 2] for i in ids])
    return rows * (bound / rows.norm(dim=1, keepdim=True)).clamp(max=1)


op("embedding_lookup_partitioned", partitioned,
   [dense(3, 5), dense(2, 5), [4, 0, 4, 1], 2], [dense(2, 3), dense(2, 3), [3, 3, 0, 2], 1.5],
   [dense(3, 1), dense(3, 1), [5, 2, 1, 0], 1])


def segmented(name):
    """Consecutive segments of rows, by PyTorch's lengths and as row pointers."""
    def function(a, row_ptr):
        lengths = torch.tensor([after - begin for begin, after in zip(row_ptr, row_ptr[1:])])
        return torch.segment_reduce(a, name, lengths=lengths, axis=0, initial=None if name == "max" else 0)

    op("segment_" + name, function,
       [dense(7), [0, 2, 3, 7]], [dense(5, 3), [0, 1, 5]], [dense(9, 1, 5), [0, 4, 6, 9]])


segmented("sum")
segmented("mean")
segmented("max")
# ---- Windows, whose options come last: stride, padding, dilation, and groups or the filters' size; of pools the
# window, stride, padding, and whether the padding counts ----

op("conv2d", lambda x, w, o: F.conv2d(x, w, None, o[0:2], o[2:4], o[4:6], o[6]),
   [dense(1, 1, 5, 5), dense(3, 1, 3, 3), [1, 1, 0, 0, 1, 1, 1]],
   [dense(1, 3, 5, 3), dense(2, 3, 3, 1), [2, 1, 1, 0, 1, 1, 1]],
   [dense(3, 4, 3, 5), dense(2, 2, 1, 3), [1, 2, 0, 2, 1, 2, 2]])
op("sparse_conv2d", lambda x, s, o: F.conv2d(
    x, s.to_dense().reshape(s.shape[0], -1, o[6], o[7]), None, o[0:2], o[2:4], o[4:6]),
   [dense(1, 1, 5, 5), sparse(3, 9), [1, 1, 0, 0, 1, 1, 3, 3]],
   [dense(1, 3, 5, 3), sparse(5, 9), [2, 1, 1, 0, 1, 1, 3, 1]],
   [dense(3, 2, 3, 5), sparse(3, 6), [1, 2, 0, 2, 1, 2, 1, 3]])
op("max_pool2d", lambda x, o: F.max_pool2d(x, o[0:2], o[2:4], o[4:6]),
   [dense(1, 1, 5, 5), [3, 3, 1, 1, 0, 0]], [dense(3, 2, 3, 5), [2, 3, 1, 2, 1, 0]],
   [dense(1, 3, 7, 1), [3, 1, 2, 1, 1, 0]])
op("avg_pool2d", lambda x, o: F.avg_pool2d(x, o[0:2], o[2:4], o[4:6], count_include_pad=bool(o[6])),
   [dense(1, 1, 5, 5), [3, 3, 1, 1, 0, 0, 0]], [dense(3, 2, 3, 5), [2, 3, 1, 2, 1, 0, 0]],
   [dense(1, 3, 7, 1), [3, 1, 2, 1, 1, 0, 1]])

# ---- Losses ----

op("softmax_cross_entropy", lambda x, labels: F.cross_entropy(x, torch.tensor(labels)),
   [dense(5, 3), [0, 2, 1, 1, 0]], [dense(3, 7), [6, 0, 3]], [dense(1, 5), [4]])
op("softmax_cross_entropy_weighted", lambda x, labels, weights: (
    F.cross_entropy(x, torch.tensor(labels), reduction="none") * torch.tensor(weights)).sum() / sum(weights),
   [dense(5, 3), [0, 2, 1, 1, 0], [1, 0.5, 0, 3, 2]], [dense(3, 7), [6, 0, 3], [0.25, 1, 1]], [dense(1, 5), [4], [3.0]])
op("sigmoid_cross_entropy", F.binary_cross_entropy_with_logits,
   [dense(7), dense(7, low=0, high=1)], [dense(5, 3), dense(5, 3, low=0, high=1)],
   [dense(3, 1, 5), dense(3, 1, 5, low=0, high=1)])
op("mse", F.mse_loss, [dense(7), dense(7)], [dense(5, 3), dense(5, 3)], [dense(3, 1, 5), dense(3, 1, 5)])


def cross_entropy(x, labels, weights, ignore, smoothing, per_row):
    return F.cross_entropy(x, torch.tensor(labels), torch.tensor(weights), ignore_index=ignore,
                           reduction="none" if per_row else "mean", label_smoothing=smoothing)


op("softmax_cross_entropy_with", cross_entropy,
   [dense(5, 3), [0, 2, 1, 1, 0], [1.0, 0.5, 3], 1, 0.0, 0], [dense(3, 7), [6, 0, 3], [1.0] * 7, -100, 0.25, 0],
   [dense(5, 3), [0, 2, 1, 1, 0], [1.0, 0.5, 3], 2, 0.125, 0],
   [dense(5, 3), [0, 2, 1, 1, 0], [1.0, 0.5, 3], 2, 0.125, 1])
op("softmax_cross_entropy_dense", F.cross_entropy,
   [dense(5, 3), dense(5, 3)], [dense(3, 7), dense(3, 7, low=0, high=1)], [dense(1, 5), dense(1, 5, low=0, high=1)])
op("nll", lambda x, labels: F.nll_loss(x, torch.tensor(labels)),
   [dense(5, 3), [0, 2, 1, 1, 0]], [dense(3, 7), [6, 0, 3]], [dense(1, 5), [4]])
op("nll_with", lambda x, labels, weights, ignore, smoothing, per_row: F.nll_loss(
    x, torch.tensor(labels), torch.tensor(weights), ignore_index=ignore, reduction="none" if per_row else "mean"),
   [dense(5, 3), [0, 2, 1, 1, 0], [1.0, 0.5, 3], 1, 0.0, 0], [dense(3, 7), [6, 0, 3], [0.25] * 7, -100, 0.0, 1],
   [dense(1, 5), [4], [1.0, 2, 3, 4, 5], 2, 0.0, 1])
op("sigmoid_cross_entropy_weighted", lambda x, z, weight: F.binary_cross_entropy_with_logits(
    x, z, pos_weight=torch.tensor(weight)),
   [dense(7), dense(7, low=0, high=1), 3.0], [dense(5, 3), dense(5, 3, low=0, high=1), 0.25],
   [dense(3, 1, 5), dense(3, 1, 5, low=0, high=1), 1.0])
op("l1", F.l1_loss, [dense(7), dense(7)], [dense(5, 3), dense(5, 3)], [dense(3, 1, 5), dense(3, 1, 5)])
op("huber", lambda a, b, delta: F.huber_loss(a, b, delta=delta),
   [dense(7), dense(7), 1], [dense(5, 3), dense(5, 3), 0.25], [dense(3, 1, 5), dense(3, 1, 5), 9])
op("l2_loss", lambda a: a.square().sum() / 2, [dense(7)], [dense(5, 3)], [dense(3, 1, 5)])

# ---- Compositions ----


def attention(q, k, v, mask, heads, causal):
    """Of PyTorch 1.13, whose function is not public yet, by heads."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    if causal:
        mask = mask + torch.full((q.shape[-2], k.shape[-2]), -math.inf).triu(1)
    return F._scaled_dot_product_attention(q, k, v, mask)[0].transpose(1, 2).flatten(-2)


op("attention", attention,
   [dense(1, 3, 5), dense(1, 7, 5), dense(1, 7, 3), dense(1, 1, 3, 7), 1, 0],
   [dense(3, 5, 2), dense(3, 5, 2), dense(3, 5, 4), dense(5, 5), 2, 1],
   [dense(1, 1, 9), dense(1, 3, 9), dense(1, 3, 3), dense(3, 1, 1), 3, 0])
op("linear", lambda x, w, b: F.linear(x, w.t(), b),
   [dense(5, 3), dense(3, 7), dense(7)], [dense(1, 5), dense(5, 3), dense(3)], [dense(3, 1, 5), dense(5, 1), dense(1)])
op("lstm_cell", lambda x, h, c, w_x, w_h, b_x, b_h: torch.cat(
    torch.lstm_cell(x, (h, c), w_x.t(), w_h.t(), b_x, b_h), 1),
   [dense(3, 5), dense(3, 1), dense(3, 1), dense(5, 4), dense(1, 4), dense(4), dense(4)],
   [dense(1, 3), dense(1, 3), dense(1, 3), dense(3, 12), dense(3, 12), dense(12), dense(12)],
   [dense(5, 1), dense(5, 2), dense(5, 2), dense(1, 8), dense(2, 8), dense(8), dense(8)])
op("gru_cell", lambda x, h, w_x, w_h, b_x, b_h: torch.gru_cell(x, h, w_x.t(), w_h.t(), b_x, b_h),
   [dense(3, 5), dense(3, 1), dense(5, 3), dense(1, 3), dense(3), dense(3)],
   [dense(1, 3), dense(1, 3), dense(3, 9), dense(3, 9), dense(9), dense(9)],
   [dense(5, 1), dense(5, 2), dense(1, 6), dense(2, 6), dense(6), dense(6)])


def write(path):
    header, data = {"__metadata__": {"made by": "make_ops.py, PyTorch %s" % torch.__version__}}, []
    entries = [(name + ".out", "F64", out) for name, (_, _, out) in OPS.items()]  # the widest type first: aligned
    entries += [(name + ".in", "F16", values) for name, (_, values, _) in OPS.items()]
    at = 0
    for name, kind, values in entries:
        data.append(values.numpy().tobytes())
        header[name] = {"dtype": kind, "shape": [len(values)], "data_offsets": [at, at + len(data[-1])]}
        at += len(data[-1])
    header["__metadata__"].update((name, texts) for name, (texts, _, _) in OPS.items())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(data))


if __name__ == "__main__":
    write(PATH)
