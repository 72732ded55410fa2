#!/usr/bin/python3
"""Times an epoch of the demo graph_network (GCN with fixed edges, 16 hidden units) in PyTorch, on one thread.

    gcn.py FOLDER [--dense]

FOLDER is what the demo's --data names; --dense stores the features densely. Prints milliseconds per epoch and the
accuracy on the test nodes.
"""

import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy
import scipy.io
import scipy.sparse
import torch

EPOCHS, HIDDEN, DROPOUT = 200, 16, 0.5


def to_torch(matrix):
    matrix = scipy.sparse.coo_matrix(matrix)
    at = torch.tensor(numpy.array([matrix.row, matrix.col]))
    return torch.sparse_coo_tensor(at, torch.tensor(matrix.data, dtype=torch.float32), matrix.shape).coalesce()


def read_graph(folder):
    """Returns the normalised adjacency and the features, both sparse, the labels, and the known and the test nodes."""
    adjacency = scipy.io.mmread(os.path.join(folder, "adjacency.mtx")).tocsr()
    pairs = ((adjacency + adjacency.T + scipy.sparse.identity(adjacency.shape[0])) != 0).astype(numpy.float32)
    scale = scipy.sparse.diags(1 / numpy.sqrt(numpy.asarray(pairs.sum(1)).ravel()))
    features = scipy.sparse.csr_matrix(scipy.io.mmread(os.path.join(folder, "features.mtx")), dtype=numpy.float32)
    sums = numpy.maximum(numpy.asarray(abs(features).sum(1)).ravel(), 1e-30)
    labels, train, test = (torch.tensor(numpy.load(os.path.join(folder, name + ".npy")).astype(numpy.int64))
                           for name in ("labels", "train", "test"))
    return to_torch(scale @ pairs @ scale), to_torch(scipy.sparse.diags(1 / sums) @ features), labels, train, test


def drop_features(features, training):
    """Returns the features with dropout, of their values where they are sparse."""
    drop = torch.nn.functional.dropout
    if not features.is_sparse:
        return drop(features, DROPOUT, training)
    return torch.sparse_coo_tensor(features.indices(), drop(features.values(), DROPOUT, training), features.shape)


def main(folder, dense):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    edges, features, labels, train, test = read_graph(folder)
    features = features.to_dense() if dense else features
    classes = int(labels.max()) + 1
    w1, w2 = (torch.nn.Parameter(torch.nn.init.xavier_uniform_(torch.empty(shape)))
              for shape in ((features.shape[1], HIDDEN), (HIDDEN, classes)))
    b1, b2 = (torch.nn.Parameter(torch.zeros(n)) for n in (HIDDEN, classes))
    adam = torch.optim.Adam([w1, w2, b1, b2], lr=0.01, weight_decay=5e-4)

    def scores(training):
        h = torch.relu(torch.sparse.mm(edges, drop_features(features, training) @ w1) + b1)
        h = torch.nn.functional.dropout(h, DROPOUT, training)
        return torch.sparse.mm(edges, h @ w2) + b2

    begin = time.perf_counter()
    for _ in range(EPOCHS):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(scores(True)[train], labels[train]).backward()
        adam.step()
    each = (time.perf_counter() - begin) / EPOCHS
    right = (scores(False)[test].argmax(1) == labels[test]).float().mean()
    print("%.2f ms per epoch, accuracy %.2f %%" % (1e3 * each, 100 * right))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--dense"]):
        sys.exit(__doc__)
    main(sys.argv[1], len(sys.argv) == 3)
