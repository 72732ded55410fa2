#!/usr/bin/env python3
"""Trains a perceptron in PyTorch for the demo bring_your_own, or reads back what that has saved.

    bring_your_own --images digits.safetensors                            the demo writes the images
    bring_your_own.py digits.safetensors --train mine.safetensors         needs PyTorch
    bring_your_own --weights mine.safetensors --save sparse.safetensors   prunes, fine-tunes
    bring_your_own.py digits.safetensors --check sparse.safetensors       needs NumPy only
"""
import argparse
import json

import numpy

TYPES = {'F64': '<f8', 'F32': '<f4', 'I32': '<i4'}


def read(path):
    """The tensors and notes of a file, as safetensors.numpy.load_file would read them."""
    with open(path, 'rb') as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
        data = file.read()
    notes = header.pop('__metadata__', {})
    return {name: numpy.frombuffer(data[slice(*entry['data_offsets'])], TYPES[entry['dtype']]).reshape(entry['shape'])
            for name, entry in header.items()}, notes


def write(path, state):
    """What safetensors.torch.save_file(state, path) writes for a state_dict in float32."""
    header, data = {'__metadata__': {'format': 'pt'}}, b''
    for name, tensor in state.items():
        array = tensor.numpy()
        header[name] = {'dtype': 'F32', 'shape': array.shape, 'data_offsets': [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text + data)


def train(images, epochs, seed):
    """Returns the state_dict of a trained perceptron."""
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    x, label = torch.tensor(images['train.images']), torch.tensor(images['train.labels']).long()
    model = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 128), torch.nn.ReLU(), torch.nn.Linear(128, 64),
                                torch.nn.ReLU(), torch.nn.Linear(64, int(label.max()) + 1))
    adam = torch.optim.Adam(model.parameters(), lr=0.001)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(32):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(model(x[batch]), label[batch]).backward()
            adam.step()
    return model.state_dict()


def product(x, tensors, notes, name):
    """X W^T for W, outputs x inputs, dense or in compressed rows, as torch.sparse_csr_tensor takes it."""
    if name in tensors:
        return x @ tensors[name].T
    start, column, value = (tensors[name + part] for part in ('.crow_indices', '.col_indices', '.values'))
    outputs, inputs = json.loads(notes['shape/' + name])
    dense = numpy.zeros((outputs, inputs), value.dtype)
    dense[numpy.repeat(numpy.arange(outputs), numpy.diff(start)), column] = value
    return x @ dense.T


def count_right(images, tensors, notes):
    """Returns how many of the test images the network of a file classifies as they are labelled."""
    x = images['test.images']
    modules = sorted(int(name.split('.')[0]) for name in tensors if name.endswith('.bias'))
    for module in modules:
        x = product(x, tensors, notes, '%d.weight' % module) + tensors['%d.bias' % module]
        x = numpy.maximum(x, 0) if module < modules[-1] else x
    return int((x.argmax(1) == images['test.labels']).sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('images', help='a file of bring_your_own --images')
    parser.add_argument('--train', metavar='FILE', help='train a network and write its weights')
    parser.add_argument('--check', metavar='FILE', help='read weights and count the test images that they get right')
    parser.add_argument('--epochs', type=int, default=20)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    images, _ = read(options.images)
    if options.train:
        write(options.train, train(images, options.epochs, options.seed))
    for path in filter(None, (options.train, options.check)):
        n = len(images['test.labels'])
        right = count_right(images, *read(path))
        print('%s: %d of %d right (%.2f %%)' % (path, right, n, 100 * right / n))


if __name__ == '__main__':
    main()
