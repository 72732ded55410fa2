#!/usr/bin/env python3
"""bring_your_own_python.py DEMO SCRIPT: what demos/bring_your_own.py reads and writes, with the demo: both count the same
test images right, of the weights in the tree, of what the demo saves, and, with PyTorch, of weights trained anew."""
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

if not importlib.util.find_spec('numpy'):
    print('skipped: there is no NumPy')
    sys.exit(77)


def run(*arguments):
    return subprocess.run(arguments, check=True, text=True, stdout=subprocess.PIPE).stdout


def main(demo, script):
    def compare(weights, right):
        """Checks that the script counts so many images."""
        out = run(sys.executable, script, 'images', '--check', weights)
        assert int(re.search(r': (\d+) of 1000 right', out).group(1)) == right, (out, right)

    def stages(*options):
        """How many images the demo counts at each stage."""
        run(demo, '--epochs', '1', '--goal', '0', '--json', 'a.json', *options)
        with open('a.json', encoding='utf-8') as file:
            return [row['right'] for row in json.load(file)['results']]

    demo, script = os.path.realpath(demo), os.path.realpath(script)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run(demo, '--images', 'images')
        before, _, tuned = stages('--save', 'sparse')
        compare(os.path.splitext(script)[0] + '.safetensors', before)
        compare('sparse', tuned)
        if not importlib.util.find_spec('torch'):
            print('skipped: there is no PyTorch to train with')
            return
        run(sys.executable, script, 'images', '--epochs', '1', '--train', 'mine')
        before, _, tuned = stages('--weights', 'mine', '--save', 'sparse', '--density', '0.3')
        compare('mine', before)
        compare('sparse', tuned)


if __name__ == '__main__':
    main(*sys.argv[1:])
