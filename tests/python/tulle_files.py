"""The library's files from Python, by ctypes: what the scripts beside this one compare with NumPy's and SciPy's."""
import ctypes
import os
import sys
import tempfile

SKIPPED = 77  # the exit status that Meson takes for a test that could not run


def skip(why):
    print('skipped:', why)
    sys.exit(SKIPPED)


try:
    import numpy
except ImportError as error:
    skip(error)

# tl_npy_type
TYPES = [None] + [numpy.dtype(name) for name in (
    'bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'float16', 'float32', 'float64')]


class Npy(ctypes.Structure):
    _fields_ = [('type', ctypes.c_int), ('rank', ctypes.c_int32), ('dim', ctypes.c_int64 * 4),
                ('size', ctypes.c_int64), ('data', ctypes.c_void_p)]

    def array(self):
        """A copy as NumPy's array."""
        kind = TYPES[self.type]
        flat = numpy.frombuffer(ctypes.string_at(self.data, self.size * kind.itemsize), kind)
        return flat.reshape(tuple(self.dim[:self.rank]))

    @staticmethod
    def of(array):
        """One that borrows the array's memory."""
        assert array.flags.c_contiguous
        return Npy(1 + TYPES[1:].index(array.dtype), array.ndim, (ctypes.c_int64 * 4)(*array.shape), 0, array.ctypes.data)


class Npz(ctypes.Structure):
    _fields_ = [('n', ctypes.c_int32), ('name', ctypes.POINTER(ctypes.c_char_p)), ('array', ctypes.POINTER(Npy))]


class Mtx(ctypes.Structure):
    _fields_ = [('rows', ctypes.c_int64), ('cols', ctypes.c_int64), ('pattern', ctypes.c_void_p),
                ('values', ctypes.c_void_p)]


class Csr(ctypes.Structure):
    _fields_ = [('rows', ctypes.c_int64), ('cols', ctypes.c_int64), ('nnz', ctypes.c_int64),
                ('row_ptr', ctypes.POINTER(ctypes.c_int64)), ('col', ctypes.POINTER(ctypes.c_int32))]


class Refused(Exception):
    pass


class Library:
    """libtulle or libtulle64."""

    def __init__(self, path):
        self.real = numpy.dtype('float64' if '64' in os.path.basename(path) else 'float32')
        self.suffix = '_double' if self.real.itemsize == 8 else '_float'
        self.dll = ctypes.CDLL(path)
        self.dll.tl_error.restype = ctypes.c_char_p
        self.dll.tl_pattern_csr.restype = Csr
        self.dll.tl_pattern_csr.argtypes = [ctypes.c_void_p]
        self.dll.tl_pattern_release.argtypes = [ctypes.c_void_p]
        self.from_csr = self.dll.tl_pattern_from_csr
        self.from_csr.restype = ctypes.c_void_p
        self.from_csr.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]

    def call(self, name, *arguments):
        """Calls a function that returns a status, and raises its error text."""
        if not hasattr(self.dll, name):
            name += self.suffix
        encoded = [a.encode() if isinstance(a, str) else ctypes.byref(a) for a in arguments]
        if self.dll[name](*encoded) != 0:
            raise Refused(self.dll.tl_error().decode(errors='replace'))

    def read_npy(self, path):
        a = Npy()
        self.call('tl_npy_read', path, a)
        result = a.array()
        self.dll.tl_npy_free(ctypes.byref(a))
        return result

    def write_npy(self, path, array):
        self.call('tl_npy_write', path, Npy.of(array))

    def read_npz(self, path):
        a = Npz()
        self.call('tl_npz_read', path, a)
        result = {a.name[k].decode(): a.array[k].array() for k in range(a.n)}
        self.dll.tl_npz_free(ctypes.byref(a))
        return result

    def read_npz_array(self, path, name):
        a = Npy()
        self.call('tl_npz_read_array', path, name, a)
        result = a.array()
        self.dll.tl_npy_free(ctypes.byref(a))
        return result

    def write_npz(self, path, arrays, compressed):
        n = len(arrays)
        names = (ctypes.c_char_p * n)(*[name.encode() for name in arrays])
        all_of_them = Npz(n, names, (Npy * n)(*[Npy.of(a) for a in arrays.values()]))
        self.call('tl_npz_write_compressed' if compressed else 'tl_npz_write', path, all_of_them)

    def read_mtx(self, function, path):
        """A matrix as (rows, cols, row_ptr, col, values), copied."""
        m = Mtx()
        self.call(function, path, m)
        p = self.dll.tl_pattern_csr(m.pattern)
        row_ptr = numpy.array(p.row_ptr[:p.rows + 1], 'int64')
        col = numpy.array(p.col[:p.nnz], 'int32')
        values = numpy.frombuffer(ctypes.string_at(m.values, p.nnz * self.real.itemsize), self.real)
        self.dll.tl_pattern_release(m.pattern)
        return m.rows, m.cols, row_ptr, col, values

    def write_mtx(self, function, path, rows, cols, row_ptr, col, values):
        row_ptr, col = row_ptr.astype('int64'), col.astype('int32')
        values = numpy.ascontiguousarray(values.astype(self.real))
        pattern = self.from_csr(rows, cols, row_ptr.ctypes.data, col.ctypes.data)
        if not pattern:
            raise Refused(self.dll.tl_error().decode())
        m = Mtx(rows, cols, pattern, values.ctypes.data)
        try:
            self.call(function, path, m)
        finally:
            self.dll.tl_pattern_release(pattern)


def libraries():
    """Those that the command line names."""
    return [Library(path) for path in sys.argv[1:]]


def folder():
    return tempfile.TemporaryDirectory(prefix='tulle-')


def assert_same(found, expected, what):
    """The same type, shape and bytes, NaN included."""
    expected = numpy.asarray(expected)
    native = expected.astype(expected.dtype.newbyteorder('='))
    assert found.dtype == native.dtype, '%s: %s, not %s' % (what, found.dtype, native.dtype)
    assert found.shape == native.shape, '%s: %s, not %s' % (what, found.shape, native.shape)
    assert found.tobytes() == native.tobytes(), '%s: other elements' % what
