"""The library's text files from Python: Matrix Market and svmlight."""
import ctypes

from tulle_files import Mtx, Refused, numpy, skip

try:
    from scipy import sparse
except ImportError as error:
    skip(error)


class Svmlight(ctypes.Structure):
    _fields_ = [('pattern', ctypes.c_void_p), ('values', ctypes.c_void_p), ('rows', ctypes.c_int64),
                ('features', ctypes.c_int64), ('labels', ctypes.c_void_p), ('qid', ctypes.c_void_p),
                ('base', ctypes.c_int32)]


class SvmlightOptions(ctypes.Structure):
    _fields_ = [('features', ctypes.c_int64), ('base', ctypes.c_int), ('reserved', ctypes.c_double * 4)]


DETECT, FROM_0, FROM_1 = range(3)


def array(address, n, kind):
    """A copy of n elements."""
    return numpy.frombuffer(ctypes.string_at(address, n * kind.itemsize), kind)


def csr(library, pattern, values):
    p = library.dll.tl_pattern_csr(pattern)
    row_ptr = array(ctypes.cast(p.row_ptr, ctypes.c_void_p), p.rows + 1, numpy.dtype('int64'))
    col = array(ctypes.cast(p.col, ctypes.c_void_p), p.nnz, numpy.dtype('int32'))
    return sparse.csr_matrix((array(values, p.nnz, library.real), col, row_ptr), shape=(p.rows, p.cols))


def read_mtx(library, path):
    """A csr_matrix, or an array of rank 2."""
    m = Mtx()
    library.call('tl_mtx_read', path, m)
    if m.pattern:
        found = csr(library, m.pattern, m.values)
    else:
        found = array(m.values, m.rows * m.cols, library.real).reshape(m.rows, m.cols)
    library.dll.tl_mtx_free(ctypes.byref(m))
    return found


def pattern_of(library, matrix):
    row_ptr, col = matrix.indptr.astype('int64'), matrix.indices.astype('int32')
    pattern = library.from_csr(*matrix.shape, row_ptr.ctypes.data, col.ctypes.data)
    if not pattern:
        raise Refused(library.dll.tl_error().decode())
    return pattern


def write_mtx(library, path, matrix):
    """Writes an array, or a csr_matrix with sorted columns; both of the library's type."""
    if sparse.issparse(matrix):
        m = Mtx(*matrix.shape, pattern_of(library, matrix), matrix.data.ctypes.data)
    else:
        m = Mtx(*matrix.shape, None, matrix.ctypes.data)
    try:
        library.call('tl_mtx_write', path, m)
    finally:
        library.dll.tl_pattern_release(m.pattern)


def read_svmlight(library, path, features=0, base=DETECT):
    """(csr_matrix, labels, qid or None, base)"""
    d = Svmlight()
    library.call('tl_svmlight_read', path, SvmlightOptions(features, base), d)
    assert library.dll.tl_pattern_csr(d.pattern).rows == d.rows
    assert library.dll.tl_pattern_csr(d.pattern).cols == d.features
    found = (csr(library, d.pattern, d.values), array(d.labels, d.rows, library.real),
             array(d.qid, d.rows, numpy.dtype('int64')) if d.qid else None, d.base)
    library.dll.tl_svmlight_free(ctypes.byref(d))
    return found


def write_svmlight(library, path, matrix, labels, qid, base):
    d = Svmlight(pattern_of(library, matrix), matrix.data.ctypes.data, *matrix.shape, labels.ctypes.data,
                 None if qid is None else qid.ctypes.data, base)
    try:
        library.call('tl_svmlight_write', path, d)
    finally:
        library.dll.tl_pattern_release(d.pattern)


def assert_equal(found, expected, what):
    """The same kind, shape, entries, those of 0 included, and values, NaN included."""
    assert sparse.issparse(found) == sparse.issparse(expected), what
    assert found.shape == expected.shape, '%s: %s, not %s' % (what, found.shape, expected.shape)
    if sparse.issparse(expected):
        expected = sparse.csr_matrix(expected)
        expected.sum_duplicates()
        assert (found.indptr == expected.indptr).all(), '%s: rows' % what
        assert (found.indices == expected.indices).all(), '%s: columns' % what
        found, expected = found.data, expected.data
    with numpy.errstate(over='ignore'):
        assert numpy.array_equal(found, expected.astype(found.dtype), equal_nan=True), '%s: values' % what
