#!/usr/bin/env python3
"""Checks a demo as a program: its goal on a small budget, the same bits on any number of threads and after a kill,
what it prints and writes, and that it refuses bad flags and files in one line.

check_demo.py PROGRAM [jansson] [mpi] [SEED]    the name of the program is that of the demo; jansson: there are checkpoints;
                                                mpi: tulle is built with MPI
"""
import csv
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import check_bring_your_own
import check_char_model
import check_pruning
import check_word_vectors
from demo_files import MUTATIONS, TEXT, graph_files, idx_files, mtx, mutated, npy, rating_files, svmlight_files

TIMES = re.compile(r'(^|_)(ms|seconds?)(_|$)')  # results that differ from run to run
INPUTS = '--apply', '--data', '--resume', '--weights'  # flags that name what is read


class Demo:
    """A demo under test, in a folder of its own."""

    def __init__(self, program, folder):
        self.program, self.folder = os.path.realpath(program), folder
        self.name = os.path.basename(program)
        self.failed = False
        self.environment = dict(os.environ, LC_ALL='C', TMPDIR=folder)

    def wrong(self, arguments, what):
        print('%s %s: %s' % (self.name, ' '.join(arguments), what), file=sys.stderr)
        self.failed = True

    def start(self, arguments, megabytes=None):
        """Starts the demo, with so much memory for its data."""
        def limit():
            if megabytes:
                resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
        return subprocess.Popen([self.program] + arguments, cwd=self.folder, env=self.environment, encoding='utf-8',
                                errors='replace', stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit)

    def run(self, arguments, expected=(0,), megabytes=None):
        """Returns what the demo prints and what it complains of; a failure is one line with the demo's name."""
        child = self.start(arguments, megabytes)
        out, err = child.communicate()
        if child.returncode not in expected:
            self.wrong(arguments, 'exit status %d: %s' % (child.returncode, err))
        if child.returncode and not re.fullmatch(r'%s: [^\n]+\n' % self.name, err):
            self.wrong(arguments, 'not one line: %r' % err)
        if child.returncode == 0 and err:
            self.wrong(arguments, 'stderr: %s' % err)
        return out, err

    def fails(self, status, pattern, arguments):
        """Returns what the demo prints before it fails."""
        out, err = self.run(arguments, (status,))
        if not re.search(pattern, err):
            self.wrong(arguments, '%r does not match %s' % (err, pattern))
        if status == 2 and out:
            self.wrong(arguments, 'printed %s' % out)
        return out

    def trains_nothing(self, alone, refused, read):
        """Checks that a run with `alone` refuses each of these arguments, which are all flags but those that are read."""
        read = [alone[0], '--data', '--threads', '--json', '--csv', '--help'] + read
        flags = set(re.findall(r'^  (--[a-z0-9-]+)', self.run(['--help'])[0], re.M))
        for argument in refused + ['--mpi'] * (self.has_mpi and '--mpi' in flags):
            self.fails(1, '%s: trains nothing, so that %s is of no use' % (alone[0], argument.split('=')[0]), alone + [argument])
        left = flags - set(read) - {argument.split('=')[0] for argument in refused} - {'--mpi'}
        if left:
            self.wrong(alone, 'accepts %s' % left)

    def kill_once_saved(self, arguments, checkpoint, delay=0):
        """Starts a run with a new checkpoint, and kills it so many seconds after that is there."""
        if os.path.exists(self.path(checkpoint)):
            os.remove(self.path(checkpoint))
        child = self.start(arguments + ['--checkpoint', checkpoint])
        while child.poll() is None and not os.path.exists(self.path(checkpoint)):
            time.sleep(0.001)
        time.sleep(delay)
        child.kill()
        child.communicate()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'wb') as file:
            file.write(data if isinstance(data, bytes) else data.encode())

    def read(self, name):
        with open(self.path(name), encoding='utf-8') as file:
            return file.read()

    def results(self, name):
        """The results in a JSON file, without times."""
        rows = json.loads(self.read(name))['results']
        return [{key: value for key, value in row.items() if not TIMES.search(key)} for row in rows]


