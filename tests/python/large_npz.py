#!/usr/bin/env python3
"""large_npz.py LIBRARY...: .npz archives with arrays beyond 4 GiB, from NumPy and to it. It takes minutes, 14 GB of
memory and 5 GB of disk: it is skipped unless TULLE_LARGE is set and the machine has that."""
import ctypes
import os
import shutil
import zipfile

from tulle_files import Npz, folder, libraries, numpy, skip

SIZE = 4300000000
MEMORY, DISK = 14e9, 5e9


class Sparse:
    """A file in which zeros are holes."""

    def __init__(self, path):
        self.file = open(path, 'wb')
        self.tell, self.seek, self.flush = self.file.tell, self.file.seek, self.file.flush

    def write(self, data):
        if len(data) < 4096 or any(data[:16]) or numpy.frombuffer(data, 'u1').any():
            self.file.write(data)
        else:
            self.file.seek(len(data), os.SEEK_CUR)


def available():
    with open('/proc/meminfo') as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith('MemAvailable'))


def from_numpy(path, large, small):
    """What numpy.savez writes: stored, zip64 fields before the data, and an entry that begins beyond 4 GiB."""
    with zipfile.ZipFile(Sparse(path), 'w', allowZip64=True) as archive:
        for name, array in ('large', large), ('small', small):
            with archive.open(name + '.npy', 'w', force_zip64=True) as entry:
                numpy.lib.format.write_array(entry, array)


def borrowed(a):
    """The elements, not copied: the array is freed later."""
    return numpy.frombuffer((ctypes.c_uint8 * a.size).from_address(a.data), 'u1')


def check(library, path, large, small):
    a = Npz()
    library.call('tl_npz_read', path, a)
    assert [a.name[k] for k in range(a.n)] == [b'large', b'small'], 'other names'
    assert numpy.array_equal(borrowed(a.array[0]), large), 'large: other elements'
    assert numpy.array_equal(a.array[1].array(), small), 'small: other elements'
    library.dll.tl_npz_free(ctypes.byref(a))


def main():
    if not os.environ.get('TULLE_LARGE'):
        skip('TULLE_LARGE is not set')
    small = numpy.arange(1000)
    with folder() as work:
        if available() < MEMORY or shutil.disk_usage(work).free < DISK:
            skip('expected %g GB of memory and %g GB of disk' % (MEMORY / 1e9, DISK / 1e9))
        large = numpy.zeros(SIZE, 'u1')
        large[[0, 1 << 32, SIZE - 1]] = 1, 2, 3
        path = os.path.join(work, 'a.npz')
        library = libraries()[0]  # both read bytes alike
        from_numpy(path, large, small)
        check(library, path, large, small)
        assert numpy.array_equal(library.read_npz_array(path, 'small'), small)
        for compressed in True, False:
            library.write_npz(path, {'large': large, 'small': small}, compressed)
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                with archive.open('small.npy') as entry:
                    assert numpy.array_equal(numpy.lib.format.read_array(entry), small)
            check(library, path, large, small)
        print('%d bytes read and written, stored and deflated' % SIZE)


main()
