"""What demos read: small files of each format, and damage to them."""
import json
import math
import random
import struct

MUTATIONS = 30
TEXT = ' '.join('the Cat sat on the mat, and a dog\nlay near it; na\u00efve caf\u00e9s' for _ in range(20))


def idx_files(side=4):
    images = bytes(random.Random(1).randrange(256) for _ in range(40 * side * side))
    labels = bytes(k % 10 for k in range(40))
    files = {}
    for part in 'train', 't10k':
        files[part + '-images-idx3-ubyte'] = struct.pack('>BBBBIII', 0, 0, 8, 3, 40, side, side) + images
        files[part + '-labels-idx1-ubyte'] = struct.pack('>BBBBI', 0, 0, 8, 1, 40) + labels
    return files


def rating_files():
    choose = random.Random(1)
    lines = ['%d,%d,%.1f,%d' % (1 + k % 10, 100 + choose.randrange(30), choose.randrange(1, 11) / 2, 10**9 + k)
             for k in range(200)]
    return {'ratings.csv': '\n'.join(['userId,movieId,rating,timestamp'] + lines + ['']).encode()}


def svmlight_files():
    choose, files = random.Random(1), {}
    for part in 'train', 'test':
        lines = ['%d %s' % (choose.choice([-1, 1]), ' '.join('%d:%g' % (3 * k + choose.randrange(1, 4), choose.random())
                                                             for k in range(5))) for _ in range(60)]
        files['x.%s.svm' % part] = ('\n'.join(lines) + '\n').encode()
    return files


def npy(values):
    """A vector of int32 as NumPy writes it."""
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (%d,), }" % len(values)
    header = header.ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode() + struct.pack(
        '<%di' % len(values), *values)


def mtx(size, entries):
    lines = ['%%MatrixMarket matrix coordinate pattern general', '%s %d' % (size, len(entries))] + entries
    return ('\n'.join(lines) + '\n').encode()


def graph_files():
    """A ring of twelve nodes in two classes."""
    return {
        'adjacency.mtx': mtx('12 12', ['%d %d' % (k % 12 + 1, k) for k in range(1, 13)]),
        'features.mtx': mtx('12 2', ['%d %d' % (k, 1 + k // 7) for k in range(1, 13)]),
        'labels.npy': npy([k // 6 for k in range(12)]),
        'train.npy': npy([1, 8]),
        'test.npy': npy([2, 3, 4, 9, 10]),
    }


def weights(layers, more=(), value=None):
    """A file of tensors as PyTorch writes a perceptron's: for each module of `layers` inputs and outputs; `more`: others."""
    choose, header, data = random.Random(1), {}, b''
    tensors = [(name, shape) for module, (inputs, outputs) in layers.items()
               for name, shape in (('%d.weight' % module, [outputs, inputs]), ('%d.bias' % module, [outputs]))]
    for name, shape in tensors + list(more):
        n = math.prod(shape)
        header[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [len(data), len(data) + 4 * n]}
        data += struct.pack('<%df' % n, *(choose.uniform(-1, 1) if value is None else value for _ in range(n)))
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + data


def mutated(data, choose):
    """A byte changed, or the end cut off; never the same data."""
    at = choose.randrange(len(data))
    if choose.random() < 0.2:
        return data[:at]
    return data[:at] + bytes([data[at] ^ 1 << choose.randrange(8)]) + data[at + 1:]
