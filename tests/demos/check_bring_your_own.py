"""What check_demo.py checks of bring_your_own: stages, weights that are refused."""
import math
import random

from demo_files import MUTATIONS, mutated, weights


def more(demo):
    """Stages, files of images, and weights of others."""
    before, pruned, tuned = demo.results('a.json')
    if before['weights'] != 256 * 128 + 128 * 64 + 64 * 10 + 202 or pruned['weights'] != 3277 + 819 + 640 + 202:
        demo.wrong([], 'weights: %s' % [before, pruned])
    if tuned['weights'] != pruned['weights'] or not pruned['accuracy'] < tuned['accuracy']:
        demo.wrong([], 'after fine-tuning: %s' % [pruned, tuned])
    demo.run('--density 1 --epochs 0 --json b.json'.split())
    whole = demo.results('b.json')
    if len({row['right'] for row in whole}) != 1 or len({row['weights'] for row in whole}) != 1:
        demo.wrong([], 'nothing is removed or trained: %s' % whole)
    demo.fails(1, 'the goal is missed: test accuracy', demo.budget + ['--goal', '2'])
    out, _ = demo.run(['--images', 'images.safetensors', '--json', 'c.json'])
    if '4000 images to train and 1000 to test are written' not in out or demo.results('c.json'):
        demo.wrong([], '--images: %s' % out)
    files = ['%s=b.txt' % flag for flag in ('--weights', '--save', '--svg', '--checkpoint', '--resume')]
    demo.trains_nothing(['--images', 'i.safetensors'], files + '--density=1 --epochs=2 --batch=3 --learning-rate=1 --seed=1 '
                        '--goal=1'.split(), [])
    demo.run(demo.budget + ['--save', 'sparse.safetensors'])
    demo.fails(1, r'sparse\.safetensors: 0\.weight is sparse already', ['--weights', 'sparse.safetensors'])
    demo.fails(1, 'no: No such file', ['--weights', 'no'])
    demo.fails(1, 'Is a directory', ['--weights', '.'])
    check_weights(demo)


def check_weights(demo):
    """Weights that are refused, and damaged ones."""
    good = {0: (256, 4), 3: (4, 10)}
    for data, text in [
            (weights({0: (16, 4), 2: (4, 10)}), r'0\.weight is for 16 inputs, and an image has 256'),
            (weights({0: (256, 4), 2: (5, 10)}), r'2\.weight is for 5 inputs, and the layer before has 4'),
            (weights({0: (256, 4), 2: (4, 9)}), 'the last layer has 9 outputs, and there are 10 classes'),
            (weights({0: (256, 0), 2: (0, 10)}), r'0\.weight is not a matrix'),
            (weights({}, [('0.weight', [2, 2, 256]), ('0.bias', [2])]), r'0\.weight is not a matrix'),
            (weights({k: (256, 256) for k in range(10)}), 'more than 9 layers'),
            (weights({}), r'there is no 0\.weight'),
            (weights({100: (256, 10)}), r'there is no 0\.weight'),
            (weights({}, [('0.weight', [10, 256])]), r'0\.bias is not in the file'),
            (weights(good, [('scale', [1])]), 'scale'),
            (weights(good, value=math.nan), 'not finite|nan')]:
        demo.write('bad.safetensors', data)
        demo.fails(1, text, ['--weights', 'bad.safetensors'])
    demo.write('good.safetensors', weights(good))
    demo.run(['--weights', 'good.safetensors', '--epochs', '1', '--goal', '0'])
    choose = random.Random(1)
    header, data = weights(good)[:300], weights(good)[300:]
    for _ in range(MUTATIONS):
        demo.write('bad.safetensors', mutated(header, choose) + data)
        demo.run(['--weights', 'bad.safetensors', '--epochs', '1', '--goal', '0'], (0, 1))