# ---- What is checked of every demo ----

def check_output(demo, budget):
    """The goal, the table, the files."""
    files = ['--json', 'a.json', '--csv', 'a.csv', '--svg', 'a.svg']
    out, _ = demo.run(budget + files)
    if 'Goal reached: ' not in out:
        demo.wrong(budget, 'no goal: %s' % out)
    whole = json.loads(demo.read('a.json'))
    if not whole['reached'] or not whole['goal'] or whole['demo'] != demo.name or 'seed' not in whole['settings']:
        demo.wrong(budget, 'a.json: %s' % whole)
    rows = list(csv.DictReader(demo.read('a.csv').splitlines()))
    if [list(row) for row in rows] != [list(row) for row in whole['results']] or not rows:
        demo.wrong(budget, 'a.csv: %s' % rows)
    picture = demo.read('a.svg')
    xml.etree.ElementTree.fromstring(picture)
    if picture.count('<path fill="none"') == 0 or 'nan' in picture:
        demo.wrong(budget, 'no curves')
    help_text, _ = demo.run(['--help'])
    for text in out, help_text:
        for line in text.splitlines():
            if len(line) > 80:
                demo.wrong(budget, 'more than 80 columns: %s' % line)
    for word in 'Usage: %s' % demo.name, 'exit status', 'Examples:', '--checkpoint', '--threads':
        if word not in ' '.join(help_text.split()):
            demo.wrong(['--help'], 'no %s' % word)
    return help_text


def check_threads(demo, budget):
    for threads in 2, 7:
        demo.run(budget + ['--threads', str(threads), '--json', 'b.json'])
        if demo.results('b.json') != demo.results('a.json'):
            demo.wrong(budget, '%d threads: %s' % (threads, demo.results('b.json')))


def check_resume(demo, budget, other, choose):
    """Kills a run as soon as there is a checkpoint, or a little later, and resumes it."""
    for attempt in range(2):
        demo.kill_once_saved(budget, 'run.ckpt', attempt * 0.2 * choose.random())
        demo.run(budget + ['--resume', 'run.ckpt', '--threads', '2', '--json', 'b.json', '--svg', 'b.svg'])
        if demo.results('b.json') != demo.results('a.json') or demo.read('b.svg') != demo.read('a.svg'):
            demo.wrong(budget, 'resumed: %s' % demo.results('b.json'))
    demo.fails(1, r'run\.ckpt: --seed is 1 in the file and 2 here', budget + ['--seed', '2', '--resume', 'run.ckpt'])
    demo.fails(1, r'run\.ckpt: %s is \S+ in the file and \S+ here' % other[0], budget + other + ['--resume', 'run.ckpt'])
    demo.fails(1, 'no.ckpt: No such file', budget + ['--resume', 'no.ckpt'])
    with open(demo.path('run.ckpt'), 'rb') as file:
        whole = file.read()
    for _ in range(MUTATIONS):
        demo.write('bad.ckpt', mutated(whole, choose))
        demo.fails(1, r'bad\.ckpt', budget + ['--resume', 'bad.ckpt'])


BAD = {
    'N': ['', 'x', '-1', '1.5', '1e3', ' 1', '99999999999999999999'],
    'X': ['', 'x', 'nan', 'inf', '0x1', '1e999', '-1', '1 '],
    'N,N,..': ['', '1,', ',', 'x', '1,x', '-1', '1,1,1,1,1,1,1,1,1'],
    'X,..': ['', '0.5,', 'x', '-1', 'nan', '0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1'],
    'NAME,..': ['', 'nothing', ','],
    'NAME': ['', 'nothing'],
    'WORD,..': [''],
    'TEXT': [''],
    'FILE': [''],
    'DIR': [''],
}


