#!/usr/bin/env python3
"""scipy_sparse.py LIBRARY...: scipy.sparse.save_npz and load_npz: formats, types, indices, repeats, both ways."""
import itertools
import os

from tulle_files import TYPES, Refused, folder, libraries, numpy, skip

try:
    from scipy import sparse
except ImportError as error:
    skip(error)

SHAPES = [(0, 0), (3, 0), (0, 4), (1, 1), (5, 7), (200, 30), (1, 500), (500, 1)]


def matrix(shape, kind, seed):
    random = numpy.random.default_rng(seed)
    m = sparse.random(*shape, density=0.1, format='coo', random_state=seed)
    data = random.integers(0, 2 if kind.kind in 'b' else 100, m.nnz).astype(kind)
    return sparse.coo_matrix((data, (m.row, m.col)), shape=shape)


def assert_equal(library, found, expected, what):
    rows, cols, row_ptr, col, values = found
    assert (rows, cols) == expected.shape, what
    dense = sparse.csr_matrix((values, col, row_ptr), shape=(rows, cols)).toarray()
    assert all((numpy.diff(col[a:b]) > 0).all() for a, b in zip(row_ptr, row_ptr[1:])), '%s: columns' % what
    assert (dense == expected.toarray().astype(library.real)).all(), '%s: values' % what


def read(library, work):
    path, count = os.path.join(work, 'a.npz'), 0
    for shape, kind, format in itertools.product(SHAPES, TYPES[1:], ['csr', 'csc', 'coo']):
        if kind == numpy.dtype('float16'):
            continue  # SciPy has no such matrices
        m = matrix(shape, kind, count).asformat(format)
        for compressed, wide in itertools.product([False, True], [False, True]):
            for name in ['indices', 'indptr'] if format != 'coo' else ['row', 'col']:
                setattr(m, name, getattr(m, name).astype('int64' if wide else 'int32'))
            sparse.save_npz(path, m, compressed)
            found = library.read_mtx('tl_npz_read_sparse', path)
            assert_equal(library, found, m, '%s %s %s' % (shape, kind, format))
            count += 1
    # columns in any order, repeats, and more data than the pointers name
    data, col = numpy.array([1., 2, 3, 4, 5, 9]), numpy.array([2, 0, 2, 1, 0, 0])
    for m in (sparse.csr_matrix((data, col, [0, 3, 5]), shape=(2, 3)),
              sparse.csc_matrix((data, col, [0, 3, 5]), shape=(3, 2)),
              sparse.coo_matrix((data, (col, col[::-1])), shape=(3, 3))):
        sparse.save_npz(path, m)
        assert_equal(library, library.read_mtx('tl_npz_read_sparse', path), m, 'repeats')
        count += 1
    return count


def refused(library, work):
    path = os.path.join(work, 'a.npz')
    for m in sparse.eye(4, format='bsr'), sparse.eye(4, format='dia'), sparse.csr_matrix([[1j]]):
        sparse.save_npz(path, m)
        try:
            library.read_mtx('tl_npz_read_sparse', path)
        except Refused as error:
            assert m.format in str(error) or 'complex' in str(error), error
        else:
            raise AssertionError('read: ' + m.format)


def written(library, work):
    path, count = os.path.join(work, 'a.npz'), 0
    for shape in SHAPES:
        m = matrix(shape, library.real, count).tocsr()
        m.sort_indices()
        library.write_mtx('tl_npz_write_sparse', path, *m.shape, m.indptr, m.indices, m.data)
        back = sparse.load_npz(path)
        assert back.format == 'csr' and back.dtype == library.real and back.shape == m.shape
        assert back.has_canonical_format and back.indices.dtype == back.indptr.dtype
        assert (back != m).nnz == 0
        count += 1
    return count


def main():
    for library in libraries():
        with folder() as work:
            refused(library, work)
            print('%s: %d matrices read, %d written, all equal' % (library.real, read(library, work),
                                                                    written(library, work)))


main()
