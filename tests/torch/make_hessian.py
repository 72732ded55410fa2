"""Prints hessian.h: the Hessian of a small net's loss times a vector, by PyTorch, in double.

Run with PyTorch 1.13 (Debian 12: python3-torch), from this directory:

    python3 make_hessian.py > hessian.h

The net is softmax(tanh(X W1 + b1 + T[ids]) W2 + b2), 3-5-3, under the cross entropy of a batch of 4 samples. W1 is
dense here, with zeros where the pattern of test_second_order.c has no entry, and so is the vector. Weights, batch and
vector are multiples of 1/8 by formulas that test_second_order.c repeats.
"""

import torch

SHAPES = [(3, 5), (5,), (6, 5), (5, 3), (3,)]  # W1, b1, T, W2, b2
IDS, LABELS = torch.tensor([1, 4, 1, 3]), torch.tensor([0, 2, 1, 1])


def spread(shape, first, factor, modulus, divisor):
    """Values ((factor k) mod modulus - modulus // 2) / divisor for k = first, first + 1, .."""
    k = torch.arange(first, first + torch.Size(shape).numel())
    return ((factor * k % modulus - modulus // 2) / divisor).double().reshape(shape)


def tensors(factor, modulus):
    made, first = [], 0
    for shape in SHAPES:
        made.append(spread(shape, first, factor, modulus, 8))
        first += made[-1].numel()
    made[0] *= keep
    return made


def loss(w1, b1, table, w2, b2):
    h = torch.tanh(spread((4, 3), 0, 5, 13, 4) @ (w1 * keep) + b1 + table[IDS])
    return torch.nn.functional.cross_entropy(h @ w2 + b2, LABELS)


i, j = torch.meshgrid(torch.arange(3), torch.arange(5), indexing="ij")
keep = (i + 2 * j) % 3 != 0
value, product = torch.autograd.functional.hvp(loss, tuple(tensors(7, 11)), tuple(tensors(3, 7)))
numbers = ["%.17g" % x for x in torch.cat([p.flatten() for p in product]).tolist()]

print("/* Made by make_hessian.py with PyTorch %s. */" % torch.__version__)
print("/* clang-format off */")
print("enum { HESSIAN_VALUES = %d };" % len(numbers))
print("static const double hessian_loss = %.17g;" % value.item())
print("static const double hessian_product[HESSIAN_VALUES] = {")
for k in range(0, len(numbers), 4):
    print("  " + ", ".join(numbers[k : k + 4]) + ",")
print("};\n/* clang-format on */")