def check_flags(demo, help_text, texts):
    """Every flag of --help with every bad value of its kind."""
    flags = re.findall(r'^  (--[a-z0-9-]+) ([A-Z]\S*)', help_text, re.M)
    if len(flags) < 8:
        demo.wrong(['--help'], 'flags: %s' % flags)
    for flag, kind in flags:
        demo.fails(2, '%s: needs ' % flag, [flag])
        demo.fails(2, '%s: needs ' % flag, [flag, '--seed'])
        for value in BAD[kind]:
            if not (flag in texts and value):
                demo.fails(2, r"%s: '%s' is not " % (flag, re.escape(value)), [flag, value])
                demo.fails(2, r"%s: '%s' is not " % (flag, re.escape(value)), ['%s=%s' % (flag, value)])
    demo.fails(2, '--deep: there is no such flag', ['--deep', '3'])
    demo.fails(2, 'x: there is no such flag', ['x'])
    if '--mpi' in help_text and not demo.has_mpi:
        demo.fails(2, '--mpi: tulle is built without MPI', ['--mpi'])
    for flag in [flag for flag, kind in flags if kind == 'FILE' and flag not in INPUTS]:
        demo.fails(2, "%s: '-' is not the name of a file" % flag, [flag, '-'])
        for path, text in ('no/such', 'No such file or directory'), ('.', 'Is a directory'):
            if demo.fails(1, '%s: %s' % (re.escape(path), text), demo.budget + [flag, path]):
                demo.wrong([flag, path], 'refused after the run')
    demo.write('kept.json', 'kept')
    demo.fails(1, 'no/such', demo.budget + ['--json', 'kept.json', '--csv', 'no/such'])
    if demo.read('kept.json') != 'kept':
        demo.wrong(['--json'], 'overwritten by a run that was refused')
    if os.path.exists('/dev/full'):
        demo.fails(1, '/dev/full: No space left', demo.budget + ['--json', '/dev/full'])


def check_data(demo, files, short, choose):
    """Files of data that are damaged: read after all, or refused in a line."""
    if not files:
        return
    demo.fails(1, '', ['--data', 'no'])
    for name in files:
        os.makedirs(demo.path('data'), exist_ok=True)
        for other in files:
            demo.write('data/' + other, files[other])
        for data in [b''] + [mutated(files[name], choose) for _ in range(MUTATIONS)]:
            demo.write('data/' + name, data)
            demo.run(demo.budget + short + ['--data', 'data/' + name if demo.reads_a_file else 'data'], (0, 1))


# ---- The demos ----

def more_of_graph_network(demo):
    demo.run(['--graph', 'club.svg', '--attention', '--dropout', '0'])
    picture = demo.read('club.svg')
    if picture.count('<circle') != 32 or picture.count('<rect') != 3 or picture.count('L') != 78:
        demo.wrong([], 'club.svg: %s' % picture)
    demo.run(['--learn-edges', '--json', 'b.json'])
    demo.run(['--json', 'c.json'])
    if demo.results('b.json') == demo.results('c.json'):
        demo.wrong([], '--learn-edges learns nothing')
    demo.fails(1, 'the goal is missed: test accuracy', demo.budget + ['--goal', '2'])
    demo.fails(2, '--attention: takes no value', ['--attention=1'])
    dense = b'%%MatrixMarket matrix array real general\n1 1\n1\n'
    for name, data, text in [
            ('adjacency.mtx', mtx('2 3', ['1 1']), '2 x 3, expected a square'),
            ('adjacency.mtx', dense, 'found a dense matrix, expected a sparse'),
            ('features.mtx', mtx('2 3', ['1 1']), '2 rows for 12 nodes'),
            ('labels.npy', npy([1, 2]), '2 labels for 12 nodes'),
            ('labels.npy', npy([-1] * 12), 'element 0 is -1, which is not a whole number in 0..99'),
            ('train.npy', npy([]), 'there is no element'),
            ('test.npy', npy([3, 12]), 'element 1 is 12, which is not a whole number in 0..11')]:
        files = dict(graph_files(), **{name: data})
        for other in files:
            demo.write('data/' + other, files[other])
        demo.fails(1, r'data/%s: .*%s' % (name, text), ['--data', 'data'])


