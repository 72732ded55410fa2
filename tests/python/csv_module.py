#!/usr/bin/env python3
"""csv_module.py LIBRARY...: tables that Python's csv module writes, read, and those that are written, read by it."""
import csv
import ctypes
import os
import random
import sys
import tempfile

from tulle_files import Library

ERROR, NAN, SKIP = range(3)
AUTO, NUMBER, ID = range(3)


class Choice(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('kind', ctypes.c_int)]


class Options(ctypes.Structure):
    _fields_ = [('separator', ctypes.c_char), ('no_header', ctypes.c_bool), ('missing', ctypes.c_int),
                ('missing_text', ctypes.c_char_p), ('n_choices', ctypes.c_int32), ('choices', ctypes.POINTER(Choice)),
                ('only_chosen', ctypes.c_bool), ('reserved', ctypes.c_int64 * 4)]


class Column(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('kind', ctypes.c_int), ('number', ctypes.c_void_p),
                ('id', ctypes.POINTER(ctypes.c_int32)), ('n_ids', ctypes.c_int32),
                ('text', ctypes.POINTER(ctypes.c_char_p))]


class Csv(ctypes.Structure):
    _fields_ = [('rows', ctypes.c_int64), ('n_columns', ctypes.c_int32), ('column', ctypes.POINTER(Column)),
                ('owned', ctypes.c_void_p)]


def texts_of(table):
    """The rows of a table of ids, as texts; what is missing is empty."""
    columns = [table.column[k] for k in range(table.n_columns)]
    assert all(c.kind == ID for c in columns)
    return [[c.text[c.id[row]].decode() if c.id[row] >= 0 else '' for c in columns] for row in range(table.rows)]


def read(library, path, separator, names):
    choices = (Choice * len(names))(*[Choice(name.encode(), ID) for name in names])
    options = Options(separator=separator.encode(), missing=NAN, n_choices=len(names), choices=choices)
    table = Csv()
    library.call('tl_csv_read', path, options, table)
    rows = texts_of(table)
    found = [table.column[k].name.decode() for k in range(table.n_columns)]
    library.dll.tl_csv_free(ctypes.byref(table))
    assert found == names, (found, names)
    return rows


def write(library, path, separator, names, rows):
    columns = []
    for k, name in enumerate(names):
        ids = {}
        numbers = [ids.setdefault(row[k], len(ids)) for row in rows]
        columns.append(Column(name.encode(), ID, None, (ctypes.c_int32 * len(rows))(*numbers), len(ids),
                              (ctypes.c_char_p * len(ids))(*[text.encode() for text in ids])))
    table = Csv(len(rows), len(names), (Column * len(names))(*columns), None)
    library.call('tl_csv_write', path, Options(separator=separator.encode()), table)


def random_text(draw):
    return ''.join(draw.choice('ab "\n\r,;\t|\'é0') for _ in range(draw.choice([0, 1, 1, 2, 5, 30])))


def check(library, folder, draw):
    separator = draw.choice(',;\t|')
    # two columns at least: Python writes a row of one empty field as "", which is a text
    names = ['name%d%s' % (k, random_text(draw)) for k in range(draw.randint(2, 5))]
    rows = [[random_text(draw) for _ in names] for _ in range(draw.randint(0, 20))]
    path = os.path.join(folder, 'table.csv')
    with open(path, 'w', newline='', encoding='utf-8') as f:
        quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
        # where lines end in \n, Python does not quote a field for its \r, not even at the end of a line
        end = '\r\n' if quoting == csv.QUOTE_MINIMAL else draw.choice(['\n', '\r\n'])
        writer = csv.writer(f, delimiter=separator, lineterminator=end, quoting=quoting)
        writer.writerows([names] + rows)
    found = read(library, path, separator, names)
    assert found == rows, (found, rows)
    write(library, path, separator, names, rows)
    with open(path, newline='', encoding='utf-8') as f:
        found = list(csv.reader(f, delimiter=separator))
    assert found == [names] + rows, (found, rows)


def main(paths):
    for path in paths:
        library = Library(path)
        draw = random.Random(1)
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(100):
                check(library, folder, draw)
        print('%s: 100 tables, to and from' % os.path.basename(path))


main(sys.argv[1:])
