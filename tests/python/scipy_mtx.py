#!/usr/bin/env python3
"""scipy_mtx.py LIBRARY...: SciPy's mmwrite and mmread: layouts, types, symmetries, precisions, both ways."""
import itertools
import os

from tulle_files import Refused, folder, libraries, numpy
from tulle_text import assert_equal, read_mtx, sparse, write_mtx

from scipy.io import mmread, mmwrite

SHAPES = [(0, 0), (3, 0), (0, 4), (1, 1), (5, 7), (200, 30), (1, 500), (500, 1)]
KINDS = ['float64', 'float32', 'int64', 'int32', 'uint8']


def matrix(shape, kind, seed):
    """A coo_matrix with its entries in any order."""
    random = numpy.random.default_rng(seed)
    m = sparse.random(*shape, density=0.1, format='coo', random_state=seed)
    order = random.permutation(m.nnz)
    if numpy.dtype(kind).kind == 'f':
        data = random.standard_normal(m.nnz) * 10.0 ** random.integers(-30, 30, m.nnz)
    else:
        data = random.integers(0, 100, m.nnz)
    return sparse.coo_matrix((data.astype(kind), (m.row[order], m.col[order])), shape=shape)


def check_read(library, path, what, expected=None):
    if expected is None or expected.size > 0:
        expected = mmread(path)  # which cannot read an empty array
    assert_equal(read_mtx(library, path), expected, what)
    return 1


def read(library, work):
    path, count = os.path.join(work, 'a.mtx'), 0
    for shape, kind, layout in itertools.product(SHAPES, KINDS, ['coo', 'csr', 'csc', 'dense']):
        m = matrix(shape, kind, count)
        m = m.toarray() if layout == 'dense' else m.asformat(layout)
        for precision in None, 3, 20:
            mmwrite(path, m, 'a comment\nand another\n', precision=precision)
            count += check_read(library, path, '%s %s %s' % (shape, kind, layout),
                                None if sparse.issparse(m) else m)
    os.system('gzip -c %s > %s.gz' % (path, path))
    return count + check_read(library, path + '.gz', 'gzipped')


def read_symmetric(library, work):
    path, count = os.path.join(work, 'a.mtx'), 0
    for n, kind, layout in itertools.product([1, 2, 30], ['float64', 'int64'], ['coo', 'dense']):
        m = matrix((n, n), kind, n).toarray()
        for whole in m + m.T, m - m.T:
            whole = sparse.coo_matrix(whole) if layout == 'coo' else whole
            mmwrite(path, whole)
            with open(path) as file:
                assert n == 1 or 'symmetric' in file.readline()
            count += check_read(library, path, 'symmetric %d %s %s' % (n, kind, layout))
    mmwrite(path, sparse.eye(5), field='pattern', symmetry='symmetric')
    return count + check_read(library, path, 'pattern')


def read_repeats(library, work):
    """Repeated entries are added: whole numbers, whose sum does not depend on the order."""
    path = os.path.join(work, 'a.mtx')
    random = numpy.random.default_rng(1)
    row, col, data = random.integers(0, 20, 900), random.integers(0, 10, 900), random.integers(0, 50, 900)
    with open(path, 'w') as file:
        file.write('%%MatrixMarket matrix coordinate integer general\n20 10 900\n')
        file.writelines('%d %d %d\n' % entry for entry in zip(row + 1, col + 1, data))
    return check_read(library, path, 'repeats')


def refused(library, work):
    path = os.path.join(work, 'a.mtx')
    for m in numpy.array([[1j]]), sparse.coo_matrix([[1j]]):
        mmwrite(path, m)
        try:
            read_mtx(library, path)
        except Refused as error:
            assert 'found "complex"' in str(error), error
        else:
            raise AssertionError('read complex values')


def written(library, work):
    path, count = os.path.join(work, 'a.mtx'), 0
    for shape, layout in itertools.product(SHAPES, ['csr', 'dense']):
        m = matrix(shape, 'float64', count).asformat('csr').astype(library.real)
        m.sort_indices()
        m = m.toarray() if layout == 'dense' else m
        if layout == 'dense' and m.size > 3:
            m[:1, :1], m[:1, -1:], m[-1:, :1] = numpy.nan, numpy.inf, -numpy.inf
        write_mtx(library, path, m)
        assert_equal(read_mtx(library, path), m, 'written and read')
        if layout == 'dense' and m.size == 0:
            continue
        back = mmread(path)
        if layout == 'csr':
            back = back.tocsr()
            assert (back.indptr == m.indptr).all() and (back.indices == m.indices).all()
        assert back.shape == m.shape and numpy.array_equal(
            (back.data if layout == 'csr' else back).astype(library.real), m.data if layout == 'csr' else m, True)
        count += 1
    return count


def main():
    for library in libraries():
        with folder() as work:
            refused(library, work)
            count = read(library, work) + read_symmetric(library, work) + read_repeats(library, work)
            print('%s: %d matrices read, %d written, all equal' % (library.real, count, written(library, work)))


main()
