#!/usr/bin/env python3
"""shipped_text.py LIBRARY...: every Matrix Market file in the sources of SciPy and scikit-learn, and every svmlight file that
scikit-learn ships, each with its result: equal to what they read, or refused, with the reason."""
import ast
import glob
import importlib
import os

from tulle_files import Refused, folder, libraries, numpy, skip
from tulle_text import assert_equal, read_mtx, read_svmlight

from scipy.io import mmread


def examples():
    """The Matrix Market files among the strings of the packages' sources, each with its place."""
    for name in 'scipy', 'sklearn':
        try:
            root = importlib.import_module(name).__path__[0]
        except ImportError as error:
            print('no %s: %s' % (name, error))
            continue
        for path in sorted(glob.glob(os.path.join(root, '**', '*.py'), recursive=True)):
            with open(path, 'rb') as file:
                source = file.read()
            if b'%%MatrixMarket' not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and text.startswith('%%MatrixMarket') and text.count('\n') > 1:
                    yield '%s:%d' % (os.path.relpath(path, os.path.dirname(root)), node.lineno), text


def check_mtx(library, work):
    path, count = os.path.join(work, 'a.mtx'), 0
    for name, text in examples():
        with open(path, 'w') as file:
            file.write(text)
        count += 1
        try:
            expected, why = mmread(path), None
        except OverflowError as error:
            expected, why = None, error
        try:
            found = read_mtx(library, path)
        except Refused as error:
            assert expected.dtype.kind == 'c', '%s: %s' % (name, error)
            print('%s: refused: %s' % (name, str(error).split(': ', 2)[2]))
            continue
        if expected is None:
            print('%s: read, and rounded; refused by SciPy: %s' % (name, why))
            continue
        assert_equal(found, expected, name)
        print('%s: equal' % name)
    return count


def check_svmlight(library):
    try:
        import sklearn.datasets
    except ImportError as error:
        print('no scikit-learn: %s' % error)
        return 0
    root = os.path.dirname(os.path.dirname(sklearn.datasets.__file__))
    paths = sorted(glob.glob(os.path.join(root, 'datasets', 'tests', 'data', 'svmlight_*.txt')))
    for path in paths:
        name = os.path.relpath(path, os.path.dirname(root))
        try:
            expected, why = sklearn.datasets.load_svmlight_file(path), None
        except ValueError as error:
            expected, why = None, error
        try:
            matrix, labels, _, base = read_svmlight(library, path)
        except Refused as error:
            assert expected is None, '%s: %s' % (name, error)
            print('%s: refused: %s; by scikit-learn: %s' % (name, str(error).split(': ', 2)[2], why))
            continue
        if expected is None:
            assert 'sorted' in str(why), '%s: read, although scikit-learn says: %s' % (name, why)
            print('%s: read and sorted; refused by scikit-learn: %s' % (name, why))
            continue
        assert_equal(matrix, expected[0], name)
        assert numpy.array_equal(labels, expected[1].astype(labels.dtype)), name
        print('%s: equal, ids from %d' % (name, base))
    return len(paths)


def main():
    count = 0
    for library in libraries()[:1]:
        with folder() as work:
            count = check_mtx(library, work) + check_svmlight(library)
    if count == 0:
        skip('these packages have no such files here')
    print('%d files' % count)


main()
