#!/usr/bin/env python3
"""safetensors_files.py LIBRARY...: weights and checkpoints to and from Python: by NumPy alone, as the format is simple,
by PyTorch, and by the safetensors package where it is installed."""
import ctypes
import json
import os
import sys
import tempfile
import zlib

try:
    import numpy
except ImportError as error:
    print('skipped:', error)
    sys.exit(77)
try:
    import torch
except ImportError:
    torch = None
try:
    from safetensors import numpy as package
except ImportError:
    package = None

TYPES = {'F64': 'f8', 'I64': 'i8', 'U64': 'u8', 'F32': 'f4', 'I32': 'i4', 'U32': 'u4', 'F16': 'f2', 'BF16': 'u2',
         'I16': 'i2', 'U16': 'u2', 'I8': 'i1', 'U8': 'u1', 'BOOL': '?'}
HERE = os.path.dirname(os.path.abspath(__file__))


def read(path):
    """The tensors and notes of a file."""
    with open(path, 'rb') as file:
        whole = file.read()
    size = int.from_bytes(whole[:8], 'little')
    header, data = json.loads(whole[8:8 + size]), whole[8 + size:]
    notes, tensors, end = header.pop('__metadata__', {}), {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]['data_offsets']):
        begin, after = entry['data_offsets']
        assert begin == end, '%s: a hole or an overlap' % name
        end = after
        assert (8 + size + begin) % numpy.dtype(TYPES[entry['dtype']]).itemsize == 0, '%s is not aligned' % name
        tensors[name] = numpy.frombuffer(data[begin:end], '<' + TYPES[entry['dtype']]).reshape(entry['shape'])
        if 'checksum' in notes:
            assert notes['checksum/' + name] == 'crc32:%08x' % zlib.crc32(data[begin:end]), name
    assert end == len(data)
    if 'checksum' in notes:
        digits = notes['checksum'][-8:].encode()
        zeros = whole[:8 + size].replace(b'"checksum":"crc32:' + digits, b'"checksum":"crc32:00000000', 1)
        assert notes['checksum'] == 'crc32:%08x' % zlib.crc32(zeros)
    return tensors, notes


