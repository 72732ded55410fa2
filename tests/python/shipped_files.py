#!/usr/bin/env python3
"""shipped_files.py LIBRARY...: every .npy and .npz file that NumPy, SciPy and scikit-learn ship, each array with its
result: equal to what NumPy reads, or refused for a reason that NumPy confirms."""
import importlib
import os
import re

from tulle_files import TYPES, Refused, assert_same, libraries, numpy, skip

try:
    from scipy import sparse
except ImportError:
    sparse = None


def files():
    for name in 'numpy', 'scipy', 'sklearn':
        try:
            package = importlib.import_module(name)
        except ImportError as error:
            print('no %s: %s' % (name, error))
            continue
        for folder in package.__path__:
            for path, _, names in os.walk(folder):
                for file in sorted(names):
                    if file.endswith(('.npy', '.npz')):
                        yield os.path.relpath(os.path.join(path, file), os.path.dirname(folder)), os.path.join(path, file)


def expected_of(load):
    """The array, or None where it holds what we have no type for."""
    try:
        a = load()
    except (ValueError, UnicodeError):  # objects, which need pickle
        return None
    return a if a.dtype.newbyteorder('=') in TYPES[1:] and a.ndim <= 4 else None


def result(what, read, load):
    """Why an array is refused; '' if it is read."""
    expected = expected_of(load)
    try:
        found = read()
    except Refused as error:
        assert expected is None, '%s: %s' % (what, error)
        return re.search(r'found (type .*|rank .*), expected', str(error)).group(1)
    assert expected is not None, '%s: read, although NumPy has another type' % what
    assert_same(found, expected, what)
    return ''


def check_archive(library, name, path):
    with numpy.load(path) as archive:
        results = [result('%s: %s' % (name, key), lambda: library.read_npz_array(path, key), lambda: archive[key])
                   for key in archive.files]
    reasons = sorted(set(results) - {''})
    print('%s: %d of %d arrays equal%s' % (name, results.count(''), len(results),
                                           ''.join('; refused: ' + why for why in reasons)))
    try:
        assert len(library.read_npz(path)) == len(results)
        assert not reasons, '%s: read as a whole, although an array is refused' % name
    except Refused:
        assert reasons, '%s: refused as a whole' % name
    if sparse and 'format' in archive.files:
        expected = sparse.load_npz(path)
        rows, cols, row_ptr, col, values = library.read_mtx('tl_npz_read_sparse', path)
        assert (sparse.csr_matrix((values, col, row_ptr), (rows, cols)) != expected).nnz == 0
        print('%s: equal as a sparse matrix' % name)


def main():
    count = 0
    for library in libraries()[:1]:
        for name, path in files():
            count += 1
            if path.endswith('.npz'):
                check_archive(library, name, path)
            else:
                why = result(name, lambda: library.read_npy(path), lambda: numpy.load(path))
                print('%s: %s' % (name, 'refused: ' + why if why else 'equal'))
    if count == 0:
        skip('these packages have no such files here')
    print('%d files' % count)


main()
