"""Prints reference.h: the weights of a small net after 1, 10 and 100 steps of PyTorch's optimizers, in double.

Run with PyTorch 1.13 (Debian 12: python3-torch), from this directory:

    python3 make_reference.py > reference.h

The net is tanh(X W1 + b1) W2 + b2, 3-5-2, under the mean squared error on one batch of 4 samples. Where it starts, and
the batch, are multiples of 1/8 by formulas that test_torch.c repeats; so do the options of the optimizers.
"""

import torch

SHAPES = [(3, 5), (5,), (5, 2), (2,)]  # W1, b1, W2, b2
STEPS = [1, 10, 100]

OPTIMIZERS = [
    ("sgd", lambda w: torch.optim.SGD(w, lr=0.1)),
    ("momentum", lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9)),
    ("nesterov", lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9, nesterov=True)),
    ("adagrad", lambda w: torch.optim.Adagrad(w, lr=0.1, initial_accumulator_value=0.1)),
    ("rmsprop", lambda w: torch.optim.RMSprop(w, lr=0.003, alpha=0.95)),
    ("rmsprop, momentum", lambda w: torch.optim.RMSprop(w, lr=0.002, alpha=0.9, momentum=0.8)),
    ("rmsprop, centered", lambda w: torch.optim.RMSprop(w, lr=0.01, momentum=0.5, eps=1e-3, centered=True)),
    ("adam", lambda w: torch.optim.Adam(w, lr=0.02)),
    ("adam, l2", lambda w: torch.optim.Adam(w, lr=0.02, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.05)),
    ("adamw", lambda w: torch.optim.AdamW(w, lr=0.02, weight_decay=0.1)),
    ("amsgrad", lambda w: torch.optim.Adam(w, lr=0.02, betas=(0.8, 0.9), amsgrad=True)),
]


def spread(shape, first, factor, modulus, divisor):
    """Values ((factor k) mod modulus - modulus // 2) / divisor for k = first, first + 1, .."""
    k = torch.arange(first, first + torch.Size(shape).numel())
    return ((factor * k % modulus - modulus // 2) / divisor).double().reshape(shape)


def weights():
    w, first = [], 0
    for shape in SHAPES:
        w.append(spread(shape, first, 7, 11, 8).requires_grad_())
        first += w[-1].numel()
    return w


def train(make):
    x, target, seen = spread((4, 3), 0, 5, 13, 4), spread((4, 2), 0, 3, 7, 4), []
    w1, b1, w2, b2 = w = weights()
    optimizer = make(w)
    for step in range(1, STEPS[-1] + 1):
        optimizer.zero_grad()
        y = torch.tanh(x @ w1 + b1) @ w2 + b2
        torch.nn.functional.mse_loss(y, target).backward()
        optimizer.step()
        if step in STEPS:
            seen += torch.cat([p.detach().flatten() for p in w]).tolist()
    return seen


print("/* Made by make_reference.py with PyTorch %s. */" % torch.__version__)
print("/* clang-format off */")
print("enum { REFERENCES = %d, WEIGHTS = %d };" % (len(OPTIMIZERS), sum(w.numel() for w in weights())))
print("static const int reference_step[%d] = { %s };" % (len(STEPS), ", ".join(map(str, STEPS))))
print("static const struct reference {\n    const char *name;\n    double weights[%d * WEIGHTS];" % len(STEPS))
print("} reference[REFERENCES] = {")
for name, make in OPTIMIZERS:
    numbers = ["%.15g" % value for value in train(make)]
    print('    { "%s", {' % name)
    for k in range(0, len(numbers), 5):
        print("      " + ", ".join(numbers[k : k + 5]) + ",")
    print("    } },")
print("};\n/* clang-format on */")
