#!/usr/bin/env python3
"""numpy_files.py LIBRARY...: .npy and .npz files to and from NumPy: all types, byte orders, layouts, versions."""
import itertools
import os
import zipfile

from tulle_files import TYPES, Refused, assert_same, folder, libraries, numpy

SHAPES = [(), (0,), (1,), (7,), (3, 5), (1, 4), (0, 3), (40, 70), (2, 3, 4), (5, 1, 37), (2, 3, 4, 5), (33, 2, 3, 34)]


def sample(kind, shape, seed):
    """Any bytes: NaN and infinities are among them."""
    size = int(numpy.prod(shape, dtype='int64'))
    random = numpy.random.default_rng(seed)
    if kind == numpy.dtype('bool'):
        return random.integers(0, 2, size).astype(bool).reshape(shape)
    return numpy.frombuffer(random.bytes(size * kind.itemsize), kind).reshape(shape)


def npy(library, work):
    path, count = os.path.join(work, 'a.npy'), 0
    for kind, shape in itertools.product(TYPES[1:], SHAPES):
        for order, layout, version in itertools.product('<>', 'CF', [(1, 0), (2, 0), (3, 0)]):
            a = numpy.array(sample(kind, shape, count), kind.newbyteorder(order), order=layout)
            with open(path, 'wb') as file:
                numpy.lib.format.write_array(file, a, version)
            assert_same(library.read_npy(path), a, '%s %s %s %s' % (a.dtype.str, shape, layout, version))
            count += 1
        a = sample(kind, shape, count)
        library.write_npy(path, a)
        assert_same(numpy.load(path), a, 'written %s %s' % (kind, shape))
        count += 1
    return count


def refused(library, work):
    path, count = os.path.join(work, 'a.npy'), 0
    for a, what in [
            (numpy.array([None]), 'Python objects'), (numpy.array(['a', 'bc']), 'text'),
            (numpy.array([b'a']), 'byte strings'), (numpy.zeros(2, 'c8'), 'complex numbers'),
            (numpy.zeros(2, 'M8[s]'), 'times'), (numpy.zeros(2, 'm8[s]'), 'differences of time'),
            (numpy.zeros(2, 'V3'), 'uninterpreted bytes'), (numpy.zeros(2, [('x', '<f4')]), 'a structure'),
            (numpy.zeros(2, 'f16'), "'<f16'"), (numpy.zeros([1] * 5), 'rank 5')]:
        numpy.save(path, a)
        try:
            library.read_npy(path)
        except Refused as error:
            assert what in str(error), '%s: %s' % (what, error)
            count += 1
        else:
            raise AssertionError('read: ' + what)
    return count


def npz(library, work):
    path = os.path.join(work, 'a.npz')
    arrays = {'a%d' % k: sample(kind, shape, k) for k, (kind, shape) in enumerate(itertools.product(TYPES[1:], SHAPES))}
    arrays['folder/name'] = numpy.arange(3)
    arrays['wide µ 数'] = numpy.arange(4.)
    arrays['zeros'] = numpy.zeros((300, 1000))  # 2.4 MB: many blocks
    for save in numpy.savez, numpy.savez_compressed:
        save(path, **arrays)
        found = library.read_npz(path)
        assert list(found) == list(arrays), 'other names'
        for name, a in arrays.items():
            assert_same(found[name], a, name)
        assert_same(library.read_npz_array(path, 'zeros'), arrays['zeros'], 'zeros')
    for compressed in False, True:
        library.write_npz(path, arrays, compressed)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
        with numpy.load(path) as loaded:
            assert loaded.files == list(arrays), 'other names'
            for name, a in arrays.items():
                assert_same(loaded[name], a, name)
        assert os.path.getsize(path) < 2e6 or not compressed
    with open(os.path.join(work, 'unseekable.npz'), 'wb') as file:  # sizes follow the data

        class Pipe:
            def write(self, data):
                return file.write(data)

            def flush(self):
                file.flush()

        with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as archive, archive.open('x.npy', 'w') as entry:
            numpy.lib.format.write_array(entry, numpy.arange(1000))
    assert_same(library.read_npz(file.name)['x'], numpy.arange(1000), 'unseekable')
    return 4 * len(arrays) + 1


def main():
    for library in libraries():
        with folder() as work:
            print('%s: %d .npy files the same, %d refused, %d arrays of .npz files the same' % (
                library.real, npy(library, work), refused(library, work), npz(library, work)))


main()
