#!/usr/bin/env python3
"""sklearn_svmlight.py LIBRARY...: scikit-learn's dump_svmlight_file and load_svmlight_file: bases, labels, qid,
comments, both ways."""
import itertools
import os

from tulle_files import folder, libraries, numpy, skip
from tulle_text import FROM_0, FROM_1, assert_equal, read_svmlight, sparse, write_svmlight

try:
    from sklearn.datasets import dump_svmlight_file, load_svmlight_file
except ImportError as error:
    skip(error)

SHAPES = [(1, 1), (5, 7), (200, 30), (3, 5000), (500, 1)]
KINDS = ['float64', 'float32', 'int64']


def rows(shape, kind, seed):
    """A csr_matrix and its labels."""
    random = numpy.random.default_rng(seed)
    m = sparse.random(*shape, density=0.1, format='csr', random_state=seed)
    m.data = random.standard_normal(m.nnz) * 10.0 ** random.integers(-5, 5, m.nnz)
    labels = random.standard_normal(shape[0]) if kind == 'float64' else random.integers(0, 3, shape[0])
    return m.astype(kind), labels.astype(kind)


def assert_same_rows(found, expected, what):
    matrix, labels, qid = found
    assert_equal(matrix, expected[0], what)
    assert numpy.array_equal(labels, expected[1].astype(labels.dtype)), '%s: labels' % what
    assert qid is None or numpy.array_equal(qid, expected[2]), '%s: qid' % what


def read(library, work):
    path, count = os.path.join(work, 'a.svm'), 0
    for shape, kind, zero_based, with_qid in itertools.product(SHAPES, KINDS, [False, True], [False, True]):
        m, labels = rows(shape, kind, count)
        qid = numpy.arange(shape[0]) // 3 if with_qid else None
        dump_svmlight_file(m, labels, path, zero_based=zero_based, query_id=qid, comment='two\nlines')
        for n_features, base in itertools.product([None, shape[1] + 3], ['auto', zero_based]):
            if n_features is None and m.nnz == 0:
                continue  # has one feature to scikit-learn, and none to us
            try:
                expected = load_svmlight_file(path, n_features=n_features, zero_based=base, query_id=True)
            except ValueError:
                continue  # more features than it may have: another base than the file's
            what = '%s %s zero_based=%s features=%s' % (shape, kind, base, n_features)
            tl_base = 0 if base == 'auto' else FROM_0 if base else FROM_1
            matrix, found, ids, shown = read_svmlight(library, path, n_features or 0, tl_base)
            assert (ids is not None) == with_qid, what
            assert_same_rows((matrix, found, ids), expected, what)
            assert base == 'auto' or shown == (0 if base else 1), what
            count += 1
    return count


def written(library, work):
    path, count = os.path.join(work, 'a.svm'), 0
    for shape, base, with_qid in itertools.product(SHAPES, [0, 1], [False, True]):
        m, labels = rows(shape, 'float64', count)
        m, labels = m.astype(library.real), labels.astype(library.real)
        qid = numpy.arange(shape[0], dtype='int64') // 3 if with_qid else None
        write_svmlight(library, path, m, labels, qid, base)
        back = load_svmlight_file(path, n_features=shape[1], zero_based=base == 0, query_id=True, dtype=library.real)
        assert_equal(back[0], m, 'written')
        assert numpy.array_equal(back[1].astype(library.real), labels), 'labels'
        assert not with_qid or numpy.array_equal(back[2], qid), 'qid'
        again = read_svmlight(library, path, shape[1], FROM_1 if base else FROM_0)
        assert_same_rows(again[:3], (m, labels, qid), 'written and read')
        count += 1
    return count


def main():
    for library in libraries():
        with folder() as work:
            print('%s: %d files read, %d written, all equal' % (library.real, read(library, work),
                                                                written(library, work)))


main()