def more_of_prune_at_init(demo):
    # exactly as many connections as the density allows, of 256 * 128 + 128 * 64 + 64 * 10
    for row in demo.results('a.json'):
        kept = row['kept1'] + row['kept2'] + row['kept3']
        if kept != int(row['density'] * 41600 + 0.5):
            demo.wrong([], 'connections: %s' % row)
    if len(demo.results('a.json')) != 13:  # dense and of 6 choices at 2 densities
        demo.wrong([], 'results: %s' % demo.results('a.json'))
    # nothing is removed, so nothing is better
    demo.fails(1, r'at 100 %.* \(\S+ %\), the best of the other choices \S+ \(\S+ %\)',
               '--epochs 1 --seeds 1 --density 1 --learning-rate 1e-30 --hidden 1'.split())
    demo.fails(1, 'the loss|not finite|nan|inf', '--learning-rate 1e38 --epochs 1 --seeds 1'.split())


def more_of_pruned_mlp(demo):
    rows = {row['method']: row for row in demo.results('a.json')}
    if rows['mask-gradients']['revived'] == 0 or rows['sparse']['revived'] or rows['set-mask']['revived']:
        demo.wrong([], 'revived: %s' % rows)
    demo.fails(1, 'the goal is missed: accuracy', demo.budget + ['--goal', '2'])
    demo.run(demo.budget + ['--method', 'sparse', '--method', 'dense', '--dot', 'a.dot', '--json', 'b.json'])
    if [row['method'] for row in demo.results('b.json')] != ['dense', 'sparse']:
        demo.wrong([], '--method twice: %s' % demo.results('b.json'))
    if 'digraph' not in demo.read('a.dot'):
        demo.wrong([], 'no graph')
    if demo.has_checkpoints:  # a run that is over is repeated for its graph, and changes nothing else
        once = demo.budget + ['--method', 'sparse', '--json', 'b.json', '--svg', 'b.svg']
        again = demo.budget + ['--method', 'sparse', '--json', 'c.json', '--svg', 'c.svg']
        demo.run(once + ['--checkpoint', 'over.ckpt'])
        demo.run(again + ['--resume', 'over.ckpt', '--dot', 'b.dot'])
        if demo.results('c.json') != demo.results('b.json') or demo.read('c.svg') != demo.read('b.svg'):
            demo.wrong(again, 'resumed with --dot: %s' % demo.results('c.json'))
    check_pruning.gradual(demo)
    if demo.has_checkpoints:
        check_pruning.apply(demo)


def more_of_recommender(demo):
    rows = {row['rows']: row for row in demo.results('a.json')}
    if rows['exact']['bits'] != rows['dense']['bits'] or rows['exact']['bits'] == rows['lazy']['bits']:
        demo.wrong([], 'bits: %s' % rows)
    demo.fails(1, 'the goal is missed: test RMSE', demo.budget + ['--goal', '0.1'])
    demo.fails(1, "--user: 'nobody' has rated nothing", demo.budget + ['--user', 'nobody'])
    header = 'userId,movieId,rating,timestamp\n'
    for data, text in [('userId,movieId,rating\n1,2,3\n', 'timestamp'), (header + '1,2,3,4\n', 'too few'),
                       (header, 'too few'), (header + '1,2,x,4\n1,2,3,4\n', 'x'),
                       (header + '1,2,3,4.5\n1,2,3,4\n', "row 1: the timestamp '4.5' is not a whole number"),
                       (header + '1,2,3,4\n1,3,3,4\n', 'leaves nothing to compare')]:
        demo.write('data/ratings.csv', data)
        demo.fails(1, r'ratings\.csv.*%s|%s' % (text, text), ['--data', 'data'])