def write(path, tensors, types):
    """A file without checksums or alignment, as other programs write it."""
    header, data = {'__metadata__': {'format': 'pt'}}, b''
    for name, array in tensors.items():
        header[name] = {'dtype': types[name], 'shape': list(array.shape), 'data_offsets': [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text + data)


class Shape(ctypes.Structure):
    _fields_ = [('rank', ctypes.c_int32), ('dim', ctypes.c_int64 * 4)]


class Options(ctypes.Structure):
    _fields_ = [(name, ctypes.c_bool) for name in ('skip_missing', 'skip_left_over', 'skip_shape', 'keep_pattern', 'drop',
                                                   'narrow')] + [('reserved', ctypes.c_double * 4)]


class Library:
    def __init__(self, path):
        self.real = numpy.dtype('f8' if '64' in os.path.basename(path) else 'f4')
        self.name = {8: 'F64', 4: 'F32'}[self.real.itemsize]
        suffix = '_double' if self.real.itemsize == 8 else '_float'
        self.dll = dll = ctypes.CDLL(path)
        dll.tl_error.restype = ctypes.c_char_p
        dll.tl_pattern_from_csr.restype = ctypes.c_void_p
        self.dense, self.sparse, self.data = dll['tl_variable_dense' + suffix], dll['tl_variable_sparse' + suffix], \
            dll['tl_variable_data' + suffix]
        for function in (self.dense, self.sparse, self.data):
            function.restype = ctypes.c_void_p
        self.dense.argtypes = [ctypes.c_char_p, Shape]
        self.sparse.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
        self.data.argtypes = dll.tl_variable_free.argtypes = dll.tl_variable_size.argtypes = [ctypes.c_void_p]
        dll.tl_variable_size.restype = ctypes.c_int64

    def check(self, status):
        assert status == 0, self.dll.tl_error().decode()

    def variable(self, name, array):
        v = self.dense(name.encode(), Shape(array.ndim, (ctypes.c_int64 * 4)(*array.shape)))
        self.values(v)[:] = array.ravel()
        return v

    def csr(self, name, rows, cols, crow, col, values):
        crow, col = numpy.asarray(crow, 'i8'), numpy.asarray(col, 'i4')
        p = self.dll.tl_pattern_from_csr(ctypes.c_int64(rows), ctypes.c_int64(cols), ctypes.c_void_p(crow.ctypes.data),
                                         ctypes.c_void_p(col.ctypes.data))
        assert p, self.dll.tl_error().decode()
        v = self.sparse(name.encode(), p)
        self.dll.tl_pattern_release(ctypes.c_void_p(p))
        self.values(v)[:] = values
        return v

    def values(self, v):
        n = self.dll.tl_variable_size(v)
        kind = ctypes.c_double if self.real.itemsize == 8 else ctypes.c_float
        return numpy.ctypeslib.as_array(ctypes.cast(self.data(v), ctypes.POINTER(kind)), (n,))

    def save(self, path, *variables):
        self.check(self.dll.tl_weights_save(path.encode(), (ctypes.c_void_p * len(variables))(*variables), len(variables)))

    def load(self, path, *variables, **options):
        return self.dll.tl_weights_load(path.encode(), (ctypes.c_void_p * len(variables))(*variables), len(variables),
                                        ctypes.byref(Options(**options)), None)

    def free(self, *variables):
        for v in variables:
            self.dll.tl_variable_free(v)


def to_python(library, path):
    random = numpy.random.default_rng(1)
    dense, scalar = random.normal(size=(3, 1, 4)).astype(library.real), numpy.array(2.5, library.real)
    matrix = random.normal(size=(20, 30)).astype(library.real) * (random.random((20, 30)) < 0.2)
    row, col = numpy.nonzero(matrix)
    crow = numpy.searchsorted(row, numpy.arange(21))
    variables = [library.variable('dense/\u00e9 "x"', dense), library.variable('scalar', scalar),
                 library.csr('w', 20, 30, crow, col, matrix[row, col])]
    library.save(path, *variables)
    library.free(*variables)
    tensors, notes = read(path)
    assert sorted(tensors) == ['dense/\u00e9 "x"', 'scalar', 'w.col_indices', 'w.crow_indices', 'w.values'], tensors
    assert tensors['dense/\u00e9 "x"'].dtype == library.real and (tensors['dense/\u00e9 "x"'] == dense).all()
    assert tensors['scalar'].shape == () and tensors['scalar'] == scalar
    assert json.loads(notes['shape/w']) == [20, 30] and notes['format'] == 'pt'
    assert (tensors['w.crow_indices'] == crow).all() and (tensors['w.col_indices'] == col).all()
    if torch:
        w = [torch.from_numpy(tensors['w.' + part].copy()) for part in ('crow_indices', 'col_indices', 'values')]
        w = torch.sparse_csr_tensor(*w, size=json.loads(notes['shape/w']))
        assert (w.to_dense().numpy() == matrix).all()
    if package:
        found = package.load_file(path)
        assert all((found[name] == tensors[name]).all() for name in tensors)


def from_python(library, path):
    random = numpy.random.default_rng(2)
    values = random.normal(size=(2, 3))
    single = values.astype('f4')
    arrays = {'F16': values.astype('f2'), 'BF16': (single.view('u4') >> 16).astype('u2'), 'F32': single, 'F64': values}
    expected = dict(arrays, BF16=(single.view('u4') >> 16 << 16).view('f4'))
    for kind, array in arrays.items():
        write(path, {'odd': numpy.array(1, 'u1'), 'v': array}, {'odd': 'U8', 'v': kind})
        v = library.variable('v', numpy.zeros((2, 3)))
        library.check(library.load(path, v, narrow=True, skip_left_over=True))
        assert (library.values(v) == expected[kind].astype(library.real).ravel()).all(), kind
        assert library.load(path, v, narrow=True) != 0  # the other tensor
        library.free(v)
    if not torch:
        return
    matrix = torch.from_numpy(values.astype(library.real))
    matrix[0, 1] = 0
    csr = matrix.to_sparse_csr()
    parts = {'w.crow_indices': csr.crow_indices(), 'w.col_indices': csr.col_indices(), 'w.values': csr.values()}
    write(path, {name: part.numpy() for name, part in parts.items()},
          {'w.crow_indices': 'I64', 'w.col_indices': 'I64', 'w.values': library.name})
    w = library.csr('w', 2, 3, [0, 1, 1], [2], [7])
    dense = library.variable('w', numpy.ones((2, 3)))
    library.check(library.load(path, w))
    library.check(library.load(path, dense))
    assert (library.values(w) == csr.values().numpy()).all()
    assert (library.values(dense).reshape(2, 3) == matrix.numpy()).all()
    library.free(w, dense)


def checkpoint():
    """What docs/checkpoints.md says is in the file."""
    for name, kind in (('float', 'f4'), ('double', 'f8')):
        tensors, notes = read(os.path.join(HERE, '../data/checkpoint_1_%s.ckpt' % name))
        assert notes['format_version'] == '1' and notes['real'] == name
        assert tensors['layer/sparse.values'].dtype == kind
        assert tensors['layer/sparse.values'].tolist() == [1.75, 3.75, -0.5]
        assert tensors['optimizer/sgd/layer/sparse/slot0'].tolist() == [1.5, 1.5, 1]
        assert tensors['optimizer/sgd/layer/sparse/age'].tolist() == [2, 2, 1]
        assert tensors['layer/masked'].tolist() == [[-0.25, 0], [0, 0.75]]
        assert tensors['ema/0/bias'].tolist() == [-0.375, -0.375]
        assert int(notes['random/dropout/seed']) == 2 ** 64 - 1 and float(notes['number/number']) == 0.1


def main():
    with tempfile.TemporaryDirectory(prefix='tulle-') as folder:
        for library in map(Library, sys.argv[1:]):
            to_python(library, os.path.join(folder, 'to.safetensors'))
            from_python(library, os.path.join(folder, 'from.safetensors'))
    checkpoint()
    print('NumPy%s%s' % (', PyTorch' if torch else ' (without PyTorch)',
                         ', safetensors' if package else ' (without the safetensors package)'))


main()