def more_of_sparse_from_scratch(demo):
    rows = demo.results('a.json')
    if [row['method'] for row in rows] != ['dense'] + 2 * ['static', 'set', 'rigl']:
        demo.wrong([], 'results: %s' % rows)
    for first in 1, 4:  # of a density: as many connections at the end, and as many moves
        static, random_cells, gradients = rows[first:first + 3]
        if abs(static['connections'] - static['density'] * 25856) > 1.5 or static['moved']:
            demo.wrong([], 'static: %s' % static)
        for row in random_cells, gradients:
            if row['connections'] != static['connections'] or row['moved'] != gradients['moved'] or row['moved'] == 0:
                demo.wrong([], 'moves: %s' % row)
    # what never moves is static, and one method more or less changes no other
    without = demo.budget + ['--method', 'static,rigl', '--json', 'b.json', '--cost', 'cost.svg']
    demo.run(without)
    if demo.results('b.json') != [row for row in rows if row['method'] != 'set']:
        demo.wrong(without, 'results: %s' % demo.results('b.json'))
    if demo.read('cost.svg').count('<path fill="none"') != 6:  # static, rigl, dense: time and memory
        demo.wrong(without, 'cost.svg: %s' % demo.read('cost.svg'))
    demo.run(demo.budget + ['--fraction', '0', '--json', 'b.json'])
    rows = demo.results('b.json')
    if any(row['accuracy'] != rows[1]['accuracy'] or row['moved'] for row in rows[1:4]):
        demo.wrong([], '--fraction 0: %s' % rows)
    for rule in 'uniform', 'erk':
        demo.run(demo.budget + ['--distribution', rule, '--json', 'c.json'])
        if (demo.results('c.json')[1:] == demo.results('a.json')[1:]) != (rule == 'erk'):
            demo.wrong([], '--distribution %s: %s' % (rule, demo.results('c.json')))
    demo.fails(1, r'the goal is missed: RigL is \S+ points more accurate', demo.budget + ['--goal', '99'])
    demo.fails(1, r'the goal is missed: RigL is \d\S+ points less accurate',
               '--epochs 1 --seeds 1 --every 5 --until 1 --density 0.5 --method static,rigl'.split())
    demo.fails(1, '--method: the goal needs static and rigl', demo.budget + ['--method', 'set,rigl'])
    demo.fails(1, 'the loss|not finite|nan|inf', '--learning-rate 1e38 --epochs 1 --seeds 1'.split())


def more_of_sparse_logistic(demo):
    rows = {row['model']: row for row in demo.results('a.json')}
    if rows['machine']['accuracy'] < rows['logistic']['accuracy'] + 0.1:
        demo.wrong([], 'accuracy: %s' % rows)
    demo.fails(1, 'the goal is missed: test accuracy', demo.budget + ['--goal', '1'])
    for name in os.listdir(demo.folder):
        if name.startswith('tulle-'):
            demo.wrong([], 'left %s' % name)
    files = svmlight_files()
    demo.write('data/x.test.svm', files['x.test.svm'])
    for data, text in [('3 1:1\n', 'row 1: the label 3 is not 0, 1 or -1'), ('1 -1:1\n', 'line 1'),
                       ('', 'there are no rows'), ('1 1:x\n', 'line 1')]:
        demo.write('data/x.train.svm', data)
        demo.fails(1, r'x\.train\.svm: .*%s' % text, ['--data', 'data'])
    demo.write('data/y.train.svm', '1 1:1\n')
    demo.fails(1, r'data: found 2 files \*\.train\.svm, expected 1', ['--data', 'data'])
    os.remove(demo.path('data/y.train.svm'))
    os.remove(demo.path('data/x.test.svm'))
    demo.fails(1, r'data: found 0 files \*\.test\.svm, expected 1', ['--data', 'data'])
    check_streaming(demo, files)


def check_streaming(demo, files):
    """A file of 30 MB needs less than 20."""
    demo.write('data/x.test.svm', files['x.test.svm'])
    demo.write('data/x.train.svm', files['x.train.svm'] * 10000)
    demo.run(['--data', 'data', '--epochs', '1', '--goal', '0'], megabytes=20)


class Case:
    """The budget: arguments with which the goal is reached, and a run has more than one checkpoint. `other`: a flag that a
    run cannot change when it is resumed. `texts`: flags whose value is any text. `short`: what damaged data are read
    with, in addition to the budget."""

    def __init__(self, budget, other, files=None, texts=(), more=None, reads_a_file=False, short=''):
        self.budget, self.other, self.files, self.texts = budget.split(), other.split(), files, texts
        self.short = short.split()
        self.reads_a_file = reads_a_file
        self.more = more or (lambda demo: None)


CASES = {
    'bring_your_own': Case('--epochs 3', '--batch 31', idx_files(16), ['--weights'], check_bring_your_own.more),
    'char_model': Case('--units 48 --steps 240 --every 120 --window 32 --batch 8 --learning-rate 0.02 --goal 1.05',
                       '--clip 2', {'a.txt': TEXT.encode()}, ['--prompt'], check_char_model.more, reads_a_file=True,
                       short='--units 8 --steps 2'),
    'graph_network': Case('--epochs 300 --seeds 20', '--hidden 8', graph_files(), more=more_of_graph_network),
    'prune_at_init': Case('--epochs 5 --seeds 1 --density 0.02,0.1 --batch 64 --hidden 128,64', '--batch 32', idx_files(),
                          more=more_of_prune_at_init),
    'pruned_mlp': Case('--epochs 2 --hidden 128,64 --goal 0.75', '--batch 31', idx_files(), more=more_of_pruned_mlp),
    'recommender': Case('--rank 4 --epochs 3 --batch 256 --learning-rate 0.03 --goal 0.7', '--batch 255', rating_files(),
                        ['--user'], more_of_recommender),
    'sparse_cnn': Case('--epochs 3 --filters 8,16 --batch 32 --learning-rate 0.02 --dropout 0 --goal 0.85', '--dropout 0.1',
                       idx_files(), more=check_pruning.more_of_cnn),
    'sparse_from_scratch': Case('--epochs 5 --seeds 1 --density 0.02,0.05 --batch 64 --hidden 64,128 --every 20',
                                '--every 21', idx_files(), more=more_of_sparse_from_scratch),
    'sparse_logistic': Case('--epochs 4 --factor-rate 0.3 --goal 0.85', '--batch 15', svmlight_files(),
                            more=more_of_sparse_logistic),
    'word_vectors': Case('--epochs 3 --rank 32', '--window 4', {'a.txt': TEXT.encode()}, ['--near'], check_word_vectors.more,
                         reads_a_file=True),
    'wide_layer': Case('--size 2000 --connections 20000 --steps 20 --batch 16', '--connections 20001'),
}


def main(arguments):
    if not arguments or os.path.basename(arguments[0]) not in CASES:
        print(__doc__, file=sys.stderr)
        return 2
    numbers = [int(a) for a in arguments[1:] if a.isdigit()]
    seed = numbers[0] if numbers else int(time.time())
    print('seed %d' % seed)
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(arguments[0], folder)
        case, choose = CASES[demo.name], random.Random(seed)
        demo.budget, demo.reads_a_file = case.budget, case.reads_a_file
        demo.has_checkpoints, demo.has_mpi = 'jansson' in arguments, 'mpi' in arguments
        help_text = check_output(demo, case.budget)
        check_threads(demo, case.budget)
        if demo.has_checkpoints:
            check_resume(demo, case.budget, case.other, choose)
        check_flags(demo, help_text, case.texts)
        check_data(demo, case.files, case.short, choose)
        case.more(demo)
    return 1 if demo.failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
